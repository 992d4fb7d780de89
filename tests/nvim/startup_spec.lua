local neovim = require("neovim")

--- What is loaded of Seed and of the language client, in a Neovim that opened a file.
local function loaded(name)
  local folder = neovim.folder()
  local path = neovim.write(folder, name, "a: 1\n")
  local child = neovim.start(folder, { path })
  return child:lua([[
    local names = vim.tbl_filter(function(name)
      return vim.startswith(name, "seed") or name == "vim.lsp"
    end, vim.tbl_keys(package.loaded))
    table.sort(names)
    return { names, vim.bo.filetype }
  ]])
end

return {
  {
    "other filetypes load nothing of Seed",
    function()
      neovim.same(loaded("other.yaml"), { {}, "yaml" })
      neovim.same(loaded("seed.yaml"), { {}, "yaml" })
    end,
  },
  {
    "specs have their filetype",
    function()
      for _, name in ipairs({ "lab.seed.yaml", "lab.seed.yml" }) do
        neovim.same(loaded(name)[2], "yaml.seed")
      end
      local child = neovim.start(neovim.folder(), { "new.seed.yaml" }, { set = { attach = false } })
      neovim.same(child:lua("return vim.bo.filetype"), "yaml.seed")
      child = neovim.start(neovim.folder(), {}, { set = { attach = false } })
      for _, command in ipairs({ "edit new.seed.yaml", "enew | file other.seed.yml | filetype detect" }) do
        child:lua("vim.cmd(...)", command)
        neovim.same(child:lua("return vim.bo.filetype"), "yaml.seed")
      end
    end,
  },
  {
    "the plugin takes less than a millisecond of the start",
    function()
      local folder, best = neovim.folder(), math.huge
      for round = 1, 5 do
        local log = folder .. "/startup" .. round
        neovim.headless(folder, { "--startuptime", log, "+qa" })
        local took = neovim.read(log):match("%d+%.%d+%s+(%d+%.%d+)%s+%d+%.%d+: sourcing [^\n]*plugin/seed%.lua")
        best = math.min(best, tonumber(took))
      end
      assert(best < 1, ("it took %.3f ms"):format(best))
    end,
  },
  {
    "it can be mapped, and maps no key itself",
    function()
      local child = neovim.start(neovim.folder(), {})
      for _, name in ipairs({ "plan", "apply", "info", "repair", "graph", "log", "fragment" }) do
        neovim.has(child:lua("return vim.fn.maparg(..., 'n')", ("<Plug>(seed-%s)"):format(name)), ":Seed")
      end
      neovim.same(
        child:lua([[
          return vim.tbl_filter(function(map)
            return map.rhs and map.rhs:find(":Seed") and not vim.startswith(map.lhs, "<Plug>(seed-")
          end, vim.api.nvim_get_keymap("n"))
        ]]),
        {}
      )
    end,
  },
}
