-- A head swapped, layers frozen and thawed, another rate, all in the middle of training, against PyTorch
-- (tests/golden/make_surgery.py).
local U = dofile((arg[0]:match "^(.*/)" or "") .. "golden_util.lua")
local data = U.load "surgery"

local optimizers = {
  adam = adam { 0.01, epsilon = 1e-14 }, adamw = adamw { 0.01, epsilon = 1e-14, weight_decay = 0.1 },
  sgd = sgd { 0.05, momentum = 0.9 }, rmsprop = rmsprop { 0.01, epsilon = 1e-14 },
  adagrad = adagrad { 0.05, epsilon = 1e-14 },
}

local function network()
  return sequential { dense { 8, activation = "relu", name = "first", input_shape = { 5 } },
    dense { 3, activation = "softmax", name = "head" } }
end

local function weights(m, first, head, names)
  m.layers.first.kernel, m.layers.first.bias = data[names[1]], data[names[2]]
  m.layers[head].kernel, m.layers[head].bias = data[names[3]], data[names[4]]
end

-- Through train_on_batch: a compiled model without a run.
local function by_batches(m, k)
  for i = 1, 14 do
    if i == 5 then
      m:replace("head", dense { 4, activation = "softmax" })
      m.layers.head.kernel, m.layers.head.bias = data.w3, data.b3
    end
    if i == 8 then m:freeze "first" end
    if i == 11 then m:unfreeze() end
    if i == 13 and k ~= "sgd" then
      m:run(data.x[1], data.y4[1]).learning_rate = k == "adagrad" and 0.0125 or 0.0025
    end
    m:train_on_batch(data.x[i], (i < 5 and data.y3 or data.y4)[i])
  end
end

for name, optimizer in pairs(optimizers) do
  local m = network()
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = optimizer }
  weights(m, "first", "head", { "w1", "b1", "w2", "b2" })
  by_batches(m, name)
  for i, w in ipairs(U.list(data, name)) do U.close(("%s: weights %d"):format(name, i), m:get_weights()[i], w, 2e-5) end
end

-- A frozen batch norm.
local m = network()
m:insert("first", batch_norm {}, { after = true })
m:compile { loss = "sparse_categorical_crossentropy", optimizer = sgd { 0.05 } }
m:replace("first", dense { 8 }) -- the activation goes behind the norm
m:insert("batch_norm", activation "relu", { after = true })
weights(m, "first", "head", { "w1", "b1", "w2", "b2" })
local bn = m.layers.batch_norm
bn.gamma, bn.beta, bn.moving_mean, bn.moving_variance = data.gamma, data.beta, data.mean, data.variance
m:freeze "batch_norm"
for i = 1, 6 do m:train_on_batch(data.x[i], data.y3[i]) end
local got = { m.layers.first.kernel, m.layers.first.bias, m.layers.head.kernel, m.layers.head.bias }
for i, w in ipairs(U.list(data, "frozen_bn")) do U.close("frozen batch norm: weights " .. i, got[i], w, 2e-5) end
for _, k in ipairs { "gamma", "beta" } do U.close("frozen batch norm: " .. k, bn[k], data[k], 0) end
U.close("frozen batch norm: mean", bn.moving_mean, data.mean, 0)
U.close("frozen batch norm: variance", bn.moving_variance, data.variance, 0)
U.done()
