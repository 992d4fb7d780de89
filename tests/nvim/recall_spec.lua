local neovim = require("neovim")

local NOTE = "# The bad cable\n\nIn May [[greeting]] came late.\n"

local function project()
  local folder = neovim.folder()
  vim.fn.mkdir(folder .. "/fragments", "p")
  vim.fn.mkdir(folder .. "/notes", "p")
  neovim.write(folder, "notes/cable.md", NOTE)
  return folder, neovim.spec(folder)
end

return {
  {
    "what fits is chosen and opened",
    function()
      local folder, spec = project()
      local child = neovim.start(folder, { spec })
      child:lua([[
        vim.ui.select = function(hits, options, take)
          vim.g.asked = { options.prompt, options.format_item(hits[1]), #hits }
          take(hits[1])
        end
        vim.cmd("SeedRecall cable")
      ]])
      child:wait("the place", "return vim.api.nvim_buf_get_name(0):find('notes/cable.md', 1, true) ~= nil")
      local asked = child:lua("return vim.g.asked")
      neovim.same(asked[1], "Recall cable")
      neovim.has(asked[2], "The bad cable  notes/cable.md:1")
      neovim.has(asked[2], "words: cable")
    end,
  },
  {
    "the word under the cursor is looked for, and an installed picker is taken",
    function()
      local folder, spec = project()
      local child = neovim.start(folder, { spec })
      child:lua([[
        -- As snacks.nvim has it.
        package.loaded.snacks = { picker = { pick = function(options)
          vim.g.picked = { options.title, options.items[1].text, options.items[1].pos[1] }
          options.confirm({ close = function() end }, options.items[1])
        end } }
        vim.fn.search("greeting:")
        vim.cmd("SeedRecall")
      ]])
      local picked = child:lua("return vim.g.picked")
      neovim.same({ picked[1], picked[3] }, { "Recall greeting", 4 })
      neovim.has(picked[2], "greeting: file.text")
      neovim.has(child:lua("return vim.api.nvim_get_current_line()"), "greeting:")
    end,
  },
  {
    "a note is linked to the role under the cursor, and opened",
    function()
      local folder, spec = project()
      local child = neovim.start(folder, { spec })
      child:wait("the server", "return #vim.lsp.get_clients({ name = 'seed', bufnr = 0 }) == 1")
      child:lua("vim.fn.search('inbox:'); vim.cmd('SeedNote Letters go here')")
      child:wait("the note", "return vim.api.nvim_buf_get_name(0):find('notes/letters-go-here.md', 1, true) ~= nil")
      neovim.has(
        neovim.read(folder .. "/notes/letters-go-here.md"),
        "About [[inbox]] of [lab.seed.yaml](../lab.seed.yaml)."
      )
    end,
  },
  {
    "notes beside a spec get the server, which follows their links",
    function()
      local folder = project()
      local child = neovim.start(folder, { folder .. "/notes/cable.md" })
      child:wait(
        "the server",
        [[
        local client = vim.lsp.get_clients({ name = "seed-notes", bufnr = 0 })[1]
        return client ~= nil and client.initialized == true
      ]]
      )
      child:lua("vim.fn.search('greeting'); vim.lsp.buf.definition()")
      child:wait("the role", "return vim.api.nvim_buf_get_name(0):find('lab.seed.yaml', 1, true) ~= nil")
      neovim.has(child:lua("return vim.api.nvim_get_current_line()"), "greeting:")
    end,
  },
  {
    "without a window what was found is printed",
    function()
      local folder, spec = project()
      local done = neovim.headless(folder, { spec, "+SeedRecall cable", "+qa" })
      neovim.same(done.code, 0)
      neovim.has(done.stdout, "The bad cable  note")
      done = neovim.headless(folder, { "+SeedRecall", "+qa" })
      neovim.same(done.code, 1)
      neovim.has(done.stderr, "usage: :SeedRecall")
    end,
  },
  {
    "functions return tables",
    function()
      local folder, spec = project()
      local child = neovim.start(folder, { spec })
      local found = child:lua("return { require('seed').recall('cable', { limit = 1 }) }")
      neovim.same(#found[1].hits, 1)
      neovim.same(found[1].hits[1].path, "notes/cable.md")
      neovim.same(found[1].root, vim.uv.fs_realpath(folder))
      local note = child:lua("return { require('seed').note('A thought', { role = 'inbox' }) }")
      neovim.has(neovim.read(note[1].path), "[[inbox]]")
      local none = child:lua("return { require('seed').note(' ') }")
      neovim.has(none[2] or vim.inspect(none), "its first line is its title")
    end,
  },
}
