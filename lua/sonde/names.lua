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

local MOST = 2000 -- characters that are looked through: the time of patterns may grow with the square

-- The line that a message is about, or its beginning: of the chunk at the prompt, else of the file.
local function line_of(text, chunk)
  local path, number = text:match "^([^\n]-):(%d+): "
  number = tonumber(number)
  if chunk then
    if path and path ~= "input" then return nil end
    local n = 0
    for line in (chunk .. "\n"):gmatch "(.-)\n" do
      n = n + 1
      if n == (number or 1) then return line:sub(1, MOST) end
    end
    return nil
  end
  local file = path and io.open(path)
  if not file then return nil end
  local line
  for _ = 1, number do
    line = file:read "l"
    if not line then break end
  end
  file:close()
  return line and line:sub(1, MOST)
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

-- What a path like "tensor" or "m.layers" leads to, with no function of the user's run on the way.
local function resolve(path)
  local parts = {}
  for part in path:gmatch "[%a_][%w_]*" do parts[#parts + 1] = #parts == 0 and part or { ".", part } end
  return require "sonde.complete".resolve(parts)
end

-- The table that a path leads to; of a text the table string.
local function table_at(path)
  local at = resolve(path)
  local v = at and at.value
  if type(v) == "string" then return string end
  return type(v) == "table" and v or nil
end

-- What the value of a path is: "tensor", "run", "layer", "maker" (the table tensor), ...
local function owner_of(path)
  local at = resolve(path)
  local v = at and at.value
  if v ~= nil and v == rawget(_G, "tensor") then return "maker" end
  if require "sonde.layers".about(v) then return "layer" end
  return at and (at.kind or core.type(v))
end

-- What may have been meant by a global that is nil.
local function of_global(name, line)
  if name == "f" and line:find "%f[%w_]f[\"']" then return 'Lua writes ("loss %.4f"):format(x)' end
  local foreign = require "sonde.foreign"
  local maker = type(rawget(_G, "tensor")) == "table" and rawget(rawget(_G, "tensor"), name)
  if maker then return ("did you mean tensor.%s?"):format(name) end
  local known = foreign.of("global", name) or foreign.method(name)
  if known then return known end
  if foreign.commands[name] then return ("!%s runs it in the shell"):format(name) end
  local near = nearest(name, _G)
  return near and ("did you mean %s?"):format(near)
end

-- r.history.loss: a method is a function, which has no fields.
local function of_function(kind, name, text, chunk)
  local foreign = require "sonde.foreign"
  if kind == "global" then
    local member = (line_of(text, chunk) or ""):match("%f[%w_]" .. name .. "%s*[.:]%s*([%a_][%w_]*)")
    local method = member and foreign.method(member)
    if method then return method end
    return rawget(_G, name) == sonde[name] and ("%s is a function; ?%s explains it"):format(name, name)
  end
  local line = line_of(text, chunk)
  local path, member = (line or ""):match("([%a_][%w_%.]*)%." .. name .. "%.([%a_][%w_]*)")
  if path and foreign.method(name, owner_of(path)) then
    return ("it is a method: %s:%s().%s"):format(path, name, member)
  end
  return foreign.method(name)
end

local function of_field(name, text, chunk)
  local line = line_of(text, chunk)
  local path, sep = (line or ""):match("([%a_][%w_%.]*)([.:])" .. name .. "%f[^%w_]")
  if not path then return nil end
  local foreign, owner, t = require "sonde.foreign", owner_of(path), table_at(path)
  local known = owner == "maker" and foreign.of("maker", name) or owner == "string" and foreign.of("string", name)
    or owner == "table" and t and not debug.getmetatable(t) and foreign.of("list", name)
  if known then return known end
  if owner == "maker" and type(rawget(_G, name)) == "function" and require "sonde.functional"[name] then
    return ("%s(t) is a function by itself"):format(name)
  end
  local near = t and rawget(t, name) == nil and nearest(name, t)
  return near and ("did you mean %s%s%s?"):format(path, sep, near)
end

-- Messages of Lua's that name what was done and not what was meant: { pattern, f(captures, line) -> hint or nil }.
local meant = {
  { "attempt to call a (model) value", function()
    return "m:predict(x) gives the outputs; layers are what is called"
  end },
  { "attempt to call a (dataset) value %(for iterator", function()
    return "for x, y in d:batches() do ... end goes over it"
  end },
  { "attempt to call a (dataset) value", function() return "d:batch(1), d:sample(1) and d:take(8) are its parts" end },
  { "attempt to call a %l+ value %((%l+) '([%a_][%w_]*)'%)", function(_, name, line)
    local path = line:match("([%a_][%w_%.]*)[.:]" .. name .. "%f[^%w_]")
    return path and ("it is a field, without parentheses: %s.%s"):format(path, name)
  end },
  { "attempt to call a (%l+) value %(for iterator", function(kind)
    return (kind == "table" or kind == "tensor") and "for i, v in ipairs(list) do ... end goes over it"
  end },
  { "attempt to index a number value()", function(_, line)
    return line:find "[.:]item%s*%(" and "it is a number already, without item()"
  end },
  { "attempt to (%l+) a '%l+' with a '%l+'", function(verb)
    if verb == "add" then return "texts are joined by .., as in a .. b" end
    return verb == "mod" and '("loss %.4f"):format(x) is it here'
  end },
  { "bad argument #1 to 'for iterator' %(table expected, got (tensor)%)", function()
    return "for i, v in ipairs(t) do ... end goes over a tensor"
  end },
  { "bad argument #%d to '([%a_][%w_]*)' %(number expected, got tensor%)", function(name)
    return require "sonde.trace".methods[name] and ("the function %s(t), without math, takes tensors"):format(name)
  end },
}

local function of_meaning(text, chunk)
  for _, m in ipairs(meant) do
    local a, b = text:match(m[1])
    local line = a and (line_of(text, chunk) or "")
    local hint = a and (b and m[2](a, b, line) or not b and m[2](a, line))
    if hint then return hint end
  end
end

-- "; did you mean conv2d?" for a message of Lua's about a name that is nil, or a method that was not called. chunk: the
-- text that was typed, if it was.
function names.hint(text, chunk)
  local what, kind, name = text:match "a (%l+) value %((%l+) '([%a_][%w_]*)'%)"
  local hint
  if what == "nil" and kind == "global" then
    hint = of_global(name, line_of(text, chunk) or "")
  elseif what == "nil" and (kind == "field" or kind == "method") then
    hint = of_field(name, text, chunk)
  elseif what == "function" then
    hint = of_function(kind, name, text, chunk)
  end
  hint = hint or what ~= "nil" and of_meaning(text, chunk)
  return hint and "; " .. hint or nil
end

-- The same for a chunk that Lua cannot read. Of a long one only the line that the message is about is looked at.
function names.syntax(message, chunk)
  if #chunk > MOST then chunk = (line_of(message, chunk) or chunk):sub(1, MOST) end
  local hint = require "sonde.foreign".of_syntax(message, chunk)
  return hint and "; " .. hint or nil
end

-- What was typed is one name, and its value nil: what it may have been, for a line below the nil.
function names.alone(chunk)
  local name = chunk:match "^%s*([%a_][%w_]*)%s*$"
  if not name or rawget(_G, name) ~= nil then return nil end
  local foreign = require "sonde.foreign"
  return foreign.of("global", name) or foreign.method(name)
    or foreign.commands[name] and ("!%s runs it in the shell"):format(name) or nil
end

return names
