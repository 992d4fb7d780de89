local model = require("model")
local neovim = require("neovim")

local function open()
  local folder = neovim.folder()
  return neovim.start(folder, { neovim.spec(folder) }), folder
end

--- What stands as virtual text behind the lines of the spec.
local SIGNS = [[
  local buf, signs = ..., {}
  local namespace = vim.api.nvim_get_namespaces()["seed-duck"]
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buf, namespace, 0, -1, { details = true })) do
    for _, piece in ipairs(mark[4].virt_text or {}) do
      signs[vim.trim(piece[1])] = true
    end
  end
  return signs
]]

return {
  {
    "what is explained is reflected as it is written, and marked in the spec",
    function()
      local child = open()
      local spec = child:lua("return vim.api.nvim_get_current_buf()")
      child:lua("vim.cmd.SeedDuck()")
      child:expect("seed://reflection/", "0 %")
      neovim.has(child:lua("return vim.api.nvim_buf_get_name(0)"), "seed://duck/")
      child:type("iThe inbox is a directory. The greeting is a text file that says goodbye.<Esc>")
      child:expect("seed://reflection/", "✓ `inbox` is a folder")
      child:wait("the signs", SIGNS .. "['✓']", spec)
      local signs = child:lua(SIGNS, spec)
      neovim.same(signs["✓"], true)
    end,
  },
  {
    "the spec that changes changes the answer",
    function()
      local child = open()
      local spec = child:lua("return vim.api.nvim_get_current_buf()")
      child:lua("vim.cmd('SeedDuck The inbox is a directory.')")
      child:expect("seed://reflection/", "✓ `inbox` is a folder")
      child:lua(
        [[
        local lines = vim.api.nvim_buf_get_lines(..., 0, -1, true)
        lines = vim.tbl_map(function(line) return (line:gsub("inbox:", "outbox:")) end, lines)
        vim.api.nvim_buf_set_lines(..., 0, -1, true, lines)
        vim.api.nvim_exec_autocmds("TextChanged", { buffer = ... })
      ]],
        spec
      )
      child:wait(
        "the other answer",
        [[
        local lines = table.concat(vim.api.nvim_buf_get_lines(vim.fn.bufnr("seed://reflection"), 0, -1, true), "\n")
        return not lines:find("✓ `inbox`", 1, true) and lines:find("outbox", 1, true) ~= nil
      ]]
      )
    end,
  },
  {
    "writing it keeps it, and the history shows how the score moved",
    function()
      local child, folder = open()
      local spec = child:lua("return vim.api.nvim_get_current_buf()")
      child:lua("vim.cmd('SeedDuck The inbox is a directory.'); vim.cmd.write()")
      neovim.same(child:lua("return vim.bo.modified"), false)
      neovim.wait("the history", function()
        return vim.fn.glob(folder .. "/.state/duck/*.jsonl") ~= ""
      end)
      child:lua("vim.api.nvim_buf_set_lines(0, 0, -1, true, { 'The greeting is a text file.' }); vim.cmd('bdelete!')")
      neovim.wait("the second explanation", function()
        local text = neovim.read(vim.fn.glob(folder .. "/.state/duck/*.jsonl")) or ""
        return select(2, text:gsub("\n", "")) == 2
      end)
      neovim.same(child:lua(SIGNS, spec), vim.empty_dict())
      child:lua("vim.api.nvim_set_current_win(vim.fn.win_findbuf(...)[1]); vim.cmd('SeedDuck history')", spec)
      child:expect("seed://duck-history/", "1 covered")
    end,
  },
  {
    "what was explained is kept when the window or Neovim is closed",
    function()
      local child, folder = open()
      local function kept()
        local text = neovim.read(vim.fn.glob(folder .. "/.state/duck/*.jsonl")) or ""
        return select(2, text:gsub("\n", ""))
      end
      child:lua("vim.cmd('SeedDuck The inbox is a directory.'); vim.cmd.close()")
      neovim.wait("the explanation", function()
        return kept() == 1
      end)
      child:lua("vim.cmd('SeedDuck The greeting is a text file.')")
      child:type(":qa<CR>")
      neovim.wait("the end of Neovim", function()
        return vim.fn.jobwait({ child.job }, 0)[1] ~= -1
      end)
      neovim.same(kept(), 2)
    end,
  },
  {
    "a model judges what is written, and one that answers nonsense leaves the answer standing",
    function()
      local folder = neovim.folder()
      local mock = model.start({ { "quack" } })
      model.configure(folder, mock)
      local child = neovim.start(folder, { neovim.spec(folder) }, { set = { duck_model = true } })
      child:lua("vim.cmd('SeedDuck The inbox is a directory.')")
      child:expect("seed://reflection/", "✓ `inbox` is a folder")
      child:lua("vim.cmd.write()")
      child:expect("seed://reflection/", "the model did not answer")
      child:expect("seed://reflection/", "✓ `inbox` is a folder")
      neovim.same(#mock.asked > 0, true)
    end,
  },
  {
    "a model talks in the window, and hears what it has said",
    function()
      local folder = neovim.folder()
      local function says(reply)
        local facts = { { id = "inbox:exists", told = "covered", quote = "The inbox is a directory." } }
        return { vim.json.encode({ facts = facts, reply = reply, question = "Who puts something into it?" }) }
      end
      local mock = model.start({ says("A directory, yes."), says("So it is.") })
      model.configure(folder, mock)
      local child = neovim.start(folder, { neovim.spec(folder) }, { set = { duck_model = true } })
      child:lua("vim.cmd('SeedDuck The inbox is a directory.')")
      child:expect("seed://reflection/", "✓ `inbox` is a folder")
      child:lua("vim.cmd.write()")
      child:expect("seed://reflection/", "A directory, yes.")
      child:expect("seed://reflection/", "Who puts something into it?")
      child:type("GoPeople put letters in it.<Esc>:w<CR>")
      child:expect("seed://reflection/", "So it is.")
      neovim.has(mock.asked[2], "A directory, yes.")
    end,
  },
  {
    "code that is no spec is asked about, too",
    function()
      local folder = neovim.folder()
      local file = neovim.write(folder, "backup.sh", "# Copies the homes.\nkeep=7\nbackup() {\n  cp -a /home /mnt\n}\n")
      local child = neovim.start(folder, { file })
      child:lua("vim.cmd.SeedDuck()")
      child:expect("seed://duck/", "?")
      neovim.has(child:lines("seed://duck/"), "%")
    end,
  },
  {
    "without a window it prints, and functions return tables",
    function()
      local folder = neovim.folder()
      local spec = neovim.spec(folder)
      local done = neovim.headless(folder, { spec, "+SeedDuck The inbox is a directory.", "+qa" })
      neovim.same(done.code, 0)
      neovim.has(done.stdout, "✓ `inbox` is a folder")
      local child = neovim.start(folder, { spec })
      local answer = child:lua("return require('seed').duck('The greeting is a folder.')")
      neovim.same(#answer.contradicted > 0, true)
      neovim.same(type(answer.score), "number")
    end,
  },
}
