-- watch "nan" names the first number that is none: layer, tensor, sample, element; and stops before the update.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

-- 24 images of two classes; bad at sample 11, row 5, column 7
local function images(bad)
  local x, y = {}, {}
  for i = 1, 24 do
    x[i], y[i] = {}, { i % 2, 1 - i % 2 }
    for row = 1, 8 do
      x[i][row] = {}
      for col = 1, 8 do x[i][row][col] = { (row * 7 + col * 13 + i * 5) % 17 / 17 } end
    end
  end
  if bad then x[11][5][7][1] = bad end
  return tensor(x), tensor(y)
end

local function network()
  sonde.seed(1)
  local m = sequential {
    conv2d { 4, 3, padding = "same", activation = "relu", input_shape = { 8, 8, 1 } }, batch_norm {}, max_pool2d { 2 },
    flatten {}, dense { 2, activation = "softmax", name = "prediction" },
  }
  m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  return m
end

local opts = { epochs = 3, batch_size = 5, seed = 3, verbose = 2 }

local function with_pixel(bad, m)
  local x, y = images(bad)
  return (m or network()):run(x, y, opts)
end

-- The one line of the first stop.
local function stop(r)
  r:watch "nan"
  return check.output(function() r:finish() end):match "(watchpoint[^\n]*)"
end

-- ---- one pixel ----

for value, text in pairs { [1 / 0] = "inf", [-1 / 0] = "-inf", nan = "nan" } do
  local m = network()
  local r = with_pixel(value == "nan" and 0 / 0 or value, m)
  local x = select(1, images())
  check.equal(stop(r), ("watchpoint 1: nan: first in the batch's x, sample 3 of the batch (11 of the data), element "
    .. "(5, 7, 1): %s; step 5 of epoch 1 is not made (epoch 1/3, step 4/5); r:continue() goes on"):format(text))
  local find = r.stopped.found
  check.ok(find.what == "x" and find.sample == 3 and find.index == 11 and not find.made)
  check.list(find.element, { 5, 7, 1 })
  check.ok(tostring(find.value) == text)
  check.ok(r.iterations == 4 and r.step_number == 4)
  check.ok(m:predict(x):norm() < 1e3) -- the weights are good
  check.equal(r:info()[1].hits, 1)
  -- it is made after all, and what comes of it is found at once
  local said = check.output(function() r:continue() end)
  check.ok(r.iterations == 5 and r.epoch_number == 1)
  check.has(said, "first in conv2d/kernel, element (1, 1, 1, 1): nan; step 1 of epoch 2 is not made")
end

-- a step by hand makes it too; disabled, nothing is looked for
local r = with_pixel(0 / 0)
stop(r)
check.output(function() r:step() end)
check.equal(r.iterations, 5)
r:disable(1)
check.output(function() r:finish() end)
check.ok(r.done and r.iterations == 15)

-- a step in pieces: the update is halted, and made when it is asked for again
r = with_pixel(0 / 0)
r:watch "nan"
check.output(function() r:step(4) end)
r:forward()
check.output(function() check.equal(r:update(), nil) end)
check.ok(r.stopped.number == 1 and r.iterations == 4)
local pixel = r.layers.conv2d.input[{ 3, 5, 7, 1 }] -- of the step that waits
check.ok(pixel ~= pixel)
check.ok(r.stopped.number == 1)
check.output(function() check.ok(r:update() ~= nil) end)
check.ok(r.iterations == 5 and r.stopped == nil)

-- conditions, ignored ones and hits: the step that is passed over is made
r = with_pixel(0 / 0)
local w = r:watch { "nan", ignore = 2, once = true, condition = function(s) return s.iterations ~= 5 end }
check.output(function() r:finish() end)
check.ok(w.hits == 3 and r.iterations == 7 and not w.enabled)
check.output(function() r:continue() end)
check.ok(r.done)

-- what others make of the model is their affair
r = with_pixel(0 / 0)
stop(r)
local x, y = images(0 / 0)
local m = r.model
check.ok(m:train_on_batch(x, y) ~= 0)
check.output(function() m:fit(x, y, { epochs = 1 }) end)
check.ok(m.last_run.done)

-- callbacks hear of a step once
local begins, ends = 0, 0
r = network():run(x, y, { epochs = 1, batch_size = 5, seed = 3, verbose = 0, callbacks = { {
  on_batch_begin = function() begins = begins + 1 end, on_batch_end = function() ends = ends + 1 end } } })
r:watch "nan"
r:finish()
check.list({ begins, ends, r.iterations }, { 5, 4, 4 })
r:continue()
check.ok(begins == 5 and ends == 5)

-- ---- one weight ----

local function plant(path, place, value)
  m = network()
  local layer, name = path:match "(.*)/(.*)"
  local t = m.layers[layer][name]
  t[place] = value
  m.layers[layer][name] = t
  return with_pixel(nil, m)
end
r = plant("conv2d/kernel", { 1, 2, 1, 3 }, 0 / 0)
check.equal(stop(r), "watchpoint 1: nan: first in conv2d/kernel, element (1, 2, 1, 3): nan; step 1 of epoch 1 "
  .. "is not made (epoch 0/3); r:continue() goes on")
check.ok(r.stopped.found.parameter == "conv2d/kernel" and r.stopped.found.layer == "conv2d" and r.iterations == 0)
check.has(stop(plant("batch_norm/moving_variance", { 2 }, 1 / 0)),
  "first in batch_norm/moving_variance, element (2,): inf")
-- finite, and too large for what is computed with it
r = plant("conv2d/kernel", { 2, 2, 1, 4 }, 3e38)
check.output(function() r:step() end)
r = plant("conv2d/bias", { 4 }, 3.4e38)
local line = stop(r)
check.has(line, "first in batch_norm output, sample ")
check.ok(r.stopped.found.what == "output" and r.stopped.found.element[3] == 4)

-- ---- a learning rate that is a million times too high ----

local px, py = check.points(40)
local function points(rate)
  sonde.seed(1)
  m = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, dense { 1, kernel_regularizer = l2(0.1) } }
  m:compile { loss = "mse", optimizer = sgd { rate } }
  return m:run(px, py, { epochs = 30, batch_size = 5, seed = 3, verbose = 2 })
end
check.equal(stop(points(0.01)), nil)
r = points(0.01 * 1e6)
check.has(stop(r), "first in the gradient of dense output")
check.ok(r.stopped.found.what == "output.grad" and r.stopped.found.layer == "dense" and r.stopped.found.sample == 1)
for _, t in ipairs(m:get_weights()) do check.ok(t:norm() < math.huge) end
-- the same steps without the watch, until the weights are bad: not before that step
local free = points(0.01 * 1e6)
check.output(function() free:step(r.iterations) end)
check.ok(m:get_weights()[1]:norm() < math.huge)
check.output(function() free:step() end)
check.ok(not (m:get_weights()[1]:norm() < math.huge))
-- in one step, by the update alone: it is made, and said so
r = points(1e9)
r.model.layers.dense_1.bias = tensor { 1e30 }
line = stop(r)
check.has(line, "after the update")
check.has(line, "the step is made (epoch 1/30, step 1/8)")
check.ok(r.stopped.found.made and r.iterations == 1)
check.ok(r.stopped.found.parameter == "dense_1/kernel" or r.stopped.found.parameter == "dense_1/bias"
  or r.stopped.found.layer == "dense")

-- ---- targets, and the validation ----

local bad = py:copy()
bad[{ 7, 1 }] = 1 / 0
points(0.01)
r = m:run(px, bad, { batch_size = 5, shuffle = false, verbose = 2 })
check.has(stop(r),
  "first in the batch's y, sample 2 of the batch (7 of the data), element (1,): inf; step 2 of epoch 1")
local dark = px:copy()
dark[{ 1, 1 }] = 0 / 0
points(0.01)
r = m:run(px, py, { batch_size = 5, epochs = 4, verbose = 2, validation_data = { dark, py }, validation_freq = 2 })
check.equal(stop(r), "watchpoint 1: nan: val_loss is nan (epoch 2/4); r:continue() goes on")
check.equal(r.stopped.found.what, "val_loss")

-- ---- layers that are called twice, pictures that have names ----

local i = input { 2 }
local shared = dense { 2, name = "shared", kernel_initializer = constant(1e20) }
local h = shared(i)
m = model { inputs = i, outputs = dense { 1 }(shared(activation "relu" (h))) }
m:compile { loss = "mse", optimizer = "sgd" }
r = m:run(px, py, { batch_size = 40, shuffle = false, verbose = 2 })
check.has(stop(r), "first in shared output of call 2, sample ")
check.equal(r.stopped.found.call, 2)

local folder = check.folder()
os.execute(("mkdir '%s/a' '%s/b'"):format(folder, folder))
for k = 1, 6 do
  local c = k == 5 and 200 or 0
  check.bmp(("%s/%s/%d.bmp"):format(folder, k % 2 == 0 and "a" or "b", k), 4, 4, c, c, c)
end
local data
check.output(function()
  check.output(function() data = image_folder { folder, image_size = { 4, 4 }, shuffle = false } end, "stderr")
end)
m = sequential { conv2d { 2, 2, input_shape = { 4, 4, 3 } }, flatten {},
  dense { 2, activation = "softmax" } }
m:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
m.layers.conv2d.kernel = tensor.full({ 2, 2, 3, 2 }, 1e37)
r = m:run(data, { batch_size = 4, shuffle = false, verbose = 2 })
-- a: 2, 4, 6; b: 1, 3, 5
check.has(stop(r), 'first in conv2d output, sample 2 of the batch ("5.bmp", 6 of the data), element (1, 1, 1): inf')
check.has(r.stopped.found.file, folder)

check.done()
