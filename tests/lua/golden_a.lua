-- The seed's blocks at small size against Keras in float64: conv, batch_norm, max_pool, dense, L2, Adam.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "a"

local m = sequential {
  conv2d { 4, 5, padding = "same", kernel_regularizer = l2(1e-2), input_shape = { 12, 10, 3 } },
  batch_norm {}, activation "relu", max_pool2d { 2 },
  conv2d { 6, 3, padding = "same", kernel_regularizer = l2(1e-2) },
  batch_norm {}, activation "relu", max_pool2d { 2 },
  flatten {},
  dense { 8, kernel_regularizer = l2(1e-2) }, batch_norm {}, activation "relu",
  dense { 2, activation = "softmax", kernel_regularizer = l2(1e-2) },
}
m:compile { loss = "categorical_crossentropy", optimizer = adam {} }

local weights, trainable = {}, {}
for _, block in ipairs { "conv2d/", "conv2d_1/", "dense/", "dense_1/" } do
  for _, w in ipairs { "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance" } do
    local bn = w ~= "kernel" and w ~= "bias"
    if not (bn and block == "dense_1/") then
      local name = (bn and "batch_norm behind " or "") .. block .. w
      weights[#weights + 1] = name
      if not w:find "moving" then trainable[#trainable + 1] = name end
    end
  end
end
U.network("network a", m, data, {
  weights = weights, trainable = trainable, zero = { "conv2d/bias", "conv2d_1/bias", "dense/bias" },
})
U.done()
