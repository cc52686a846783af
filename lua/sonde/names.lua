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

return names
