-- A layer of one's own: `lambda` makes one of a Lua function. It is called once, with a symbol, and recorded; forward
-- and backward run in C. Here squares and products are put beside the inputs, and a single neuron tells a disc from
-- what is around it. The model file holds what was recorded, so it loads without the function.
--   sonde scripts/examples/custom_layer.lua [regions.png]
sonde.seed(1)

local x = tensor.rand { 2000, 2, seed = 1 } * 4 - 2
local y = (x * x):sum { 2, keepdims = true }:lt(1.8):astype "float32"

local function quadratic(p)
  local a, b = slice(p, 2, 1, 1), slice(p, 2, 2, 2) -- columns; axis 1 is the batch
  return concat({ p, a^2, b^2, a * b }, 2)
end

local function network(...)
  local m = sequential { ... }
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.1 }, metrics = { "accuracy" } }
  m:fit(x, y, { epochs = 20, seed = 1, verbose = 0 })
  return m
end

local plain = network(dense { 1, activation = "sigmoid", input_shape = { 2 } })
local square = network(lambda { quadratic, input_shape = { 2 } }, dense { 1, activation = "sigmoid", name = "neuron" })
print(("one neuron on x1, x2                 accuracy %.4f"):format(plain:evaluate(x, y).accuracy))
print(("one neuron on x1, x2, squares, x1x2  accuracy %.4f"):format(square:evaluate(x, y).accuracy))

local w = square.layers.neuron.kernel:flatten():tolist()
print(("\nwhat the neuron found: %.2f x1 %+.2f x2 %+.2f x1^2 %+.2f x2^2 %+.2f x1 x2 %+.2f > 0"):format(w[1], w[2], w[3],
  w[4], w[5], square.layers.neuron.bias[1]))
print(("its radius^2: %.3f, where the data have 1.8"):format(-2 * square.layers.neuron.bias[1] / (w[3] + w[4])))

local path = os.tmpname()
square:save(path)
local again = load_model(path)
os.remove(path)
print("loaded again, the same predictions: " .. tostring(again:predict(x):equal(square:predict(x))))

if arg[1] then -- what the network says, all over the square
  local n = 60
  local axis = tensor.linspace(-2, 2, n)
  local grid = {}
  for i = 1, n do
    for k = 1, n do grid[#grid + 1] = { axis[k], axis[i] } end
  end
  plot.heatmap { square:predict(tensor(grid)):reshape { n, n }, title = "probability of the disc" }:save(arg[1])
  print("regions: " .. arg[1])
end
