--- Choosing among what was found: by the picker that is installed, or else by `vim.ui.select`.
local M = {}

--- The pickers that are known, the first one that is there is taken.
local KNOWN = { telescope = "telescope.pickers", ["fzf-lua"] = "fzf-lua", snacks = "snacks" }

--- Which one is taken.
---@return string
function M.which()
  local wanted = require("seed.config").get().picker
  if wanted ~= "auto" then
    return wanted
  end
  for _, name in ipairs({ "telescope", "fzf-lua", "snacks" }) do
    if pcall(require, KNOWN[name]) then
      return name
    end
  end
  return "select"
end

--- Lets the user choose one of the hits, and opens its place.
---@param query string
---@param hits seed.Hit[]
---@param root string the folder of the project
function M.pick(query, hits, root)
  local function open(hit)
    if hit then
      require("seed.recall").open(hit, root)
    end
  end
  local name = M.which()
  if name ~= "select" then
    local ok, err = pcall(function()
      require("seed.picker." .. name:gsub("%-", "_")).pick(query, hits, root, open)
    end)
    if ok then
      return
    end
    vim.notify(("seed: the picker %s failed: %s"):format(name, err), vim.log.levels.WARN)
  end
  vim.ui.select(hits, {
    prompt = ("Recall %s"):format(query),
    kind = "seed.recall",
    format_item = require("seed.recall").line,
  }, open)
end

return M
