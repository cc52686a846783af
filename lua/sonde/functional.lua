-- Functions of numbers, tensors and symbols alike: exp(x), mean(x, -1), where(c, a, b). With a symbol they record, with a
-- tensor they compute.
local core = require "sonde.core"
local trace = require "sonde.trace"
local util = require "sonde.util"

local functional = {}
local fail = util.fail

-- ---- calling ----

-- A symbol, or an input{}, which is as good as one.
local function is_symbol(v) return trace.is_symbol(v) or trace.output(v) ~= nil end

-- Runs an operation at once, on tensors and numbers; a number comes back where only numbers went in.
local function compute(name, args, attributes)
  local tensors, numbers, words = {}, true, { name }
  for _, v in ipairs(args) do numbers = numbers and type(v) == "number" end
  for i, v in ipairs(args) do
    if core.type(v) == "tensor" then
      tensors[i] = v
    elseif type(v) == "number" then
      tensors[i] = core.tensor(v, numbers and "float64" or nil)
    else
      fail("%s: wants numbers, tensors or symbols, got %s", name, util.a(v))
    end
    words[#words + 1] = tostring(i - 1)
  end
  words[#words + 1] = attributes
  local y = core.expr_run(("inputs %d; %s"):format(#args, table.concat(words, " ")), tensors, name)
  return #y.shape == 0 and core.tensor_at(y, 0) or y -- t:sum() is a number too
end

local function apply(name, args, attributes)
  for _, v in ipairs(args) do
    if is_symbol(v) then return trace.op(name, args, attributes) end
  end
  return compute(name, args, attributes)
end

local function want(name, n, ...)
  if select("#", ...) < n then fail("%s: wants %d argument%s", name, n, n == 1 and "" or "s") end
  for i = 1, n do
    if select(i, ...) == nil then fail("%s: argument %d is nil", name, i) end
  end
end

-- ---- of each number ----

for name in ([[abs sign exp expm1 log log1p sqrt square sin cos tanh sigmoid relu softplus erf floor round
stop_gradient]]):gmatch "%S+" do
  functional[name] = function(x)
    want(name, 1, x)
    return apply(name, { x })
  end
end
for name in ("maximum minimum gather matmul"):gmatch "%S+" do
  functional[name] = function(a, b)
    want(name, 2, a, b)
    return apply(name, { a, b })
  end
end
for name in ("eq ne lt le gt ge"):gmatch "%S+" do
  functional[name] = function(a, b)
    want(name, 2, a, b)
    if is_symbol(a) or is_symbol(b) then return trace.comparison(name, { a, b }) end
    return apply(name, { a, b })
  end
end

function functional.where(c, a, b)
  want("where", 3, c, a, b)
  return apply("where", { c, a, b })
end

function functional.clip(x, low, high)
  want("clip", 3, x, low, high)
  if type(low) ~= "number" or type(high) ~= "number" then fail "clip: its limits are numbers: clip(x, 0, 1)" end
  return apply("clip", { x }, trace.number_text(low) .. " " .. trace.number_text(high))
end

-- ---- along axes: from 1, or from the end with -1; a list for several; absent: all ----

local function axis_text(name, axis)
  local n = type(axis) == "number" and math.tointeger(axis)
  if not n or n == 0 or n > 8 or n < -8 then
    fail("%s: axis = %s is no axis; they count from 1, and from the end with -1", name, util.quoted(axis))
  end
  return tostring(n > 0 and n - 1 or n)
end

local function axes_text(name, axis, keep)
  local text = ""
  if axis ~= nil then
    local words = {}
    for i, a in ipairs(type(axis) == "table" and axis or { axis }) do words[i] = axis_text(name, a) end
    if #words == 0 then fail("%s: the list of axes is empty", name) end
    text = "axes " .. table.concat(words, " ")
  end
  if util.boolean(name, "keepdims", keep, false) then text = text .. (text == "" and "" or " ") .. "keep" end
  return text ~= "" and text or nil
end

for name in ("sum mean max min prod"):gmatch "%S+" do
  functional[name] = function(x, axis, keep)
    want(name, 1, x)
    if is_symbol(axis) or core.type(axis) == "tensor" then fail("%s: the second argument is an axis; use %s(a, b)", name,
      (name == "max" or name == "min") and name .. "imum" or "a + b for two arrays, or") end
    return apply(name, { x }, axes_text(name, axis, keep))
  end
end

local f = functional

function f.logsumexp(x, axis, keep)
  local most = f.stop_gradient(f.max(x, axis, true))
  local sum = f.log(f.sum(f.exp(x - most), axis, true)) + most
  return keep and sum or f.sum(sum, axis)
end
function f.log_softmax(x, axis) return x - f.logsumexp(x, axis or -1, true) end
function f.softmax(x, axis)
  local e = f.exp(x - f.stop_gradient(f.max(x, axis or -1, true)))
  return e / f.sum(e, axis or -1, true)
end
function f.variance(x, axis, keep) return f.mean(f.square(x - f.mean(x, axis, true)), axis, keep) end

-- ---- of shapes ----

local function numbers_text(name, list)
  if type(list) ~= "table" then fail("%s: wants a list of numbers, got %s", name, util.a(list)) end
  local words = {}
  for i, v in ipairs(list) do words[i] = tostring(util.whole(name, "a size", v, nil, -1)) end
  return "dims " .. table.concat(words, " ")
end

function f.transpose(x, axes)
  want("transpose", 1, x)
  if axes == nil then return apply("transpose", { x }, "dims") end
  local words = {}
  for i, a in ipairs(axes) do words[i] = axis_text("transpose", a) end
  return apply("transpose", { x }, "dims " .. table.concat(words, " "))
end

function f.slice(x, axis, from, to)
  want("slice", 3, x, axis, from)
  from, to = util.whole("slice", "from", from, nil, math.mininteger), util.whole("slice", "to", to, -1, math.mininteger)
  if from == 0 or to == 0 then fail "slice: places count from 1, and from the end with -1" end
  return apply("slice", { x }, ("dims %s %d %d"):format(axis_text("slice", axis), from > 0 and from - 1 or from, to))
end

function f.one_hot(x, depth)
  return apply("one_hot", { x }, "dims " .. util.whole("one_hot", "depth", depth, nil, 1))
end

-- Constructors of layers have these two names: with symbols they are these functions.
local shaped = {}
function shaped.reshape(x, shape) return apply("reshape", { x }, numbers_text("reshape", shape)) end
function shaped.concat(list, axis)
  local y = list[1]
  for i = 2, #list do y = apply("concat", { y, list[i] }, "dims " .. axis_text("concat", axis or -1)) end
  return y
end

-- ---- activations: constructors that with a symbol compute ----

local activations = { tanh = f.tanh, sigmoid = f.sigmoid, relu = f.relu, softplus = f.softplus, softmax = f.softmax }
function activations.linear(x) return x end
function activations.swish(x) return x * f.sigmoid(x) end
function activations.gelu(x) return 0.5 * x * (1 + f.erf(x / math.sqrt(2))) end
function activations.elu(x, alpha) return f.where(apply("gt", { x, 0 }), x, (alpha or 1) * f.expm1(f.minimum(x, 0))) end
function activations.leaky_relu(x, slope) return f.where(apply("gt", { x, 0 }), x, (slope or 0.2) * x) end

-- fn where the first argument is something to compute with, else what the name stood for. An activation of a layer's
-- output is the layer of that activation.
local function either(fn, construct, kind)
  return function(x, ...)
    if kind == "activation" and trace.output(x) then return construct { ... }(x) end
    if is_symbol(x) or core.type(x) == "tensor" or fn == shaped.concat and type(x) == "table" and trace.is_symbol(x[1]) and not trace.output(x[1]) then
      return fn(x, ...)
    end
    return construct(x, ...)
  end
end

-- ---- gradients ----

local function as_tensors(who, args)
  local tensors = {}
  for i, v in ipairs(args) do
    if is_symbol(v) then
      fail("a gradient function was called on a symbol: a gradient cannot be recorded, so there are no second derivatives"
        .. "; call it on numbers and tensors; (g(x + h) - g(x - h)) / (2 * h) of g = grad(f) comes near one")
    end
    tensors[i] = type(v) == "number" and core.tensor(v, "float64") or util.as_tensor(v, who, "argument " .. i)
  end
  if #tensors == 0 then fail("%s: the function wants tensors or numbers to be called with", who) end
  return tensors
end

local function plain(t) return #t.shape == 0 and core.tensor_at(t, 0) or t end

-- grad(f)(x, y) gives the gradients of f(x, y) with respect to x and y. f is recorded once for each number of arguments.
function f.grad(fn)
  if type(fn) ~= "function" then fail("grad: wants a function, got %s", util.a(fn)) end
  local programs = {}
  return function(...)
    local tensors = as_tensors("grad", { ... })
    local n = #tensors
    programs[n] = programs[n] or trace.program(trace.record("grad", fn, n, "its arguments"), n)
    local results = { core.expr_run(programs[n], tensors, "grad", true) }
    for i, t in ipairs(results) do results[i] = plain(t) end
    return table.unpack(results, 2)
  end
end

for name, fn in pairs(functional) do
  if name ~= "grad" then trace.methods[name] = fn end
end
trace.methods.reshape = shaped.reshape
trace.methods.softmax = f.softmax

-- The names as globals. Those of constructors stay constructors too.
function functional.globals(objects)
  local names = {}
  for name, fn in pairs(functional) do
    if name ~= "globals" then names[name] = fn end
  end
  for _, list in ipairs { activations, shaped } do
    for name, fn in pairs(list) do names[name] = fn end
  end
  for name, fn in pairs(names) do
    local construct = objects.global[name]
    if construct then
      local made = objects.constructor_of[construct]
      names[name] = either(fn, construct, made.kind)
      objects.constructor_of[names[name]], objects.global[name] = made, names[name]
    end
  end
  return names
end

-- A tensor or an input{} as the left operand of a symbol.
for event, fn in pairs(trace.operators) do
  local tensor_fn = core.meta.tensor[event]
  core.meta.object[event] = fn
  core.meta.tensor[event] = function(a, b)
    if is_symbol(a) or is_symbol(b) then return fn(a, b) end
    return tensor_fn(a, b)
  end
end
local same = core.meta.tensor.__eq
function core.meta.tensor.__eq(a, b)
  if trace.is_symbol(a) or trace.is_symbol(b) then return trace.equal(a, b) end
  return same(a, b)
end

return functional
