-- The tensors inside of a step, and a step in pieces: they are those of the step itself, and change nothing of it.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = tensor.randn { 22, 8, 8, 1, seed = 2 }, {}
for i = 1, 22 do y[i] = i % 3 end
y = tensor(y)

local function network()
  sonde.seed(1)
  local m = sequential {
    conv2d { 4, 3, padding = "same", activation = "relu", kernel_regularizer = l2(1e-2), input_shape = { 8, 8, 1 } },
    batch_norm {}, activation "tanh", max_pool2d { 2 }, dropout { 0.3 }, flatten {},
    dense { 3, activation = "softmax", name = "pred", activity_regularizer = l2(1e-2) },
  }
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  return m
end

local function start(more)
  local opts = { batch_size = 8, epochs = 2, seed = 3, verbose = 0, validation_data = { x, y } }
  for k, v in pairs(more or {}) do opts[k] = v end
  return network():run(x, y, opts)
end

-- Everything that training is made of.
local function same(a, b, what)
  check.same_weights(a.model:get_weights(), b.model:get_weights(), what)
  for _, name in ipairs { "conv2d", "pred" } do
    check.ok(a.layers[name].kernel.grad:equal(b.layers[name].kernel.grad), "%s: gradient of %s", what, name)
    check.ok(a.layers[name].kernel.m:equal(b.layers[name].kernel.m), "%s: m of %s", what, name)
    check.ok(a.layers[name].kernel.v:equal(b.layers[name].kernel.v), "%s: v of %s", what, name)
  end
  check.equal(a.iterations, b.iterations, what)
  check.equal(a.step_number, b.step_number, what)
  check.equal(a:loss_terms().train.total, b:loss_terms().train.total, what)
  for name, list in pairs(a:history()) do check.list(list, b:history()[name], what .. ": " .. name) end
end

-- ---- pieces give the numbers of the step, and the run its bits ----

local plain, r = start(), start()
for step = 1, 6 do
  local f = r:forward()
  check.equal(#f, 7)
  check.equal(f.pred, f[7])
  check.equal(f.samples, step % 3 == 0 and 6 or 8)
  check.equal(r.iterations, step - 1)
  local out = r.layers.pred.output
  check.list(out.shape, { f.samples, 3 })
  check.near(out:mean(), f.pred.mean, 1e-6)
  check.near(out:std(), f.pred.std, 1e-6)
  check.equal(out:max(), f.pred.max)
  check.equal(out:min(), f.pred.min)
  local b = r:backward()
  check.equal(b.loss, f.loss)
  check.near(r.layers.conv2d.output.grad:norm(), b.conv2d.norm, 1e-6)
  local grads = {}
  for i, name in ipairs { "conv2d", "batch_norm", "pred" } do
    grads[i] = r.layers[name][name == "batch_norm" and "gamma" or "kernel"].grad
  end
  check.near(grads[1]:norm(), b["conv2d/kernel"].norm, 1e-6)
  local losses = plain:step()
  check.equal(losses.loss, f.loss, "loss of step " .. step)
  check.equal(losses.activity, f.activity)
  local u = r:update()
  check.equal(u.loss, f.loss)
  check.ok(grads[1]:equal(r.layers.conv2d.kernel.grad) and grads[2]:equal(r.layers.batch_norm.gamma.grad)
    and grads[3]:equal(r.layers.pred.kernel.grad), "gradients of step %d", step)
  check.ok(out:equal(r.layers.pred.output), "the replay of step %d", step)
  same(r, plain, "step " .. step)
end
r:finish()
plain:finish()
same(r, plain, "at the end")
check.fails(function() r:forward() end, "it is done")
check.fails(function() r:step_layer() end, "it is done")
check.list({ r.layers.pred.output.shape[1] }, { 6 }) -- the batch was read again, behind the validation's

-- ---- layer by layer ----

plain, r = start(), start()
local seen = {}
for _ = 1, 7 + 1 + 7 + 1 do
  local t = r:step_layer()
  seen[#seen + 1] = tostring(t):match "^%a+ ?%d*/?%d*"
end
check.equal(seen[1], "forward 1/7")
check.equal(seen[8], "loss")
check.equal(seen[9], "backward 1/7")
check.equal(seen[16], "update")
plain:step()
same(r, plain, "layer by layer")
r:step_layer()
check.equal(#r:forward(), 7)
check.equal(r:step_layer()[1].name, "pred")
check.fails(function() return r.layers.conv2d.kernel.grad end, "pieces.lua:", "r:backward()")
r:epoch() -- from wherever it stands
plain:epoch()
same(r, plain, "on from the middle of a step")

-- ---- others use the network in between ----

plain, r = start(), start()
r:forward()
r.model:evaluate(x, y)
r.model:predict(x)
local _ = r.layers.conv2d.output -- computes the step anew
r:backward()
check.ok(r.layers.pred.output.grad, "gradients")
r:update()
plain:step()
same(r, plain, "evaluate in between")
-- what is computed belongs to the weights as they are
r:forward()
local before = r.layers.pred.output
r.layers.pred.bias = { 1, 2, 3 }
check.ok(not before:equal(r.layers.pred.output))
local b = r:backward()
plain.layers.pred.bias = { 1, 2, 3 }
check.equal(b.loss, plain:step().loss)
check.ok(r.layers.pred.bias.grad:equal(plain.layers.pred.bias.grad))
r:step()
same(r, plain, "weights set in between")
r:forward()
for _, run in ipairs { r, plain } do run.model:train_on_batch(x, y) end
b = r:backward()
check.equal(b.loss, plain:step().loss)
r:update()
same(r, plain, "train_on_batch in between")
r:forward()
r.model:gradients_on_batch(x, y)
r:backward()
r:update()
plain:step()
same(r, plain, "gradients_on_batch in between")

-- ---- parts of gradients ----

local k = r.layers.conv2d.kernel
check.near((k.data_grad + k.penalty_grad - k.grad):abs():max(), 0, 1e-7)
check.ok(k.penalty_grad:norm() > 0)
check.equal(r.layers.pred.kernel.penalty_grad:norm(), 0)
check.ok(r.layers.pred.kernel.data_grad:equal(r.layers.pred.kernel.grad))
r:backward()
k = r.layers.conv2d.kernel
local want = k * 0.02
check.near((k.penalty_grad - want):abs():max(), 0, 1e-8)
check.near((k.data_grad + k.penalty_grad - k.grad):abs():max(), 0, 1e-7)

-- ---- tensors ----

r = start()
check.fails(function() return r.layers.conv2d.output end, "pieces.lua:", "no step was made yet",
  "r:step()", "r:forward()")
check.equal(r.layers.conv2d.kernel.grad, nil)
r:step(2)
local out = r.layers.conv2d.output
check.ok(out:min() == 0, "behind the layer's own activation")
check.ok(r.layers.batch_norm.input:equal(out))
check.ok(r.layers.batch_norm.input.grad:equal(out.grad))
check.list(r.layers.conv2d.input.shape, { 8, 8, 8, 1 })
check.list(r.layers.conv2d.input.grad.shape, { 8, 8, 8, 1 })
check.ok(r.layers.conv2d.input.grad:norm() > 0)
check.ok(r.layers.input.output:equal(r.layers.conv2d.input))
check.fails(function() return r.layers.input.input end, "it reads nothing")
check.fails(function() return r.model.layers.conv2d.output end, 'm:output("conv2d", x)')
check.fails(function() return r.layers.conv2d.outptu end, "did you mean output?")
out[{ 1, 1, 1, 1 }] = -7 -- a copy
check.ok(not out:equal(r.layers.conv2d.output))
r:step()
check.fails(function() return out.grad end, "the run has moved on")
check.ok(r.layers.conv2d.output.grad)

-- the finish of a run keeps the weights of the last step of an epoch alone
local steps = 0
r = start { callbacks = { { on_batch_end = function()
  steps = steps + 1
  if steps == 2 then error("stop", 0) end
end } } }
check.fails(function() r:finish() end, "stop")
check.fails(function() return r.layers.conv2d.output end, "were not kept", "r:step()", "r:forward()")
check.fails(function() return r.layers.conv2d.kernel.data_grad end, "were not kept")
check.ok(r.layers.conv2d.kernel.grad)
check.ok(#r:forward() == 7 and r.layers.conv2d.output)
r:epoch()
check.ok(r.layers.conv2d.output.grad:norm() > 0)
check.fails(function() r:forward(3) end, "forward: takes nothing")

-- ---- branches, a layer called twice, frozen layers ----

sonde.seed(5)
local i = input { 6 }
local stem = dense { 6, activation = "tanh", name = "stem", trainable = false }(i)
local twice = dense { 6, activation = "tanh", name = "twice", kernel_regularizer = l2(0.1) }
local h1 = twice(stem)
local h2 = twice(h1)
local m = model { inputs = i, outputs = dense { 1, name = "head" }(add { stem, h1, h2 }) }
m:compile { loss = "mse", optimizer = sgd { 0.1 } }
local bx, by = tensor.randn { 12, 6, seed = 1 }, tensor.randn { 12, 1, seed = 2 }
r = m:run(bx, by, { batch_size = 12, verbose = 0 })
local f = r:forward()
check.list({ f[2].name, f[3].name }, { "twice (call 1)", "twice (call 2)" })
b = r:backward()
check.has(tostring(b), "not needed")
check.fails(function() return r.layers.twice.output end, "it is called 2 times", "r.layers.twice.calls[1].output")
local c = r.layers.twice.calls
check.equal(#c, 2)
check.equal(tostring(c[2]), "call 2 of 2 of layer twice -> (None, 6)")
check.ok(c[2].input:equal(c[1].output))
check.ok(not c[1].output:equal(c[2].output))
local inputs = r.layers.add.input
check.equal(#inputs, 3)
check.ok(inputs[1]:equal(r.layers.stem.output) and inputs[3]:equal(c[2].output))
check.ok(c[2].output.grad:equal(r.layers.add.output.grad))
check.ok(not c[1].output.grad:equal(r.layers.add.output.grad))
check.list(r.layers.stem.output.grad.shape, { 12, 6 }) -- though no weight needs it
check.list(r.layers.input.output.grad.shape, { 12, 6 })
check.equal(r.layers.stem.kernel.grad, nil)
check.equal(r.layers.stem.kernel.data_grad, nil)
local g, d = r.layers.twice.kernel.grad, r.layers.twice.kernel.data_grad
r:update()
check.ok(r.layers.twice.kernel.grad:equal(g))
check.ok(r.layers.twice.kernel.data_grad:equal(d))

-- ---- what is too large to be kept ----

local keep = require "sonde.inside"
keep.keep = 0
check.ok(r.layers.twice.calls[2].output:equal(c[2].output))
check.ok(r.layers.twice.calls[1].output.grad:equal(c[1].output.grad))
check.list(r.layers.input.output.grad.shape, { 12, 6 })
keep.keep = 256 << 20

-- ---- a step that was halted ----

local bad = bx:copy()
bad[{ 5, 2 }] = 0 / 0
r = m:run(bad, by, { batch_size = 12, verbose = 0 })
r:watch "nan"
check.output(function() r:step() end)
check.equal(r.iterations, 1) -- of the run before: the optimizer is the model's
check.equal(#r.layers.input.output:reshape { -1 }:tolist(), 72)
check.ok(r.layers.stem.output:sum() ~= r.layers.stem.output:sum(), "nan")
check.ok(r.layers.add.output.grad:sum() ~= 0)
local halted = r.layers.twice.kernel.grad
check.ok(halted:sum() ~= halted:sum(), "nan")
check.equal(r:forward()[1].nan, 6)
check.has(tostring(r:forward()), "6 nan")

check.fails(function() c[1].output = 1 end, "cannot be set")
check.fails(function() return m.layers.twice.calls[1].output end, "m:output")

check.done()
