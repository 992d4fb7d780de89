--- The language server in the editor: attached by itself, started again when it dies, and its commands.
local config = require("seed.config")

local M = {}

--- Within which time deaths are counted, in milliseconds.
local WINDOW = 60 * 1000

--- The times of its crashes, by `vim.uv.now`.
local deaths = {}

--- Lenses and actions of the server run what the commands of the editor run, with its plan review.
local COMMANDS =
  { ["seed.plan"] = "Plan", ["seed.apply"] = "Apply", ["seed.info"] = "Info", ["seed.repair"] = "Repair" }

local function add_commands()
  for id, name in pairs(COMMANDS) do
    vim.lsp.commands[id] = function(command, context)
      local given = command.arguments and command.arguments[1] or {}
      local buf = given.uri and vim.uri_to_bufnr(given.uri) or context.bufnr
      vim.fn.bufload(buf)
      require("seed.command").start(name, { buf = buf, state = given.state, only = given.roles })
    end
  end
  -- The lens of notes: what belongs to a role.
  vim.lsp.commands["seed.recall"] = function(command, context)
    local given = command.arguments and command.arguments[1] or {}
    local buf = given.uri and vim.uri_to_bufnr(given.uri) or context.bufnr
    require("seed.recall").pick(given.query, buf)
  end
  -- The action that the server leaves to the editor.
  vim.lsp.commands["seed.fragment.diff"] = function(command)
    require("seed.fragment").compare(command.arguments[1])
  end
end

--- How long to wait for a server that starts, in milliseconds.
local START = 5000

--- The server of a buffer, started if it does not run.
---@param buf integer
---@return vim.lsp.Client? client, string? err
function M.server(buf)
  local binary, err = require("seed.cli").binary()
  if not binary then
    return nil, err
  end
  local server = vim.lsp.config.seed
  local settings =
    vim.tbl_extend("force", server, { root_dir = server.root_dir or vim.fs.root(buf, server.root_markers) })
  local id = vim.lsp.start(settings, { bufnr = buf, silent = true })
  local client = id and vim.lsp.get_client_by_id(id)
  local is_ready = client
    and vim.wait(START, function()
      return client.initialized == true and vim.lsp.buf_is_attached(buf, client.id)
    end, 5)
  if is_ready then
    return client
  end
  return nil, "the language server did not start"
end

local attached = false

--- Attaches the server to this and all later specs.
function M.attach()
  if not config.get().attach then
    return
  end
  local is_script = #vim.api.nvim_list_uis() == 0
  if not attached then
    local binary, err = require("seed.cli").binary()
    if not binary then
      vim.notify_once("seed: " .. err, vim.log.levels.WARN)
      return
    end
    attached = true
    add_commands()
    if vim.v.vim_did_enter == 1 or is_script then
      vim.lsp.enable("seed")
    else
      -- Before that, enabling leaves out the buffers that are there already.
      vim.api.nvim_create_autocmd("VimEnter", {
        once = true,
        callback = function()
          vim.lsp.enable("seed")
        end,
      })
    end
  end
  -- A script runs on at once, before `VimEnter` or not, and expects the server.
  if is_script then
    local _, err = M.server(vim.api.nvim_get_current_buf())
    if err then
      vim.notify_once("seed: " .. err, vim.log.levels.WARN)
    end
  end
end

---@param client vim.lsp.Client
---@param buf integer
function M.on_attach(client, buf)
  if not config.get().code_lens or not client:supports_method("textDocument/codeLens") then
    return
  end
  vim.lsp.codelens.refresh({ bufnr = buf })
  vim.api.nvim_create_autocmd({ "BufEnter", "InsertLeave", "TextChanged", "BufWritePost" }, {
    group = vim.api.nvim_create_augroup("seed-lens-" .. buf, {}),
    buffer = buf,
    callback = function()
      vim.lsp.codelens.refresh({ bufnr = buf })
    end,
  })
end

--- Starts a server again that has died, unless it does so all the time.
---@param code integer
---@param signal integer
---@param again? fun() starts it again; without it the one for specs
function M.on_exit(code, signal, again)
  local SIGTERM = 15
  if vim.v.exiting ~= vim.NIL or (code == 0 and (signal == 0 or signal == SIGTERM)) then
    return
  end
  local now, most = vim.uv.now(), config.get().restarts
  deaths = vim.tbl_filter(function(death)
    return now - death < WINDOW
  end, deaths)
  table.insert(deaths, now)
  vim.schedule(function()
    if #deaths > most then
      local words =
        "seed: the language server crashed %d times within a minute and is not restarted; see :checkhealth seed and %s"
      vim.notify(words:format(#deaths, vim.lsp.get_log_path()), vim.log.levels.ERROR)
      return
    end
    vim.notify(
      ("seed: the language server crashed and is restarted (%d of %d)"):format(#deaths, most),
      vim.log.levels.WARN
    )
    -- Behind the clean-up of the dead one, and with a growing pause.
    vim.defer_fn(again or function()
      vim.lsp.enable("seed")
    end, 50 * 4 ^ (#deaths - 1))
  end)
end

return M
