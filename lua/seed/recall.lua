--- What was written about something: `:SeedRecall` finds it, `:SeedNote` adds to it.
local cli = require("seed.cli")
local page_of = require("seed.page")

local M = {}

---@class seed.Hit
---@field path string
---@field line integer
---@field title string
---@field score number
---@field why string
---@field kind string

--- The file of a buffer, or the folder that Neovim is in.
local function here(buf)
  local name = vim.api.nvim_buf_get_name(buf)
  return vim.bo[buf].buftype == "" and name ~= "" and vim.uv.fs_stat(name) and name or vim.fn.getcwd()
end

--- Finds what fits a question.
---@param query string
---@param opts? { buf?: integer, limit?: integer }
---@return { hits: seed.Hit[], root: string }? answer, string? err
function M.find(query, opts)
  opts = opts or {}
  local within = here(opts.buf or vim.api.nvim_get_current_buf())
  local args = { "recall", "--json", "--in", within, "--limit", tostring(opts.limit or 20), "--", query }
  local result, err = cli.run(args)
  if not result then
    return nil, err
  end
  return cli.answer("recall", result)
end

--- Writes a note.
---@param text string
---@param opts? { buf?: integer, role?: string }
---@return { path: string, line: integer }? answer, string? err
function M.write_note(text, opts)
  opts = opts or {}
  local buf = opts.buf or vim.api.nvim_get_current_buf()
  local args = { "note", "--json" }
  if vim.bo[buf].filetype == "yaml.seed" and vim.uv.fs_stat(vim.api.nvim_buf_get_name(buf)) then
    vim.list_extend(args, { "--spec", vim.api.nvim_buf_get_name(buf) })
  end
  if opts.role then
    vim.list_extend(args, { "--role", opts.role })
  end
  local result, err = cli.run(vim.list_extend(args, { "-" }), text)
  if not result then
    return nil, err
  end
  return cli.answer("note", result)
end

--- Where a hit can be opened; none for the message of a commit.
---@param hit seed.Hit
---@param root string
---@return string?
function M.path_of(hit, root)
  if hit.kind == "commit" then
    return nil
  end
  return vim.startswith(hit.path, "/") and hit.path or vim.fs.joinpath(root, hit.path)
end

--- Opens the place of a hit.
---@param hit seed.Hit
---@param root string
function M.open(hit, root)
  local path = M.path_of(hit, root)
  if path then
    vim.cmd.edit(vim.fn.fnameescape(path))
    vim.api.nvim_win_set_cursor(0, { math.min(hit.line, vim.api.nvim_buf_line_count(0)), 0 })
    vim.cmd("normal! zv")
    return
  end
  local commit = hit.title:match("^%x+")
  local shown = vim.system({ "git", "-C", root, "show", "--stat", commit }, { text = true }):wait()
  local text = shown.code == 0 and shown.stdout or shown.stderr
  require("seed.window").show("commit", commit, page_of.text(text), "git")
end

--- A hit in one line.
---@param hit seed.Hit
---@return string
function M.line(hit)
  return ("%s  %s:%d  %s"):format(hit.title, hit.path, hit.line, hit.why)
end

local function page(answer)
  local shown = page_of.new()
  for _, hit in ipairs(answer.hits) do
    shown:add({ hit.title, "SeedRole" }, "  ", { hit.kind, "SeedType" })
    shown:add("    ", ("%s:%d"):format(hit.path, hit.line), "  ", { hit.why, "SeedReason" })
  end
  if #answer.hits == 0 then
    shown:add("no results")
  end
  return shown
end

--- What stands under the cursor, to be looked for.
local function word()
  -- Names of roles have hyphens, which are no part of a word to Neovim.
  local line, column = vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2] + 1
  for first, name, behind in line:gmatch("()([%w_][%w_%-]*)()") do
    if first <= column and column < behind then
      return name
    end
  end
  return vim.fn.expand("<cword>")
end

--- Shows what fits a question, to choose from.
---@param query string
---@param buf integer
function M.pick(query, buf)
  local answer, err = M.find(query, { buf = buf })
  if not answer then
    return vim.notify("seed: " .. err, vim.log.levels.ERROR)
  elseif #answer.hits == 0 then
    return vim.notify(("seed: no results for %q"):format(query), vim.log.levels.INFO)
  end
  require("seed.picker").pick(query, answer.hits, answer.root)
end

--- `:SeedRecall [QUERY]`.
function M.run(speaker, call)
  local query = call.args ~= "" and call.args or word()
  if query == "" then
    return speaker:finish(1, page_of.text("usage: :SeedRecall QUERY, or put the cursor on a word"))
  end
  local buf = vim.api.nvim_get_current_buf()
  if #vim.api.nvim_list_uis() > 0 then
    speaker.code = 0
    return M.pick(query, buf)
  end
  local answer, err = M.find(query, { buf = buf })
  if not answer then
    return speaker:finish(1, page_of.text(err))
  end
  speaker:show("recall", query, page(answer))
  speaker.code = 0
end

--- `:SeedNote [TEXT]`: about the role under the cursor.
function M.note(speaker, call)
  local buf = vim.api.nvim_get_current_buf()
  local role
  if vim.bo[buf].filetype == "yaml.seed" then
    local row = vim.api.nvim_win_get_cursor(0)[1]
    local roles = require("seed.roles").within(buf, row, row)
    role = roles and roles[1]
  end
  local function write(text)
    if not text or vim.trim(text) == "" then
      return
    end
    local answer, err = M.write_note(text, { buf = buf, role = role })
    if not answer then
      return speaker:finish(1, page_of.text(err))
    end
    if #vim.api.nvim_list_uis() > 0 then
      speaker.code = 0
      vim.cmd.split(vim.fn.fnameescape(answer.path))
      vim.api.nvim_win_set_cursor(0, { math.min(answer.line, vim.api.nvim_buf_line_count(0)), 0 })
      return
    end
    speaker:finish(0, page_of.text(answer.path))
  end
  if call.args ~= "" then
    return write(call.args)
  elseif #vim.api.nvim_list_uis() == 0 then
    return speaker:finish(1, page_of.text("usage: :SeedNote TEXT"))
  end
  speaker.code = 0
  vim.ui.input({ prompt = role and ("Note about %s: "):format(role) or "Note: " }, write)
end

return M
