-- Running out of memory at any place is an error that says so; what is there stays whole, and trying again works.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"

local dir = check.folder()
local x, y = check.points(24)

local function scenario()
  sonde.seed(1)
  local m = sequential {
    reshape { 1, 2, 1, input_shape = { 2 } }, conv2d { 2, 2, padding = "same" }, batch_norm {}, activation "relu",
    flatten {}, dropout { 0.1 }, dense { 1, kernel_regularizer = l2(1e-3), activation = "sigmoid" },
  }
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.01 }, metrics = { "accuracy", auc {} } }
  m:train_on_batch(x, y)
  local r = m:run(x, y, { batch_size = 8, epochs = 2, validation_split = 0.25, verbose = 0, seed = 2,
    callbacks = { early_stopping { monitor = "loss", patience = 9, restore_best_weights = true } } })
  r:step(2)
  r:save(dir .. "/r.sonde")
  r:gradients()
  r:loss_terms()
  r:finish()
  m:save(dir .. "/m.sonde")
  local n = load_model(dir .. "/m.sonde")
  n:evaluate(x, y)
  npz.save(dir .. "/w.npz", n:get_weights())
  local d, v = core.dataset_view(tensors { x = x, y = y }, { 1, 2, 3 }), tensors { x = x, y = y }:split(0.5)
  check.ok(#d == 3 and #v == 12)
  m.layers.conv2d.trainable = false
  m:train_on_batch(x, y)
  m.layers.conv2d.trainable = true
  resume(dir .. "/r.sonde", x, y, { validation_split = 0.25, verbose = 0 }):finish()
  check.ok(tensor.randn { 3, seed = 1 }:equal(tensor.randn { 3, seed = 1 }))
  model { inputs = input { 2 }, outputs = nil }
end

local function tensors_too()
  local t = tensor.arange(60):reshape { 3, 4, 5 }
  local row, part = t + tensor.ones { 4, 1 }, t[{ { 3, 1, -1 }, {}, { 1, 5, 2 } }]
  part[part:gt(20)] = 0
  check.ok(#tostring(row:std { 1, 3 }) > 20 and row:sum() == 1830)
  t[{ {}, 2 }] = { 1, 2, 3, 4, 5 }
  check.list(tensor.concat({ row, row:sort(2), (row:topk(2, 2)) }, 2):index(1, { 2 }):permute(3, 1, 2).shape, { 5, 1, 10 })
  check.ok(t[1]:matmul(t[2]:t()):cumsum():max() > row[1]:astype "int64":clip(0, 9):max() and #t:nonzero() > 50)
  check.equal(tensor.arange(9000):sort { descending = true }[2], 8998)
  check.equal(tensor.where(t:eq(1), t, 0.5):dot(row), nil)
end

-- The last line of a scenario is an error of its own: reached means that all before it went well. Threads allocate
-- when they come to it, so where allocation k falls differs from run to run.
local function sweep(fn, last, most, step, survives)
  local reached = 0
  for k = 1, most, step do
    collectgarbage()
    core.fail_after(k)
    local ok, err = pcall(fn)
    core.fail_after(-1)
    err = tostring(err)
    if err:find(last, 1, true) then reached = reached + 1
    else check.ok(not ok and (err:find "needs" or err:find "not enough memory"), "allocation %d: %s", k, err) end
  end
  check.ok(reached > 20 and (survives or reached < most // step), "%d went well", reached)
  check.fails(fn, last)
end
sweep(scenario, "model: outputs wants", 1000, 3)
sweep(tensors_too, "dot: wants two vectors", 100, 1, true) -- what fails once is tried again without the garbage
check.done()
