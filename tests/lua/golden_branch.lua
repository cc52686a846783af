-- A model with branches against Keras in float64: a layer called twice (its activity penalty counts at each call), add,
-- concat, and a frozen layer, whose regularizer does not count (Keras layers/layer.py, _get_regularization_losses).
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "branch"

local x = input { 7, 6, 2 }
local h = conv2d { 3, 3, padding = "same", activation = "tanh", name = "stem" }(x)
local shared = conv2d { 3, 3, padding = "same", activation = "elu", kernel_regularizer = l2(1e-2),
  activity_regularizer = l2(1e-3), name = "shared" }
local a = shared(h)
local b = shared(a)
local c = add { h, b }
local d = conv2d { 2, 1, kernel_regularizer = l2(1), trainable = false, name = "frozen" }(c)
local e = concat { c, d, a }
local m = model { inputs = x, outputs = dense { 1, activation = "sigmoid", name = "head" }(global_avg_pool2d {}(e)) }
m:compile { loss = "binary_crossentropy", optimizer = rmsprop { 1e-2, momentum = 0.5, centered = true } }
U.network("branch model", m, data, {
  weights = { "stem/kernel", "stem/bias", "shared/kernel", "shared/bias", "frozen/kernel", "frozen/bias", "head/kernel",
    "head/bias" },
  trainable = { "stem/kernel", "stem/bias", "shared/kernel", "shared/bias", "head/kernel", "head/bias" },
})
U.close("branch model: count_params", { m:count_params() }, data.count, 0)
U.done()
