-- Surgery again: what a run remembers of the layers before and after it, files, gradients, and the seed of a run that is
-- compiled anew.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = tensor.randn { 32, 6, seed = 1 }, tensor.zeros { 32 }
for i = 1, 32 do y[i] = x[i][1] > 0 and 1 or 0 end

local function compile(m) m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 1e-2 } } end

local function network(seed)
  sonde.seed(seed or 3)
  local m = sequential { dense { 6, input_shape = { 6 }, name = "first", kernel_regularizer = l2(1e-2) },
    dense { 6, name = "second", kernel_regularizer = l1(1e-3) }, dropout { 0.5 },
    dense { 2, activation = "softmax", name = "last", kernel_regularizer = l2(1e-1) } }
  compile(m)
  return m
end

local options = { epochs = 4, batch_size = 8, seed = 5, verbose = 0 }

-- A layer in the middle: afterwards every epoch's penalties are still those of the layers of that name, also where the
-- run comes back from a file, and where a layer went and came again elsewhere.
for what, change in pairs {
  inserted = function(m) m:insert("last", dense { 6, name = "more", kernel_regularizer = l2(1) }) end,
  moved = function(m)
    m:remove "second"
    m:insert("first", dense { 6, name = "second", kernel_regularizer = l1(1e-3) })
  end,
} do
  local path = os.tmpname()
  local m = network()
  local r = m:run(x, y, options)
  r:epoch()
  local first = r:loss_terms(1).train.layers
  check.ok(first.first > 0 and first.second > 0 and first.last > 0)
  change(m)
  r:epoch()
  r:step()
  r:save(path)
  local again = resume(path, x, y, { verbose = 0 })
  os.remove(path)
  for epoch = 1, 2 do
    local a, b = r:loss_terms(epoch).train.layers, again:loss_terms(epoch).train.layers
    for _, layer in ipairs(m.layers) do check.equal(b[layer.name], a[layer.name], what .. ": " .. layer.name) end
  end
  check.equal(again:loss_terms(1).train.layers.last, first.last, what)
  check.equal(tostring(again:loss_terms()), tostring(r:loss_terms()), what)
  r:finish()
  again:finish()
  check.same_weights(again.model:get_weights(), m:get_weights(), what)
  check.equal(tostring(again:loss_terms(4)), tostring(r:loss_terms(4)), what)
end

-- Gradients of the network as it was are not shown as those of the one that is.
do
  local m = network()
  m:train_on_batch(x, y)
  check.ok(m.layers.first.kernel.grad:abs():max() > 0)
  m:insert("last", dense { 6 })
  check.equal(m.layers.first.kernel.grad, nil)
  check.equal(m.layers.dense.kernel.grad, nil)
  m:train_on_batch(x, y)
  check.ok(m.layers.dense.kernel.grad:abs():max() > 0)
end

-- What is compiled after sonde.seed is the same whether or not a run stood before it: the masks of dropout too.
do
  local function trained(before)
    local m = network()
    local weights = m:get_weights()
    if before then m:run(x, y, options):step(2) end
    m:set_weights(weights)
    sonde.seed(11)
    compile(m)
    for _ = 1, 3 do m:train_on_batch(x, y) end
    return m:get_weights()
  end
  check.same_weights(trained(true), trained(false), "compiled while a run stands")
end
-- Runs that are gone, though the model's weak table has them a while longer.
do
  local x, y = tensor.randn { 8, 4, seed = 1 }, tensor.randn { 8, 1, seed = 2 }
  local m = sequential { dense { 8, input_shape = { 4 } }, dropout { 0.1 }, dense { 1 } }
  m:compile { loss = "mse", optimizer = "adam" }
  for i = 1, 60 do
    m:fit(x, y, { verbose = 0, epochs = 2 })
    m:replace(2, dropout { 0.1 })
    if i % 7 == 0 then collectgarbage() end
  end
  check.equal(#m.layers, 3)
end

check.done()
