-- The language server; override any of it with vim.lsp.config("seed", { … }).
local server = require("seed.lsp")

---@type vim.lsp.Config
return {
  cmd = { require("seed.cli").binary() or "seed", "lsp" },
  filetypes = { "yaml.seed" },
  root_markers = { "seed.lock", ".git" },
  init_options = { compare = true },
  on_attach = server.on_attach,
  on_exit = function(code, signal)
    server.on_exit(code, signal)
  end,
}
