--- `:SeedPrompt`: asks a language model through `seed prompt`, shows the answer as it comes, and puts a draft into a buffer only after
--- a yes.
local cli = require("seed.cli")
local draft = require("seed.draft")
local page_of = require("seed.page")

local M = {}

--- How long a completion may make the editor wait, in milliseconds.
local PATIENCE = 1000

--- What runs at the moment.
---@type vim.SystemObj?
local running

---@class seed.PromptOptions
---@field text? string what is wanted, with words of context in it
---@field prompt? string the name of a prompt
---@field set? table<string, string> its parameters
---@field buf? integer what `#selection`, `#buffer` and, where it is a spec, `#role`, `#plan` … are of
---@field lines? { [1]: integer, [2]: integer } the selection, from 1
---@field yes? boolean what is sent may leave the machine

--- The arguments of the program, and what it reads.
---@param opts seed.PromptOptions
---@return string[] args, string? stdin
local function arguments(opts)
  local args, stdin = { "prompt", "--json" }, nil
  if opts.prompt then
    vim.list_extend(args, { "--prompt", opts.prompt })
  end
  for name, value in vim.spairs(opts.set or {}) do
    vim.list_extend(args, { "--set", ("%s=%s"):format(name, value) })
  end
  local buf = opts.buf or vim.api.nvim_get_current_buf()
  local name = vim.api.nvim_buf_get_name(buf)
  if vim.bo[buf].buftype == "" and name ~= "" then
    vim.list_extend(args, { "--selection", "-", "--path", name })
    stdin = cli.text_of(buf)
    if opts.lines then
      vim.list_extend(args, { "--lines", ("%d:%d"):format(unpack(opts.lines)) })
    end
  end
  if opts.yes then
    table.insert(args, "--yes")
  end
  return vim.list_extend(args, { "--", opts.text or "" }), stdin
end

--- The answer of a prompt from its events.
---@param result seed.Result
---@return table? answer, string? err
local function answered(result)
  local answer = { events = {} }
  for line in vim.gsplit(result.stdout, "\n", { trimempty = true }) do
    local event = cli.decode(line)
    if event then
      table.insert(answer.events, event)
      if event.event == "done" then
        answer.text, answer.draft = event.text, event.draft
      elseif event.event == "check" then
        answer.diagnostics = event.diagnostics
      elseif event.event == "failed" or event.event == "ask" then
        answer.failed = event.message or event.question
      end
    end
  end
  if answer.text then
    return answer
  end
  return nil, answer.failed or cli.words("prompt", result)
end

--- Asks a model and waits for all of the answer.
---@param opts seed.PromptOptions
---@return { text: string, draft?: string, diagnostics?: table[], events: table[] }? answer, string? err
function M.ask(opts)
  local args, stdin = arguments(opts)
  local result, err = cli.run(args, stdin, 2 ^ 31 - 1)
  if not result then
    return nil, err
  end
  return answered(result)
end

--- The window of an answer.
---@class seed.Answer
---@field buf integer
local Answer = {}
Answer.__index = Answer

function Answer.open()
  local window = require("seed.window").show("prompt", "answer", page_of.text(""), "markdown")
  vim.wo[0][0].wrap = true
  vim.wo[0][0].linebreak = true
  return setmetatable({ buf = window.buf, window = window }, Answer)
end

--- Adds a text behind the last character, wherever a piece of it was cut.
function Answer:stream(text)
  if not vim.api.nvim_buf_is_valid(self.buf) then
    return
  end
  local last = vim.api.nvim_buf_line_count(self.buf)
  local line = vim.api.nvim_buf_get_lines(self.buf, last - 1, last, true)[1]
  vim.bo[self.buf].modifiable = true
  vim.api.nvim_buf_set_text(self.buf, last - 1, #line, last - 1, #line, vim.split(text, "\n"))
  vim.bo[self.buf].modifiable = false
  local height = vim.api.nvim_buf_line_count(self.buf)
  for _, win in ipairs(vim.fn.win_findbuf(self.buf)) do
    -- Who has gone up to read stays there.
    if vim.api.nvim_win_get_cursor(win)[1] >= last then
      vim.api.nvim_win_set_cursor(win, { height, 0 })
    end
  end
end

--- Adds lines of Seed's own.
function Answer:say(words, group)
  local page = page_of.new()
  page:block(words, group)
  self.window:add(page)
  self:stream("\n")
end

--- What a check of a draft came to, in words.
local function checked(event)
  local errors = vim.tbl_filter(function(one)
    return one.severity == "error"
  end, event.diagnostics or {})
  if event.draft == nil then
    return "the answer contains no spec" .. (event.goes_back and "; asking the model again" or "")
  elseif #errors == 0 then
    return "checked: the draft has no mistakes"
  end
  local lines = { ("checked: the draft has %d mistakes"):format(#errors) }
  for _, one in ipairs(errors) do
    table.insert(lines, ("  line %d: %s"):format(one.range.start.line + 1, one.message))
  end
  if event.goes_back then
    table.insert(lines, "asking the model to fix them")
  end
  return table.concat(lines, "\n")
end

--- All that would be sent, to be read before the yes.
local function messages(event)
  local lines = {}
  for _, message in ipairs(event.messages or {}) do
    table.insert(lines, ("[%s]\n%s\n"):format(message.role, message.text))
  end
  return table.concat(lines, "\n")
end

--- Where an answer is shown and how it goes on; the same for a window and for a terminal.
local function hooks(show, opts, target, finish)
  local context, asked, done, failed
  return {
    event = function(event)
      if event.event == "context" then
        context = event
        local where = event.remote and "" or ", on this machine"
        show.say(
          ("%s %s at %s%s, about %d tokens"):format(event.provider, event.model, event.endpoint, where, event.tokens)
        )
      elseif event.event == "ask" then
        asked = event
      elseif event.event == "text" then
        show.text(event.text)
      elseif event.event == "retry" then
        show.say("retrying: " .. event.why)
      elseif event.event == "remark" then
        show.say(event.message)
      elseif event.event == "usage" then
        local cost = event.cost and (", %.4f %s"):format(event.cost, event.currency or "") or ""
        show.say(("%s input tokens, %s output tokens%s"):format(event.input or "?", event.output or "?", cost))
      elseif event.event == "check" then
        show.say(checked(event))
      elseif event.event == "done" then
        done = event
      elseif event.event == "failed" then
        failed = event.message
      end
    end,
    exit = function(result)
      running = nil
      if asked then
        return show.consent(asked, messages(context or {}), function()
          M.start(vim.tbl_extend("force", opts, { yes = true }), show, target, finish)
        end)
      elseif done then
        if done.draft and target then
          draft.offer(done.draft, target)
        end
        return finish(0)
      end
      show.failed(failed or cli.words("prompt", result))
      finish(result.code == 0 and 1 or result.code)
    end,
  }
end

--- Starts to ask.
---@param opts seed.PromptOptions
function M.start(opts, show, target, finish)
  local args, stdin = arguments(opts)
  local process, err = cli.start(args, stdin, hooks(show, opts, target, finish))
  if not process then
    show.failed(err)
    return finish(1)
  end
  running = process
end

--- Ends what runs, at once: the program closes its connection.
---@return boolean whether something ran
function M.stop()
  if not running then
    return false
  end
  running:kill("sigint")
  return true
end

local function on_screen(answer)
  return {
    say = function(words)
      answer:say(words, "SeedReason")
    end,
    text = function(text)
      answer:stream(text)
    end,
    failed = function(words)
      answer:say(words, "SeedFailed")
    end,
    consent = function(asked, all, go)
      answer:say("This is what would be sent:\n\n" .. all)
      vim.cmd.redraw()
      vim.ui.select({ "Send it", "Cancel" }, { prompt = asked.question, kind = "seed" }, function(choice)
        if choice == "Send it" then
          return go()
        end
        answer:say("nothing was sent", "SeedReason")
      end)
    end,
  }
end

local function in_terminal()
  return {
    say = function(words)
      io.stderr:write(words, "\n")
    end,
    text = function(text)
      io.stdout:write(text)
      io.stdout:flush()
    end,
    failed = function(words)
      io.stderr:write(words, "\n")
    end,
  }
end

--- The prompt that is named by `++NAME`, and the rest of the words.
local function split(call)
  local first, rest = call.args:match("^%+%+(%S+)%s*(.*)$")
  if first then
    return first, rest
  end
  return nil, call.args
end

--- `:SeedPrompt [++NAME] [TEXT]`, `:SeedPrompt accept`, `:SeedPrompt reject`.
function M.run(speaker, call)
  if call.args == "accept" or call.args == "reject" then
    local words, err = draft[call.args]()
    return speaker:finish(err and 1 or 0, page_of.text(err or words))
  end
  local buf = vim.api.nvim_get_current_buf()
  local name, text = split(call)
  local lines = call.range > 0 and { call.line1, call.line2 } or nil
  local opts = { text = text, prompt = name, buf = buf, lines = lines, yes = call.bang or nil }
  if #vim.api.nvim_list_uis() == 0 then
    local show = in_terminal()
    show.consent = function(asked)
      show.failed(asked.question .. " There is no window to answer in; add ! to the command to agree beforehand")
      speaker.code = 3
    end
    return M.start(opts, show, nil, function(code)
      io.stdout:write("\n")
      speaker.code = code
    end)
  end
  speaker.code = 0
  if running then
    return vim.notify("seed: a request is running; :SeedStop ends it", vim.log.levels.ERROR)
  end
  local function go(words)
    opts.text = words
    local target = draft.target(buf, lines)
    local answer = Answer.open()
    answer.window:on_interrupt(M.stop)
    M.start(opts, on_screen(answer), target, function() end)
  end
  if text ~= "" or name then
    return go(text)
  end
  vim.ui.input(
    { prompt = "Prompt: ", completion = "customlist,v:lua.require'seed.prompt'.complete_input" },
    function(words)
      if words and vim.trim(words) ~= "" then
        go(words)
      end
    end
  )
end

--- `:SeedStop`.
function M.run_stop(speaker)
  local was_running = M.stop()
  if package.loaded["seed.duck"] then
    was_running = require("seed.duck").stop() or was_running
  end
  speaker:finish(0, page_of.text(was_running and "stopped" or "no request is running"))
end

--- The words of context that begin so, for the current buffer.
---@param lead string
---@return string[]
function M.words(lead)
  if not vim.startswith(lead, "#") then
    return {}
  end
  local args, stdin = arguments({})
  -- Without the text, which completion takes the place of.
  args = vim.list_slice(args, 1, #args - 2)
  local result = cli.run(vim.list_extend(args, { "--complete", lead }), stdin, PATIENCE)
  local answer = result and cli.decode(result.stdout)
  return vim.tbl_map(function(one)
    return one.word
  end, answer and answer.words or {})
end

--- The same where a whole line is asked for: what stands before the word stays.
---@param line string
---@return string[]
function M.complete_input(line)
  local before, lead = line:match("^(.-)(%S*)$")
  return vim.tbl_map(function(word)
    return before .. word
  end, M.words(lead))
end

--- What can stand behind `:SeedPrompt`.
---@param lead string
---@param is_first boolean
---@return string[]
function M.complete(lead, is_first)
  if not is_first or vim.startswith(lead, "#") then
    return M.words(lead)
  end
  local words = { "accept", "reject" }
  local result = cli.run({ "prompt", "--list", "--json" }, nil, PATIENCE)
  local answer = result and cli.decode(result.stdout)
  for _, one in ipairs(answer and answer.prompts or {}) do
    table.insert(words, "++" .. one.name)
  end
  return words
end

return M
