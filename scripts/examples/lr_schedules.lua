-- Which learning rate, and how should it change? The same network from the same weights, with a constant rate, three
-- schedules, and one that is a Lua function.
--   sonde scripts/examples/lr_schedules.lua [curves.png]
sonde.seed(1)
local EPOCHS, BATCH = 30, 32

-- Two arms of a spiral.
local function spiral(n, seed)
  local t, noise = tensor.rand { n, seed = seed } * 3 + 0.5, tensor.randn { n, 2, seed = seed + 1 } * 0.08
  local side = (tensor.arange(n) % 2):astype "float32"
  local angle = t * 2 + side * math.pi
  return tensor.stack({ t * angle:cos(), t * angle:sin() }, 2) + noise, side:unsqueeze(2)
end
local x, y = spiral(1024, 1)
local x_val, y_val = spiral(512, 3)
local steps = EPOCHS * #x // BATCH

local start = sequential {
  dense { 32, activation = "tanh", input_shape = { 2 } }, dense { 32, activation = "tanh" },
  dense { 1, activation = "sigmoid" },
}
local loss = "binary_crossentropy"
start:compile { loss = loss, optimizer = "adam" }

local rates = {
  { "constant", 0.02 },
  { "exponential_decay", exponential_decay { 0.02, steps, 0.01 } },
  { "cosine_decay", cosine_decay { 0.02, steps } },
  { "warmup and cosine", cosine_decay { 0, steps * 9 // 10, warmup_target = 0.02, warmup_steps = steps // 10 } },
  { "a function of the epoch", function(_, epoch) return epoch < 20 and 0.02 or 0.002 end },
}

local curves = {}
print(("%-24s  %10s  %10s  %10s  %12s"):format("learning rate", "first", "last", "val_loss", "val_accuracy"))
for _, rate in ipairs(rates) do
  local m = start:clone()
  m:compile { loss = loss, optimizer = adam { learning_rate = rate[2] }, metrics = { "accuracy" } }
  local r = m:run(x, y, { validation_data = { x_val, y_val }, epochs = EPOCHS, batch_size = BATCH, seed = 1,
    verbose = 0 })
  r:step()
  local first = r.learning_rate
  r:finish()
  local h = r:history()
  curves[rate[1]] = h.val_loss
  print(("%-24s  %10.5f  %10.5f  %10.4f  %12.4f"):format(rate[1], first, r.learning_rate, h.val_loss[EPOCHS],
    h.val_accuracy[EPOCHS]))
end

if arg[1] then
  plot { y = curves, title = "validation loss", xlabel = "epoch", logy = true }:save(arg[1])
  print("curves: " .. arg[1])
end
