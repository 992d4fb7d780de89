local neovim = require("neovim")

local function health(options)
  local folder = neovim.folder()
  local child = neovim.start(folder, { neovim.spec(folder) }, options)
  child:lua("vim.cmd.checkhealth('seed')")
  return child:lua("return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), '\\n')")
end

return {
  {
    "tells the program, its version and what this machine has",
    function()
      local said = health()
      neovim.has(said, neovim.seed)
      neovim.has(said, "OK seed ")
      neovim.has(said, "vim.g.seed has no mistakes")
      neovim.has(said, "mkfs")
    end,
  },
  {
    "tells what is wrong",
    function()
      local said = health({ set = { server = "/no/such/seed", wndow = "x" } })
      neovim.has(said, "ERROR cannot find the program seed (vim.g.seed.server is /no/such/seed)")
      neovim.has(said, "vim.g.seed.wndow is not an option")
    end,
  },
}
