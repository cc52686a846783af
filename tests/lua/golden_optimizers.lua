-- Five steps of the same small network with every optimizer, its options, clipping, decay and each schedule: against
-- Keras in float64.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "optimizers"

local optimizers = {
  sgd = sgd {},
  sgd_momentum = sgd { 0.1, momentum = 0.9 },
  sgd_nesterov = sgd { 0.1, momentum = 0.8, nesterov = true },
  sgd_weight_decay = sgd { 0.1, weight_decay = 0.05 },
  adam = adam {},
  adam_options = adam { 0.02, beta_1 = 0.8, beta_2 = 0.99, epsilon = 1e-3 },
  adam_amsgrad = adam { 0.05, beta_2 = 0.5, amsgrad = true },
  adam_weight_decay = adam { 0.05, weight_decay = 0.1 },
  adamw = adamw { 0.02 },
  adamw_options = adamw { 0.02, weight_decay = 0.2 },
  rmsprop = rmsprop {},
  rmsprop_momentum = rmsprop { 0.01, rho = 0.8, momentum = 0.9 },
  rmsprop_centered = rmsprop { 0.01, centered = true },
  rmsprop_all = rmsprop { 0.01, momentum = 0.5, centered = true, epsilon = 1e-4 },
  adagrad = adagrad { 0.1 },
  adagrad_options = adagrad { 0.1, initial_accumulator_value = 0.01, epsilon = 1e-3 },
  clipnorm = sgd { 0.1, clipnorm = 0.5 },
  clipvalue = sgd { 0.1, clipvalue = 0.1 },
  global_clipnorm = sgd { 0.1, momentum = 0.9, global_clipnorm = 0.5 },
  clipnorm_adam_decay = adam { 0.02, clipnorm = 0.3, weight_decay = 0.1 },
  adam_epsilon = adam { 0.05, clipvalue = 1e-7 },
  rmsprop_epsilon = rmsprop { 0.05, clipvalue = 1e-4 },
  adagrad_epsilon = adagrad { 0.05, initial_accumulator_value = 0, clipvalue = 1e-4 },
  exponential_decay = sgd { exponential_decay { 0.5, decay_steps = 3, decay_rate = 0.5 } },
  exponential_decay_staircase = sgd { exponential_decay { 0.5, decay_steps = 2, decay_rate = 0.5, staircase = true } },
  piecewise_constant_decay = sgd { piecewise_constant_decay { boundaries = { 1, 3 }, values = { 0.5, 0.2, 0.05 } } },
  polynomial_decay = sgd { polynomial_decay { 0.5, decay_steps = 3, end_learning_rate = 0.1, power = 2 } },
  polynomial_decay_cycle = sgd { polynomial_decay { 0.5, decay_steps = 2, end_learning_rate = 0.1, cycle = true } },
  inverse_time_decay = sgd { inverse_time_decay { 0.5, decay_steps = 2, decay_rate = 0.7 } },
  cosine_decay = sgd { cosine_decay { 0.5, decay_steps = 4, alpha = 0.1 } },
  cosine_decay_warmup = sgd { cosine_decay { 0.1, decay_steps = 3, warmup_target = 0.6, warmup_steps = 2 } },
  cosine_decay_restarts = sgd {
    cosine_decay_restarts { 0.5, first_decay_steps = 2, t_mul = 1.5, m_mul = 0.8, alpha = 0.05 },
  },
}
local names = {}
for name in pairs(optimizers) do names[#names + 1] = name end
table.sort(names)
-- The same schedule written as a Lua function.
optimizers.lua_function = sgd { learning_rate = function(step) return 0.5 * 0.5 ^ (step / 3) end }
names[#names + 1] = "lua_function"

for _, name in ipairs(names) do
  local m = sequential { dense { 4, activation = "tanh", input_shape = { 5 } }, dense { 3 } }
  m:compile { loss = "mse", optimizer = optimizers[name] }
  m:set_weights(U.list(data, "w0"))
  local want = name == "lua_function" and "exponential_decay" or name
  for i, loss in ipairs(U.flat(data[want .. ".losses"])) do
    U.close(("%s: loss of step %d"):format(name, i), m:train_on_batch(data["x_" .. i - 1], data["y_" .. i - 1]), loss,
      1e-5)
  end
  U.close_list(name .. ": weights after five steps", m:get_weights(), U.list(data, want .. ".w5"),
    { "dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias" }, 1e-5)
end
U.done()
