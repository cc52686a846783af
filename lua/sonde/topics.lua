-- What help can be asked about: the names on its pages, and how people may spell them.
local core = require "sonde.core"
local groups = require "sonde.groups"
local layout = require "sonde.layout"
local pages = require "sonde.parts".pages()
local trace = require "sonde.trace"

local topics = { items = {}, order = {} }

-- "Conv2D", "conv_2d" and "conv2d" are one word.
function topics.plain(word) return (word:lower():gsub("_", "")) end

-- Names in the left column of a row, or in a page's first line: `r:step(10)` -> step; `batch_size = 32` -> batch_size.
local function names_in(text)
  local names = {}
  text = text:gsub("%b()", " "):gsub("%b{}", " "):gsub("%b[]", " "):gsub('%b""', " ")
  for word in text:gmatch "[%a_][%w_]*" do
    if #word > 1 and word:find "%l" then names[#names + 1] = word end
  end
  for word in text:gmatch ":(%l)%f[^%w_]" do names[#names + 1] = word end -- t:t() is a method
  return names
end

local mentions = {} -- plain name -> list of { page =, item = }

local function mention(name, page, item)
  local key = topics.plain(name)
  mentions[key] = mentions[key] or {}
  local list = mentions[key]
  if not list[#list] or list[#list].item ~= item then list[#list + 1] = { page = page, item = item, name = name } end
end

for name in pairs(pages) do topics.order[#topics.order + 1] = name end
table.sort(topics.order)
for _, page in ipairs(topics.order) do
  topics.items[page] = layout.parse(pages[page])
  local section
  for _, item in ipairs(topics.items[page]) do
    section = item.head or section
    item.option = item.left and section == "options"
    if item.left then
      for _, name in ipairs(names_in(item.left)) do mention(name, page, item) end
    end
  end
end

-- Rows that name the word, on that page or (nil) on all.
function topics.rows(word, page)
  local found = {}
  for _, m in ipairs(mentions[topics.plain(word)] or {}) do
    if not page or m.page == page then found[#found + 1] = m end
  end
  return found
end

function topics.page(word)
  for _, name in ipairs(topics.order) do
    if topics.plain(name) == topics.plain(word) then return name end
  end
end

-- The kinds, without what nobody writes.
topics.kinds = {}
for i, kind in ipairs(core.kinds) do
  topics.kinds[i] = { kind = kind.kind }
  for _, d in ipairs(kind) do
    if trace.is_written(d.name) then table.insert(topics.kinds[i], d) end
  end
end

-- The kind that a word names: "layer", "layers", "losses", "Optimizer".
function topics.kind(word)
  word = topics.plain(word)
  for _, kind in ipairs(topics.kinds) do
    if word == kind.kind or word == kind.kind .. "s" or word == kind.kind .. "es" then return kind end
  end
end

-- The chapter of that name: "layers", "looking".
function topics.group(word)
  for _, group in ipairs(groups) do
    if group.name == topics.plain(word) then return group end
  end
end

-- What a page is about, in a line: the first sentence of its first paragraph, without what a colon adds to it.
function topics.brief(page)
  for _, item in ipairs(topics.items[page]) do
    if item.text then
      local sentence = item.text:match '^(.-[%w%)"}])[%.%?]%s+%S' or (item.text:gsub("%.$", ""))
      local before = sentence:match "^(.-): "
      return before and #before > 20 and before or sentence
    end
  end
  return ""
end

-- Described objects of that name in all kinds.
function topics.described(word)
  local found, plain = {}, topics.plain(word)
  for _, kind in ipairs(core.kinds) do
    for _, entry in ipairs(kind) do
      local d = core.describe(kind.kind, entry.name)
      if topics.plain(d.name) == plain or (d.alias and topics.plain(d.alias) == plain) then found[#found + 1] = d end
    end
  end
  return found
end

local fields -- plain name -> list of { owner = description, field = }; made when first asked for

local function all_fields()
  if fields then return fields end
  fields = {}
  for _, kind in ipairs(topics.kinds) do
    for _, entry in ipairs(kind) do
      local d = core.describe(kind.kind, entry.name)
      for _, f in ipairs(d.fields) do
        local key = topics.plain(f.name)
        fields[key] = fields[key] or {}
        table.insert(fields[key], { owner = d, field = f })
      end
    end
  end
  return fields
end

-- Options of that name of constructors; owner: of the one of that name only.
function topics.fields(word, owner)
  local found = {}
  for _, o in ipairs(all_fields()[topics.plain(word)] or {}) do
    local d = o.owner
    local own = not owner or topics.plain(d.name) == topics.plain(owner)
      or d.alias and topics.plain(d.alias) == topics.plain(owner)
    if own then found[#found + 1] = o end
  end
  return found
end

local same_options = { fit = "run", batches = "batch" } -- named on another page

local function page_of_options(name) return topics.page(same_options[name] or name) end

-- Rows of the pages' options of that name: a list of { page =, item = }.
function topics.option_items(word, owner)
  local found, page = {}, owner and page_of_options(owner)
  for _, m in ipairs(mentions[topics.plain(word)] or {}) do
    if m.item.option and (not owner or m.page == page) then found[#found + 1] = m end
  end
  return found
end

-- The options between the braces behind a constructor or method, for TAB: a list of { name =, field = } for what is
-- described, { name =, text = } for what a page says.
function topics.option_rows(name)
  local list = {}
  for _, d in ipairs(topics.described(name)) do
    for _, f in ipairs(d.fields) do list[#list + 1] = { name = f.name, field = f } end
  end
  local page = page_of_options(name)
  for _, item in ipairs(page and topics.items[page] or {}) do
    if item.option then
      local default = item.left:match "=%s*(.-)$"
      for _, option in ipairs(names_in(item.left)) do
        list[#list + 1] = { name = option, text = (default and default .. "  " or "") .. item.right }
      end
    end
  end
  return list
end

-- Their names.
function topics.options(name)
  local list = topics.option_rows(name)
  for i, o in ipairs(list) do list[i] = o.name end
  return list
end

-- All words that help knows, for suggestions and TAB.
function topics.all()
  local list, seen = {}, {}
  local function put(name)
    if not seen[name] then seen[name], list[#list + 1] = true, name end
  end
  for _, group in ipairs(groups) do put(group.name) end
  put "everything"
  for _, kind in ipairs(topics.kinds) do
    put(kind.kind)
    for _, d in ipairs(kind) do put(d.name) end
  end
  for _, name in ipairs(topics.order) do put(name) end
  local mentioned = {}
  for _, rows in pairs(mentions) do mentioned[#mentioned + 1] = rows[1].name end
  for _, list in pairs(all_fields()) do mentioned[#mentioned + 1] = list[1].field.name end
  table.sort(mentioned) -- "step" comes before "steps", when both are as near
  for _, name in ipairs(mentioned) do put(name) end
  return list
end

return topics
