--- The picker of fzf-lua.
local M = {}

function M.pick(query, hits, root, open)
  local recall = require("seed.recall")
  local by_line, lines = {}, {}
  for _, hit in ipairs(hits) do
    -- `path:line:` is what its previewer reads.
    local line = ("%s:%d: %s  %s"):format(recall.path_of(hit, root) or hit.path, hit.line, hit.title, hit.why)
    by_line[line] = hit
    table.insert(lines, line)
  end
  require("fzf-lua").fzf_exec(lines, {
    prompt = ("Recall %s> "):format(query),
    previewer = "builtin",
    actions = {
      ["default"] = function(selected)
        open(selected and by_line[selected[1]])
      end,
    },
  })
end

return M
