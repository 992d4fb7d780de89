--- Seed for scripts: each function runs the program, waits, and returns a table, or nil and an error message.
--- See |seed-lua|.
local cli = require("seed.cli")

local M = {}

--- Runs a subcommand that only looks.
---@param verb string
---@param opts? seed.Options
---@return table?, string? err
local function look(verb, opts)
  local result, err = cli.call(verb, opts or {}, require("seed.config").get().timeout)
  if not result then
    return nil, err
  end
  return cli.answer(verb, result)
end

--- Runs a subcommand that changes the machine.
---@return { events: table[], summary?: table }?, string? err, table? answer what was done before it failed
local function change(verb, opts)
  local result, err = cli.call(verb, opts or {})
  if not result then
    return nil, err
  end
  local answer = { events = {} }
  for line in vim.gsplit(result.stdout, "\n", { trimempty = true }) do
    local event = cli.decode(line)
    if event and event.event == "summary" then
      answer.summary = event
    elseif event then
      table.insert(answer.events, event)
    end
  end
  if result.code == 0 then
    return answer
  end
  local failures = {}
  for _, event in ipairs(answer.events) do
    if event.event == "failed" then
      table.insert(failures, ("%s: %s"):format(event.role, event.message or "failed"))
    end
  end
  local words = #failures > 0 and table.concat(failures, "\n") or cli.words(verb, result)
  return nil, words, answer
end

--- The mistakes in a spec.
---@param opts? seed.Options
function M.check(opts)
  return look("check", opts)
end

--- What would change.
---@param opts? seed.Options
function M.plan(opts)
  return look("plan", opts)
end

--- The observed state.
---@param opts? seed.Options
function M.info(opts)
  return look("info", opts)
end

--- Past runs.
---@param opts? seed.Options
function M.log(opts)
  return look("log", opts)
end

--- Applies the spec; `yes` must be set because there is no question.
---@param opts? seed.Options
function M.apply(opts)
  return change("apply", opts)
end

--- Repairs drift; `yes` must be set.
---@param opts? seed.Options
function M.repair(opts)
  return change("repair", opts)
end

--- Takes the last run back; `yes` must be set.
---@param opts? seed.Options
function M.undo(opts)
  return change("undo", opts)
end

--- What was written about something: `{ hits = …, root = … }`, the best first.
---@param query string
---@param opts? { buf?: integer, limit?: integer }
function M.recall(query, opts)
  return require("seed.recall").find(query, opts)
end

--- Writes a note about a role: `{ path = …, line = … }`.
---@param text string
---@param opts? { buf?: integer, role?: string }
function M.note(text, opts)
  return require("seed.recall").write_note(text, opts)
end

--- Compares an explanation with a spec; returns the JSON of `seed duck` and saves the explanation in the history.
---@param explanation string
---@param opts? { path?: string } the spec; without it the buffer's
function M.duck(explanation, opts)
  return require("seed.duck").explain(explanation, opts and opts.path or vim.api.nvim_buf_get_name(0))
end

--- What a language model answers: `{ text = …, draft? = …, events = … }`; `yes` must be set before anything leaves the machine.
---@param opts seed.PromptOptions
function M.prompt(opts)
  return require("seed.prompt").ask(opts)
end

return M
