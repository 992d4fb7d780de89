--- What the commands `:Seed…` do.
local M = {}

local STATES = { "present", "absent" }
local SWITCHES = { ["++destroy-data"] = "destroy_data", ["++prune"] = "prune" }
local FORMATS = { "svg", "mermaid", "dot", "json" }

--- What each command takes besides roles.
local TAKES = {
  Plan = { states = true, switches = { "++prune" } },
  Apply = { states = true, switches = { "++destroy-data", "++prune" } },
  Info = { states = false, switches = {} },
  Repair = { states = false, switches = { "++destroy-data" } },
  Undo = { states = false, switches = { "++destroy-data" } },
}

--- The options that the words behind a command stand for.
---@return seed.Options? options, string? err
local function options(name, call)
  local buf = require("seed.window").origin()
  local opts, roles, takes = { buf = buf }, {}, TAKES[name]
  for position, word in ipairs(call.fargs) do
    if vim.startswith(word, "++") then
      if not vim.tbl_contains(takes.switches, word) then
        return nil, ("%s is not an option of :Seed%s"):format(word, name)
      end
      opts[SWITCHES[word]] = true
    elseif takes.states and position == 1 and vim.tbl_contains(STATES, word) then
      opts.state = word
    elseif name == "Undo" then
      return nil, "an undo covers the whole last run; leave the roles out"
    else
      table.insert(roles, word)
    end
  end
  if call.range > 0 then
    local within, err = require("seed.roles").within(buf, call.line1, call.line2)
    if not within then
      return nil, err
    end
    vim.list_extend(roles, within)
  end
  opts.only = #roles > 0 and roles or nil
  opts.yes = call.bang or nil
  return opts
end

---@return seed.Screen|seed.Terminal
local function front()
  local headless = #vim.api.nvim_list_uis() == 0
  return require(headless and "seed.terminal" or "seed.screen").new()
end

--- Shows the answer of a subcommand that only looks.
local function look(speaker, verb, opts)
  local change = require("seed.change")
  local function show(answer, code)
    speaker:show(verb, vim.api.nvim_buf_get_name(opts.buf), require("seed.page").of(answer.page))
    -- 2 says that there is something to do; 1 that a part of it cannot be done.
    speaker.code = code == 2 and 0 or code
  end
  if opts.state == "absent" then
    return change.plan(speaker, "plan", opts, show)
  end
  change.look(speaker, verb, vim.tbl_extend("force", opts, { page = true }), show)
end

--- Shows what a subcommand says as text.
local function show_text(speaker, verb, opts, filetype, take)
  local cli = require("seed.cli")
  local result, err = cli.call(verb, vim.tbl_extend("force", opts, { text = true }))
  if not result or result.code ~= 0 then
    local page = require("seed.page").text(err or cli.words(verb, result))
    return speaker:finish(result and result.code or 1, page)
  end
  if take then
    take(result.stdout)
  else
    local page = require("seed.page").text(result.stdout)
    speaker:show(verb, vim.api.nvim_buf_get_name(opts.buf), page, filetype)
  end
  speaker.code = 0
end

local function show_graph(speaker, call, buf)
  local format = call.fargs[1] or require("seed.config").get().graph
  if not vim.tbl_contains(FORMATS, format) then
    local words = ("%s is not a graph format; use one of %s"):format(format, table.concat(FORMATS, ", "))
    return speaker:finish(1, require("seed.page").text(words))
  end
  local is_picture = format == "svg" and #vim.api.nvim_list_uis() > 0
  show_text(speaker, "graph", { buf = buf, format = format }, format, is_picture and function(svg)
    local path = vim.fn.tempname() .. ".svg"
    vim.fn.writefile(vim.split(svg, "\n"), path)
    local _, err = vim.ui.open(path)
    if err then
      vim.notify(
        ("seed: could not open %s: %s; :SeedGraph mermaid shows it as text"):format(path, err),
        vim.log.levels.ERROR
      )
    end
  end)
end

local RUN = {
  Plan = function(speaker, opts)
    look(speaker, "plan", opts)
  end,
  Info = function(speaker, opts)
    look(speaker, "info", opts)
  end,
  Apply = function(speaker, opts)
    require("seed.change").run(speaker, "apply", opts)
  end,
  Repair = function(speaker, opts)
    require("seed.change").run(speaker, "repair", opts)
  end,
  Undo = function(speaker, opts)
    require("seed.change").run(speaker, "undo", opts)
  end,
}

--- Does for a command what it is for, with options that are read already.
---@param name "Plan"|"Info"|"Apply"|"Repair"|"Undo"
---@param opts seed.Options
function M.start(name, opts)
  local speaker = front()
  RUN[name](speaker, opts)
  speaker:wait()
end

--- Commands that read their words themselves.
local OWN = {
  Fragment = function(...)
    require("seed.fragment").run(...)
  end,
  Duck = function(...)
    require("seed.duck").run(...)
  end,
  Prompt = function(...)
    require("seed.prompt").run(...)
  end,
  Stop = function(...)
    require("seed.prompt").run_stop(...)
  end,
  Recall = function(...)
    require("seed.recall").run(...)
  end,
  Note = function(...)
    require("seed.recall").note(...)
  end,
}

local function run(name, call)
  if RUN[name] then
    local opts, err = options(name, call)
    if opts then
      return M.start(name, opts)
    end
    local speaker = front()
    speaker:finish(1, require("seed.page").text(err))
    return speaker:wait()
  end
  local speaker, buf = front(), require("seed.window").origin()
  if OWN[name] then
    OWN[name](speaker, call)
  elseif name == "Graph" then
    show_graph(speaker, call, buf)
  else
    show_text(speaker, "log", { buf = buf })
  end
  speaker:wait()
end

--- Runs a command.
---@param name string
---@param call vim.api.keyset.create_user_command.command_args
function M.run(name, call)
  if #vim.api.nvim_list_uis() > 0 then
    return run(name, call)
  end
  -- Without a window a mistake of the plugin itself must not pass for success either.
  local ok, err = xpcall(run, debug.traceback, name, call)
  if not ok then
    io.stderr:write(err, "\n")
    vim.cmd.cquit({ count = 1 })
  end
end

--- What can stand where the cursor is behind a command.
---@param name string
---@param lead string what is written of the word
---@param line string
---@return string[]
function M.complete(name, lead, line)
  local words = {}
  if name == "Graph" then
    words = FORMATS
  elseif name == "Duck" then
    words = { "history" }
  elseif name == "Prompt" then
    words = require("seed.prompt").complete(lead, line:sub(1, #line - #lead):match("^.*SeedPrompt!?%s*$") ~= nil)
  elseif name == "Fragment" then
    -- A range may stand before the command.
    local behind = line:match("SeedFragment.*$") or line
    words = require("seed.fragment").complete(vim.split(vim.trim(behind:sub(1, #behind - #lead)), "%s+"))
  elseif TAKES[name] then
    local given = vim.split(vim.trim(line:sub(1, #line - #lead)), "%s+")
    if TAKES[name].states and #given == 1 then
      vim.list_extend(words, STATES)
    end
    vim.list_extend(words, TAKES[name].switches)
    if name ~= "Undo" then
      vim.list_extend(words, require("seed.roles").names(require("seed.window").origin()))
    end
    words = vim.tbl_filter(function(word)
      return not vim.tbl_contains(given, word)
    end, words)
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, words)
end

return M
