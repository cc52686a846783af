-- Functions of numbers, tensors and symbols alike: exp(x), mean(x, -1), where(c, a, b). With a symbol they record, with a
-- tensor they compute.
local core = require "sonde.core"
local tensor = require "sonde.tensor".tensor
local trace = require "sonde.trace"
local util = require "sonde.util"

local functional = {}
local fail = util.fail

-- ---- calling ----

-- A symbol, or an input{}, which is as good as one.
local function is_symbol(v) return trace.is_symbol(v) or trace.output(v) ~= nil end

local methods = core.meta.tensor.methods

-- What tensors compute themselves, in the type that suits theirs; the rest is a program of one operation.
local direct = {
  square = function(x) return x * x end,
  stop_gradient = function(x) return x end,
  where = core.tensor_where,
  clip = function(x, low, high) return methods.clip(x, low, high) end,
}
for name in ("abs sign exp expm1 log log1p sqrt sin cos tanh sigmoid relu floor round"):gmatch "%S+" do
  direct[name] = methods[name]
end
function direct.matmul(a, b)
  if type(a) == "number" then fail("matmul: wants vectors or matrices, got %s; a * b multiplies by a number", a) end
  return methods.matmul(a, b)
end
-- Of a number and a tensor: its method the other way around.
for name, turned in pairs { maximum = "maximum", minimum = "minimum", eq = "eq", ne = "ne", lt = "gt", le = "ge",
  gt = "lt", ge = "le" } do
  local method, other = methods[name], methods[turned]
  direct[name] = function(a, b)
    if type(a) == "number" then return other(b, a) end
    return method(a, b)
  end
end
for name in ("sum mean max min prod"):gmatch "%S+" do
  direct[name] = function(x, options) return methods[name](x, options) end
end

-- Of numbers these give whole ones where they get such.
local keeps_whole = {}
for name in ([[abs sign square relu floor round stop_gradient maximum minimum where clip sum prod max
min]]):gmatch "%S+" do
  keeps_whole[name] = true
end

-- The arguments as tensors where that is needed: two numbers have no tensor among them to decide the type.
local function operands(name, args)
  local numbers, whole, list = true, true, {}
  for i, v in ipairs(args) do
    numbers = numbers and type(v) == "number"
    whole = whole and math.type(v) == "integer"
    list[i] = v
    if type(v) ~= "number" and core.type(v) ~= "tensor" then
      fail("%s: wants numbers, tensors or symbols, got %s%s", name, util.a(v),
        core.type(v) == "table" and "; tensor{ 1, 2 } makes a tensor of a list" or "")
    end
  end
  local dtype = numbers and (whole and keeps_whole[name] and "int64" or "float64") or nil
  for i, v in ipairs(args) do
    if type(v) == "number" and (numbers or not direct[name] or #args == 1) then list[i] = core.tensor(v, dtype) end
  end
  return list
end

-- What a program of the one operation gives of tensors: float32, or float64 where one of them is that.
local function run(name, list, attributes)
  local words = { name }
  for i = 1, #list do words[i + 1] = tostring(i - 1) end
  words[#words + 1] = attributes
  return core.expr_run(("inputs %d; %s"):format(#list, table.concat(words, " ")), list, name)
end

-- float64 holds places and whole numbers that float32 would round.
local function wide(v)
  return type(v) == "number" and core.tensor(v, "float64") or v.dtype == "float64" and v or v:astype "float64"
end

-- Fails at the first number of a float64 tensor that is no place within 0..size - 1. what: how a message calls it.
local function check_places(name, what, t, size, why)
  local shape = t.shape
  local bad = t:lt(0):logical_or(t:ge(size)):logical_or(t:ne(t:floor())) -- nan is unequal to itself
  if #shape == 0 and core.tensor_at(bad, 0) == 0 or #shape > 0 and not bad:any() then return end
  local i = 0
  while core.tensor_at(bad, i) == 0 do i = i + 1 end
  local v, at = core.tensor_at(t, i), {}
  for axis = #shape, 1, -1 do
    at[axis], i = i % shape[axis] + 1, i // shape[axis]
  end
  fail("%s: %s%s = %s is %s0..%d; %s", name, what, #at > 0 and "[" .. table.concat(at, ", ") .. "]" or "",
    util.fixed("%.14g", v), v == math.floor(v) and "outside " or "no whole number within ", size - 1, why)
end

function direct.gather(x, index)
  local values, places = wide(x), wide(index)
  local dtype, size = type(x) == "number" and "float64" or x.dtype, values.shape[#values.shape]
  if size == 0 and #places:flatten() > 0 then fail("gather: x's last axis is empty, it has no places to take from") end
  if size and size > 0 then check_places("gather", "index", places, size, "places along x's last axis count from 0") end
  local y = run("gather", { values, places })
  return dtype == "float64" and y or y:astype(dtype)
end

function direct.one_hot(x, depth)
  check_places("one_hot", "x", wide(x), depth, "class numbers count from 0")
  return run("one_hot", { x }, "dims " .. depth)
end

-- Runs an operation at once, on tensors and numbers; a number comes back where only numbers went in. attributes: as the
-- program has them; options: as the tensor's method has.
local function compute(name, args, attributes, ...)
  local list, y = operands(name, args), nil
  if direct[name] then
    local n = #list
    for i = 1, select("#", ...) do list[n + i] = (select(i, ...)) end
    y = direct[name](table.unpack(list, 1, n + select("#", ...)))
  else
    y = run(name, list, attributes)
  end
  if core.type(y) ~= "tensor" then return y end
  return #y.shape == 0 and core.tensor_at(y, 0) or y -- t:sum() is a number too
end

local function apply(name, args, attributes, ...)
  for _, v in ipairs(args) do
    if is_symbol(v) then return trace.op(name, args, attributes) end
  end
  return compute(name, args, attributes, ...)
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
  if low > high then
    fail("clip: the lower limit, %s, is above the upper one, %s; clip(x, %s, %s)", low, high, high, low)
  end
  return apply("clip", { x }, trace.number_text(low) .. " " .. trace.number_text(high), low, high)
end

-- ---- along axes: from 1, or from the end with -1; a list for several; absent: all ----

local function axis_text(name, axis)
  local n = type(axis) == "number" and math.tointeger(axis)
  if not n or n == 0 or n > 8 or n < -8 then
    fail("%s: axis = %s is no axis; they count from 1, and from the end with -1", name, util.quoted(axis))
  end
  return tostring(n > 0 and n - 1 or n)
end

-- The same as a program writes it, and as the options of a tensor's method.
local function axes_of(name, axis, keep)
  local text, options = "", {}
  if axis ~= nil then
    local words = {}
    local list = core.type(axis) == "table" and axis or { axis }
    for k in pairs(list) do
      if math.type(k) ~= "integer" then
        fail("%s: the list of axes has an entry %s; %s(x, { 1, 2 }, true) keeps the axes", name, util.quoted(k), name)
      end
    end
    for i, a in ipairs(list) do
      words[i], options[i] = axis_text(name, a), a
    end
    if #words == 0 then fail("%s: the list of axes is empty", name) end
    text = "axes " .. table.concat(words, " ")
  end
  if util.boolean(name, "keepdims", keep, false) then
    text, options.keepdims = text .. (text == "" and "" or " ") .. "keep", true
  end
  return text ~= "" and text or nil, options
end

local instead = { max = "maximum(a, b)", min = "minimum(a, b)", sum = "a + b", prod = "a * b", mean = "(a + b) / 2" }

-- who: whose name is in messages, where that is another.
local function reduce(name, x, axis, keep, who)
  who = who or name
  want(who, 1, x)
  if who ~= name and type(x) == "number" and axis ~= nil then
    fail("%s: a number, %s, has no axis to go along; it wants a tensor or a symbol", who, util.quoted(x))
  end
  if axis ~= nil and (type(x) == "number" or is_symbol(axis) or core.type(axis) == "tensor") then
    if type(x) ~= "number" then
      fail("%s: the second argument is an axis, got %s%s", who, util.a(axis),
        who == name and "; of two it is " .. instead[name] or "")
    end
    fail("%s: the second argument is an axis, and a number, %s, has none; of two numbers it is %s", who, util.quoted(x),
      instead[name])
  end
  local text, options = axes_of(who, axis, keep)
  for _, a in ipairs(core.type(x) == "tensor" and options or {}) do
    if math.abs(a) > #x.shape then
      fail("%s: axis = %s: there is no such axis in a tensor of shape %s", who, a, util.shape_text(x.shape))
    end
  end
  return apply(name, { x }, text, options)
end

for name in ("sum mean max min prod"):gmatch "%S+" do
  functional[name] = function(x, axis, keep) return reduce(name, x, axis, keep) end
end

local f = functional

local function logsumexp(who, x, axis, keep)
  local most = reduce("max", x, axis, true, who)
  local finite = apply("lt", { apply("abs", { most }), math.huge }) -- inf - inf would be nan
  most = f.stop_gradient(f.where(finite, most, 0))
  local sum = f.log(f.sum(f.exp(x - most), axis, true)) + most
  return keep and sum or f.sum(sum, axis)
end
function f.logsumexp(x, axis, keep) return logsumexp("logsumexp", x, axis, keep) end
function f.log_softmax(x, axis) return x - logsumexp("log_softmax", x, axis or -1, true) end
function f.softmax(x, axis)
  local e = f.exp(x - f.stop_gradient(reduce("max", x, axis or -1, true, "softmax")))
  return e / f.sum(e, axis or -1, true)
end
function f.variance(x, axis, keep)
  return f.mean(f.square(x - reduce("mean", x, axis, true, "variance")), axis, keep)
end

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
  if core.type(axes) ~= "table" then
    fail("transpose: wants the new order of all axes, as in transpose(x, { 2, 1 }), got %s", util.a(axes))
  end
  local words = {}
  for i, a in ipairs(axes) do words[i] = axis_text("transpose", a) end
  return apply("transpose", { x }, "dims " .. table.concat(words, " "), axes)
end
function direct.transpose(x, axes)
  if not axes then return methods.transpose(x) end
  local n, seen, whole = #x.shape, {}, #axes == #x.shape
  for _, a in ipairs(axes) do
    if math.abs(a) > n then
      fail("transpose: axis %d is outside 1..%d for a tensor of shape %s", a, n, util.shape_text(x.shape))
    end
    local at = a > 0 and a or n + 1 + a
    whole, seen[at] = whole and not seen[at], true
  end
  if not whole then
    fail("transpose: wants each of the %d axes of shape %s once, as in transpose(x, { 2, 1 }), got { %s }", n,
      util.shape_text(x.shape), table.concat(axes, ", "))
  end
  return methods.permute(x, axes)
end

function f.slice(x, axis, from, to)
  want("slice", 3, x, axis, from)
  from, to = util.whole("slice", "from", from, nil, math.mininteger), util.whole("slice", "to", to, -1, math.mininteger)
  if from == 0 or to == 0 then fail "slice: places count from 1, and from the end with -1" end
  local text = ("dims %s %d %d"):format(axis_text("slice", axis), from > 0 and from - 1 or from, to)
  return apply("slice", { x }, text, axis, from, to)
end
function direct.slice(x, axis, from, to)
  local key, n = {}, #x.shape
  if math.abs(axis) > n then
    fail("slice: axis %d is outside 1..%d for a tensor of shape %s", axis, n, util.shape_text(x.shape))
  end
  axis = axis > 0 and axis or n + 1 + axis
  local size = x.shape[axis]
  local first, last = from > 0 and from or size + 1 + from, to > 0 and to or size + 1 + to
  if not (last == first - 1 and first >= 1 and last <= size) then -- which is empty
    for _, v in ipairs { { "from", from, first }, { "to", to, last } } do
      if v[3] < 1 or v[3] > size then
        fail("slice: %s = %d is outside 1..%d, the size of axis %d of shape %s", v[1], v[2], size, axis,
          util.shape_text(x.shape))
      end
    end
    if last < first then fail("slice: from = %d lies behind to = %d; slice(x, axis, from, to)", from, to) end
  end
  for i = 1, n do key[i] = i == axis and { from, to } or {} end
  return x[key]
end

function f.one_hot(x, depth)
  want("one_hot", 2, x, depth)
  depth = util.whole("one_hot", "depth", depth, nil, 1)
  return apply("one_hot", { x }, "dims " .. depth, depth)
end

-- Constructors of layers have these two names: with symbols and tensors they are these functions.
local shaped = {}
function shaped.reshape(x, shape, ...)
  want("reshape", 2, x, shape)
  if type(shape) == "number" then shape = { shape, ... } end
  return apply("reshape", { x }, numbers_text("reshape", shape), shape)
end
direct.reshape = methods.reshape

-- Of outputs of layers it is the layer, whose axes count from 0.
function shaped.concat(list, axis, layer)
  local tensors, outputs = true, true
  for k, v in pairs(list) do
    if type(k) ~= "number" then
      fail("concat: unknown option %s; the axis is the second argument, as in concat({ a, b }, 1)", util.quoted(k))
    end
    tensors, outputs = tensors and core.type(v) == "tensor", outputs and trace.output(v) ~= nil
  end
  axis = axis == nil and -1 or axis
  local text = axis_text("concat", axis)
  if tensors then return core.tensor_concat("concat", list, axis) end
  if outputs then return layer { axis = tonumber(text) } (table.unpack(list)) end
  local y = list[1]
  for i = 2, #list do y = apply("concat", { y, list[i] }, "dims " .. text) end
  return y
end

-- ---- activations: constructors that with a symbol compute ----

local activations = { tanh = f.tanh, sigmoid = f.sigmoid, relu = f.relu, softplus = f.softplus, softmax = f.softmax }
function activations.linear(x) return x end
function activations.swish(x) return x * f.sigmoid(x) end
function activations.gelu(x) return 0.5 * x * (1 + f.erf(x / math.sqrt(2))) end
function activations.elu(x, alpha) return f.where(apply("gt", { x, 0 }), x, (alpha or 1) * f.expm1(f.minimum(x, 0))) end
function activations.leaky_relu(x, slope) return f.where(apply("gt", { x, 0 }), x, (slope or 0.2) * x) end

-- Is that a list for the function concat, and not one of options or of outputs of layers for the layer?
local function is_parts(list, axis)
  if core.type(list) ~= "table" or getmetatable(list) then return false end
  for _, v in ipairs(list) do
    if core.type(v) == "tensor" or is_symbol(v) and (axis ~= nil or not trace.output(v)) then return true end
  end
  return false
end

-- concat({ 1, 2 }, 1) is neither.
local function check_parts(list)
  if core.type(list) ~= "table" or getmetatable(list) then return end
  for _, v in ipairs(list) do
    if core.type(v) ~= "tensor" and not is_symbol(v) then
      fail("concat: wants a list of tensors or symbols, as in concat({ a, b }, 1), got %s in it%s", util.a(v),
        (type(v) == "number" or core.type(v) == "table") and "; tensor{ 1, 2 } makes a tensor" or "")
    end
  end
end

-- fn where the first argument is something to compute with, else what the name stood for. An activation of a layer's
-- output is the layer of that activation. elu(0.5) is a number, elu{ 0.5 } an activation.
local function either(fn, construct, name, kind)
  local function with(x, ...)
    if fn == shaped.concat then
      if is_parts(x, ...) then return fn(x, (...), construct) end
      check_parts(x)
      return construct(x, ...)
    end
    if x == nil then
      fail("%s: wants a number, a tensor or a symbol; %s{ ... } makes %s", name, name, util.article(kind))
    end
    if kind == "activation" and trace.output(x) and not (fn == functional.softmax and ... ~= nil) then
      return construct { ... }(x)
    end
    if type(x) == "number" and (kind == "activation" or select("#", ...) > 0) then return fn(x, ...) end
    if is_symbol(x) or core.type(x) == "tensor" then return fn(x, ...) end
    return construct(x, ...)
  end
  local function both(...) -- relu() is relu{}
    if select("#", ...) == 0 then return construct {} end
    return with(...)
  end
  trace.operands[both] = 1
  return both
end

-- ---- gradients ----

local function as_tensors(who, args)
  local tensors = {}
  for i, v in ipairs(args) do
    if is_symbol(v) then
      fail("a gradient function was called on a symbol: a gradient cannot be recorded, so there are no second "
        .. "derivatives; call it on numbers and tensors; (g(x + h) - g(x - h)) / (2 * h) of g = grad(f) comes near one")
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
    programs[n] = programs[n] or table.pack(trace.program(trace.record("grad", fn, n, "its arguments"), n))
    local results = { core.expr_run(programs[n][1], tensors, "grad", true, programs[n][3]) }
    for i, t in ipairs(results) do results[i] = plain(t) end
    return table.unpack(results, 2)
  end
end

for name, fn in pairs(functional) do
  if name ~= "grad" then trace.methods[name] = fn end
end
for name in ("sum mean max min prod variance logsumexp log_softmax softmax transpose"):gmatch "%S+" do
  trace.operands[f[name]] = 1
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
      names[name] = either(fn, construct, name, made.kind)
      objects.constructor_of[names[name]], objects.global[name] = made, names[name]
    end
  end
  return names
end

-- t:matmul(symbol) is recorded, as matmul(t, symbol) is.
for name in ("matmul maximum minimum eq ne lt le gt ge"):gmatch "%S+" do
  local fn = methods[name]
  methods[name] = function(t, u, ...)
    if is_symbol(u) then return functional[name](t, u) end
    return fn(t, u, ...)
  end
end

-- tensor.where of symbols is recorded, as where is.
local where = tensor.where
function tensor.where(mask, a, b)
  if is_symbol(mask) or is_symbol(a) or is_symbol(b) then return functional.where(mask, a, b) end
  return where(mask, a, b)
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
