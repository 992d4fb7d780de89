local show = ...
local name = "seed://job"
local buffer
for _, known in ipairs(vim.api.nvim_list_bufs()) do
  if vim.api.nvim_buf_get_name(known) == name then
    buffer = known
  end
end
if not buffer or not vim.api.nvim_buf_is_loaded(buffer) then
  buffer = buffer or vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, name)
  vim.fn.bufload(buffer)
  vim.bo[buffer].buftype = "nofile"
  vim.bo[buffer].bufhidden = "hide"
  vim.bo[buffer].swapfile = false
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].filetype = "seedjob"
end
if show and #vim.fn.win_findbuf(buffer) == 0 then
  local before = vim.api.nvim_get_current_win()
  vim.cmd("botright 12split")
  vim.api.nvim_win_set_buf(0, buffer)
  vim.wo.number = false
  vim.wo.wrap = true
  vim.api.nvim_set_current_win(before)
end
