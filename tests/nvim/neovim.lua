--- A Neovim of its own for each test, with a window or without, and a folder for its files.
local M = {}

local here = vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, "S").source:sub(2)))

--- The root of the checkout.
M.root = vim.fs.dirname(vim.fs.dirname(here))

--- The program that is tried.
M.seed = vim.fs.abspath(vim.env.SEED or (M.root .. "/target/debug/seed"))

local folders, children = {}, {}

--- A new folder, gone after the test.
---@param parent? string where, for tests that depend on the length of the path
function M.folder(parent)
  local folder = vim.uv.fs_mkdtemp(vim.fs.joinpath(parent or vim.uv.os_tmpdir(), "seed-nvim-XXXXXX"))
  table.insert(folders, folder)
  return folder
end

--- Writes a file, and returns its path.
function M.write(folder, name, text, mode)
  local path = vim.fs.joinpath(folder, name)
  vim.fn.writefile(vim.split(text, "\n"), path, "b")
  if mode then
    vim.uv.fs_chmod(path, mode)
  end
  return path
end

--- What a file holds; none if there is none.
function M.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

--- A spec with one file, `greeting`, and one folder, `inbox`.
function M.spec(folder, more)
  local text = ([[
seed: 1
name: lab
roles:
  greeting:
    is: file.text
    path: %s/greeting
    content: |
      hello
  inbox:
    is: file.directory
    path: %s/inbox
]]):format(folder, folder)
  return M.write(folder, "lab.seed.yaml", text .. (more or ""))
end

local function argv(options)
  -- Room for messages: a prompt to press Enter would hold up the test.
  local args = { vim.v.progpath, "--clean", "-n", "--cmd", "set nomore cmdheight=12 runtimepath^=" .. M.root }
  local set = vim.tbl_extend("force", { server = M.seed }, options.set or {})
  vim.list_extend(args, { "--cmd", "lua vim.g.seed = " .. vim.inspect(set):gsub("%s+", " ") })
  return args
end

local function environment(folder)
  local env = { SEED_STATE_DIR = folder .. "/.state" }
  for _, what in ipairs({ "CONFIG", "DATA", "STATE", "CACHE" }) do
    env["XDG_" .. what .. "_HOME"] = folder .. "/." .. what:lower()
  end
  return env
end

--- Runs Neovim without a window until it ends.
---@param folder string
---@param args string[]
function M.headless(folder, args, options)
  local command = vim.list_extend(vim.list_extend(argv(options or {}), { "--headless" }), args)
  return vim.system(command, { text = true, env = environment(folder), cwd = folder }):wait(30000)
end

local Child = {}
Child.__index = Child

--- Starts Neovim in a terminal of its own.
---@param folder string
---@param args string[]
function M.start(folder, args, options)
  local address = vim.fs.joinpath(folder, ".socket")
  local command = vim.list_extend(vim.list_extend(argv(options or {}), { "--listen", address }), args)
  local env = vim.tbl_extend("force", environment(folder), { TERM = "xterm-256color" })
  local width, height = options and options.width or 120, options and options.height or 40
  local job = vim.fn.jobstart(command, { pty = true, width = width, height = height, env = env, cwd = folder })
  local child = setmetatable({ job = job, watch = assert(vim.uv.new_timer()) }, Child)
  -- One that does not answer must not hold up the others for ever.
  local pid = vim.fn.jobpid(job)
  child.watch:start(60000, 0, function()
    vim.uv.kill(pid, "sigkill")
  end)
  table.insert(children, child)
  M.wait("Neovim to start", function()
    local ok, channel = pcall(vim.fn.sockconnect, "pipe", address, { rpc = true })
    child.channel = ok and channel or nil
    return ok
  end)
  child:wait("Neovim to be ready", "return vim.v.vim_did_enter == 1 and #vim.api.nvim_list_uis() > 0")
  return child
end

--- Runs Lua in it.
function Child:lua(code, ...)
  return vim.rpcrequest(self.channel, "nvim_exec_lua", code, { ... })
end

--- Types keys.
function Child:type(keys)
  vim.rpcrequest(self.channel, "nvim_input", keys)
end

--- The lines of the buffer whose name matches, or of the current one.
function Child:lines(name)
  return self:lua(
    [[
    for _, buf in ipairs(vim.api.nvim_list_bufs()) do
      if vim.api.nvim_buf_get_name(buf):find(..., 1, true) then
        return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, true), "\n")
      end
    end
    return ""
  ]],
    name
  )
end

--- What the screen shows from the first row of a window on, without blanks at the ends of lines.
function Child:screen(name)
  return self:lua(
    [[
    vim.cmd.redraw()
    local first = 1
    for _, win in ipairs(vim.api.nvim_list_wins()) do
      if vim.api.nvim_buf_get_name(vim.api.nvim_win_get_buf(win)):find(..., 1, true) then
        first = vim.fn.win_screenpos(win)[1]
      end
    end
    local rows = {}
    for row = first, vim.o.lines - vim.o.cmdheight do
      local text = {}
      for col = 1, vim.o.columns do
        table.insert(text, vim.fn.screenstring(row, col))
      end
      table.insert(rows, (table.concat(text):gsub("%s+$", "")))
    end
    return table.concat(rows, "\n") .. "\n"
  ]],
    name
  )
end

--- Fails unless a text is that of a file in tests/nvim/screens; with SEED_UPDATE_SCREENS it is written instead.
function M.same_as_file(text, name)
  local path = vim.fs.joinpath(here, "screens", name)
  if vim.env.SEED_UPDATE_SCREENS then
    vim.fn.writefile(vim.split(text, "\n"), path, "b")
  end
  assert(text == M.read(path), ("%s differs; the screen is\n%s"):format(path, text))
end

--- Waits until Lua in it says that it is so.
function Child:wait(what, code, ...)
  local args = { ... }
  M.wait(what, function()
    return self:lua(code, unpack(args))
  end)
end

--- Waits until a text is in a buffer.
function Child:expect(name, text)
  local lines
  local ok = pcall(M.wait, text, function()
    lines = self:lines(name)
    return lines:find(text, 1, true) ~= nil
  end)
  assert(ok, ("%q is not in %s:\n%s"):format(text, name, lines))
end

--- Waits until something is so.
function M.wait(what, condition)
  local ok = vim.wait(20000, function()
    return condition() and true or false
  end, 10)
  assert(ok, "waited in vain for " .. what)
end

--- Fails unless both are the same.
function M.same(got, wanted)
  assert(vim.deep_equal(got, wanted), ("got %s\nwanted %s"):format(vim.inspect(got), vim.inspect(wanted)))
end

--- Fails unless the text is in the other.
function M.has(text, part)
  assert(text:find(part, 1, true), ("%q is not in:\n%s"):format(part, text))
end

--- Whether a language server of a test still runs: it may be writing its index after Neovim has ended.
local function has_server(folder)
  return vim.iter(vim.fs.dir("/proc")):any(function(pid)
    local command = pid:find("^%d+$") and M.read(("/proc/%s/cmdline"):format(pid)) or ""
    local env = command:find("\0lsp\0", 1, true) and M.read(("/proc/%s/environ"):format(pid)) or ""
    return env:find(folder .. "/", 1, true) ~= nil
  end)
end

--- Ends what a test started and removes what it wrote.
function M.clean_up()
  for _, child in ipairs(children) do
    child.watch:close()
    pcall(vim.fn.chanclose, child.channel)
    vim.fn.jobstop(child.job)
    vim.fn.jobwait({ child.job }, 5000)
  end
  for _, folder in ipairs(folders) do
    M.wait("the servers to end", function()
      return not has_server(folder)
    end)
    M.wait("the folder to go", function()
      return pcall(vim.fs.rm, folder, { recursive = true, force = true })
    end)
  end
  folders, children = {}, {}
end

return M
