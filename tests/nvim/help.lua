--- Keeps the parts of the help that are derived from the plugin's own tables: `nvim -l tests/nvim/help.lua` writes them.
local M = {}

local root = vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, "S").source:sub(2)))))
M.path = root .. "/doc/seed.txt"

local function highlights()
  local lines = {}
  for group, link in vim.spairs(require("seed.page").groups) do
    table.insert(lines, ("    %-20s%s"):format(group, link))
  end
  table.insert(lines, "")
  return lines
end

--- The help as it should be, as lines.
---@return string[]
function M.current()
  local derived = { ["7. Options"] = require("seed.config").help, ["9. Highlights"] = highlights }
  -- What stands before the derived lines of a section ends with this line.
  local ends = { ["7. Options"] = "<", ["9. Highlights"] = "" }
  local lines, skipping, from = {}, false, nil
  local written = vim.fn.readfile(M.path)
  for row, line in ipairs(written) do
    if vim.startswith(line, "=====") or vim.startswith(line, " vim:") then
      skipping, from = false, nil
    end
    if not skipping then
      table.insert(lines, line)
    end
    local title = line:match("^(%d+%. [%a ]-)%s+%*")
    if title and derived[title] then
      from = { title = title, row = row }
    elseif from and not skipping and row > from.row + 1 and line == ends[from.title] then
      vim.list_extend(lines, derived[from.title]())
      skipping = true
    end
  end
  return lines
end

if not ... then
  vim.opt.runtimepath:prepend(root)
  vim.fn.writefile(M.current(), M.path)
end

return M
