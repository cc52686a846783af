-- What TAB offers: globals, fields and methods of what is there, options with their types, and what may stand in a
-- text: values of options, names of layers, conditions, modules. Values are read with raw access and the fields of
-- sonde's own; no function of the user's runs.
local core = require "sonde.core"
local arguments = require "sonde.complete_arguments"
local help = require "sonde.help"
local layers = require "sonde.layers"
local objects = require "sonde.objects"
local scan = require "sonde.scan"
local topics = require "sonde.topics"
local trace = require "sonde.trace"
local util = require "sonde.util"

local complete = {}

local raw_metatable, raw_string = debug.getmetatable, string
local MAX_CHAIN = 8 -- __index tables followed
-- A person waits: so many candidates are listed, of so many keys, in the light of so many characters above the line.
local MAX_LISTED, MAX_KEYS, MAX_BEFORE = 1000, 100000, 20000

-- ---- values along a chain ----

-- What is known of a value: { value = v }, or only { kind = "tensor" } where getting it would cost something.
local function known(v) return v ~= nil and { value = v } or nil end

local function own_fields(v)
  local mt = type(v) == "userdata" and raw_metatable(v)
  return mt and rawget(mt, "fields")
end

-- The field of a table, along the __index tables; nil where a function would have to tell.
local function raw_field(t, k)
  for _ = 1, MAX_CHAIN do
    if type(t) ~= "table" then return nil end
    local v = rawget(t, k)
    if v ~= nil then return v end
    local mt = raw_metatable(t)
    t = type(mt) == "table" and rawget(mt, "__index")
  end
end

local function is_parameter(view, k)
  for _, p in ipairs(layers.names(view).params) do
    if p == k then return true end
  end
end

local function field(at, k)
  local v = at.value
  if v == nil then return nil end
  local own = own_fields(v)
  if own and own[k] then
    local ok, got = pcall(function() return v[k] end)
    return ok and known(got) or nil
  end
  local mt = type(v) == "userdata" and raw_metatable(v)
  if mt and rawget(mt, "methods") then return known(mt.methods[k]) end
  if type(v) == "table" and layers.about(v) then
    if is_parameter(v, k) or k == "output" or k == "input" then return { kind = "tensor" } end
    if k == "config" then return known(v.config) end
    return nil
  end
  if type(v) == "string" then return known(rawget(raw_string, k)) end
  return known(raw_field(v, k))
end

-- The value that a chain leads to, or nil.
function complete.resolve(parts)
  local at = parts and known(rawget(_G, parts[1]))
  for i = 2, parts and #parts or 0 do
    at = at and field(at, parts[i][2])
  end
  return at
end

-- ---- names ----

local function is_name(k) return type(k) == "string" and k:find "^[%a_][%w_]*$" and not scan.keywords[k] end

-- A list of candidates without the same one twice: text replaces the word, shown stands in a list of several. Of more
-- than are listed the first and the last by name are there too: Readline types what all have in common.
local function collector(head, part)
  local list, seen, least, most = {}, {}, nil, nil
  return list, function(name, shown)
    if seen[name] or name:sub(1, #part) ~= part then return end
    seen[name] = true
    local candidate = { text = head .. name, shown = shown or name }
    if not least or candidate.text < least.text then least = candidate end
    if not most or candidate.text > most.text then most = candidate end
    if #list < MAX_LISTED then
      list[#list + 1] = candidate
    else
      list[MAX_LISTED + 1], list[MAX_LISTED + 2] = least, most
    end
  end
end

local function put_keys(t, put, part, methods)
  local left = MAX_KEYS
  for _ = 1, MAX_CHAIN do
    if type(t) ~= "table" then return end
    for k, v in next, t do
      left = left - 1
      if left < 0 then return put(part) end -- nobody knows what else there is: nothing is typed for the person
      if is_name(k) and (not methods or type(v) == "function") and (k:byte() ~= 95 or part ~= "") then put(k) end
    end
    local mt = raw_metatable(t)
    t = type(mt) == "table" and rawget(mt, "__index")
  end
end

local TENSOR = { "shape", "dtype", "grad" }

local function put_userdata(v, kind, put, part, methods)
  local mt = core.meta[kind]
  if not mt then return end
  put_keys(mt.methods, put, part, true)
  if methods then return end
  put_keys(mt.fields, put, part)
  if kind == "tensor" then
    for _, k in ipairs(TENSOR) do put(k) end
    if v then put_keys(core.state(v), put, part) end
  elseif kind == "object" and v then
    for _, f in ipairs(core.describe(v.kind, v.type).fields) do put(f.name) end
    put "kind"
    put "type"
  end
end

-- sonde.kinds.loss and its neighbors hold names that nobody writes.
local function put_written(v, put)
  for _, names in next, objects.by_kind do
    if rawequal(v, names) then
      return function(k)
        if trace.is_written(k) then put(k) end
      end
    end
  end
  return put
end

local function put_fields(at, put, part, methods)
  local v = at.value
  put = put_written(v, put)
  if at.kind or type(v) == "userdata" then return put_userdata(v, at.kind or core.type(v), put, part, methods) end
  if type(v) == "string" then return put_keys(raw_string, put, part, methods) end
  if type(v) == "table" and layers.about(v) then
    if methods then return end
    for _, list in next, layers.names(v) do
      for _, k in ipairs(list) do put(k) end
    end
    return
  end
  put_keys(v, put, part, methods)
end

local function globals(put, part)
  put_keys(_G, put, part)
  if part == "" then return end
  for word in next, scan.keywords do put(word) end
end

-- ---- options ----

-- A line that is no longer than the screen.
local function cut(s)
  return util.cut(s, (core.terminal "stdout" or 80) - 2, "...")
end

-- Those that are not there yet, by name or by place.
local function put_options(owner, put, frame)
  for _, o in ipairs(topics.option_rows(owner)) do
    local placed = o.field and o.field.pos > 0 and o.field.pos < frame.pos
    if not placed and not frame.seen[o.name] then
      put(o.name .. " = ", cut(("%-20s  %s"):format(o.name, o.field and help.field_text(o.field) or o.text)))
    end
  end
end

-- The described option of that name or place.
local function described_field(owner, key, pos)
  for _, d in ipairs(topics.described(owner)) do
    for _, f in ipairs(d.fields) do
      if f.name == key or (not key and f.pos == pos) then return f end
    end
  end
end

-- Where a value stands: whose it is, its option or its place.
local function place(frames)
  local top, key, pos = frames[#frames], nil, nil
  for i = #frames, 1, -1 do
    local frame = frames[i]
    if frame.open ~= "{" and frame.open ~= "(" then return nil end
    -- in { "a", "b" } without a name before it the place is that of the list
    if frame.open == "{" and frame ~= top and not frame.callee and not key then key = frame.key end
    if frame == top or not key then key, pos = key or frame.key, frame.pos end
    if frame.callee then return frame.callee, key, pos end
  end
end

-- What may stand there, as a list of texts: values of the option, names of objects; nil where nothing is known.
local function values(callee, key, pos, typed)
  if not callee then return nil end
  local f = described_field(callee.name, key, pos)
  if f and f.choices then return f.choices end
  if f and f.type == "object" then return arguments.objects(f.kind) end
  return arguments.values(callee, key, pos, typed, complete.resolve)
end

-- ---- texts in quotes ----

local function keys_of(at)
  local list, left = {}, MAX_KEYS
  for k in next, at and type(at.value) == "table" and at.value or {} do
    left = left - 1
    if left < 0 then return {} end
    if type(k) == "string" then list[#list + 1] = k end
  end
  return list
end

local function strings_for(tokens, frames, typed)
  local top, before = frames[#frames], tokens[#tokens - 1]
  if top and top.open == "[" and before and before.text == "[" then
    return top.callee and keys_of(complete.resolve(top.callee.parts)) or {}
  end
  if before and (before.type == "name" or before.text == "]") then -- activation "re
    local parts = scan.chain(tokens, #tokens - 1)
    local last = parts and parts[#parts]
    if not parts then return nil end
    return values({ name = type(last) == "table" and last[2] or last, parts = parts }, nil, 1, typed)
  end
  local callee, key, pos = place(frames)
  return values(callee, key, pos, typed)
end

local function in_string(tokens, frames, word)
  local typed = tokens[#tokens].text
  local list, part, open = strings_for(tokens, frames, typed)
  if not list then return { files = true } end
  part = part or typed
  local out, put = collector(word:sub(1, #word - #part), part)
  for _, name in ipairs(list) do put(name) end
  out.open = open
  return out
end

-- ---- all together ----

-- The words that help knows; a method is written with its owner.
local function help_topics(line, word)
  local asked = line:match "^%s*%?+%s*(.*)$"
  local owner, part = asked:match "([%w_]+)[.:]([%w_]*)$"
  if owner and #topics.described(owner) > 0 then -- ?conv2d.pad
    local out, put = collector(word:sub(1, #word - #part), part)
    for _, name in ipairs(topics.options(owner)) do put(name) end
    return out
  end
  if owner then return nil end
  local out, put = collector("", word)
  for _, name in ipairs(topics.all()) do put(name) end
  put_keys(_G, put, word)
  return out
end

-- The word at the end, of which `part` is to be completed; behind a dot or colon: of what.
local function last_part(tokens)
  local last = tokens[#tokens]
  local sep, part = last, ""
  if last and (last.type == "name" or last.type == "keyword") then sep, part = tokens[#tokens - 1], last.text end
  if not sep or sep.type ~= "op" or (sep.text ~= "." and sep.text ~= ":") then return part end
  return part, sep.text, #tokens - (sep == last and 1 or 2)
end

local function quoted(list)
  local out = {}
  for i, s in ipairs(list) do out[i] = '"' .. s .. '"' end
  return out
end

-- What may stand behind `padding = `.
local function put_values(callee, key, put)
  local f = described_field(callee.name, key)
  if f and f.choices then
    for _, s in ipairs(quoted(f.choices)) do put(s) end
  elseif f and f.type == "true or false" then
    put "true"
    put "false"
  elseif f and f.type == "object" then
    for _, s in ipairs(quoted(arguments.objects(f.kind))) do put(s) end
  else
    local list = arguments.values(callee, key, nil, "", complete.resolve)
    for _, s in ipairs(list and quoted(list) or {}) do put(s) end
  end
end

local function at_name(tokens, frames, word)
  local part, sep, owner_end = last_part(tokens)
  local out, put = collector(word:sub(1, #word - #part), part)
  if sep then
    local at = complete.resolve(scan.chain(tokens, owner_end))
    if at then put_fields(at, put, part, sep == ":") end
    return out
  end
  local top, before = frames[#frames], tokens[part == "" and #tokens or #tokens - 1]
  if top and top.open == "{" then
    local callee, key = place(frames)
    if callee and before and (before.text == "{" or before.text == "," or before.text == ";") then
      put_options(callee.name, put, top)
    elseif callee and key and part == "" and before and before.text == "=" then
      put_values(callee, key, put)
    end
  end
  local value = before and (before.type == "string" or before.type == "number" or before.text:find "^[%)%]}]$")
  if #out == 0 and not (value and part == "") then globals(put, part) end
  return out
end

-- The candidates for the word that begins behind `start` characters of `line`; the cursor is at the line's end. before:
-- the lines of the chunk above. Gives a list of { text =, shown = }; with files = true names of files are wanted; with
-- open = true a text in quotes goes on behind a candidate.
function complete.at(before, line, start)
  local word = line:sub(start + 1)
  if before == "" and line:find "^%s*%?" then
    local list = help_topics(line, word)
    if list then return list end
    line = line:gsub("^%s*%?+", "")
  elseif before == "" and line:find "^%s*!" or line:find "^%s*[%a_][%w_]*%s*=%s*!" then
    return { files = true }
  end
  local tokens = scan.tokens(before:sub(-MAX_BEFORE) .. "\n" .. line)
  if not tokens then return {} end
  local frames = scan.frames(tokens)
  local last = tokens[#tokens]
  if last and last.type == "open" then return in_string(tokens, frames, word) end
  return at_name(tokens, frames, word)
end

return complete
