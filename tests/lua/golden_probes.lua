-- What probes measure against NumPy in float64 (tests/golden/make_probes.py).
local U = dofile((arg[0]:match "^(.*/)" or "") .. "golden_util.lua")
local G = U.load "probes"

local COLUMNS = { "norm", "mean", "std", "min", "max", "zero", "nan", "inf" }

-- mean and std are compared on the scale of the numbers.
local function compare(what, row, name)
  local want = U.flat(G[name .. "_stats"])
  local size = { mean = math.abs(want[2]) + want[3], std = want[3], zero = 1, nan = 1, inf = 1 }
  for i, column in ipairs(COLUMNS) do
    local scale = size[column] or math.abs(want[i])
    U.result(math.abs(row[column] - want[i]) <= 1e-6 * scale, what .. " " .. column, "%.12g, NumPy has %.12g",
      row[column], want[i])
  end
  local counts, edges = U.flat(G[name .. "_counts"]), U.flat(G[name .. "_edges"])
  for i, n in ipairs(counts) do
    U.result(row.histogram.counts[i] == n, what .. " bin " .. i, "%d, NumPy has %d", row.histogram.counts[i], n)
  end
  for i, e in ipairs(edges) do
    U.result(row.histogram.edges[i] == e, what .. " edge " .. i, "%.17g, NumPy has %.17g", row.histogram.edges[i], e)
  end
end

-- weights of any kind
for name in pairs { plain = 1, far = 1, sparse = 1, same = 1, edges = 1, broken = 1, wide = 1 } do
  local a = G["array_" .. name]
  local m = sequential { dense { a.shape[2], use_bias = false, input_shape = { a.shape[1] } } }
  m:compile { loss = "mse", optimizer = sgd {} }
  m:set_weights { a }
  local r = m:run(tensor.zeros { 2, a.shape[1] }, tensor.zeros { 2, a.shape[2] }, { verbose = 0 })
  compare(name, r:weights()[1], name)
end

-- activations, at once and in a pass of uneven batches
local m = sequential { activation { "relu", input_shape = { 12 } }, dense { 1 } }
m:compile { loss = "mse", optimizer = sgd {} }
local r = m:run(tensor.zeros { 2, 12 }, tensor.zeros { 2, 1 }, { verbose = 0 })
for _, row in ipairs { r:activations({ batch = G.relu_x }).activation,
  r:activations({ data = tensors { x = G.relu_x }, batch_size = 7, histogram = true }).activation } do
  compare("relu", row, "relu")
  local dead = U.flat(G.relu_dead)
  U.result(row.dead == dead[1] and row.units == dead[2] and row.samples == dead[3], "dead units", "%d of %d over %d",
    row.dead, row.units, row.samples)
end

-- gradients, updates, penalty, cosine and noise scale of a linear model's steps
m = sequential { dense { 1, use_bias = false, kernel_regularizer = l2(0.05), input_shape = { 20 } } }
m:compile { loss = "mse", optimizer = sgd { 0.01 } }
m:set_weights { G.linear_w }
r = m:run(G.linear_x, G.linear_y, { batch_size = 8, shuffle = false, verbose = 0 })
local s = r:record { "gradients", "updates", "cosine", "penalty", noise_scale { 4 }, every = 1 }
r:finish()
local g, n = s.gradients.dense.kernel, #s
U.result(n == 6, "steps", "%d recorded", n)
local series = { g.norm, g.data_norm, g.penalty_norm, g.mean, g.std, g.min, g.max, s.updates.dense.kernel.ratio,
  s.cosine.dense.kernel.cosine, s.penalty.dense.penalty, s.penalty.dense.share }
for step, row in ipairs(G.linear_rows:tolist()) do
  for i, want in ipairs(row) do
    local got = series[i][step]
    U.result(want ~= want and got ~= got or math.abs(got - want) <= 3e-6 * math.max(math.abs(want), 0.1),
      ("linear model, step %d, column %d"):format(step, i), "%.9g, NumPy has %.9g", got, want)
  end
end
U.close("noise scale", { s.noise_scale.model.noise_scale[6] }, G.linear_noise, 1e-4)

U.done()
