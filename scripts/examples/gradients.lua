-- Why a deep network does not learn: the norm of every layer's gradient, for three activations, in the first step and
-- in the course of the training. With sigmoids it shrinks from layer to layer on the way back; the first ones stand
-- still.
--   sonde scripts/examples/gradients.lua [gradients.png]
sonde.seed(1)
local DEPTH, EPOCHS = 8, 10

local x = tensor.randn { 1024, 8, seed = 1 }
local y = (x[{ {}, { 1 } }] * x[{ {}, { 2 } }]):gt(0):astype "float32"

local function deep(name, initializer)
  local layers = {}
  for i = 1, DEPTH do
    layers[i] = dense { 24, activation = name, kernel_initializer = initializer, name = "layer" .. i,
      input_shape = i == 1 and { 8 } or nil }
  end
  layers[DEPTH + 1] = dense { 1, activation = "sigmoid", name = "output" }
  local m = sequential(layers)
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.003 }, metrics = { "accuracy" } }
  return m
end

local cases, norms = { { "sigmoid", "glorot_uniform" }, { "tanh", "glorot_uniform" }, { "relu", "he_normal" } }, {}
for _, case in ipairs(cases) do
  local name = case[1]
  local r = deep(name, case[2]):run(x, y, { epochs = EPOCHS, seed = 1, verbose = 0 })
  r:step()
  local g = r:gradients()
  norms[name] = {}
  for i = 1, DEPTH do norms[name][i] = g[("layer%d/kernel"):format(i)].norm end
  local series = r:record { "gradients", every = 20, layers = { "layer1" } } -- from now on, at every 20th step
  r:finish()
  print(("%-8s layer 1 / layer %d in the first step: %.1e   accuracy after %d epochs: %.3f"):format(name, DEPTH,
    norms[name][1] / norms[name][DEPTH], EPOCHS, r:history().accuracy[EPOCHS]))
  if name == "sigmoid" then
    print "\nthe first step's gradients with sigmoids:"
    print(g)
    print "\nand those of the first layer since:"
    print(series)
    print ""
  end
end

if arg[1] then
  plot { y = norms, title = "gradient of the first step", xlabel = "layer", ylabel = "norm", logy = true }:save(arg[1])
  print("gradients: " .. arg[1])
end
