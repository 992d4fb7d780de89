--- What Seed shows, as lines with highlights: a plan, an observation. Windows and the terminal show the same pages.
local M = {}

---@class seed.Mark
---@field row integer from 0
---@field from integer byte, from 0
---@field to integer
---@field group string

---@class seed.Page
---@field lines string[]
---@field marks seed.Mark[]
---@field rows table<string, integer> where the roles stand
---@field folds { [1]: integer, [2]: integer }[] first and last row of what folds, inner ones first
---@field indent string what stands before each line
local Page = {}
Page.__index = Page

---@return seed.Page
function M.new()
  return setmetatable({ lines = {}, marks = {}, rows = {}, folds = {}, indent = "" }, Page)
end

--- Adds a line made of pieces, each a text or a pair of text and highlight group.
function Page:add(...)
  local text = select("#", ...) == 1 and (...) == "" and "" or self.indent
  for _, piece in ipairs({ ... }) do
    local word, group = piece, nil
    if type(piece) == "table" then
      word, group = piece[1], piece[2]
    end
    if group then
      table.insert(self.marks, { row = #self.lines, from = #text, to = #text + #word, group = group })
    end
    text = text .. word
  end
  table.insert(self.lines, text)
end

--- Adds a text, line by line.
---@param text string
---@param group? string
function Page:block(text, group)
  for line in vim.gsplit(vim.trim(text), "\n") do
    self:add({ line, group })
  end
end

M.groups = {
  SeedTitle = "Title",
  SeedRole = "Identifier",
  SeedType = "Type",
  SeedCreate = "Added",
  SeedChange = "Changed",
  SeedReplace = "WarningMsg",
  SeedRemove = "Removed",
  SeedUnknown = "DiagnosticWarn",
  SeedDestructive = "ErrorMsg",
  SeedField = "Property",
  SeedReason = "Comment",
  SeedDone = "DiagnosticOk",
  SeedFailed = "DiagnosticError",
  SeedProgress = "DiagnosticInfo",
}

---@class seed.Kind
---@field sign string
---@field group string
---@field words string

---@type table<string, seed.Kind>
local ACTIONS = {
  create = { sign = "+", group = "SeedCreate", words = "to create" },
  change = { sign = "~", group = "SeedChange", words = "to change" },
  replace = { sign = "±", group = "SeedReplace", words = "to replace" },
  remove = { sign = "-", group = "SeedRemove", words = "to remove" },
  unknown = { sign = "?", group = "SeedUnknown", words = "unknown" },
}
local ORDER = { "create", "change", "replace", "remove", "unknown" }

---@type table<string, seed.Kind>
local STATES = {
  present = { sign = "✓", group = "SeedDone", words = "present" },
  absent = { sign = "·", group = "SeedReason", words = "absent" },
  drifted = { sign = "~", group = "SeedChange", words = "drifted" },
  unknown = { sign = "?", group = "SeedUnknown", words = "unknown" },
}

--- The longest piece of a text that is shown of it, in lines.
local MOST_LINES = 20

local function worded(value)
  if type(value) == "string" then
    return value == "" and '""' or value
  end
  return value == nil and "none" or vim.json.encode(value)
end

--- The lines of a text, few enough to read, each behind a sign.
local function excerpt(page, text, sign, group)
  local lines = vim.split(text, "\n")
  if lines[#lines] == "" then
    table.remove(lines)
  end
  for row = 1, math.min(#lines, MOST_LINES) do
    page:add("        ", { sign .. " " .. lines[row], group })
  end
  if #lines > MOST_LINES then
    page:add("        ", { ("… %d more lines"):format(#lines - MOST_LINES), "SeedReason" })
  end
end

local function difference(page, from, to)
  local diff = vim.diff(from, to, { ctxlen = 2 })
  local groups = { ["+"] = "SeedCreate", ["-"] = "SeedRemove" }
  local shown = 0
  for line in vim.gsplit(diff, "\n", { trimempty = true }) do
    local sign = line:sub(1, 1)
    if sign ~= "\\" then
      shown = shown + 1
      if shown > 3 * MOST_LINES then
        page:add("        ", { "…", "SeedReason" })
        return
      end
      page:add("        ", { line, sign == "@" and "SeedReason" or groups[sign] })
    end
  end
end

local function is_long(value)
  return type(value) == "string" and (value:find("\n") ~= nil or #value > 100)
end

local function change(page, field, from, to)
  local label = { "      " .. field .. ":", "SeedField" }
  if not is_long(from) and not is_long(to) then
    if from == nil then
      page:add(label, " ", worded(to))
    else
      page:add(label, " ", { worded(from), "SeedRemove" }, " → ", { worded(to), "SeedCreate" })
    end
    return
  end
  page:add(label)
  if type(from) == "string" and type(to) == "string" then
    difference(page, from, to)
  elseif type(to) == "string" then
    excerpt(page, to, "+", "SeedCreate")
  else
    excerpt(page, worded(from), "-", "SeedRemove")
    page:add("        ", { "+ " .. worded(to), "SeedCreate" })
  end
end

--- A word of a command; one with anything in it that could make another line or move the cursor as a JSON string.
local function shown(word)
  if word:find("^[%w_%-./=:,+@%%^]+$") then
    return word
  end
  return (vim.json.encode(word):gsub("\127", "\\u007f"):gsub("\194([\128-\159])", function(byte)
    return ("\\u00%02x"):format(byte:byte())
  end))
end

local function heading(page, name, kind, role)
  page.rows[role.role] = #page.lines
  local pieces = { "  ", { kind.sign .. " ", kind.group }, { name, "SeedRole" }, "  ", { role.is or "", "SeedType" } }
  if role.destructive then
    vim.list_extend(pieces, { "  ", { "destroys " .. (role.loses or "data"), "SeedDestructive" } })
  end
  page:add(unpack(pieces))
  if role.reason then
    for line in vim.gsplit(role.reason, "\n", { trimempty = true }) do
      page:add("      ", { line, "SeedReason" })
    end
  end
end

--- How many of each, in words: "2 to create, 5 unchanged".
---@param plan table
---@return string
function M.counts(plan)
  local summary, words = plan.summary or {}, {}
  for _, action in ipairs(ORDER) do
    if (summary[action] or 0) > 0 then
      table.insert(words, ("%d %s"):format(summary[action], ACTIONS[action].words))
    end
  end
  if (summary.none or 0) > 0 then
    table.insert(words, ("%d unchanged"):format(summary.none))
  end
  return #words > 0 and table.concat(words, ", ") or "no roles"
end

--- Whether a plan does anything.
---@param plan table
function M.is_idle(plan)
  return vim.iter(plan.actions):all(function(action)
    return action.action == "none"
  end)
end

--- For each role the composite roles that it is a part of, the outermost first, and for each of those how many of its parts
--- have which action.
local function composites(plan)
  local known, above, summaries = {}, {}, {}
  for _, one in ipairs(plan.composites or {}) do
    known[one.role] = one
  end
  for _, action in ipairs(plan.actions) do
    local chain, whole = {}, known[action.part_of]
    while whole do
      table.insert(chain, 1, whole)
      local summary = summaries[whole.role] or {}
      summary[action.action] = (summary[action.action] or 0) + 1
      summaries[whole.role] = summary
      whole = known[whole.part_of]
    end
    above[action.role] = chain
  end
  return { above = above, summaries = summaries }
end

--- The name of a part without that of what it is a part of.
local function inner_name(name, outer)
  local front = outer and outer.role .. "/"
  return front and vim.startswith(name, front) and name:sub(#front + 1) or name
end

--- Roles below the composite roles that they are parts of; those of one together, where its first stands.
local function tree(page, actions, wholes, depth)
  local below = {}
  for _, action in ipairs(actions) do
    local whole = wholes.above[action.role][depth]
    if whole then
      below[whole.role] = below[whole.role] or {}
      table.insert(below[whole.role], action)
    end
  end
  local indent = page.indent
  for _, action in ipairs(actions) do
    local chain = wholes.above[action.role]
    local whole = chain[depth]
    if not whole then
      page:add("")
      local name = inner_name(action.role, chain[depth - 1])
      heading(page, name, ACTIONS[action.action] or { sign = " ", group = "SeedReason" }, action)
      for _, command in ipairs(action.commands or {}) do
        page:add("      ", { "runs ", "SeedReason" }, table.concat(vim.tbl_map(shown, command), " "))
      end
      for _, one in ipairs(action.changes or {}) do
        change(page, one.field, one.from, one.to)
      end
    elseif below[whole.role] then
      local parts, first = below[whole.role], #page.lines + 1
      below[whole.role] = nil
      page:add("")
      local name = inner_name(whole.role, chain[depth - 1])
      local counts = M.counts({ summary = wholes.summaries[whole.role] })
      page:add(
        "  ",
        { "▾ ", "SeedReason" },
        { name, "SeedRole" },
        "  ",
        { whole.is, "SeedType" },
        "  ",
        { counts, "SeedReason" }
      )
      page.indent = indent .. "  "
      tree(page, parts, wholes, depth + 1)
      page.indent = indent
      table.insert(page.folds, { first, #page.lines - 1 })
    end
  end
end

--- A plan, as `seed plan --json` gives it.
---@param plan table
---@return seed.Page
function M.plan(plan)
  local page = M.new()
  page:add({ ("%s → %s"):format(vim.fs.basename(plan.spec or ""), plan.state or "present"), "SeedTitle" })
  page:add(M.counts(plan))
  if plan.continues then
    page:add({ "continues the journal of " .. plan.continues .. ", where this spec was before", "SeedReason" })
  end
  for _, damage in ipairs(plan.damage or {}) do
    local words = ("the journal is damaged: line %d %s (concerns: %s)"):format(damage.line, damage.message, damage.concerns)
    page:add({ words, "SeedFailed" })
  end
  local shown = vim.tbl_filter(function(action)
    return ACTIONS[action.action] ~= nil or action.reason ~= nil
  end, plan.actions)
  tree(page, shown, composites(plan), 1)
  return page
end

--- What was seen, as `seed info --json` gives it.
---@param info table
---@return seed.Page
function M.info(info)
  local page, counts = M.new(), {}
  for _, role in ipairs(info.roles) do
    counts[role.state] = (counts[role.state] or 0) + 1
  end
  local words = {}
  for _, state in ipairs({ "present", "drifted", "absent", "unknown" }) do
    if counts[state] then
      table.insert(words, ("%d %s"):format(counts[state], state))
    end
  end
  page:add({ #words > 0 and table.concat(words, ", ") or "no roles", "SeedTitle" })
  for _, role in ipairs(info.roles) do
    page:add("")
    heading(page, role.role, STATES[role.state] or STATES.unknown, role)
    local differs = {}
    for _, one in ipairs(role.drift or {}) do
      differs[one.field] = true
      change(page, one.field, one.have, one.want)
    end
    for field, value in vim.spairs(role.observed or {}) do
      if not differs[field] then
        local text = worded(value)
        local first = text:match("^[^\n]*")
        page:add({ "      " .. field .. ": ", "SeedField" }, first, first ~= text and { " …", "SeedReason" } or "")
      end
    end
  end
  return page
end

--- Text as it is.
---@param text string
---@return seed.Page
function M.text(text)
  local page = M.new()
  page:block(text)
  return page
end

--- How an apply ended, in words.
---@param summary table
---@return string
function M.outcome(summary)
  local words = { ("%d changed"):format(summary.changed or 0), ("%d unchanged"):format(summary.unchanged or 0) }
  for _, what in ipairs({ "failed", "skipped" }) do
    if (summary[what] or 0) > 0 then
      table.insert(words, ("%d %s"):format(summary[what], what))
    end
  end
  local took = summary.seconds and (" in %.1f s"):format(summary.seconds) or ""
  return (summary.interrupted and "interrupted: " or "") .. table.concat(words, ", ") .. took
end

--- What is happening to a role, in words, and how it is highlighted.
---@param event table
---@return string words, string group
function M.status(event)
  local first = event.message and event.message:match("^[^\n]*")
  if event.event == "done" then
    local took = event.seconds and (" in %.1f s"):format(event.seconds) or ""
    return (event.action == "none" and "nothing needed" or "done") .. took, "SeedDone"
  elseif event.event == "failed" then
    return "failed: " .. (first or ""), "SeedFailed"
  elseif event.event == "skipped" then
    return "skipped: " .. (first or ""), "SeedUnknown"
  end
  return first or "…", "SeedProgress"
end

return M
