--- The roles of the spec in a buffer: their names for completion, and where they stand for ranges.
local cli = require("seed.cli")

local M = {}

--- How long a completion may make the editor wait, in milliseconds.
local PATIENCE = 500

--- How long a range may make it wait.
local LONG_PATIENCE = 5000

--- The kind of symbol that a role is.
local ROLE = 5

--- The roles among symbols, however deep.
local function roles_in(symbols, found)
  for _, symbol in ipairs(symbols or {}) do
    if symbol.kind == ROLE then
      table.insert(found, symbol)
    else
      roles_in(symbol.children, found)
    end
  end
  return found
end

--- The roles as the language server sees them, also while the spec has mistakes.
---@param client vim.lsp.Client
---@return lsp.DocumentSymbol[]? roles, string? err
local function outlined(client, buf, patience)
  local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
  local answer, err = client:request_sync("textDocument/documentSymbol", params, patience, buf)
  if answer and answer.result then
    return roles_in(answer.result, {})
  end
  return nil, err or (answer and answer.err and answer.err.message) or "the language server did not answer"
end

---@type table<integer, { tick: integer, names: string[] }>
local known = {}

--- The names of the roles from `seed graph`, asked for once per change of the buffer.
local function graphed(buf)
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  if not known[buf] or known[buf].tick ~= tick then
    local result = cli.call("graph", { buf = buf, format = "json" }, PATIENCE)
    local graph = result and cli.answer("graph", result)
    if not graph then
      return {}
    end
    local names = vim.tbl_map(function(role)
      return role.role
    end, graph.roles)
    known[buf] = { tick = tick, names = names }
  end
  return known[buf].names
end

--- The names of all roles, as far as they can be had.
---@param buf integer
---@return string[]
function M.names(buf)
  local client = vim.lsp.get_clients({ name = "seed", bufnr = buf })[1]
  local roles = client and client.initialized and outlined(client, buf, PATIENCE)
  if not roles then
    return graphed(buf)
  end
  return vim.tbl_map(function(role)
    return role.name
  end, roles)
end

--- The roles that stand in some lines.
---@param buf integer
---@param first integer from 1
---@param last integer
---@return string[]? names, string? err
function M.within(buf, first, last)
  local client, err = require("seed.lsp").server(buf)
  if not client then
    return nil, err
  end
  local roles
  roles, err = outlined(client, buf, LONG_PATIENCE)
  if not roles then
    return nil, err
  end
  local names = {}
  for _, role in ipairs(roles) do
    if role.range.start.line < last and role.range["end"].line >= first - 1 then
      table.insert(names, role.name)
    end
  end
  if #names == 0 then
    return nil, "there is no role in the selected lines"
  end
  return names
end

return M
