-- Does depth hurt, and do residual connections help? The same stack of layers with and without `h + ...`, from 2 to 24
-- blocks: the loss after training, and how much of the gradient reached the first layer before it began.
--   sonde scripts/examples/residual.lua [losses.png]
sonde.seed(1)

local x = tensor.rand { 1024, 2, seed = 1 } * 6 - 3
local y = (x[{ {}, { 1 } }] * 2):sin() * x[{ {}, { 2 } }]:cos()

local function network(blocks, residual)
  local input_node = input { 2 }
  local h = dense { 16, activation = "tanh", name = "first" }(input_node)
  for _ = 1, blocks do
    local inside = dense { 16, activation = "tanh" }(h)
    h = residual and h + inside or inside -- + works on the outputs of layers
  end
  local m = model { inputs = input_node, outputs = dense { 1 }(h) }
  m:compile { loss = "mse", optimizer = adam { 0.003 } }
  return m
end

local depths, losses = { 2, 8, 24 }, { plain = {}, residual = {} }
print(("%6s  %22s  %22s"):format("", "plain", "residual"))
print(("%6s  %10s  %10s  %10s  %10s"):format("blocks", "loss", "gradient", "loss", "gradient"))
for i, blocks in ipairs(depths) do
  local row = { blocks }
  for _, kind in ipairs { "plain", "residual" } do
    local r = network(blocks, kind == "residual"):run(x, y, { epochs = 25, seed = 1, verbose = 0 })
    r:step()
    local gradient = r:gradients()["first/kernel"].norm
    r:finish()
    losses[kind][i] = r:history().loss[25]
    row[#row + 1], row[#row + 2] = losses[kind][i], gradient
  end
  print(("%6d  %10.5f  %10.2e  %10.5f  %10.2e"):format(table.unpack(row)))
end

if arg[1] then
  plot { x = depths, y = losses, title = "loss after 25 epochs", xlabel = "blocks", logy = true }:save(arg[1])
  print("losses: " .. arg[1])
end
