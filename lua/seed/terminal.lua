--- Where Seed speaks when Neovim has no window: results go to standard output, the rest to standard error. A failure ends
--- Neovim with its exit status, whatever commands follow.
local page_of = require("seed.page")

local M = {}

---@class seed.Terminal
local Terminal = {}
Terminal.__index = Terminal

---@return seed.Terminal
function M.new()
  return setmetatable({}, Terminal)
end

local function say(stream, page)
  stream:write(table.concat(page.lines, "\n"), "\n")
  stream:flush()
end

function Terminal:show(_, _, page)
  self.shown = true
  say(io.stdout, page)
end

--- Nobody can be asked.
---@param question seed.Question
function Terminal:ask(question)
  local words = "%s: there is no window to confirm the plan in; add ! to the command to confirm it beforehand"
  self:finish(3, page_of.text(words:format(question.verb)))
end

function Terminal:password(_, answer)
  answer(nil)
end

function Terminal:started() end

function Terminal:event(event)
  local words = event.text or event.message
  if words then
    io.stderr:write(("%s: %s\n"):format(event.role, words))
  end
end

--- Ends it.
---@param code integer
---@param page seed.Page
function Terminal:finish(code, page)
  local stream = code == 0 and io.stdout or io.stderr
  if self.shown then
    stream:write("\n")
  end
  say(stream, page)
  self.code = code
end

--- Waits until it has ended; then Neovim ends, too, if it has failed.
function Terminal:wait()
  local cli = require("seed.cli")
  local interrupt = {
    kill = function(_, signal)
      if self.process then
        self.process:kill(signal)
      end
    end,
  }
  cli.await(interrupt, function()
    return self.code ~= nil
  end)
  if self.code ~= 0 then
    vim.cmd.cquit({ count = self.code })
  end
end

return M
