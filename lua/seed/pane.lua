--- Buffers and heights of the windows that show pages.
local M = {}

local namespace = vim.api.nvim_create_namespace("seed")
M.namespace = namespace

--- Makes a window as high as its text, within bounds, where its height is ours to set.
---@param most? integer the bound; half of the editor by default, and nearly all of it for a float
---@param below? integer how many lines are needed below a float
function M.fit(win, most, below)
  local where = require("seed.config").get().window
  local height = vim.api.nvim_win_text_height(win, {}).all
  if where == "split" then
    vim.api.nvim_win_set_height(win, math.min(height, math.max(5, most or math.floor(vim.o.lines / 2))))
  elseif where == "float" then
    height = math.min(height, math.max(1, most or vim.o.lines - 6))
    local row = math.floor((vim.o.lines - height - (below or 0)) / 2) - 1
    local col = math.floor((vim.o.columns - vim.api.nvim_win_get_width(win)) / 2)
    local config = { relative = "editor", row = math.max(0, row), col = math.max(0, col), height = height }
    vim.api.nvim_win_set_config(win, config)
  end
end

--- Writes a page into a buffer, replacing everything from a row on.
---@param buf integer
---@param first integer
---@param page seed.Page
function M.fill(buf, first, page)
  vim.bo[buf].modifiable = true
  vim.api.nvim_buf_set_lines(buf, first, -1, true, page.lines)
  vim.bo[buf].modifiable = false
  for _, mark in ipairs(page.marks) do
    local options = { end_col = mark.to, hl_group = mark.group }
    vim.api.nvim_buf_set_extmark(buf, namespace, first + mark.row, mark.from, options)
  end
end

return M
