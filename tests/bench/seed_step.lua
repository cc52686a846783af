-- Time and memory of the seed network's training step, on random data. Nothing else should run on the machine.
--   build/sonde tests/bench/seed_step.lua [STEPS [BATCH [SIZE]]]        seed_step_keras.py is its twin in Keras
local steps, batch, size = tonumber(arg[1]) or 4, tonumber(arg[2]) or 32, tonumber(arg[3]) or 256

local layers = {}
local function put(...)
  for _, layer in ipairs { ... } do layers[#layers + 1] = layer end
end
for i, filters in ipairs { 32, 64, 128 } do
  put(conv2d { filters, 5, padding = "same", kernel_regularizer = l2(1e-4),
    input_shape = i == 1 and { size, size, 3 } or nil })
  put(batch_norm {}, activation "relu", max_pool2d { 2 }, dropout { i / 10 })
end
put(flatten {}, dense { 128, kernel_regularizer = l2(1e-4) }, batch_norm {}, activation "relu", dropout { 0.5 })
put(dense { 2, activation = "softmax", kernel_regularizer = l2(1e-4) })
local m = sequential(layers)
m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }

math.randomseed(1)
local values, labels = {}, {}
for i = 1, batch * size * size * 3 do values[i] = math.random() end
for i = 1, batch do labels[i] = math.random(2) == 1 and { 1, 0 } or { 0, 1 } end
local x, y = tensor(values):reshape { batch, size, size, 3 }, tensor(labels)
values = nil
collectgarbage()

m:train_on_batch(x, y) -- plans, and touches the memory
local times = {}
for i = 1, steps do
  local t = sonde.clock()
  m:train_on_batch(x, y)
  times[i] = sonde.clock() - t
end
table.sort(times)
local best, median = times[1], times[steps // 2 + 1]
local now, most = sonde.memory()
print(("sonde %s  %dx%d batch %d  best %.3f s/step  median %.3f s/step  %.2f images/s  memory %.0f MiB, at most %.0f  "
  .. "threads %d  isa %s  openblas %s"):format(sonde.version, size, size, batch, best, median, batch / best,
  now / 2 ^ 20, most / 2 ^ 20, sonde.threads, sonde.isa, sonde.corename))
