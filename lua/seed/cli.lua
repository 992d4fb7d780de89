--- Runs the program `seed`: argument lists, never a shell; what it says comes back as tables.
local config = require("seed.config")

local M = {}

--- What the commands and functions pass on.
---@class seed.Options
---@field path? string the spec; without it the buffer's
---@field buf? integer the buffer; the current one by default
---@field state? "present"|"absent"
---@field only? string[] the roles
---@field yes? boolean do it without asking
---@field destroy_data? boolean
---@field prune? boolean
---@field digest? string of the plan that was confirmed
---@field format? string of a graph
---@field dry_run? boolean only plan
---@field page? boolean with what a terminal would show, for a window
---@field max_drift? string how much a repair may change without asking
---@field text? boolean ask for text to read instead of JSON

---@class seed.Result
---@field code integer
---@field stdout string
---@field stderr string

local FLAGS =
  { yes = "--yes", destroy_data = "--destroy-data", prune = "--prune", dry_run = "--dry-run", page = "--page" }
local VALUES = { state = "--state", digest = "--plan-digest", format = "--format", max_drift = "--max-drift" }
local KNOWN = { path = "string", buf = "number", only = "table", text = "boolean" }

--- The root of the plugin's checkout: above lua/seed/cli.lua.
local function root()
  return vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(debug.getinfo(1, "S").source:sub(2))))
end

--- Where the program is.
---@return string? path, string? err
function M.binary()
  local set = config.get().server
  local places = set and { vim.fs.normalize(set) }
    or { "seed", root() .. "/target/release/seed", root() .. "/target/debug/seed" }
  for _, place in ipairs(places) do
    local path = vim.fn.exepath(place)
    if path ~= "" then
      return path
    end
  end
  local looked = set and "vim.g.seed.server is " .. set
    or "looked in $PATH and for " .. table.concat(places, " and ", 2)
  return nil, ("cannot find the program seed (%s); see :help seed-install"):format(looked)
end

--- The text of a buffer as it would be written.
---@param buf integer
---@return string
function M.text_of(buf)
  local text = table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, true), "\n")
  return vim.bo[buf].endofline and text .. "\n" or text
end

--- How the spec is passed: by its path, or where the buffer holds what the disk does not, as text.
---@return string[] args, string? stdin
local function spec(opts)
  if opts.path then
    return { vim.fs.normalize(opts.path) }
  end
  local buf = opts.buf or vim.api.nvim_get_current_buf()
  local name = vim.api.nvim_buf_get_name(buf)
  if name ~= "" and not vim.bo[buf].modified and vim.uv.fs_stat(name) then
    return { name }
  end
  if name == "" then
    name = vim.fs.joinpath(vim.fn.getcwd(), "unnamed.seed.yaml")
  end
  return { "-", "--path", name }, M.text_of(buf)
end

local function check(opts)
  for name, value in pairs(opts) do
    local wanted = FLAGS[name] and "boolean" or VALUES[name] and "string" or KNOWN[name]
    if not wanted then
      return ("%s is not an option"):format(name)
    elseif type(value) ~= wanted then
      return ("the option %s must be a %s, not a %s"):format(name, wanted, type(value))
    end
  end
end

--- The arguments for a subcommand, and what it reads on standard input.
---@param verb string
---@param opts seed.Options
---@return string[]? argv, string? stdin_or_err
function M.argv(verb, opts)
  local wrong = check(opts)
  if wrong then
    return nil, wrong
  end
  local binary, err = M.binary()
  if not binary then
    return nil, err
  end
  local args, stdin = spec(opts)
  local argv = vim.list_extend({ binary, verb }, args)
  for name, flag in vim.spairs(VALUES) do
    if opts[name] then
      vim.list_extend(argv, { flag, opts[name] })
    end
  end
  for _, role in ipairs(opts.only or {}) do
    vim.list_extend(argv, { "--only", role })
  end
  for name, flag in vim.spairs(FLAGS) do
    if opts[name] then
      table.insert(argv, flag)
    end
  end
  return vim.list_extend(argv, opts.text and { "--color", "never" } or { "--json" }), stdin
end

--- Decodes JSON; nil if it is invalid.
---@param text string
---@return table?
function M.decode(text)
  local ok, value = pcall(vim.json.decode, text, { luanil = { object = true, array = true } })
  return ok and type(value) == "table" and value or nil
end

--- Calls `take` with every whole line of what it is fed.
local function by_line(take)
  local rest = ""
  return function(data)
    rest = rest .. (data or "")
    for line in rest:gmatch("(.-)\n") do
      take(line)
    end
    rest = rest:match("[^\n]*$")
  end
end

--- Starts a program.
---@param argv string[]
---@param stdin? string
---@param hooks { event?: fun(event: table), exit: fun(result: seed.Result) } both called from the main loop
---@return vim.SystemObj? process, string? err
function M.spawn(argv, stdin, hooks)
  local out, err = {}, {}
  local events = by_line(function(line)
    local event = M.decode(line)
    if event and hooks.event then
      vim.schedule(function()
        hooks.event(event)
      end)
    end
  end)
  local ok, process = pcall(vim.system, argv, {
    stdin = stdin,
    stdout = function(_, data)
      table.insert(out, data)
      events(data)
    end,
    stderr = function(_, data)
      table.insert(err, data)
    end,
  }, function(done)
    local code = done.signal ~= 0 and 128 + done.signal or done.code
    vim.schedule(function()
      hooks.exit({ code = code, stdout = table.concat(out), stderr = table.concat(err) })
    end)
  end)
  if ok then
    return process
  end
  return nil, ("could not start %s: %s"):format(argv[1], process)
end

--- Waits for what `spawn` started; a Ctrl-C meanwhile is passed on, so that it ends at its next safe point.
---@param process vim.SystemObj
---@param done fun(): boolean
---@param limit? integer milliseconds
---@return boolean whether it is done
function M.await(process, done, limit)
  local wait = limit or 2 ^ 31 - 1
  local ended, why = vim.wait(wait, done, 2)
  while not ended and why == -2 do
    process:kill("sigint")
    ended, why = vim.wait(wait, done, 2)
  end
  return ended
end

--- Runs a program and waits for it.
---@param argv string[]
---@param stdin? string
---@param limit? integer milliseconds
---@return seed.Result?, string? err
local function wait_for(argv, stdin, limit)
  local result
  local process, err = M.spawn(argv, stdin, {
    exit = function(done)
      result = done
    end,
  })
  if not process then
    return nil, err
  end
  local ended = M.await(process, function()
    return result ~= nil
  end, limit)
  if not ended then
    process:kill("sigkill")
    return nil, ("seed %s did not answer within %d s"):format(argv[2], limit / 1000)
  end
  return result
end

--- Runs a subcommand on a spec and waits for it.
---@param verb string
---@param opts seed.Options
---@param limit? integer milliseconds
---@return seed.Result?, string? err
function M.call(verb, opts, limit)
  local argv, stdin = M.argv(verb, opts)
  if not argv then
    return nil, stdin
  end
  return wait_for(argv, stdin, limit)
end

--- Runs the program with these arguments and waits for it.
---@param args string[]
---@param stdin? string
---@param limit? integer milliseconds
---@return seed.Result?, string? err
function M.run(args, stdin, limit)
  local binary, err = M.binary()
  if not binary then
    return nil, err
  end
  return wait_for({ binary, unpack(args) }, stdin, limit or config.get().timeout)
end

--- Starts the program with these arguments, as `spawn` does.
---@param args string[]
---@param stdin? string
---@return vim.SystemObj? process, string? err
function M.start(args, stdin, hooks)
  local binary, err = M.binary()
  if not binary then
    return nil, err
  end
  return M.spawn({ binary, unpack(args) }, stdin, hooks)
end

--- The mistakes in a spec as lines: `path:line:column: error: words`.
---@param diagnostics table[]
---@return string
local function mistakes(diagnostics)
  local lines = {}
  for _, one in ipairs(diagnostics) do
    local at = one.range and one.range.start or { line = 0, character = 0 }
    local place = ("%s:%d:%d"):format(one.path or "", at.line + 1, at.character + 1)
    table.insert(lines, ("%s: %s: %s"):format(place, one.severity, one.message))
    if one.help then
      table.insert(lines, "    " .. one.help)
    end
  end
  return table.concat(lines, "\n")
end

--- What went wrong, as the program said it.
---@param verb string
---@param result seed.Result
---@return string
function M.words(verb, result)
  local answer = M.decode(result.stdout)
  if answer and answer.diagnostics and #answer.diagnostics > 0 then
    return mistakes(answer.diagnostics)
  end
  for _, said in ipairs({ result.stderr, result.stdout }) do
    local text = vim.trim(said)
    if text ~= "" then
      return text
    end
  end
  return ("seed %s exited with status %d and no message"):format(verb, result.code)
end

--- What an answer of each subcommand that only looks must hold; anything else that it says is why it could not.
local ANSWERS = {
  check = "diagnostics",
  plan = "actions",
  repair = "actions",
  undo = "actions",
  info = "roles",
  log = "runs",
  graph = "roles",
  recall = "hits",
  note = "path",
  duck = "facts",
}

--- The answer of a subcommand that changes nothing, or an error message.
---@param verb string
---@param result seed.Result
---@return table?, string? err
function M.answer(verb, result)
  local answer = M.decode(result.stdout)
  if answer and answer[ANSWERS[verb]] then
    return answer
  end
  return nil, M.words(verb, result)
end

return M
