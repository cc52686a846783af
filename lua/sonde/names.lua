-- Names that are not there: Keras's, Python's, and misspelt ones.
local core = require "sonde.core"
local util = require "sonde.util"

local names = {}

-- MaxPooling2D, max_pooling2d and maxpooling2d are one.
local function plain(name) return (name:lower():gsub("_", "")) end

local by_kind, any = {}, {} -- plain name -> our name
for _, kind in ipairs(core.kinds) do
  local map = {}
  for _, d in ipairs(kind) do
    map[plain(d.name)] = d.name
    if d.alias then map[plain(d.alias)] = map[plain(d.alias)] or d.name end
  end
  by_kind[kind.kind] = map
  for key, name in pairs(map) do any[key] = any[key] or name end
end

-- Our name for what the kind (nil: any kind) has under that one, written otherwise.
function names.ours(name, kind) return (kind and by_kind[kind] or any)[plain(name)] end

-- What else a global can be meant to be.
function names.add(name) any[plain(name)] = any[plain(name)] or name end

local python = { True = "true", False = "false", None = "nil", null = "nil" }

-- For _G's __index: what nobody has set is nil, except where it is another name of ours.
function names.global(_, name)
  if type(name) ~= "string" then return nil end
  if python[name] then util.fail("there is no %s in Lua; it is written %s", name, python[name]) end
  local ours = any[plain(name)]
  if ours and ours ~= name then util.fail("there is no %s here; its name is %s", name, ours) end
end

-- ---- names that turned out to be nil ----

-- The line that a message is about: of the chunk at the prompt, else of the file.
local function line_of(text, chunk)
  local path, number = text:match "^([^\n]-):(%d+): "
  number = tonumber(number)
  if chunk then
    if path and path ~= "input" then return nil end
    local n = 0
    for line in (chunk .. "\n"):gmatch "(.-)\n" do
      n = n + 1
      if n == (number or 1) then return line end
    end
    return nil
  end
  local file = path and io.open(path)
  if not file then return nil end
  local line
  for _ = 1, number do line = file:read "l" end
  file:close()
  return line
end

-- The nearest of a table's keys; only one that begins alike, for here nothing says that a name of ours was meant.
local function nearest(name, t)
  local list = {}
  for k in next, t do
    if type(k) == "string" and k:sub(1, 1):lower() == name:sub(1, 1):lower() then list[#list + 1] = k end
  end
  table.sort(list)
  return #name > 2 and core.suggest(name, list) or nil
end

-- The table that a path like "tensor" or "m.layers" leads to, with no function of the user's run on the way.
local function table_at(path)
  local parts = {}
  for part in path:gmatch "[%a_][%w_]*" do parts[#parts + 1] = #parts == 0 and part or { ".", part } end
  local at = require "sonde.complete".resolve(parts)
  local v = at and at.value
  if type(v) == "string" then return string end
  return type(v) == "table" and v or nil
end

-- "; did you mean conv2d?" for a message of Lua's about a name that is nil. chunk: the text that was typed, if it was.
function names.hint(text, chunk)
  local kind, name = text:match "a nil value %((%l+) '([%a_][%w_]*)'%)"
  if kind == "global" then
    local maker = type(rawget(_G, "tensor")) == "table" and rawget(rawget(_G, "tensor"), name)
    if maker then return ("; did you mean tensor.%s?"):format(name) end
    local near = nearest(name, _G)
    return near and ("; did you mean %s?"):format(near)
  elseif kind == "field" or kind == "method" then
    local line = line_of(text, chunk)
    local path, sep = (line or ""):match("([%a_][%w_%.]*)([.:])" .. name .. "%f[^%w_]")
    local t = path and table_at(path)
    local near = t and rawget(t, name) == nil and nearest(name, t)
    return near and ("; did you mean %s%s%s?"):format(path, sep, near) or nil
  end
end

return names
