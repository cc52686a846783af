-- Building models: sequential{...}, and branches by calling layers on symbols.
local core = require "sonde.core"
local objects = require "sonde.objects"
local seeds = require "sonde.seeds"
local trace = require "sonde.trace"
local util = require "sonde.util"

local graph = {}
local fail = util.fail

-- ---- outputs: of one call of a layer. The user has their symbols (sonde.trace) ----

local count = 0
local inputs_made = setmetatable({}, { __mode = "k" }) -- an input{} used as a value, or a node -> its output

local function is_object(v, kind) return core.type(v) == "object" and (v.kind == kind) end

local function new_output(layer, inputs)
  count = count + 1
  return { layer = layer, inputs = inputs, number = count, recording = trace.GRAPH }
end

-- What was computed from outputs of layers is a layer too.
local function computed(node)
  local program, leaves = trace.program(node)
  return new_output(objects.by_kind.layer.lambda { program }, leaves)
end

-- The output that v stands for, if it is the symbol of one or an input{}.
function trace.output(v)
  if trace.is_symbol(v) then
    local node = core.state(v)
    return node.layer and node or nil
  end
  if not is_object(v, "layer") or v.type ~= "input" then return nil end
  inputs_made[v] = inputs_made[v] or new_output(v, {})
  return inputs_made[v]
end

function trace.made(node) return inputs_made[node] end

-- The same, of what was computed from outputs too.
local function as_output(v, who)
  local output = trace.output(v)
  if output or not trace.is_symbol(v) then return output end
  trace.check_output(v, who)
  local node = core.state(v)
  inputs_made[node] = inputs_made[node] or computed(node)
  return inputs_made[node]
end

-- An activation may stand where a layer is wanted.
local function as_layer(v, who)
  if objects.constructor_of[v] then v = v {} end
  if is_object(v, "layer") then return v end
  if is_object(v, "activation") then return objects.by_kind.layer.activation { v } end
  local example = type(v) ~= "string" and "" or objects.by_kind.layer[v] and (", as in %s{ ... }"):format(v)
    or core.describe("activation", v) and (', as in activation "%s"'):format(v) or ", as in dense{ 8 }"
  fail("%s is %s, not a layer%s", who, core.type(v) == "object" and util.a(v) or util.quoted(v), example)
end

graph.as_layer = as_layer

local function call(layer, values)
  local who = layer.type
  local inputs = {}
  for i, v in ipairs(values) do
    inputs[i] = as_output(v, who)
    if not inputs[i] then
      fail("%s: called on %s; a layer is called on input{...} or on what another layer's call gave", who, util.a(v))
    end
  end
  local _, _, wanted = core.object_info(layer)
  if wanted == -2 and #inputs > 0 then wanted = #inputs end
  if #inputs == 0 then fail("%s: called on nothing; give it input{...} or another layer's output", who) end
  if wanted == 0 then fail("%s: takes no input", who) end
  if wanted == 1 and #inputs > 1 then fail("%s: takes one input, got %d", who, #inputs) end
  if wanted == -1 and #inputs < 2 then fail("%s: takes two or more inputs, got %d", who, #inputs) end
  return trace.symbol_of(new_output(layer, inputs))
end

-- layer(x), layer(x, h), layer{x, h}
core.meta.object.__call = function(self, ...)
  local layer = as_layer(self, self.type)
  local values = { ... }
  if select("#", ...) == 1 and core.type(values[1]) == "table" and getmetatable(values[1]) == nil then
    values = values[1]
  end
  return call(layer, values)
end

-- Constructors of layers with several inputs: add{ h, x } is called at once, add{} waits for its call.
local function merging(construct)
  return function(...)
    local t = ...
    if type(t) ~= "table" or getmetatable(t) or not as_output(t[1], "layer") then return construct(...) end
    local options, values = {}, {}
    for k, v in pairs(t) do
      if math.type(k) == "integer" then values[k] = v else options[k] = v end
    end
    return call(construct(options), values)
  end
end

for name, construct in pairs(objects.by_kind.layer) do
  local made = objects.constructor_of[construct]
  if made.inputs == -1 then
    local wrapped = merging(construct)
    objects.by_kind.layer[name] = wrapped
    objects.constructor_of[wrapped] = made
    if objects.global[name] == construct then objects.global[name] = wrapped end
  end
end

-- ---- models ----

-- Collects layers (each once) and calls for core.model_build.
local function collector()
  local c = { layers = {}, calls = {}, index = {} }
  function c.layer(layer)
    if not c.index[layer] then
      c.layers[#c.layers + 1] = layer
      c.index[layer] = #c.layers
    end
    return c.index[layer]
  end
  function c.add(layer, ...)
    c.calls[#c.calls + 1] = { c.layer(layer), ... }
    return #c.calls
  end
  function c.build(name, input, output)
    return core.model_build(name, c.layers, c.calls, input, output, seeds.next "model")
  end
  return c
end

local function check_name(who, name)
  if name ~= nil and type(name) ~= "string" then fail("%s: name wants a text, got %s", who, util.a(name)) end
end

-- What each layer says of its input must be what it gets.
local function check_input_shapes(m)
  local info = core.model_info(m)
  for i, layer in ipairs(info.layers) do
    local says, from = layer.object.input_shape, layer.inputs[1]
    if layer.type ~= "input" and says and #says > 0 and from then
      local want, got = util.shape_text(says), util.shape_text(info.layers[from].shape)
      if want ~= got then
        fail("sequential: layer %d, %s: its input_shape %s is not what the layer before it gives, %s; leave it out",
          i - 1, layer.name, want, got)
      end
    end
  end
  return m
end

function graph.sequential(t, ...)
  if ... ~= nil then fail "sequential: its layers stand in braces: sequential{ dense{ 8 }, dense{ 1 } }" end
  if core.type(t) ~= "table" then
    fail("sequential: wants a list of layers, got %s; as in sequential{ dense{ 8 }, ... }", util.a(t))
  end
  local options, n = {}, #t
  for k, v in pairs(t) do
    if math.type(k) ~= "integer" or k < 1 or k > n then options[k] = v end
  end
  util.options("sequential", options, { "name" })
  check_name("sequential", options.name)
  if n == 0 then fail "sequential: has no layers; for example sequential{ dense{ 1, input_shape = { 4 } } }" end
  local c, first = collector(), as_layer(t[1], "sequential: layer 1")
  local at, from = nil, 1
  if first.type == "input" then
    at, from = c.add(first), 2
  else
    local shape = first.input_shape
    if not shape or #shape == 0 then
      fail("sequential: the shape of its input is unknown; give the first layer, %s, an input_shape = { height, width,"
        .. " channels }, or start with input{ height, width, channels }", first.type)
    end
    at = c.add(objects.by_kind.layer.input(shape))
  end
  local input = at
  for i = from, n do
    local layer = as_layer(t[i], ("sequential: layer %d"):format(i))
    if layer.type == "input" then fail("sequential: layer %d is an input; only the first can be", i) end
    at = c.add(layer, at)
  end
  if at == input then fail "sequential: has an input and no layer behind it" end
  return check_input_shapes(c.build(options.name or "sequential", input, at))
end

local function one_output(v, what)
  local many = type(v) == "table"
  if many and #v == 1 then v, many = v[1], false end
  local s = as_output(v, "model")
  if not s then
    fail("model: %s wants %s, got %s", what, what == "inputs" and "an input{...}" or "the output of a layer's call",
      many and #v .. " values; models have one" or util.a(v))
  end
  return s
end

-- Everything that output depends on, each symbol before those that it depends on, and the order in which a walk from
-- the output meets the layers. Deep graphs must not use up the stack, so the walk keeps its own.
local function reach(output)
  local state, left, met, nmet, todo = {}, {}, {}, 0, { output }
  while #todo > 0 do
    local s = todo[#todo]
    if state[s] then
      table.remove(todo)
      if state[s] ~= "left" then left[#left + 1], state[s] = s, "left" end
    else
      state[s] = "entered"
      if not met[s.layer] then
        nmet = nmet + 1
        met[s.layer] = nmet
      end
      for i = #s.inputs, 1, -1 do
        if not state[s.inputs[i]] then todo[#todo + 1] = s.inputs[i] end
      end
    end
  end
  local list = {}
  for i = #left, 1, -1 do list[#list + 1] = left[i] end
  return list, met
end

-- Keras's order of calls, hence of weights (keras/src/ops/function.py, map_graph): by distance from the output, the
-- farthest first; at the same distance in the order in which a walk from the output meets them.
local function keras_order(list, met)
  local depth, layer_depth = {}, {}
  for _, s in ipairs(list) do
    depth[s] = math.max(depth[s] or 0, layer_depth[s.layer] or 0)
    layer_depth[s.layer] = depth[s]
    for _, x in ipairs(s.inputs) do depth[x] = math.max(depth[x] or 0, depth[s] + 1) end
  end
  table.sort(list, function(a, b)
    if depth[a] ~= depth[b] then return depth[a] > depth[b] end
    if met[a.layer] ~= met[b.layer] then return met[a.layer] < met[b.layer] end
    return a.number < b.number
  end)
end

function graph.model(t)
  util.options("model", t, { "inputs", "outputs", "name" })
  if type(t) ~= "table" then fail "model: wants model{ inputs = x, outputs = y }" end
  check_name("model", t.name)
  local input, output = one_output(t.inputs, "inputs"), one_output(t.outputs, "outputs")
  if input.layer.type ~= "input" then fail("model: inputs is the output of %s, not an input{...}", input.layer.type) end
  local list, met = reach(output)
  local c, call_of, created = collector(), {}, table.move(list, 1, #list, 1, {})
  table.sort(created, function(a, b) return a.number < b.number end) -- names go by the order of creation
  for _, s in ipairs(created) do c.layer(s.layer) end
  keras_order(list, met)
  for _, s in ipairs(list) do
    if s.layer.type == "input" and s ~= input then fail "model: outputs depends on an input{} that is not in inputs" end
    local from = {}
    for i, x in ipairs(s.inputs) do from[i] = call_of[x] end
    call_of[s] = c.add(s.layer, table.unpack(from))
  end
  if not call_of[input] then fail "model: outputs does not depend on inputs" end
  return c.build(t.name or "model", call_of[input], call_of[output])
end

return graph
