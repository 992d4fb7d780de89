local model = require("model")
local neovim = require("neovim")

local DRAFT =
  "```yaml\nseed: 1\nname: lab\nroles:\n  note:\n    is: file.text\n    path: ./note\n    content: hi\n```\n"

local function open(answers, stalls)
  local folder = neovim.folder()
  local mock = model.start(answers, stalls)
  model.configure(folder, mock)
  local spec = neovim.spec(folder)
  return neovim.start(folder, { spec }), mock, folder, spec
end

local function lines(child, buf)
  return child:lua("return table.concat(vim.api.nvim_buf_get_lines(..., 0, -1, true), '\\n')", buf)
end

return {
  {
    "an answer is streamed into a window, with the context that was named",
    function()
      local child, mock = open({ { "It holds ", "a greeting.\nAnd ", "more." } })
      child:lua("vim.cmd('SeedPrompt what does #role:greeting do?')")
      child:expect("seed://prompt/", "It holds a greeting.\nAnd more.")
      child:expect("seed://prompt/", "mock mock at http://127.0.0.1")
      neovim.has(mock.asked[1], "is: file.text")
      neovim.same(child:lua("return vim.bo.modifiable"), false)
    end,
  },
  {
    "a draft is checked, compared, and put into the buffer only when it is accepted",
    function()
      local child, mock = open({ { "```yaml\nseed: 1\nname: lab\nrols: {}\n```\n" }, { DRAFT } })
      local buf = child:lua("return vim.api.nvim_get_current_buf()")
      local before = lines(child, buf)
      child:lua("vim.cmd('SeedPrompt ++draft a note')")
      child:expect("seed://prompt/", "asking the model to fix them")
      child:expect("seed://draft/", "is: file.text")
      neovim.same(#mock.asked, 2)
      neovim.same(lines(child, buf), before)
      child:lua("vim.cmd('SeedPrompt accept')")
      neovim.same(lines(child, buf), DRAFT:match("yaml\n(.*)\n```"))
      neovim.same(child:lua("return #vim.api.nvim_list_tabpages()"), 1)
      child:lua("vim.api.nvim_set_current_win(vim.fn.win_findbuf(...)[1]); vim.cmd.undo()", buf)
      neovim.same(lines(child, buf), before)
    end,
  },
  {
    "a draft that is rejected, is wrong or comes too late changes nothing",
    function()
      local child = open({ { DRAFT }, { DRAFT }, { DRAFT } })
      local buf = child:lua("return vim.api.nvim_get_current_buf()")
      local before = lines(child, buf)
      child:lua("vim.cmd('SeedPrompt ++draft a note')")
      child:expect("seed://draft/", "is: file.text")
      child:lua("vim.notify = function(words) vim.g.said = words end")
      child:lua("vim.api.nvim_buf_set_lines(0, 0, 1, true, { 'sed: 1' }); vim.cmd('SeedPrompt accept')")
      child:expect("seed://message/", "the draft has mistakes; nothing was changed")
      child:lua("vim.cmd('SeedPrompt reject')")
      neovim.same(lines(child, buf), before)
      child:lua("vim.api.nvim_set_current_win(vim.fn.win_findbuf(...)[1]); vim.cmd('SeedPrompt ++draft a note')", buf)
      child:expect("seed://draft/", "is: file.text")
      child:lua("vim.api.nvim_buf_set_lines(..., -1, -1, true, { '# mine' })", buf)
      child:lua("vim.cmd('SeedPrompt accept')")
      neovim.has(child:lua("return vim.g.said"), "the buffer has changed since")
      neovim.same(lines(child, buf), before .. "\n# mine")
    end,
  },
  {
    "prose that is selected becomes a spec of its own, of which nothing is left when it is rejected",
    function()
      local folder = neovim.folder()
      model.configure(folder, model.start({ { DRAFT }, { DRAFT } }))
      local prose = neovim.write(folder, "wish.md", "A note that says hi.\n")
      local child = neovim.start(folder, { prose })
      local buf = child:lua("return vim.api.nvim_get_current_buf()")
      child:lua("vim.cmd('1SeedPrompt ++draft #selection')")
      child:expect("seed://draft/", "is: file.text")
      child:lua("vim.cmd('SeedPrompt reject')")
      neovim.same(child:lua("return vim.fn.bufexists(vim.fn.getcwd() .. '/draft.seed.yaml')"), 0)
      child:lua(
        "vim.api.nvim_set_current_win(vim.fn.win_findbuf(...)[1]); vim.cmd('1SeedPrompt ++draft #selection')",
        buf
      )
      child:expect("seed://draft/", "is: file.text")
      child:lua("vim.cmd('SeedPrompt accept')")
      neovim.has(child:lines("/draft.seed.yaml"), "is: file.text")
      neovim.same(lines(child, buf), "A note that says hi.")
    end,
  },
  {
    "it stops at once, and closes the connection",
    function()
      local child, mock = open({ { "Half an answer" } }, true)
      child:lua("vim.cmd('SeedPrompt hello')")
      child:expect("seed://prompt/", "Half an answer")
      neovim.same(mock.closed, 0)
      child:lua("vim.cmd('SeedStop')")
      child:expect("seed://prompt/", "interrupted")
      neovim.wait("the connection to close", function()
        return mock.closed == 1
      end)
      child:lua("vim.notify = function(words) vim.g.said = words end; vim.cmd('SeedStop')")
      neovim.same(child:lua("return vim.g.said"), "seed: no request is running")
    end,
  },
  {
    "before anything leaves the machine it is shown and asked",
    function()
      local folder = neovim.folder()
      vim.fn.mkdir(folder .. "/.config/seed", "p")
      local config = "models:\n  far: {provider: openai, endpoint: https://model.invalid/v1, model: far}\n"
      neovim.write(folder, ".config/seed/model.yaml", config)
      local child = neovim.start(folder, { neovim.spec(folder) })
      child:lua([[
        vim.ui.select = function(_, options, take)
          vim.g.asked = options.prompt
          take("Cancel")
        end
        vim.cmd("SeedPrompt what is #role:inbox for?")
      ]])
      child:expect("seed://prompt/", "nothing was sent")
      child:expect("seed://prompt/", "is: file.directory")
      neovim.has(child:lua("return vim.g.asked"), "https://model.invalid/v1")
      local done = neovim.headless(folder, { folder .. "/lab.seed.yaml", "+SeedPrompt hello", "+qa" })
      neovim.same(done.code, 3)
      neovim.has(done.stderr, "There is no window to answer in")
    end,
  },
  {
    "words of context and prompts are completed",
    function()
      local child = open({})
      local words = child:lua("return vim.fn.getcompletion('SeedPrompt #role:in', 'cmdline')")
      neovim.same(words, { "#role:inbox" })
      words = child:lua("return vim.fn.getcompletion('SeedPrompt ++dr', 'cmdline')")
      neovim.same(words, { "++draft" })
      words = child:lua("return require('seed.prompt').complete_input('what is #role:in')")
      neovim.same(words, { "what is #role:inbox" })
    end,
  },
  {
    "without a window the answer is printed, and functions return tables",
    function()
      local folder = neovim.folder()
      model.configure(folder, model.start({ { "An ", "answer." } }))
      local done = neovim.headless(folder, { neovim.spec(folder), "+SeedPrompt hello", "+qa" })
      neovim.same({ done.code, done.stdout }, { 0, "An answer.\n" })
      local child = open({ { DRAFT } })
      local answer = child:lua("return require('seed').prompt({ prompt = 'draft', text = 'a note' })")
      neovim.has(answer.draft, "is: file.text")
      local failed = child:lua("return { require('seed').prompt({ prompt = 'nothing' }) }")
      neovim.has(failed[2] or vim.inspect(failed), "nothing")
    end,
  },
}
