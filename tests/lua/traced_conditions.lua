-- Recorded functions: what Lua's if, while, and, or, not and == cannot ask of a symbol.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local asked = { ["if"] = "gt", ["while"] = "eq", ["and"] = "lt", ["not"] = "ne" }
for what, fn in pairs {
  ["if"] = function(v) if gt(v, 0.5) then return v * 2 end return v end,
  ["while"] = function(v) while not eq(v, 0) do v = v - 1 end return v end,
  ["and"] = function(v) return v:lt(0) and -v or v end,
  ["not"] = function(v) return not ne(v, 1) and 1 or v end,
} do
  check.fails(function() grad(fn)(1) end, "grad: its function asks ", "traced_conditions.lua:",
    "what it gives does not depend on the answer", asked[what] .. "(...) at ")
end
local net = sequential { dense { 3, activation = "softmax", input_shape = { 6 } } }
check.fails(function() net:compile { optimizer = "sgd", loss = function(t, q)
  if ge(q, 0.5) then return mean(t) end
  return mean(q)
end } end, "compile: loss: its function asks ge(...)", "where(ge(a, b), x, y)")
-- a loss whose gradient is 0 everywhere
do
  local function loss(fn) net:compile { loss = fn, optimizer = "sgd" } end
  for op, fn in pairs {
    ne = function(t, q) return mean(ne(round(q), t)) end,
    round = function(t, q) return mean((round(q) - t) ^ 2) end,
    where = function(t, q) return mean(where(gt(q, 0.5), 1 - t, t)) end,
    gather = function(t, q) return mean(gather(t, sum(q, -1) * 0)) end,
    stop_gradient = function(t, q) return mean(square(stop_gradient(q) - t)) end,
  } do
    local at = ("traced_conditions.lua:%d"):format(debug.getinfo(fn, "S").linedefined)
    check.fails(function() loss(fn) end, "compile: loss: the function at", at, "uses p, the predictions, only through")
    net:compile { loss = "mse", optimizer = "sgd", metrics = { fn } }
    check.ok(op)
  end
  for _, fn in ipairs {
    function(t, q) return mean(where(gt(q, 0.5), q - t, t)) end,
    function(t, q) return mean(square(q + stop_gradient(round(q) - q) - t)) end, -- straight through
    function(t, q) return mean(abs(q - t) * ne(round(q), t)) end,
    function(t, q) return mean(-log(gather(q, sum(t, -1)))) end,
    function(_, q) return mean(q % 1) end,
  } do loss(fn) end
end
-- == of an argument and a number: Lua answers it itself, and only the function's text tells
do
  local function asks(fn, what, ...)
    local at = ("traced_conditions.lua:%d"):format(debug.getinfo(fn, "S").linedefined + 1)
    check.fails(function() grad(fn)(1, 2) end, "grad: its function asks " .. what .. " at ", at .. ", which is ", ...)
  end
  asks(function(v, w)
    if v == 0 then return w end return v * w
  end, "v == 0", "false of a symbol", "where(eq(v, 0), x, y)")
  asks(function(v, w)
    return 2 ~= w and v or w
  end, "2 ~= w", "true of a symbol", "where(ne(2, w), x, y)")
  asks(function(v, w) local function other(u) return u == v end
    return not (w == 0.5) and w or other(3) and v
  end, "w == 0.5", "false of")
  local v = 1
  for i, fn in ipairs {
    function(w) local k = 3 if k == 3 then return w end end,
    function(w) w = 3 * w local n = 0 if n == 0 then return w end end,
    function(w) for w = 1, 2 do if w == 1 then break end end return w end,
    function(w) local s = "w == 0" -- w == 0
      return s and w end,
    function(w) for _, w in ipairs { 1, 2 } do if w == 1 then break end end return w end,
    function(w) do local k, w if w == 1 then return k end end return w end,
    function(w) do local function w() end if w == 1 then return 0 end end return w end,
    function(w) local o = { w = 1 } if o.w == 1 then return w end end,
    function(w) return w ~= nil and w end,
    function(w) return w * (function(w) return w == 0 and 1 or 2 end)(0) end,
    function(w) return v == 1 and w or 2 * w end,
    function(w) if select("#", w) - 1 == 0 then return w end end,
    function(w, scale) if scale == 0 then return 0 end return w * (scale or 2) end, -- only w is a symbol
    function(w) if type(w) == "number" and w == 0 then return 0 end return 2 * w end,
    function(w) if math.type(w) and w == 0 then return 0 end return 2 * w end,
  } do check.ok(pcall(grad(fn), 1), "comparison %d", i) end
  if v == 1 then check.equal(grad(function(v) return 2 * v end)(1), 2.0) end
end
check.fails(function() grad(function(v) while gt(v, 0) do v = v - 1 end return v end)(3) end, "gt(...) at",
  "the condition of a loop")
check.fails(function() grad(function(v) while true do v = v - 1 end end)(3) end, "is there a loop without an end?")
check.near(grad(function(v) local _ = elu(v) + leaky_relu(v); return where(gt(v, 0), v, -v) end)(-2), -1, 0)
do -- of outputs of layers
  local h = input { 2 }
  for _, v in ipairs { h, dense { 2 }(h), h + 1 } do
    check.fails(function() return v > 0 end, "where(gt(a, b), x, y)")
    check.fails(function() return 0 <= v end, "where(gt(a, b), x, y)")
  end
  check.fails(function() return adam {} < 1 end, "not there for an optimizer")
  check.fails(function() grad(function(v) return v + h end)(1) end, "cannot use what layers gave outside of it")
  local both = model { inputs = h, outputs = concat { h % -2, 7 // h } }
  local v = tensor { { -3, 3 }, { 2.5, -0.5 } }
  check.list(both:predict(v):flatten():tolist(), tensor.concat({ v % -2, 7 // v }, 2):flatten():tolist())
end
-- % is Lua's, as that of tensors: near multiples, of negative and of infinite divisors; gradients as PyTorch's
do
  local inf = math.huge
  for _, c in ipairs { { -7.5, 2, 1, 4 }, { 7.5, 2, 1, -3 }, { 7.5, -2, 1, 4 }, { -5, inf, 1, 1 }, { 5, inf, 1, 0 },
    { 5, -inf, 1, 1 }, { -5, -inf, 1, 0 }, { 0, inf, 1, 0 }, { 6, 3, 1, -2 }, { -6, 3, 1, 2 }, { 0.7, 0.1, 1, -6 },
    { 0.3, 0.1, 1, -2 }, { 1e15, 0.3, 1, -3333333333333333 } } do
    local a, b = c[1], c[2]
    local recorded
    check.near(grad(function(u, v) recorded = u % v; return recorded end)(a, b), c[3], 0)
    check.near(select(2, grad(function(u, v) return u % v end)(a, b)), c[4], 0, a .. " % " .. b)
    local net = sequential { lambda { function(v) return v % b end, input_shape = { 1 } } }
    check.equal(net:predict(tensor { { a } })[{ 1, 1 }], (tensor { a } % b)[1], a .. " % " .. b)
    local wide = tensor({ a }, "float64")
    check.equal((wide % b)[1], a % b)
    if a % b < inf then check.equal(grad(function(v) return (v % b) ^ 2 / 2 end)(a), a % b) end
  end
end
-- logsumexp of infinities: values and gradients (nan where they are) of PyTorch 2's logsumexp
do
  local inf, nan = math.huge, "nan"
  check.equal(logsumexp(-inf), -inf)
  check.equal(logsumexp(inf), inf)
  local rows = tensor { { -inf, -inf }, { 1, 2 }, { -inf, 0 }, { inf, 0 } }
  local got = logsumexp(rows, 2)
  check.equal(got[1], -inf)
  check.near(got[2], 2 + math.log(1 + math.exp(-1)), 1e-6)
  check.equal(got[3], 0.0)
  check.equal(got[4], inf)
  local slopes = grad(function(v) return sum(logsumexp(v, 2)) end)(rows):flatten():tolist()
  for i, want in ipairs { nan, nan, 0.26894143, 0.73105857, 0, 1, nan, 0 } do
    if want == nan then check.ok(slopes[i] ~= slopes[i], "slope %d", i) else check.near(slopes[i], want, 1e-6) end
  end
  local net = sequential { lambda { function(v) return logsumexp(v, -1, true) end, input_shape = { 2 } } }
  check.list(net:predict(rows):flatten():tolist(), got:tolist())
  check.equal(log_softmax(tensor { -inf, 0 })[1], -inf)
end

-- a chain of residual blocks: each computes its own sum, and a sum may be a model's output
do
  local x = input { 3 }
  local h = dense { 3 }(x)
  for _ = 1, 12 do h = h + dense { 3 }(h) end
  local m = model { inputs = x, outputs = h }
  local sums = 0
  for i = 1, #m.layers do
    local l = m.layers[i]
    if l.type == "lambda" then
      sums = sums + 1
      check.equal(l.config.program, "inputs 2; add 0 1")
    end
  end
  check.equal(sums, 12)
  local v = tensor.randn { 4, 3, seed = 1 }
  local by_hand = v
  for i = 1, #m.layers do
    local l = m.layers[i]
    if l.type == "dense" then
      local out = by_hand:matmul(l.kernel) + l.bias
      by_hand = i == 2 and out or by_hand + out
    end
  end
  check.ok((m:predict(v) - by_hand):abs():max() < 1e-3 * by_hand:abs():max())
  local wide = dense { 3 }(x)
  for _ = 1, 8 do wide = wide + dense { 3 }(x) end
  check.fails(function() model { inputs = x, outputs = wide } end, "reads 9 outputs of layers", "add{ a, b, ... }")
end
check.done()
