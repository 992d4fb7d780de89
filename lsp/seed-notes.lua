-- The same server for Markdown: the links of notes, and fragments.
local fragment = require("seed.fragment")

---@type vim.lsp.Config
return {
  cmd = { require("seed.cli").binary() or "seed", "lsp" },
  init_options = { only = "notes" },
  -- The server must see the text as an update left it, and not only what was typed into it since.
  -- And Neovim waits at its end until what was written last is noted.
  flags = { debounce_text_changes = 0, exit_timeout = 2000 },
  on_attach = fragment.on_attach,
  on_exit = function(code, signal)
    fragment.on_exit(code, signal)
  end,
}
