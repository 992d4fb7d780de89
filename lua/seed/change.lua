--- Changes the machine from the editor: shows what would be done, asks, does it, and tells how it goes.
local cli = require("seed.cli")
local page_of = require("seed.page")

local M = {}

--- What runs now, by spec: one at a time each.
---@type table<string, vim.SystemObj>
local running = {}

local PASSWORDS = 3

--- The exit status of `seed` when what is asked is refused.
local REFUSED = 3

--- Ends with what the program said.
local function fail(front, words, code)
  local page = page_of.new()
  page:block(words, "SeedFailed")
  front:finish(code, page)
end

--- Starts what only looks, and takes its answer.
---@param refused? fun(result: seed.Result): boolean whether the program was not even started, and something else is tried
local function start_look(front, verb, argv, stdin, take, refused)
  local process, err = cli.spawn(argv, stdin, {
    exit = function(result)
      local answer, words = cli.answer(verb, result)
      if not answer and refused and refused(result) then
        return
      end
      if answer then
        take(answer, result.code)
      else
        fail(front, words, result.code ~= 0 and result.code or 1)
      end
    end,
  })
  front.process = process
  if not process then
    fail(front, err, 1)
  end
end

--- Runs a subcommand that only looks, and takes its answer.
---@param verb string
---@param opts seed.Options
---@param take fun(answer: table, code: integer)
function M.look(front, verb, opts, take)
  local argv, stdin = cli.argv(verb, opts)
  if not argv then
    return fail(front, stdin, 1)
  end
  start_look(front, verb, argv, stdin, take)
end

local function spec_of(opts)
  if opts.path then
    return opts.path
  end
  local name = vim.api.nvim_buf_get_name(opts.buf or 0)
  return name ~= "" and name or "unnamed"
end

--- How it ended: the summary, and what failed in full.
local function ending(verb, result, summary, failures)
  local page = page_of.new()
  if summary then
    page:add({ page_of.outcome(summary), result.code == 0 and "SeedDone" or "SeedFailed" })
  end
  for _, event in ipairs(failures) do
    page:block(("%s: %s"):format(event.role, event.message or "failed"), "SeedFailed")
  end
  if result.code ~= 0 and #failures == 0 then
    page:block(cli.words(verb, { code = result.code, stdout = "", stderr = result.stderr }), "SeedFailed")
  end
  return page
end

---@class seed.Job
---@field verb string
---@field argv string[]
---@field stdin? string
---@field spec string

--- Runs what changes the machine.
---@param job seed.Job
---@param refused? fun(result: seed.Result): boolean whether the program was not even started, and something else is tried
local function execute(front, job, argv, stdin, refused)
  local summary, failures, heard = nil, {}, false
  local process, err = cli.spawn(argv, stdin, {
    event = function(event)
      heard = true
      if event.event == "summary" then
        summary = event
        return
      elseif event.event == "failed" then
        table.insert(failures, event)
      end
      if event.role then
        front:event(event)
      end
    end,
    exit = function(result)
      running[job.spec] = nil
      if not heard and refused and refused(result) then
        return
      end
      front:finish(result.code, ending(job.verb, result, summary, failures))
    end,
  })
  if not process then
    return fail(front, err, 1)
  end
  running[job.spec] = process
  front.process = process
  front:started(process)
end

--- Starts something as root: without a password if sudo lets us, and otherwise with one, which is passed on and not kept.
---@param argv string[]
---@param unwritten? string the text of a buffer that is not what the disk holds
---@param start fun(argv: string[], stdin: string?, refused: fun(result: seed.Result): boolean)
local function as_root(front, argv, unwritten, start)
  if unwritten then
    return fail(front, "write the buffer first: what needs root is read from the file", REFUSED)
  end
  local sudo = require("seed.config").get().sudo
  local is_sudo = "^" .. vim.pesc(vim.fs.basename(sudo)) .. ":"
  local function spoke(result)
    return vim.iter(vim.split(result.stderr, "\n")):any(function(line)
      return line:find(is_sudo) ~= nil
    end)
  end
  local tries = 0
  local function ask(refusal)
    if refusal.code == 0 or not spoke(refusal) or tries == PASSWORDS then
      return false
    end
    front:password(tries > 0, function(password)
      if not password then
        return fail(front, vim.trim(refusal.stderr) .. "\nnothing was changed", REFUSED)
      end
      tries = tries + 1
      start(vim.list_extend({ sudo, "-S", "-p", "", "--" }, argv), password .. "\n", ask)
    end)
    return true
  end
  start(vim.list_extend({ sudo, "-n", "--" }, argv), nil, ask)
end

--- Plans: as root where root has applied the spec before, since only root's journal tells what was made for it; or where it needs root
--- and secrets are part of its digest, which only who made it can confirm.
---@param opts seed.Options
---@param take fun(plan: table, code: integer, by_root: boolean)
function M.plan(front, opts, take)
  M.look(front, "plan", opts, function(plan, code)
    local is_roots = plan.kept_by_root or (plan.needs_root and plan.keyed)
    if not is_roots or vim.uv.getuid() == 0 then
      return take(plan, code, false)
    end
    local argv, stdin = cli.argv("plan", opts)
    as_root(front, argv or {}, stdin, function(rooted, password, refused)
      start_look(front, "plan", rooted, password, function(seen, status)
        take(seen, status, true)
      end, refused)
    end)
  end)
end

--- What is asked before it is done.
local function question(verb, preview)
  local destroys = vim.iter(preview.actions or {}):any(function(action)
    return action.destructive
  end)
  local name = verb:sub(1, 1):upper() .. verb:sub(2)
  if destroys then
    local choice = { name .. ", and destroy what is marked", { destroy_data = true } }
    return { prompt = name .. "? It destroys data.", choices = { choice } }
  end
  return { prompt = name .. "?", choices = { { name, {} } } }
end

--- Shows what `apply` or `repair` would do, asks unless `yes` is set, and does it.
---@param front seed.Screen|seed.Terminal
---@param verb "apply"|"repair"
---@param opts seed.Options
function M.run(front, verb, opts)
  local spec = spec_of(opts)
  if running[spec] then
    return fail(front, ("%s is being changed already"):format(spec), REFUSED)
  end
  local looking = vim.tbl_extend("force", {}, opts)
  looking.yes, looking.destroy_data = nil, nil
  if verb == "repair" then
    looking.prune, looking.state = nil, nil
  end
  M.plan(front, looking, function(preview, _, by_root)
    front:show("plan", spec, page_of.plan(preview))
    local function go(chosen)
      local doing = vim.tbl_extend("force", opts, chosen, { yes = true, digest = preview.digest })
      local argv, stdin = cli.argv(verb, doing)
      if not argv then
        return fail(front, stdin, 1)
      end
      local job = { verb = verb, argv = argv, stdin = stdin, spec = spec }
      if by_root or (preview.needs_root and vim.uv.getuid() ~= 0) then
        as_root(front, argv, stdin, function(rooted, password, refused)
          execute(front, job, rooted, password, refused)
        end)
      else
        execute(front, job, argv, stdin)
      end
    end
    -- A plan that does nothing is run, too: it may close what an interruption left open in the journal.
    if opts.yes or page_of.is_idle(preview) then
      return go({})
    end
    front:ask(question(verb, preview), function(chosen, otherwise)
      if chosen then
        go(chosen)
      else
        fail(front, otherwise, REFUSED)
      end
    end)
  end)
end

--- Stops what runs, and waits a little for it to come to its next safe point: for when Neovim ends.
function M.stop_all()
  for _, process in pairs(running) do
    process:kill("sigint")
  end
  vim.wait(3000, function()
    return next(running) == nil
  end, 10)
end

vim.api.nvim_create_autocmd("VimLeavePre", { callback = M.stop_all, desc = "Stop what Seed is doing at a safe point" })

return M
