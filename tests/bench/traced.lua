-- Recorded functions beside the built-in ones: build/sonde tests/bench/traced.lua. Ratios, best of several.
local core = require "sonde.core"
local function best(fn, times)
  local least = math.huge
  for _ = 1, 7 do
    local t = sonde.clock()
    for _ = 1, times do fn() end
    least = math.min(least, (sonde.clock() - t) / times)
  end
  return least
end

local n, c = 1024, 10
sonde.seed(1)
local x, y = tensor.randn { n, c, seed = 1 }, tensor.zeros { n, c }
for i = 1, n do y[{ i, i % c + 1 }] = 1 end
-- a network that does nothing but the function in question
local function loss_time(loss)
  local m = sequential { activation { "softmax", input_shape = { c } } }
  m:compile { loss = loss, optimizer = "sgd" }
  return best(function() m:train_on_batch(x, y) end, 50)
end
local nothing = loss_time "mse"
local function row(name, builtin, traced)
  print(("%-24s %8.1f us  %8.1f us  %5.2f"):format(name, builtin * 1e6, traced * 1e6, traced / builtin))
end
print(("isa %s, %s, %d threads"):format(sonde.isa, sonde.corename, sonde.threads))
print(("%-24s %11s  %11s  %5s"):format("", "built in", "recorded", "ratio"))
row("cross-entropy, step", loss_time "categorical_crossentropy",
  loss_time(function(t, p) return -mean(sum(t * log(clip(p, 1e-7, 1)), -1)) end))
row("focal, beside it, step", loss_time "categorical_crossentropy",
  loss_time(function(t, p) return -mean(sum(square(1 - p) * t * log(clip(p, 1e-7, 1)), -1)) end))
row("mse, step", nothing, loss_time(function(t, p) return mean((t - p)^2) end))

local big = tensor.randn { 64, 64, 64, 16, seed = 2 }
local target = tensor.zeros { 64, 64, 64, 16 }
local function activation_time(a)
  local m = sequential { activation { a, input_shape = { 64, 64, 16 } } }
  m:compile { loss = "mse", optimizer = "sgd" }
  return best(function() m:predict(big, { batch_size = 64 }) end, 3)
end
row("swish, forward", activation_time "swish", activation_time(function(v) return v * sigmoid(v) end))

local function penalty_time(p)
  local m = sequential { dense { 2000, input_shape = { 2000 }, kernel_regularizer = p } }
  m:compile { loss = "mse", optimizer = "sgd" }
  local a, b = tensor.randn { 1, 2000, seed = 3 }, tensor.zeros { 1, 2000 }
  return best(function() m:train_on_batch(a, b) end, 3)
end
row("l1 of 4 M weights, step", penalty_time(l1(1e-4)), penalty_time(function(w) return 1e-4 * sum(abs(w)) end))

local function residual_time(joined)
  local inp = input { 32, 32, 16 }
  local h = conv2d { 16, 3, padding = "same", activation = "relu" } (inp)
  local m = model { inputs = inp, outputs = joined(conv2d { 16, 3, padding = "same" } (h), inp) }
  m:compile { loss = "mse", optimizer = "sgd" }
  local a, b = tensor.randn { 16, 32, 32, 16, seed = 4 }, tensor.zeros { 16, 32, 32, 16 }
  return best(function() m:train_on_batch(a, b) end, 3)
end
row("residual block, step", residual_time(function(h, v) return activation "relu" (add { h, v }) end),
  residual_time(function(h, v) return lambda(function(p, q) return relu(p + q) end)({ h, v }) end))
