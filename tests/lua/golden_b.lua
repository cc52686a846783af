-- Strides, non-square input and kernels, even kernels, dilation, average pooling with "same", every kind of
-- regularizer, Nesterov momentum and clipnorm, logits with class indices: against Keras in float64.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "b"

local m = sequential {
  conv2d { 5, { 2, 4 }, strides = { 2, 1 }, padding = "same", kernel_regularizer = l1_l2 { l1 = 1e-3, l2 = 1e-2 },
    bias_regularizer = l2(1e-2), input_shape = { 11, 14, 2 } },
  activation "leaky_relu",
  avg_pool2d { { 2, 3 }, strides = { 2, 2 }, padding = "same" },
  conv2d { 4, { 2, 3 }, dilation_rate = 2, padding = "valid", activation = "elu", activity_regularizer = l2(1e-1) },
  global_avg_pool2d {},
  dense { 3, bias_regularizer = l1(1e-2) },
}
m:compile {
  loss = sparse_categorical_crossentropy { from_logits = true },
  optimizer = sgd { 0.05, momentum = 0.9, nesterov = true, clipnorm = 0.6 },
}
local names = { "conv2d/kernel", "conv2d/bias", "conv2d_1/kernel", "conv2d_1/bias", "dense/kernel", "dense/bias" }
U.network("network b", m, data, { weights = names, trainable = names })
U.done()
