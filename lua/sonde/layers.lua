-- m.layers.conv2d_1.kernel and r.layers.conv2d_1.kernel.grad: looking at parameters.
local core = require "sonde.core"
local util = require "sonde.util"

local layers = {}

-- A copy of a parameter's values. What the trainer holds of it hangs on it: .grad, and the optimizer's state (.m, .v).
local function parameter(model, trainer, p)
  local t = core.model_get(model, p.index)
  if trainer then
    local state = core.state(t)
    state.grad = function() return core.trainer_get(trainer, p.index, "grad") end
    local _, _, _, _, names = core.trainer_info(trainer)
    for _, name in ipairs(names or {}) do
      state[name] = function() return core.trainer_get(trainer, p.index, name) end
    end
  end
  return t
end

local View = {}
local about = setmetatable({}, { __mode = "k" }) -- view -> { model, layer, trainer }

function View.__index(v, k)
  local info = about[v]
  for _, p in ipairs(info.layer.params) do
    if p.name == k then return parameter(info.model, info.trainer and info.trainer(), p) end
  end
  if k == "params" then
    local list = {}
    for i, p in ipairs(info.layer.params) do list[i] = p.name end
    return list
  end
  if k == "config" then return info.layer.object end
  return info.layer.object[k]
end

function View.__tostring(v)
  local info = about[v].layer
  local parts = { ("layer %s: %s -> %s"):format(info.name, tostring(info.object), util.shape_text(info.shape, true)) }
  for _, p in ipairs(info.params) do
    parts[#parts + 1] = ("  %s %s%s"):format(p.name, util.shape_text(p.shape), p.trainable and "" or "  not trainable")
  end
  return table.concat(parts, "\n")
end

local List = {}
function List.__tostring(list)
  local rows = {}
  for i, v in ipairs(list) do
    local info = about[v].layer
    rows[i] = { info.name, info.type, util.shape_text(info.shape, true) }
  end
  return util.columns(rows, "lll")
end

-- By number and by name. trainer: a function that gives the present one or nil.
function layers.of(model, info, trainer)
  local list = {}
  for i, layer in ipairs(info.layers) do
    local v = { name = layer.name, type = layer.type, shape = layer.shape }
    about[v] = { model = model, layer = layer, trainer = trainer }
    list[i] = setmetatable(v, View)
    list[layer.name] = v
  end
  return setmetatable(list, List)
end

-- Parameters of all layers in Keras's order; trainable ones only where asked.
function layers.params(info, trainable)
  local list = {}
  for _, layer in ipairs(info.layers) do
    for _, p in ipairs(layer.params) do
      if not trainable or p.trainable then list[#list + 1] = p end
    end
  end
  table.sort(list, function(a, b) return a.index < b.index end) -- the order of calls, where branches make it differ
  return list
end

return layers
