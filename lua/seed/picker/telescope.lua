--- The picker of telescope.nvim.
local M = {}

function M.pick(query, hits, root, open)
  local recall = require("seed.recall")
  local actions, state = require("telescope.actions"), require("telescope.actions.state")
  local conf = require("telescope.config").values
  local finder = require("telescope.finders").new_table({
    results = hits,
    entry_maker = function(hit)
      local line = recall.line(hit)
      return { value = hit, display = line, ordinal = line, path = recall.path_of(hit, root), lnum = hit.line }
    end,
  })
  require("telescope.pickers")
    .new({}, {
      prompt_title = "Recall " .. query,
      finder = finder,
      sorter = conf.generic_sorter({}),
      previewer = conf.grep_previewer({}),
      attach_mappings = function(prompt)
        actions.select_default:replace(function()
          actions.close(prompt)
          local entry = state.get_selected_entry()
          open(entry and entry.value)
        end)
        return true
      end,
    })
    :find()
end

return M
