-- Profiles of steps: what a layer costs, that times add up, and that measuring changes nothing.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local function network()
  sonde.seed(1)
  local m = sequential {
    conv2d { 4, 3, padding = "same", kernel_regularizer = l2(1e-3), input_shape = { 6, 8, 2 }, activation = "relu" },
    batch_norm {}, flatten {}, dropout { 0.2 }, dense { 3, activation = "softmax", name = "head" } }
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.01 }, metrics = { "accuracy" } }
  return m
end
local x, labels = tensor.randn { 20, 6, 8, 2, seed = 1 }, {}
for i = 1, 20 do labels[i] = { i % 3 } end
local y = tensor(labels)

-- ---- what a layer costs ----

local m = network()
local before = m:get_weights()
local t = m:profile(x, y, { steps = 3, batch_size = 5 })
check.same_weights(m:get_weights(), before, "the model trained")
check.equal(t.mode, "train")
check.equal(t.steps, 3)
check.equal(t.batch_size, 5)
-- Forward and the weights' gradient; the input's is not wanted.
check.equal(t.conv2d.flops, 2 * (2 * 5 * 6 * 8 * 9 * 2 * 4))
check.equal(t.head.flops, 3 * (2 * 5 * 192 * 3))
check.equal(t[1], t.conv2d)
local image, maps, kernel = 5 * 96, 5 * 192, 9 * 2 * 4 + 4
-- conv2d: x, y, weights; dy, x, gradients. Its relu, twice: reads and writes; dy, y, dx.
check.equal(t.conv2d.bytes, 4 * ((image + maps + kernel) + (maps + image + kernel) + 2 * maps + 3 * maps))
check.equal(t.flatten.bytes, 0)
check.equal(t.head.bytes, 4 * ((960 + 15 + 579) + (15 + 960 + 960 + 579 + 579) + 2 * 15 + 3 * 15))
check.equal(t.conv2d.activations, 4 * maps)
local learned = kernel + 8 + 579
check.equal(t.update.bytes, 4 * 7 * learned)
check.equal(t.penalties.bytes, 16 * 72)
check.equal(t["gradients = 0"].bytes >= 4 * (learned + 8), true)

-- ---- times ----

local sum, share, floor = 0, 0, 0
for _, row in ipairs(t) do
  check.ok(row.time >= 0 and row.floor >= 0, "%s: %g, %g", row.name, row.time, row.floor)
  if row.forward then check.near(row.time, row.forward + row.backward, 1e-12, row.name) end
  sum, share, floor = sum + row.time, share + row.share, floor + row.floor
end
check.near(sum, t.seconds, 1e-9, "sum of the rows")
check.near(share, 1, 1e-9, "sum of the shares")
check.near(floor, t.floor, 1e-12, "sum of the floors")
check.near(t.samples_per_second * t.seconds, 5, 1e-9)
check.ok(t.conv2d.forward > 0 and t.conv2d.backward > 0 and t.update.time > 0 and t.loss.time > 0)
check.ok(t.peak.flops > 1e8 and t.peak.read > 1e7 and t.peak.update > 1e7, "the machine's peaks")
-- A floor is the longer one of arithmetic and memory, for each pass.
local peak = t.peak.bytes
check.near(t.update.floor, t.update.bytes / peak, 1e-15)
check.near(t.conv2d.floor, math.max(t.conv2d.flops / 2 / t.peak.flops, 4 * (image + maps + kernel) / peak)
  + math.max(t.conv2d.flops / 2 / t.peak.flops, 4 * (image + maps + kernel) / peak) + 4 * 5 * maps / peak, 1e-12)

-- ---- inference ----

local e = m:profile(x, { steps = 2, batch_size = 20 })
check.equal(e.mode, "eval")
check.equal(e.steps, 2)
check.equal(e.conv2d.flops, 2 * 20 * 6 * 8 * 9 * 2 * 4)
check.equal(e.conv2d.backward, nil)
check.equal(e.update, nil)
check.equal(e.dropout.bytes, 0)
check.equal(m:profile(x, y, { mode = "eval", steps = 5, batch_size = 8 }).steps, 5)
check.equal(sequential { dense { 2, input_shape = { 3 } } }:profile(tensor.zeros { 4, 3 }, { steps = 1 }).mode, "eval")

-- ---- runs: the steps count, and are the same ----

local opts = { batch_size = 6, epochs = 3, seed = 3, verbose = 0, validation_data = { x, y } }
local a, b = network(), network()
local ra, rb = a:run(x, y, opts), b:run(x, y, opts)
ra:step(7)
t = rb:profile(7)
check.equal(t.steps, 7) -- and a validation pass that is not among them
check.equal(rb.step_number, ra.step_number)
check.same_weights(b:get_weights(), a:get_weights(), "profiled steps")
local pen = t.penalties.time
rb:step()
check.equal(t.penalties.time, pen)
ra:step()
check.equal(rb:profile { steps = 2, floors = false }.peak, nil)
ra:step(2)
check.same_weights(b:get_weights(), a:get_weights(), "steps after a profile")
rb:finish()
check.fails(function() rb:profile() end, "the run is done")

-- A run that ends before: what was measured is told.
local r = network():run(x, y, { batch_size = 10, epochs = 1, verbose = 0 })
check.equal(r:profile(10).steps, 2)

-- A step that fails, and an interrupt: nothing goes on measuring, and the run goes on.
local broken = network():run(x, y, { batch_size = 10, epochs = 2, verbose = 0,
  callbacks = { { on_batch_end = function(i) if i == 0 then error "no more" end end } } })
check.fails(function() broken:profile(2) end, "no more")
check.ok(broken:step())
local again = network()
local run = again:run(x, y, { batch_size = 5, epochs = 9, verbose = 0 })
for n = 1, 40, 3 do
  local left = n
  debug.sethook(function()
    left = left - 1
    if left == 0 then
      debug.sethook()
      error("interrupted", 0)
    end
  end, "", 40)
  pcall(run.profile, run, 1, { floors = false })
  debug.sethook()
end
check.equal(run:profile(1, { floors = false }).steps, 1)

-- ---- what is said ----

check.fails(function() m:profile() end, "profile: wants a dataset")
check.fails(function() m:profile(x, y, { step = 3 }) end, '"step"', '"steps"')
check.fails(function() m:profile(x, y, { steps = 0 }) end, "steps = 0")
check.fails(function() m:profile(x, y, { mode = "predict" }) end, 'mode = "predict"')
check.fails(function() m:profile(x, { mode = "train" }) end, "no targets")
check.fails(function() m:profile(x, y, { floors = 1 }) end, "floors = 1")
check.fails(function() run:profile { batch_size = 3 } end, "batch_size is the run's")
check.fails(function() sequential { dense { 2, input_shape = { 3 } } }:profile(tensor.zeros { 4, 3 },
  tensor.zeros { 4, 2 }) end, "the model is not compiled")

local text = tostring(m:profile(x, y, { steps = 1 }))
for _, word in ipairs { "1 step of 20 samples", "conv2d", "forward", "backward", "update", "rest", "whole", "100.0" } do
  check.has(text, word)
end
for line in text:gmatch "[^\n]+" do check.ok(#line <= 80, "a line of %d columns:\n%s", #line, line) end
check.done()
