-- What looking costs: time of the seed network's step alone, with statistics recorded at every 10th step, and of the
-- tables, on random data. Nothing else should run on the machine.
--   build/sonde tests/bench/probes.lua [STEPS [BATCH [SIZE]]]        STEPS: a multiple of 10
local steps, batch, size = tonumber(arg[1]) or 20, tonumber(arg[2]) or 32, tonumber(arg[3]) or 256
assert(steps % 10 == 0, "STEPS must be a multiple of 10")

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

local labels = {}
for i = 1, batch do labels[i] = i % 2 == 0 and { 1, 0 } or { 0, 1 } end
local x, y = tensor.random { batch, size, size, 3, seed = 1 }, tensor(labels)
local r = m:run(x, y, { batch_size = batch, epochs = 1000000, verbose = 0 })

local function seconds(fn)
  local t = sonde.clock()
  fn()
  return sonde.clock() - t
end

-- Ten steps at a time, alternating with plain ones, so that a slow minute of the machine meets both.
local probes = { "gradients", "activations", "updates" }
local function measure(opts)
  local plain, with = 0, 0
  for _ = 1, steps // 10 do
    plain = plain + seconds(function() r:epoch(10) end)
    local series = r:record(opts)
    with = with + seconds(function() r:epoch(10) end)
    r:record(false)
    assert(#series == 10 // opts.every, "nothing was recorded")
  end
  return plain / steps, with / steps
end
local function with_every(list, every)
  local opts = { every = every }
  for i, name in ipairs(list) do opts[i] = name end
  return opts
end
local function percent(a, b) return ("%+.2f %%"):format(100 * (b / a - 1)) end

r:epoch(2) -- plans, and touches the memory
print(("sonde %s  %dx%d batch %d  threads %d  isa %s  openblas %s"):format(sonde.version, size, size, batch,
  sonde.threads, sonde.isa, sonde.corename))
for _, case in ipairs { { { "gradients" }, 10 }, { probes, 10 }, { probes, 1 } } do
  local plain, with = measure(with_every(case[1], case[2]))
  print(("step %.3f s; recording %s, every %d: %.3f s, %s"):format(plain, table.concat(case[1], " "), case[2], with,
    percent(plain, with)))
end
local step = seconds(function() r:epoch(4) end) / 4
for _, name in ipairs { "gradients", "weights", "updates", "activations", "output_gradients" } do
  local best = math.huge
  for _ = 1, 3 do best = math.min(best, seconds(function() tostring(r[name](r)) end)) end
  print(("r:%s()  %.3f s, %.2f of a step"):format(name, best, best / step))
end
