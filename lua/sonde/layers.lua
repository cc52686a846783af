-- m.layers.conv2d_1.kernel and r.layers.conv2d_1.kernel.grad: looking at parameters.
local core = require "sonde.core"
local util = require "sonde.util"

local layers = {}

-- What core.model_info says, until something of it is changed.
function layers.info(model)
  local s = core.state(model)
  s.info = s.info or core.model_info(model)
  return s.info
end

-- What optimizers keep of a parameter (src/nn/optimizers): asked of one that does not, it is no misspelt name.
local STATES = { m = true, v = true, vhat = true, mean = true, accumulator = true, momentum = true, velocity = true }

-- A copy of a parameter's values. What the trainer holds of it hangs on it: .grad, and the optimizer's state (.m, .v);
-- on a run's also the parts of the gradient.
local function parameter(model, trainer, p, run)
  local t = core.model_get(model, p.index)
  local state = core.state(t)
  if run then
    local function part(what) return function() return require("sonde.inside").param_grad(run, p, what) end end
    state.grad, state.data_grad, state.penalty_grad = part "total", part "data", part "penalty"
  elseif trainer then
    state.grad = function() return p.trainable and core.trainer_get(trainer, p.index, "grad") or nil end
  end
  if not trainer then return t end
  local _, optimizer, _, _, names = core.trainer_info(trainer)
  for _, name in ipairs(names or {}) do
    state[name] = function() return core.trainer_get(trainer, p.index, name) end
  end
  core.meta.tensor.lacks[t] = function(k)
    if not STATES[k] then return end
    util.fail("%s has no %s: the optimizer %s keeps %s", p.path, k, tostring(optimizer),
      names and #names > 0 and "." .. table.concat(names, " and .") or "no state as it is set")
  end
  return t
end

local View = {}
local about = setmetatable({}, { __mode = "k" }) -- view -> { model, number, trainer, run }

local function layer_of(v)
  local info = about[v]
  if not info.number then util.fail("layer %s: the model has it no more", info.gone) end
  return layers.info(info.model).layers[info.number]
end

local function find_param(layer, name)
  for _, p in ipairs(layer.params) do
    if p.name == name then return p end
  end
end

local fields = {}
function fields.name(layer) return layer.name end
function fields.type(layer) return layer.type end
function fields.shape(layer) return table.move(layer.shape, 1, #layer.shape, 1, {}) end
function fields.config(layer) return layer.object end
function fields.params(layer)
  local list = {}
  for i, p in ipairs(layer.params) do list[i] = p.name end
  return list
end

-- What a step computes there: made by calls of the layer, which are in sonde.calls.
local tensors = { output = true, input = true, calls = true }

function View.__index(v, k)
  local info, layer = about[v], layer_of(v)
  local p = find_param(layer, k)
  if p then return parameter(info.model, info.trainer and info.trainer(), p, info.run) end
  if tensors[k] then return require("sonde.calls").field(info, k) end
  if fields[k] then return fields[k](layer) end
  local value = layer.object[k]
  if value ~= nil then return value end
  local options = { "kind" }
  for i, f in ipairs(core.describe("layer", layer.type).fields) do
    if f.name == k then return nil end -- an option that was not given
    options[i + 1] = f.name
  end
  util.unknown("layer " .. layer.name, k, fields, tensors, fields.params(layer), options)
end

-- Weights, and trainable, which holds from the next step on.
function View.__newindex(v, k, value)
  local model, layer = about[v].model, layer_of(v)
  local p = find_param(layer, k)
  if p then
    value = type(value) == "number" and core.tensor(value) or util.as_tensor(value, "layer " .. layer.name, k)
    core.model_set(model, p.index, value, false, "layers")
  elseif k == "trainable" then
    if type(value) ~= "boolean" then
      util.fail("layer %s: trainable wants true or false, got %s", layer.name, util.a(value))
    end
    core.model_set_trainable(model, about[v].number, value)
    core.state(model).info = nil
  else
    local list = fields.params(layer)
    util.fail("layer %s: %s cannot be set; only trainable%s can", layer.name, tostring(k),
      #list > 0 and " and its weights (" .. table.concat(list, ", ") .. ")" or "")
  end
end

function View.__tostring(v)
  if about[v].gone then return ("layer %s: the model has it no more"):format(about[v].gone) end
  local info = layer_of(v)
  local parts = { ("layer %s: %s -> %s"):format(info.name, tostring(info.object), util.shape_text(info.shape, true)) }
  for _, p in ipairs(info.params) do
    parts[#parts + 1] = ("  %s %s%s"):format(p.name, util.shape_text(p.shape), p.trainable and "" or "  not trainable")
  end
  return table.concat(parts, "\n")
end

local List = {}

-- A name or a number that is none. Behind the last number is a nil, as in every list; -1 is the last, as of a tensor.
function List.__index(list, k)
  if math.type(k) == "integer" then
    local n = rawlen(list)
    if k < 0 and k >= -n then return rawget(list, n + 1 + k) end
    if k == n + 1 then return nil end
    util.fail("layers: there is no layer %d; the model has %d, from 1, or from the end with -1", k, n)
  end
  local names = {}
  for i, v in ipairs(list) do names[i] = layer_of(v).name end
  local near = type(k) == "string" and core.suggest(k, names)
  util.fail("layers: the model has no layer %s; %s", util.quoted(k), near and ('did you mean "%s"?'):format(near)
    or "m:summary() and m.layers list them")
end

function List.__tostring(list)
  local rows = {}
  for i, v in ipairs(list) do
    local info = layer_of(v)
    rows[i] = { tostring(i), info.name, info.type, util.shape_text(info.shape, true) }
  end
  return util.columns(rows, "rlll")
end

-- What TAB offers behind a layer and a dot.
function layers.names(v)
  local layer, names = layer_of(v), { params = fields.params(layer_of(v)), fields = {}, options = {} }
  for _, list in ipairs { fields, tensors } do
    for name in pairs(list) do names.fields[#names.fields + 1] = name end
  end
  for i, f in ipairs(core.describe("layer", layer.type).fields) do names.options[i] = f.name end
  return names
end

-- What a value stands for when it is one of m.layers or r.layers: { model, number, ... }.
function layers.about(v) return about[v] end

-- ---- numbers ----

-- Does every layer read the one before it, and only that?
function layers.is_chain(info)
  for i, layer in ipairs(info.layers) do
    if i > 1 and not (#layer.inputs == 1 and layer.inputs[1] == i - 1) then return false end
  end
  return true
end

-- The layers that have numbers, as places in info.layers: all but the input of layers that follow one another, which
-- summary does not show either (as Keras's Sequential.layers).
function layers.numbered(info)
  local list, first = {}, info.layers[1].type == "input" and layers.is_chain(info) and 2 or 1
  for i = first, #info.layers do list[#list + 1] = i end
  return list
end

-- The place in info.layers of the layer with that number.
function layers.place(model, who, number)
  local list = layers.numbered(layers.info(model))
  if list[number] then return list[number] end
  util.fail("%s: there is no layer %d; the model has %d, which m.layers lists", who, number, #list)
end

local function fill(list, model, trainer, run, views)
  for i, layer in ipairs(layers.info(model).layers) do
    local v = views[layer.name]
    if not v then
      v = setmetatable({}, View) -- empty, so that every reading and writing is seen
      about[v] = { model = model, trainer = trainer, run = run }
    end
    about[v].number = i
    list[layer.name] = v
  end
  for n, i in ipairs(layers.numbered(layers.info(model))) do list[n] = list[layers.info(model).layers[i].name] end
end

-- After a change of the model: lists that were given out, and what is in them, stand for the layers of the same names.
function layers.renew(model)
  local s = core.state(model)
  s.info, s.calls, s.nodes = nil, nil, nil
  for list, made in pairs(s.lists or {}) do
    local views = {}
    for k, v in pairs(list) do
      if type(k) == "string" then
        views[k], about[v].number, about[v].gone = v, nil, k
      end
    end
    for k in pairs(list) do list[k] = nil end
    fill(list, model, made.trainer, made.run, views)
    for k, v in pairs(list) do
      if type(k) == "string" then about[v].gone = nil end
    end
  end
end

-- By number and by name. trainer: a function that gives the present one or nil. run: whose layers they are, or nil.
function layers.of(model, trainer, run)
  local list, s = {}, core.state(model)
  fill(list, model, trainer, run, {})
  s.lists = s.lists or setmetatable({}, { __mode = "k" })
  s.lists[list] = { trainer = trainer, run = run }
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
