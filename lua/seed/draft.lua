--- A draft of a spec beside what it would take the place of: nothing is put into a buffer before it is accepted.
local cli = require("seed.cli")

local M = {}

---@class seed.Target
---@field buf integer
---@field lines? { [1]: integer, [2]: integer } what it takes the place of, from 1; all of it if there are none
---@field is_new? boolean it is there for the draft alone
---@field tick integer how the buffer was when the model was asked

---@type { target: seed.Target, buf: integer, tab: integer }?
local offered

--- What a draft would be put into, as it is now.
---@param buf integer
---@param lines? { [1]: integer, [2]: integer }
---@return seed.Target
function M.target(buf, lines)
  if vim.bo[buf].filetype ~= "yaml.seed" then
    -- Prose, selected or not, is what a spec is drafted from; the spec is no part of it.
    return { tick = 0, buf = -1 }
  end
  return { buf = buf, lines = lines, tick = vim.api.nvim_buf_get_changedtick(buf) }
end

--- A new buffer for a spec.
local function new_spec()
  local buf = vim.api.nvim_create_buf(true, false)
  local folder, number = vim.fn.getcwd(), 1
  local name = vim.fs.joinpath(folder, "draft.seed.yaml")
  while vim.uv.fs_stat(name) or vim.fn.bufnr("^" .. vim.fn.escape(name, [[\*?[{]]) .. "$") > 0 do
    number = number + 1
    name = vim.fs.joinpath(folder, ("draft-%d.seed.yaml"):format(number))
  end
  vim.api.nvim_buf_set_name(buf, name)
  vim.bo[buf].filetype = "yaml.seed"
  return { buf = buf, tick = vim.api.nvim_buf_get_changedtick(buf), is_new = true }
end

local function lines_of(target)
  local first, last = 0, -1
  if target.lines then
    first, last = target.lines[1] - 1, target.lines[2]
  end
  return vim.api.nvim_buf_get_lines(target.buf, first, last, true), first, last
end

--- Shows a draft beside what it takes the place of, in a tab of its own.
---@param text string
---@param target seed.Target
function M.offer(text, target)
  if offered then
    M.reject()
  end
  if target.buf == -1 then
    target = new_spec()
  end
  local whole = vim.api.nvim_buf_get_lines(target.buf, 0, -1, true)
  local _, first, last = lines_of(target)
  -- The whole buffer as it would be, so that the difference stands where it would be made.
  local lines = vim.list_slice(whole, 1, first)
  vim.list_extend(lines, vim.split(text:gsub("\n$", ""), "\n"))
  vim.list_extend(lines, vim.list_slice(whole, (last == -1 and #whole or last) + 1))
  vim.cmd("tab split")
  local tab = vim.api.nvim_get_current_tabpage()
  vim.api.nvim_win_set_buf(0, target.buf)
  vim.cmd("diffthis")
  vim.cmd("rightbelow vnew")
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].swapfile = "nofile", "wipe", false
  vim.api.nvim_buf_set_name(buf, ("seed://draft/%d"):format(buf))
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, lines)
  vim.bo[buf].syntax = "yaml"
  vim.cmd("diffthis")
  vim.wo[0][0].winbar = "draft: <CR> accept   q reject   (you can edit it)"
  offered = { target = target, buf = buf, tab = tab }
  vim.keymap.set("n", "<CR>", "<Cmd>SeedPrompt accept<CR>", { buffer = buf, desc = "Accept the draft" })
  vim.keymap.set("n", "q", "<Cmd>SeedPrompt reject<CR>", { buffer = buf, desc = "Reject the draft" })
end

local function close()
  local tab = offered and offered.tab
  offered = nil
  if tab and vim.api.nvim_tabpage_is_valid(tab) then
    for _, win in ipairs(vim.api.nvim_tabpage_list_wins(tab)) do
      vim.api.nvim_win_call(win, function()
        vim.cmd("diffoff")
      end)
    end
    if #vim.api.nvim_list_tabpages() > 1 then
      vim.cmd.tabclose(vim.api.nvim_tabpage_get_number(tab))
    end
  end
end

--- The mistakes of a text as a spec, in words; none if it has none.
local function mistakes(text, name)
  local result, err = cli.run({ "check", "--json", "--path", name, "-" }, text)
  if not result then
    return err
  elseif result.code ~= 0 then
    return cli.words("check", result)
  end
end

--- Puts the draft into its buffer, as one change, if it is a spec without mistakes and the buffer is as it was.
---@return string? words, string? err
function M.accept()
  if not offered or not vim.api.nvim_buf_is_valid(offered.buf) then
    return nil, "there is no draft"
  end
  local target = offered.target
  if not vim.api.nvim_buf_is_valid(target.buf) then
    return nil, "the buffer of the draft is gone; the draft stays open so that you can copy it"
  elseif vim.api.nvim_buf_get_changedtick(target.buf) ~= target.tick then
    return nil, "the buffer has changed since you asked the model; the draft stays open so that you can copy it"
  end
  local lines = vim.api.nvim_buf_get_lines(offered.buf, 0, -1, true)
  local wrong = mistakes(table.concat(lines, "\n") .. "\n", vim.api.nvim_buf_get_name(target.buf))
  if wrong then
    return nil, "the draft has mistakes; nothing was changed:\n" .. wrong
  end
  vim.api.nvim_buf_set_lines(target.buf, 0, -1, true, lines)
  close()
  if #vim.fn.win_findbuf(target.buf) == 0 then
    vim.cmd.sbuffer(target.buf)
  end
  return "the draft is in the buffer; u undoes it"
end

--- Throws the draft away.
---@return string? words, string? err
function M.reject()
  if not offered then
    return nil, "there is no draft"
  end
  local target = offered.target
  close()
  if target.is_new and vim.api.nvim_buf_is_valid(target.buf) and not vim.bo[target.buf].modified then
    vim.api.nvim_buf_delete(target.buf, {})
  end
  return "the draft was discarded; nothing was changed"
end

return M
