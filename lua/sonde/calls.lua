-- Calls of layers: the places in a network where tensors are. A layer that is called twice has two outputs.
local core = require "sonde.core"
local layers = require "sonde.layers"
local util = require "sonde.util"

local calls = {}
local fail = util.fail

-- All calls of a model in the order in which they are computed: { layer = its number, number (among the layer's), of
-- (how many the layer has), first, node (its first and last node), inputs = nodes, shape, name }.
function calls.of(model)
  local s = core.state(model)
  if s.calls then return s.calls end
  local list, count, first = {}, {}, 1
  local nodes, info = core.model_nodes(model), layers.info(model)
  for i, node in ipairs(nodes) do
    if node.ends then
      count[node.layer] = (count[node.layer] or 0) + 1
      list[#list + 1] = { layer = node.layer, number = count[node.layer], first = first, node = i, shape = node.shape,
        inputs = nodes[first].inputs, layer_name = info.layers[node.layer].name }
      first = i + 1
    end
  end
  for _, call in ipairs(list) do
    call.of = count[call.layer]
    call.name = call.layer_name .. (call.of > 1 and (" (call %d)"):format(call.number) or "")
  end
  s.calls, s.nodes = list, nodes
  return list
end

-- Those of one layer.
local function of_layer(model, number)
  local list = {}
  for _, call in ipairs(calls.of(model)) do
    if call.layer == number then list[#list + 1] = call end
  end
  return list
end

-- ---- as values ----

local Call = {}
local about = setmetatable({}, { __mode = "k" }) -- value -> { call, model, run }

local function tensor_of(info, k)
  if not info.run then
    local name = info.call.layer_name
    fail('layer %s: %s is of a step of a run, r.layers.%s.%s; m:output("%s", x) computes it for any x', name, k, name,
      k, name)
  end
  return require("sonde.inside").tensor(info.run, info.call, k)
end

function Call.__index(v, k)
  local info = about[v]
  if k == "output" or k == "input" then
    calls.find(info.model, k, v) -- is it still there?
    return tensor_of(info, k)
  end
  if k == "name" or k == "shape" then return info.call[k] end
  util.unknown("a call of layer " .. info.call.layer_name, k, { "output", "input", "name", "shape" })
end

function Call.__newindex(_, k) fail("a call of a layer: %s cannot be set", tostring(k)) end

function Call.__tostring(v)
  local call = about[v].call
  return ("call %d of %d of layer %s -> %s"):format(call.number, call.of, call.layer_name,
    util.shape_text(call.shape, true))
end

local function values(info)
  local list = {}
  for i, call in ipairs(of_layer(info.model, info.number)) do
    list[i] = setmetatable({}, Call)
    about[list[i]] = { call = call, model = info.model, run = info.run, list = calls.of(info.model) }
  end
  return list
end

-- Is it something that stands for one call or layer, and no list of them?
function calls.is(v) return about[v] ~= nil or layers.about(v) ~= nil end

-- layer.output, layer.input, layer.calls: info is what layers.about says of the layer.
function calls.field(info, k)
  if k == "calls" then return values(info) end
  local list = of_layer(info.model, info.number)
  if #list > 1 and info.run then
    local name = list[1].layer_name
    fail("layer %s: it is called %d times; r.layers.%s.calls[1].%s is that of the first call", name, #list, name, k)
  end
  return tensor_of({ call = list[1], run = info.run }, k)
end

-- The call that an argument stands for: a layer's name or number, m.layers.NAME, m.layers.NAME.calls[2].
function calls.find(model, who, v)
  local call = about[v]
  if call then
    if call.model ~= model then fail("%s: the call of layer %s is of another model", who, call.call.layer_name) end
    if call.list ~= calls.of(model) then
      fail("%s: the model was changed since this call of layer %s was taken; take it anew", who, call.call.layer_name)
    end
    return call.call
  end
  local info, number = layers.info(model), nil
  local view = layers.about(v)
  if view then
    if view.model ~= model then fail("%s: the layer is of another model", who) end
    if view.gone then fail("%s: layer %s: the model has it no more", who, view.gone) end
    number = view.number
  elseif type(v) == "string" then
    local names = {}
    for i, layer in ipairs(info.layers) do
      names[i] = layer.name
      if layer.name == v then number = i end
    end
    if not number then
      local near = core.suggest(v, names)
      fail('%s: there is no layer "%s"; %s', who, v, near and ('did you mean "%s"?'):format(near)
        or "m.layers lists them")
    end
  elseif math.type(v) == "integer" then
    number = layers.place(model, who, v)
  else
    fail("%s: wants a layer: its name, its number or m.layers.NAME; got %s", who, util.a(v))
  end
  local list = of_layer(model, number)
  if #list > 1 then
    local name = list[1].layer_name
    fail("%s: layer %s is called %d times; say which call, as in m.layers.%s.calls[1]", who, name, #list, name)
  end
  return list[1]
end

return calls
