local lines = ...
local buffer = vim.fn.bufnr("^seed://job$")
if buffer < 0 then
  return
end
local flat = {}
for _, line in ipairs(lines) do
  vim.list_extend(flat, vim.split(line, "\n", { plain = true }))
end
local last = vim.api.nvim_buf_line_count(buffer)
-- A new buffer holds one empty line.
local first = (last == 1 and vim.api.nvim_buf_get_lines(buffer, 0, 1, false)[1] == "") and 0 or last
vim.bo[buffer].modifiable = true
vim.api.nvim_buf_set_lines(buffer, first, -1, false, flat)
vim.bo[buffer].modifiable = false
-- Windows that show the end go on showing it.
local count = vim.api.nvim_buf_line_count(buffer)
for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
  if vim.api.nvim_win_get_cursor(window)[1] >= last then
    vim.api.nvim_win_set_cursor(window, { count, 0 })
  end
end
