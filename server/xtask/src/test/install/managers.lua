-- nvim -l managers.lua INSTALL.MD CHECKOUT: the snippets for plugin managers are sound. The managers themselves are not fetched:
-- what lazy.nvim does with a spec that is not lazy is done here by hand.
local document, checkout = _G.arg[1], _G.arg[2]
local text = table.concat(vim.fn.readfile(document), "\n")

local function block(name)
  return assert(text:match("\n```lua " .. vim.pesc(name) .. "\n(.-)\n```"), document .. " has no block for " .. name)
end

local spec = assert(loadstring("return " .. block("lazy.nvim")))()
assert(spec.lazy == false, "lazy.nvim must not load it lazily: it defines the filetype")
assert(spec.name == "seed" and spec.url == "https://example.org/seed.git", "lazy.nvim gets another plugin")
assert(not (spec.ft or spec.cmd or spec.event or spec.keys or spec.opts or spec.config), "there is nothing to wait for or to set up")
local known = { name = true, url = true, lazy = true, build = true }
for key in pairs(spec) do
  assert(known[key], key .. " is not tried here")
end

vim.opt.runtimepath:prepend(checkout)
for _, file in ipairs(vim.fn.glob(checkout .. "/plugin/**/*.lua", false, true)) do
  vim.cmd.source(file)
end
vim.cmd.edit("managers.seed.yaml")
assert(vim.bo.filetype == "yaml.seed", "the filetype is " .. vim.bo.filetype)

-- vim.pack came with Neovim 0.12; an older one only shows that the snippet asks for the right thing.
local asked
vim.pack = {
  add = function(specs)
    asked = specs
  end,
}
assert(loadstring(block("vim.pack")))()
assert(#asked == 1 and asked[1].src == "https://example.org/seed.git" and asked[1].name == "seed", "vim.pack gets another plugin")
