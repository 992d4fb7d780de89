--- Where Seed speaks when Neovim has a window: pages in windows of their own, questions by `vim.ui`.
local page_of = require("seed.page")

local M = {}

---@class seed.Screen
---@field window? seed.Window
local Screen = {}
Screen.__index = Screen

---@return seed.Screen
function M.new()
  return setmetatable({}, Screen)
end

function Screen:show(what, spec, page, filetype)
  self.window = require("seed.window").show(what, spec, page, filetype)
end

--- Asks; the answer is what belongs to the choice, or nothing.
---@param question { prompt: string, choices: { [1]: string, [2]: any }[] }
function Screen:ask(question, answer)
  local choices = vim.list_extend({}, question.choices)
  table.insert(choices, { "Cancel" })
  -- The page must be seen before a prompt covers the editor.
  vim.cmd.redraw()
  vim.ui.select(choices, {
    prompt = question.prompt,
    kind = "seed",
    format_item = function(choice)
      return choice[1]
    end,
  }, function(choice)
    answer(choice and choice[2], "nothing was changed")
  end)
end

--- Asks for the password of sudo. It is given on and forgotten.
---@param again boolean whether the last one was wrong
function Screen:password(again, answer)
  vim.cmd.redraw()
  local name = (vim.uv.os_get_passwd() or {}).username or "you"
  local prompt = ("%s[sudo] password for %s: "):format(again and "Sorry, try again. " or "", name)
  local ok, password = pcall(vim.fn.inputsecret, prompt)
  answer(ok and password ~= "" and password or nil)
end

function Screen:started(process)
  if self.window then
    self.window:on_interrupt(function()
      process:kill("sigint")
    end)
  end
end

function Screen:event(event)
  if self.window then
    self.window:status(event.role, page_of.status(event))
  end
end

---@param code integer
---@param page seed.Page
function Screen:finish(code, page)
  self.code = code
  if self.window then
    self.window:add(page)
  elseif #page.lines > 1 then
    -- More than a message line holds, and to be read while it is mended.
    self:show("message", vim.api.nvim_buf_get_name(0), page)
  end
  local first = vim.iter(page.lines):find(function(line)
    return line ~= ""
  end)
  vim.notify("seed: " .. (first or "done"), code == 0 and vim.log.levels.INFO or vim.log.levels.ERROR)
end

--- Nothing to wait for: the editor goes on.
function Screen:wait() end

return M
