local neovim = require("neovim")

local ATTACHED = "return #vim.lsp.get_clients({ name = 'seed', bufnr = 0 }) == 1"

--- The process of the server that is a child of that Neovim.
local function server_of(child)
  local pids = child:lua("return vim.api.nvim_get_proc_children(vim.fn.getpid())")
  for _, pid in ipairs(pids) do
    local command = neovim.read(("/proc/%d/cmdline"):format(pid)) or ""
    if command:find("\0lsp\0", 1, true) then
      return pid
    end
  end
end

local function open(set)
  local folder = neovim.folder()
  return neovim.start(folder, { neovim.spec(folder) }, { set = set })
end

return {
  {
    "the server attaches by itself, also to later specs",
    function()
      local child = open()
      child:wait("the server", ATTACHED)
      child:lua("vim.cmd.edit('other.seed.yml')")
      child:wait("the server", ATTACHED)
      neovim.same(child:lua("return #vim.lsp.get_clients()"), 1)
    end,
  },
  {
    "mistakes are shown as they are typed",
    function()
      local child = open()
      child:wait("the server", ATTACHED)
      -- What is indented by itself is taken away first.
      child:type("Go<C-u>  broken:<CR><C-u>    is: file.text<CR><C-u>    pth: ./x<Esc>")
      child:wait(
        "the diagnostic",
        "return vim.iter(vim.diagnostic.get(0)):any(function(d) return d.message:find('pth') end)"
      )
    end,
  },
  {
    "it does not when it is not wanted",
    function()
      local child = open({ attach = false })
      vim.wait(300)
      neovim.same(child:lua("return #vim.lsp.get_clients()"), 0)
    end,
  },
  {
    "a server that dies is started again, but not for ever, and the editor goes on",
    function()
      local child = open({ restarts = 2 })
      for round = 1, 3 do
        local pid
        neovim.wait("the server", function()
          pid = server_of(child)
          return pid ~= nil and child:lua(ATTACHED)
        end)
        vim.uv.kill(pid, "sigkill")
        local said = round < 3 and ("is restarted (%d of 2)"):format(round) or "is not restarted"
        child:wait("the message", "return vim.fn.execute('messages'):find(..., 1, true) ~= nil", said)
      end
      vim.wait(500)
      neovim.same(child:lua("return #vim.lsp.get_clients()"), 0)
      child:type("ix<Esc>")
      child:wait("the editor", "return vim.api.nvim_get_current_line():sub(1, 1) == 'x'")
    end,
  },
  {
    "its commands open the plan review of the editor",
    function()
      local child = open()
      child:wait("the server", ATTACHED)
      child:lua([[
        local command = { command = "seed.plan", arguments = { { uri = vim.uri_from_bufnr(0), roles = { "inbox" } } } }
        vim.lsp.get_clients({ name = "seed" })[1]:exec_cmd(command)
      ]])
      child:expect("seed://plan/", "+ inbox")
      assert(not child:lines("seed://plan/"):find("greeting", 1, true))
    end,
  },
  {
    "its code lenses are shown in one order, and run them, too",
    function()
      local child = open()
      child:wait("the lenses", "return #vim.lsp.codelens.get(0) > 0")
      local shown = child:lua([[
        local shown = {}
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })) do
          local words = vim.iter(mark[4].virt_lines and mark[4].virt_lines[1] or mark[4].virt_text or {}):map(function(piece)
            return piece[1]
          end)
          local line = vim.trim(words:join(""))
          if line ~= "" then
            table.insert(shown, line)
          end
        end
        return shown
      ]])
      neovim.same(shown, { "▶ plan | apply", "▶ apply | remove | inspect", "▶ apply | remove | inspect" })
      child:lua([[
        vim.ui.select = function(choices, options, take)
          for _, choice in ipairs(choices) do
            if vim.trim(options.format_item(choice)):find("inspect") then
              return take(choice)
            end
          end
        end
        vim.api.nvim_win_set_cursor(0, { 4, 2 })
        vim.lsp.codelens.run()
      ]])
      child:expect("seed://info/", "greeting  file.text")
      assert(not child:lines("seed://info/"):find("inbox", 1, true))
    end,
  },
}
