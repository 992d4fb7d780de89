local neovim = require("neovim")

return {
  {
    "the help is current",
    function()
      local help = assert(loadfile(neovim.root .. "/tests/nvim/help.lua"))("test")
      local written, wanted = vim.fn.readfile(help.path), help.current()
      for row = 1, math.max(#written, #wanted) do
        assert(
          written[row] == wanted[row],
          ("line %d of doc/seed.txt is not current: nvim -l tests/nvim/help.lua"):format(row)
        )
      end
    end,
  },
  {
    "every command, mapping and function has its place in it",
    function()
      local child = neovim.start(neovim.folder(), {})
      local text = neovim.read(neovim.root .. "/doc/seed.txt")
      for name in pairs(child:lua("return vim.api.nvim_get_commands({})")) do
        if vim.startswith(name, "Seed") then
          neovim.has(text, ("*:%s*"):format(name))
          neovim.has(text, ("<Plug>(seed-%s)"):format(name:sub(5):lower()))
        end
      end
      for name in pairs(require("seed")) do
        neovim.has(text, ("*seed.%s()*"):format(name))
      end
    end,
  },
  {
    "its tags are sound, and its lines fit",
    function()
      local folder = neovim.folder()
      vim.fn.mkdir(folder .. "/doc")
      vim.uv.fs_copyfile(neovim.root .. "/doc/seed.txt", folder .. "/doc/seed.txt")
      vim.cmd.helptags(folder .. "/doc")
      local tags, text = neovim.read(folder .. "/doc/tags"), neovim.read(neovim.root .. "/doc/seed.txt")
      for tag in text:gmatch("|(:?[sS]eed[%w%-_:.]*)|") do
        neovim.has("\n" .. tags, ("\n%s\t"):format(tag))
      end
      for line in vim.gsplit(text, "\n") do
        assert(vim.fn.strdisplaywidth(line) <= 79, line)
      end
    end,
  },
}
