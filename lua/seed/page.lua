--- What Seed shows, as lines with highlights. Windows and the terminal show the same pages.
local M = {}

---@class seed.Mark
---@field row integer from 0
---@field from integer byte, from 0
---@field to integer
---@field group string

---@class seed.Page
---@field lines string[]
---@field marks seed.Mark[]
---@field rows table<string, integer> the row of each role
---@field folds { [1]: integer, [2]: integer }[] first and last row of what folds, inner ones first
local Page = {}
Page.__index = Page

---@return seed.Page
function M.new()
  return setmetatable({ lines = {}, marks = {}, rows = {}, folds = {} }, Page)
end

--- Adds a line made of pieces, each a text or a pair of text and highlight group.
function Page:add(...)
  local text = ""
  for _, piece in ipairs({ ... }) do
    local word, group = piece, nil
    if type(piece) == "table" then
      word, group = piece[1], piece[2]
    end
    if group then
      table.insert(self.marks, { row = #self.lines, from = #text, to = #text + #word, group = group })
    end
    text = text .. word
  end
  table.insert(self.lines, text)
end

--- Adds a text, line by line.
---@param text string
---@param group? string
function Page:block(text, group)
  for line in vim.gsplit(vim.trim(text), "\n") do
    self:add({ line, group })
  end
end

M.groups = {
  SeedTitle = "Title",
  SeedKey = "Special",
  SeedRole = "Identifier",
  SeedType = "Type",
  SeedCreate = "Added",
  SeedChange = "Changed",
  SeedRemove = "Removed",
  SeedUnknown = "DiagnosticWarn",
  SeedDestructive = "ErrorMsg",
  SeedReason = "Comment",
  SeedDone = "DiagnosticOk",
  SeedFailed = "DiagnosticError",
  SeedProgress = "DiagnosticInfo",
}

--- The groups of the styles that the program names.
local STYLES = {
  good = "SeedCreate",
  warn = "SeedChange",
  bad = "SeedDestructive",
  gone = "SeedRemove",
  unsure = "SeedUnknown",
  dim = "SeedReason",
  name = "SeedTitle",
}

--- A page that the program made: `page` in what `seed … --json --page` says.
---@param made { lines: string[], marks: table[], rows: table<string, integer>, folds: table[] }
---@return seed.Page
function M.of(made)
  local page = M.new()
  page.lines, page.rows, page.folds = made.lines, made.rows, made.folds
  for _, mark in ipairs(made.marks) do
    table.insert(page.marks, { row = mark[1], from = mark[2], to = mark[3], group = STYLES[mark[4]] })
  end
  return page
end

--- Text as it is.
---@param text string
---@return seed.Page
function M.text(text)
  local page = M.new()
  page:block(text)
  return page
end

return M
