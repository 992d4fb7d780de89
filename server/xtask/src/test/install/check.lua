-- Run in a Neovim that opened a spec: the plugin is there, its help is found, and the language server is attached.
local function check()
  assert(vim.bo.filetype == "yaml.seed", "the filetype is " .. vim.bo.filetype)
  local function attached()
    return #vim.lsp.get_clients({ bufnr = 0, name = "seed" }) > 0
  end
  assert(vim.wait(20000, attached), "the language server is not attached")
  vim.cmd.help("seed-install")
  vim.cmd.help(":SeedApply")
end

vim.api.nvim_create_autocmd("VimEnter", {
  callback = vim.schedule_wrap(function()
    local ok, err = pcall(check)
    if not ok then
      io.stderr:write(tostring(err), "\n")
      vim.cmd.cquit()
    end
    vim.cmd.quitall({ bang = true })
  end),
})
