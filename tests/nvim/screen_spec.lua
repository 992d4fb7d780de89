local neovim = require("neovim")

--- Waits for the question below the plan, and answers it by a key.
local function answer(child, key)
  child:expect("seed://footer/", "cancel")
  child:type(key)
end

local function open(more)
  local folder = neovim.folder()
  return neovim.start(folder, { neovim.spec(folder, more) }), folder
end

return {
  {
    "a plan is shown with its signs highlighted",
    function()
      local child = open()
      child:lua("vim.cmd.SeedPlan()")
      child:expect("seed://plan/", "+ greeting  file.text  create")
      local groups = child:lua([[
        local groups = {}
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })) do
          groups[mark[4].hl_group] = true
        end
        return { vim.bo.filetype, vim.bo.modifiable, groups.SeedCreate, groups.SeedTitle }
      ]])
      neovim.same(groups, { "seed-plan", false, true, true })
      child:type("q")
      child:wait("the window to close", "return #vim.api.nvim_list_wins() == 1")
    end,
  },
  {
    "a plan shows every command that runs, each in one line",
    function()
      local more = [[
  made:
    is: task.command
    present: [touch, "a b", "x\n+ forged\e[2J"]
    absent: [rm, x]
    info: [test, -e, /no/such/file]
]]
      local child, folder = open(more)
      child:lua("vim.system({ ..., 'trust', vim.fn.getcwd() }):wait()", neovim.seed)
      child:lua("vim.cmd.SeedPlan()")
      child:expect("seed://plan/", [[      runs  touch 'a b' $'x\n+ forged\e[2J']])
      neovim.same(neovim.read(folder .. "/a b"), nil)
    end,
  },
  {
    "the parts of a composite role are shown below it, and fold",
    function()
      local child, folder = open("  mine:\n    is: desk\n    home: ./mine\n")
      vim.fn.mkdir(folder .. "/roles/desk/tasks", "p")
      neovim.write(folder, "roles/desk/role.yml", "about: A desk.\nparameters: {home: {type: path}}\n")
      local tasks =
        'present:\n  top: {is: file.directory, path: "${home}"}\n  note: {is: file.text, path: "${home}/n", content: x}\n'
      neovim.write(folder, "roles/desk/tasks/main.yml", tasks)
      child:lua("vim.cmd.SeedPlan()")
      child:expect("seed://plan/", "+ mine      desk  2 to create")
      child:expect("seed://plan/", "    + note  file.text  create")
      local folded = child:lua([[
        local row = vim.fn.search("+ mine")
        vim.cmd("normal! zM")
        return { vim.fn.foldclosed(row) == row, vim.fn.foldclosedend(row) > row + 2, vim.fn.foldclosed(1) }
      ]])
      neovim.same(folded, { true, true, -1 })
    end,
  },
  {
    "the files of a composite role are Seed's, those of Ansible are not",
    function()
      local child, folder = open()
      vim.fn.mkdir(folder .. "/roles/desk/tasks", "p")
      vim.fn.mkdir(folder .. "/roles/other/tasks", "p")
      neovim.write(folder, "roles/desk/role.yml", "about: A desk.\n")
      neovim.write(folder, "roles/desk/tasks/main.yml", "present: {}\n")
      neovim.write(folder, "roles/other/tasks/main.yml", "- name: x\n")
      local filetypes = child:lua(
        [[
        local folder = ...
        return vim.tbl_map(function(file)
          vim.cmd.edit(folder .. "/roles/" .. file)
          return vim.bo.filetype
        end, { "desk/role.yml", "desk/tasks/main.yml", "other/tasks/main.yml" })
      ]],
        folder
      )
      neovim.same({ filetypes[1], filetypes[2], filetypes[3] == "yaml.seed" }, { "yaml.seed", "yaml.seed", false })
    end,
  },
  {
    "nothing is done before it is confirmed in the plan window",
    function()
      local child, folder = open()
      for _, key in ipairs({ "q", "<Esc>", "<C-w>j:close<CR>", ":close<CR>" }) do
        child:lua("vim.cmd.SeedApply()")
        child:expect("seed://footer/", "Apply? Plan: 2 to create.")
        neovim.has(child:lines("seed://plan/"), "+ greeting")
        answer(child, key)
        child:wait("the windows to close", "return #vim.api.nvim_list_wins() == 1")
        child:wait("the message", "return vim.fn.execute('1messages'):find('cancelled') ~= nil")
        child:lua("vim.cmd('messages clear')")
        neovim.same(neovim.read(folder .. "/greeting"), nil)
      end
      child:lua("vim.cmd.SeedApply()")
      answer(child, "Gy")
      child:expect("seed://plan/", "Done: 2 changed")
      child:expect("seed://footer/", "Done: 2 changed")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
      child:type("q")
      child:wait("both windows to close", "return #vim.api.nvim_list_wins() == 1")
    end,
  },
  {
    "what happens to a role is shown behind it",
    function()
      local child = open()
      child:lua("vim.cmd.SeedApply()")
      answer(child, "y")
      child:expect("seed://plan/", "Done: 2 changed")
      local said = child:lua([[
        local said = {}
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })) do
          if mark[4].virt_text then
            table.insert(said, (vim.trim(mark[4].virt_text[1][1]):gsub("%d+", "N")))
          end
        end
        return said
      ]])
      neovim.same(said, { "✓ create  N ms", "✓ create  N ms" })
    end,
  },
  {
    "what destroys data is repeated beside the question, and has a key of its own",
    function()
      local child, folder = open()
      child:lua("vim.cmd('SeedApply!')")
      child:expect("seed://plan/", "Done: 2 changed")
      neovim.write(folder, "inbox/letter", "dear")
      local function ask()
        child:lua("vim.cmd('SeedApply absent inbox')")
        child:expect("seed://footer/", "Apply? It destroys data. Plan: 1 to remove.")
        child:expect("seed://footer/", "inbox  destroys")
      end
      child:lua("vim.cmd.wincmd('p')")
      ask()
      child:type("y")
      child:wait("the hint", "return vim.fn.execute('messages'):find('press D') ~= nil")
      child:type("q")
      child:wait("the windows to close", "return #vim.api.nvim_list_wins() == 1")
      neovim.same(neovim.read(folder .. "/inbox/letter"), "dear")
      child:lua("vim.cmd('SeedApply! absent inbox')")
      child:wait("the refusal", "return vim.fn.execute('messages'):find('destroy data') ~= nil")
      neovim.same(neovim.read(folder .. "/inbox/letter"), "dear")
      child:lua("vim.cmd('only | buffer lab.seed.yaml')")
      ask()
      child:type("D")
      child:expect("seed://plan/", "Done: 1 changed")
      neovim.same(neovim.read(folder .. "/inbox/letter"), nil)
    end,
  },
  {
    "a repair shows the difference before the question, and an undo what it takes back",
    function()
      local child, folder = open()
      child:lua("vim.cmd('SeedApply!')")
      child:expect("seed://plan/", "Done: 2 changed")
      neovim.write(folder, "greeting", "edited\n")
      child:lua("vim.cmd.wincmd('p'); vim.cmd.SeedRepair()")
      child:expect("seed://footer/", "Repair? Plan: 1 to change")
      neovim.has(child:lines("seed://plan/"), "- edited")
      neovim.has(child:lines("seed://plan/"), "+ hello")
      neovim.same(neovim.read(folder .. "/greeting"), "edited\n")
      answer(child, "y")
      child:expect("seed://plan/", "Done: 1 changed")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
      child:lua("vim.cmd.wincmd('p'); vim.cmd.SeedUndo()")
      child:expect("seed://footer/", "Undo? Plan: 1 to change")
      neovim.has(child:lines("seed://plan/"), "before run 2")
      answer(child, "y")
      child:expect("seed://plan/", "Done: 1 changed")
      neovim.same(neovim.read(folder .. "/greeting"), "edited\n")
    end,
  },
  {
    "a repair that was confirmed on the screen may be as large as it was shown",
    function()
      local folder = neovim.folder()
      local roles = { "seed: 1\nname: lab\nroles:" }
      for number = 1, 8 do
        table.insert(roles, ("  f%d: {is: file.text, path: ./f%d, content: a}"):format(number, number))
      end
      local path = neovim.write(folder, "lab.seed.yaml", table.concat(roles, "\n") .. "\n")
      neovim.same(neovim.headless(folder, { path, "+SeedApply!", "+qa" }).code, 0)
      for number = 1, 8 do
        neovim.write(folder, "f" .. number, "edited")
      end
      neovim.has(neovim.headless(folder, { path, "+SeedRepair!", "+qa" }).stderr, "drift")
      local child = neovim.start(folder, { path }, { set = { window = "float", attach = false } })
      child:lua("vim.cmd.SeedRepair()")
      answer(child, "y")
      child:expect("seed://plan/", "Done: 8 changed")
    end,
  },
  {
    "a command in a window of Seed acts on the spec of that window",
    function()
      local child, folder = open()
      child:lua("vim.cmd.SeedPlan()")
      child:expect("seed://plan/", "+ greeting")
      child:lua("vim.cmd.SeedApply()")
      child:expect("seed://footer/", "Apply? Plan: 2 to create.")
      answer(child, "y")
      child:expect("seed://plan/", "Done: 2 changed")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
      -- The window still shows the run.
      neovim.has(child:lua("return vim.api.nvim_buf_get_name(0)"), "seed://plan/")
      neovim.has(child:lua("return vim.fn.getcompletion('SeedInfo ', 'cmdline')")[1], "greeting")
      child:lua("vim.cmd.SeedLog()")
      child:expect("seed://log/", "apply present")
      child:lua("vim.cmd.SeedUndo()")
      child:expect("seed://footer/", "Undo? Plan: 2 to remove.")
      answer(child, "q")
      child:lua(
        "vim.cmd('only | edit lab.seed.yaml'); vim.fn.append('$', '  wrong: {is: file.txt}'); vim.cmd.SeedPlan()"
      )
      child:expect("seed://message/", "file.txt")
      -- Three times, so that a name in a name would show.
      for _ = 1, 3 do
        child:lua("vim.cmd('messages clear'); vim.cmd.SeedPlan()")
        child:wait("the answer", "return vim.fn.execute('messages'):find('file.txt') ~= nil")
        child:wait(
          "the message",
          "return vim.api.nvim_buf_get_name(0) == 'seed://message/' .. ...",
          folder .. "/lab.seed.yaml"
        )
      end
      -- A spec whose buffer is gone is read from its file.
      child:lua("vim.cmd('bwipeout! lab.seed.yaml'); vim.cmd.SeedPlan()")
      child:expect("seed://plan/", "Nothing to do")
    end,
  },
  {
    "forty files and one loss: plan and question at three widths",
    function()
      for _, size in ipairs({ { 140, 40 }, { 100, 30 }, { 80, 24 } }) do
        local folder = neovim.folder("/tmp")
        local path = neovim.spec(folder)
        neovim.same(neovim.headless(folder, { path, "+SeedApply!", "+qa" }).code, 0)
        neovim.write(folder, "inbox/letter", "dear")
        local roles = { "seed: 1\nname: lab\nroles:" }
        for number = 1, 40 do
          local text = '  file-%02d: {is: file.text, path: ./some-folder/of-files/file-%02d, content: "%s"}'
          table.insert(roles, text:format(number, number, ("line %d of many words "):format(number):rep(5)))
        end
        neovim.write(folder, "lab.seed.yaml", table.concat(roles, "\n") .. "\n")
        local child = neovim.start(folder, { path }, { width = size[1], height = size[2], set = { attach = false } })
        child:lua("vim.o.cmdheight = 1; vim.cmd.SeedApply('++prune')")
        child:expect("seed://footer/", "D apply and destroy this data")
        local screens = { child:screen("seed://plan/") }
        for _, keys in ipairs({ "G", "zMgg" }) do
          child:type(keys)
          child:wait("the keys to be read", "return vim.fn.line('.') == (... and vim.fn.line('$') or 1)", keys == "G")
          table.insert(screens, child:screen("seed://plan/"))
        end
        local dump = table.concat(screens, ("="):rep(size[1]) .. "\n"):gsub("seed%-nvim%-%w+", "seed-nvim-XXXXXX")
        neovim.same_as_file(dump, ("confirm-%d.txt"):format(size[1]))
      end
    end,
  },
  {
    "mistakes of the spec are told",
    function()
      local child = open("  broken:\n    is: file.text\n    pth: ./x\n")
      child:lua("vim.cmd.SeedPlan()")
      child:expect("seed://message/", "`pth` is not a key of file.text")
      child:expect("seed://message/", "did you mean `path`?")
    end,
  },
  {
    "states, switches and roles are completed",
    function()
      local child = open()
      local function complete(line)
        return child:lua("return vim.fn.getcompletion(..., 'cmdline')", line)
      end
      neovim.same(complete("SeedApply pre"), { "present" })
      neovim.same(complete("SeedApply absent i"), { "inbox" })
      neovim.same(complete("SeedApply absent inbox i"), {})
      neovim.same(complete("SeedApply ++d"), { "++destroy-data" })
      neovim.same(complete("SeedInfo "), { "greeting", "inbox" })
      neovim.same(complete("SeedGraph m"), { "mermaid" })
    end,
  },
  {
    "the graph is shown as text",
    function()
      local child = open()
      child:lua("vim.cmd.SeedGraph('mermaid')")
      child:expect("seed://graph/", "greeting")
    end,
  },
  {
    "options choose the window, and wrong ones are told",
    function()
      local folder = neovim.folder()
      local child = neovim.start(
        folder,
        { neovim.spec(folder) },
        { set = { window = "float", wndow = "x", graph = "png" } }
      )
      child:lua("vim.cmd.SeedPlan()")
      child:expect("seed://plan/", "greeting")
      neovim.same(child:lua("return vim.api.nvim_win_get_config(0).relative"), "editor")
      local messages = child:lua("return vim.fn.execute('messages')")
      neovim.has(messages, "vim.g.seed.wndow is not an option")
      neovim.has(messages, 'vim.g.seed.graph is "png"')
    end,
  },
}
