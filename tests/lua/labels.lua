-- Targets that the loss cannot take are refused before anything is changed.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x = check.points(8)

local function network(units, loss)
  local m = sequential { dense { units, input_shape = { 2 } } }
  m:compile { loss = loss, optimizer = adam {}, metrics = {} }
  return m
end

local function refused(units, loss, values, ...)
  local m, y = network(units, loss), tensor(values)
  local before = m:get_weights()
  for _, fn in ipairs { m.train_on_batch, m.gradients_on_batch, m.evaluate } do
    check.fails(function() fn(m, x, y) end, "labels.lua:", ...)
  end
  local r = m:run(x, y, { batch_size = 8, shuffle = false, verbose = 0 })
  check.fails(function() r:step() end, ...)
  check.fails(function() r:finish() end, ...)
  check.equal(r.iterations, 0)
  check.same_weights(m:get_weights(), before)
end

local sparse = sparse_categorical_crossentropy { from_logits = true }
refused(3, sparse, { 0, 1, 2, 3, 0, 1, 2, 0 },
  "sparse_categorical_crossentropy: label 3 (sample 4 of the batch) is outside 0..2; the last layer has 3 units")
refused(3, sparse, { 0, 1, 2, 2, 0, 1, -1, 0 }, "label -1 (sample 7 of the batch) is outside 0..2")
refused(3, sparse, { 0, 1.5, 2, 2, 0, 1, 1, 0 }, "label 1.5 (sample 2 of the batch) is not a whole number")
refused(3, sparse, { 0, 1, 2, 2, 0, 1, 1, 0 / 0 }, "target nan (sample 8 of the batch)")
refused(1, binary_crossentropy { from_logits = true }, { { 0 }, { 1 }, { 2 }, { 1 }, { 0 }, { 1 }, { 1 }, { 0 } },
  "binary_crossentropy: label 2 (sample 3 of the batch) is outside 0..1")
refused(1, "mse", { { 0 }, { 1 }, { 2 }, { 1 }, { 0 / 0 }, { 1 }, { 1 }, { 0 } },
  "mse: target nan (sample 5 of the batch)")
local two = { { 0, 1 }, { 0, -1 }, { 0, 0 }, { 1, 1 }, { 1, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 } }
refused(2, binary_crossentropy { from_logits = true }, two, "label -1 (sample 2 of the batch)")

-- soft labels are right
local soft = tensor { { 0.1 }, { 0.9 }, { 0.5 }, { 1 }, { 0 }, { 0.2 }, { 0.3 }, { 0.4 } }
check.ok(network(1, binary_crossentropy { from_logits = true }):train_on_batch(x, soft) > 0)
check.ok(network(1, "mse"):train_on_batch(x, soft * 1e6) > 0)

-- a run whose data were mended goes on
local y = tensor { 0, 1, 0, 3, 0, 1, 0, 0 }
local m = network(3, sparse)
local r = m:run(x, y, { batch_size = 4, shuffle = false, verbose = 0 })
check.fails(function() r:step() end, "label 3 (sample 4")
m:train_on_batch(x, tensor { 0, 1, 2, 0, 1, 2, 0, 1 })

check.done()
