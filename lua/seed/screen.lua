--- Where Seed speaks when Neovim has a window: pages in windows of their own, with the question below the page.
local M = {}

---@class seed.Screen
---@field window? seed.Window
---@field process? vim.SystemObj
---@field origin integer the buffer that it is about
---@field name string the name of that buffer, which may be gone when the answer comes
local Screen = {}
Screen.__index = Screen

---@return seed.Screen
function M.new()
  local origin = require("seed.window").origin()
  return setmetatable({ ended = 0, origin = origin, name = vim.api.nvim_buf_get_name(origin) }, Screen)
end

function Screen:show(what, spec, page, filetype)
  self.window = require("seed.window").show(what, spec, page, filetype, self.origin)
end

--- Asks below the plan. Only a yes is passed on: after a no everything is closed.
---@param question seed.Question
---@param answer fun()
function Screen:ask(question, answer)
  self.window:footer():ask(question, function(is_yes)
    if is_yes then
      return answer()
    end
    vim.notify("seed: cancelled, nothing was changed")
  end)
end

--- Asks for the password of sudo. It is passed on and not kept.
---@param again boolean whether the last one was wrong
function Screen:password(again, answer)
  vim.cmd.redraw()
  local name = (vim.uv.os_get_passwd() or {}).username or "you"
  local prompt = ("%s[sudo] password for %s: "):format(again and "Sorry, try again. " or "", name)
  local ok, password = pcall(vim.fn.inputsecret, prompt)
  answer(ok and password ~= "" and password or nil)
end

--- The footer, while there is a window.
local function footer(self)
  return self.window and self.window:footer()
end

--- A run has begun.
---@param process vim.SystemObj
---@param total integer how many roles it acts on
function Screen:started(process, total)
  self.total = total
  local foot = footer(self)
  if foot then
    self.window:on_interrupt(function()
      process:kill("sigint")
    end)
    foot:progress(("0 of %d done"):format(total))
  end
end

--- The highlight of each event.
local GROUPS = { done = "SeedDone", failed = "SeedFailed", skipped = "SeedUnknown" }

function Screen:event(event)
  local foot = footer(self)
  if not foot then
    return
  end
  local words = event.text or event.message or "…"
  self.window:status(event.role, words:match("^[^\n]*"), GROUPS[event.event] or "SeedProgress")
  if GROUPS[event.event] then
    self.ended = self.ended + 1
    foot:progress(("%d of %d done"):format(self.ended, self.total))
  end
end

---@param code integer
---@param page seed.Page
function Screen:finish(code, page)
  self.code = code
  local first = vim.iter(page.lines):find(function(line)
    return line ~= ""
  end) or "Done"
  if self.window then
    self.window:add(page)
    local foot = footer(self)
    if foot then
      foot:result(first, code == 0 and "SeedDone" or "SeedFailed")
    end
  elseif #page.lines > 1 then
    -- More than a message line holds, and to be read while it is repaired.
    self:show("message", self.name, page)
  end
  vim.notify("seed: " .. first, code == 0 and vim.log.levels.INFO or vim.log.levels.ERROR)
end

--- Nothing to wait for: the editor goes on.
function Screen:wait() end

return M
