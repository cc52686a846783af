-- What a network computes for any input: the outputs of its layers, and gradients with respect to the input.
local calls = require "sonde.calls"
local classes = require "sonde.classes"
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local layers = require "sonde.layers"
local model = require "sonde.model"
local util = require "sonde.util"

local methods = {}
local fail = util.fail

local function common(who, opts)
  return util.whole(who, "batch_size", opts.batch_size, 32, 1), util.boolean(who, "train", opts.train, false)
end

-- m:output("conv2d_1", x [, { train = false, batch_size = 32 }]) -> (samples, ...); of a list of layers a list.
function methods.output(m, which, x, opts)
  opts = util.options("output", opts, { "train", "batch_size" })
  local batch, train = common("output", opts)
  local many = core.type(which) == "table" and not calls.is(which)
  local nodes = {}
  for i, v in ipairs(many and which or { which }) do nodes[i] = calls.find(m, "output", v).node end
  if many and #nodes == 0 then fail "output: the list of layers is empty" end
  if which == nil then fail 'output: wants a layer and data, as in m:output("dense", x)' end
  local list = core.look_outputs(model.predictor_of(m), dataset.from("output", x), batch, nodes, train)
  return many and list or list[1]
end

-- ---- gradients with respect to the input ----

local who = "input_gradient"

-- The unit of the last layer that a class stands for, from 1; true where it is the class that the unit speaks against:
-- one sigmoid unit is the score of class 1, its negative that of class 0. given: names of the classes, or nil.
local function class_unit(m, v, given, d)
  if given ~= nil and core.type(given) ~= "table" then
    fail("%s: class_names wants a list of names, got %s", who, util.a(given))
  end
  local shape, names = layers.info(m).output, given or d.class_names
  local units = shape[#shape] or 1
  local two = units == 1 and #shape == 1
    and (names and #names == 2 or select(2, core.output_kind(model.predictor_of(m))) == 2)
  local count = two and 2 or units
  if given and #given ~= count then fail("%s: class_names has %d names; there are %d classes", who, #given, count) end
  local class = classes.number(who, v, count, names and #names == count and names or nil)
  return two and 1 or class + 1, two and class == 0
end

-- What the options ask to be differentiated: node, unit, weights, negative?; nothing of these: the loss.
local function scalar_of(m, d, opts)
  if opts.class ~= nil then
    local node, output = core.look_logits(m)
    if not util.boolean(who, "logits", opts.logits, false) then node = output end
    local unit, negative = class_unit(m, opts.class, opts.class_names, d)
    return node, unit, nil, negative
  end
  if opts.layer == nil then return end
  local call = calls.find(m, who, opts.layer)
  if (opts.unit == nil) == (opts.weights == nil) then
    fail("%s: of layer %s wants either unit = n or weights = a tensor", who, call.layer_name)
  end
  if opts.weights ~= nil then return call.node, nil, util.as_tensor(opts.weights, who, "weights") end
  local unit, units = util.whole(who, "unit", opts.unit, nil, 1), call.shape[#call.shape] or 1
  if unit > units then fail("%s: unit = %d, but layer %s has %d", who, unit, call.layer_name, units) end
  return call.node, unit
end

local function check_options(opts)
  local given = {}
  for _, name in ipairs { "y", "class", "layer" } do
    if opts[name] ~= nil then given[#given + 1] = name end
  end
  if #given > 1 then fail("%s: got %s; one of them says what is differentiated", who, table.concat(given, " and ")) end
  for name, of in pairs { logits = "class", class_names = "class", unit = "layer", weights = "layer" } do
    if opts[name] ~= nil and opts[of] == nil then fail("%s: %s goes with %s = ...", who, name, of) end
  end
end

local function one_row(t) return t:reshape { 1, table.unpack(t.shape) } end

-- A single sample, without an axis of samples, becomes a batch of one, and its targets too; third: was it one?
local function as_batch(m, x, y)
  if not util.is_tensor(x) or #x.shape ~= #m.input_shape then return x, y, false end
  for i, n in ipairs(m.input_shape) do
    if x.shape[i] ~= n then return x, y, false end
  end
  if y == nil then return one_row(x), nil, true end
  y = type(y) == "number" and tensor { y } or util.as_tensor(y, who, "y")
  return one_row(x), #y.shape == #m.output_shape and #y > 0 and one_row(y) or y, true
end

-- m:input_gradient(x, { class = 1 }) and others -> a tensor of x's shape.
function methods.input_gradient(m, x, opts)
  opts = util.options(who, opts, { "y", "class", "class_names", "logits", "layer", "unit", "weights", "train",
    "batch_size" })
  check_options(opts)
  local batch, train = common(who, opts)
  local y, single
  x, y, single = as_batch(m, x, opts.y)
  local d = dataset.from(who, x, y)
  local node, unit, weights, negative = scalar_of(m, d, opts)
  local t = node and model.predictor_of(m) or model.trainer_of(m, who)
  local g = core.look_input_gradient(t, d, batch, train, node, unit, weights)
  g = negative and -g or g
  return single and g[1] or g
end

return { model = methods }
