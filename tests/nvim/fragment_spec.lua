local neovim = require("neovim")

local NOTICE = [[
---
about: Who looks after a file.
parameters:
  team: {default: net}
  style: {default: hash, choices: [hash, lua, html, css]}
---
{% set open = {"hash": "#", "lua": "--", "html": "<!--", "css": "/*"}[style] %}
{% set close = {"hash": "", "lua": "", "html": " -->", "css": " */"}[style] %}
{{ open }} Looked after by {{ team }}.{{ close }}
{{ open }} Ask them first.{{ close }}
{{ open }} Changes go through review.{{ close }}
]]

--- A project with the fragments `notice` and `plain`.
local function project()
  local folder = neovim.folder()
  vim.fn.mkdir(folder .. "/fragments")
  neovim.write(folder, "fragments/notice", NOTICE)
  neovim.write(folder, "fragments/plain", "one\ntwo\n")
  return folder
end

local ATTACHED = "return #vim.lsp.get_clients({ name = 'seed-fragments', bufnr = 0 }) == 1"

--- What the command line says of the project.
local function on_the_disk(folder)
  local command = { neovim.seed, "fragment", "status", "--json" }
  local done = vim.system(command, { text = true, cwd = folder, env = { SEED_STATE_DIR = folder .. "/.state" } }):wait()
  return vim.tbl_map(function(item)
    return ("%s:%d %s#%s %s"):format(item.file, item.line, item.fragment, item.instance, item.state)
  end, vim.json.decode(done.stdout).items)
end

local function current(child)
  return child:lua("return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), '\\n')")
end

return {
  {
    "it is embedded in the comments of each language, edited, updated, and noted when it is written",
    function()
      local folder = project()
      local files = {
        { "sshd_config", "Port 22\n", "", "# ", "" },
        { "init.lua", "return {}\n", " style=lua", "-- ", "" },
        { "page.html", "<p>x</p>\n", " style=html", "<!-- ", " -->" },
        { "Makefile", "all:\n", "", "# ", "" },
        { "style.css", "p {}\n", " style=css", "/* ", " */" },
      }
      for number, file in ipairs(files) do
        local path = neovim.write(folder, file[1], file[2])
        local done = neovim.headless(folder, { path, "+SeedFragment! add notice" .. file[3], "+w", "+qa" })
        neovim.same(done.code, 0)
        neovim.has(done.stdout, ("notice#%d"):format(number))
        local text = neovim.read(path)
        local begin = ("%sseed:begin notice#%d"):format(file[4], number)
        neovim.same(text:sub(1, #begin), begin)
        neovim.has(text, ("%sLooked after by net.%s\n"):format(file[4], file[5]))
        neovim.has(text, ("%sseed:end notice#%d%s\n%s"):format(file[4], number, file[5], file[2]))
      end
      neovim.same(#on_the_disk(folder), #files)
      -- One is edited by hand, and the fragment changes in another line.
      local edit = { folder .. "/init.lua", "+%s/through review/through editors/", "+w", "+qa" }
      neovim.same(neovim.headless(folder, edit).code, 0)
      neovim.write(folder, "fragments/notice", (NOTICE:gsub("Looked after", "Cared for")))
      for _, file in ipairs(files) do
        local done = neovim.headless(folder, { folder .. "/" .. file[1], "+SeedFragment update", "+w", "+qa" })
        neovim.same(done.code, 0)
        neovim.has(done.stdout, "updated")
        neovim.has(neovim.read(folder .. "/" .. file[1]), ("%sCared for by net.%s\n"):format(file[4], file[5]))
      end
      neovim.has(neovim.read(folder .. "/init.lua"), "-- Changes go through editors.\n")
      neovim.same(on_the_disk(folder), {
        "Makefile:1 notice#4 current",
        "init.lua:1 notice#2 edited",
        "page.html:1 notice#3 current",
        "sshd_config:1 notice#1 current",
        "style.css:1 notice#5 current",
      })
    end,
  },
  {
    "a clash changes nothing and fails Neovim, and is settled",
    function()
      local folder = project()
      local path = neovim.write(folder, "a.conf", "# seed:begin plain#1\n# seed:end plain#1\n")
      neovim.same(neovim.headless(folder, { path, "+SeedFragment update", "+w", "+qa" }).code, 0)
      neovim.same(neovim.headless(folder, { path, "+%s/two/my two/", "+w", "+qa" }).code, 0)
      neovim.write(folder, "fragments/plain", "one\nTWO\n")
      local mine = neovim.read(path)
      for _, command in ipairs({ "update", "status" }) do
        local done = neovim.headless(folder, { path, "+SeedFragment " .. command, "+w", "+qa" })
        neovim.same({ done.code, neovim.read(path) }, { 2, mine })
        neovim.has(done.stdout, "a.conf:1 plain#1  clash  you and the fragment changed the same lines")
      end
      local shown = neovim.headless(folder, { path, "+2SeedFragment diff", "+qa" })
      neovim.same(shown.code, 0)
      neovim.has(shown.stdout, "-my two\n+TWO")
      neovim.same(neovim.headless(folder, { path, "+2SeedFragment resolve mine", "+qa" }).code, 0)
      neovim.same(on_the_disk(folder), { "a.conf:1 plain#1 edited" })
      local back = neovim.headless(folder, { path, "+SeedFragment resolve theirs plain#1", "+w", "+qa" })
      neovim.same({ back.code, neovim.read(path) }, { 0, (mine:gsub("my two", "TWO")) })
      neovim.same(on_the_disk(folder), { "a.conf:1 plain#1 current" })
      local detached = neovim.headless(folder, { path, "+2SeedFragment detach", "+w", "+qa" })
      neovim.same({ detached.code, neovim.read(path) }, { 0, "one\nTWO\n" })
    end,
  },
  {
    "it is noted whatever the line ends, and merged from that the next time",
    function()
      for _, text in ipairs({
        "# seed:begin plain#1\n# seed:end plain#1",
        "a\r\n# seed:begin plain#1\r\n# seed:end plain#1\r\nb\n",
        "a\n# seed:begin plain#1\r\n# seed:end plain#1\r\nb\r\n",
        "a\r\n# seed:begin plain#1\r\n# seed:end plain#1\r\n",
        "\239\187\191# seed:begin plain#1\r\n# seed:end plain#1",
      }) do
        local folder = project()
        local path = neovim.write(folder, "a.conf", text)
        neovim.same(neovim.headless(folder, { path, "+SeedFragment update", "+w", "+qa" }).code, 0)
        neovim.has(neovim.read(folder .. "/.seed/fragments.lock"), "plain#1")
        neovim.write(folder, "fragments/plain", "one\nTWO\n")
        neovim.same({ text, neovim.headless(folder, { path, "+SeedFragment update", "+w", "+qa" }).code }, { text, 0 })
        neovim.has(neovim.read(path), "TWO")
      end
    end,
  },
  {
    "a copy gets an instance of its own, and a mistyped block fails",
    function()
      local folder = project()
      local block = "# seed:begin plain#1\none\ntwo\n# seed:end plain#1\n"
      local path = neovim.write(folder, "a.conf", block .. block)
      local done = neovim.headless(folder, { path, "+5SeedFragment resolve new-instance", "+w", "+qa" })
      neovim.same({ done.code, neovim.read(path) }, { 0, block .. block:gsub("#1", "#2") })
      for _, command in ipairs({ "update pain#1", "resolve mine pain#1", "detach pain#1" }) do
        done = neovim.headless(folder, { path, "+SeedFragment " .. command, "+qa" })
        neovim.same({ command, done.code }, { command, 1 })
        neovim.has(done.stdout .. done.stderr, "did you mean `plain#1`?")
      end
    end,
  },
  {
    "lines become a fragment",
    function()
      local folder = project()
      local path = neovim.write(folder, "page.html", "<p>\n  <b>x</b>\n  <i>y</i>\n</p>\n")
      local done = neovim.headless(folder, { path, "+2,3SeedFragment new bold.html", "+w", "+qa" })
      neovim.same(done.code, 0)
      neovim.has(done.stdout, "new fragment fragments/bold.html")
      neovim.same(neovim.read(folder .. "/fragments/bold.html"), "<b>x</b>\n<i>y</i>\n")
      neovim.same(
        neovim.read(path),
        "<p>\n  <!-- seed:begin bold#1 -->\n  <b>x</b>\n  <i>y</i>\n  <!-- seed:end bold#1 -->\n</p>\n"
      )
      neovim.same(on_the_disk(folder), { "page.html:2 bold#1 current" })
    end,
  },
  {
    "the selection becomes a fragment, by the mapping",
    function()
      local folder = project()
      local child = neovim.start(folder, { neovim.write(folder, "a.lua", "local a\nlocal b\nlocal c\n") })
      child:lua([[
        vim.keymap.set("x", "<F2>", "<Plug>(seed-fragment)")
        vim.ui.input = function(_, take) take("locals") end
      ]])
      child:type("jVj<F2>")
      child:wait("the markers", "return vim.api.nvim_buf_line_count(0) == 5")
      neovim.same(current(child), "local a\n-- seed:begin locals#1\nlocal b\nlocal c\n-- seed:end locals#1")
      -- It is one change, which can be undone.
      child:type("u")
      child:wait("the undo", "return vim.api.nvim_buf_line_count(0) == 3")
    end,
  },
  {
    "mistakes fail with words",
    function()
      local folder = project()
      local path = neovim.write(folder, "a.conf", "x\n# seed:begin plain#1\n")
      for command, words in pairs({
        ["SeedFragment nonsense"] = "unknown subcommand nonsense",
        ["SeedFragment resolve"] = "usage: :SeedFragment resolve",
        ["SeedFragment add"] = "usage: :SeedFragment add",
        ["SeedFragment add gone"] = "there is no fragment of that name",
        ["SeedFragment add notice team"] = "team is not a parameter",
        ["SeedFragment add notice x=1"] = "has no parameter `x`",
        ["SeedFragment new x"] = "select the lines first",
        ["1SeedFragment detach"] = "no fragment is embedded at line 1",
        ["SeedFragment update"] = "does not end",
        ["enew | SeedFragment status"] = "has no file",
      }) do
        local done = neovim.headless(folder, { path, "+" .. command, "+qa" })
        neovim.same({ command, done.code }, { command, 1 })
        neovim.has(done.stdout .. done.stderr, words)
      end
      neovim.same(neovim.read(path), "x\n# seed:begin plain#1\n")
    end,
  },
  {
    "files with markers get the server where the project has fragments, and others load nothing",
    function()
      local folder = project()
      local loaded = [[
        return vim.iter(vim.tbl_keys(package.loaded)):any(function(name)
          return vim.startswith(name, "seed") or name == "vim.lsp"
        end)
      ]]
      local marked = "# seed:begin plain#1\n# seed:end plain#1\n"
      local path = neovim.write(folder, "a.conf", marked)
      local other = neovim.write(folder, "b.conf", "nothing\n")
      local child = neovim.start(folder, { path })
      vim.wait(100)
      neovim.same(child:lua(loaded), false)
      child:lua("vim.cmd.edit(...)", other)
      child:lua("vim.cmd('SeedFragment status')")
      child:wait("the server, which was asked for", "return #vim.lsp.get_clients({ name = 'seed-fragments' }) == 1")
      neovim.same(neovim.headless(folder, { path, "+SeedFragment update", "+w", "+qa" }).code, 0)
      child = neovim.start(neovim.folder(), { other })
      vim.wait(100)
      neovim.same(child:lua(loaded), false)
      child:lua("vim.cmd.edit(...)", path)
      child:wait("the server", ATTACHED)
      -- It offers what no other server of the buffer does, and takes no key but on markers.
      neovim.same(child:lua("return #vim.lsp.get_clients({ bufnr = 0, method = 'textDocument/rename' })"), 0)
      child = neovim.start(neovim.folder(), { path }, { set = { attach = false } })
      vim.wait(200)
      neovim.same(child:lua("return #vim.lsp.get_clients()"), 0)
    end,
  },
  {
    "drift shows when the fragment is written, and an action mends it",
    function()
      local folder = project()
      local path = neovim.write(folder, "a.conf", "# seed:begin plain#1\n# seed:end plain#1\n")
      neovim.same(neovim.headless(folder, { path, "+SeedFragment update", "+w", "+qa" }).code, 0)
      local child = neovim.start(folder, { path })
      child:wait("the server", ATTACHED)
      child:lua("vim.cmd.split(...); vim.cmd('%s/two/three/ | write | close')", folder .. "/fragments/plain")
      child:wait(
        "the diagnostic",
        "return vim.iter(vim.diagnostic.get(0)):any(function(d) return d.code == 'fragment-outdated' end)"
      )
      child:lua([[
        vim.api.nvim_win_set_cursor(0, { 2, 0 })
        vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title:find("update") ~= nil end })
      ]])
      child:wait("the edit", "return vim.api.nvim_buf_get_lines(0, 2, 3, true)[1] == 'three'")
      child:wait("no diagnostic", "return #vim.diagnostic.get(0) == 0")
      child:lua("vim.cmd.write()")
      neovim.wait("it to be noted", function()
        return vim.deep_equal(on_the_disk(folder), { "a.conf:1 plain#1 current" })
          and neovim.read(folder .. "/.seed/base/" .. vim.fn.readdir(folder .. "/.seed/base")[1]) == "one\nthree\n"
      end)
    end,
  },
  {
    "the three sides of a clash are compared in a tab",
    function()
      local folder = project()
      local path = neovim.write(folder, "a.lua", "-- seed:begin plain#1\n-- seed:end plain#1\n")
      neovim.same(neovim.headless(folder, { path, "+SeedFragment update", "+%s/two/my two/", "+w", "+qa" }).code, 0)
      neovim.write(folder, "fragments/plain", "one\nTWO\n")
      local child = neovim.start(folder, { path })
      child:lua("vim.cmd('2SeedFragment diff')")
      neovim.same(
        child:lua([[
          return vim.tbl_map(function(win)
            local buf = vim.api.nvim_win_get_buf(win)
            local text = table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, true), " ")
            return { vim.wo[win].winbar, text, vim.wo[win].diff, vim.bo[buf].filetype }
          end, vim.api.nvim_tabpage_list_wins(0))
        ]]),
        {
          { "mine", "one my two", true, "lua" },
          { "base", "one two", true, "lua" },
          { "fragment", "one TWO", true, "lua" },
        }
      )
      child:type("q")
      child:wait("the tab to close", "return #vim.api.nvim_list_tabpages() == 1")
      -- By the action, too.
      child:wait("the clash", "return #vim.diagnostic.get(0) == 1")
      child:lua([[
        vim.api.nvim_win_set_cursor(0, { 2, 0 })
        vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title:find("compare") ~= nil end })
      ]])
      child:wait("the sides", "return #vim.api.nvim_tabpage_list_wins(0) == 3")
      child:type("q")
      child:wait("the tab to close again", "return #vim.api.nvim_list_tabpages() == 1")
      child:lua("vim.cmd('2SeedFragment resolve markers')")
      child:wait("the conflict markers", "return vim.api.nvim_buf_get_lines(0, 2, 3, true)[1] == '<<<<<<< mine'")
      neovim.has(current(child), "my two\n=======\nTWO\n>>>>>>> fragment plain")
    end,
  },
  {
    "words are completed",
    function()
      local folder = project()
      local child =
        neovim.start(folder, { neovim.write(folder, "a.conf", "# seed:begin plain#1\n# seed:end plain#1\n") })
      for line, wanted in pairs({
        ["SeedFragment "] = { "add", "detach", "diff", "new", "resolve", "status", "update" },
        ["SeedFragment resolve "] = { "markers", "mine", "new-instance", "theirs" },
        ["SeedFragment resolve mine "] = { "plain#1" },
        ["SeedFragment update p"] = { "plain#1" },
        ["1,2SeedFragment add "] = { "notice", "plain" },
        ["SeedFragment add notice t"] = { "team=" },
      }) do
        neovim.same({ line, child:lua("return vim.fn.getcompletion(..., 'cmdline')", line) }, { line, wanted })
      end
    end,
  },
  {
    "a server that dies is started again",
    function()
      local folder = project()
      local path = neovim.write(folder, "a.conf", "# seed:begin plain#1\n# seed:end plain#1\n")
      local child = neovim.start(folder, { path })
      child:lua("vim.cmd('SeedFragment status')")
      child:lua([[
        vim.cmd.close()
        _G.first = vim.lsp.get_clients({ name = "seed-fragments" })[1].id
        for _, pid in ipairs(vim.api.nvim_get_proc_children(vim.fn.getpid())) do vim.uv.kill(pid, "sigkill") end
      ]])
      child:wait(
        "another server",
        [[
          local client = vim.lsp.get_clients({ name = "seed-fragments", bufnr = 0 })[1]
          return client ~= nil and client.id ~= _G.first
        ]]
      )
    end,
  },
}
