-- Building models: sequential, branches, shared layers, seeds, counting, weights, summary, files.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local function seed_network(head)
  return sequential {
    conv2d { 32, 5, padding = "same", kernel_regularizer = l2(1e-4), input_shape = { 256, 256, 3 } },
    batch_norm {}, activation "relu", max_pool2d { 2 }, dropout { 0.1 },
    conv2d { 64, 5, padding = "same", kernel_regularizer = l2(1e-4) },
    batch_norm {}, activation "relu", max_pool2d { 2 }, dropout { 0.2 },
    conv2d { 128, 5, padding = "same", kernel_regularizer = l2(1e-4) },
    batch_norm {}, activation "relu", max_pool2d { 2 }, dropout { 0.3 },
    flatten {},
    dense { 128, kernel_regularizer = l2(1e-4) }, batch_norm {}, activation "relu", dropout { 0.5 },
    head,
  }
end

-- the seed's network: keras-semantics 3.13
do
  local m = seed_network(dense { 2, activation = "softmax", name = "prediction", kernel_regularizer = l2(1e-4) })
  local total, trainable, fixed = m:count_params()
  check.equal(total, 17037634)
  check.equal(trainable, 17036930)
  check.equal(fixed, 704)
  m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  local text = check.output(function() m:summary() end)
  for _, part in ipairs { "conv2d (conv2d)", "(None, 256, 256, 32)", "2,432", "51,264", "204,928", "(None, 131072)",
    "16,777,344", "prediction (dense)", "258", "Total params: 17,037,634 (64.99 MiB)", "Trainable params: 17,036,930",
    "Non-trainable params: 704 (2.75 KiB)", "3.7 GFLOP", "Training with batch_size 32: 1.05 GiB\n", "\n  optimizer    129.99 MiB\n" } do
    check.has(text, part)
  end
  check.ok(not text:find "\27")
  check.has(check.output(function() m:summary { batch_size = 4 } end), "batch_size 4")
  check.has(check.output(function() m:summary { engine = true } end), "weight grad.", "instruction set " .. sonde.isa)
  check.fails(function() m:summary { batch = 4 } end, 'unknown option "batch"')
  check.fails(function() m:summary { batch_size = 0 } end, "batch_size = 0")
  check.ok(m:memory(32) > m:memory(1))
end
collectgarbage()
check.equal((seed_network(dense { 1, activation = "sigmoid" }):count_params()), 17037505)
collectgarbage()

-- names, layers, weights in Keras's order
local m = sequential { conv2d { 2, 3, input_shape = { 6, 6, 1 } }, batch_norm {}, relu {}, flatten {}, dense { 3 },
  name = "little" }
check.equal(m.name, "little")
check.list(m.input_shape, { 6, 6, 1 })
check.list(m.output_shape, { 3 })
check.equal(m.layers.conv2d.type, "conv2d")
check.fails(function() return m.layers.conv2 end, 'models.lua:', 'no layer "conv2"; did you mean "conv2d"?')
check.fails(function() return m.layers.typo end, 'no layer "typo"; m:summary() and m.layers list them')
check.fails(function() return m.layers[99] end, "models.lua:", "there is no layer 99; the model has 5")
check.equal(m.layers[1].name, "conv2d", "counted as m:summary() shows them")
check.ok(m.layers.input.type == "input" and m.layers[#m.layers].name == m.layers[#m.layers].config.name)
do -- a model with branches counts its input too, as its summary does
  local a = input { 4 }
  local n = model { inputs = a, outputs = add { dense { 4 }(a), a } }
  check.ok(n.layers[1].name == "input" and n.layers[2].name == "dense" and #n.layers == 3)
end
check.equal(m.layers.conv2d.filters, 2)
check.list(m.layers.conv2d.params, { "kernel", "bias" })
check.list(m.layers.conv2d.kernel.shape, { 3, 3, 1, 2 })
check.equal(rawget(m.layers, "nothing"), nil)
local w = m:get_weights()
check.equal(#w, 8)
check.list(w[3]:tolist(), { 1, 1 }) -- gamma
check.list(w[4]:tolist(), { 0, 0 }) -- beta
check.list(w[5]:tolist(), { 0, 0 }) -- moving_mean
check.list(w[6]:tolist(), { 1, 1 }) -- moving_variance
w[2] = tensor { 0.5, -0.5 }
w[8] = { 1, 2, 3 }
m:set_weights(w)
check.list(m.layers.conv2d.bias:tolist(), { 0.5, -0.5 })
check.list(m.layers.dense.bias:tolist(), { 1, 2, 3 })
check.fails(function() m:set_weights { w[1] } end, "set_weights: wants 8 tensors, got 1")
w[1] = w[1] * 0
w[8] = { 1, 2 }
check.fails(function() m:set_weights(w) end, "set_weights: dense/bias wants (3,), got (2,)")
check.ok(m:get_weights()[1]:norm() > 0, "a refused list changed weights")
check.list({ m:count_params() }, { 2 * 9 + 2 + 8 + 32 * 3 + 3, 2 * 9 + 2 + 4 + 32 * 3 + 3, 4 })

-- a model that is not compiled predicts
check.list(m:predict(tensor.ones { 4, 6, 6, 1 }).shape, { 4, 3 })
check.fails(function() m:evaluate(tensor.ones { 4, 6, 6, 1 }, tensor.ones { 4, 3 }) end, "not compiled")
check.fails(function() m:fit(tensor.ones { 4, 6, 6, 1 }, tensor.ones { 4, 3 }) end, "not compiled")

-- branches
do
  local x = input { 8, 8, 3 }
  local h = conv2d { 3, 3, padding = "same" }(x)
  local b = model { inputs = x, outputs = add { h, x } }
  check.list(b.output_shape, { 8, 8, 3 })
  check.equal((b:count_params()), 84)
  check.list(model { inputs = x, outputs = add {} (h, x) }.output_shape, { 8, 8, 3 })
  check.list(model { inputs = x, outputs = add {} { h, x } }.output_shape, { 8, 8, 3 })
  check.list(model { inputs = { x }, outputs = { concat { h, x, axis = -1 } } }.output_shape, { 8, 8, 6 })
  check.list(model { inputs = x, outputs = concat { h, x, h, axis = 1 } }.output_shape, { 24, 8, 3 })
  check.list(model { inputs = x, outputs = relu {} (h) }.output_shape, { 8, 8, 3 })
  local text = check.output(function() b:summary() end)
  check.has(text, "connected to")
  check.has(text, "conv2d, input")

  -- residual: weights zero, so the output is the input
  local ws = b:get_weights()
  b:set_weights { ws[1] * 0, ws[2] * 0 }
  local v = tensor.full({ 1, 8, 8, 3 }, 0.25)
  check.ok(b:predict(v):equal(v))

  -- a layer called twice shares its weights
  local d = dense { 3 }
  local y = input { 3 }
  local s = model { inputs = y, outputs = d(d(y)) }
  check.equal((s:count_params()), 12)
  s:set_weights { { { 2, 0, 0 }, { 0, 2, 0 }, { 0, 0, 2 } }, { 0, 0, 0 } }
  check.list(s:predict(tensor { { 1, 2, 3 } })[1]:tolist(), { 4, 8, 12 })

  check.fails(function() model { inputs = x, outputs = d(y) } end, "an input{} that is not in inputs")
  check.fails(function() model { inputs = h, outputs = add { h, x } } end, "inputs is the output of conv2d")
  check.fails(function() model { inputs = x } end, "outputs wants the output of a layer's call, got nil")
  check.fails(function() model { inputs = { x, y }, outputs = h } end, "2 values; models have one")
  check.fails(function() model { input = x, outputs = h } end, 'did you mean "inputs"?')
  check.fails(function() add { h } end, "add: takes two or more inputs, got 1")
  check.fails(function() conv2d { 3, 3 } (x, x) end, "conv2d: takes one input, got 2")
  check.fails(function() conv2d { 3, 3 } () end, "called on nothing")
  check.fails(function() conv2d { 3, 3 } (tensor { 1 }) end, "conv2d: called on a tensor")
  check.fails(function() l2 {} (x) end, "not a layer")
  check.fails(function() model { inputs = x, outputs = add { h, conv2d { 4, 3, padding = "same" }(x) } } end, "add")
  check.fails(function()
    model { inputs = x, outputs = flatten { name = "a" }(dense { 1, name = "a" }(flatten {} (x))) }
  end, '"a"')
end

-- deep chains need no deep stack
do
  local x = input { 2 }
  local y = x
  for _ = 1, 3000 do y = relu {} (y) end
  check.list(model { inputs = x, outputs = y }.output_shape, { 2 })
end

-- mistakes in sequential
check.fails(function() sequential {} end, "models.lua:", "has no layers")
check.fails(function() sequential { dense { 1 } } end, "the shape of its input is unknown", "input_shape")
check.fails(function() sequential { input { 3 } } end, "no layer behind")
check.fails(function() sequential { dense { 1, input_shape = { 3 } }, "relu" } end, "layer 2 is \"relu\"",
  'activation "relu"')
check.fails(function() sequential { dense { 1, input_shape = { 3 } }, adam {} } end, "layer 2 is an optimizer")
check.fails(function() sequential { dense { 1, input_shape = { 3 } }, input { 3 } } end, "layer 2 is an input")
check.fails(function() sequential { dense { 1, input_shape = { 3 } }, nam = "x" } end, 'did you mean "name"?')
check.fails(function() sequential(3) end, "wants a list of layers, got a number")
check.fails(function() sequential { dense { 2, input_shape = { 4, 4, 1 } } } end, "dense: wants", "add flatten{}")
check.fails(function() sequential { conv2d { 2, 5, input_shape = { 4, 4, 1 } } } end, "conv2d")
check.fails(function() sequential { conv2d { 2, 5, input_shape = { 16 } } } end, "conv2d: wants", "(batch, 16)")
check.fails(function() sequential { max_pool2d { 9, input_shape = { 4, 4, 1 } } } end, "max_pool2d")
check.fails(function() sequential { reshape { 5, 5, input_shape = { 4, 4, 1 } } } end, "reshape")
check.fails(function() sequential { dense { 1 << 30, input_shape = { 1 << 20 } } } end, "dense")

-- the same seed gives the same weights; another model of that seed others
local function small() return sequential { dense { 5, input_shape = { 4 } } }:get_weights() end
sonde.seed(7)
check.equal(sonde.seed(), 7)
local a, b = small(), small()
sonde.seed(7)
check.same_weights(small(), a)
check.same_weights(small(), b)
check.ok(not a[1]:equal(b[1]))
sonde.seed(8)
check.ok(not small()[1]:equal(a[1]))
check.fails(function() sonde.seed(1.5) end, "seed: n = 1.5 must be a whole number")

-- files
do
  local dir = check.folder()
  local path = dir .. "/m.sonde"
  local x, y = check.points(40)
  local first = sequential { dense { 8, activation = "tanh", input_shape = { 2 } }, batch_norm {}, dense { 1 } }
  first:save(dir .. "/plain.sonde")
  check.same_weights(load_model(dir .. "/plain.sonde"):get_weights(), first:get_weights())
  first:compile { loss = "mse", optimizer = adam { 0.01 }, metrics = { "mae" } }
  first:train_on_batch(x, y)
  first:save(path)
  local second = load_model(path)
  check.same_weights(second:get_weights(), first:get_weights())
  check.ok(second:predict(x):equal(first:predict(x)))
  check.equal(second.optimizer.learning_rate, 0.01)
  check.equal(first:train_on_batch(x, y), second:train_on_batch(x, y)) -- the optimizer's state came along
  check.same_weights(second:get_weights(), first:get_weights())
  check.equal(second:evaluate(x, y).mae, first:evaluate(x, y).mae)
  second:save(dir .. "/again.sonde")
  first:save(path)
  local function bytes(p)
    local f = assert(io.open(p, "rb"))
    local s = f:read "a"
    f:close()
    return s
  end
  check.ok(bytes(path) == bytes(dir .. "/again.sonde"), "saving what was loaded gives other bytes")
  check.fails(function() load_model(dir .. "/none.sonde") end, "none.sonde")
  check.fails(function() first:save(dir .. "/no/m.sonde") end, "m.sonde")
  check.fails(function() first:save() end, "save: wants a path, got nil")
  local whole = bytes(path)
  for n = 0, #whole, math.max(1, #whole // 40) do
    local f = assert(io.open(dir .. "/cut.sonde", "wb"))
    f:write(whole:sub(1, n))
    f:close()
    check.ok(n == #whole or not pcall(load_model, dir .. "/cut.sonde"), "%d bytes were taken for a model", n)
  end
end
-- ---- what layers are computed by ----

do
  local function engine_of(options)
    local m = sequential { conv2d(options), activation "relu", max_pool2d { 2 },
      conv2d { 32, 3, padding = "same" }, flatten {}, dense { 64 }, dense { 3, trainable = false } }
    local rows = {}
    for line in check.output(function() m:summary { batch_size = 8, engine = true } end):gmatch "[^\n]+" do
      local name, rest = line:match "^(%S+) +(.*)$"
      if name then rows[name] = (rest:gsub("  +", "  ")) end -- those of the second table come last
    end
    return rows
  end
  local options = { 32, 5, padding = "same", input_shape = { 32, 32, 16 } }
  local rows = engine_of(options)
  check.has(rows.conv2d, "winograd 4x4  -", "winograd 4x4  ") -- of the first layer nobody wants the data gradient
  check.equal(rows.conv2d:match "([%d.]+)  [%d.]+ %a+$", ("%.3g"):format(2 * 2 * 8 * 32 * 32 * 25 * 16 * 32 / 1e9))
  check.has(rows.max_pool2d, "with activation")
  check.has(rows.conv2d_1, "winograd 4x4") -- 16 tiles of 36 products are as many as 9 of 64
  check.has(rows.dense, "gemm 8x")
  check.has(rows.dense_1, "blas 8x3/1", "gemm 8x64/1  -  ") -- frozen: no gradient of its weights
  for _, algorithm in ipairs { "direct", "im2col" } do
    options.algorithm = algorithm
    check.has(engine_of(options).conv2d, algorithm .. "  ")
  end
end

check.done()
