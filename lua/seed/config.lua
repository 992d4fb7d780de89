--- The options in `vim.g.seed`. The defaults, the checks and the section of the help all come from one table.
local M = {}

---@class seed.Option
---@field name string
---@field type "string"|"boolean"|"number"
---@field choices? string[] the only values allowed
---@field default? string|boolean|number
---@field doc string

---@type seed.Option[]
M.schema = {
  {
    name = "server",
    type = "string",
    doc = "The program `seed`. By default the one in $PATH, or else the one built in the plugin's own checkout "
      .. "(target/release, target/debug).",
  },
  {
    name = "attach",
    type = "boolean",
    default = true,
    doc = "Attach the language server automatically: to specs, to files with fragment markers, and to notes beside a spec.",
  },
  {
    name = "restarts",
    type = "number",
    default = 3,
    doc = "How often a crashed language server is restarted within one minute.",
  },
  {
    name = "code_lens",
    type = "boolean",
    default = true,
    doc = "Show code lenses and keep them current, see |seed-code-lenses|.",
  },
  {
    name = "window",
    type = "string",
    choices = { "split", "vsplit", "tab", "float" },
    default = "split",
    doc = "Where plans, observations and logs open.",
  },
  {
    name = "graph",
    type = "string",
    choices = { "svg", "mermaid", "dot", "json" },
    default = "svg",
    doc = "The default format of |:SeedGraph|. A picture (svg) opens with |vim.ui.open()|, the others as text.",
  },
  {
    name = "picker",
    type = "string",
    choices = { "auto", "telescope", "fzf-lua", "snacks", "select" },
    default = "auto",
    doc = "The picker of |:SeedRecall|: an installed one, or |vim.ui.select()|. `auto` takes the first that is installed.",
  },
  {
    name = "duck_model",
    type = "boolean",
    default = false,
    doc = "Let the language model of |:SeedPrompt| judge an explanation when you save it (`:w`) in the window of |:SeedDuck|. "
      .. "A model on another machine is asked only after you allowed it in |:SeedPrompt|. |:SeedStop| ends the request.",
  },
  {
    name = "sudo",
    type = "string",
    default = "sudo",
    doc = "The program that runs `seed` as root when a plan needs it. It must accept the options -n, -S and -p of sudo.",
  },
  {
    name = "timeout",
    type = "number",
    default = 60000,
    doc = "How many milliseconds the functions of |seed-lua| that change nothing wait for `seed`.",
  },
}

local function option(name)
  for _, one in ipairs(M.schema) do
    if one.name == name then
      return one
    end
  end
end

local function problem_of(name, value)
  local known = option(name)
  if not known then
    local names = vim.tbl_map(function(one)
      return one.name
    end, M.schema)
    return ("vim.g.seed.%s is not an option; the options are %s"):format(tostring(name), table.concat(names, ", "))
  end
  if type(value) ~= known.type then
    return ("vim.g.seed.%s must be a %s, not a %s"):format(name, known.type, type(value))
  end
  if known.choices and not vim.tbl_contains(known.choices, value) then
    return ("vim.g.seed.%s is %q; it can be %s"):format(name, value, table.concat(known.choices, ", "))
  end
end

--- What the user set and what is wrong with it, in words.
---@return table<string, any> set, string[] problems
local function read()
  local set = vim.g.seed
  if set == nil then
    return {}, {}
  end
  if type(set) ~= "table" then
    return {}, { ("vim.g.seed must be a table, not a %s"):format(type(set)) }
  end
  local good, problems = {}, {}
  for name, value in vim.spairs(set) do
    local problem = problem_of(name, value)
    if problem then
      table.insert(problems, problem)
    else
      good[name] = value
    end
  end
  return good, problems
end

--- What is wrong with `vim.g.seed`, in words.
---@return string[]
function M.problems()
  local _, problems = read()
  return problems
end

--- The options: what the user set, and the defaults for the rest and for what is wrong, which is said once.
---@return table<string, any>
function M.get()
  local options, problems = read()
  for _, problem in ipairs(problems) do
    vim.notify_once("seed: " .. problem, vim.log.levels.WARN)
  end
  for _, one in ipairs(M.schema) do
    if options[one.name] == nil then
      options[one.name] = one.default
    end
  end
  return options
end

local function wrapped(text, indent, width)
  local lines, line = {}, indent
  for word in text:gmatch("%S+") do
    if #line > #indent and #line + 1 + #word > width then
      table.insert(lines, line)
      line = indent
    end
    line = line .. (#line > #indent and " " or "") .. word
  end
  table.insert(lines, line)
  return lines
end

--- The section of the help that describes the options, as lines.
---@return string[]
function M.help()
  local lines = {}
  for _, one in ipairs(M.schema) do
    local tag = ("*seed-config-%s*"):format(one.name)
    local head = ("%s (%s"):format(one.name, one.type)
    if one.default ~= nil then
      head = ("%s, default %s"):format(head, vim.inspect(one.default))
    end
    head = head .. ")"
    table.insert(lines, head .. (" "):rep(math.max(1, 78 - #head - #tag)) .. tag)
    vim.list_extend(lines, wrapped(one.doc, "    ", 78))
    if one.choices then
      vim.list_extend(lines, wrapped("One of " .. table.concat(one.choices, ", ") .. ".", "    ", 78))
    end
    table.insert(lines, "")
  end
  return lines
end

return M
