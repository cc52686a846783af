-- The manual as a list of blocks, made of the same tables and pages as help:
--   { kind = "title", text }  { kind = "heading", text, id }  { kind = "item", text, id }  { kind = "label", text }
--   { kind = "text", text }   { kind = "code", text }         { kind = "rows", head = { ... } or nil, { ... }, ... }
local core = require "sonde.core"
local groups = require "sonde.groups"
local help = require "sonde.help"
local topics = require "sonde.topics"

local blocks = { groups = groups, where = {} }

local WIDTH = 90 -- of signatures

-- Where "?NAME" leads: where.conv2d = { "layers", "conv2d" }. The first kind that has a name keeps it, as a global.
local function anchor(group, name, id)
  blocks.where[name] = blocks.where[name] or { group = group.name, id = id }
  return id
end
local function item_id(kind, name) return kind .. "-" .. name end

for _, group in ipairs(groups) do
  anchor(group, group.name, "top")
  for _, page in ipairs(group.pages) do anchor(group, page, page) end
end
for _, kind in ipairs(topics.kinds) do
  for _, group in ipairs(groups) do
    for _, name in ipairs(group.kinds) do
      if name == kind.kind then
        anchor(group, kind.kind, "kind-" .. kind.kind)
        for _, d in ipairs(kind) do anchor(group, d.name, item_id(kind.kind, d.name)) end
      end
    end
  end
end

local function put(out, kind, text, id) out[#out + 1] = { kind = kind, text = text, id = id } end

local function described(out, kind, name)
  local d = core.describe(kind, name)
  put(out, "item", name, item_id(kind, name))
  put(out, "code", help.signature(d, WIDTH))
  put(out, "text", (d.brief:gsub("^%l", string.upper)) .. help.other_name(d) .. ".")
  local rows = { kind = "rows", head = { "option", "default", "what" } }
  for i, f in ipairs(d.fields) do rows[i] = { f.name, f.default, ("%s (%s)"):format(f.doc, help.field_type(f)) } end
  if #rows > 0 then out[#out + 1] = rows end
  if kind == "probe" then
    rows = help.probe_columns(name)
    rows.kind, rows.head = "rows", { "column", "what" }
    out[#out + 1] = rows
  end
  put(out, "label", "for example")
  put(out, "code", d.example)
end

-- The items of a help page, but for the first: that is its signature.
function blocks.page_body(out, name)
  local items, i = topics.items[name], 2
  while i <= #items do
    local item = items[i]
    if item.left or item.code then
      local rows, lines = { kind = "rows" }, {}
      local what = item.left and "left" or "code"
      while items[i] and items[i][what] do
        rows[#rows + 1], lines[#lines + 1] = { items[i].left, items[i].right }, items[i].code and items[i].code:sub(3)
        i = i + 1
      end
      if item.left then out[#out + 1] = rows else put(out, "code", table.concat(lines, "\n")) end
    else
      put(out, item.head and "label" or "text", item.head or item.text)
      i = i + 1
    end
  end
end

local function page(out, name)
  put(out, "item", name, name)
  put(out, "code", topics.items[name][1].head)
  blocks.page_body(out, name)
end

-- The names of a chapter by kind, pages last: { label = "loss", { text = "mse", id = "loss-mse" }, ... }.
function blocks.names(group)
  local sections = {}
  for i, name in ipairs(group.kinds) do
    sections[i] = { label = name }
    for k, d in ipairs(topics.kind(name)) do sections[i][k] = { text = d.name, id = item_id(name, d.name) } end
  end
  local pages = { label = "pages" }
  for i, name in ipairs(group.pages) do pages[i] = { text = name, id = name } end
  if #pages > 0 then sections[#sections + 1] = pages end
  return sections
end

local function upper(text) return (text:gsub("^%l", string.upper)) end

function blocks.chapter(group)
  local out = {}
  put(out, "title", upper(group.name))
  put(out, "text", upper(group.brief) .. ".")
  for _, name in ipairs(group.pages) do page(out, name) end
  for _, name in ipairs(group.kinds) do
    put(out, "heading", upper(name), "kind-" .. name)
    put(out, "text", upper(help.use(name)))
    for _, d in ipairs(topics.kind(name)) do described(out, name, d.name) end
  end
  return out
end

return blocks
