-- Probes: what watchpoints ask of them, and the tables r:gradients() and the like.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local probes = require "sonde.probes"

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
local function run(m) return m:run(x, y, { batch_size = 16, epochs = 3, seed = 3, verbose = 0 }) end

-- ---- for watchpoints ----

local m = network()
local r = run(m)
check.list(probes.columns "updates", { "norm", "mean", "std", "min", "max", "zero", "nan", "inf", "ratio" })
check.equal(probes.columns(gradients { part = "data" })[1], "norm")
local watched, all = probes.observe(r, "gradients"), probes.observe(r, weights {}, { layers = { "head" }, every = 2 })
check.equal(watched:last(), nil)
r:step()
local rows, step = watched:last()
check.equal(step, 1)
check.equal(#rows, 6)
check.equal(rows[1].name, "dense/kernel")
check.equal(rows[1].layer, "dense")
check.equal(rows[1].param, "kernel")
check.near(rows[1].norm, m.layers.dense.kernel.grad:norm(), 1e-6)
check.equal(all:last(), nil)
r:step(2)
rows, step = all:last()
check.equal(step, 2)
check.equal(#rows, 2)
check.equal(rows[2].name, "head/bias")
watched:stop()
r:step()
check.equal(select(2, watched:last()), 3)
check.equal(select(2, all:last()), 4)
check.fails(function() probes.observe(r, "gradient") end, 'did you mean "gradients"?')
check.fails(function() probes.observe(r, "gradients", { layers = "hed" }) end, 'no layer "hed"; did you mean "head"?')

-- ---- tables ----

m = network()
r = run(m)
check.fails(function() r:gradients() end, "probes.lua:", "gradients: no step was made yet; r:step()")
check.fails(function() r:activations() end, "no step was made yet")
check.fails(function() r:updates() end, "no step was made yet")
check.equal(#r:weights(), 8)
r:step(2)

local function stats_of(t)
  t = t:reshape { -1 }
  local mean = t:copy("float64"):mean()
  return { norm = t:norm(), mean = mean, std = t:copy("float64"):std(), min = t:min(), max = t:max() }
end
local function check_row(row, t, what)
  for k, v in pairs(stats_of(t)) do check.near(row[k], v, 1e-6 * math.max(1e-3, math.abs(v)), what .. " " .. k) end
  check.list(row.shape, t.shape)
  local n = 0
  for _, c in ipairs(row.histogram.counts) do n = n + c end
  check.equal(n, row.count)
  check.equal(#row.histogram.edges, #row.histogram.counts + 1)
  check.equal(row.histogram.edges[1], row.min)
  check.equal(row.histogram.edges[17], row.max)
end

local g, w, u = r:gradients(), r:weights(), r:updates()
check.equal(#g, 6)
check.equal(#u, 6)
check.equal(#w, 8)
check.equal(g["head/kernel"], g.head.kernel)
check.equal(g["head/kernel"], g[5])
check.equal(g[5].layer, "head")
check.equal(g[5].param, "kernel")
for _, p in ipairs { { "dense", "kernel" }, { "batch_norm", "gamma" }, { "head", "kernel" } } do
  local name, t = p[1] .. "/" .. p[2], r.layers[p[1]][p[2]]
  check_row(g[name], t.grad, "gradients of " .. name)
  check_row(w[name], t, "weights of " .. name)
  check.equal(g[name].bad, 0)
  check.near(g[name].ratio, u[name].ratio, 0)
  check.near(g[name].data_norm, t.data_grad:norm(), 1e-6)
  check.near(g[name].penalty_norm, t.penalty_grad:norm(), 1e-6)
end
check_row(r:gradients { part = "penalty" }.dense.kernel, r.layers.dense.kernel.penalty_grad, "penalty's gradient")
check_row(r:gradients { "dense", part = "data" }.dense.kernel, r.layers.dense.kernel.data_grad, "data's gradient")
check.equal(r:gradients { part = "penalty" }.head.kernel.zero, 1)
check.equal(#r:gradients "head", 2)
check.equal(#r:weights { "head", "dense" }, 4)
check.has(tostring(g), "gradients, epoch 1/3, step 2/5")
check.has(tostring(g), "penalty")
check.has(tostring(u), "upd/w")

-- what the layers compute, in the last step
local a, o = r:activations(), r:output_gradients()
check.equal(#a, 5)
for _, name in ipairs { "dense", "batch_norm", "activation", "dropout", "head" } do
  check.near(a[name].norm, r.layers[name].output:norm(), 1e-5, name)
  check.near(a[name].mean, r.layers[name].output:mean(), 1e-6, name)
  check.near(o[name].norm, r.layers[name].output.grad:norm(), 1e-6, name)
end
check.equal(a.activation.units, 8)
check.equal(a.activation.samples, 16)
check.has(tostring(a), "dead")
check.ok(a.activation.zero > 0.2)

-- any batch
local hot = r:activations { batch = x, layers = "dense" }
check.near(hot.dense.norm, (m:output("dense", x)):norm(), 1e-5)
check.has(tostring(hot), "activations of 80 samples, inference mode")
local list = m:gradients_on_batch(x, y)
r:step()
list = m:gradients_on_batch(x, y) -- at the same weights, with the dropout of the same step
local other = r:gradients { batch = { x, y } }
for i, t in ipairs(list) do check.near(other[i].norm, t:norm(), 1e-6 * (1 + t:norm()), other[i].name) end
check.ok(other[1].ratio == nil)
check.fails(function() r:gradients() end, "another batch took the place of the last step's")
check.fails(function() r:gradients { batch = x } end, "wants targets too")
check.fails(function() r:gradients { batch = {} } end, "gradients: batch holds nothing; it wants x or { x, y }")
check.fails(function() r:gradients { batch = { x, y }, data = x } end, "give batch or data, not both")
check.fails(function() r:gradients { data = { x, y } } end, "batch = { x, y }")
check.fails(function() r:weights { batch = x } end, "weights: have no batch")
check.fails(function() r:activations { part = "data" } end, "part is for gradients")
check.fails(function() r:gradients { part = "date" } end, "data")
check.fails(function() r:gradients { batc = x } end, 'did you mean "batch"?')
check.fails(function() r:gradients "hed" end, 'gradients: there is no layer "hed"; did you mean "head"?')
check.fails(function() r:gradients {{ 1 }} end, "probes.lua:")
check.fails(function() r:gradients { train = true } end, "train is for batch and data")
check.fails(function() r:activations { batch = tensor.zeros { 3, 5 } } end, "the model wants")
check.fails(function() r:gradients { batch = { x, y:rows(1, 3) } } end, "x has 80 samples, y has 3")

-- a whole pass: dead units are those that never fire, over all batches
local d = tensors { x = x, y = y }
local whole, dead = r:activations { data = d, batch_size = 16, histogram = true }, 0
check.equal(whole.activation.samples, 80)
local fired = m:output("activation", x)
for unit = 1, 8 do
  local alive = false
  for i = 1, 80 do alive = alive or fired[{ i, unit }] ~= 0 end
  if not alive then dead = dead + 1 end
end
check.equal(whole.activation.dead, dead)
check.near(whole.activation.mean, fired:mean(), 1e-6)
check.near(whole.activation.std, fired:copy("float64"):std(), 1e-6)
local counted = 0
for _, c in ipairs(whole.activation.histogram.counts) do counted = counted + c end
check.equal(counted, 640)
for _, row in ipairs(r:activations { data = d, batch_size = 80, histogram = true }) do
  check.list(row.histogram.counts, whole[row.name].histogram.counts, row.name)
end
check.equal(r:activations { data = d }.head.histogram, nil)
check.near(r:output_gradients { data = d, batch_size = 80, train = false }.head.norm,
  r:output_gradients { batch = { x, y }, train = false }.head.norm, 1e-9)

-- looking at everything changes nothing
local function weights_after(look)
  local n = network()
  local q = run(n)
  q:step(2)
  if look then
    for _, name in ipairs { "gradients", "weights", "updates", "activations", "output_gradients" } do
      tostring(q[name](q))
    end
    q:activations { data = d }
    q:gradients { batch = { x, y } }
  end
  q:finish()
  return n:get_weights()
end
check.same_weights(weights_after(true), weights_after(false), "looking")

-- NaN and Inf are counted beside the others
local n = network()
local q = run(n)
q:step()
local kernel = n.layers.dense.kernel
kernel[{ 1, 1 }], kernel[{ 2, 3 }], kernel[{ 2, 4 }] = 0 / 0, math.huge, -math.huge
n.layers.dense.kernel = kernel
local row = q:weights().dense.kernel
check.equal(row.nan, 1)
check.equal(row.inf, 2)
check.equal(row.bad, 3)
check.ok(row.norm == row.norm and row.max < 1e3)
check.has(tostring(q:weights()), "1 nan, 2 inf")

-- a step that r:forward() has opened, or that a watch has halted, is looked at before it is made
n = network()
q = run(n)
q:step(2)
local made = q:gradients().dense.kernel.norm
check.output(function() q:forward() end)
local pending = q:gradients()
check.has(tostring(pending), "gradients of the next step, epoch 1/3, step 3/5: 16 samples")
check.ok(pending.dense.kernel.norm ~= made)
check.has(tostring(q:activations()), "activations of the next step")
check.has(tostring(q:updates()), "updates, epoch 1/3, step 2/5")
q:record { "gradients", every = 1 }
q:step()
check.near(q:recorded().dense.kernel.norm[1], pending.dense.kernel.norm, 1e-9)
check.near(q:gradients().dense.kernel.norm, pending.dense.kernel.norm, 1e-9)
kernel = n.layers.dense.kernel
kernel[{ 1, 1 }] = 0 / 0
n.layers.dense.kernel = kernel
check.output(function()
  check.output(function()
    q:watch "nan"
    pcall(q.step, q)
  end)
end, "stderr")
check.equal(q.step_number, 3)
check.has(tostring(q:activations()), "activations of the next step")
check.equal(q:activations().dense.nan, 16)
check.equal(#q:recorded(), 1)

-- a layer that is called twice: both calls together
local input_, shared = input { 2 }, dense { 2, name = "shared", activation = "relu" }
local twice = model { inputs = input_, outputs = dense { 1, name = "end" }(shared(shared(input_))) }
twice:compile { loss = "mse", optimizer = sgd { 0.01 } }
q = twice:run(x, y, { batch_size = 80, verbose = 0 })
q:step()
local both = q:activations().shared
local first, second = q.layers.shared.calls[1].output, q.layers.shared.calls[2].output
check.equal(both.count, 320)
check.near(both.norm, math.sqrt(first:norm() ^ 2 + second:norm() ^ 2), 1e-5)
check.near(both.max, math.max(first:max(), second:max()), 0)
local sum = 0
for _, c in ipairs(both.histogram.counts) do sum = sum + c end
check.equal(sum, 320)

-- inside of an epoch of finish() the weights before a step are not kept
local halfway = network()
q = halfway:run(x, y, { batch_size = 16, verbose = 0, callbacks = { { on_batch_end = function(batch, _, run)
  if batch == 2 then
    check.ok(run:gradients().dense.kernel.norm > 0)
    check.equal(run:gradients().dense.kernel.ratio, nil)
    check.equal(run:gradients().dense.kernel.penalty_norm, nil)
    check.fails(function() run:updates() end, "were not kept", "r:step() makes a step that keeps them")
    check.fails(function() run:activations() end, "were not kept")
    check.fails(function() run:gradients { part = "data" } end, "were not kept")
  end
end } } })
q:finish()
check.ok(q:gradients().dense.kernel.ratio > 0) -- an epoch's last step keeps them

-- ---- a penalty that is no sum over the weights ----

do
  local wide = sequential { dense { 9000, kernel_regularizer = function(w) return sonde.sqrt(sonde.sum(w ^ 2)) end,
    input_shape = { 2 } }, dense { 1, activation = "sigmoid" } }
  wide:compile { loss = "binary_crossentropy", optimizer = sgd { 0.01 } }
  local s = run(wide)
  local series = s:record { "gradients", every = 1 }
  s:step()
  local kernel = s.layers.dense.kernel
  check.near(s:gradients()[1].penalty_norm, 1, 1e-5) -- w / |w|
  check.near(s:gradients()[1].data_norm, kernel.data_grad:norm(), 1e-5)
  check.near(s:gradients { part = "penalty" }[1].norm, 1, 1e-5)
  check.near(s:gradients { part = "data" }[1].norm, kernel.data_grad:norm(), 1e-5)
  check.near(series["dense/kernel"].penalty_norm[1], 1, 1e-5)
end

-- ---- texts ----

local tables = require "sonde.probe_table"
for v, text in pairs { [0] = "0", [1] = "1.0000", [-0.00123] = "-0.0012", [123.456] = "123.456",
  [12345.678] = "12345.7", [1e-5] = "1.0e-5", [-1.25e9] = "-1.2e9", [99999] = "1.0e5", [math.huge] = "inf", [-3e-30] = "-3.0e-30" } do
  check.equal(tables.number(v), text)
  check.ok(#tables.number(v) <= 8)
end
check.equal(tables.number(0 / 0), "nan")
check.equal(tables.number(nil), "-")
check.equal(utf8.len(tables.bars({ 0, 1, 2, 4 }, 4)), 4)
check.equal(utf8.len(tables.trend({ 1, 2, 3 }, 8)), 3)
check.equal(utf8.len(tables.trend({ 1, 0 / 0, 3, 3, 3, 3, 3, 3, 3, 3 }, 8)), 8)
for _, t in ipairs { g, w, u, a, o, whole } do
  for line in tostring(t):gmatch "[^\n]+" do check.ok(utf8.len(line) <= 80, "%s", line) end
end

-- any width, and plain ASCII
local core = require "sonde.core"
local terminal, utf8_known = core.terminal, core.utf8
for _, columns in ipairs { 40, 60, 80, 120, 200 } do
  core.terminal = function() return columns end
  for _, known in ipairs { true, false } do
    core.utf8 = known
    for _, t in ipairs { g, w, u, a, o, whole } do
      local text = tostring(t)
      check.ok(known or not text:find "[\128-\255]", "%s", text)
      check.ok(not text:find "[%z\1-\9\11-\31\127]", "a control: %q", text)
      for line in text:gmatch "[^\n]+" do check.ok(utf8.len(line) <= columns, "%d columns: %s", columns, line) end
    end
  end
  if columns == 200 then
    for _, head in ipairs { "shape", "norm", "data", "penalty", "upd/w", "mean", "std", "min", "max", "zero %" } do
      check.has(tostring(g), head)
    end
  end
end
core.terminal, core.utf8 = terminal, utf8_known

-- a part of a table prints as that part
do
  local x, y = check.points(16)
  local net = sequential { dense { 4, input_shape = { 2 } }, dense { 1 } }
  net:compile { loss = "mse", optimizer = "sgd" }
  local run = net:run(x, y, { verbose = 0 })
  run:step()
  local all = run:gradients()
  local layer, row = tostring(all.dense), tostring(all[3])
  check.ok(layer:find "dense/kernel" and layer:find "dense/bias" and not layer:find "dense_1", layer)
  check.ok(row:find "dense_1/kernel" and not row:find "bias", row)
  check.equal(tostring(all.dense_1.kernel), row)
  check.has(tostring(run:activations().dense), "dead")
  local names = {}
  for name in pairs(all.dense) do names[#names + 1] = name end
  table.sort(names)
  check.list(names, { "bias", "kernel" })
end

check.done()
