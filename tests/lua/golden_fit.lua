-- fit with a short last batch, batch_norm and validation data, and the counting of callbacks: against Keras in float64.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "fit"

local m = sequential {
  dense { 5, use_bias = false, kernel_regularizer = l2(0.02), input_shape = { 6 } }, batch_norm { momentum = 0.8 },
  activation "tanh",
  dense { 3, activation = "softmax", kernel_regularizer = l1(0.01) },
}
m:compile { loss = "categorical_crossentropy", optimizer = adam { 0.02 }, metrics = { "accuracy" } }
m:set_weights(U.list(data, "w0"))
local h = m:fit(tensors { x = data.x, y = data.y }, {
  batch_size = 8, epochs = 3, shuffle = false, validation_data = tensors { x = data.xv, y = data.yv }, verbose = 0,
}):history()
for _, k in ipairs { "loss", "accuracy", "val_loss", "val_accuracy" } do
  U.close("fit: history of " .. k, h[k], data["fit." .. k], 1e-5)
end
U.close_list("fit: weights", m:get_weights(), U.list(data, "fit.w"), {
  "dense/kernel", "batch_norm/gamma", "batch_norm/beta", "batch_norm/moving_mean",
  "batch_norm/moving_variance", "dense_1/kernel", "dense_1/bias",
}, 1e-5)

-- A loss that cannot move: input zero, no bias.
local still = tensors {
  x = tensor { { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 } }, y = tensor { { 1 }, { 1 }, { 1 }, { 1 } },
}
local function flat_history(epochs, ...)
  local f = sequential { dense { 1, use_bias = false, input_shape = { 2 } } }
  f:compile { loss = "mse", optimizer = sgd { 0.5 } }
  return f:fit(still, { epochs = epochs, callbacks = { ... }, verbose = 0 }):history()
end
for name, opts in pairs {
  p0 = { patience = 0, factor = 0.9 },
  p2 = { patience = 2, factor = 0.5 },
  p2_c1 = { patience = 2, factor = 0.5, cooldown = 1 },
  p2_c2 = { patience = 2, factor = 0.5, cooldown = 2 },
  p2_c3 = { patience = 2, factor = 0.5, cooldown = 3 },
  p10 = { patience = 10 },
  p1_min = { patience = 1, factor = 0.3, min_lr = 0.02 },
} do
  opts.monitor = "loss"
  local got = flat_history(name == "p10" and 24 or 12, reduce_lr_on_plateau(opts))
  U.close("reduce_lr_on_plateau " .. name .. ": learning_rate", got.learning_rate, data["plateau." .. name], 1e-6)
end
for i, epochs in ipairs(U.flat(data.stop_epochs)) do
  local got = flat_history(12, early_stopping { monitor = "loss", patience = i - 1 })
  U.close(("early_stopping patience %d: epochs"):format(i - 1), #got.loss, epochs, 0)
end
U.close("early_stopping start_from_epoch: epochs",
  #flat_history(12, early_stopping { monitor = "loss", patience = 2, start_from_epoch = 3 }).loss, data.stop_from, 0)

-- Both on a loss that moves: a learning rate too large for the data. Restored weights are those of the best epoch.
m = sequential { dense { 1, use_bias = false, input_shape = { 3 } } }
m:compile { loss = "mse", optimizer = sgd { 0.62 } }
m:set_weights { data["moving.w0"] }
h = m:fit(tensors { x = data["moving.x"], y = data["moving.y"] }, {
  batch_size = 5, epochs = 20, shuffle = false, verbose = 0,
  callbacks = {
    reduce_lr_on_plateau { monitor = "loss", factor = 0.6, patience = 2, min_delta = 1e-2, cooldown = 1 },
    early_stopping { monitor = "loss", patience = 5, min_delta = 0.05, restore_best_weights = true },
  },
}):history()
U.close("moving loss: history of loss", h.loss, data["moving.loss"], 1e-5)
U.close("moving loss: history of learning_rate", h.learning_rate, data["moving.learning_rate"], 1e-6)
U.close("moving loss: restored weights", m:get_weights()[1], data["moving.w_00"], 1e-5)
U.done()
