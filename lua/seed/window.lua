--- Pages in windows of Neovim: `seed://…` buffers that are thrown away when they are closed.
local page_of = require("seed.page")
local pane = require("seed.pane")

local M = {}

--- How wide a floating window is, where there is room.
local FLOAT = 100

local function place(buf)
  local where = require("seed.config").get().window
  if where == "float" then
    local size = { relative = "editor", row = 1, col = 1, width = math.min(FLOAT, vim.o.columns - 4), height = 1 }
    vim.api.nvim_open_win(buf, true, vim.tbl_extend("force", size, { border = "rounded", title = " Seed " }))
  else
    local open = { split = "botright split", vsplit = "vertical botright split", tab = "tab split" }
    vim.cmd(open[where])
    vim.api.nvim_win_set_buf(0, buf)
  end
  local window = vim.wo[0][0]
  window.number, window.relativenumber, window.signcolumn = false, false, "no"
  window.wrap, window.linebreak, window.breakindent = true, true, true
  window.breakindentopt = "shift:2"
  pane.fit(0)
end

---@class seed.Window
---@field buf integer
---@field win integer
---@field rows table<string, integer>
local Window = {}
Window.__index = Window

--- Makes folds of the current window, open as they begin.
---@param folds { [1]: integer, [2]: integer }[]
local function fold(folds)
  if #folds == 0 then
    return
  end
  vim.wo[0][0].foldmethod = "manual"
  vim.wo[0][0].foldtext = ""
  vim.wo[0][0].foldenable = true
  vim.cmd("normal! zE")
  for _, rows in ipairs(folds) do
    vim.cmd(("%d,%dfold"):format(rows[1] + 1, rows[2] + 1))
  end
  vim.cmd("normal! zR")
end

--- The buffer that a command acts on: the current one, or in a window of Seed the one that the window belongs to.
---@return integer
function M.origin()
  local buf = vim.api.nvim_get_current_buf()
  local spec = vim.api.nvim_buf_get_name(buf):match("^seed://[%a-]+/(.*)$")
  if not spec then
    return buf
  end
  local origin = vim.b[buf].seed_origin
  if origin and vim.api.nvim_buf_is_valid(origin) then
    return origin
  elseif vim.uv.fs_stat(spec) then
    -- It was wiped out meanwhile.
    origin = vim.fn.bufadd(spec)
    vim.fn.bufload(origin)
    return origin
  end
  return buf
end

local function buffer(name)
  local buf = vim.fn.bufnr("^" .. vim.fn.escape(name, [[\*?[{]]) .. "$")
  if buf < 0 then
    buf = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(buf, name)
    vim.bo[buf].bufhidden = "wipe"
    vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = buf, desc = "Close" })
  end
  return buf
end

--- Shows a page; one of the same name is shown anew where it is.
---@param what string "plan", "info", …
---@param spec string the path that it is about
---@param page seed.Page
---@param filetype? string
---@param origin? integer the buffer that commands in the window act on
---@return seed.Window
function M.show(what, spec, page, filetype, origin)
  for group, link in pairs(page_of.groups) do
    vim.api.nvim_set_hl(0, group, { link = link, default = true })
  end
  local buf = buffer(("seed://%s/%s"):format(what, spec))
  vim.b[buf].seed_origin = origin
  require("seed.footer").drop(buf)
  vim.api.nvim_buf_clear_namespace(buf, pane.namespace, 0, -1)
  pane.fill(buf, 0, page)
  vim.bo[buf].filetype = filetype or "seed-" .. what
  local shown = vim.fn.win_findbuf(buf)[1]
  if shown then
    vim.api.nvim_set_current_win(shown)
  else
    place(buf)
  end
  fold(page.folds)
  local win = vim.api.nvim_get_current_win()
  return setmetatable({ buf = buf, win = win, rows = page.rows, status_of = {} }, Window)
end

--- The lines below it that stay in view, opened when they are first asked for. None once it is closed.
---@return seed.Footer?
function Window:footer()
  if not self.foot and vim.api.nvim_win_is_valid(self.win) then
    self.foot = require("seed.footer").open(self)
  end
  return self.foot
end

--- Says behind a role what is happening to it.
function Window:status(role, words, group)
  local row = self.rows[role]
  if not row or not vim.api.nvim_buf_is_valid(self.buf) then
    return
  end
  self.status_of[role] = vim.api.nvim_buf_set_extmark(self.buf, pane.namespace, row, 0, {
    id = self.status_of[role],
    virt_text = { { "  " .. words, group } },
  })
end

--- Adds to the end, behind an empty line, and shows the end.
---@param page seed.Page
function Window:add(page)
  if not vim.api.nvim_buf_is_valid(self.buf) then
    return
  end
  local last = vim.api.nvim_buf_line_count(self.buf)
  vim.bo[self.buf].modifiable = true
  vim.api.nvim_buf_set_lines(self.buf, last, last, true, { "" })
  pane.fill(self.buf, last + 1, page)
  local height = vim.api.nvim_buf_line_count(self.buf)
  for _, win in ipairs(vim.fn.win_findbuf(self.buf)) do
    if not self.foot then
      pane.fit(win)
    end
    vim.api.nvim_win_set_cursor(win, { height, 0 })
    vim.api.nvim_win_call(win, function()
      vim.cmd("normal! zb")
    end)
  end
end

--- Calls `stop` on Ctrl-C in the window.
function Window:on_interrupt(stop)
  if vim.api.nvim_buf_is_valid(self.buf) then
    vim.keymap.set("n", "<C-c>", stop, { buffer = self.buf, desc = "Stop at the next safe point" })
  end
end

return M
