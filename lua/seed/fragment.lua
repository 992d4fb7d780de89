--- Fragments in buffers of any kind: `:SeedFragment`, and the server that knows them, attached to those that hold markers.
local page_of = require("seed.page")

local M = {}

--- The servers of buffers that are no specs: of Markdown, whose links are followed, and of all others.
local SERVER, NOTES = "seed-fragments", "seed-notes"

--- How long a server may take to start, and a completion may make the editor wait, in milliseconds.
local START, PATIENCE = 5000, 1000

--- How each state is shown.
local GROUPS = {
  current = "SeedDone",
  edited = "SeedReason",
  outdated = "SeedChange",
  clash = "SeedFailed",
  orphan = "SeedUnknown",
  error = "SeedFailed",
}

---@type table<integer, true> the buffers that it was attached to
local attached = {}

local is_watching = false

--- Tells the servers of fragments that are written in this Neovim: not every Neovim watches files.
local function watch()
  if is_watching then
    return
  end
  is_watching = true
  vim.api.nvim_create_autocmd("BufWritePost", {
    pattern = "*/fragments/*",
    desc = "Check the blocks of a saved fragment again",
    callback = function(event)
      for _, name in ipairs({ "seed", SERVER, NOTES }) do
        for _, client in ipairs(vim.lsp.get_clients({ name = name })) do
          local change = { uri = vim.uri_from_fname(vim.fs.abspath(event.match)), type = 2 }
          client:notify("workspace/didChangeWatchedFiles", { changes = { change } })
        end
      end
    end,
  })
end

---@return integer? id, string? err
local function start(buf)
  local binary, err = require("seed.cli").binary()
  if not binary then
    return nil, err
  end
  if vim.api.nvim_buf_get_name(buf) == "" or vim.bo[buf].buftype ~= "" then
    return nil, "the buffer has no file; save it first"
  end
  local name = ({ ["yaml.seed"] = "seed", markdown = NOTES })[vim.bo[buf].filetype] or SERVER
  local id = vim.lsp.start(vim.lsp.config[name], {
    bufnr = buf,
    silent = true,
    -- One for all: what belongs to a project is found by the files.
    reuse_client = function(client)
      return client.name == name
    end,
  })
  if not id then
    return nil, "the language server did not start"
  end
  attached[buf] = true
  watch()
  vim.lsp.commands["seed.fragment.diff"] = function(command)
    M.compare(command.arguments[1])
  end
  return id
end

--- The server of a buffer, started if it is not there.
---@return vim.lsp.Client? client, string? err
local function server(buf)
  local id, err = start(buf)
  local client = id and vim.lsp.get_client_by_id(id)
  if not client then
    return nil, err
  end
  local ready = vim.wait(START, function()
    return client.initialized == true and vim.lsp.buf_is_attached(buf, client.id)
  end, 5)
  if ready then
    return client
  end
  return nil, "the language server did not start"
end

--- Attaches the server to a buffer with markers, unless it is not wanted.
---@param buf integer
function M.attach(buf)
  if require("seed.config").get().attach and vim.bo[buf].filetype ~= "yaml.seed" then
    local id, err = start(buf)
    if not id then
      vim.notify_once("seed: " .. err, vim.log.levels.WARN)
    end
  end
end

--- Leaves K as it was but on markers: the manual of what is under the cursor is worth more than nothing said of it.
---@param buf integer
function M.on_attach(_, buf)
  local map = vim.fn.maparg("K", "n", false, true)
  if map.buffer ~= 1 or map.desc ~= "vim.lsp.buf.hover()" then
    return
  end
  vim.keymap.set("n", "K", function()
    local others = vim.iter(vim.lsp.get_clients({ bufnr = buf, method = "textDocument/hover" })):any(function(client)
      return client.name ~= SERVER and client.name ~= NOTES
    end)
    if others or vim.api.nvim_get_current_line():find("seed:%l") then
      vim.lsp.buf.hover()
    else
      vim.cmd("normal! K")
    end
  end, { buffer = buf, desc = "vim.lsp.buf.hover()" })
end

--- Starts a server again that has died.
---@param code integer
---@param signal integer
function M.on_exit(code, signal)
  require("seed.lsp").on_exit(code, signal, function()
    for buf in pairs(attached) do
      if vim.api.nvim_buf_is_loaded(buf) then
        M.attach(buf)
      end
    end
  end)
end

--- Asks the server about a buffer.
---@param verb "status"|"update"|"resolve"|"detach"|"add"
---@param argument table
---@param patience? integer milliseconds
---@return table? answer, string? err, vim.lsp.Client? client
local function ask(buf, verb, argument, patience)
  local client, err = server(buf)
  if not client then
    return nil, err
  end
  argument.uri = vim.uri_from_bufnr(buf)
  if verb ~= "status" then
    argument.version = vim.lsp.util.buf_versions[buf]
    argument.apply = false
  end
  local params = { command = "seed.fragment." .. verb, arguments = { argument } }
  local limit = patience or require("seed.config").get().timeout
  local answer, why = client:request_sync("workspace/executeCommand", params, limit, buf)
  if not answer then
    return nil, ("the language server did not answer: %s"):format(why)
  elseif answer.err then
    return nil, answer.err.message
  end
  return answer.result, nil, client
end

--- Blocks as a page.
---@param items table[]
---@return seed.Page
local function page_of_items(items, notes)
  local page = page_of.new()
  for _, note in ipairs(notes or {}) do
    page:add({ note, "SeedTitle" })
  end
  for _, item in ipairs(items) do
    local name = item.fragment == "" and "" or (" %s#%s"):format(item.fragment, item.instance)
    local place = ("%s:%d"):format(item.file, item.line)
    page:add(place, { name, "SeedRole" }, "  ", { item.state, GROUPS[item.state] }, "  ", item.message)
  end
  if #page.lines == 0 then
    page:add("no fragments here; :SeedFragment add NAME embeds one")
  end
  return page
end

--- The exit status that blocks stand for: 1 a mistake, 2 a clash, which nobody but a person can settle.
local function status_of(items)
  local code = 0
  for _, item in ipairs(items) do
    if item.state == "error" then
      return 1
    elseif item.state == "clash" then
      code = 2
    end
  end
  return code
end

--- What was done, in a line.
local function summary(answer)
  local words = {}
  if #answer.items == 1 then
    local item = answer.items[1]
    table.insert(words, ("%s#%s: %s"):format(item.fragment, item.instance, item.message))
  elseif #answer.items > 1 then
    local counts = {}
    for _, item in ipairs(answer.items) do
      counts[item.state] = (counts[item.state] or 0) + 1
    end
    for state, count in vim.spairs(counts) do
      table.insert(words, ("%d %s"):format(count, state))
    end
  end
  vim.list_extend(words, answer.notes)
  return #words > 0 and table.concat(words, ", ") or "nothing to do"
end

--- Asks for a change, applies it to the buffer and reports it.
local function change(speaker, buf, verb, argument)
  local answer, err, client = ask(buf, verb, argument)
  if not answer then
    return speaker:finish(1, page_of.text(err))
  end
  if answer.edit then
    vim.lsp.util.apply_workspace_edit(answer.edit, client.offset_encoding)
    -- Whatever is typed next, the server has seen the text as it is now.
    client:request("workspace/executeCommand", {
      command = "seed.fragment.status",
      arguments = { { uri = argument.uri } },
    }, function() end, buf)
  end
  local headless = #vim.api.nvim_list_uis() == 0
  if headless and #answer.items > 0 then
    speaker:show("fragments", argument.uri, page_of_items(answer.items))
  end
  speaker:finish(status_of(answer.items), page_of.text(summary(answer)))
end

--- How comments are written in a buffer; none where it does not say.
local function comment_of(buf)
  local pattern = vim.bo[buf].commentstring
  return pattern:find("%s", 1, true) and pattern or nil
end

--- The lines that a command is about, counted from 0.
local function lines_of(call)
  return { call.line1 - 1, call.line2 - 1 }
end

--- Which block: the one named, or by lines.
local function block(call, name)
  if name then
    return { block = name }
  end
  return { lines = lines_of(call) }
end

--- Three sides, beside one another in a tab.
local function show_diff(buf, key, sides)
  local filetype = vim.bo[buf].filetype
  local shown = { { "mine", sides.mine }, { "base", sides.base }, { "fragment", sides.theirs } }
  vim.cmd("tab split")
  local is_first = true
  for _, side in ipairs(shown) do
    if side[2] then
      local name = ("seed://fragment/%s/%s"):format(side[1], key)
      local old = vim.fn.bufnr("^" .. vim.fn.escape(name, [[\*?[{]]) .. "$")
      if old > 0 then
        vim.api.nvim_buf_delete(old, { force = true })
      end
      local scratch = vim.api.nvim_create_buf(false, true)
      vim.api.nvim_buf_set_name(scratch, name)
      vim.api.nvim_buf_set_lines(scratch, 0, -1, true, vim.split((side[2]:gsub("\n$", "")), "\n"))
      vim.bo[scratch].bufhidden = "wipe"
      vim.bo[scratch].modifiable = false
      vim.bo[scratch].filetype = filetype
      vim.keymap.set("n", "q", "<Cmd>tabclose<CR>", { buffer = scratch, desc = "Close the comparison" })
      if not is_first then
        vim.cmd("rightbelow vsplit")
      end
      is_first = false
      vim.api.nvim_win_set_buf(0, scratch)
      vim.wo[0][0].winbar = side[1]
      vim.cmd.diffthis()
    end
  end
  vim.cmd("1wincmd w")
end

local function diff(speaker, buf, call, name)
  local answer, err = ask(buf, "status", block(call, name))
  if not answer then
    return speaker:finish(1, page_of.text(err))
  elseif not answer.sides then
    return speaker:finish(1, page_of.text("more than one block matches; name one"))
  end
  local item, sides = answer.items[1], answer.sides
  local key = ("%s#%s"):format(item.fragment, item.instance)
  if #vim.api.nvim_list_uis() == 0 then
    local text = vim.diff(sides.mine, sides.theirs)
    speaker:show("fragments", key, page_of.text(text == "" and "no difference" or text))
  else
    show_diff(buf, key, sides)
  end
  speaker.code = 0
end

--- Compares the sides of a block, as an action asks for it.
---@param argument { uri: string, block: string }
function M.compare(argument)
  local buf = vim.uri_to_bufnr(argument.uri)
  local answer, err = ask(buf, "status", { block = argument.block })
  if answer then
    show_diff(buf, argument.block, answer.sides)
  else
    vim.notify("seed: " .. err, vim.log.levels.ERROR)
  end
end

local TAKES = { mine = "mine", theirs = "theirs", markers = "markers", ["new-instance"] = "newInstance" }

local function make(speaker, buf, call, name)
  change(speaker, buf, "add", { new = name, lines = lines_of(call), comment = comment_of(buf) })
end

local RUN = {
  status = function(speaker, buf, call)
    local answer, err = ask(buf, "status", { all = call.fargs[2] == "all" })
    if not answer then
      return speaker:finish(1, page_of.text(err))
    end
    speaker:show("fragments", vim.api.nvim_buf_get_name(buf), page_of_items(answer.items, answer.notes))
    speaker.code = status_of(answer.items)
  end,
  update = function(speaker, buf, call)
    local is_some = call.fargs[2] or call.range > 0
    change(speaker, buf, "update", is_some and block(call, call.fargs[2]) or {})
  end,
  resolve = function(speaker, buf, call)
    local take = TAKES[call.fargs[2] or ""]
    if not take then
      return speaker:finish(1, page_of.text("usage: :SeedFragment resolve mine|theirs|markers|new-instance"))
    end
    change(speaker, buf, "resolve", vim.tbl_extend("force", block(call, call.fargs[3]), { take = take }))
  end,
  detach = function(speaker, buf, call)
    change(speaker, buf, "detach", block(call, call.fargs[2]))
  end,
  diff = function(speaker, buf, call)
    diff(speaker, buf, call, call.fargs[2])
  end,
  add = function(speaker, buf, call)
    if not call.fargs[2] then
      return speaker:finish(1, page_of.text("usage: :SeedFragment add NAME [PARAMETER=VALUE ...]"))
    end
    local parameters = {}
    for position = 3, #call.fargs do
      local name, value = call.fargs[position]:match("^([%w_]+)=(.*)$")
      if not name then
        local words = ("%s is not a parameter: write NAME=VALUE"):format(call.fargs[position])
        return speaker:finish(1, page_of.text(words))
      end
      table.insert(parameters, { name, value })
    end
    -- Below the line, as :read puts what it reads; with ! above it.
    local at = call.bang and call.line2 - 1 or call.line2
    local argument = { fragment = call.fargs[2], lines = { at, at }, comment = comment_of(buf) }
    argument.parameters = #parameters > 0 and parameters or nil
    change(speaker, buf, "add", argument)
  end,
  new = function(speaker, buf, call)
    if call.range == 0 then
      return speaker:finish(1, page_of.text("select the lines first: :'<,'>SeedFragment new NAME"))
    elseif call.fargs[2] then
      return make(speaker, buf, call, call.fargs[2])
    elseif #vim.api.nvim_list_uis() == 0 then
      return speaker:finish(1, page_of.text("give it a name: :'<,'>SeedFragment new NAME"))
    end
    vim.ui.input({ prompt = "Name of the new fragment: " }, function(name)
      if name and name ~= "" then
        make(speaker, buf, call, name)
      end
    end)
    speaker.code = speaker.code or 0
  end,
}

--- `:SeedFragment`: without words the status, and of a range a new fragment.
---@param speaker seed.Screen|seed.Terminal
---@param call vim.api.keyset.create_user_command.command_args
function M.run(speaker, call)
  local verb = call.fargs[1] or (call.range > 0 and "new" or "status")
  if not RUN[verb] then
    local verbs = vim.tbl_keys(RUN)
    table.sort(verbs)
    local words = ("unknown subcommand %s of :SeedFragment; use one of %s"):format(verb, table.concat(verbs, ", "))
    return speaker:finish(1, page_of.text(words))
  end
  RUN[verb](speaker, vim.api.nvim_get_current_buf(), call)
end

--- What can stand where the cursor is.
---@param given string[] the words before, the command among them
---@return string[]
function M.complete(given)
  local verb, buf = given[2], vim.api.nvim_get_current_buf()
  if not verb then
    local verbs = vim.tbl_keys(RUN)
    table.sort(verbs)
    return verbs
  elseif verb == "resolve" and #given == 2 then
    return { "markers", "mine", "new-instance", "theirs" }
  elseif verb == "status" then
    return { "all" }
  elseif verb == "new" then
    return {}
  end
  local answer = ask(buf, "status", {}, PATIENCE)
  if not answer then
    return {}
  elseif verb == "add" then
    for _, one in ipairs(answer.fragments) do
      if one.name == given[3] then
        return vim.tbl_map(function(name)
          return name .. "="
        end, one.parameters)
      end
    end
    return vim.tbl_map(function(one)
      return one.name
    end, given[3] and {} or answer.fragments)
  end
  return vim.tbl_map(function(item)
    return ("%s#%s"):format(item.fragment, item.instance)
  end, answer.items)
end

--- The configuration of a server that serves a part only, beside servers of the file's own language.
---@param only "fragments"|"notes"
---@return vim.lsp.Config
function M.config(only)
  return {
    cmd = { require("seed.cli").binary() or "seed", "lsp" },
    init_options = { only = only, compare = true },
    -- The server must see the text as an update left it, and not only what was typed into it since.
    -- And Neovim waits at its end until what was written last is noted.
    flags = { debounce_text_changes = 0, exit_timeout = 2000 },
    on_attach = M.on_attach,
    on_exit = function(code, signal)
      M.on_exit(code, signal)
    end,
  }
end

return M
