-- How values print, and the table sonde.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local show = require "sonde.show"
check.equal(show.text(3), "3")
check.equal(show.text(0.5), "0.5")
check.equal(show.text "a\nb", "a\nb")
check.equal(show.text(nil), "nil")
check.equal(show.text {}, "{}")
check.equal(show.text { 1, "a", { b = true } }, '{ 1, "a", { b = true } }')
check.equal(show.text { ["end"] = 1, ["a b"] = 2, [1.5] = 3 }, '{ [1.5] = 3, ["a b"] = 2, ["end"] = 1 }')
local ring = {}
ring[1] = ring
check.equal(show.text(ring), "{ { itself } }")
local long = {}
for i = 1, 100 do long[i] = i end
check.has(show.text(long), "... 60 more")
check.equal(show.text { tensor { 1, 2 } }, "{ tensor (2,) float32  min 1  mean 1.5  max 2 }")
check.equal(show.text(adam { 0.5 }), "adam{learning_rate=0.5}")
check.equal(show.text(setmetatable({}, { __tostring = function() return "mine" end })), "mine")
check.equal(check.output(function() show.print(1, nil, "x") end), "1\nnil\nx\n")
check.equal(check.output(show.print), "")

-- functions of ours say what they are
check.has(show.text(conv2d), "conv2d: 2-D convolution")
check.has(show.text(conv2d), "?conv2d")
check.has(show.text(sequential), "?sequential")
check.has(show.text(sequential { dense { 1, input_shape = { 1 } } }.summary), "?summary")
check.has(show.text(print), "function: ")
check.has(show.text { conv2d }, "function: ")

-- the table sonde
check.ok(sonde.version:find "^%d+%.%d+")
check.ok(sonde.threads >= 1)
check.ok(sonde.isa == "base" or sonde.isa == "v3" or sonde.isa == "v4")
check.ok(#sonde.corename > 0)
local t = sonde.clock()
check.ok(sonde.clock() >= t)
check.equal(sonde.conv2d, conv2d)
check.equal(sonde.sequential, sequential)
do
  collectgarbage()
  local before = sonde.memory()
  local large = tensor.zeros { 512, 512 }
  local now, peak, limit = sonde.memory()
  check.ok(now >= before + 4 * 512 * 512 and peak >= now and limit >= peak, "%d, %d before", now, before)
  check.equal(#large, 512)
end

-- what is ours cannot be taken apart
check.equal(getmetatable(tensor { 1 }), "tensor")
check.equal(getmetatable(conv2d { 1, 1 }), "object")
check.done()
