-- Eigenvalues, principal components and the range test against NumPy and PyTorch (tests/golden/make_valley.py).
local U = dofile((arg[0]:match "^(.*/)" or "") .. "golden_util.lua")
local data = U.load "valley"

local function near(what, got, name, tol) U.close(what, { got }, U.flat(data[name]), tol) end

-- a linear model: exactly known
local function linear(regularizer)
  local m = sequential { dense { 1, input_shape = { 5 }, kernel_regularizer = regularizer } }
  m:compile { loss = "mse", optimizer = sgd { 0.01 } }
  return m
end
local lin = { x = data.lin_x, y = data.lin_y }
local tight = { batch_size = 48, iterations = 300, tolerance = 1e-4 }
local function with(t, more)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  for k, v in pairs(more) do out[k] = v end
  return out
end
for _, mode in ipairs { "train", "eval" } do
  local s = linear():sharpness(lin, with(tight, { mode = mode }))
  near("linear, " .. mode, s.eigenvalue, "lin_top", 2e-4)
  U.result(s.converged and s.residual <= 1e-4, "linear, " .. mode, "residual %g", s.residual)
  near("linear, " .. mode .. ": stable rate", 2 / s.stable_rate, "lin_top", 2e-4)
end
near("linear, in batches", linear():sharpness(lin, with(tight, { batch_size = 7, batches = 7 })).eigenvalue, "lin_top",
  2e-4)
near("linear, l2", linear(l2(0.5)):sharpness(lin, tight).eigenvalue, "lin_top_l2", 2e-4)
near("linear, l2 left out", linear(l2(0.5)):sharpness(lin, with(tight, { penalty = false })).eigenvalue, "lin_top",
  2e-4)

-- a network, before and after steps of adam
local net = sequential { dense { 6, activation = "tanh", input_shape = { 4 } }, dense { 3, activation = "softmax" } }
net:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.05, epsilon = 1e-3 } }
net:set_weights(U.list(data, "net_w"))
-- few products do: each step goes to the best vector that is there
local small = { batch_size = 40, iterations = 40, tolerance = 1e-3 }
local both = { x = data.net_x, y = data.net_y }
near("network", net:sharpness(both, small).eigenvalue, "net_top", 2e-3)
for _ = 1, 3 do net:train_on_batch(data.net_x, data.net_y) end
local s = net:sharpness(both, small)
near("network after adam", s.eigenvalue, "adam_top", 2e-3)
near("network after adam, scaled", s.preconditioned.eigenvalue, "adam_scaled_top", 2e-3)
U.close("adam's limit", { s.limit }, { 38 / 0.05 }, 1e-6)

-- ReLUs at their kinks, max pools, batch norm in both modes
local cnn = sequential { conv2d { 4, 3, activation = "relu", input_shape = { 8, 8, 1 } }, batch_norm {},
  max_pool2d { 2 }, flatten {}, dense { 3, activation = "softmax" } }
cnn:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
cnn:set_weights(U.list(data, "cnn_w"))
for _, mode in ipairs { "train", "eval" } do
  s = cnn:sharpness({ x = data.cnn_x, y = data.cnn_y }, { batch_size = 24, iterations = 60, tolerance = 1e-3,
    mode = mode, smallest = true })
  U.close("convolutions, " .. mode, { s.eigenvalue, s.smallest.eigenvalue }, data["cnn_" .. mode], 1e-3)
end

-- the largest size is negative
local down = sequential { dense { 1, activation = "sigmoid", use_bias = false, input_shape = { 3 } } }
down:compile { loss = "mse", optimizer = "sgd" }
down:set_weights(U.list(data, "down_w"))
s = down:sharpness({ x = data.down_x, y = tensor.zeros { 30, 1 } }, { batch_size = 30, iterations = 500,
  tolerance = 1e-3, smallest = true })
near("bent down, smallest", s.smallest.eigenvalue, "down_low", 2e-3)
near("bent down, largest", s.eigenvalue, "down_top", 2e-3)

-- principal components of a path whose points are set by hand
local line = sequential { dense { 3, input_shape = { 4 } } }
line:compile { loss = "mse", optimizer = sgd { 0 } }
local points = data.path:tolist()
local function set(i)
  local row = points[i]
  line:set_weights { tensor(table.move(row, 1, 12, 1, {})):reshape { 4, 3 }, tensor(table.move(row, 13, 15, 1, {})) }
end
set(1)
local r = line:run(tensor.zeros { 2, 4 }, tensor.zeros { 2, 3 }, { epochs = 5, verbose = 0 })
r:keep_path()
for i = 2, 6 do
  set(i)
  r:epoch()
end
local t = r:landscape { points = 3 }
U.result(t.directions == "pca" and t.dimensions == 2, "path", "%s, %d", t.directions, t.dimensions)
U.close("path: shares", t.explained, data.path_share, 1e-5)
local want = data.path_coordinates:tolist()
for axis, got in ipairs { t.path.alphas, t.path.betas } do
  local list = {}
  for i = 1, 6 do list[i] = want[i][axis] end
  if list[1] * got[1] < 0 then
    for i = 1, 6 do list[i] = -list[i] end
  end
  U.close("path: coordinates " .. axis, got, list, 1e-5)
end

-- the range test
local f = sequential { dense { 1, use_bias = false, input_shape = { 5 } } }
f:compile { loss = "mse", optimizer = sgd { 0.01, momentum = 0.5 } }
f:set_weights(U.list(data, "find_w"))
local found = f:lr_find(lin, { from = 1e-5, to = 10, steps = 80, beta = 0.9, batch_size = 48 })
U.close("range test: rates", found.lr, data.find_lr, 1e-12)
U.close("range test: losses", found.loss, data.find_loss, 5e-3)
U.close("range test: smoothed", found.smoothed, data.find_smooth, 5e-3)
local g = found.suggestions
U.close("range test: suggestions", { g.valley, g.steep, g.minimum }, data.find_suggestions, 1e-9)
U.result(found.stopped ~= nil, "range test", "did not stop")
U.done()
