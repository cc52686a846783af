-- Tensors inside of a step and gradients with respect to layers and to the input, against PyTorch in float64
-- (tests/golden/make_look.py).
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "look"
local TOLERANCE = 1e-5

local i = input { 6, 4, 2, name = "x" }
local act = activation { "relu", name = "act" } (batch_norm { name = "bn" } (conv2d { 5, 3, padding = "same",
  activation = "tanh", kernel_regularizer = l2(1e-2), name = "stem" } (i)))
local side = conv2d { 5, 3, padding = "same", name = "side" } (act)
local pool = max_pool2d { 2, name = "pool" } (add { act, side, name = "add" })
local m = model { inputs = i, outputs = dense { 4, activation = "softmax", name = "head" } (flatten {} (pool)) }
m:set_weights(U.list(data, "w"))
local LAYERS = { "stem", "bn", "act", "side", "add", "pool", "head" }

-- any input
for k, t in ipairs(m:output(LAYERS, data.x)) do
  U.close("output of " .. LAYERS[k], t, data["out_" .. LAYERS[k]], TOLERANCE)
end
local function gradient(what, opts)
  opts.batch_size = 3
  U.close("gradient of the input: " .. what, m:input_gradient(data.x, opts), data["dx_" .. what], TOLERANCE)
end
gradient("class", { class = 1 })
gradient("logits", { class = 1, logits = true })
gradient("unit", { layer = "side", unit = 4 })
gradient("weights", { layer = "bn", weights = data.weights })
local core = require "sonde.core"
for node, v in ipairs(core.model_nodes(m)) do
  if v.ends and require "sonde.layers".info(m).layers[v.layer].name == "act" then
    local out, grad = core.look_class_gradient(core.trainer(m), data.x, node, 3, true)
    U.close("class gradient: output", out, data.out_act, TOLERANCE)
    U.close("class gradient", grad, data.cam, TOLERANCE)
  end
end
m:compile { loss = "sparse_categorical_crossentropy", optimizer = sgd { 0.1 } }
gradient("loss", { y = data.y })

-- a step: before it is made, and after
local r = m:run(data.x, data.y, { batch_size = 4, shuffle = false, verbose = 0 })
local function step(what)
  for _, name in ipairs(LAYERS) do
    local t = r.layers[name].output
    U.close(what .. ": output of " .. name, t, data["train_" .. name], TOLERANCE)
    U.close(what .. ": its gradient", t.grad, data["grad_" .. name], TOLERANCE)
  end
  U.close(what .. ": gradient of the input", r.layers.stem.input.grad, data.grad_input, TOLERANCE)
  local names = { [0] = { "stem", "kernel" }, { "stem", "bias" }, { "bn", "gamma" }, { "bn", "beta" },
    [6] = { "side", "kernel" }, [7] = { "side", "bias" }, [8] = { "head", "kernel" }, [9] = { "head", "bias" } }
  for k, name in pairs(names) do
    local p, of = r.layers[name[1]][name[2]], ("data_grad_%02d"):format(k)
    U.close(what .. ": " .. table.concat(name, "/"), p.data_grad, data[of], TOLERANCE)
  end
  local kernel = r.layers.stem.kernel
  U.close(what .. ": penalty", kernel.penalty_grad, data.penalty_grad_00, 1e-6)
  U.close(what .. ": total", kernel.grad, data.data_grad_00 + data.penalty_grad_00, TOLERANCE)
end
local f = r:forward()
U.close("loss", { f.data, f.penalty }, data.loss, TOLERANCE)
r:backward()
step "next step"
local kernel = r.layers.stem.kernel
r:update()
U.result(not kernel:equal(r.layers.stem.kernel), "update", "the weights are as they were")
r.layers.stem.kernel = kernel -- the last step is seen with the weights that it saw, whatever they are now
local ok, why = pcall(function()
  for _, name in ipairs(LAYERS) do
    U.close("last step: output of " .. name, r.layers[name].output, data["train_" .. name], TOLERANCE)
    U.close("last step: its gradient", r.layers[name].output.grad, data["grad_" .. name], TOLERANCE)
  end
end)
U.result(ok, "last step", "%s", tostring(why))
U.done()
