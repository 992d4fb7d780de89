--- Changes the machine from the editor: shows the plan, asks, applies it and shows the progress.
local cli = require("seed.cli")
local page_of = require("seed.page")

local M = {}

--- What runs now, by spec: one at a time each.
---@type table<string, vim.SystemObj>
local running = {}

local PASSWORDS = 3

--- The exit status of `seed` when what is asked is refused.
local REFUSED = 3

--- Ends with the message of the program.
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
    page:add({ summary.text, result.code == 0 and "SeedDone" or "SeedFailed" })
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
---@field total integer how many roles it acts on

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
  front:started(process, job.total)
end

--- Starts something as root: without a password if sudo lets us, and otherwise with one, which is passed on and not kept.
---@param argv string[]
---@param unwritten? string the text of a buffer that is not what the disk holds
---@param start fun(argv: string[], stdin: string?, refused: fun(result: seed.Result): boolean)
local function as_root(front, argv, unwritten, start)
  if unwritten then
    return fail(front, "write the buffer first: root reads the spec from the file", REFUSED)
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

--- What asks for the plan of each verb.
local PLANS = { plan = "plan", apply = "plan", repair = "repair", undo = "undo" }

--- Plans: as root where root has applied the spec before, since only root's journal says what was made for it; also where the
--- plan needs root and secrets are part of its digest, which only the user who made the plan can confirm.
---@param verb "plan"|"apply"|"repair"|"undo"
---@param opts seed.Options
---@param take fun(plan: table, code: integer, by_root: boolean)
function M.plan(front, verb, opts, take)
  local planner = PLANS[verb]
  opts = vim.tbl_extend("force", opts, { page = true, dry_run = planner ~= "plan" or nil })
  local function by_root()
    local argv, stdin = cli.argv(planner, opts)
    as_root(front, argv or {}, stdin, function(rooted, password, refused)
      start_look(front, "plan", rooted, password, function(plan, code)
        take(plan, code, true)
      end, refused)
    end)
  end
  local function is_roots(plan)
    return (plan.kept_by_root or (plan.needs_root and plan.keyed)) and vim.uv.getuid() ~= 0
  end
  if planner == "plan" then
    return M.look(front, planner, opts, function(plan, code)
      if is_roots(plan) then
        return by_root()
      end
      take(plan, code, false)
    end)
  end
  M.look(front, "plan", { buf = opts.buf, path = opts.path }, function(plan)
    if is_roots(plan) then
      return by_root()
    end
    M.look(front, planner, opts, function(own, code)
      if is_roots(own) then
        return by_root()
      end
      take(own, code, false)
    end)
  end)
end

--- How many roles a plan acts on.
local function count_of_actions(plan)
  return vim.iter(plan.actions):fold(0, function(count, action)
    return count + (action.action == "none" and 0 or 1)
  end)
end

---@param verb string
---@param plan table
---@return seed.Question
local function question(verb, plan)
  return {
    verb = verb:sub(1, 1):upper() .. verb:sub(2),
    summary = plan.page.summary,
    losses = plan.page.losses,
    destroys = vim.iter(plan.page.losses):any(function(loss)
      return not loss.disposable
    end),
  }
end

--- Shows what `apply`, `repair` or `undo` would do, asks unless `yes` is set, and does it.
---@param front seed.Screen|seed.Terminal
---@param verb "apply"|"repair"|"undo"
---@param opts seed.Options
function M.run(front, verb, opts)
  local spec = spec_of(opts)
  if running[spec] then
    return fail(front, ("%s is already being changed"):format(spec), REFUSED)
  end
  local looking = vim.tbl_extend("force", {}, opts)
  looking.yes, looking.destroy_data = nil, nil
  if verb ~= "apply" then
    looking.prune, looking.state = nil, nil
  end
  M.plan(front, verb, looking, function(plan, _, by_root)
    front:show("plan", spec, page_of.of(plan.page))
    local function go(consent)
      local doing = vim.tbl_extend("force", opts, consent, { page = true, yes = true, digest = plan.digest })
      local argv, stdin = cli.argv(verb, doing)
      if not argv then
        return fail(front, stdin, 1)
      end
      local job = { verb = verb, argv = argv, stdin = stdin, spec = spec, total = count_of_actions(plan) }
      if by_root or (plan.needs_root and vim.uv.getuid() ~= 0) then
        as_root(front, argv, stdin, function(rooted, password, refused)
          execute(front, job, rooted, password, refused)
        end)
      else
        execute(front, job, argv, stdin)
      end
    end
    -- A plan that does nothing is run, too: it may close what an interruption left open in the journal.
    if opts.yes or count_of_actions(plan) == 0 then
      return go({})
    end
    local asked = question(verb, plan)
    front:ask(asked, function()
      -- How much has drifted was on the screen.
      go({ destroy_data = asked.destroys or opts.destroy_data, max_drift = verb == "repair" and "100%" or nil })
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
