-- Compiling, single batches, evaluate, predict, fit and its options.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

sonde.seed(1)
local x, y = check.points(200)
local function network(opts)
  local m = sequential { dense { 16, activation = "relu", kernel_regularizer = l2(1e-3), input_shape = { 2 } },
    dense { 1, activation = "sigmoid" } }
  m:compile(opts or { loss = "binary_crossentropy", optimizer = adam { 0.02 }, metrics = { "accuracy" } })
  return m
end

-- names, objects, constructors
network { loss = "mse", optimizer = "sgd" }
network { loss = mse, optimizer = adam, metrics = { mae, "mse", sonde.kinds.metric.mse {} } }
network { loss = mse {}, optimizer = sgd { 0.1 }, metrics = "accuracy" }
check.fails(function() network { optimizer = "sgd" } end, "compile: loss is missing")
check.fails(function() network { loss = "mse" } end, "compile: optimizer is missing")
check.fails(function() network { los = "mse", optimizer = "sgd" } end, 'did you mean "loss"?')
check.fails(function() network { loss = "mes", optimizer = "sgd" } end, 'there is no loss "mes"; did you mean "mse"?')
check.fails(function() network { loss = adam {}, optimizer = "sgd" } end,
  "compile: loss: wants a loss, got the optimizer")
check.fails(function() network { loss = "mse", optimizer = 3 } end, "wants an optimizer or its name, got a number")
check.fails(function() network { loss = "mse", optimizer = "sgd", metrics = { "acuracy" } } end, '"accuracy"')

-- metrics by names of their own; a function without one is called after its place
do
  local function half(t, p) return mean(t * 0 + p) / 2 end
  local m = sequential { dense { 1, input_shape = { 2 } } }
  m:compile { loss = "mse", optimizer = sgd { 0 }, metrics = { "mae", half, f1 = half, b = "mse" } }
  local x = tensor { { 1, 2 }, { 3, 4 } }
  local r = m:run(x, tensor { { 1 }, { 2 } }, { verbose = 0, seed = 1 })
  r:finish()
  local h, want = r:history(), m:predict(x):mean() / 2
  check.near(h.f1[1], want, 1e-6)
  check.near(h.metric_2[1], want, 1e-6)
  check.near(h.b[1], h.loss[1], 1e-6)
  check.ok(h.mae and not h.traced)
  m:compile { loss = "mse", optimizer = "sgd", metrics = half }
  check.near(m:evaluate(x, tensor { { 1 }, { 2 } }).metric_1, want, 1e-6)
  for given, text in pairs { [{ ["f 1"] = half }] = '"f 1" is no name for a metric', [{ val_f1 = half }] = "val_f1",
    [{ [3] = half }] = "wants a list, or names as in { f1 = function(y, p) ... end }; got [3]",
    [{ loss = half }] = 'two values are called "loss"', [{ f1 = 3 }] = "wants a metric or its name, got a number" } do
    check.fails(function() m:compile { loss = "mse", optimizer = "sgd", metrics = given } end, "compile: ", text)
  end
end

-- one batch
local m = network()
local w = m:get_weights()
local total, data, penalty = m:train_on_batch(x, y)
check.near(total, data + penalty, 1e-6)
check.near(penalty, 1e-3 * (w[1] ^ 2):sum(), 1e-8)
check.ok(not m:get_weights()[1]:equal(w[1]))
local g = m:gradients_on_batch(x, y)
check.equal(#g, 4)
check.list(g[1].shape, { 2, 16 })
check.ok(m.layers.dense.kernel.grad:equal(g[1]))
check.list(m.layers.dense.kernel.m.shape, { 2, 16 })
do
  local plain = sequential { dense { 1, input_shape = { 2 } } }
  plain:compile { loss = "mse", optimizer = sgd { 0.1 } }
  check.fails(function() return plain.layers.dense.kernel.m end, "training.lua:",
    "dense/kernel has no m: the optimizer sgd{", "keeps no state")
  plain:compile { loss = "mse", optimizer = sgd { 0.1, momentum = 0.9 } }
  check.fails(function() return plain.layers.dense.kernel.v end, "has no v: the optimizer sgd{", "keeps .m")
  check.fails(function() return plain.layers.dense.kernel.shap end, "did you mean shape?")
end

-- a gradient against a difference of losses (no dropout here: training mode is inference mode)
do
  local ws = m:get_weights()
  local at, h = { 1, 3 }, 1e-2
  local function loss_at(d)
    local moved = ws[1]:copy()
    moved[at] = moved[at] + d
    m:set_weights { moved, ws[2], ws[3], ws[4] }
    return m:evaluate(x, y).loss
  end
  check.near((loss_at(h) - loss_at(-h)) / (2 * h), g[1][at], 1e-3)
  m:set_weights(ws)
end

-- evaluate: the loss has the penalty in it, batches do not matter
local e = m:evaluate(x, y)
check.near(e.loss, e.data + e.penalty, 1e-6)
check.near(m:evaluate(x, y, { batch_size = 7 }).loss, e.loss, 1e-5)
check.near(m:evaluate(tensors { x = x, y = y }).loss, e.loss, 1e-6)
check.near(m:evaluate({ x = x, y = y }, { batch_size = 50 }).accuracy, e.accuracy, 1e-9)
local right = 0
local p = m:predict(x)
for i = 1, 200 do right = right + ((p[{ i, 1 }] > 0.5) == (y[{ i, 1 }] == 1) and 1 or 0) end
check.near(e.accuracy, right / 200, 1e-6)
check.list(p.shape, { 200, 1 })
check.ok(p:equal(m:predict(x, { batch_size = 3 })))
check.ok(p:equal(m:predict(tensors { x = x })))
check.list(m:predict { { 0.5, 0.5 } }.shape, { 1, 1 })
check.has(tostring(e), "loss: ")
check.has(tostring(e), " - accuracy: ")
local names = {}
for k in pairs(e) do names[#names + 1] = k end
table.sort(names)
check.list(names, { "accuracy", "loss" })

-- wrong data
check.fails(function() m:predict(tensor.ones { 3, 5 }) end, "training.lua:",
  "predict: the model wants (batch, 2), got (batch, 5)")
check.fails(function() m:train_on_batch(x, tensor.ones { 3, 1 }) end, "x has 200 samples, y has 3")
check.fails(function() m:train_on_batch(x, tensor.ones { 200, 3 }) end, "binary_crossentropy")
check.fails(function() m:train_on_batch("x", y) end, "x wants a tensor or a list of numbers, got a string")
check.fails(function() m:train_on_batch(x) end, "train_on_batch: y is missing")
check.fails(function() m:evaluate(x) end, "no labels")
check.fails(function() m:evaluate(x, y, { batch_size = 0 }) end, "batch_size = 0 must be a whole number of at least 1")
check.fails(function() m:evaluate(x, y, { batchsize = 8 }) end, 'did you mean "batch_size"?')
check.fails(function() m:fit(x, y, { epoch = 3 }) end, 'did you mean "epochs"?')
check.fails(function() m:fit(x, y, { epochs = 0 }) end, "epochs = 0")
check.fails(function() m:fit(x, y, { epochs = 1.5 }) end, "epochs = 1.5")
check.fails(function() m:fit(x, y, { batch_size = "a" }) end, 'batch_size = "a"')
check.fails(function() m:fit(x, y, { shuffle = 1 }) end, "shuffle = 1 must be true or false")
check.fails(function() m:fit(x, y, { verbose = 7 }) end, "verbose = 7 is not one of")
check.fails(function() m:fit(x, y, { validation_split = 1 }) end, "validation_split = 1")
check.fails(function() m:fit(x, y, { validation_split = 0.9999 }) end, "leaves one part empty")
check.fails(function() m:fit(x, y, { validation_split = 0.5, validation_data = { x, y } }) end, "not both")
check.fails(function() m:fit(tensors { x = x, y = y }, { validation_split = 0.5 }) end, "d:split(0.5")
check.fails(function() m:fit(tensor.ones { 3, 5 }, tensor.ones { 3, 1 }) end, "(5,)", "(2,)")
check.fails(function() m:fit(x, y, { callbacks = { 3 } }) end, "callbacks")
check.fails(function() m:fit(x, y, { callbacks = { adam {} } }) end, "wants a callback, got the optimizer adam")
check.fails(function() m:fit(x, y, { callbacks = { { on_epoch_and = print } } }) end, "did you mean on_epoch_end?")
check.fails(function() m:fit(x, y, { callbacks = { { print } } }) end, "a callback is an object")
check.fails(function() m:fit(x, y, { steps_per_epoch = 100 }) end, "steps_per_epoch = 100")
check.fails(function() m:fit() end, "fit: wants a dataset, or tensors x and y, got nil")

-- fit learns, and compiling again keeps the weights
m = network()
local r = m:fit(x, y, { epochs = 30, batch_size = 20, validation_split = 0.2, verbose = 0 })
local h = r:history()
check.equal(#h.loss, 30)
check.equal(#h.val_accuracy, 30)
check.ok(h.loss[30] < 0.7 * h.loss[1], "fit did not learn: %g -> %g", h.loss[1], h.loss[30])
check.ok(h.val_accuracy[30] > 0.85)
check.near(m:evaluate(x:rows(161), y:rows(161)).loss, h.val_loss[30], 1e-6)
w = m:get_weights()
m:compile { loss = "mse", optimizer = "rmsprop" }
check.same_weights(m:get_weights(), w)

-- the lines
local text = check.output(function()
  network():fit(x, y, { epochs = 2, batch_size = 50, validation_data = { x, y } })
end)
local pattern = "^Epoch 1/2\n4/4 %- %d+s %- %d+[mu]s/step %- loss: V %- accuracy: V %- val_loss: V %- val_accuracy: V\n"
  .. "Epoch 2/2\n4/4 "
check.ok(text:find((pattern:gsub("V", "0%%.%%d%%d%%d%%d"))), text)
check.ok(not text:find "\27" and not text:find "\r", "control codes in a file")
check.equal(check.output(function() network():fit(x, y, { verbose = 0, epochs = 2 }) end), "")
check.ok(not check.output(function() network():fit(x, y, {}) end):find "Epoch") -- one epoch: no heading, as Keras
local line = require("sonde.progress").line
check.equal(line(625, 191, { { "loss", 0.74264 }, { "accuracy", 0.79764 }, { "val_loss", 5e-4 } }),
  "625/625 - 191s - 306ms/step - loss: 0.7426 - accuracy: 0.7976 - val_loss: 5.0000e-04")
check.equal(line(3, 0.00012, { { "loss", 0 } }), "3/3 - 0s - 40us/step - loss: 0.0000e+00")
check.equal(line(2, 3, { { "loss", 0 / 0 } }):match "loss: %-?nan" ~= nil, true)

-- initial_epoch, steps_per_epoch, validation_freq
text = check.output(function()
  r = network():fit(x, y, { epochs = 5, initial_epoch = 3, steps_per_epoch = 2, validation_data = { x, y },
    validation_freq = 2 })
end)
check.has(text, "Epoch 4/5\n2/2 ")
check.has(text, "Epoch 5/5\n")
check.equal(#r:history().loss, 2)
check.equal(r.epoch_number, 5)
check.ok(r:history().val_loss[1] ~= r:history().val_loss[1] and r:history().val_loss[2] > 0)
check.fails(function() network():fit(x, y, { epochs = 3, initial_epoch = 3 }) end, "initial_epoch = 3")

-- the same seed: the same bits; shuffle = false is another order
local function trained(opts)
  sonde.seed(5)
  local n = sequential { dense { 8, activation = "relu", input_shape = { 2 } }, dropout { 0.3 }, dense { 1 } }
  n:compile { loss = "mse", optimizer = "adam" }
  opts.epochs, opts.verbose = 2, 0
  n:fit(x, y, opts)
  return n:get_weights()
end
check.same_weights(trained {}, trained {})
check.same_weights(trained { seed = 3 }, trained { seed = 3 })
check.ok(not trained { seed = 3 }[1]:equal(trained { seed = 4 }[1]))
check.ok(not trained { seed = 3 }[1]:equal(trained { seed = 3, shuffle = false }[1]))

-- learning rates: a schedule, and a Lua function of step and epoch from 0
do
  local calls = {}
  local function rate(step, epoch)
    calls[#calls + 1] = ("%d/%d"):format(step, epoch)
    return 0.1 / (1 + step)
  end
  local a = sequential { dense { 1, use_bias = false, input_shape = { 2 } } }
  local b = sequential { dense { 1, use_bias = false, input_shape = { 2 } } }
  b:set_weights(a:get_weights())
  a:compile { loss = "mse", optimizer = sgd { rate } }
  b:compile { loss = "mse", optimizer = sgd { inverse_time_decay { 0.1, decay_steps = 1, decay_rate = 1 } } }
  local opts = { epochs = 2, batch_size = 100, shuffle = false, verbose = 0 }
  a:fit(x, y, opts)
  b:fit(x, y, opts)
  check.list(calls, { "0/0", "1/0", "2/1", "3/1" })
  check.near((a:get_weights()[1] - b:get_weights()[1]):abs():max(), 0, 1e-7)
  a:train_on_batch(x, y)
  check.equal(calls[5], "4/0")
  a:compile { loss = "mse", optimizer = sgd { function() return "fast" end } }
  check.fails(function() a:fit(x, y, opts) end, "learning_rate: the function at ", " gave a string, not a number")
  a:compile { loss = "mse", optimizer = sgd { function() return -1 end } }
  check.fails(function() a:train_on_batch(x, y) end, "learning_rate = -1 must be a number >= 0")
end
check.done()
