-- Help on an option: whose it is, with its type, default and text; what has the same stands together.
local layout = require "sonde.layout"
local topics = require "sonde.topics"

local options = {}

-- The list's entries by what key(entry) gives, in order: a list of lists.
local function grouped(list, key)
  local groups, by = {}, {}
  for _, entry in ipairs(list) do
    local k = key(entry)
    if not by[k] then
      by[k] = {}
      groups[#groups + 1] = by[k]
    end
    table.insert(by[k], entry)
  end
  return groups
end

local function several(kind) return kind .. (kind:find "s$" and "es" or "s") end

-- "option of layers conv2d, max_pool2d; of every optimizer"
local function owners_text(list)
  local parts = {}
  for i, of_kind in ipairs(grouped(list, function(o) return o.owner.kind end)) do
    local kind, names = of_kind[1].owner.kind, {}
    for j, o in ipairs(of_kind) do names[j] = o.owner.name end
    if #names == 1 then parts[i] = ("of %s %s"):format(kind, names[1])
    elseif #names == #topics.kind(kind) then parts[i] = "of every " .. kind
    else parts[i] = ("of %s %s"):format(several(kind), table.concat(names, ", ")) end
  end
  return "option " .. table.concat(parts, "; ")
end

local function paragraph(text, width) return "  " .. layout.wrap(text, width, 2) end

-- field_type: a field's type in words.
local function field_text(list, width, field_type)
  local f = list[1].field
  local head = f.required and f.name .. "  (must be given)" or ("%s = %s"):format(f.name, f.default)
  return table.concat({ head, paragraph(("%s (%s)"):format(f.doc or "", field_type(f)):gsub("^ ", ""), width),
    paragraph(owners_text(list), width) }, "\n")
end

local function row_text(list, width)
  local pages, item = {}, list[1].item
  for i, o in ipairs(list) do pages[i] = ('"%s"'):format(o.page) end
  return layout.wrap(item.left, width, 2, 0) .. "\n" .. paragraph(item.right, width) .. "\n"
    .. layout.wrap(("help %s %s more"):format(table.concat(pages, ", "), #pages > 1 and "tell" or "tells"), width, 2, 0)
end

-- All about the option of that name, or nil. owner: only of what has that name, a constructor, method or function.
function options.text(word, width, field_type, owner)
  local out, fields, rows = {}, topics.fields(word, owner), topics.option_items(word, owner)
  local function same_field(o)
    return table.concat({ o.field.name, o.field.default, field_type(o.field), o.field.doc or "" }, "\0")
  end
  for _, list in ipairs(grouped(fields, same_field)) do out[#out + 1] = field_text(list, width, field_type) end
  local function same_row(o) return o.item.left .. "\0" .. o.item.right end
  for _, list in ipairs(grouped(rows, same_row)) do out[#out + 1] = row_text(list, width) end
  return #out > 0 and table.concat(out, "\n") or nil
end

-- For a word that is something else, too: a line that names the option, or nil.
function options.also(word, width)
  local names = {}
  for _, o in ipairs(topics.fields(word)) do names[#names + 1] = ("?%s.%s"):format(o.owner.name, o.field.name) end
  if #names > 3 then names = { names[1], names[2], "..." } end
  return #names > 0 and layout.wrap("an option, too: " .. table.concat(names, ", "), width, 2, 0) or nil
end

return options
