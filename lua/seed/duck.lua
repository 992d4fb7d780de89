--- The rubber duck: a window to explain a spec in, and beside it what the explanation told, missed and got wrong, as it is written.
local cli = require("seed.cli")
local page_of = require("seed.page")

local M = {}

local namespace = vim.api.nvim_create_namespace("seed-duck")

--- How long after the last key the duck answers, in milliseconds.
local PAUSE = 200

--- How wide the windows are, in columns.
local WIDTH = 60

---@class seed.Session
---@field spec integer the buffer of the spec
---@field path string its file
---@field text integer the buffer of the explanation
---@field page integer the buffer of the reflection
---@field asked integer how often the duck was asked, so that late answers are told
---@field told string what was recorded last
---@field model? string what a model said, as lines

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
  purpose = "why it is there",
  exists = "what it is",
  parameter = "a value that matters",
  depends = "what it needs, or what needs it",
  destroys = "what is lost with it",
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
    heading("contradicted", fact.role or "")
    wrapped(page, "you: " .. (found.sentence or ""), "    ")
    wrapped(page, "the spec: " .. fact.text, "    ", "SeedFailed")
  end)
  facts("unclear", function(fact, found)
    heading("unclear", ("%s: %s"):format(fact.role or "the spec", KINDS[fact.kind] or fact.kind))
    if found.sentence then
      wrapped(page, "you: " .. found.sentence, "    ", "SeedReason")
    end
  end)
  facts("covered", function(fact)
    heading("covered", "")
    page.lines[#page.lines] = SIGNS.covered[1] .. " " .. fact.text
  end)
  -- What is missing is named and not told: by role, with what kinds of it.
  local kinds, order = {}, {}
  facts("missing", function(fact)
    local role = fact.role ~= "" and fact.role or "the spec"
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
  if session.model then
    page:add("")
    page:add({ "the model says", "SeedTitle" })
    wrapped(page, session.model, "", "SeedReason")
  end
  fill(session.page, page)
  mark(session, answer)
end

--- Asks the language server, which knows the text of the spec as it is this moment.
local function reflect(session)
  local client = vim.lsp.get_clients({ name = "seed", bufnr = session.spec })[1]
  if not client or not client.initialized then
    return vim.defer_fn(function()
      if vim.api.nvim_buf_is_valid(session.text) and vim.api.nvim_buf_is_loaded(session.spec) then
        reflect(session)
      end
    end, PAUSE)
  end
  session.asked = session.asked + 1
  local mine = session.asked
  local argument = { uri = vim.uri_from_bufnr(session.spec), explanation = explanation(session) }
  client:request("workspace/executeCommand", { command = "seed.duck", arguments = { argument } }, function(err, answer)
    if mine ~= session.asked or not vim.api.nvim_buf_is_valid(session.page) then
      return
    elseif err then
      return fill(session.page, page_of.text(err.message))
    end
    show(session, answer)
  end, session.spec)
end

--- Keeps the explanation in the history, and asks the model where one is wanted.
local function record(session, done)
  local text = explanation(session)
  if vim.trim(text) == "" or text == session.told then
    return done and done()
  end
  session.told = text
  local args = { "duck", session.path, "--explain", "-", "--json" }
  if not require("seed.config").get().duck_model then
    table.insert(args, "--no-model")
  end
  local process, err = cli.start(args, text, {
    exit = function(result)
      local answer = cli.answer("duck", result)
      if not answer then
        vim.notify("seed: " .. cli.words("duck", result), vim.log.levels.ERROR)
      elseif answer.model and vim.api.nvim_buf_is_valid(session.page) then
        session.model = answer.model.reply or answer.model.error
        show(session, answer)
      end
      if done then
        done()
      end
    end,
  })
  if not process then
    vim.notify("seed: " .. err, vim.log.levels.ERROR)
  end
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
  local session = { spec = spec, path = path, asked = 0, told = "" }
  session.text = buffer("seed://duck/" .. path, "markdown")
  session.page = buffer("seed://reflection/" .. path, "seed-duck")
  vim.bo[session.page].modifiable = false
  -- Writing it keeps it in the history, and not in a file.
  vim.bo[session.text].buftype = "acwrite"
  local group = vim.api.nvim_create_augroup("seed-duck-" .. spec, {})
  local timer = assert(vim.uv.new_timer())
  local function soon()
    timer:start(
      PAUSE,
      0,
      vim.schedule_wrap(function()
        if vim.api.nvim_buf_is_valid(session.text) then
          reflect(session)
        end
      end)
    )
  end
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
      record(session)
    end,
  })
  vim.api.nvim_create_autocmd({ "BufWipeout", "BufUnload" }, {
    group = group,
    buffer = session.text,
    callback = function()
      record(session)
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
    vim.wo[0][0].winbar = "explain it in your own words; :w keeps it"
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
  local result, err = cli.run({ "duck", path, "--explain", "-", "--json", "--no-model" }, text)
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
