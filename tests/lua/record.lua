-- r:record: series over time, for the steps that were made, without a trace in the training.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = check.points(80)
local function network()
  sonde.seed(5)
  local m = sequential {
    dense { 8, kernel_regularizer = l2(1e-2), input_shape = { 2 } }, batch_norm {}, activation "relu", dropout { 0.2 },
    dense { 1, activation = "sigmoid", name = "head" },
  }
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.01 } }
  return m
end
local function run(m, opts)
  local o = { batch_size = 16, epochs = 9, seed = 3, verbose = 0 }
  for k, v in pairs(opts or {}) do o[k] = v end
  return m:run(x, y, o)
end

-- one number for each recorded step
local m = network()
local r = run(m)
check.equal(r:recorded(), nil)
local s = r:record { "gradients", "activations", every = 2 }
check.equal(r:recorded(), s)
check.equal(#s, 0)
check.has(tostring(s), "recording gradients, activations at every 2nd step: nothing yet")
local norms = {}
for step = 1, 15 do
  r:step()
  norms[step] = r:gradients().dense.kernel.norm
end
check.list(s.steps, { 2, 4, 6, 8, 10, 12, 14 })
check.equal(#s, 7)
check.equal(s.every, 2)
for i, step in ipairs(s.steps) do check.equal(s["dense/kernel"].norm[i], norms[step]) end
check.list(s.dense.kernel.norm, s.gradients["dense/kernel"].norm)
check.list(s.activations.dense.std, s.dense.std)
check.equal(#s.head.bias.mean, 7)
-- dead units are counted over an epoch's recorded batches: 5 steps make an epoch
check.list(s.activation.samples, { 16, 32, 16, 32, 48, 16, 32 })
check.list(s.activation.units, { 8, 8, 8, 8, 8, 8, 8 })

-- texts
local text = tostring(s)
check.has(text, "recorded at every 2nd step: 7 times, last at step 14")
check.has(text, "dense/kernel")
check.has(text, "activations (dead: over 32 samples)")
check.has(text, "trend")
for line in text:gmatch "[^\n]+" do check.ok(utf8.len(line) <= 80, "%s", line) end
check.has(tostring(s.gradients), "batch_norm/gamma")
check.has(tostring(s.dense.kernel), "penalty_norm")
check.has(tostring(s.head), "record of head")

-- as tensors, into a file
local path = check.folder() .. "/series.npz"
npz.save(path, s:tensors())
local saved = npz.load(path)
check.equal(saved["gradients/dense/kernel/norm"]:equal(tensor(s.dense.kernel.norm, "float64")), true)
check.list(saved.steps:tolist(), s.steps)
local some = s:tensors "head/kernel"
check.ok(some["gradients/head/kernel/norm"] and some.steps and not some["gradients/dense/kernel/norm"])

-- ending it
s:stop()
check.equal(s.stopped, true)
r:epoch(1)
check.equal(#s, 7)
check.has(tostring(s), "stopped")
local a, b = r:record { "weights", every = 1 }, r:record { "updates", layers = "head", every = 3 }
check.equal(r:recorded(1), s)
check.equal(r:recorded(), b)
r:step(3)
check.equal(#a, 3)
r:record(false)
r:step()
check.equal(#a, 3)
check.equal(b.stopped, true)
check.fails(function() return b.dense end, "the record has no dense")

-- the same probe twice; every probe there is
m = network()
r = run(m)
s = r:record { gradients { part = "data" }, gradients, "gradients", weights {}, every = 1 }
r:step(2)
check.equal(#s.gradients.dense.kernel.norm, 2)
check.equal(#s.gradients_1.dense.kernel.norm, 2)
check.equal(#s.gradients_2.dense.kernel.norm, 2)
check.near(s.gradients.dense.kernel.norm[2], r:gradients { part = "data" }.dense.kernel.norm, 1e-9)
check.near(s.gradients_1.dense.kernel.norm[2], r:gradients().dense.kernel.norm, 1e-9)
local core = require "sonde.core"
for _, kind in ipairs(core.kinds) do
  if kind.kind == "probe" then
    for _, d in ipairs(kind) do
      local series = r:record { d.name, every = 1 }
      check.has(tostring(series), d.name)
      r:step(2)
      check.has(tostring(series), "trend")
      check.equal(#tostring(series[d.name]) > 40, true)
      local page = check.output(function() help(d.name) end)
      for _, c in ipairs(core.probe_columns(core.named("probe", d.name))) do
        check.ok(c.doc and #c.doc > 5, "%s of %s", c.name, d.name)
        check.has(page, c.name)
      end
      r:record(false)
    end
  end
end

-- training is the same with everything on, and with all tables printed in between
local function trained(look)
  local n = network()
  local q = run(n, { callbacks = look and { { on_batch_end = function(_, _, qq)
    tostring(qq:weights())
    tostring(qq:gradients())
  end } } or nil })
  if look then
    q:record { "gradients", "weights", "updates", "activations", "output_gradients", "penalty", "cosine",
      "noise_scale", every = look }
  end
  q:finish()
  return n:get_weights()
end
local plain = trained()
check.same_weights(trained(1), plain, "recording each step")
check.same_weights(trained(4), plain, "recording every fourth")

-- an error in a callback, another run of the same model, garbage
m = network()
r = run(m, { callbacks = { { on_batch_end = function(batch) if batch == 1 then error("oh", 0) end end } } })
s = r:record { "gradients", every = 1 }
check.fails(function() r:finish() end, "oh")
check.list(s.steps, { 1, 2 })
local other = run(m)
other:step(2)
check.list(s.steps, { 1, 2 })
local t = other:record { "cosine", every = 1 }
other:step(2)
check.equal(#t, 2)
check.equal(#s, 2)
other:step()
check.equal(#t.model.cosine, 3)
m = network()
for _ = 1, 30 do run(m):record { "gradients", "updates", every = 1 } end
collectgarbage()
collectgarbage()
run(m):finish()

-- what is wrong is said
check.fails(function() r:record("gradients", { every = 1 }) end, "record.lua:", 'r:record{ "gradients", every = 1 }')
check.fails(function() r:record() end, "record.lua:", "wants probes, got nil")
check.fails(function() r:record {} end, "at least one probe")
check.fails(function() r:record { "gradient" } end, 'did you mean "gradients"?')
check.fails(function() r:record { "gradients", evry = 2 } end, 'did you mean "every"?')
check.fails(function() r:record { "gradients", every = 0 } end, "every = 0")
check.fails(function() r:record { "gradients", layers = {} } end, "layers is empty")
check.fails(function() r:record { "gradients", layers = { "dens" } } end, 'did you mean "dense"?')
check.fails(function() r:record { adam {} } end, "wants a probe, got the optimizer adam")
check.fails(function() r:recorded(7) end, "recorded: there")
check.fails(function() return s.dense.kernel.nrm end, "did you mean norm?")
check.fails(function() return s.dens end, "did you mean dense?")
check.fails(function() s.stop() end, "write s:stop(...) with a colon")
check.fails(function() s:stop(1) end, "stop: takes no arguments, got 1; s:stop() ends this series")
check.fails(function() s:tensors "dens" end, 'no row "dens"')
check.fails(function() r:activations().nothing.x = 1 end, "record.lua:")

check.done()
