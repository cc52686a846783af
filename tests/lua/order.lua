-- The order of weights in models with branches is Keras's; the names go by the order of creation.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local function shapes(m)
  local t = {}
  for i, w in ipairs(m:get_weights()) do t[i] = table.concat(w.shape, "x") end
  return table.concat(t, " ")
end

-- Keras 3.15.1: the deep branch first, though the short one was made first.
local x = input { 5 }
local short = dense { 2 } (x)
local deep = dense { 3 } (x)
local out = add { short, dense { 2 } (deep) }
local m = model { inputs = x, outputs = out }
check.equal(shapes(m), "5x3 3 5x2 2 3x2 2")
check.equal(m.layers.dense.kernel.shape[2], 2)
check.equal(m.layers.dense_1.kernel.shape[2], 3)

-- A layer called twice counts at its farther call.
local shared = dense { 5, use_bias = false }
local y = input { 5 }
local other = dense { 5 } (y)
local m2 = model { inputs = y, outputs = add { other, shared(shared(y)) } }
check.equal(shapes(m2), "5x5 5x5 5")

-- A long chain does not use up the stack.
local h = input { 2 }
local first = h
for _ = 1, 1500 do h = activation "relu" (h) end
check.equal(model { inputs = first, outputs = dense { 1 } (h) }:count_params(), 3 * 1)

check.done()
