-- Probes: what watchpoints ask of them.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local probes = require "sonde.probes"

local x, y = check.points(80)
local function network()
  sonde.seed(5)
  local m = sequential {
    dense { 8, kernel_regularizer = l2(1e-2), input_shape = { 2 } }, batch_norm {}, activation "relu", dropout { 0.2 },
    dense { 1, activation = "sigmoid", name = "head" },
  }
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.01 } }
  return m
end
local function run(m) return m:run(x, y, { batch_size = 16, epochs = 3, seed = 3, verbose = 0 }) end

-- ---- for watchpoints ----

local m = network()
local r = run(m)
check.list(probes.columns "updates", { "norm", "mean", "std", "min", "max", "zero", "nan", "inf", "ratio" })
check.equal(probes.columns(gradients { part = "data" })[1], "norm")
local watched, all = probes.observe(r, "gradients"), probes.observe(r, weights {}, { layers = { "head" }, every = 2 })
check.equal(watched:last(), nil)
r:step()
local rows, step = watched:last()
check.equal(step, 1)
check.equal(#rows, 6)
check.equal(rows[1].name, "dense/kernel")
check.equal(rows[1].layer, "dense")
check.equal(rows[1].param, "kernel")
check.near(rows[1].norm, m.layers.dense.kernel.grad:norm(), 1e-6)
check.equal(all:last(), nil)
r:step(2)
rows, step = all:last()
check.equal(step, 2)
check.equal(#rows, 2)
check.equal(rows[2].name, "head/bias")
watched:stop()
r:step()
check.equal(select(2, watched:last()), 3)
check.equal(select(2, all:last()), 4)
check.fails(function() probes.observe(r, "gradient") end, 'did you mean "gradients"?')
check.fails(function() probes.observe(r, "gradients", { layers = "hed" }) end, 'no layer "hed"; did you mean "head"?')

check.done()
