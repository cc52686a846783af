-- Constructors by name and by kind, and what stands where an object is wanted.
local core = require "sonde.core"
local names = require "sonde.names"
local util = require "sonde.util"

local objects = { by_kind = {}, global = {}, constructor_of = {} }

-- by_kind.metric.mse; global.mse is the first kind's; constructor_of[mse] = { "loss", "mse" }
for _, kind in ipairs(core.kinds) do
  local names = {}
  objects.by_kind[kind.kind] = names
  for _, d in ipairs(kind) do
    names[d.name] = d.construct
    objects.constructor_of[d.construct] = { kind = kind.kind, name = d.name, inputs = d.inputs }
    if not objects.global[d.name] then objects.global[d.name] = d.construct end
  end
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
  if made then v = made.kind == kind and v {} or v end
  if made and made.kind ~= kind and core.describe(kind, made.name) then return core.named(kind, made.name) end
  if core.type(v) == "object" then
    if v.kind == kind then return v end
    -- mse{} is the loss; as a metric the metric of that name is meant
    if core.describe(kind, v.type) and tostring(v) == tostring(core.named(v.kind, v.type)) then
      return core.named(kind, v.type)
    end
    util.fail("%s: wants %s, got the %s %s", who, util.article(kind), v.kind, v.type)
  end
  util.fail("%s: wants %s or its name, got %s", who, util.article(kind), util.a(v))
end

return objects
