-- What is no number says so everywhere, as nan; a gap is where nothing was measured.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = check.points(40)
local broken = x:copy()
broken[{ 1, 1 }] = 0 / 0
local val = tensors { x = broken, y = y }

local function network()
  local m = sequential { dense { 1, activation = "sigmoid", input_shape = { 2 } } }
  m:compile { loss = "mse", optimizer = sgd { 0.01 }, metrics = { "mae" } }
  return m
end

-- a validation loss that is nan, every second epoch
local m, r, seen = network(), nil, {}
local text = check.output(function()
  r = m:fit(x, y, { epochs = 4, batch_size = 8, verbose = 2, validation_data = val, validation_freq = 2,
    callbacks = { { on_epoch_end = function(epoch, logs) seen[epoch] = logs.val_loss end } } })
end)
check.has(text, "val_loss: nan")
check.equal(select(2, text:gsub("val_loss", "")), 2)
check.ok(not text:find "-nan", "-nan in %s", text)
check.ok(seen[0] == nil and seen[1] ~= seen[1] and seen[2] == nil and seen[3] ~= seen[3])
local history = tostring(r:history())
check.equal(select(2, history:gsub("nan", "")), 4)
check.equal(select(2, history:gsub(" %-", "")), 4)
check.has(tostring(r), "val_loss: nan")
check.ok(r:loss_terms(2).validation.total ~= r:loss_terms(2).validation.total)
check.has(tostring(r:loss_terms(2)), "nan")
check.equal(r:loss_terms(1).validation, nil)

-- a training loss that is nan, in the middle of an epoch
m = network()
r = m:run(broken, y, { batch_size = 8, shuffle = false, verbose = 0, callbacks = { { on_batch_end = function(_, logs)
  seen.batch = logs.loss
end } } })
local losses = r:step()
check.ok(seen.batch ~= seen.batch)
check.has(tostring(losses), "loss: nan = data nan + penalty 0.0000")
check.has(tostring(r:loss_terms()), "nan")
check.has(tostring(m:evaluate(x, y)), "loss: nan - mae: nan")

-- texts
local show = require "sonde.show"
check.equal(show.text(0 / 0), "nan")
check.equal(show.text(-(0 / 0)), "nan")
check.equal(show.text { 0 / 0, -(0 / 0) }, "{ nan, nan }")
check.fails(function()
  m:fit(broken, y, { verbose = 0, callbacks = { terminate_on_nan { raise_error = true } } })
end, "Loss value: nan")

-- nan has no sign where print shows it, though 0/0 has one on some machines
do
  local t = tensor { 0, -1 } / 0 * 0
  local texts = { t[1], t:tolist()[2], t:mean(), t:max(), t:std(), t:dot(t), t:rows(1, 1):item(), sum(t), t:unpack() }
  for v in t:values() do texts[#texts + 1] = v end
  for i, v in ipairs(texts) do check.equal(tostring(v), "nan", "value " .. i) end
  local net = sequential { dense { 1, input_shape = { 1 } } }
  net:compile { loss = "mse", optimizer = "sgd", metrics = { "mae" } }
  local x, y = t:reshape(2, 1), tensor.zeros(2, 1)
  local run = net:run(x, y, { verbose = 0 })
  check.equal(tostring(run:step().loss), "nan")
  check.equal(tostring(run:history().loss[1] or run:finish():history().loss[1]), "nan")
  local e = net:evaluate(x, y)
  check.equal(tostring(e.loss) .. tostring(e.mae), "nannan")
  check.equal(tostring((net:train_on_batch(x, y))), "nan")
end
check.done()
