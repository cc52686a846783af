-- Constructors by name and by kind, and what stands where an object is wanted.
local core = require "sonde.core"
local names = require "sonde.names"
local trace = require "sonde.trace"
local util = require "sonde.util"

local objects = { by_kind = {}, global = {}, constructor_of = {} }

-- by_kind.metric.mse; global.mse is the first kind's; constructor_of[mse] = { "loss", "mse" }
for _, kind in ipairs(core.kinds) do
  local names = {}
  objects.by_kind[kind.kind] = names
  for _, d in ipairs(kind) do
    names[d.name] = d.construct
    objects.constructor_of[d.construct] = { kind = kind.kind, name = d.name, inputs = d.inputs }
    if trace.is_written(d.name) and not objects.global[d.name] then objects.global[d.name] = d.construct end
  end
end

-- Fields that there are not: nil for our own code, which asks any object for an option of some; to the user's it is
-- said.
local meta = core.meta.object
local raw_index = meta.__index
function meta.__index(o, k)
  local v = raw_index(o, k)
  if v ~= nil then return v end
  local asking = debug.getinfo(2, "S")
  if not asking or asking.what == "C" or util.is_own(asking) then return nil end
  local fields = { "type", "kind" }
  for i, f in ipairs(core.describe(o.kind, o.type).fields) do
    if f.name == k then return nil end
    fields[i + 2] = f.name
  end
  util.unknown(("the %s %s"):format(o.kind, o.type), k, fields)
end

function meta.__newindex(o, k)
  local rate = o.kind == "optimizer" and "; r.learning_rate = 1e-4 sets that of a run" or ""
  util.fail("%s: %s cannot be set: what was made stays as it is; make another, %s{ %s = ... }%s", o.type, tostring(k),
    o.type, tostring(k), rate)
end

-- Options of layers that may be Lua functions, which are recorded, or constructors: by name and by position.
local function recorded(fields, list)
  for _, f in ipairs(list) do
    if f.type == "object" and (trace.takes(f.kind) or f.kind == "initializer") then
      fields[f.name] = f
      if f.pos > 0 then fields[f.pos] = f end
    end
  end
  return fields
end

local function recording(construct, name, fields)
  return function(...)
    local t = ...
    if type(t) == "function" and fields[1] then t = { t } end
    if core.type(t) ~= "table" or getmetatable(t) then return construct(...) end
    local copy
    for k, v in pairs(t) do
      local made = objects.constructor_of[v]
      if type(v) == "number" and fields[k] and fields[k].kind == "activation" then
        util.fail("%s: %s wants an activation or its name, got %s; elu{ 0.5 } in braces is an activation, elu(0.5) a "
          .. "number", name, fields[k].name, util.quoted(v))
      end
      local kind = type(v) == "function" and fields[k] and fields[k].kind
      if kind and (made and made.kind == kind or not made and trace.takes(kind)) then
        copy = copy or table.move(t, 1, #t, 1, {})
        copy[k] = made and core.named(made.kind, made.name)
          or trace.object(kind, v, name .. ": " .. fields[k].name)
      end
    end
    if not copy then return construct(t, select(2, ...)) end
    for k, v in pairs(t) do
      if copy[k] == nil then copy[k] = v end
    end
    return construct(copy, select(2, ...))
  end
end

for name, construct in pairs(objects.by_kind.layer) do
  local fields = recorded({}, core.describe("layer", name).fields)
  if next(fields) then
    local wrapped = recording(construct, name, fields)
    objects.constructor_of[wrapped] = objects.constructor_of[construct]
    objects.by_kind.layer[name] = wrapped
    if objects.global[name] == construct then objects.global[name] = wrapped end
  end
end

-- zeros{ 2, 3 } was meant as a tensor.
for _, name in ipairs { "zeros", "ones" } do
  local construct = objects.by_kind.initializer[name]
  local function initializer(...)
    local t = ...
    if type(t) == "number" or core.type(t) == "table" and math.type(t[1]) then
      util.fail('%s is how weights begin: dense{ 8, bias_initializer = "%s" }; tensor.%s{ 2, 3 } makes a tensor',
        name, name, name)
    end
    return construct(...)
  end
  objects.constructor_of[initializer] = objects.constructor_of[construct]
  objects.by_kind.initializer[name] = initializer
  if objects.global[name] == construct then objects.global[name] = initializer end
end

-- lambda(function(x) ... end): a layer of what the function computes.
do
  local construct = objects.by_kind.layer.lambda
  local function lambda(...)
    local t = ...
    local fn = type(t) == "function" and t or type(t) == "table" and t[1]
    if type(fn) ~= "function" then return construct(...) end
    local count = trace.operands[fn] or debug.getinfo(fn, "u").nparams
    if count < 1 then util.fail "lambda: its function takes no argument; write lambda(function(x) return ... end)" end
    local options = {}
    for k, v in pairs(type(t) == "table" and t or {}) do options[k] = v end
    options[1] = trace.remember(trace.program(trace.record("lambda", fn, count, "its input"), count), fn)
    return construct(options)
  end
  objects.constructor_of[lambda] = objects.constructor_of[construct]
  objects.by_kind.layer.lambda, objects.global.lambda = lambda, lambda
end

-- An object of the kind from what a user may write for it: the object, its name, or its constructor.
-- Returns the object and the name by which it was given, if it was.
function objects.as(kind, v, who)
  if type(v) == "string" then
    local ours = not core.describe(kind, v) and names.ours(v, kind)
    if ours then util.fail('%s: there is no %s "%s"; its name is "%s"', who, kind, v, ours) end
    return core.named(kind, v), v
  end
  local made = objects.constructor_of[v]
  if type(v) == "function" and not made and trace.takes(kind) then return trace.object(kind, v, who) end
  if made then v = made.kind == kind and v {} or v end
  if made and made.kind ~= kind and core.describe(kind, made.name) then return core.named(kind, made.name) end
  if core.type(v) == "object" then
    if v.kind == kind then return v end
    -- mse{} is the loss; as a metric the metric of that name is meant
    if core.describe(kind, v.type) and v == core.named(v.kind, v.type) then
      return core.named(kind, v.type)
    end
    util.fail("%s: wants %s, got the %s %s", who, util.article(kind), v.kind, v.type)
  end
  util.fail("%s: wants %s or its name, got %s", who, util.article(kind), util.a(v))
end

-- The same optimizer with another learning rate.
function objects.with_rate(optimizer, rate)
  local opts = {}
  for _, f in ipairs(core.describe("optimizer", optimizer.type).fields) do opts[f.name] = optimizer[f.name] end
  opts.learning_rate = rate
  return objects.by_kind.optimizer[optimizer.type](opts)
end

return objects
