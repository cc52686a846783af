-- Single layers of odd shapes behind a 1x1 convolution, and every activation, against Keras in float64. The gradient of
-- the front convolution's kernel tests what the layer hands back to its input.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "layers"

local layers = {
  { "conv_5_s2_same", { 11, 8, 2 }, conv2d { 3, 5, strides = 2, padding = "same" } },
  { "conv_4_s1_same", { 9, 6, 3 }, conv2d { 2, 4, padding = "same" } },
  { "conv_3x2_s1x3_same", { 5, 10, 2 }, conv2d { 4, { 3, 2 }, strides = { 1, 3 }, padding = "same" } },
  { "conv_2_s2_same", { 7, 8, 1 }, conv2d { 2, 2, strides = 2, padding = "same" } },
  { "conv_1_s2_valid", { 6, 7, 3 }, conv2d { 2, 1, strides = 2 } },
  { "conv_3_s2_valid", { 8, 7, 2 }, conv2d { 3, 3, strides = 2, use_bias = false } },
  { "conv_7_same_small", { 3, 4, 2 }, conv2d { 2, 7, padding = "same" } },
  { "conv_3_d2_same", { 8, 9, 2 }, conv2d { 3, 3, dilation_rate = 2, padding = "same" } },
  { "conv_2x3_d3x2_same", { 9, 8, 2 }, conv2d { 2, { 2, 3 }, dilation_rate = { 3, 2 }, padding = "same" } },
  { "conv_3x5_s3_same", { 10, 13, 2 }, conv2d { 2, { 3, 5 }, strides = 3, padding = "same" } },
  { "max_3_s2_same", { 7, 8, 2 }, max_pool2d { 3, strides = 2, padding = "same" } },
  { "max_2_valid_odd", { 7, 5, 3 }, max_pool2d { 2 } },
  { "max_3x2_s1_same", { 5, 6, 2 }, max_pool2d { { 3, 2 }, strides = 1, padding = "same" } },
  { "avg_3_s2_same", { 8, 7, 2 }, avg_pool2d { 3, strides = 2, padding = "same" } },
  { "avg_2_valid_odd", { 5, 7, 2 }, avg_pool2d { 2 } },
  { "avg_2x3_s1_same", { 4, 5, 2 }, avg_pool2d { { 2, 3 }, strides = 1, padding = "same" } },
  { "global_avg", { 5, 3, 4 }, global_avg_pool2d {} },
  { "batch_norm", { 4, 3, 3 }, batch_norm { momentum = 0.8, epsilon = 1e-2 } },
  { "batch_norm_plain", { 4, 3, 3 }, batch_norm { center = false, scale = false } },
  { "rescaling", { 3, 2, 2 }, rescaling { 0.5, offset = -1 } },
  { "reshape", { 3, 4, 2 }, reshape { { 2, 12 } } },
}
local names = {
  conv = { "kernel", "bias" }, batch_norm = { "gamma", "beta", "moving_mean", "moving_variance" },
  batch_norm_plain = { "moving_mean", "moving_variance" },
}

for _, row in ipairs(layers) do
  local name, shape, layer = table.unpack(row)
  local m = sequential { conv2d { shape[3], 1, name = "front", input_shape = shape }, layer, flatten {} }
  m:compile { loss = "mse", optimizer = "sgd" }
  local w, weights, trainable = U.list(data, name .. ".w"), { "front/kernel", "front/bias" }, {}
  for i, n in ipairs(names[name] or names[name:match "^[^_]*"] or {}) do
    if #weights < #w then weights[i + 2] = n end
  end
  for _, n in ipairs(weights) do
    if not n:find "moving" then trainable[#trainable + 1] = n end
  end
  local x, y = data[name .. ".x"], data[name .. ".y"]
  m:set_weights(w)
  U.close(name .. ": predict", m:predict(x), data[name .. ".out"], 1e-5)
  -- The bias in front of a batch_norm has gradient zero: what is found there is rounding.
  local zero = name:find "^batch_norm" and { ["front/bias"] = true }
  U.close_list(name .. ": gradient", m:gradients_on_batch(x, y), U.list(data, name .. ".g"), trainable, 1e-4, zero)
  U.close(name .. ": training loss", m:train_on_batch(x, y), data[name .. ".loss"], 1e-5)
  U.close_list(name .. ": weights after a step", m:get_weights(), U.list(data, name .. ".w1"), weights, 1e-5)
end

data = U.load "activations"
for _, name in ipairs { "relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax", "linear", "softplus", "gelu", "swish" } do
  local m = sequential { dense { 5, activation = name, input_shape = { 5 } } }
  m:compile { loss = "mse", optimizer = "sgd" }
  local eye, none = {}, {}
  for i = 1, 5 do
    eye[i], none[i] = { 0, 0, 0, 0, 0 }, 0
    eye[i][i] = 1
  end
  m:set_weights { tensor(eye), tensor(none) }
  U.close("activation " .. name .. ": value", m:predict(data.x), data[name .. ".out"], 1e-6)
  U.close_list("activation " .. name .. ": gradient", m:gradients_on_batch(data.x, data.y), U.list(data, name .. ".g"),
    { "kernel", "bias" }, 1e-5)
end
U.done()
