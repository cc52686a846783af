-- How the prompt shows values.
local core = require "sonde.core"
local layout = require "sonde.layout"

local show = {}

local MAX_ITEMS, MAX_DEPTH = 40, 5

local function sorted_keys(t)
  local keys, n = {}, rawlen(t)
  for k in pairs(t) do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "string" or type(a) == "number") then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

local reserved = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
while]]):gmatch "%a+" do reserved[word] = true end

local function key_text(k)
  if type(k) == "string" and k:find "^[%a_][%w_]*$" and not reserved[k] then return k end
  return "[" .. (type(k) == "string" and ("%q"):format(k) or tostring(k)) .. "]"
end

local text

-- The table's entries, each as text.
local function entries(t, depth, seen)
  local out, n = {}, rawlen(t)
  for i = 1, math.min(n, MAX_ITEMS) do out[#out + 1] = text(t[i], depth + 1, seen) end
  if n > MAX_ITEMS then out[#out + 1] = ("... %d more"):format(n - MAX_ITEMS) end
  local keys = sorted_keys(t)
  for i = 1, math.min(#keys, MAX_ITEMS) do
    out[#out + 1] = key_text(keys[i]) .. " = " .. text(t[keys[i]], depth + 1, seen)
  end
  if #keys > MAX_ITEMS then out[#out + 1] = ("... %d more"):format(#keys - MAX_ITEMS) end
  return out
end

local function table_text(t, depth, seen)
  if seen[t] then return "{ itself }" end
  if depth >= MAX_DEPTH then return "{ ... }" end
  seen[t] = true
  local list = entries(t, depth, seen)
  seen[t] = nil
  if #list == 0 then return "{}" end
  local line = "{ " .. table.concat(list, ", ") .. " }"
  if core.text_width(line) + 2 * depth <= layout.width() and not line:find "\n" then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(list, ",\n" .. indent) .. "\n" .. ("  "):rep(depth) .. "}"
end

function text(v, depth, seen)
  if type(v) == "string" then return depth > 0 and ("%q"):format(v):gsub("\\\n", "\\n") or v end
  if type(v) == "table" then
    local mt = getmetatable(v)
    if type(mt) ~= "table" or not mt.__tostring then return table_text(v, depth, seen) end
  end
  if type(v) == "function" and depth == 0 then
    return require "sonde.help".brief(v) or tostring(v) -- read late: help parses all its pages
  end
  local s = v ~= v and "nan" or tostring(v)
  if depth > 0 and s:find "\n" then s = (s:match "^[^\n]*") end -- inside of something one line must do
  return s
end

-- One value as the prompt shows it, without the newline at the end.
function show.text(v)
  local s = text(v, 0, {})
  local ours = type(v) == "userdata" or (type(v) == "table" and getmetatable(v))
  return ours and layout.fit(s) or s
end

-- Are these the four values that a for loop begins with, where one of ours goes through something?
local function is_loop(first, a, b, last)
  local mt = type(first) == "table" and getmetatable(first)
  return type(mt) == "table" and mt.__close and mt.__call and a == nil and b == nil and rawequal(first, last)
end

-- A value whose metatable has __show(v) shows itself: pictures and plots.
local function each(write, ...)
  for i = 1, select("#", ...) == 4 and is_loop(...) and 1 or select("#", ...) do
    local v = select(i, ...)
    local mt = type(v) == "table" and getmetatable(v) or core.meta[core.type(v)]
    if type(mt) == "table" and mt.__show then mt.__show(v) else write(show.text(v) .. "\n") end
  end
end

function show.print(...)
  each(function(text) io.stdout:write(text) end, ...)
end

-- At the prompt what is longer than the screen goes through the pager.
function show.display(...)
  each(function(text) require "sonde.prompt".page(text) end, ...)
end

return show
