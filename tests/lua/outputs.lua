-- Outputs of layers and gradients with respect to the input, for any input: against predict and differences.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local N = 11
local x, labels = tensor.randn { N, 6, 6, 2, seed = 2 }, {}
for i = 1, N do labels[i] = i % 3 end
local y = tensor(labels)

local function network(last)
  sonde.seed(1)
  return sequential {
    conv2d { 4, 3, padding = "same", activation = "tanh", input_shape = { 6, 6, 2 } },
    batch_norm {}, avg_pool2d { 2 }, dropout { 0.3 }, flatten {},
    last or dense { 3, activation = "softmax", name = "pred" },
  }
end

local function column_sum(t, c)
  local list, sum = t:reshape { -1, t.shape[#t.shape] }:tolist(), 0
  for _, row in ipairs(list) do sum = sum + row[c] end
  return sum
end

-- got against differences of f at some elements.
local function differences(what, got, f, from)
  from = from or x
  check.list(got.shape, from.shape, what)
  local h, most = 2e-2, got:abs():max()
  check.ok(most > 0, "%s: all zero", what)
  for i = 1, N, 3 do
    for k = 1, 3 do
      local at = { i, 2 * k, k + 1, 1 + k % 2 }
      local a, b = from:copy(), from:copy()
      a[at], b[at] = a[at] + h, b[at] - h
      check.near(got[at], (f(a) - f(b)) / (a[at] - b[at]), 2e-3 * most + 1e-6, ("%s, sample %d"):format(what, i))
    end
  end
end

-- ---- a single sample ----

do
  local m = network()
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
  local whole = m:input_gradient(x:rows(1, 2), { class = 1 })
  check.list(m:input_gradient(x[2], { class = 1 }).shape, x[2].shape)
  check.near((m:input_gradient(x[2], { class = 1 }) - whole[2]):abs():max(), 0, 1e-7)
  local of_loss = m:input_gradient(x:rows(2, 2), { y = y:rows(2, 2) })[1]
  for _, target in ipairs { y:rows(2, 2), y:rows(2, 2):tolist()[1] } do
    check.ok(m:input_gradient(x[2], { y = target }):equal(of_loss))
  end
  m = sequential { dense { 3, input_shape = { 4 }, activation = "softmax" } }
  m:compile { loss = "categorical_crossentropy", optimizer = "sgd" }
  local v = tensor { 1, 2, 3, 4 }
  check.ok(m:input_gradient(v, { y = tensor { 0, 1, 0 } }):equal(
    m:input_gradient(tensor { { 1, 2, 3, 4 } }, { y = tensor { { 0, 1, 0 } } })[1]))
end

-- ---- outputs ----

local m = network() -- not compiled
check.ok(m:output("pred", x):equal(m:predict(x)))
check.ok(m:output("pred", x, { batch_size = 4 }):equal(m:predict(x, { batch_size = 4 })))
check.ok(m:output("input", x):equal(x))
local list = m:output({ "conv2d", m.layers.flatten, 2 }, tensors { x = x, y = y })
check.equal(#list, 3)
check.list(list[1].shape, { N, 6, 6, 4 })
check.ok(list[1]:max() < 1 and list[1]:min() > -1, "behind the activation")
check.list(list[2].shape, { N, 36 })
check.ok(list[3]:equal(m:output("batch_norm", x)))
local before = m:get_weights()
local t1, t2 = m:output("dropout", x, { train = true }), m:output("dropout", x, { train = true })
check.ok(t1:equal(t2) and not t1:equal(m:output("dropout", x)))
check.near(m:output("batch_norm", x, { train = true }):mean(), 0, 1e-5) -- of the batch
check.same_weights(m:get_weights(), before)
check.fails(function() m:output("pred") end, "outputs.lua:", "output: wants a dataset")
check.fails(function() m:output("prd", x) end, 'did you mean "pred"?')
check.fails(function() m:output(99, x) end, "there is no layer 99")
check.fails(function() m:output({}, x) end, "the list of layers is empty")
check.fails(function() m:output(nil, x) end, "wants a layer")
check.fails(function() m:output("pred", tensor.zeros { 3, 5, 6, 2 }) end, "output: the model wants (batch, 6, 6, 2)")
check.fails(function() m:output("pred", tensor.zeros { 0, 6, 6, 2 }) end, "needs samples")
check.fails(function() m:output("pred", x, { training = true }) end, "unknown option")
check.fails(function() network():output(m.layers.pred, x) end, "of another model")

-- ---- gradients ----

differences("class", m:input_gradient(x, { class = 1, batch_size = 4 }),
  function(v) return column_sum(m:predict(v), 2) end)
local linear = network(dense { 3, name = "pred" })
linear:set_weights(m:get_weights())
differences("logits", m:input_gradient(x, { class = 2, logits = true }),
  function(v) return column_sum(linear:predict(v), 3) end)
check.ok(linear:input_gradient(x, { class = 2, logits = true }):equal(
  m:input_gradient(x, { class = 2, logits = true })))
differences("unit", m:input_gradient(x, { layer = "conv2d", unit = 2 }),
  function(v) return column_sum(m:output("conv2d", v), 2) end)
local w = tensor.randn { 36, seed = 4 }
differences("weights", m:input_gradient(x, { layer = "flatten", weights = w }), function(v)
  local sum = 0
  for i = 1, N do sum = sum + (m:output("flatten", v)[i] * w):sum() end
  return sum
end)
local each = tensor.randn { N, 36, seed = 5 }
differences("weights of each sample", m:input_gradient(x, { layer = "flatten", weights = each, batch_size = 3 }),
  function(v) return (m:output("flatten", v) * each):sum() end)
check.ok(m:input_gradient(x, { layer = "input", weights = x }):equal(x))

check.fails(function() m:input_gradient(x, { y = y }) end, "not compiled")
m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam {} }
local function loss(v) return m:evaluate(v, y).loss end
differences("loss", m:input_gradient(x, { y = y }), loss)
differences("loss in batches", m:input_gradient(tensors { x = x, y = y }, { batch_size = 3 }), loss)
check.same_weights(m:get_weights(), before)

-- in training mode: with batch_norm, the samples depend on each other
m = sequential { batch_norm { input_shape = { 6, 6, 2 } }, flatten {},
  dense { 3, activation = "softmax", name = "pred" } }
differences("training mode", m:input_gradient(x, { class = 0, train = true }),
  function(v) return column_sum(m:output("pred", v, { train = true }), 1) end)

-- a unit that sees one branch alone, and NaN in the other: exact zeros, and no NaN
local i = input { 6, 6, 2 }
local a = conv2d { 2, 1, name = "a" }(i)
local b = conv2d { 2, 1, name = "b" }(i)
local g = model { inputs = i, outputs = global_avg_pool2d {} (add { a, b }) }
g.layers.b.kernel = tensor.full({ 1, 1, 2, 2 }, 0 / 0)
local got = g:input_gradient(x, { layer = "a", unit = 1 })
check.equal(got:sum(), got:sum())
differences("one branch", got, function(v) return column_sum(g:output("a", v), 1) end)

-- a layer called twice
local tw = dense { 5, activation = "tanh", name = "twice" }
i = input { 5 }
local m2 = model { inputs = i, outputs = tw(tw(i)) }
local z = tensor.randn { 4, 5 }
check.fails(function() m2:output("twice", z) end, "is called 2 times", "m.layers.twice.calls[1]")
check.ok(m2:output(m2.layers.twice.calls[2], z):equal(m2:predict(z)))
check.ok(m2:output(m2.layers.twice.calls[2], z):equal(m2:output(m2.layers.twice.calls[1],
  m2:output(m2.layers.twice.calls[1], z))))

-- one sigmoid unit; class names
m = network(dense { 1, activation = "sigmoid", name = "pred" })
local names = { class_names = { "cat", "dog" }, class = "dog" }
check.ok(m:input_gradient(x, names):equal(m:input_gradient(x, { class = 1 })))
names.class = "cat"
check.ok(m:input_gradient(x, names):equal(-m:input_gradient(x, { class = 1 })))
check.ok(m:input_gradient(x, names):equal(m:input_gradient(x, { class = 0 })))
names.class = "dg"
check.fails(function() m:input_gradient(x, names) end, 'did you mean "dog"?')
check.ok(m:input_gradient(x, { class = 1, logits = true }):norm() > m:input_gradient(x, { class = 1 }):norm())
check.fails(function() m:input_gradient(x, { class = "dog" }) end, "the classes have no names")
check.fails(function() m:input_gradient(x, { class = 2 }) end, "no class 2; classes are numbered from 0 to 1")
check.fails(function() m:input_gradient(x, { class = -1 }) end, "no class -1")
check.fails(function() network(dense { 1 }):input_gradient(x, { class = 1 }) end, "there is but one, 0")
check.fails(function() m:input_gradient(x, { class = 1, class_names = { "a" } }) end, "class_names has 1 names; there are 2 classes")
check.fails(function() m:input_gradient(x, { class = 1, y = y }) end, "y and class")
check.fails(function() m:input_gradient(x, { unit = 1 }) end, "unit goes with layer")
check.fails(function() m:input_gradient(x, { layer = "conv2d" }) end, "either unit = n or weights")
check.fails(function() m:input_gradient(x, { layer = "conv2d", unit = 5 }) end, "layer conv2d has 4")
check.fails(function() m:input_gradient(x, { layer = "conv2d", weights = w }) end, 
  "weights want the layer's shape (6, 6, 4)")
m:compile { loss = "binary_crossentropy", optimizer = adam {} }
check.fails(function() m:input_gradient(x) end, "wants targets")
check.fails(function() m:input_gradient(x, { y = y }) end, "label 2")

-- ---- Grad-CAM's parts ----

local core = require "sonde.core"
m = network()
local nodes, node = core.model_nodes(m), nil
for n, v in ipairs(nodes) do
  if v.ends and require "sonde.layers".info(m).layers[v.layer].name == "conv2d" then node = n end
end
local trainer = core.trainer(m)
local out, grad = core.look_class_gradient(trainer, x, node, 2, true)
check.ok(out:equal(m:output("conv2d", x)))
check.list(grad.shape, { N, 6, 6, 4 })
local tail = sequential { batch_norm { input_shape = { 6, 6, 4 } }, avg_pool2d { 2 }, flatten {}, dense { 3 } }
local ws, tail_ws = m:get_weights(), {}
for k = 3, 8 do tail_ws[k - 2] = ws[k] end
tail:set_weights(tail_ws)
check.near((grad - tail:input_gradient(out, { class = 1 })):abs():max(), 0, 1e-7)
check.fails(function() core.look_class_gradient(trainer, x, node, 4, true) end, "outside 1..3")

-- out of memory: a message, and all works again
core.fail_after(8)
pcall(m.input_gradient, m, x, { class = 0 })
core.fail_after(-1)
check.ok(m:input_gradient(x, { class = 1, logits = true }):norm() > 0)

check.done()
