local neovim = require("neovim")

--- A stand-in for sudo that knows one password, and a `seed` whose plans say that they need root.
---@param marked? string the field of a plan that is set when it is not made as root
local function open(marked)
  marked = marked or "needs_root"
  local folder = neovim.folder()
  local sudo = neovim.write(
    folder,
    "sudo",
    ([[#!/bin/sh
case "$1" in
-n) echo "sudo: a password is required" >&2; exit 1 ;;
-S) read -r given
    [ "$given" = "let me in" ] || { echo "sudo: 1 incorrect password attempt" >&2; exit 1; }
    shift 4
    echo "$@" >> %s/as-root
    AS_ROOT=1 exec "$@" ;;
esac
]]):format(folder),
    493
  )
  local server = neovim.write(
    folder,
    "seed",
    ([[#!/bin/sh
if [ "$1" = plan ] && [ -z "$AS_ROOT" ]; then
  answer=$("%s" "$@"); status=$?
  echo "$answer" | sed 's/"%s":false/"%s":true/'
  exit $status
fi
exec "%s" "$@"
]]):format(neovim.seed, marked, marked, neovim.seed),
    493
  )
  local child = neovim.start(
    folder,
    { neovim.spec(folder) },
    { set = { server = server, sudo = sudo, attach = false } }
  )
  child:lua("vim.uv.getuid = function() return 1000 end")
  return child, folder
end

local function at_prompt(child)
  neovim.wait("the prompt", function()
    return vim.rpcrequest(child.channel, "nvim_get_mode").mode == "c"
  end)
end

return {
  {
    "the password is asked for, given to sudo, and asked again when it is wrong",
    function()
      local child, folder = open()
      child:lua("vim.schedule(function() vim.cmd('SeedApply!') end)")
      at_prompt(child)
      child:type("wrong<CR>")
      at_prompt(child)
      child:type("let me in<CR>")
      child:expect("seed://plan/", "2 changed")
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
      local ran = neovim.read(folder .. "/as-root")
      neovim.has(ran, "apply")
      neovim.has(ran, "--plan-digest")
      local kept = child:lua(
        "return vim.fn.execute('messages') .. vim.inspect(vim.fn.getreginfo()) .. vim.fn.execute('history all')"
      )
      assert(not kept:find("let me in", 1, true), kept)
    end,
  },
  {
    "what root has made is planned by root, too",
    function()
      local child, folder = open("kept_by_root")
      child:lua("vim.schedule(function() vim.cmd('SeedApply! absent') end)")
      at_prompt(child)
      child:type("let me in<CR>")
      at_prompt(child)
      neovim.has(neovim.read(folder .. "/as-root"), "plan")
      child:type("let me in<CR>")
      child:expect("seed://plan/", "0 changed, 2 unchanged")
      neovim.has(neovim.read(folder .. "/as-root"), "apply")
    end,
  },
  {
    "no password, nothing done",
    function()
      local child, folder = open()
      child:lua("vim.schedule(function() vim.cmd('SeedApply!') end)")
      at_prompt(child)
      child:type("<Esc>")
      child:expect("seed://plan/", "nothing was changed")
      neovim.same(neovim.read(folder .. "/greeting"), nil)
    end,
  },
  {
    "what is not written yet is not run as root",
    function()
      local child, folder = open()
      child:lua("vim.cmd('%s/hello/other/'); vim.cmd('SeedApply!')")
      child:expect("seed://plan/", "write the buffer first")
      neovim.same(neovim.read(folder .. "/greeting"), nil)
    end,
  },
}
