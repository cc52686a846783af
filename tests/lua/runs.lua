-- Runs: stepping, looking, callbacks, saving and going on to the same bits.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = check.points(120)
local train, val = tensors { x = x:rows(1, 100), y = y:rows(1, 100) }, tensors { x = x:rows(101), y = y:rows(101) }

local function network(optimizer)
  sonde.seed(11)
  local m = sequential {
    dense { 8, kernel_regularizer = l2(1e-2), input_shape = { 2 } }, batch_norm {}, activation "relu", dropout { 0.2 },
    dense { 1, activation = "sigmoid", kernel_regularizer = l1(1e-3), name = "head" },
  }
  m:compile { loss = "binary_crossentropy", optimizer = optimizer or adam { 0.01 }, metrics = { "accuracy" } }
  return m
end
local function options(t)
  local opts = { batch_size = 16, epochs = 4, seed = 3, validation_data = val, verbose = 0 }
  for k, v in pairs(t or {}) do opts[k] = v end
  return opts
end

-- before the first step
local m = network()
local r = m:run(train, options())
check.equal(r.epoch_number, 0)
check.equal(r.epochs, 4)
check.equal(r.steps_per_epoch, 7)
check.equal(r.done, false)
check.equal(r.seed, 3)
local terms = r:loss_terms()
local w = m:get_weights()
check.near(terms.train.layers.dense, 1e-2 * (w[1] ^ 2):sum(), 1e-8)
check.near(terms.train.layers.head, 1e-3 * w[7]:abs():sum(), 1e-8)
check.near(terms.train.penalty, terms.train.layers.dense + terms.train.layers.head, 1e-9)
check.equal(terms.train.data, nil)
check.has(tostring(terms), "before the first step")
check.fails(function() r:gradients() end, "runs.lua:", "no step was made yet")
check.equal(r.layers.dense.kernel.grad, nil)

-- one step, ten steps
local step = r:step()
check.near(step.loss, step.data + step.penalty, 1e-6)
check.equal(step.samples, 16)
check.equal(r.step_number, 1)
check.equal(r.iterations, 1)
check.ok(r.layers.dense.kernel:equal(m.layers.dense.kernel))
check.list(r.layers.dense.kernel.grad.shape, { 2, 8 })
check.ok(r.layers.dense.kernel.grad:norm() > 0)
local g = r:gradients()
check.equal(#g, 6) -- trainable parameters
check.equal(g[1].name, "dense/kernel")
check.near(g["dense/kernel"].norm, r.layers.dense.kernel.grad:norm(), 1e-6)
check.near(g["dense/kernel"].max, r.layers.dense.kernel.grad:max(), 1e-9)
check.has(tostring(g), "dense/kernel")
check.equal(#r:weights(), 8)
check.has(tostring(r), "epoch 1/4, step 1/7")
terms = r:loss_terms()
check.near(terms.train.total, step.loss, 1e-6)
check.has(tostring(terms), "epoch 1, step 1")
r:step(10)
check.equal(r.epoch_number, 1)
check.equal(r.step_number, 4)
check.fails(function() r:step(0) end, "n = 0")
check.fails(function() r:step "x" end, 'n = "x"')

-- epochs
check.equal(r:epoch(), r)
check.equal(r.epoch_number, 2)
check.equal(r.step_number, 0)
r:epoch(2)
check.equal(r.epoch_number, 4)
check.equal(r.done, true)
check.fails(function() r:step() end, "it is done after 4 epochs; r:epoch(n) goes on")
r:epoch(2)
check.equal(r.epoch_number, 6)
check.equal(#r:history().loss, 6)
r:finish()
check.equal(#r:history().loss, 6)

-- history and terms
local h = r:history()
check.has(tostring(h), "val_accuracy")
for i = 1, 6 do
  local t = r:loss_terms(i)
  check.near(t.train.total, h.loss[i], 1e-9)
  check.near(t.validation.total, h.val_loss[i], 1e-9)
  for _, s in ipairs { t.train, t.validation } do
    check.near(s.total, s.data + s.penalty + s.activity, 1e-6)
    check.near(s.penalty, s.layers.dense + s.layers.head, 1e-9)
  end
end
check.equal(r:loss_terms(-1).train.total, r:loss_terms(6).train.total)
check.equal(r:loss_terms().train.total, h.loss[6])
check.fails(function() r:loss_terms(7) end, "epoch 7 is not among the 6")
w = m:get_weights()
check.near(r:loss_terms().validation.layers.dense, 1e-2 * (w[1] ^ 2):sum(), 1e-6)
check.near(m:evaluate(val).loss, h.val_loss[6], 1e-6)
local text = tostring(r:loss_terms())
for _, part in ipairs { "epoch 6", "train", "validation", "data loss", "penalty", "dense (kernel l2 0.01)" } do
  check.has(text, part)
end

-- steps, epochs and finish are the same training
local function weights_after(drive)
  local n = network()
  drive(n:run(train, options()), n)
  return n:get_weights()
end
local whole = weights_after(function(q) q:finish() end)
check.same_weights(weights_after(function(q) q:step(3) q:epoch() q:step(9) q:finish() end), whole, "steps")
check.same_weights(weights_after(function(q, n)
  q:step(5)
  n:evaluate(val, { batch_size = 64 }) -- looking disturbs nothing
  n:predict(x)
  tostring(q:gradients())
  q:finish()
end), whole, "looking")
check.same_weights(weights_after(function(q, n) n:fit(train, options()) end), whole, "fit")
local looked, plain
weights_after(function(q, n) q:step(5) n:evaluate(val) q:finish() looked = q:history() end)
weights_after(function(q) q:finish() plain = q:history() end)
check.list(looked.accuracy, plain.accuracy, "evaluating in an epoch changes its accuracy")

-- saving and resuming at every kind of place gives the same bits and the same history
local dir = check.folder()
local path = dir .. "/r.sonde"
for _, at in ipairs { 0, 1, 6, 7, 8, 20, 28 } do
  local plateau = reduce_lr_on_plateau { patience = 1, monitor = "loss", min_delta = 1 }
  local q = network():run(train, options { callbacks = { plateau } })
  if at > 0 then q:step(at) end
  q:save(path)
  q:finish()
  local p = resume(path, train, { validation_data = val, verbose = 0 })
  check.equal(p.iterations, at)
  p:finish()
  check.same_weights(p.model:get_weights(), q.model:get_weights(), "resumed after " .. at)
  for k, list in pairs(q:history()) do check.list(p:history()[k], list, k) end
  check.equal(p.learning_rate, q.learning_rate)
  check.equal(p:loss_terms().train.penalty, q:loss_terms().train.penalty)
end
check.fails(function() resume(dir .. "/none.sonde", train) end, "none.sonde")
check.fails(function() resume(path) end, "resume: wants a dataset")
check.fails(function() resume(path, tensors { x = x, y = y }, { validation_data = val }) end, "data")
check.fails(function() resume(path, train, { epochs = 3 }) end, 'unknown option "epochs"')
do
  local f = assert(io.open(path, "rb"))
  local bytes = f:read "a"
  f:close()
  for n = 0, #bytes, math.max(1, #bytes // 40) do
    f = assert(io.open(dir .. "/cut.sonde", "wb"))
    f:write(bytes:sub(1, n))
    f:close()
    check.ok(n == #bytes or not pcall(resume, dir .. "/cut.sonde", train, { validation_data = val }), "%d bytes", n)
  end
end

-- callbacks that are tables of functions; epoch and batch from 0, as Keras
local seen = {}
local function note(name) return function(a, logs) seen[#seen + 1] = name .. (type(a) == "number" and a or "") end end
local last
r = network():run(train, options { epochs = 2, callbacks = { {
  on_train_begin = note "train+", on_train_end = note "train-", on_epoch_begin = note "epoch+",
  on_epoch_end = function(epoch, logs, run)
    seen[#seen + 1] = "epoch-" .. epoch
    last = logs
    check.equal(run, r)
  end,
  on_batch_end = function(batch, logs, run)
    if batch == 0 then seen[#seen + 1] = "batch-0" end
    check.ok(logs.loss and logs.accuracy and not logs.val_loss)
    check.fails(function() run:step() end, "a callback cannot step its own run")
  end,
  on_train_batch_begin = function(batch) if batch == 6 then seen[#seen + 1] = "batch+6" end end,
} } })
r:finish()
check.list(seen, { "train+", "epoch+0", "batch-0", "batch+6", "epoch-0", "epoch+1", "batch-0", "batch+6", "epoch-1",
  "train-" })
check.equal(last.val_loss, r:history().val_loss[2])

-- on_batch_begin comes before a step, and only then: after a stop, and in a run that was resumed
do
  local calls = {}
  local function call(name) return function(n) calls[#calls + 1] = name .. n end end
  local stops = 1
  local cb = { on_epoch_begin = call "epoch+", on_epoch_end = call "epoch-", on_batch_begin = call "batch+",
    on_batch_end = function(n, _, run)
      calls[#calls + 1] = "batch-" .. n
      if n == stops then run:stop() end
    end }
  local opts = { batch_size = 50, epochs = 2, seed = 3, validation_data = val, verbose = 0, callbacks = { cb } }
  local fit_opts = { batch_size = 25, epochs = 2, seed = 3, validation_data = val, verbose = 0, callbacks = { cb } }
  network():fit(train, fit_opts)
  check.list(calls, { "epoch+0", "batch+0", "batch-0", "batch+1", "batch-1", "epoch-0" }, "stopped")
  stops = nil
  local function resumed(drive)
    local q = network():run(train, opts)
    drive(q)
    q:save(path)
    calls = {}
    resume(path, train, { validation_data = val, verbose = 0, callbacks = { cb } }):finish()
    return calls
  end
  local second = { "epoch+1", "batch+0", "batch-0", "batch+1", "batch-1", "epoch-1" }
  check.list(resumed(function(q) q:epoch() end), second, "resumed at an epoch's end")
  check.list(resumed(function(q) q:step(2) end), { "epoch-0", table.unpack(second) }, "resumed before validation")
  check.list(resumed(function(q) q:step() end), { "batch+1", "batch-1", "epoch-0", table.unpack(second) }, "resumed")
  check.list(resumed(function() end), { "epoch+0", "batch+0", "batch-0", "batch+1", "batch-1", "epoch-0",
    table.unpack(second) }, "resumed at the beginning")
end

-- a callback may stop the run, and set the rate
r = network():fit(train, options { callbacks = { { on_epoch_end = function(epoch, _, run)
  run.learning_rate = run.learning_rate / 2
  if epoch == 1 then run:stop() end
end } } })
check.equal(r.epoch_number, 2)
check.equal(r.done, true)
check.near(r.learning_rate, 0.0025, 1e-12)
check.fails(function() r.epochs = 3 end, "epochs cannot be set")
check.fails(function() r.learning_rate = "x" end, 'learning_rate wants a number, a schedule or a function, got "x"')

-- an error in one leaves the run where it is
r = network():run(train, options { callbacks = { { on_batch_end = function(batch)
  if batch == 2 then error "my own" end
end } } })
check.fails(function() r:finish() end, "my own")
check.equal(r.step_number, 3)
r:step()
check.equal(r.step_number, 4)

-- described callbacks: early stopping, rates of a function, files
r = network():fit(train, options { epochs = 50, callbacks = {
  early_stopping { monitor = "loss", patience = 2, min_delta = 10 },
} })
check.equal(r.epoch_number, 3)
local asked = {}
r = network(sgd { 0.1 }):fit(train, options { epochs = 3, callbacks = { learning_rate_scheduler { function(epoch, rate)
  asked[#asked + 1] = epoch
  return rate / 2
end } } })
check.list(asked, { 0, 1, 2 })
check.list(r:history().learning_rate, { 0.05, 0.025, 0.0125 })
network():fit(train, options { callbacks = { csv_logger { dir .. "/log.csv" } } })
local f = assert(io.open(dir .. "/log.csv"))
check.equal(f:read "l", "epoch,accuracy,loss,val_accuracy,val_loss\r") -- as Python's csv module ends lines
f:close()
text = check.output(function()
  network():fit(train, options { verbose = 2, callbacks = {
    reduce_lr_on_plateau { monitor = "loss", patience = 1, min_delta = 10, verbose = 1 },
  } })
end)
check.has(text, "\nEpoch 2: ReduceLROnPlateau reducing learning rate to ")
check.ok(text:find "learning_rate: 0%.0100\nEpoch 2/4\n", text)

-- functions cannot be saved: they are asked for
do
  local q = network(adam { function() return 0.01 end }):run(train, options())
  q:step(2)
  q:save(path)
  check.fails(function() resume(path, train, { validation_data = val }) end, "give learning_rate = function")
  local p = resume(path, train, { validation_data = val, learning_rate = function() return 0.01 end, verbose = 0 })
  p:finish()
  q:finish()
  check.same_weights(p.model:get_weights(), q.model:get_weights(), "resumed with a function")
end
check.same_weights(weights_after(function(q) q:finish() end), whole, "at the end")
check.done()
