-- Runs at every start of Neovim: it names the filetype and the commands, and loads nothing else.
-- An older Neovim lacks what it calls; a package of the system makes that one load it, too.
if vim.g.loaded_seed or vim.fn.has("nvim-0.11") == 0 then
  return
end
vim.g.loaded_seed = true

-- Neovim's table of filetypes takes longer to load than all of this: it is told of ours when the first spec is at hand,
-- which is before its filetype is looked for.
local function add_filetype()
  -- A composite role has a `role.yml`; roles of Ansible, which have none, are left alone.
  local function of_role(path)
    local folder = path:match("^(.*)/tasks/main%.yml$") or path:match("^(.*)/role%.yml$")
    return (path:find("/role%.yml$") or (folder and vim.uv.fs_stat(folder .. "/role.yml"))) and "yaml.seed" or nil
  end
  vim.filetype.add({
    pattern = {
      [".*%.seed%.ya?ml"] = "yaml.seed",
      [".*/roles/[^/]+/role%.yml"] = { of_role, { priority = 10 } },
      [".*/roles/[^/]+/tasks/main%.yml"] = { of_role, { priority = 10 } },
    },
  })
  return true
end

local is_given = false
for _, file in ipairs(vim.fn.argv()) do
  is_given = is_given
    or file:find("%.seed%.ya?ml$") ~= nil
    or file:find("role%.yml$") ~= nil
    or file:find("main%.yml$") ~= nil
end
if is_given then
  add_filetype()
else
  vim.api.nvim_create_autocmd({ "BufNew", "BufReadPre", "BufFilePost" }, {
    pattern = { "*.seed.yaml", "*.seed.yml", "*/role.yml", "*/tasks/main.yml" },
    callback = add_filetype,
    desc = "Set the filetype of Seed's specs",
  })
end

local function command(name, options)
  options.complete = options.nargs ~= 0
      and function(lead, line)
        return require("seed.command").complete(name, lead, line)
      end
    or nil
  vim.api.nvim_create_user_command("Seed" .. name, function(call)
    require("seed.command").run(name, call)
  end, options)
  -- In Visual mode the mapping passes the selection as the range.
  local plug, rhs = "<Plug>(seed-" .. name:lower() .. ")", ":Seed" .. name .. "<CR>"
  vim.api.nvim_set_keymap("n", plug, rhs, { silent = true })
  if options.range then
    vim.api.nvim_set_keymap("x", plug, rhs, { silent = true })
  end
end

command("Plan", { nargs = "*", range = true, desc = "Show what applying the spec would change" })
command("Apply", { nargs = "*", range = true, bang = true, desc = "Make the machine match the spec" })
command("Info", { nargs = "*", range = true, desc = "Show the observed state and how it differs from the spec" })
command("Repair", { nargs = "*", range = true, bang = true, desc = "Repair drift from the spec" })
command("Undo", { nargs = "*", bang = true, desc = "Undo the last run" })
command("Graph", { nargs = "?", desc = "Show the dependencies between the roles" })
command("Fragment", { nargs = "*", range = true, bang = true, desc = "Keep snippets identical in many files" })
command("Duck", { nargs = "*", range = true, desc = "Explain the spec and see what you missed" })
command("Prompt", { nargs = "*", range = true, bang = true, desc = "Ask a language model, or let it draft a spec" })
command("Stop", { nargs = 0, desc = "Stop the running request to a language model" })
command("Recall", { nargs = "*", desc = "Search specs, notes and documents" })
command("Note", { nargs = "*", desc = "Write a note about the role under the cursor" })
command("Log", { nargs = 0, desc = "Show past runs" })

-- Files of any kind may embed fragments. Where a project has some, those with markers get the server; all others cost a few looks
-- for the project's lock.
local function has_lock(path)
  local folder = path:match("^(.*)/[^/]*$")
  while folder do
    if vim.uv.fs_stat(folder .. "/.seed/fragments.lock") then
      return true
    end
    folder = folder:match("^(.*)/[^/]*$")
  end
end

local function attach_soon(buf)
  vim.schedule(function()
    if vim.api.nvim_buf_is_loaded(buf) then
      require("seed.fragment").attach(buf)
    end
  end)
end

vim.api.nvim_create_autocmd("BufReadPost", {
  callback = function(event)
    if has_lock(event.match) and vim.fn.search([[\Cseed:\%(begin\|end\)]], "nw") > 0 then
      attach_soon(event.buf)
    end
  end,
  desc = "Attach Seed's server to files that embed fragments",
})

-- Notes beside a spec have links that the server follows.
vim.api.nvim_create_autocmd({ "BufReadPost", "BufNewFile" }, {
  pattern = { "*/notes/*.md" },
  callback = function(event)
    local project = vim.fs.dirname(vim.fs.dirname(vim.fs.abspath(event.match)))
    if vim.fn.glob(project .. "/*.seed.y*ml") ~= "" then
      attach_soon(event.buf)
    end
  end,
  desc = "Attach Seed's server to notes beside a spec",
})
