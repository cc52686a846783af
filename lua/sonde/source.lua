-- ??NAME: the source of a function, the user's or one of sonde's own; of what is written in C the file that it is in.
local core = require "sonde.core"
local objects = require "sonde.objects"
local prompt = require "sonde.prompt"
local scan = require "sonde.scan"
local util = require "sonde.util"

local source = {}

local MAX_CHUNKS = 2000 -- of the history that are looked through

-- Lines from..to of a text.
local function lines_of(text, from, to)
  local out, n = {}, 0
  for line in (text:gsub("\n$", "") .. "\n"):gmatch "(.-)\n" do
    n = n + 1
    if n >= from and n <= to then out[#out + 1] = line end
  end
  return table.concat(out, "\n")
end

local function upvalues(fn)
  local up = {}
  for i = 1, math.huge do
    local name, v = debug.getupvalue(fn, i)
    if not name then return up end
    up[name] = v
  end
end

local WRAPPERS = {}
for _, name in ipairs { "util", "parts", "functional", "tensor" } do WRAPPERS[("=sonde/%s.lua"):format(name)] = true end

-- What a function of ours calls that only checks or loads something before.
local function unwrapped(fn)
  local from = debug.getinfo(fn, "S").source
  if not WRAPPERS[from] then return fn end
  local up = upvalues(fn)
  local inner = up.fn or up.file and up.owner and require("sonde." .. up.file)[up.owner][up.name]
  return inner and unwrapped(inner) or fn
end

-- What the bytes of a compiled function say of the code alone: behind the header (signature, version, format, check,
-- three sizes, an integer, a number; lundump.h of Lua 5.4) and the number of upvalues.
local HEADER = 4 + 1 + 1 + 6 + 3 + string.packsize "j" + string.packsize "n" + 1
local function code_of(fn) return string.dump(fn, true):sub(HEADER + 1) end

-- The chunk that was typed in which the function stands: it is compiled again, and the function's code is in it.
local function typed_chunk(fn)
  local app, code = prompt.app(), code_of(fn)
  for n = 1, app and MAX_CHUNKS or 0 do
    local chunk = app.history(n)
    if not chunk then return nil end
    local compiled = load("return " .. chunk .. "\n") or load(chunk)
    if compiled and string.dump(compiled, true):find(code, 1, true) then return chunk end
  end
end

-- The text of a Lua function and where it is; nil and why not.
function source.of(fn)
  fn = unwrapped(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return nil, "is written in C" end
  local first, last = info.linedefined, info.lastlinedefined
  if info.what == "main" then first, last = 1, math.maxinteger end
  local own = info.source:match "^=sonde/(.*)%.lua$"
  local text, where
  if own then
    text, where = core.source(own == "init" and "sonde" or "sonde." .. own), "lua/sonde/" .. own .. ".lua"
  elseif info.source:sub(1, 1) == "@" then
    where = info.source:sub(2)
    local file <close> = io.open(where)
    text = file and file:read "a"
  elseif info.source == "=input" then
    text, where = typed_chunk(fn), "input"
  end
  if not text then
    return nil, ("was defined at %s:%d, whose text is not there any more"):format(info.short_src, first)
  end
  return lines_of(text, first, last), where, first
end

-- The file of a described object, in sonde's source.
local FOLDERS = { activation = "nn/activations", layer = "nn/layers", loss = "nn/losses", optimizer = "nn/optimizers",
  schedule = "nn/schedules", initializer = "nn/initializers", regularizer = "nn/regularizers", metric = "nn/metrics",
  callback = "train/callbacks", dataset = "data/datasets", probe = "train/probes" }

function source.file(kind, name) return ("src/%s/%s.c"):format(FOLDERS[kind], name) end

local function of_objects(word)
  local out, help = {}, require "sonde.help" -- read late: help parses all its pages
  for i, d in ipairs(require("sonde.topics").described(word)) do
    out[i] = ("%s %s: %s"):format(d.kind, d.name, source.file(d.kind, d.name))
  end
  return #out > 0 and help.text(word) .. "\n\nsource\n  " .. table.concat(out, "\n  ") or nil
end

-- run, r.run, model:run: the method of that name, of the owner that is named or of the first that has it.
local OWNERS = { m = "model", r = "run", d = "dataset", t = "tensor", p = "picture" }
local function method_of(name)
  local before, word = name:match "^([%w_]-)[.:]?([%w_]+)$"
  if not word then return nil end
  for _, owner in ipairs { "model", "run", "dataset", "tensor", "picture" } do
    if before == "" or before == owner or OWNERS[before] == owner then
      local fn = core.meta[owner].methods[word]
      if fn then return fn end
    end
  end
end

-- What ?? shows of a name.
function source.text(name)
  local tokens = scan.tokens(name)
  local at = tokens and #tokens > 0 and require("sonde.complete").resolve(scan.chain(tokens, #tokens))
  local v = at and at.value
  local made = objects.constructor_of[v]
  if made or v == nil or core.type(v) == "object" then
    local text = of_objects(made and made.name or v and v.type or name:match "[%w_]*$")
    if text then return text end
  end
  if v == nil then v = method_of(name) end
  if v == nil then -- what has a page and is no value
    local page = require("sonde.help").text(name)
    if page then return page end
  end
  if v == nil then util.fail("??: there is no %s", name) end
  if type(v) ~= "function" then return ("%s is %s: %s"):format(name, util.a(v), tostring(v)) end
  local text, where, line = source.of(v)
  if text then return ("-- %s:%d\n%s"):format(where, line, text) end
  local about = require("sonde.help").text(v)
  return (about and about .. "\n\n" or "") .. name .. " " .. where
end

function source.show(name) prompt.page(source.text(name) .. "\n") end

return source
