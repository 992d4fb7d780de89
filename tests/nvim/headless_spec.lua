local neovim = require("neovim")

return {
  {
    "SeedApply! prints the plan and the outcome, and does it",
    function()
      local folder = neovim.folder()
      local done = neovim.headless(folder, { neovim.spec(folder), "+SeedApply!", "+qa" })
      neovim.same(done.code, 0)
      neovim.has(done.stdout, "2 to create")
      neovim.has(done.stdout, "+ greeting  file.text")
      neovim.has(done.stdout, "2 changed, 0 unchanged")
      neovim.has(done.stderr, "inbox: ✓ create")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
    end,
  },
  {
    "SeedApply! absent takes it back",
    function()
      local folder = neovim.folder()
      local spec = neovim.spec(folder)
      neovim.same(neovim.headless(folder, { spec, "+SeedApply!", "+qa" }).code, 0)
      local done = neovim.headless(folder, { spec, "+SeedApply! absent", "+qa" })
      neovim.same(done.code, 0)
      neovim.has(done.stdout, "- greeting  file.text")
      neovim.same(neovim.read(folder .. "/greeting"), nil)
    end,
  },
  {
    "a spec with mistakes fails, and says them",
    function()
      local folder = neovim.folder()
      local spec = neovim.spec(folder, "  broken:\n    is: file.text\n    pth: ./x\n")
      for _, command in ipairs({ "+SeedApply!", "+SeedPlan", "+SeedInfo" }) do
        local done = neovim.headless(folder, { spec, command, "+qa" })
        neovim.same(done.code, 1)
        neovim.has(done.stderr, "pth")
      end
      neovim.same(neovim.read(folder .. "/greeting"), nil)
    end,
  },
  {
    "a role that fails makes Neovim fail, and the rest is done",
    function()
      local folder = neovim.folder()
      neovim.write(folder, "file", "")
      local more = ("  broken:\n    is: file.directory\n    path: %s/file/below\n"):format(folder)
      local done = neovim.headless(folder, { neovim.spec(folder, more), "+SeedApply!", "+qa" })
      neovim.same(done.code, 1)
      neovim.has(done.stderr, "broken: ")
      neovim.has(done.stderr, "1 failed")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
    end,
  },
  {
    "without ! nothing is done, since nobody can be asked",
    function()
      local folder = neovim.folder()
      local done = neovim.headless(folder, { neovim.spec(folder), "+SeedApply", "+qa" })
      neovim.same(done.code, 3)
      neovim.has(done.stdout, "2 to create")
      neovim.same(neovim.read(folder .. "/greeting"), nil)
    end,
  },
  {
    "roles, a range, and what is not written yet",
    function()
      local folder = neovim.folder()
      local spec = neovim.spec(folder)
      neovim.has(neovim.headless(folder, { spec, "+SeedPlan inbox", "+qa" }).stdout, "1 to create")
      neovim.has(neovim.headless(folder, { spec, "+5SeedPlan", "+qa" }).stdout, "+ greeting")
      neovim.same(neovim.headless(folder, { spec, "+1SeedPlan", "+qa" }).code, 1)
      local done = neovim.headless(folder, { spec, "+%s/hello/other/", "+SeedApply! greeting", "+qa!" })
      neovim.same({ done.code, neovim.read(folder .. "/greeting") }, { 0, "other\n" })
    end,
  },
  {
    "info, repair, graph and log",
    function()
      local folder = neovim.folder()
      local spec = neovim.spec(folder)
      neovim.same(neovim.headless(folder, { spec, "+SeedApply!", "+qa" }).code, 0)
      neovim.has(neovim.headless(folder, { spec, "+SeedInfo", "+qa" }).stdout, "= greeting  file.text")
      neovim.write(folder, "greeting", "edited\n")
      local done = neovim.headless(folder, { spec, "+SeedRepair!", "+qa" })
      neovim.same({ done.code, neovim.read(folder .. "/greeting") }, { 0, "hello\n" })
      neovim.has(done.stdout, "1 to change")
      neovim.has(neovim.headless(folder, { spec, "+SeedGraph dot", "+qa" }).stdout, "digraph")
      local log = neovim.headless(folder, { spec, "+SeedLog", "+qa" })
      neovim.same(log.code, 0)
      neovim.has(log.stdout, "greeting")
      local undone = neovim.headless(folder, { spec, "+SeedUndo!", "+qa" })
      neovim.same({ undone.code, neovim.read(folder .. "/greeting") }, { 0, "edited\n" })
      neovim.has(undone.stdout, "before run 2")
      neovim.same(neovim.headless(folder, { spec, "+SeedUndo! greeting", "+qa" }).code, 1)
    end,
  },
  {
    "a script has the server attached",
    function()
      local folder = neovim.folder()
      local spec = neovim.spec(folder)
      local script = neovim.write(
        folder,
        "script.lua",
        [[
        local clients = vim.lsp.get_clients({ name = "seed", bufnr = 0 })
        io.stdout:write(("%d attached, %d in all\n"):format(#clients, #vim.lsp.get_clients()))
        vim.api.nvim_create_autocmd("VimEnter", {
          callback = vim.schedule_wrap(function()
            vim.wait(300)
            io.stdout:write(("%d in the end\n"):format(#vim.lsp.get_clients()))
            vim.cmd("qa!")
          end),
        })
      ]]
      )
      -- A folder that is a project, so that the server has a root.
      vim.fn.mkdir(folder .. "/.git")
      for _, way in ipairs({ { spec, "+luafile " .. script }, { spec, "-S", script }, { "-S", script, spec } }) do
        local done = neovim.headless(folder, way)
        neovim.has(done.stdout, "1 attached, 1 in all")
        neovim.has(done.stdout, "1 in the end")
      end
      local alone = neovim.write(
        folder,
        "alone.lua",
        [[
        vim.cmd.edit(arg[1])
        io.stdout:write(("%d attached"):format(#vim.lsp.get_clients({ name = "seed", bufnr = 0 })))
      ]]
      )
      neovim.has(neovim.headless(folder, { "-l", alone, spec }).stdout, "1 attached")
    end,
  },
  {
    "a program that is not there is told",
    function()
      local folder = neovim.folder()
      local done = neovim.headless(
        folder,
        { neovim.spec(folder), "+SeedPlan", "+qa" },
        { set = { server = "/no/such/seed" } }
      )
      neovim.same(done.code, 1)
      neovim.has(done.stderr, "/no/such/seed")
    end,
  },
  {
    "words that are no switch are told",
    function()
      local folder = neovim.folder()
      local done = neovim.headless(folder, { neovim.spec(folder), "+SeedPlan ++force", "+qa" })
      neovim.same(done.code, 1)
      neovim.has(done.stderr, "++force is not an option")
    end,
  },
}
