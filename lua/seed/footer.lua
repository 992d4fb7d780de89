--- The lines below a plan that stay in view while the plan scrolls: the question with what would be destroyed, then how far
--- the run is, then how it ended.
local page_of = require("seed.page")
local pane = require("seed.pane")

local M = {}

--- The largest part of the editor that a footer takes, and the lines that are left to other windows.
local SHARE, OTHERS = 3, 6

---@class seed.Footer
---@field buf integer
---@field win integer
---@field plan { buf: integer, win: integer }
---@field cancel? fun() what to do when the question is not answered
local Footer = {}
Footer.__index = Footer

--- The footer of each buffer with a plan.
---@type table<integer, seed.Footer>
local footers = {}

local function is_valid(win)
  return win ~= nil and vim.api.nvim_win_is_valid(win)
end

--- Opens the window below that of the plan, or below its float.
local function open_window(buf, plan_win)
  local config = vim.api.nvim_win_get_config(plan_win)
  local place = { split = "below", win = plan_win, height = 1, style = "minimal" }
  if config.relative ~= "" then
    place = {
      relative = "editor",
      row = config.row + config.height + 2,
      col = config.col,
      width = config.width,
      height = 1,
      border = "rounded",
      style = "minimal",
    }
  end
  local win = vim.api.nvim_open_win(buf, false, place)
  vim.wo[win].winfixheight = true
  vim.wo[win].wrap = true
  vim.wo[win].linebreak = true
  vim.wo[win].breakindent = true
  vim.wo[win].statusline = " "
  return win
end

--- Opens the footer of a window.
---@param plan { buf: integer, win: integer }
---@return seed.Footer
function M.open(plan)
  M.drop(plan.buf)
  local self = setmetatable({ buf = vim.api.nvim_create_buf(false, true), plan = plan }, Footer)
  vim.bo[self.buf].bufhidden = "wipe"
  vim.api.nvim_buf_set_name(self.buf, (vim.api.nvim_buf_get_name(plan.buf):gsub("^seed://%a+", "seed://footer")))
  vim.b[self.buf].seed_origin = vim.b[plan.buf].seed_origin
  self.win = open_window(self.buf, plan.win)
  footers[plan.buf] = self
  local name = vim.fs.basename(vim.api.nvim_buf_get_name(plan.buf))
  vim.wo[plan.win].statusline = (" Seed: %s%%= %%P "):format((name:gsub("%%", "%%%%")))
  for _, win in ipairs({ self.win, plan.win }) do
    vim.api.nvim_create_autocmd("WinClosed", {
      pattern = tostring(win),
      once = true,
      -- Windows cannot be closed while one is being closed.
      callback = vim.schedule_wrap(function()
        self:close()
      end),
      desc = "Close the plan and its footer together",
    })
  end
  return self
end

--- Closes the footer of a buffer, if there is one, and leaves the plan.
function M.drop(plan_buf)
  local self = footers[plan_buf]
  if not self then
    return
  end
  self.plan = { buf = plan_buf }
  self:close()
end

--- Closes both windows. A question that is open counts as answered with no.
function Footer:close()
  if footers[self.plan.buf] ~= self then
    return
  end
  footers[self.plan.buf] = nil
  self:unmap()
  local cancel = self.cancel
  self.cancel = nil
  for _, win in ipairs({ self.win, self.plan.win }) do
    if is_valid(win) then
      pcall(vim.api.nvim_win_close, win, true)
    end
  end
  if cancel then
    cancel()
  end
end

--- Shows lines, as high as they need to be.
---@param page seed.Page
function Footer:show(page)
  if not is_valid(self.win) then
    return
  end
  vim.api.nvim_buf_clear_namespace(self.buf, pane.namespace, 0, -1)
  pane.fill(self.buf, 0, page)
  local most = math.max(2, math.floor(vim.o.lines / SHARE))
  local height = math.min(vim.api.nvim_win_text_height(self.win, {}).all, most)
  local is_float = vim.api.nvim_win_get_config(self.win).relative ~= ""
  if is_valid(self.plan.win) then
    pane.fit(self.plan.win, vim.o.lines - height - OTHERS, height + 2)
  end
  if is_float then
    local above = vim.api.nvim_win_get_config(self.plan.win)
    local config = { relative = "editor", row = above.row + above.height + 2, col = above.col, height = height }
    vim.api.nvim_win_set_config(self.win, config)
  else
    vim.api.nvim_win_set_height(self.win, height)
  end
end

--- Maps a key in both windows, until `unmap`.
---@param key string
---@param action fun()
---@param desc string
function Footer:map(key, action, desc)
  self.keys = self.keys or {}
  table.insert(self.keys, key)
  for _, buf in ipairs({ self.buf, self.plan.buf }) do
    vim.keymap.set("n", key, action, { buffer = buf, nowait = true, desc = desc })
  end
end

--- Takes the keys away, but leaves `q` to close.
function Footer:unmap()
  for _, buf in ipairs({ self.buf, self.plan.buf }) do
    for _, key in ipairs(self.keys or {}) do
      if vim.api.nvim_buf_is_valid(buf) then
        pcall(vim.keymap.del, "n", key, { buffer = buf })
      end
    end
    if vim.api.nvim_buf_is_valid(buf) then
      vim.keymap.set("n", "q", function()
        self:close()
        if vim.api.nvim_get_current_buf() == buf then
          vim.cmd.close()
        end
      end, { buffer = buf, nowait = true, desc = "Close" })
    end
  end
  self.keys = {}
end

--- A line with keys and what each does.
local function add_keys(page, keys)
  local pieces = {}
  for _, key in ipairs(keys) do
    vim.list_extend(pieces, { { key[1], "SeedKey" }, " " .. key[2] .. "   " })
  end
  page:add(unpack(pieces))
end

---@class seed.Question
---@field verb string "Apply"
---@field summary string what is to be done, in a line
---@field losses { role: string, text: string }[]
---@field destroys boolean whether data is destroyed that needs a consent of its own

--- Asks. `answer` is called once with whether it is to be done.
---@param question seed.Question
---@param answer fun(yes: boolean)
function Footer:ask(question, answer)
  local verb = question.verb
  local page = page_of.new()
  if question.destroys then
    page:add({ verb .. "? It destroys data. ", "SeedDestructive" }, question.summary)
  else
    page:add({ verb .. "? ", "SeedTitle" }, question.summary)
  end
  local yes = question.destroys and { "D", verb:lower() .. " and destroy this data" } or { "y", verb:lower() }
  add_keys(page, { yes, { "q", "cancel" }, { "zM", "fold all" }, { "zR", "unfold all" } })
  for _, loss in ipairs(question.losses) do
    page:add({ loss.role, "SeedRole" }, "  ", { loss.text, "SeedDestructive" })
  end
  local function finish(is_yes)
    return function()
      self.cancel = nil
      self:unmap()
      if not is_yes then
        self:close()
      end
      answer(is_yes)
    end
  end
  self.cancel = function()
    answer(false)
  end
  self:map(yes[1], finish(true), verb)
  self:map("q", finish(false), "Cancel")
  self:map("<Esc>", finish(false), "Cancel")
  if question.destroys then
    self:map("y", function()
      vim.notify("seed: this plan destroys data; press D to confirm that", vim.log.levels.WARN)
    end, "Say which key confirms")
  end
  self:show(page)
end

--- Shows how far the run is.
---@param words string
function Footer:progress(words)
  local page = page_of.new()
  page:add({ words, "SeedProgress" })
  add_keys(page, { { "<C-c>", "stop at the next safe point" }, { "q", "close; the run goes on" } })
  self:show(page)
end

--- Shows how it ended.
---@param words string
---@param group string
function Footer:result(words, group)
  local page = page_of.new()
  page:add({ words, group })
  add_keys(page, { { "q", "close" } })
  self:show(page)
end

return M
