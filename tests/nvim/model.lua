--- A language model of the tests: a server on this machine that answers as OpenAI's interface does, with what it is told to say.
local M = {}

local open = {}

--- Starts one; each of `answers` is a list of pieces that are streamed. The last one stays open where `stalls` says so.
---@param answers string[][]
---@param stalls? boolean
---@return { port: integer, asked: string[], closed: integer }
function M.start(answers, stalls)
  local server = assert(vim.uv.new_tcp())
  assert(server:bind("127.0.0.1", 0))
  local model = { port = server:getsockname().port, asked = {}, closed = 0 }
  local nth = 0
  table.insert(open, server)
  server:listen(16, function()
    local client = assert(vim.uv.new_tcp())
    server:accept(client)
    table.insert(open, client)
    local heard, answered = "", false
    client:read_start(function(_, data)
      if not data then
        model.closed = model.closed + 1
        return
      end
      heard = heard .. data
      local head, body = heard:match("^(.-\r\n\r\n)(.*)$")
      local length = head and tonumber(head:lower():match("content%-length: (%d+)"))
      if answered or not length or #body < length then
        return
      end
      answered = true
      nth = nth + 1
      table.insert(model.asked, body)
      local lines = { "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" }
      for _, piece in ipairs(answers[nth] or {}) do
        local chunk = { choices = { { index = 0, delta = { content = piece } } } }
        table.insert(lines, ("data: %s\n\n"):format(vim.json.encode(chunk)))
      end
      local ends = not (stalls and nth == #answers)
      if ends then
        table.insert(lines, 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
      end
      client:write(table.concat(lines), function()
        if ends then
          client:shutdown(function()
            if not client:is_closing() then
              client:close()
            end
          end)
        end
      end)
    end)
  end)
  return model
end

--- Has `seed` ask it, in a Neovim of a test with this folder.
---@param folder string
function M.configure(folder, model)
  vim.fn.mkdir(folder .. "/.config/seed", "p")
  local text = ("models:\n  mock: {provider: openai, endpoint: http://127.0.0.1:%d/v1, model: mock}\n"):format(
    model.port
  )
  require("neovim").write(folder, ".config/seed/model.yaml", text)
end

--- Ends all of them.
function M.clean_up()
  for _, one in ipairs(open) do
    if not one:is_closing() then
      one:close()
    end
  end
  open = {}
end

return M
