--- Runs the tests of the plugin: `nvim -l tests/nvim/run.lua [NAME…]`, each in a Neovim of its own, against the program
--- `seed` named by $SEED (or the one in target/debug). Says `ok` or `not ok` of each, and fails if one does.
local here = vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, "S").source:sub(2)))
package.path = here .. "/?.lua;" .. package.path
vim.opt.runtimepath:prepend(vim.fs.dirname(vim.fs.dirname(here)))

local model, neovim = require("model"), require("neovim")
local wanted, failed, count = { unpack(arg) }, 0, 0

if vim.fn.executable(neovim.seed) == 0 then
  print(("not ok - there is no program %s: cargo build, or set $SEED"):format(neovim.seed))
  os.exit(1)
end

for path in
  vim.spairs(vim.iter(vim.fs.dir(here)):fold({}, function(all, name)
    all[name] = name:match("_spec%.lua$") and true or nil
    return all
  end))
do
  local spec = path:match("^(.*)_spec%.lua$")
  if #wanted == 0 or vim.tbl_contains(wanted, spec) then
    for _, case in ipairs(dofile(here .. "/" .. path)) do
      count = count + 1
      local ok, err = xpcall(case[2], debug.traceback)
      neovim.clean_up()
      model.clean_up()
      failed = failed + (ok and 0 or 1)
      print(("%s %d - %s: %s"):format(ok and "ok" or "not ok", count, spec, case[1]))
      if not ok then
        print((err:gsub("[^\n]+", "# %0")))
      end
    end
  end
end
print("1.." .. count)
os.exit((failed == 0 and count > 0) and 0 or 1)
