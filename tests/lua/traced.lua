-- Lua functions that are recorded: losses, penalties, activations, metrics, layers, gradients at the prompt.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

sonde.seed(1)
local x = tensor.randn { 40, 6, seed = 1 }
local rows = {}
for i = 1, 40 do rows[i] = { i % 3 == 0 and 1 or 0, i % 3 == 1 and 1 or 0, i % 3 == 2 and 1 or 0 } end
local y = tensor(rows)

-- ---- numbers, tensors ----

check.near(exp(1), math.exp(1), 1e-15)
check.near(sum(tensor { { 1, 2 }, { 3, 4 } }, -1)[2], 7, 0)
check.near(max(tensor { 3, 9, 2 }), 9, 0)
check.list(where(gt(tensor { 1, -1 }, 0), 5, 6):tolist(), { 5, 6 })
check.list(clip(tensor { -1, 0.5, 2 }, 0, 1):tolist(), { 0, 0.5, 1 })
check.list(slice(tensor { 1, 2, 3, 4 }, 1, 2, -2):tolist(), { 2, 3 })
check.list(gather(tensor { { 1, 2 }, { 3, 4 } }, tensor { 1, 0 }):tolist(), { 2, 3 })
check.near(sum(softmax(tensor { 1, 2, 3 })), 1, 1e-6)
check.near(logsumexp(tensor { 1000, 1000 }), 1000 + math.log(2), 1e-3)

-- every function of numbers: as a tensor of that number, and as a symbol
local two = { maximum = maximum, minimum = minimum, lt = lt, le = le, gt = gt, ge = ge, eq = eq, ne = ne }
for name, fn in pairs { abs = abs, sign = sign, floor = floor, round = round, square = square, sqrt = sqrt, exp = exp,
  expm1 = expm1, log = log, log1p = log1p, sin = sin, cos = cos, erf = erf, tanh = tanh, sigmoid = sigmoid, relu = relu,
  softplus = softplus, swish = swish, gelu = gelu, elu = elu, leaky_relu = leaky_relu, linear = linear, sum = sum,
  mean = mean, max = max, min = min, prod = prod, variance = variance, logsumexp = logsumexp,
  stop_gradient = stop_gradient, clip = function(v) return clip(v, 0, 1) end,
  where = function(v) return where(gt(v, 0), v, 2 * v) end } do
  for _, v in ipairs { 0.5, 2, -0.75 } do
    if v > 0 or name ~= "log" and name ~= "sqrt" then
      local got = fn(v)
      check.ok(type(got) == "number", "%s(%s) is %s", name, v, got)
      local t, of_two = fn(tensor({ v, v }, "float64")), { sum = 2 * v, prod = v * v, logsumexp = v + math.log(2) }
      check.near(type(t) == "number" and t or t[2], of_two[name] or got, 1e-12, name)
      local recorded = sequential { lambda { function(x) return 0 * x + fn(sum(x)) end, input_shape = { 1 } } }
      check.near(recorded:predict(tensor { { v } })[{ 1, 1 }], got, 1e-6 * (1 + math.abs(got)))
    end
  end
end
for name, fn in pairs(two) do
  check.near(fn(2, 3), fn(tensor { 2 }, 3)[1], 0)
  check.near(fn(3, 2.5), fn(tensor { 3 }, tensor { 2.5 })[1], 0)
  check.equal(grad(function(v) return v + stop_gradient(fn(v, 3)) end)(2), 1.0, name)
end
-- a number before a tensor: as with both as tensors
for name, fn in pairs(two) do
  for _, dtype in ipairs { "float32", "float64", "int64", "uint8" } do
    local t, want = tensor({ 1, 2, 3 }, dtype), {}
    for i = 1, 3 do want[i] = fn(2, t[i]) end
    check.list(fn(2, t):tolist(), want, name)
    check.equal(fn(2, t).dtype, fn(t, 2).dtype, name)
  end
end
check.equal(maximum(1.5, tensor({ 1, 2 }, "int64")).dtype, "float32")
check.fails(function() matmul(2, tensor { 1 }) end, "matmul: wants vectors or matrices, got 2", "a * b")
check.fails(function() clip(1, 3, 2) end, "clip: the lower limit, 3, is above the upper one, 2; clip(x, 2, 3)")
check.fails(function() softmax(tensor { 1 }, tensor { 1 }) end, "softmax: the second argument is an axis", "got a tensor")
check.fails(function() sum(tensor { 1 }, { 1, keepdims = true }) end, 'sum: the list of axes has an entry "keepdims"')
-- places and whole numbers that float32 would round
check.equal(gather(tensor({ 16777217, 5 }, "int64"), 0), 16777217)
check.equal(gather(tensor({ 16777217, 5 }, "int64"), tensor { 1, 0 }).dtype, "int64")
check.equal(gather(tensor.arange(0, 16777300, 1, "int32"), tensor({ 16777217 }, "int64"))[1], 16777217)
check.fails(function() gather(tensor({ 1, 2 }, "uint8"), 2) end, "gather: index = 2 is outside 0..1; places along x's last")
check.fails(function() gather(tensor.zeros { 2, 0 }, tensor { 0, 0 }) end, "gather: x's last axis is empty")
check.fails(function() gather(tensor { { 1, 2 }, { 3, 4 } }, tensor { 0, -1 }) end, "gather: index[2] = -1 is outside 0..1")
check.fails(function() one_hot(tensor { { 0, 2 }, { 3, 1 } }, 3) end, "one_hot: x[2, 1] = 3 is outside 0..2; class numbers")
check.fails(function() one_hot(tensor({ 0, 1.5 }, "float64"), 3) end, "one_hot: x[2] = 1.5 is no whole number within 0..2")
check.fails(function() one_hot(tensor { 0 / 0 }, 3) end, "one_hot: x[1] = nan is no whole number within 0..2")
check.fails(function() one_hot(-1, 3) end, "one_hot: x = -1 is outside 0..2")
check.list(one_hot(tensor({ 2, 0 }, "int64"), 3):flatten():tolist(), { 0, 0, 1, 1, 0, 0 })
check.list(one_hot(tensor.zeros { 0 }, 3).shape, { 0, 3 })
do -- in a loss: the targets as they come are looked at before the step; what a where leaves out may be anything
  local labels = tensor.zeros { 8 }
  labels[6] = 3
  local net = sequential { dense { 3, activation = "softmax", input_shape = { 6 } } }
  for what, loss in pairs {
    one_hot = function(t, p) return -sum(log_softmax(p) * reshape(one_hot(t, 3), { -1, 3 }), -1) end,
    gather = function(t, p) return -mean(log(gather(p, t))) end,
  } do
    net:compile { loss = loss, optimizer = "sgd" }
    local way = "loss: label 3 (sample 2 of the batch) is outside 0..2; its one_hot or gather has 3 places"
    check.fails(function() net:fit(x[{ { 1, 8 } }], labels, { batch_size = 4, shuffle = false, verbose = 0 }) end, way)
    check.fails(function() net:evaluate(x[{ { 1, 8 } }], labels, { batch_size = 4 }) end, way)
    labels[6] = -1
    check.fails(function() net:train_on_batch(x[{ { 1, 8 } }], labels) end, "loss: label -1 (sample 6 of the batch)")
    labels[6] = 3
    check.ok(not net:get_weights()[1]:isnan():any(), "weights of %s", what)
  end
  net:compile { loss = function(t, p) return -sum(where(lt(t, 3), log(gather(p, t)), 0), -1) end, optimizer = "sgd" }
  check.ok(net:train_on_batch(x[{ { 1, 8 } }], labels) > 0)
  check.ok(not net:get_weights()[1]:isnan():any())
end
-- elu(0.5) is a number, elu{ 0.5 } an activation
check.near(elu(-1, 0.5), 0.5 * (math.exp(-1) - 1), 1e-15)
check.near(leaky_relu(-1, 0.5), -0.5, 0)
check.equal(tostring(elu { 0.5 }), "elu{alpha=0.5}")
check.equal(dense { 3, activation = leaky_relu { 0.1 } }.activation.type, "leaky_relu")
check.fails(function() dense { 3, activation = leaky_relu(0.1) } end, "elu{ 0.5 } in braces is an activation")
check.fails(function() relu(nil) end, "relu: wants a number, a tensor or a symbol; relu{ ... } makes an activation")

-- types stay as the methods of tensors keep them
do
  local whole = tensor({ { 1, -2, 3 }, { 4, 5, -6 } }, "int64")
  for name, v in pairs { abs = abs(whole), sign = sign(whole), relu = relu(whole), square = square(whole),
    sum = sum(whole, 1), max = max(whole, -1), prod = prod(whole, { 1 }), clip = clip(whole, 0, 2),
    where = where(gt(whole, 0), whole, 0), maximum = maximum(whole, 2), reshape = reshape(whole, { 3, 2 }),
    transpose = transpose(whole), slice = slice(whole, 2, 2, 3), concat = concat({ whole, whole }, 1),
    matmul = matmul(whole, transpose(whole)), stop_gradient = stop_gradient(whole) } do
    check.equal(v.dtype, "int64", name)
  end
  check.equal(math.type(sum(whole)), "integer")
  check.equal(math.type(abs(-3)), "integer")
  check.equal(exp(tensor({ 1 }, "float64")).dtype, "float64")
  check.equal(gt(whole, 0).dtype, "uint8")
  check.list(whole[gt(whole, 3)]:tolist(), { 4, 5 })
  check.list(concat({ whole, whole }, 1).shape, { 4, 3 })
  check.list(concat({ whole, whole }, -1).shape, { 2, 6 })
  check.list(slice(whole, -1, 2, -1):flatten():tolist(), { -2, 3, 5, -6 })
  check.list(transpose(whole, { 2, 1 }).shape, { 3, 2 })
  check.list(sum(whole, 2, true).shape, { 2, 1 })
end
do -- concat of outputs of layers along an axis that counts from 1; with tensors and symbols in one
  local h = input { 2, 3 }
  check.list(model { inputs = h, outputs = concat({ h, h }, 2) }.output_shape, { 4, 3 })
  check.list(model { inputs = h, outputs = concat { h, h } }.output_shape, { 2, 6 })
  check.list(grad(function(v) return sum(concat({ tensor { 5 }, v }, 1) ^ 2) end)(tensor { 1, 2 }):tolist(), { 2, 4 })
  check.list(grad(function(v) return sum(tensor { { 1, 2 } }:matmul(v)) end)(tensor { { 1 }, { 1 } }):flatten():tolist(),
    { 1, 2 })
  check.fails(function() concat { tensor { 1 }, axis = 1 } end, "the axis is the second argument")
end
check.fails(function() max(1, 2) end, "max: the second argument is an axis", "maximum(a, b)")
check.fails(function() sum(tensor { 1 }, tensor { 1 }) end, "sum: the second argument is an axis, got a tensor", "a + b")
check.fails(function() softmax(2) end, "softmax: a number, 2, has no axis")
check.fails(function() softmax(tensor { 1 }, 3) end, "softmax: axis = 3: there is no such axis")
check.fails(function() exp { 1, 2 } end, "exp: wants numbers, tensors or symbols, got a table; tensor{ 1, 2 }")
-- messages name what was typed, and not what it is made of
check.fails(function() transpose(tensor { { 1, 2 } }, { 1, 3 }) end, "transpose: axis 3 is outside 1..2 for a tensor of shape (1")
for _, axes in ipairs { { 1 }, { 1, 1 }, { 2, -1 }, { 1, 2, 1 } } do
  check.fails(function() transpose(tensor { { 1, 2 } }, axes) end, "transpose: wants each of the 2 axes of shape (1, 2) once")
end
check.list(transpose(tensor { { 1, 2 } }, { -1, 1 }).shape, { 2, 1 })
check.fails(function() slice(tensor { 1, 2 }, 1, 5, 9) end, "slice: from = 5 is outside 1..2, the size of axis 1 of shape (2,)")
check.fails(function() slice(tensor { 1, 2 }, 1, 1, -4) end, "slice: to = -4 is outside 1..2")
check.fails(function() slice(tensor { 1, 2, 3 }, 1, 3, 1) end, "slice: from = 3 lies behind to = 1")
check.list(slice(tensor { 1, 2 }, 1, 3, 2).shape, { 0 })
-- functions of ours with options behind their operand, as they are
do
  local v = tensor { { 1, 2, 4 }, { 0, -1, 3 } }
  for _, fn in ipairs { log_softmax, softmax } do
    for _, layer in ipairs { lambda(fn), lambda { fn, name = "l" } } do
      local h = input { 3 }
      check.list(model { inputs = h, outputs = layer(h) }:predict(v):flatten():tolist(), fn(v):flatten():tolist())
    end
    check.ok(sequential { dense { 2, activation = fn, input_shape = { 3 } } })
  end
  for _, fn in ipairs { sum, mean, max, min, prod, variance, logsumexp, maximum } do -- and of two
    check.equal(lambda(fn).program:match "^inputs (%d)", fn == maximum and "2" or "1")
  end
end
check.fails(function() slice(tensor { 1, 2 }, 2, 1) end, "slice: axis 2 is outside 1..1")

-- ---- gradients ----

local g = grad(function(a, b) return sum(a * b) + mean(square(a)) end)
local da, db = g(tensor { 1, 2 }, tensor { 3, 4 })
check.list(da:tolist(), { 4, 6 })
check.list(db:tolist(), { 1, 2 })
check.near(grad(function(v) return exp(2 * v) end)(0.5), 2 * math.exp(1), 1e-12)

-- every function against differences in float64
local one = {
  abs = abs, exp = exp, expm1 = expm1, log = log, log1p = log1p, sqrt = sqrt, square = square, sin = sin, cos = cos,
  tanh = tanh, sigmoid = sigmoid, relu = relu, softplus = softplus, erf = erf, softmax = softmax, swish = swish,
  gelu = gelu, elu = elu, leaky_relu = leaky_relu, log_softmax = log_softmax, logsumexp = logsumexp,
  variance = variance, prod = prod, max = max, min = min, mean = mean, sum = sum,
}
local at = { 0.3, 1.7, 0.9, 2.2 }
local weights = tensor({ 0.7, -1.1, 0.4, 2 }, "float64")
for name, fn in pairs(one) do
  local function f(v) return sum(fn(v) * weights) end
  local got = grad(f)(tensor(at, "float64"))
  for i = 1, #at do
    local h, v = 1e-6, {}
    for side = -1, 1, 2 do
      local moved = table.move(at, 1, #at, 1, {})
      moved[i] = moved[i] + side * h
      v[side] = f(tensor(moved, "float64"))
    end
    check.near(got[i], (v[1] - v[-1]) / (2 * h), 1e-6)
  end
end

-- ---- what is recorded is what is built in ----

local function net(options)
  sonde.seed(3)
  return sequential {
    dense { 8, activation = options.activation or "swish", input_shape = { 6 }, kernel_regularizer = options.penalty
      or l1(1e-3) },
    dense { 3, activation = "softmax" },
  }
end

local function weights_after(options)
  local m = net(options)
  m:compile { loss = options.loss or "categorical_crossentropy", optimizer = adam { 1e-2 }, metrics = { "accuracy" } }
  local r = m:fit(x, y, { epochs = 4, batch_size = 7, shuffle = false, verbose = 0 })
  return m:get_weights(), r:history().loss
end

local plain, plain_loss = weights_after {}
for what, options in pairs {
  loss = { loss = function(t, p) return -mean(sum(t * log(clip(p, 1e-7, 1)), -1)) end },
  loss_by_sample = { loss = function(t, p) return -sum(t * log(clip(p, 1e-7, 1)), -1) end },
  activation = { activation = function(v) return v * sigmoid(v) end },
  penalty = { penalty = function(w) return 1e-3 * sum(abs(w)) end },
} do
  local got, loss = weights_after(options)
  for i, w in ipairs(got) do check.ok((w - plain[i]):abs():max() < 1e-4, "%s: weights %d differ", what, i) end
  check.near(loss[4], plain_loss[4], 1e-4)
end

-- a loss has a value for each sample; metrics without a name are called after their place
local m = net {}
m:compile { loss = function(t, p) return mean(square(t - p)) * 3 end, optimizer = "sgd",
  metrics = { function(t, p) return max(abs(t - p), -1) end } }
local got = m:evaluate(x, y)
local p = m:predict(x)
check.near(got.loss - m:evaluate(x, y).penalty, ((y - p):pow(2):mean()) * 3, 1e-6)
check.near(got.metric_1, (max(abs(y - p), -1)):mean(), 1e-6)

-- a metric of one number is given the batch; batches count as often as they have samples. ?compile says so
do
  local bx, by = tensor.randn { 70, 3, seed = 1 }, tensor.rand({ 70, 1, seed = 2 }):gt(0.5):astype "float32"
  local n = sequential { dense { 1, activation = "sigmoid", input_shape = { 3 } } }
  local function f1(t, q)
    q = ge(q, 0.5)
    return 2 * sum(t * q) / maximum(sum(t) + sum(q), 1)
  end
  n:compile { loss = "binary_crossentropy", optimizer = sgd { 0 }, metrics = { "mse", f1 = f1,
    each = function(t, q) return square(t - q) end, all = function(t, q) return mean(square(t - q)) end } }
  local out = n:predict(bx)
  local function of(from, to)
    local hit, want = out:rows(from, to):ge(0.5):astype "float32", by:rows(from, to)
    return 2 * (hit * want):sum() / (hit:sum() + want:sum())
  end
  local e = n:evaluate(bx, by, { batch_size = 32 })
  check.near(e.f1, (of(1, 32) * 32 + of(33, 64) * 32 + of(65, 70) * 6) / 70, 1e-6)
  check.near(n:evaluate(bx, by, { batch_size = 70 }).f1, of(1, 70), 1e-6)
  check.near(e.each, e.mse, 1e-6)
  check.near(e.all, e.mse, 1e-6)
  check.near(n:fit(bx, by, { batch_size = 70, verbose = 0 }):history().f1[1], of(1, 70), 1e-6)
  check.near(n:fit(bx, by, { validation_data = { bx, by }, batch_size = 70, verbose = 0 }):history().val_f1[1],
    of(1, 70), 1e-6)
  n:compile { loss = "mse", optimizer = "sgd", metrics = { f1 = function(t, q) return mean(t - q, 1) end } }
  check.fails(function() n:evaluate(bx, by) end, "metric: its function at ", " gives shape (1,); it must give one number")
end

-- saved as data, read back
local path = check.folder() .. "/traced.sonde"
m:save(path)
local again = load_model(path)
check.equal(tostring(again.loss), tostring(m.loss))
check.near(again:evaluate(x, y).loss, got.loss, 0)

-- focal loss (Lin et al. 2017), written at the prompt
local function focal(t, q)
  local pt = clip(sum(t * q, -1), 1e-7, 1)
  return -((1 - pt) ^ 2) * log(pt)
end
m:compile { loss = focal, optimizer = "sgd" }
local want = 0
for i = 1, 40 do
  local pt = 0
  for c = 1, 3 do pt = pt + y[{ i, c }] * p[{ i, c }] end
  want = want - (1 - pt) ^ 2 * math.log(pt) / 40
end
check.near(m:evaluate(x, y).loss - m:evaluate(x, y).penalty, want, 1e-6)

-- ---- layers ----

local a = input { 6 }
local h = dense { 6 }(a)
local res = model { inputs = a, outputs = dense { 3 }(relu(a + h * 0.5)) }
local w = res:get_weights()
local hidden = x:copy()
for i = 1, 40 do
  for j = 1, 6 do
    local v = w[2][j]
    for k = 1, 6 do v = v + x[{ i, k }] * w[1][{ k, j }] end
    hidden[{ i, j }] = math.max(0, x[{ i, j }] + 0.5 * v)
  end
end
local out = res:predict(x)
for i = 1, 40, 7 do
  local v = w[4][1]
  for k = 1, 6 do v = v + hidden[{ i, k }] * w[3][{ k, 1 }] end
  check.near(out[{ i, 1 }], v, 1e-4)
end
local soft = sequential { lambda { function(v) return v / (1 + abs(v)) end, input_shape = { 6 } } }
check.near(soft:predict(x)[{ 2, 3 }], x[{ 2, 3 }] / (1 + math.abs(x[{ 2, 3 }])), 1e-6)
local attention = sequential { lambda { function(v)
  return matmul(softmax(matmul(v, transpose(v, { 1, 3, 2 }))), v)
end, input_shape = { 5, 4 } } }
check.list(attention.output_shape, { 5, 4 })

-- ---- what goes wrong ----

check.fails(function() grad(function(v) if v > 0 then return v end end)(1) end, "where(gt(a, b), x, y)")
check.fails(function() grad(function(v) return v * 2 end)(tensor { 1, 2 }) end, "must give one number",
  "gives shape (2,)", "return sum(...) or mean(...) of it")
check.fails(function() grad(function(v) return v end)(tensor { 1, 2 }) end, "grad: the function must give one number",
  "gives shape (2,)")
check.near(grad(function(v) return v end)(3), 1, 0)
check.list(sequential { lambda { function(v) return v end, input_shape = { 2 } } }:predict(tensor { { 1, -0.5 } })[1]
  :tolist(), { 1, -0.5 })
do -- the penalty of a function, in the table of loss terms
  local net = sequential { dense { 3, input_shape = { 6 }, kernel_regularizer = function(w) return 1e-3 * sum(w ^ 2) end } }
  net:compile { loss = "mse", optimizer = "sgd" }
  local r = net:run(tensors { x = x, y = y }, { epochs = 1, verbose = 0 })
  r:finish()
  check.has(tostring(r:loss_terms()), "dense (kernel function) ")
end
check.fails(function() m:compile { loss = function() end, optimizer = "sgd" } end, "compile: loss: the function at ",
  "gave nil")
for _, blind in ipairs { function(t, p) return t end, function(p) return mean(p) end, function() return 5 end } do
  check.fails(function() m:compile { loss = blind, optimizer = "sgd" } end, "compile: loss: ", "traced.lua:",
    "does not depend on p, the predictions")
end
check.fails(function() dense { 3, kernel_regularizer = function(w) return 1 end } end, "does not depend on w, the weights")
m:compile { loss = "mse", optimizer = "sgd", metrics = { function(t, p) return mean(t) end } }
check.fails(function() m:compile { loss = function(t) return t.nothing.here end, optimizer = "sgd" } end, "nothing")
check.fails(function() m:compile { loss = function(t) return #t end, optimizer = "sgd" } end, "has no length")
check.fails(function() m:compile { loss = function(t) return t[1] end, optimizer = "sgd" } end, "slice(x, axis, from, to)")
check.fails(function() m:compile { loss = function(t) return t.shape[1] end, optimizer = "sgd" } end, "serves every shape")
check.fails(function()
  m:compile { loss = function(t, q) return matmul(t, q) end, optimizer = "sgd" }
  m:fit(x, y, { verbose = 0 })
end, "loss: matmul of (batch, 3) and (batch, 3)", "inner sizes") -- both are (samples, 3)
do -- shapes are known when it runs, and the line of the function that does not fit them is named
  local here = debug.getinfo(1, "l").currentline
  m:compile { loss = function(t, q)
    local d = t - q
    local twice = d * 2
    return mean(matmul(d, tensor { { 1, 2 }, { 3, 4 } }) + mean(twice))
  end, optimizer = "sgd", metrics = { "mae" } }
  check.fails(function() m:fit(x, y, { verbose = 0 }) end,
    ("loss: matmul of (batch, 3) and (2, 2) at %s:%d: the inner"):format(debug.getinfo(1, "S").short_src, here + 4))
  m:compile { loss = function(t, q)
    local d = t - q
    return mean(d, 1) -- a tail call: its line is gone, and the function's stands for it
  end, optimizer = "sgd" }
  check.fails(function() m:fit(x, y, { verbose = 0 }) end, ("loss: its function at %s:%d gives shape (3,)"):format(
    debug.getinfo(1, "S").short_src, here + 8))
  check.fails(function()
    return grad(function(v) -- also where it is compiled away: computed twice, written once
      return sum(v * 2) + sum(v * 2) +
        sum(matmul(v, tensor { 1, 2 }))
    end)(tensor { 1, 2, 3 })
  end, ("traced.lua:%d: wants matrices"):format(here + 17))
  -- a line is no part of the program: the same one written elsewhere is the same
  local one = function(t, q) return mean((t - q) ^ 2) end
  local two = function(t, q)
    return mean((t - q) ^ 2)
  end
  local text = {}
  for i, fn in ipairs { one, two } do
    m:compile { loss = fn, optimizer = "sgd" }
    text[i] = require("sonde.core").object_text(m.loss)
  end
  check.equal(text[1], text[2])
end
check.fails(function() local _ = lambda(function() return 1 end) end, "takes no argument")
check.fails(function()
  sequential { lambda { function(v) return sum(v, 1) end, input_shape = { 3 } } }
end, "lambda: its function gives shape (3,)")
check.fails(function() sequential { dense { 3, input_shape = { 2 }, activation = function(v) return sum(v, -1) end } } end,
  "activation: its function gives shape (3,)")
check.fails(function() local _ = dense { 3, kernel_regularizer = function(v) return abs(v) end } end, "regularizer: its function",
  "1e-4 * sum(abs(w))")
check.fails(function() lambda(function(v) return dense { 3 }(v) end) end, "cannot call layers")
check.fails(function() clip(tensor { 1 }, "a", 2) end, "its limits are numbers")
check.fails(function() sum(tensor { 1 }, 0) end, "axis = 0 is no axis")
check.fails(function() sum(tensor { 1, 2 }, 2) end, "there is no such axis")
check.fails(function() exp "a" end, "exp: wants numbers, tensors or symbols")
check.fails(function() add(1, 2) end, "add")

-- ---- symbols where numbers are wanted, and where they are no more ----

do
  local t, kept = tensor { 1, 2 }, nil
  check.list(grad(function(v) kept = v; return sum(v) end)(t):tolist(), { 1, 1 })
  check.equal(tostring(kept), "symbol of a recording that is over, which has no numbers")
  for _, use in ipairs {
    function() return kept + 1 end, function() return t * kept end, function() return exp(kept) end,
    function() return t:matmul(kept) end,
    function() return kept:sum() end, function() return grad(function(v) return v * kept end)(1) end,
    function() return grad(function() return kept end)(1) end, function() return kept % 2 end,
    function() return dense { 2 }(kept) end, function() return model { inputs = input { 2 }, outputs = kept } end,
  } do
    check.fails(use, "from a recording that is over, that of grad", "give a recorded function what it needs as argument")
  end
  local path = check.folder() .. "/symbol.npy"
  for _, symbol in ipairs { "kept", "new", "output" } do
    local function each(v, what)
      local net = sequential { dense { 1, input_shape = { 2 } } }
      net:compile { loss = "mse", optimizer = "sgd" }
      for i, use in ipairs {
        function() return tensor(v) end, function() return tensor { v } end, function() return tensor { { 1 }, v } end,
        function() return t:dot(v) end, function() return t[v] end,
        function() return t:index(1, v) end, function() return t:masked(v) end, function() t[1] = v end,
        function() return t:equal(v) end, function() return t:reshape(v) end, function() return tensor.zeros(v) end,
        function() return tensor.full(v, 1) end, function() return tensor.concat { v, v } end,
        function() return tensor.stack { v } end,
        function() npy.save(path, v) end, function() return net:predict(v) end, function() return tensors { x = v } end,
        function() return net:train_on_batch(v, v) end, function() return net:set_weights { v, v } end,
        function() return picture(v) end, function() return plot.histogram(v) end, function() return t:sum(v) end,
        function() return tensor.arange(v) end, function() return one_hot(t, v) end,
        function() return constant { v } end, function() return dense { 2, name = v } end,
      } do
        local ok, message = pcall(use)
        check.ok(not ok and message:find "symbol", "use %d of %s: %s", i, what, message)
      end
      for event, use in pairs {
        length = function() return #v end, pairs = function() for _ in pairs(v) do return end end,
        ipairs = function() for _ in ipairs(v) do return end end, joined = function() return v .. "a" end,
        called = function() return v() end, set = function() v[1] = 2 end, tolist = function() return v:tolist() end,
        shape = function() return v.shape end, item = function() return v[{ 1, 2 }] end,
        typo = function() return v.summ end,
        less = function() return v < 1 end, more = function() return t > v end, same = function() return t == v end,
      } do
        local ok, message = pcall(use)
        check.ok(not ok and message:find "symbol", "%s of %s: %s", event, what, message)
      end
    end
    if symbol == "kept" then each(kept, symbol)
    elseif symbol == "output" then each(dense { 2 }(input { 2 }), symbol)
    else lambda(function(v) each(v, symbol) return v end)
    end
  end
end
-- of one function within another
check.fails(function() grad(function(v) return sum(grad(function(u) return sum(u ^ 3) end)(v)) end)(tensor { 1, 2 }) end,
  "a gradient cannot be recorded, so there are no second derivatives")
check.fails(function() grad(function(v) return grad(function(u) return u * v end)(2) end)(3) end,
  "belongs to the recording of grad", "as an argument")
check.near(grad(function(v) return v * grad(function(u) return u ^ 2 end)(2) end)(3), 4, 0)
check.near(grad(function(v)
  pcall(function() grad(function(u) return u.nothing end)(1) end)
  return v ^ 2
end)(3), 6, 1e-12)
do -- a recording cannot wait in a coroutine, and one that tried is over
  local function waits(v) coroutine.yield(v) return v end
  for _, record in ipairs { function() grad(waits)(1) end, function() lambda(waits) end,
    function() m:compile { loss = function(t, q) coroutine.yield() return mean(t - q) end, optimizer = "sgd" } end } do
    local co = coroutine.create(record)
    local ok, message = coroutine.resume(co)
    check.ok(not ok and coroutine.status(co) == "dead")
    check.has(message, "it yields (coroutine.yield), and must come to its end at once")
    check.fails(record, "it yields (coroutine.yield)") -- outside of any coroutine too
  end
  -- one within it may
  local parts = grad(function(v)
    local each = coroutine.wrap(function() for k = 1, 3 do coroutine.yield(v * k) end end)
    return each() + each() + each()
  end)
  check.equal(parts(2), 6.0)
  check.equal(coroutine.wrap(function() coroutine.yield(grad(function(v) return v * v end)(3)) end)(), 6.0)
  local x = input { 2 }
  check.list(model { inputs = x, outputs = dense { 3 }(x + 1) }.output_shape, { 3 })
end
check.done()
