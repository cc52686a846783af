-- Surgery on models that live: layers, freezing, compiling in the middle; runs, handles, files, watchpoints.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local U = dofile((arg[0]:match "^(.*/)" or "") .. "surgery_util.lua")
local x, y, network, running = U.x, U.y, U.network, U.running

-- What is printed meanwhile.
local function printed(fn, ...)
  local write, out = io.stdout, {}
  local fake = setmetatable({ write = function(self, ...) out[#out + 1] = table.concat { ... } return self end,
    flush = function() end }, { __index = write })
  io.stdout = fake
  local ok, err = pcall(fn, ...)
  io.stdout = write
  if not ok then error(err, 0) end
  return table.concat(out)
end

-- ---- layers: what stays, what is new, handles ----
do
  local m, r = running()
  r:epoch()
  r:step(2)
  local views, kernel = { m.layers.dense, m.layers.prediction, r.layers.middle }, m.layers.dense.kernel
  local list, of_run = m.layers, r.layers
  check.equal(printed(m.insert, m, "prediction", dense { 8, activation = "relu" }), "", "nothing to say")
  check.ok(list == m.layers and of_run == r.layers, "lists stay")
  check.equal(#list, 5)
  check.equal(list[4].name, "dense_1")
  check.equal(list.dense, views[1])
  check.equal(views[2].name, "prediction")
  check.ok(views[1].kernel:equal(kernel))
  check.ok(views[1].kernel.m ~= nil and views[3].kernel.grad == nil, "optimizer state stays, the gradient is gone")
  r:step()
  check.ok(r.layers.dense_1.kernel.grad:abs():max() > 0)
  check.ok(views[3].kernel.grad:abs():max() > 0)
  local text = printed(m.replace, m, m.layers.middle, dense { 5 })
  check.equal(text, "replace: new weights, as it has other shapes now, in dense_1\n")
  check.list(m.layers.middle.kernel.shape, { 8, 5 })
  check.list(views[3].kernel.shape, { 8, 5 }, "by name")
  r:epoch()
  check.equal(#r:history().loss, 2)
  local gone = m.layers.dense_1
  check.has(printed(m.remove, m, "dense_1"), "remove: new weights, as it has other shapes now, in prediction")
  check.equal(#m.layers, 4)
  check.fails(function() return m.layers.dense_1 end, 'no layer "dense_1"')
  check.fails(function() return gone.kernel end, "layer dense_1: the model has it no more")
  check.has(tostring(gone), "no more")
  check.fails(function() m:remove(gone) end, "remove: layer dense_1: the model has it no more")
  r:finish()
  check.ok(r.done and #r:history().val_loss == 6)
  check.equal(m:count_params(), 8 * 8 + 8 + 4 * 8 + 8 * 5 + 5 + 5 * 2 + 2)
  check.equal(#m:predict(x), 48)
  check.has(printed(m.summary, m), "middle")
end

-- keep_weights; names; an activation or a constructor as a layer
do
  local m = network()
  local before = m.layers.prediction.kernel
  m:replace("prediction", dense { 2 }, { keep_weights = true })
  check.ok(m.layers.prediction.kernel:equal(before))
  m:insert("prediction", activation "softmax", { after = true })
  check.equal(m.layers[5].name, "activation")
  m:replace("input", input { 8 })
  m:replace(1, dense { 8 })
  check.equal(m.layers[1].name, "dense")
  check.has(printed(m.replace, m, "dense", batch_norm), "")
  check.equal(m.layers[1].name, "batch_norm_1")
  m:replace("middle", lambda(function(t) return t * 2 end))
  check.equal(m.layers[3].type, "lambda")
  check.equal(m.layers[3].name, "middle")
  m:insert("middle", lambda(function(t) return relu(t) end))
  check.equal(#m:predict(x), 48)
end

-- the activation that a layer carries goes with it
do
  local m = network()
  local out = m:output("dense", x)
  check.ok(out:min() == 0)
  m:replace("dense", dense { 8, name = "dense" }, { keep_weights = true })
  check.ok(m:output("dense", x):min() < 0)
  check.ok(m:output("dense", x):clip(0, 1e9):equal(out))
end

-- branches
do
  sonde.seed(1)
  local a = input { 8 }
  local shared = dense { 8, name = "shared" }
  local b = shared(a)
  local c = shared(b)
  local m = model { inputs = a, outputs = dense { 2, name = "head" }(add { dense { 8, name = "side" }(c), b }) }
  m:compile { loss = "mse", optimizer = "adam" }
  check.fails(function() m:remove "add" end, "remove: add reads 2 outputs", "replace it by another layer")
  check.fails(function() m:insert("add", dropout { 0.1 }) end, "insert: add reads 2 outputs", "after = true")
  check.fails(function() m:insert("shared", dropout { 0.1 }) end, "shared is called 2 times", "m.layers.shared.calls[1]")
  check.fails(function() m:replace("side", dense { 7 }) end, "replace: ", "add", "(batch, 7) and (batch, 8)")
  check.fails(function() m:replace("add", dense { 7 }) end, "takes 1 input, got 2")
  check.fails(function() m:replace("side", conv2d { 2, 3 }) end, "replace: side: ", "(batch, 8)")
  check.equal(m.layers.side.shape[1], 8)
  local call = m.layers.shared.calls[2]
  m:insert(call, activation "tanh")
  check.fails(function() m:insert(call, activation "tanh") end, "the model was changed since this call of layer shared")
  check.ok(m:predict(x):equal(m:predict(x)))
  check.has(printed(m.replace, m, "add", concat {}), "in head")
  check.list(m.layers.head.kernel.shape, { 16, 2 })
  m:replace("shared", dense { 8, activation = "relu" })
  check.ok(m:output(m.layers.shared.calls[1], x):min() == 0)
  m:remove "side"
  check.ok(m:train_on_batch(x, tensor.zeros { 48, 2 }) > 0)
end

-- ---- errors ----
do
  local m = network()
  check.fails(function() m:replace("predicton", dense { 2 }) end, 'no layer "predicton"', 'did you mean "prediction"?')
  check.fails(function() m:replace(9, dense { 2 }) end, "there is no layer 9; the model has 4")
  check.fails(function() m:replace({}, dense { 2 }) end, "wants a layer: its name")
  check.fails(function() m:insert(2, 5) end, "insert: the new layer is 5, not a layer")
  check.fails(function() m:insert(2, "dense") end, 'insert: the new layer is "dense", not a layer, as in dense{ ... }')
  check.fails(function() m:insert(2, "relu") end, 'not a layer, as in activation "relu"')
  check.fails(function() m:replace("middle") end, "replace: the new layer is nil, not a layer")
  check.fails(function() m:replace("middle", "relu") end, 'as in activation "relu"')
  check.fails(function() m:replace("middle", dense { 2 }, { keep = true }) end, "did you mean \"keep_weights\"?")
  check.fails(function() m:insert("middle", dense { 2, name = "dense" }) end, 'two layers are named "dense"')
  check.fails(function() m:insert("input", dense { 2 }) end, "input is the model's input, nothing comes before it")
  check.fails(function() m:remove "input" end, "is the model's input")
  check.fails(function() m:replace(network().layers.middle, dense { 2 }) end, "the layer is of another model")
  check.fails(function() m:replace("middle", conv2d { 2, 3 }) end, "middle: ", "(batch, 8)")
  check.fails(function() m.replace("middle", dense { 2 }) end, "colon")
  for _, name in ipairs { "prediction", "middle", "batch_norm" } do m:remove(name) end
  check.fails(function() m:remove "dense" end, "no layers between input and output")
  check.equal(#m.layers, 1)
end

-- ---- a rate beside a callback that sets it ----
do
  for _, schedule in ipairs { exponential_decay { 0.5, 1, 0.5 }, function() return 0.5 end } do
    local m = network()
    m:compile { loss = "mse", optimizer = sgd { 0.1 } }
    local r = m:run(x, m:predict(x), { epochs = 3, verbose = 0, callbacks = { learning_rate_scheduler { schedule } } })
    r:step()
    check.equal(r.learning_rate, 0.5)
    local text = check.output(function() r.learning_rate = 1e-4 end):gsub("%s+", " ")
    check.has(text, "learning_rate: 0.0001 only until the next epoch begins: learning_rate_scheduler, a callback of this run")
    check.equal(check.output(function() r.learning_rate = 2e-4 end), "", "said once in an epoch")
    check.equal(r.learning_rate, 2e-4)
    r:epoch(2)
    check.ok(r.learning_rate >= 0.25)
    check.has(check.output(function() r:compile { learning_rate = 1e-3 } end), "learning_rate: 0.001 only until")
  end
  local m = network()
  m:compile { loss = "mse", optimizer = sgd { 0.1 } }
  local r = m:run(x, m:predict(x), { epochs = 3, verbose = 0, callbacks = { reduce_lr_on_plateau {} } })
  check.equal(check.output(function() r.learning_rate = 1e-4 end), "", "it goes on from whatever rate there is")
end

-- ---- freezing ----
do
  local m = network()
  local total, trainable = m:count_params()
  m:freeze()
  check.list({ m:count_params() }, { total, 0, total })
  check.equal(m:train_on_batch(x, y), m:train_on_batch(x, y), "all frozen: nothing moves")
  m:unfreeze "prediction"
  check.list({ m:count_params() }, { total, 18, total - 18 })
  m:unfreeze()
  check.equal(select(2, m:count_params()), trainable)
  m:freeze { except = "prediction" }
  check.equal(select(2, m:count_params()), 18)
  m:unfreeze { "dense", m.layers.middle, 3 }
  m:freeze { except = { "dense", "prediction" } }
  check.equal(select(2, m:count_params()), 18 + 72)
  check.equal(m.layers.batch_norm.trainable, false)
  check.fails(function() m:freeze { except = "dens" } end, 'freeze: there is no layer "dens"', "did you mean")
  check.fails(function() m:freeze { "dense", except = "middle" } end, "freeze: a list of layers and except in one")
  check.fails(function() m:freeze("dense", "middle") end, "several layers go into a list")
  check.fails(function() m:unfreeze {} end, "unfreeze: the list is empty")
  check.fails(function() m:freeze { excpt = "dense" } end, "did you mean \"except\"?")

  -- in the middle of a run: what is frozen stays, with what the optimizer keeps of it
  local r
  m, r = running()
  r:epoch()
  r:step()
  m:freeze { except = "prediction" }
  local function all(l) return { l.kernel, l.bias, l.kernel.m, l.kernel.v } end
  local dense_, norm, head = all(r.layers.dense), m.layers.batch_norm, m.layers.prediction.kernel
  local statistics = { norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance }
  r:epoch(2)
  check.same_weights(all(r.layers.dense), dense_)
  check.same_weights({ norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance }, statistics)
  check.ok(not m.layers.prediction.kernel:equal(head))
  check.equal(r:loss_terms().train.penalty, 0, "frozen weights carry no penalty")
  m:unfreeze()
  r:finish()
  check.ok(not m.layers.dense.kernel:equal(dense_[1]))
end

-- ---- compiling a run again ----
do
  local m, r = running()
  r:epoch()
  r:step(2)
  local made, state = r.iterations, r.layers.dense.kernel.v
  r:compile { metrics = { "accuracy", "sparse_categorical_crossentropy" } }
  check.equal(r.iterations, made)
  check.ok(r.layers.dense.kernel.v:equal(state))
  r:epoch(2)
  local h = r:history()
  check.equal(#h.loss, 3)
  check.ok(h.sparse_categorical_crossentropy[1] ~= h.sparse_categorical_crossentropy[1], "nan before")
  check.ok(h.sparse_categorical_crossentropy[2] > 0 and h.val_sparse_categorical_crossentropy[2] > 0)
  check.has(tostring(h), "-")
  r:compile { metrics = {} }
  check.equal(printed(function() r.verbose = 2 r:epoch() r.verbose = 0 end):find "accuracy", nil, "gone from the line")
  h = r:history()
  check.ok(h.accuracy[3] > 0 and h.accuracy[4] ~= h.accuracy[4] and h.loss[4] > 0, "what was there stays")

  -- the rate
  r:compile { learning_rate = 0.5 }
  check.equal(r.learning_rate, 0.5)
  check.equal(m.optimizer.learning_rate, 0.5)
  r.learning_rate = exponential_decay { 0.1, 1, 0.5 }
  check.near(r.learning_rate, 0.1, 1e-9, "a schedule begins where it is given")
  r:step()
  check.near(r.learning_rate, 0.05, 1e-9)
  check.equal(printed(function() r.learning_rate = 0.3 end), ("learning_rate: 0.3 from step %d on, in place of "
    .. "exponential_decay{initial_learning_rate=0.1, decay_steps=1, decay_rate=0.5}\n"):format(r.iterations + 1))
  check.equal(r.learning_rate, 0.3)
  check.equal(m.optimizer.learning_rate, 0.3)
  check.equal(printed(function() r.learning_rate = 0.2 end), "", "a number for a number")
  local asked
  r.learning_rate = function(step, epoch) asked = { step, epoch } return 0.25 end
  local at = r.iterations
  r:step()
  check.list(asked, { at, 4 })
  check.equal(r.learning_rate, 0.25)
  r:compile { metrics = { "accuracy" } }
  r:step()
  check.list(asked, { at + 1, 4 }, "the function stays")
  r:compile { learning_rate = 0.125 }
  asked = nil
  r:step()
  check.ok(asked == nil and r.learning_rate == 0.125)
  r.learning_rate = 0.0625
  r:compile { metrics = {} }
  check.equal(r.learning_rate, 0.0625, "a rate that was set stays")

  -- optimizer and loss
  state = r.layers.dense.kernel.v
  r:compile { optimizer = adam { 1e-3 } }
  check.ok(r.layers.dense.kernel.v:equal(state), "of the same type: its state stays")
  at = r.iterations
  r:compile { optimizer = sgd { 1e-3, momentum = 0.9 } }
  check.fails(function() return r.layers.dense.kernel.v end, "no v")
  r:step()
  check.equal(r.iterations, at + 1)
  r:compile { loss = function(t, p) return mean((one_hot(t, 2) - p)^2) end }
  check.ok(r:step().data < 1)
  check.equal(m.loss.type, "traced")
  r:finish()
  check.equal(#r:history().loss, 6)

  -- in the middle of an epoch: its average is of one loss
  m, r = running()
  r:epoch()
  r:step(2)
  r:compile { loss = function(t, p) return mean(p) + 100 end } -- 100.5, as each row of p has the sum 1
  r:epoch()
  h = r:history().loss
  check.near(h[#h], 100.5, 0.1)
  check.near(r:loss_terms(#h).train.data, 100.5, 1e-4)

  check.fails(function() r:compile {} end, "nothing is given")
  check.fails(function() r:compile { optimiser = "sgd" } end, "did you mean \"optimizer\"?")
  check.fails(function() r:compile { optimizer = "sgd", learning_rate = 1 } end, "not both")
  check.fails(function() r:compile { learning_rate = "high" } end, "learning_rate")
  check.fails(function() r:compile { metrics = { "accuracy", "accuracy", { 1 } } } end, "compile: metrics")

  -- from a function to a number, and what hangs on it: the function is asked no more, a resumed run needs none
  local calls = 0
  local function falling(step)
    calls = calls + 1
    return 0.01 / (step + 1)
  end
  m, r = running()
  r:compile { learning_rate = falling }
  r:epoch()
  calls, at = 0, r.iterations
  check.equal(r.learning_rate, 0.01 / (at + 1))
  check.equal(r.learning_rate, 0.01 / (at + 1), "of the next step")
  r:step()
  check.equal(calls, 1, "asked once for a step")
  check.has(printed(function() r.learning_rate = 1e-4 end), "learning_rate: 0.0001 from step " .. r.iterations + 1
    .. " on, in place of a function")
  r:step()
  check.equal(calls, 1)
  check.equal(r.learning_rate, 1e-4)
  local path = check.folder() .. "/rate.sonde"
  r:save(path)
  local back = resume(path, x, y, { validation_split = 0.25, verbose = 0 })
  check.equal(back.learning_rate, 1e-4)
  back:step(2)
  r:step(2)
  check.same_weights(back.model:get_weights(), m:get_weights(), "resumed")
  check.has(printed(function() r.learning_rate = falling end), "learning_rate: the function from step "
    .. r.iterations + 1 .. " on, in place of 0.0001")
  check.equal(r.learning_rate, 0.01 / (r.iterations + 1), "asked for, before the next step")

  -- between the pieces of a step, and from callbacks
  r:epoch()
  r:forward()
  printed(function() r.learning_rate = 0 end)
  local still = m.layers.dense.kernel
  r:update()
  check.ok(m.layers.dense.kernel:equal(still), "the open step has the new rate")
  local _, told = running { callbacks = { { on_epoch_end = function(epoch, _, run)
    if epoch == 0 then run.learning_rate = function() return 1e-5 end else run.learning_rate = 1e-6 end
  end } } }
  check.equal(select(2, printed(function() told:finish() end):gsub("learning_rate: ", "")), 2)
  check.equal(told.learning_rate, 1e-6)

  for v, words in pairs { [-1] = "learning_rate = -1", [true] = "got true", [{}] = "got a table" } do
    check.fails(function() r.learning_rate = v end, words)
  end
  check.fails(function() r.learning_rate = adam {} end, "learning_rate wants a schedule, got the optimizer adam")
  local _, plateau = running { callbacks = { reduce_lr_on_plateau {} } }
  check.fails(function() plateau.learning_rate = cosine_decay { 0.1, 10 } end,
    "reduce_lr_on_plateau sets the learning rate")
end

-- m:compile: a run that stands goes on with it, one that is over does not
do
  local m, r = running()
  r:epoch()
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = sgd { 0.5 }, metrics = { "top_k" } }
  check.equal(r.learning_rate, 0.5)
  check.equal(r.iterations, 0)
  r:finish()
  check.ok(r:history().top_k[1] ~= r:history().top_k[1] and r:history().top_k[2] == 1)
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.25 } }
  check.equal(r.learning_rate, 0.5)
  check.equal(#m:run(x, y, { verbose = 0 }):finish():history().loss, 1)
end

-- m:compile says once that the run at hand cannot go on
do
  local m = running()
  local bad = { loss = "binary_crossentropy", optimizer = "sgd" }
  check.has(printed(m.compile, m, bad), "compile: the run at hand cannot go on (binary_crossentropy")
  check.equal(printed(m.compile, m, bad), "")
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
  check.has(printed(m.compile, m, bad), "cannot go on")
end

-- ---- a run that cannot go on says so, and goes on when it can ----
do
  local m, r = running()
  r:step(3)
  check.has(printed(m.replace, m, "prediction", dense { 1, activation = "sigmoid" }), "the run at hand cannot go on")
  check.fails(function() r:step() end, "sparse_categorical_crossentropy")
  check.fails(function() r:save(os.tmpname()) end, "save: the run cannot go on")
  check.equal(printed(r.compile, r, { loss = "binary_crossentropy" }), "")
  r:epoch()
  check.ok(r:history().accuracy[1] > 0)
  check.has(printed(m.replace, m, "input", input { 4 }), "samples of the training data have shape (8,)")
  check.fails(function() r:step() end, "the model wants (4,)")
  m:replace("input", input { 8 })
  r:finish()
end

-- ---- what looks on ----
do
  local m, r = running()
  local series = r:record { "gradients", every = 1 }
  local norm = r:watch { "gradients.norm > 1e9", layer = "middle" }
  r:watch { "updates.norm > 1e9" }
  r:watch "nan"
  r:keep_path { every = 1 }
  r:forward()
  r:step(3)
  local output = r.layers.middle.output
  local text = printed(m.insert, m, "middle", dense { 8 })
  check.has(text, "insert: r:record{...} begins anew")
  check.has(text, "insert: the path of the weights is gone")
  check.ok(not text:find "disabled")
  check.equal(#series["middle/kernel"].norm, 3)
  check.ok(series.stopped)
  check.fails(function() return output.grad:max() end, "taken")
  r:step(2)
  check.equal(#series.steps, 3)
  check.equal(r.layers.middle.output.shape[2], 8)
  r:forward()
  check.ok(r:backward().dense_1.norm > 0)
  check.ok(r:gradients()["dense_1/kernel"].norm > 0)
  check.ok(norm.enabled)
  text = printed(m.remove, m, "middle")
  check.has(text, "remove: watchpoint 1 is disabled")
  check.ok(not norm.enabled)
  r:step()
  check.equal(#r:record { "weights", every = 1 }, 0)
  r:step(2)
  check.equal(#r:recorded().steps, 2)
  r:landscape { points = 3, batches = 1 }
  r:finish()
end

-- a halted step comes again in the changed model
do
  local m, r = running()
  r:watch "nan"
  r:step()
  m.layers.middle.kernel = m.layers.middle.kernel * (0 / 0)
  r:step()
  check.ok(r.stopped ~= nil)
  m:replace("middle", dense { 8 })
  local loss = r:step().loss
  check.ok(loss == loss and r.stopped == nil, "%s", loss)
end

-- from within a callback
do
  local m, r
  m, r = running { callbacks = { { on_epoch_end = function(epoch)
    if epoch == 1 then m:freeze { except = "prediction" } end
    if epoch == 2 then m:insert("prediction", dense { 8 }) end
    if epoch == 3 then r:compile { optimizer = "sgd", metrics = { "top_k" } } end
  end } } }
  r:finish()
  check.equal(#m.layers, 5)
  check.ok(r:history().top_k[6] == 1 and r:history().accuracy[1] > 0)
end

-- callbacks forget what was best
do
  local m, r = running { callbacks = { early_stopping { monitor = "loss", mode = "min", patience = 2,
    restore_best_weights = true } } }
  r:epoch(2)
  m:replace("prediction", dense { 2, activation = "softmax" })
  m:freeze()
  r:epoch()
  local head = m.layers.prediction.kernel
  r:finish()
  check.ok(m.layers.prediction.kernel:equal(head))
  check.ok(#r:history().loss >= 4)
end

-- ---- files ----
do
  local path = os.tmpname()
  local m, r = running()
  r:epoch()
  r:step(2)
  m:insert("prediction", dense { 6, activation = "relu", kernel_regularizer = l2(0.01) })
  m:remove "batch_norm"
  m:freeze "middle"
  r:compile { metrics = { "top_k", "accuracy" }, learning_rate = 0.02 }
  r:step()
  r:save(path)
  local again = resume(path, x, y, { validation_split = 0.25, verbose = 0 })
  r:finish()
  again:finish()
  check.same_weights(again.model:get_weights(), m:get_weights())
  for name, list in pairs(r:history()) do
    for i, v in ipairs(list) do
      check.ok(v == again:history()[name][i] or v ~= v, "%s %d", name, i)
    end
  end
  check.equal(tostring(r:loss_terms(1)), tostring(again:loss_terms(1)))
  m:save(path)
  check.ok(load_model(path):predict(x):equal(m:predict(x)))
  local copy = m:clone()
  copy:replace("prediction", dense { 2 })
  check.ok(not copy:predict(x):equal(m:predict(x)))
  os.remove(path)
end

-- transfer: a trained network, a new head, all but that frozen
do
  local path = os.tmpname()
  local m = network()
  m:fit(x, y, { epochs = 3, verbose = 0 })
  m:save(path)
  m = load_model(path)
  os.remove(path)
  local body = m.layers.dense.kernel
  local five = tensor.zeros { 48 }
  for i = 1, 48 do five[i] = math.min(4, math.max(0, math.floor((x[i][1] + 2) * 1.2))) end
  m:replace("prediction", dense { 5, activation = "softmax", name = "prediction" })
  m:freeze { except = "prediction" }
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.05 }, metrics = { "accuracy" } }
  local r = m:fit(x, five, { epochs = 30, verbose = 0, seed = 1 })
  check.ok(m.layers.dense.kernel:equal(body))
  local h = r:history()
  check.ok(h.loss[30] < 0.8 * h.loss[1] and h.accuracy[30] > 0.4, "%g %g", h.loss[30], h.accuracy[30])
end
check.done()
