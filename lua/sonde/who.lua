-- who(): the names that a person has made, and what they hold.
local core = require "sonde.core"
local util = require "sonde.util"

local MAX_TEXT, MAX_DEPTH = 50, 4
local ITEM = { float32 = 4, float64 = 8, int64 = 8, int32 = 4, uint8 = 1 }
local LAST = { _ = true, _1 = true, _2 = true, _3 = true, _err = true }

local who = { before = {} } -- before: the globals that were there at the beginning

-- Remembers what is not the user's.
function who.remember()
  for k, v in next, _G do who.before[k] = v end
end

local function entries(t)
  local n = 0
  for _ in next, t do n = n + 1 end
  return n
end

-- Bytes of the tensors, weights and texts in a value; each once.
local function bytes(v, depth, seen)
  local t = core.type(v)
  if t == "string" then return #v end
  if seen[v] or depth > MAX_DEPTH then return 0 end
  if t == "tensor" then
    local n = ITEM[v.dtype]
    for _, size in ipairs(v.shape) do n = n * size end
    seen[v] = true
    return n
  elseif t == "model" then
    seen[v] = true
    return 4 * (core.model_count(v))
  elseif t == "table" then
    seen[v] = true
    local sum = 0
    for _, item in next, v do sum = sum + bytes(item, depth + 1, seen) end
    return sum
  end
  return 0
end

local function cut(s)
  return util.cut((s:gsub("%s+", " ")), MAX_TEXT, "...")
end

local function place(fn)
  local info = debug.getinfo(fn, "S")
  return info.what == "C" and "written in C" or ("%s:%d"):format(info.short_src, info.linedefined)
end

local describe = {
  number = function(v) return ("%.14g"):format(v) end,
  string = function(v) return ("%q"):format(cut(v)) end,
  tensor = function(v) return util.shape_text(v.shape) .. " " .. v.dtype end,
  model = function(v)
    return ("%s -> %s"):format(util.shape_text(v.input_shape, true), util.shape_text(v.output_shape, true))
  end,
  table = function(v)
    local n = entries(v)
    return n == 1 and "1 entry" or n .. " entries"
  end,
  ["function"] = place,
  boolean = tostring,
}

local function text_of(v)
  local t = core.type(v)
  if describe[t] then
    local ok, text = pcall(describe[t], v) -- a model of several inputs has no one shape
    if ok then return text end
  end
  return type(v) == "userdata" and cut(tostring(v)) or ""
end

local List = {}
function List.__tostring(list)
  if #list == 0 then return "there are no names of your own yet" end
  local rows = {}
  for i, v in ipairs(list) do rows[i] = { v.name, v.type, v.text, v.bytes > 0 and core.bytes(v.bytes) or "" } end
  return util.columns(rows, "lllr")
end

-- A list of { name =, type =, text =, bytes = }, by name.
function who.who()
  local list = {}
  for k, v in next, _G do
    if type(k) == "string" and not LAST[k] and not rawequal(who.before[k], v) then
      local t = core.type(v)
      list[#list + 1] = { name = k, type = t == "object" and v.kind or t, text = text_of(v), bytes = bytes(v, 0, {}) }
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return setmetatable(list, List)
end

return who
