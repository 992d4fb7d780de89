--- The rubber duck: a window to explain a spec in, and beside it what the explanation covers, misses and gets wrong.
local cli = require("seed.cli")
local page_of = require("seed.page")

local M = {}

local namespace = vim.api.nvim_create_namespace("seed-duck")

--- How long after the last key the duck answers, in milliseconds.
local PAUSE = 200

--- How often the duck waits for a language server that is not there yet, before it says so.
local TRIES = 50

--- How long the end of Neovim waits for what was explained last to be kept, in milliseconds.
local LAST_WAIT = 5000

--- How wide the windows are, in columns.
local WIDTH = 60

---@class seed.Judged
---@field model? string
---@field status string
---@field why? string
---@field disputed table[] verdicts that the facts deny
---@field reply? string what it says to the person
---@field denied table[] sentences of that which the facts deny

---@class seed.Session
---@field spec integer the buffer of the spec
---@field path string its file
---@field text integer the buffer of the explanation
---@field page integer the buffer of the reflection
---@field asked integer how often the duck was asked, so that late answers are told
---@field told string what was recorded last
---@field judged? seed.Judged what became of the model
---@field process? vim.SystemObj what records and judges at the moment
---@field waiting? { [1]: boolean, [2]: string } what is to be kept behind that
---@field tries integer how often the language server was not there yet

---@type table<integer, seed.Session> by the buffer of the spec
local sessions = {}

--- How each state of a fact is shown.
local SIGNS = {
  covered = { "✓", "SeedDone" },
  unclear = { "?", "SeedUnknown" },
  missing = { "○", "SeedReason" },
  contradicted = { "✗", "SeedFailed" },
}

--- What a kind of fact is asked for, so that the answer is not given away.
local KINDS = {
  purpose = "what it is for",
  exists = "what it is",
  parameter = "a value that matters",
  depends = "what it needs, or what needs it",
  destroys = "what data it destroys",
  exposes = "who can reach it",
  risk = "what can go wrong",
}

--- The facts with what became of them.
local function states(answer)
  local of = {}
  for _, state in ipairs({ "covered", "unclear", "missing" }) do
    for _, id in ipairs(answer[state] or {}) do
      of[id] = { state = state, sentence = answer.covered_by and answer.covered_by[id] }
    end
  end
  for _, one in ipairs(answer.contradicted or {}) do
    of[one.id] = { state = "contradicted", sentence = one.claim }
  end
  return of
end

local function bar(score)
  local full = math.floor(score * 20 + 0.5)
  return ("█"):rep(full) .. ("░"):rep(20 - full) .. (" %d %%"):format(math.floor(score * 100 + 0.5))
end

local function wrapped(page, text, indent, group)
  local line = indent
  for word in text:gmatch("%S+") do
    if #line > #indent and vim.fn.strdisplaywidth(line .. " " .. word) > WIDTH - 2 then
      page:add({ line, group })
      line = indent
    end
    line = line .. (#line > #indent and " " or "") .. word
  end
  page:add({ line, group })
end

--- The role that a fact is about; facts of the whole spec have none.
local function name_of(fact)
  return fact.role and fact.role ~= "" and fact.role or "the spec"
end

--- The reflection, as `seed duck --json` gives it, as a page.
---@param answer table
---@return seed.Page
function M.page(answer)
  local page, of = page_of.new(), states(answer)
  page:add({ bar(answer.score or 0), "SeedTitle" })
  if answer.note then
    wrapped(page, answer.note, "", "SeedUnknown")
  end
  if answer.question then
    page:add("")
    wrapped(page, answer.question, "", "SeedProgress")
  end
  local function facts(state, show)
    local is_first = true
    for _, fact in ipairs(answer.facts or {}) do
      local found = of[fact.id]
      if found and found.state == state then
        if is_first then
          page:add("")
          is_first = false
        end
        show(fact, found)
      end
    end
  end
  local function heading(state, text)
    local sign = SIGNS[state]
    page:add({ sign[1] .. " ", sign[2] }, text)
  end
  facts("contradicted", function(fact, found)
    heading("contradicted", name_of(fact))
    wrapped(page, "you: " .. (found.sentence or ""), "    ")
    wrapped(page, "the spec: " .. fact.text, "    ", "SeedFailed")
  end)
  facts("unclear", function(fact, found)
    heading("unclear", ("%s: %s"):format(name_of(fact), KINDS[fact.kind] or fact.kind))
    if found.sentence then
      wrapped(page, "you: " .. found.sentence, "    ", "SeedReason")
    end
  end)
  facts("covered", function(fact)
    wrapped(page, SIGNS.covered[1] .. " " .. fact.text, "", "SeedDone")
  end)
  -- What is missing is only named: the role and the kinds of facts.
  local kinds, order = {}, {}
  facts("missing", function(fact)
    local role = name_of(fact)
    if not kinds[role] then
      kinds[role] = {}
      table.insert(order, role)
    end
    local words = KINDS[fact.kind] or fact.kind
    if not vim.tbl_contains(kinds[role], words) then
      table.insert(kinds[role], words)
    end
  end)
  for _, role in ipairs(order) do
    wrapped(page, ("%s %s: %s"):format(SIGNS.missing[1], role, table.concat(kinds[role], "; ")), "", "SeedReason")
  end
  return page
end

local function fill(buf, page)
  if not vim.api.nvim_buf_is_valid(buf) then
    return
  end
  vim.bo[buf].modifiable = true
  vim.api.nvim_buf_set_lines(buf, 0, -1, true, page.lines)
  vim.bo[buf].modifiable = false
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  for _, mark in ipairs(page.marks) do
    vim.api.nvim_buf_set_extmark(buf, namespace, mark.row, mark.from, { end_col = mark.to, hl_group = mark.group })
  end
end

--- Marks the facts at their places in the spec.
local function mark(session, answer)
  local buf = session.spec
  if not vim.api.nvim_buf_is_loaded(buf) then
    return
  end
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  local of, shown = states(answer), {}
  local last = vim.api.nvim_buf_line_count(buf) - 1
  for _, fact in ipairs(answer.facts or {}) do
    local found = of[fact.id]
    local row = type(fact.range) == "table" and fact.range.start and fact.range.start.line
    local is_here = fact.path == nil or vim.fs.basename(fact.path) == vim.fs.basename(session.path)
    if found and found.state ~= "missing" and row and row <= last and is_here then
      shown[row] = shown[row] or {}
      table.insert(shown[row], SIGNS[found.state])
      if found.state == "contradicted" and found.sentence then
        table.insert(shown[row], { "you: " .. found.sentence, SIGNS.contradicted[2] })
      end
    end
  end
  for row, signs in pairs(shown) do
    local text = { { " " } }
    for _, sign in ipairs(signs) do
      table.insert(text, { " " .. sign[1], sign[2] })
    end
    vim.api.nvim_buf_set_extmark(buf, namespace, row, 0, { virt_text = text })
  end
end

local function explanation(session)
  return table.concat(vim.api.nvim_buf_get_lines(session.text, 0, -1, true), "\n")
end

local function show(session, answer)
  local page = M.page(answer)
  local judged = session.told == explanation(session) and session.judged
  if judged then
    page:add("")
    if judged.why then
      wrapped(
        page,
        ("the model did not answer: %s; this is the result without it"):format(judged.why),
        "",
        "SeedUnknown"
      )
    else
      wrapped(page, "judged by " .. (judged.model or "a model"), "", "SeedReason")
    end
    for _, one in ipairs(judged.disputed or {}) do
      wrapped(page, ("! the model calls %s %s, but %s"):format(one.id, one.model, one.because), "", "SeedUnknown")
    end
    if type(judged.reply) == "string" then
      page:add("")
      wrapped(page, judged.reply, "", "SeedProgress")
    end
    for _, one in ipairs(judged.denied or {}) do
      wrapped(
        page,
        ("! the model says “%s”, but the spec contradicts this (%s)"):format(one.claim, one.id),
        "",
        "SeedUnknown"
      )
    end
  end
  fill(session.page, page)
  mark(session, answer)
end

--- Asks the language server, which knows the text of the spec as it is this moment.
local function reflect(session)
  local client = vim.lsp.get_clients({ name = "seed", bufnr = session.spec })[1]
  if not client or not client.initialized then
    session.tries = session.tries + 1
    if session.tries > TRIES then
      session.tries = 0
      local words = "the language server is not attached to the spec; see :checkhealth seed"
      return fill(session.page, page_of.text(words))
    end
    return session.soon()
  end
  session.tries = 0
  session.asked = session.asked + 1
  local mine = session.asked
  local argument = { uri = vim.uri_from_bufnr(session.spec), explanation = explanation(session) }
  client:request("workspace/executeCommand", { command = "seed.duck", arguments = { argument } }, function(err, answer)
    local is_there = vim.api.nvim_buf_is_valid(session.page) and vim.api.nvim_buf_is_valid(session.text)
    if mine ~= session.asked or not is_there then
      return
    elseif err then
      return fill(session.page, page_of.text(err.message))
    end
    show(session, answer)
  end, session.spec)
end

--- The arguments that keep an explanation, and what is read on standard input. What is not written of a spec counts, too.
---@param text string
---@param spec integer? its buffer, if it has one
---@return string[] args, string stdin, string? file of the explanation, to be removed
local function keeping(text, spec, path)
  if not spec or not vim.api.nvim_buf_is_loaded(spec) or not vim.bo[spec].modified then
    return { "duck", path, "--explain", "-", "--json" }, text
  end
  local file = vim.fn.tempname()
  vim.fn.writefile(vim.split(text, "\n"), file, "b")
  return { "duck", "-", "--path", path, "--explain", file, "--json" }, cli.text_of(spec), file
end

--- Keeps the explanation in the history; with a model, it judges before.
---@param session seed.Session
---@param has_model boolean
---@param text? string what was explained, where the buffer may be gone
local function record(session, has_model, text)
  text = text or explanation(session)
  if vim.trim(text) == "" or text == session.told then
    return
  elseif session.process then
    -- One after the other, so that the history is in order.
    session.waiting = { has_model, text }
    return
  end
  session.told, session.judged = text, nil
  local args, stdin, file = keeping(text, session.spec, session.path)
  table.insert(args, has_model and "--model" or "--no-model")
  local process, err = cli.start(args, stdin, {
    exit = function(result)
      session.process = nil
      if file then
        vim.fn.delete(file)
      end
      local answer = cli.answer("duck", result)
      if not answer then
        session.told = ""
        if has_model and not session.ended then
          -- It was stopped, or broke: what was explained is kept all the same.
          return record(session, false, text)
        elseif vim.api.nvim_buf_is_valid(session.text) then
          vim.bo[session.text].modified = true
        end
        return vim.notify("seed: cannot save the explanation: " .. cli.words("duck", result), vim.log.levels.ERROR)
      end
      session.judged = answer.model
      if session.waiting then
        local waiting = session.waiting
        session.waiting = nil
        return record(session, unpack(waiting))
      end
      -- What has been written meanwhile has an answer of its own.
      if has_model and vim.api.nvim_buf_is_loaded(session.text) and explanation(session) == text then
        show(session, answer)
      end
    end,
  })
  session.process = process
  if not process then
    session.told = ""
    vim.notify("seed: " .. err, vim.log.levels.ERROR)
  end
end

--- Keeps what was explained last, and waits for it.
local function record_at_end(session)
  if session.process then
    session.ended = true
    session.process:kill("sigint")
    vim.wait(LAST_WAIT, function()
      return session.process == nil
    end, 5)
  end
  session.ended = nil
  record(session, false)
  vim.wait(LAST_WAIT, function()
    return session.process == nil
  end, 5)
end

--- Ends what a model is asked; what was explained is kept without it.
---@return boolean whether one was asked
function M.stop()
  local stopped = false
  for _, session in pairs(sessions) do
    if session.process then
      session.process:kill("sigint")
      stopped = true
    end
  end
  return stopped
end

local function buffer(name, filetype)
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buf, name)
  vim.bo[buf].filetype = filetype
  vim.bo[buf].swapfile = false
  return buf
end

--- Begins to explain a spec.
---@param spec integer
---@return seed.Session
local function begin(spec)
  local path = vim.api.nvim_buf_get_name(spec)
  local session = { spec = spec, path = path, asked = 0, tries = 0, told = "" }
  session.text = buffer("seed://duck/" .. path, "markdown")
  session.page = buffer("seed://reflection/" .. path, "seed-duck")
  vim.bo[session.page].modifiable = false
  -- Writing it keeps it in the history, and not in a file.
  vim.bo[session.text].buftype = "acwrite"
  local group = vim.api.nvim_create_augroup("seed-duck-" .. spec, {})
  local timer = assert(vim.uv.new_timer())
  local function soon()
    if timer:is_closing() then
      return
    end
    timer:start(
      PAUSE,
      0,
      vim.schedule_wrap(function()
        if vim.api.nvim_buf_is_loaded(session.text) and vim.api.nvim_buf_is_loaded(session.spec) then
          reflect(session)
        end
      end)
    )
  end
  session.soon = soon
  vim.api.nvim_create_autocmd(
    { "TextChanged", "TextChangedI" },
    { group = group, buffer = session.text, callback = soon }
  )
  vim.api.nvim_create_autocmd({ "TextChanged", "InsertLeave" }, { group = group, buffer = spec, callback = soon })
  vim.api.nvim_create_autocmd("BufWriteCmd", {
    group = group,
    buffer = session.text,
    callback = function()
      vim.bo[session.text].modified = false
      record(session, require("seed.config").get().duck_model)
    end,
  })
  -- A window that is closed leaves the buffer behind, hidden.
  vim.api.nvim_create_autocmd("BufHidden", {
    group = group,
    buffer = session.text,
    callback = function()
      record(session, false)
    end,
  })
  -- What is kept at the end of Neovim must not hold it up with a question.
  vim.api.nvim_create_autocmd("QuitPre", {
    group = group,
    callback = function()
      vim.bo[session.text].modified = false
    end,
  })
  vim.api.nvim_create_autocmd("VimLeavePre", {
    group = group,
    callback = function()
      record_at_end(session)
    end,
  })
  vim.api.nvim_create_autocmd({ "BufWipeout", "BufUnload" }, {
    group = group,
    buffer = session.text,
    callback = function()
      record(session, false)
      if not timer:is_closing() then
        timer:close()
      end
      sessions[spec] = nil
      if vim.api.nvim_buf_is_loaded(spec) then
        vim.api.nvim_buf_clear_namespace(spec, namespace, 0, -1)
      end
      vim.schedule(function()
        pcall(vim.api.nvim_del_augroup_by_id, group)
        pcall(vim.api.nvim_buf_delete, session.page, { force = true })
      end)
    end,
  })
  sessions[spec] = session
  return session
end

--- Shows the windows of a session, where they are not there.
local function open(session)
  for group, link in pairs(page_of.groups) do
    vim.api.nvim_set_hl(0, group, { link = link, default = true })
  end
  local shown = vim.fn.win_findbuf(session.text)[1]
  if not shown then
    vim.cmd("vertical botright split")
    vim.api.nvim_win_set_buf(0, session.text)
    vim.api.nvim_win_set_width(0, WIDTH)
    vim.wo[0][0].wrap, vim.wo[0][0].linebreak, vim.wo[0][0].number = true, true, false
    vim.wo[0][0].winbar = "explain the spec in your own words; :w saves"
    shown = vim.api.nvim_get_current_win()
    if #vim.fn.win_findbuf(session.page) == 0 then
      vim.cmd("rightbelow split")
      vim.api.nvim_win_set_buf(0, session.page)
      vim.wo[0][0].wrap, vim.wo[0][0].number, vim.wo[0][0].signcolumn = false, false, "no"
      vim.wo[0][0].winbar = "the duck"
    end
  end
  vim.api.nvim_set_current_win(shown)
end

--- What is asked about code that is no spec: the selection, or what is seen of the buffer.
local function code_of(call)
  if call.range > 0 then
    return vim.api.nvim_buf_get_lines(0, call.line1 - 1, call.line2, true)
  end
  return vim.api.nvim_buf_get_lines(0, vim.fn.line("w0") - 1, vim.fn.line("w$"), true)
end

local function about_code(speaker, call)
  local name = vim.api.nvim_buf_get_name(0)
  local args = { "duck", "--code", "-", "--json", "--no-model" }
  if name ~= "" then
    vim.list_extend(args, { "--path", name })
  end
  local explains
  if call.args ~= "" then
    explains = vim.fn.tempname()
    vim.fn.writefile({ call.args }, explains)
    vim.list_extend(args, { "--explain", explains })
  end
  local result, err = cli.run(args, table.concat(code_of(call), "\n") .. "\n")
  if explains then
    vim.fn.delete(explains)
  end
  local answer
  if result then
    answer, err = cli.answer("duck", result)
  end
  if not answer then
    return speaker:finish(1, page_of.text(err))
  end
  speaker:show("duck", name, M.page(answer))
  speaker.code = 0
end

--- What an explanation of a spec comes to; kept in the history.
---@param text string
---@param path string
---@return table? answer, string? err
function M.explain(text, path)
  local buf = vim.fn.bufnr("^" .. vim.fn.escape(path, [[\*?[{]]) .. "$")
  local args, stdin, file = keeping(text, buf > 0 and buf or nil, path)
  local result, err = cli.run(vim.list_extend(args, { "--no-model" }), stdin)
  if file then
    vim.fn.delete(file)
  end
  if not result then
    return nil, err
  end
  return cli.answer("duck", result)
end

--- `:SeedDuck [TEXT]`, `:SeedDuck history`.
function M.run(speaker, call)
  local buf = vim.api.nvim_get_current_buf()
  for spec, session in pairs(sessions) do
    if buf == session.text or buf == session.page then
      buf = spec
    end
  end
  if vim.bo[buf].filetype ~= "yaml.seed" then
    return about_code(speaker, call)
  end
  local path = vim.api.nvim_buf_get_name(buf)
  if call.args == "history" then
    local result, err = cli.run({ "duck", path, "--history", "--color", "never" })
    if not result or result.code ~= 0 then
      return speaker:finish(1, page_of.text(err or cli.words("duck", result)))
    end
    speaker:show("duck-history", path, page_of.text(result.stdout))
    speaker.code = 0
    return
  end
  if #vim.api.nvim_list_uis() == 0 then
    local answer, err = M.explain(call.args, path)
    if not answer then
      return speaker:finish(1, page_of.text(err))
    end
    speaker:show("duck", path, M.page(answer))
    speaker.code = 0
    return
  end
  speaker.code = 0
  local session = sessions[buf] or begin(buf)
  open(session)
  if call.args ~= "" then
    vim.api.nvim_buf_set_lines(session.text, 0, -1, true, vim.split(call.args, "\n"))
  end
  reflect(session)
end

return M
