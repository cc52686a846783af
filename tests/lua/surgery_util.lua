-- What the tests of surgery share: a small network, and a run of it.
local U = {}

local x, y = tensor.randn { 48, 8, seed = 1 }, tensor.zeros { 48 }
for i = 1, 48 do y[i] = x[i][1] > 0 and 1 or 0 end

local function network(hidden)
  sonde.seed(3)
  local m = sequential { dense { hidden or 8, activation = "relu", input_shape = { 8 }, kernel_regularizer = l2(1e-3) },
    batch_norm {}, dense { 8, name = "middle" }, dense { 2, activation = "softmax", name = "prediction" } }
  m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 1e-2 }, metrics = { "accuracy" } }
  return m
end

local function running(opts)
  local m = network()
  opts = opts or {}
  opts.epochs, opts.batch_size, opts.validation_split, opts.verbose, opts.seed = 6, 8, 0.25, 0, 5
  return m, m:run(x, y, opts)
end

U.x, U.y, U.network, U.running = x, y, network, running
return U
