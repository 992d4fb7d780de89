local neovim = require("neovim")
local seed = require("seed")

local function with_spec(more)
  local folder = neovim.folder()
  vim.g.seed = { server = neovim.seed }
  vim.env.SEED_STATE_DIR = folder .. "/.state"
  return folder, neovim.spec(folder, more)
end

return {
  {
    "plan, apply, info and repair return tables",
    function()
      local folder, path = with_spec()
      local plan = assert(seed.plan({ path = path }))
      neovim.same(plan.summary.create, 2)
      local done = assert(seed.apply({ path = path, yes = true, digest = plan.digest }))
      neovim.same({ done.summary.changed, done.summary.failed }, { 2, 0 })
      neovim.same(done.events[1].event, "started")
      local info = assert(seed.info({ path = path, only = { "greeting" } }))
      neovim.same({ #info.roles, info.roles[1].state }, { 1, "present" })
      neovim.write(folder, "greeting", "edited")
      neovim.same(assert(seed.info({ path = path, only = { "greeting" } })).roles[1].state, "drifted")
      neovim.same(assert(seed.repair({ path = path, yes = true })).summary.changed, 1)
      neovim.same(neovim.read(folder .. "/greeting"), "hello\n")
      assert(next(assert(seed.log({ path = path }))))
      neovim.same(assert(seed.undo({ path = path, yes = true })).summary.changed, 1)
      neovim.same(neovim.read(folder .. "/greeting"), "edited")
    end,
  },
  {
    "what was planned for another world is refused",
    function()
      local folder, path = with_spec()
      local plan = assert(seed.plan({ path = path }))
      neovim.write(folder, "greeting", "someone was faster")
      local done, err = seed.apply({ path = path, yes = true, digest = plan.digest })
      neovim.same(done, nil)
      assert(err ~= "", "says nothing")
      neovim.same(neovim.read(folder .. "/greeting"), "someone was faster")
    end,
  },
  {
    "mistakes come with their place",
    function()
      local _, path = with_spec("  broken:\n    is: file.text\n    pth: ./x\n")
      local found = assert(seed.check({ path = path })).diagnostics
      local mistake = vim.iter(found):find(function(one)
        return one.message:find("pth") ~= nil
      end)
      neovim.same({ mistake.severity, mistake.range.start }, { "error", { line = 13, character = 4 } })
      local plan, err = seed.plan({ path = path })
      neovim.same(plan, nil)
      neovim.has(err, "pth")
    end,
  },
  {
    "a failure returns what was done before it",
    function()
      local folder = neovim.folder()
      local _, path = with_spec(("  broken:\n    is: file.directory\n    path: %s/file/below\n"):format(folder))
      neovim.write(folder, "file", "")
      local done, err, partly = seed.apply({ path = path, yes = true })
      neovim.same(done, nil)
      neovim.has(err, "broken: ")
      neovim.same(partly.summary.failed, 1)
    end,
  },
  {
    "wrong options are told",
    function()
      local _, path = with_spec()
      local _, err = seed.plan({ path = path, onyl = { "x" } })
      neovim.has(err, "onyl is not an option")
      _, err = seed.plan({ path = path, only = "x" })
      neovim.has(err, "only must be a table")
    end,
  },
}
