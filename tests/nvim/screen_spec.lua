local neovim = require("neovim")

--- Answers what is asked next with the choice that begins so.
local function answer(child, words)
  child:lua(
    [[
    local words = ...
    vim.ui.select = function(choices, options, take)
      vim.g.asked = options.prompt
      for _, choice in ipairs(choices) do
        if vim.startswith(options.format_item(choice), words) then
          return take(choice)
        end
      end
      take(nil)
    end
  ]],
    words
  )
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
      child:expect("seed://plan/", "+ greeting  file.text")
      local groups = child:lua([[
        local groups = {}
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })) do
          groups[mark[4].hl_group] = true
        end
        return { vim.bo.filetype, vim.bo.modifiable, groups.SeedCreate, groups.SeedRole }
      ]])
      neovim.same(groups, { "seed-plan", false, true, true })
      child:type("q")
      child:wait("the window to close", "return #vim.api.nvim_list_wins() == 1")
    end,
  },
  {
    "a plan shows every command that runs, each in one line",
    function()
      local child = open()
      local lines = child:lua([[
        local commands = { { "touch", "a b", "x\n+ forged\27[2J\194\155" }, { "test", "-e", "/srv/made" } }
        local action = { role = "made", is = "task.command", action = "create", commands = commands }
        return require("seed.page").plan({ spec = "a", state = "present", actions = { action } }).lines
      ]])
      neovim.same(vim.list_slice(lines, 5), {
        [[      runs touch "a b" "x\n+ forged\u001b[2J\u009b"]],
        "      runs test -e /srv/made",
      })
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
      child:expect("seed://plan/", "▾ mine  desk  2 to create")
      child:expect("seed://plan/", "    + note  file.text")
      local folded = child:lua([[
        local row = vim.fn.search("▾ mine")
        vim.cmd("normal! zM")
        return { vim.fn.foldclosed(row) == row, vim.fn.foldclosedend(row) > row + 3, vim.fn.foldclosed(1) }
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
    "nothing is done before it is confirmed",
    function()
      local child, folder = open()
      answer(child, "Cancel")
      child:lua("vim.cmd.SeedApply()")
      child:expect("seed://plan/", "nothing was changed")
      neovim.same(neovim.read(folder .. "/greeting"), nil)
      answer(child, "Apply")
      child:lua("vim.cmd.wincmd('p'); vim.cmd.SeedApply()")
      child:expect("seed://plan/", "2 changed")
      neovim.same(child:lua("return vim.g.asked"), "Apply?")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
    end,
  },
  {
    "what happens to a role is shown behind it",
    function()
      local child = open()
      answer(child, "Apply")
      child:lua("vim.cmd.SeedApply()")
      child:expect("seed://plan/", "2 changed")
      local said = child:lua([[
        local said = {}
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })) do
          if mark[4].virt_text then
            table.insert(said, vim.trim(mark[4].virt_text[1][1]):match("^%a+"))
          end
        end
        return said
      ]])
      neovim.same(said, { "done", "done" })
    end,
  },
  {
    "what destroys data is marked, and asked for as such",
    function()
      local child, folder = open()
      child:lua("vim.cmd('SeedApply!')")
      child:expect("seed://plan/", "2 changed")
      neovim.write(folder, "inbox/letter", "dear")
      answer(child, "Cancel")
      child:lua("vim.cmd.wincmd('p'); vim.cmd('SeedApply absent inbox')")
      child:expect("seed://plan/", "- inbox  file.directory  destroys")
      child:wait("the question", "return vim.g.asked == 'Apply? It destroys data.'")
      child:lua("vim.cmd.wincmd('p'); vim.cmd('SeedApply! absent inbox')")
      child:expect("seed://plan/", "destroy")
      child:wait("the refusal", "return vim.fn.execute('messages'):find('destroy') ~= nil")
      neovim.same(neovim.read(folder .. "/inbox/letter"), "dear")
      answer(child, "Apply, and destroy")
      child:lua("vim.cmd.wincmd('p'); vim.cmd('SeedApply absent inbox')")
      child:expect("seed://plan/", "1 changed")
      neovim.same(neovim.read(folder .. "/inbox/letter"), nil)
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
