-- help "conv2d": what the tables say; help "run": what the pages here say.
local core = require "sonde.core"
local objects = require "sonde.objects"
local pages = require "sonde.pages"
local util = require "sonde.util"

local help = {}

local WIDTH = 100

-- Text in lines of at most WIDTH characters behind an indent.
local function wrapped(text, indent)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > WIDTH - indent and line ~= "" then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(indent))
end

-- conv2d{ filters, kernel_size, strides = 1, ... }
local function signature(d)
  local placed, named = {}, {}
  for _, f in ipairs(d.fields) do
    if f.pos > 0 then placed[f.pos] = f.required and f.name or f.name .. " = " .. f.default
    else named[#named + 1] = f.name .. " = " .. f.default end
  end
  for _, s in ipairs(named) do placed[#placed + 1] = s end
  return wrapped(("%s{ %s }"):format(d.name, table.concat(placed, ", ")), 4)
end

local function field_type(f)
  if f.choices then
    local list = {}
    for i, c in ipairs(f.choices) do list[i] = ('"%s"'):format(c) end
    return table.concat(list, " or ")
  end
  if f.kind and f.type == "object" then return f.kind end
  if f.min then return ("%s, %g..%g"):format(f.type, f.min, f.max) end
  return f.type
end

local function described(d)
  local alias = d.alias and (' (also "%s")'):format(d.alias) or ""
  local lines = { signature(d), ("  %s: %s%s"):format(d.kind, d.brief, alias) }
  local rows = {}
  for _, f in ipairs(d.fields) do
    rows[#rows + 1] = { "  " .. f.name, f.default, f.doc or "", "(" .. field_type(f) .. ")" }
  end
  if #rows > 0 then lines[#lines + 1] = util.columns(rows, "llll") end
  lines[#lines + 1] = "for example"
  lines[#lines + 1] = "  " .. d.example
  return table.concat(lines, "\n")
end

local function overview()
  local lines = {}
  for _, kind in ipairs(core.kinds) do
    local names = {}
    for i, d in ipairs(kind) do names[i] = d.name end
    lines[#lines + 1] = ("%-12s %s"):format(kind.kind, wrapped(table.concat(names, ", "), 13))
  end
  local names = {}
  for name in pairs(pages) do names[#names + 1] = name end
  table.sort(names)
  lines[#lines + 1] = ("%-12s %s"):format("other pages", wrapped(table.concat(names, ", "), 13))
  lines[#lines + 1] = 'help "conv2d" or ?conv2d explains one of them; help "run" what a run can do'
  return table.concat(lines, "\n")
end

-- The text about a topic: a name, a constructor, an object, or nothing for the overview; nil when there is none.
function help.text(topic)
  if topic == nil or topic == "" then return overview() end
  local made = objects.constructor_of[topic]
  if made then return described(core.describe(made.kind, made.name)) end
  local t = core.type(topic)
  if t == "object" then return described(core.describe(topic.kind, topic.type)) end
  if t ~= "string" then return pages[t] end
  topic = topic:match "^%s*(.-)[%s{}()]*$"
  local found = {}
  for _, kind in ipairs(core.kinds) do
    local d = core.describe(kind.kind, topic)
    if d then found[#found + 1] = described(d) end
  end
  local page = pages[topic] or pages[topic:match "[:.]([%w_]+)$" or ""]
  if page then found[#found + 1] = page end
  return #found > 0 and table.concat(found, "\n\n") or nil
end

local function all_names()
  local names = {}
  for _, kind in ipairs(core.kinds) do
    for _, d in ipairs(kind) do names[#names + 1] = d.name end
  end
  for name in pairs(pages) do names[#names + 1] = name end
  return names
end

function help.help(topic)
  local text = help.text(topic)
  if not text then
    local near = type(topic) == "string" and core.suggest(topic, all_names())
    util.fail("help: there is nothing about %s%s", type(topic) == "string" and ('"%s"'):format(topic) or util.a(topic),
      near and ('; did you mean "%s"?'):format(near) or "; help() lists what there is")
  end
  io.stdout:write(text, "\n")
end

return help
