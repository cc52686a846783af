-- Names that are not there, methods called with a dot, and what of a layer can be set.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

-- globals
for name, ours in pairs { Conv2D = "conv2d", Dense = "dense", Adam = "adam", BatchNormalization = "batch_norm",
  MaxPooling2D = "max_pool2d", EarlyStopping = "early_stopping", batch_normalization = "batch_norm",
  max_pooling2d = "max_pool2d", concatenate = "concat", CSVLogger = "csv_logger", Sequential = "sequential",
  ReduceLROnPlateau = "reduce_lr_on_plateau", ImageFolder = "image_folder", ReLU = "relu" } do
  check.fails(function() return _ENV[name] end, "names.lua:", ("there is no %s here; its name is %s"):format(name, ours))
  check.equal(rawget(_G, name), nil)
  check.ok(_ENV[ours] ~= nil, "%s", ours)
end
for name, lua in pairs { True = "true", False = "false", None = "nil", null = "nil" } do
  check.fails(function() return _ENV[name] end, "names.lua:", ("there is no %s in Lua; it is written %s"):format(name, lua))
end
check.equal(some_name_of_nobody, nil)
check.equal(_G[1], nil)
Dense = dense -- who wants the name may have it
check.equal(Dense { 3 }.units, 3)

-- methods with a dot
local x, y = check.points(40)
local d = tensors { x = x, y = y }
local m = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, batch_norm {}, dense { 1, name = "head" } }
m:compile { loss = "mse", optimizer = sgd { 0.1 } }
local r = m:run(d, { batch_size = 8, verbose = 0 })
for _, call in ipairs { { "m:summary", function() m.summary() end }, { "m:fit", function() m.fit(d) end },
  { "m:count_params", function() m.count_params() end }, { "r:step", function() r.step(10) end },
  { "d:take", function() d.take(10) end }, { "t:sum", function() x.sum() end }, { "t:copy", function() x.copy() end },
  { "r:history", function() r.history {} end }, { "t:reshape", function() x.reshape { 80 } end } } do
  check.fails(call[2], "names.lua:", ("write %s(...) with a colon"):format(call[1]))
end
check.equal(m.count_params(m), 33)
check.equal(pcall(m.count_params, m), true)

-- fields that are not there
check.fails(function() return m.sumary end, "names.lua:", "a model has no sumary; did you mean summary?")
check.fails(function() return m.layer end, "a model has no layer; did you mean layers?")
check.fails(function() return m[1] end, "a model has no [1]")
check.fails(function() return r.learning_rte end, "a run has no learning_rte; did you mean learning_rate?")
check.fails(function() return d.class_name end, "a dataset has no class_name; did you mean class_names?")
check.fails(function() return x.shap end, "a tensor has no shap; did you mean shape?")
check.fails(function() x:summ() end, "a tensor has no summ; did you mean sum?")
check.fails(function() return m.layers.dense.kernl end, "layer dense has no kernl; did you mean kernel?")
check.fails(function() return m.layers.dense.trainble end, "did you mean trainable?")
check.fails(function() m.name = "other" end, "model: name cannot be set")
check.equal(m.layers.dense.kernel_regularizer, nil)
check.equal(m.layers.dense.name, "dense")
check.equal(m.layers.dense.type, "dense")
check.list(m.layers.dense.shape, { 4 })
check.equal(m.layers.dense.config.units, 4)
check.equal(d.class_names, nil)
check.equal(x.grad, nil)

-- setting weights
m.layers.head.bias = { 0.5 }
check.equal(m.layers.head.bias[1], 0.5)
m.layers.dense.kernel = tensor.ones { 2, 4 }
check.equal(m:get_weights()[1]:sum(), 8)
check.fails(function() m.layers.dense.kernel = tensor.ones { 4, 2 } end, "names.lua:",
  "layers: dense/kernel wants (2, 4), got (4, 2)")
check.fails(function() m.layers.dense.kernel = "x" end, "wants a tensor")
check.fails(function() m.layers.dense.units = 5 end, "layer dense: units cannot be set; only trainable and its weights (kernel, bias) can")
check.fails(function() m.layers.dense.name = "z" end, "name cannot be set")
check.fails(function() m.layers.dense.trainable = 1 end, "trainable wants true or false, got a number")

-- freezing, in the middle of a run
local total, trainable = m:count_params()
check.equal(trainable, 25)
r:step(2)
local before = m:get_weights()
m.layers.dense.trainable = false
m.layers.batch_norm.trainable = false
check.equal(m.layers.dense.trainable, false)
check.equal(r.layers.dense.trainable, false)
check.equal(select(2, m:count_params()), 5)
check.has(check.output(function() m:summary() end), "Trainable params: 5")
check.has(tostring(m.layers.dense), "not trainable")
check.equal(r.layers.dense.kernel.grad, nil)
r:finish()
local after = m:get_weights()
for i = 1, 6 do check.ok(after[i]:equal(before[i]), "weight %d was trained", i) end
check.ok(not after[7]:equal(before[7]))
check.equal(#r:gradients(), 2)
check.equal(#m:gradients_on_batch(x, y), 2)
m:fit(d, { verbose = 0 })
check.ok(m:get_weights()[1]:equal(before[1]))
local path = check.folder() .. "/m.sonde"
m:save(path)
check.equal(load_model(path).layers.dense.trainable, false)

-- and back
m.layers.dense.trainable = true
check.equal(select(2, m:count_params()), 17)
check.ok(select(2, load_model(path):count_params()) == 5)
m:train_on_batch(x, y)
check.ok(not m:get_weights()[1]:equal(before[1]))
check.equal(total, 33)

-- another model made of the same layers is not changed
local shared = dense { 3, name = "shared", input_shape = { 2 } }
local one, two = sequential { shared }, sequential { shared }
one.layers.shared.trainable = false
check.equal(two.layers.shared.trainable, true)
check.equal(shared.trainable, true)

check.done()
