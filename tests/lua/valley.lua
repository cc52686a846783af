-- Copies of models, landscapes, the range test, the sharpness: what they give, and that the model is left alone.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"

local x, y = check.points(80)
local data = { x = x, y = y }

local function network()
  sonde.seed(1)
  local m = sequential { dense { 6, activation = "tanh", input_shape = { 2 }, kernel_regularizer = l2(1e-3) },
    batch_norm {}, dropout { 0.2 }, dense { 1, activation = "sigmoid" } }
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.01 }, metrics = { "accuracy" } }
  return m
end
local opts = { epochs = 4, batch_size = 8, seed = 4, verbose = 0 }

local function every_weight(m) return m:get_weights() end

-- ---- clone ----

local m = network()
local r = m:run(x, y, opts)
r:epoch(2)
local copy = m:clone()
check.same_weights(copy:get_weights(), m:get_weights(), "clone")
check.equal(tostring(copy.optimizer), tostring(m.optimizer))
check.equal(tostring(copy), tostring(m))
check.equal(copy.last_run, nil)
local a, b = m:evaluate(x, y), copy:evaluate(x, y)
check.equal(b.loss, a.loss)
check.equal(b.accuracy, a.accuracy)
local before = every_weight(m)
copy:fit(x, y, { epochs = 1, verbose = 0 })
check.same_weights(m:get_weights(), before, "the original, after the copy has learned")
check.ok(not copy:get_weights()[1]:equal(before[1]))
copy = m:clone { optimizer = true }
check.equal(m:train_on_batch(x, y), copy:train_on_batch(x, y))
check.same_weights(copy:get_weights(), m:get_weights(), "a step with the optimizer's state")
copy = m:clone()
m:train_on_batch(x, y)
copy:train_on_batch(x, y)
check.ok(not copy:get_weights()[1]:equal(m:get_weights()[1]), "a new optimizer makes another step")
check.fails(function() m:clone { optimiser = true } end, 'did you mean "optimizer"')

m.layers.dense.trainable = false
check.equal(m:clone().layers.dense.trainable, false)
m.layers.dense.trainable = true
local plain = sequential { dense { 1, input_shape = { 2 } } }
check.same_weights(plain:clone():get_weights(), plain:get_weights(), "not compiled")
check.fails(function() plain:clone():evaluate(x, y) end, "not compiled")
plain:compile { loss = "mse", optimizer = sgd { learning_rate = function() return 0.5 end } }
local twin = plain:clone()
plain:train_on_batch(x, y)
twin:train_on_batch(x, y)
check.same_weights(twin:get_weights(), plain:get_weights(), "a rate that is a function")

-- ---- nothing of a run is touched, whatever is asked, and whenever it is interrupted ----

local function untouched(what, probe)
  local one, two = network(), network()
  local r1, r2 = one:run(x, y, opts), two:run(x, y, opts)
  r1:step(13)
  r2:step(13)
  probe(r2, two)
  check.same_weights(two:get_weights(), one:get_weights(), what)
  r1:finish()
  r2:finish()
  check.same_weights(two:get_weights(), one:get_weights(), what .. ", to the end")
  check.list(r2:history().loss, r1:history().loss, what)
  check.equal(two.last_run, r2)
end
untouched("landscape", function(run, model)
  run:landscape { points = 3 }
  model:landscape(data, { points = 3, dimensions = 2, train = true })
end)
untouched("keep_path", function(run)
  run:keep_path { every = 1 }
  run:landscape { points = 3 }
end)
untouched("hooks", function(run) run:keep_path { every = 1 } end)
check.fails(function() untouched("a weight", function(_, model) model:train_on_batch(x, y) end) end, "a weight")
untouched("lr_find", function(_, model) model:lr_find(data, { steps = 20 }) end)
untouched("sharpness", function(run, model)
  run:sharpness { iterations = 3 }
  model:sharpness(data, { iterations = 3, mode = "eval" })
end)

-- An interrupt at any place of the Lua half, and failing memory at any place of the core.
local probes = {
  landscape = function(run) run:landscape { points = 2 } end,
  lr_find = function(_, model) model:lr_find(data, { steps = 10 }) end,
  sharpness = function(run) run:sharpness { iterations = 2 } end,
  clone = function(_, model) model:clone { optimizer = true } end,
  keep_path = function(run) run:keep_path() end,
}
for name, probe in pairs(probes) do
  untouched(name .. ", interrupted", function(run, model)
    for n = 1, 60, 7 do
      local left = n
      debug.sethook(function()
        if not debug.getinfo(2, "S").source:find "^=sonde/" then return end
        left = left - 1
        if left == 0 then error("interrupted", 0) end
      end, "", 10)
      pcall(probe, run, model)
      debug.sethook()
    end
  end)
  untouched(name .. ", without memory", function(run, model)
    for n = 0, 40, 3 do
      core.fail_after(n)
      local ok, why = pcall(probe, run, model)
      core.fail_after(-1)
      check.ok(ok or tostring(why):find "needs", "%s: %s", name, tostring(why)) -- most are tried again
    end
  end)
end

-- ---- landscapes ----

m = network()
r = m:run(x, y, opts)
local path = r:keep_path()
r:epoch(3)
local t = m:landscape(data, { points = 5, batches = 100 })
check.equal(#t.alphas, 5)
check.list(t.alphas, { -1, -0.5, 0, 0.5, 1 })
check.equal(t.betas, nil)
check.equal(t.samples, 80)
check.near(t.loss[3], m:evaluate(x, y).loss, 1e-6)
check.near(t.accuracy[3], m:evaluate(x, y).accuracy, 1e-6)
check.near(t.loss[1], t.data[1] + t.penalty[1], 1e-6)
check.equal(t.here.loss, t.loss[3])
local again = m:landscape(data, { points = 5, batches = 100 })
check.list(again.loss, t.loss, "the same again")
check.ok(m:landscape(data, { points = 5, seed = 1 }).loss[1] ~= t.loss[1])

-- each filter of a random direction is as long as the weights'; what has one axis stays
local s = core.state(m)
local scout = core.scout("landscape", s.trainer, tensors { x = x, y = y }, { batch_size = 16, batches = 0, seed = 3,
  train = false, slopes = false, penalties = true })
core.scout_random(scout, 1, 3)
core.scout_random(scout, 2, 3)
local weights = m:get_weights()
for i = 1, #weights do
  local w, d = weights[i], core.scout_direction(scout, 1, i)
  if #w.shape == 1 then
    check.equal(d:norm(), 0)
  else
    check.ok(not d:equal(core.scout_direction(scout, 2, i)))
    local function filters(v)
      local list, rows = {}, v:tolist()
      for _, row in ipairs(rows) do
        for c, e in ipairs(row) do list[c] = (list[c] or 0) + e * e end
      end
      return list
    end
    local fw, fd = filters(w), filters(d)
    for c = 1, #fw do check.near(fd[c], fw[c], 1e-5 * fw[c], "filter") end
  end
end

-- a point is the loss of a model with those weights
local moved = m:clone()
local list = {}
for i, w in ipairs(weights) do
  list[i] = w + core.scout_direction(scout, 1, i) * 0.7 + core.scout_direction(scout, 2, i) * -0.4
end
moved:set_weights(list)
local p = core.scout_point(scout, 0.7, -0.4)
check.near(p.total, moved:evaluate(x, y).loss, 1e-5)
check.near(p.metrics.accuracy, moved:evaluate(x, y).accuracy, 1e-6)
check.equal(p.n, 80)

-- frozen layers stay where they are
m.layers.dense.trainable = false
scout = core.scout("landscape", s.trainer, tensors { x = x, y = y }, { batch_size = 16, batches = 1, seed = 3,
  train = false, slopes = false, penalties = true })
core.scout_random(scout, 1, 3)
check.equal(core.scout_direction(scout, 1, 1):norm(), 0)
check.ok(core.scout_direction(scout, 1, #weights - 1):norm() > 0)
m.layers.dense.trainable = true

-- along the last update: -1 is before it
local single = network()
local run = single:run(x, y, opts)
check.fails(function() run:landscape { directions = "updates" } end, "r:step()")
run:step(2)
local old = single:get_weights()
run:step()
local line = run:landscape { directions = "updates", points = 3, span = 1, batches = 100 }
local other = single:clone()
local now = single:get_weights()
for i, w in ipairs(now) do -- statistics stay as they are now
  if i >= 5 and i <= 6 then old[i] = w end
end
other:set_weights(old)
check.near(line.loss[1], other:evaluate(x, y).loss, 1e-5)
check.near(line.loss[2], single:evaluate(x, y).loss, 1e-6)
check.fails(function() run:landscape { directions = "updates", dimensions = 2 } end, "r:keep_path")

-- far away the loss is not finite, and stays that
local far = m:landscape(data, { points = 3, span = 1e30 })
check.ok(far.loss[1] == math.huge or far.loss[1] ~= far.loss[1])
check.ok(far.loss[2] == far.loss[2])
check.has(tostring(far), "not finite")

-- the path, in two dimensions: coordinates keep the distances within the plane
t = r:landscape { points = { 6, 4 } }
check.equal(t.directions, "pca")
check.equal(#t.loss, 4)
check.equal(#t.loss[1], 6)
check.list(t.path.labels, { 0, 1, 2, 3 })
check.near(t.path.alphas[4], 0, 1e-6)
check.near(t.path.distance[4], 0, 1e-5)
check.ok(t.alphas[1] < t.path.alphas[1] and t.alphas[6] > 0)
check.ok(t.explained[1] >= t.explained[2] and t.explained[1] + t.explained[2] <= 1 + 1e-9)
check.near(t.length, 1, 1e-5)
check.has(tostring(t), "main directions")
check.has(tostring(t), "@")
check.has(tostring(path), "4 of at most 20 snapshots")
t = r:landscape { directions = "updates", points = 3 }
check.equal(t.dimensions, 2)
check.near(t.path.alphas[3], -1, 1e-5) -- one move back
check.near(t.path.betas[3], 0, 1e-5)
check.near(t.path.alphas[2], 0, 1e-5)
check.near(t.path.betas[2], -1, 1e-5)
t = r:landscape { directions = "random", points = 3 }
check.equal(#t.path.alphas, 4)
check.equal(t.betas[1], -1)
check.equal(r:landscape({ x = x, y = y }, { dimensions = 1, points = 2 }).dimensions, 1)

-- what :plot() draws
local drawn = t:plot().panels[1]
check.equal(drawn.matrix.z, t.loss)
check.list(drawn.matrix.path.x, t.path.alphas)
check.has(t:plot():render "gp", "splot")
drawn = line:plot().panels
check.equal(drawn[1].series[1].y, line.loss)
check.equal(drawn[1].series[2].title, "data loss")
check.equal(drawn[2].series[1].y, line.accuracy)

-- snapshots thin out
run = network():run(x, y, opts)
path = run:keep_path { every = 1, snapshots = 4 }
run:step(8)
check.list(core.path_info(path.handle), { 0, 4, 8 })
check.has(tostring(path), "at each step")
check.equal(run:keep_path(false), nil)
check.equal(run:landscape { points = 2 }.path, nil)
check.fails(function() run:landscape { directions = "pca" } end, "r:keep_path()")
check.fails(function() run:keep_path { every = "batch" } end, '"batch"')
check.fails(function() run:keep_path { snapshots = 65 } end, "4..64")
run:keep_path()
check.fails(function() run:landscape { directions = "pca" } end, "the path has 0 directions")

check.fails(function() m:landscape(data, { directions = "up" }) end, '"random", "updates", "pca"')
check.fails(function() m:landscape(data, { dimensions = 3 }) end, "dimensions = 3")
check.fails(function() m:landscape(data, { span = 0 }) end, "span = 0")
check.fails(function() m:landscape(data, { span = 1e31 }) end, "span = 1e+31")
check.fails(function() m:landscape(data, { points = 1 }) end, "points = 1")
check.fails(function() m:landscape(tensor { { 1, 2, 3 } }, tensor { 0 }) end, "landscape", "(3,)", "(2,)")
check.fails(function() sequential { dense { 1, input_shape = { 2 } } }:landscape(data) end, "not compiled")
m.layers.dense.trainable, m.layers.dense_1.trainable = false, false
check.fails(function() m:landscape(data) end, "no kernel of the model is trainable")
m.layers.dense.trainable, m.layers.dense_1.trainable = true, true

-- ---- the range test ----

-- A quadratic whose largest curvature is known: the loss goes up from a rate of 2 / lambda on, and not before.
local qx, qy = tensor { { 3, 0 }, { 0, 1 }, { -3, 0 }, { 0, -1 } }, tensor { { 4 }, { 1 }, { -2 }, { -1 } }
local q = sequential { dense { 1, use_bias = false, input_shape = { 2 }, kernel_initializer = "zeros" } }
q:compile { loss = "mse", optimizer = sgd { 0.01 } }
local lambda = 2 / 4 * 18
check.near(q:sharpness({ x = qx, y = qy }, { batch_size = 4, tolerance = 1e-4 }).eigenvalue, lambda, 1e-3)
t = q:lr_find({ x = qx, y = qy }, { from = 0.01, to = 10, steps = 25, batch_size = 4, beta = 0 })
local turn
for i = 2, #t.lr do
  if t.loss[i] > 1.01 * t.loss[i - 1] then turn = turn or t.lr[i - 1] end
end
check.ok(turn and turn > 2 / lambda * 0.95 and turn < 20 / lambda, "the loss rises after rate %s", tostring(turn))
check.has(t.stopped, "four times its best")
for _, name in ipairs { "valley", "steep", "minimum" } do
  check.ok(t.suggestions[name] < 2 / lambda, "%s = %s", name, tostring(t.suggestions[name]))
end
check.equal(t.learning_rate, 0.01)
check.has(tostring(t), "suggestions: valley")
check.ok(t.suggestions.fall > 0.8)
drawn = t:plot().panels[1]
check.equal(#drawn.series, 3) -- no penalty
local best, gone = math.min(table.unpack(t.smoothed)), 0
local top = math.max(4 * best, t.loss[1])
for i, v in ipairs(t.loss) do gone = gone + (v > top and 1 or 0) end
check.ok(gone > 0 and t.loss[#t.loss] > top, "it diverges")
check.has(drawn.title, ("%d loss%s above"):format(gone, gone == 1 and "" or "es"), "left out")
check.list(drawn.series[1].y, table.move(t.loss, 1, #t.loss - gone, 1, {}))
check.list(drawn.series[1].x, table.move(t.lr, 1, #t.loss - gone, 1, {}))
for _, s in ipairs(drawn.series) do check.ok(math.max(table.unpack(s.y)) <= top) end
check.fails(function() t:plot "loss" end, 'plot: takes no arguments, got "loss"')
check.equal(q:get_weights()[1]:norm(), 0)

-- every optimizer, and rates that are no numbers
for _, o in ipairs { sgd { 0.1, momentum = 0.9 }, adam {}, adamw {}, rmsprop {}, adagrad {},
  sgd { cosine_decay { 0.1, 100 } }, adam { function() return 0.1 end, clipnorm = 1 } } do
  m:compile { loss = "binary_crossentropy", optimizer = o, metrics = { "accuracy" } }
  t = m:lr_find(data, { steps = 30, batch_size = 16 })
  check.ok(#t.lr >= 10 and t.lr[1] == 1e-7)
  check.equal(#t.data, #t.lr)
  check.equal(t.optimizer, o.type)
  check.ok(t.loss[1] > t.data[1])
end
q:set_weights { tensor { { 1 }, { 0 / 0 } } }
t = q:lr_find({ x = qx, y = qy }, { steps = 20 })
check.equal(#t.lr, 1)
check.has(t.stopped, "not finite")
check.has(tostring(t), "suggestions: none")
check.fails(function() q:sharpness({ x = qx, y = qy }) end, "sharpness: the loss of these weights is nan")
check.fails(function() m:lr_find(data, { from = 1, to = 0.1 }) end, "from = 1 is not below to = 0.1")
check.fails(function() m:lr_find(data, { steps = 3 }) end, "steps = 3")
check.fails(function() m:lr_find(data, { beta = 1 }) end, "beta = 1")

-- ---- the sharpness ----

m:compile { loss = "binary_crossentropy", optimizer = adam { 0.01 }, metrics = { "accuracy" } }
s = m:sharpness(data, { iterations = 4 })
check.equal(s.preconditioned, nil)
check.equal(s.samples, 32)
check.has(tostring(s), "r:step() must have been made")
m:train_on_batch(x, y)
s = m:sharpness(data, { iterations = 4, batches = 3 })
check.equal(s.samples, 80)
check.ok(s.preconditioned.eigenvalue > 0)
check.near(s.limit, 3800, 1e-6)
check.has(tostring(s), "stable below 38 / rate 0.01 = 3800")
again = m:sharpness(data, { iterations = 4, batches = 3 })
check.equal(again.eigenvalue, s.eigenvalue) -- fixed masks
m:compile { loss = "binary_crossentropy", optimizer = sgd { 0.01, momentum = 0.9 } }
s = m:sharpness(data, { mode = "eval" })
check.near(s.stable_own, 3.8 / s.eigenvalue, 1e-9)
check.has(tostring(s), "in use 0.01")
check.fails(function() m:sharpness(data, { mode = "test" }) end, '"train", "eval"')
for _, layer in ipairs(m.layers) do layer.trainable = false end
check.fails(function() m:sharpness(data) end, "no weight of the model is trainable")
for _, layer in ipairs(m.layers) do layer.trainable = true end

-- no line is wider than the terminal, and only plain letters where the locale has no others
for _, v in ipairs { again, far, t, r:landscape { points = { 60, 3 } } } do
  for row in tostring(v):gmatch "[^\n]+" do check.ok(#row <= 80 and not row:find "[\128-\255\27]", "%s", row) end
end
check.done()
