--- `:checkhealth seed`
local M = {}

local function check_neovim()
  vim.health.start("Neovim")
  if vim.fn.has("nvim-0.11") == 1 then
    vim.health.ok(tostring(vim.version()))
  else
    vim.health.error(("%s is too old"):format(vim.version()), "install Neovim 0.11 or later")
  end
  local problems = require("seed.config").problems()
  for _, problem in ipairs(problems) do
    vim.health.warn(problem, ":help seed-config")
  end
  if #problems == 0 then
    vim.health.ok("vim.g.seed has no mistakes")
  end
end

local function check_program()
  vim.health.start("The program seed")
  local cli = require("seed.cli")
  local binary, err = cli.binary()
  if not binary then
    vim.health.error(err, "run cargo build --release in the checkout, or set vim.g.seed.server")
    return
  end
  local version = vim.system({ binary, "--version" }, { text = true }):wait(5000)
  if version.code ~= 0 then
    vim.health.error(("%s --version exited with status %d"):format(binary, version.code))
    return
  end
  vim.health.ok(("%s (%s)"):format(vim.trim(version.stdout), binary))

  vim.health.start("This machine")
  local doctor = vim.system({ binary, "doctor", "--json" }, { text = true }):wait(20000)
  local report = cli.decode(doctor.stdout or "")
  if not report then
    vim.health.error("cannot read the output of seed doctor: " .. cli.words("doctor", doctor))
    return
  end
  for _, finding in ipairs(report.findings or {}) do
    local words = ("%s: %s"):format(finding.what, finding.message)
    if finding.ok then
      vim.health.ok(words)
    else
      vim.health.warn(words)
    end
  end
end

local function check_server()
  vim.health.start("The language server")
  local clients = vim.lsp.get_clients({ name = "seed" })
  for _, client in ipairs(clients) do
    local bufs = vim.tbl_count(client.attached_buffers)
    vim.health.ok(("running, attached to %d %s"):format(bufs, bufs == 1 and "buffer" or "buffers"))
  end
  if #clients == 0 then
    if not require("seed.config").get().attach then
      vim.health.info("not attached because vim.g.seed.attach is false")
    else
      vim.health.info("not running; it starts with the first *.seed.yaml buffer")
    end
  end
end

local function check_picker()
  vim.health.start("Notes")
  vim.health.ok(("|:SeedRecall| uses %s"):format(require("seed.picker").which()))
end

function M.check()
  check_neovim()
  check_program()
  check_server()
  check_picker()
end

return M
