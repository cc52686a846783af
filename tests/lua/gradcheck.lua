-- m:gradcheck: right gradients pass, wrong ones are found, corners are neither.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, rows = tensor.randn { 6, 8, 8, 2, seed = 1 }, {}
for i = 1, 6 do rows[i] = i % 3 end

local function swish_of(v) return v * sigmoid(v) end
local function focal(t, p)
  return -mean(sum(square(1 - p) * log(clip(p, 1e-7, 1)) * reshape(one_hot(t, 3), { -1, 3 }), -1))
end
local function lasso(w) return 1e-2 * sum(abs(w)) end

local function compiled(m, loss)
  m:compile { loss = loss or "sparse_categorical_crossentropy", optimizer = "sgd" }
  return m
end

-- Every traced piece, and what is built in.
local function network(act, penalty)
  sonde.seed(4)
  return sequential {
    conv2d { 3, 3, input_shape = { 8, 8, 2 }, kernel_regularizer = penalty, activity_regularizer = penalty },
    batch_norm {}, activation(act), max_pool2d { 2 }, dropout { 0.2 }, flatten {},
    dense { 3, activation = "softmax" },
  }
end
for _, case in ipairs { { "built in", "swish", l1(1e-2) }, { "traced", swish_of, lasso, focal },
  { "gelu", "gelu", l2(1e-2) } } do
  local m = compiled(network(case[2], case[3]), case[4])
  local before = m:get_weights()
  local t = m:gradcheck(x, rows)
  check.ok(t.ok and #t == 6, "%s:\n%s", case[1], t)
  for _, p in ipairs(t) do check.ok(p.checked > 0 and p.wrong == 0 and p.error < 1e-5, "%s %s", case[1], p.name) end
  check.has(tostring(t), "the gradients are right")
  check.same_weights(m:get_weights(), before)
  check.equal(t["conv2d/kernel"].checked, 20)
  check.equal(m:gradcheck(x, rows, { elements = 1000 })["conv2d/kernel"].checked, 54)
end

-- A residual block of one's own.
do
  sonde.seed(5)
  local inp = input { 8, 8, 2 }
  local h = conv2d { 2, 3, padding = "same", activation = "relu" } (inp)
  h = conv2d { 2, 3, padding = "same" } (h)
  h = lambda(function(a, b) return swish(a + b) end)({ h, inp })
  local m = model { inputs = inp, outputs = dense { 3, activation = "softmax" } (flatten {} (h)) }
  check.ok(compiled(m, focal):gradcheck(x, rows).ok)
end

-- A gradient that is none: stop_gradient hides the half of a loss, of an activation, of a penalty.
local function hidden(v) return v * stop_gradient(sigmoid(v)) end
for what, m in pairs {
  loss = compiled(network "tanh", function(t, p) return focal(t, p) + 0.1 * mean(p * stop_gradient(p)) end),
  activation = compiled(network(hidden)),
  penalty = compiled(network("tanh", function(w) return sum(w * stop_gradient(w)) end)),
} do
  local t = m:gradcheck(x, rows)
  check.ok(not t.ok and t["conv2d/kernel"].wrong > 0, "%s:\n%s", what, t)
  check.has(tostring(t), "WRONG")
end

-- Corners: relu at 0 exactly, abs at 0.
do
  local m = compiled(sequential { dense { 4, activation = "relu", kernel_initializer = "zeros", input_shape = { 2 } },
    dense { 1 } }, "mse")
  local t = m:gradcheck({ { 1, 2 }, { 3, 1 } }, { 1, 2 })
  check.ok(t.ok and t["dense/kernel"].kinks == 8 and t["dense/kernel"].wrong == 0, "%s", t)
  check.has(tostring(t), "not judged")
  check.ok(not tostring(t):find "no gradient was judged", "the last bias is")
  m:freeze { except = "dense" }
  m.layers.dense.bias = tensor.zeros { 4 }
  m.layers.dense.trainable = true
  t = m:gradcheck({ { 1, 2 }, { 3, 1 } }, { 1, 2 })
  check.has(tostring(t), "no gradient was judged")
  m:freeze()
  check.fails(function() m:gradcheck({ { 1, 2 } }, { 1 }) end, "no weights that learn", "m:unfreeze()")
end

-- Frozen parameters are left out; wrong arguments say so.
do
  local m = compiled(network "tanh")
  m:freeze "conv2d"
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
  check.equal(m:gradcheck(x, rows)["conv2d/kernel"], nil)
  check.fails(function() m:gradcheck(x, rows, { elements = 0 }) end, "elements")
  check.fails(function() m:gradcheck(x, rows, { tolerance = -1 }) end, "tolerance = -1")
  check.fails(function() m:gradcheck(x, { 1, 2 }) end, "gradcheck: x has 6 samples, y has 2")
  check.fails(function() network "tanh":gradcheck(x, rows) end, "not compiled")
end
-- A loss that is no number, and a tolerance that is none.
do
  local m = sequential { dense { 1, input_shape = { 2 } } }
  m:compile { loss = "mse", optimizer = "sgd" }
  local x, y = tensor { { 1, 0 / 0 } }, tensor { { 1 } }
  check.fails(function() m:gradcheck(x, y) end, "gradcheck: the loss is nan;")
  check.fails(function() m:gradcheck(tensor { { 1, 2 } }, y, { elements = 0 / 0 }) end, "elements = nan ")
end
check.done()
