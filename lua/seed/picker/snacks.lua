--- The picker of snacks.nvim.
local M = {}

function M.pick(query, hits, root, open)
  local recall = require("seed.recall")
  local items = vim.tbl_map(function(hit)
    return { text = recall.line(hit), hit = hit, file = recall.path_of(hit, root), pos = { hit.line, 0 } }
  end, hits)
  require("snacks").picker.pick({
    title = "Recall " .. query,
    items = items,
    format = "text",
    preview = "file",
    confirm = function(picker, item)
      picker:close()
      open(item and item.hit)
    end,
  })
end

return M
