-- Operations of recorded functions against PyTorch (tests/golden/make_traced.py), where naive formulas go wrong.
local folder = arg[0]:match "^(.*/)" or ""
local check = dofile(folder .. "check.lua")
local core = require "sonde.core"
local golden = npz.load(folder .. "../golden/golden_traced.npz")

-- Both nan, or within the tolerance, relative; 0 may have either sign.
local function same(got, want, tolerance, what)
  check.list(got.shape, want.shape, what)
  got, want = got:flatten():tolist(), want:flatten():tolist()
  for i, w in ipairs(want) do
    local g = got[i]
    check.ok(g == w or g ~= g and w ~= w or math.abs(g - w) <= tolerance * math.max(1, math.abs(w)),
      "%s: number %d is %s, expected %s", what, i, g, w)
  end
end

local u, v = golden.mod_0, golden.mod_1
same(core.expr_run("inputs 2; mod 0 1", { u, v }, "mod"), golden.mod, 0, "mod")
same(u % v, golden.mod, 0, "% of tensors")
local du, dv = grad(function(a, b) return sum(a % b) end)(u, v)
same(du, golden.mod_d0, 0, "mod, first operand")
same(dv, golden.mod_d1, 0, "mod, second operand")
for i, row in ipairs(u:tolist()) do -- numbers are Lua's own
  for k, a in ipairs(row) do check.ok(a % v[{ i, k }] == golden.mod[{ i, k }], "%s %% %s", a, v[{ i, k }]) end
end

local x = golden.logsumexp_0
same(logsumexp(x, 2), golden.logsumexp, 1e-15, "logsumexp")
same(grad(function(a) return sum(logsumexp(a, 2)) end)(x), golden.logsumexp_d0, 1e-12, "logsumexp, gradient")
x = golden.log_softmax_0
same(slice(log_softmax(x, 2), 2, 2), golden.log_softmax, 1e-12, "log_softmax")
same(grad(function(a) return sum(slice(log_softmax(a, 2), 2, 2)) end)(x), golden.log_softmax_d0, 1e-12,
  "log_softmax, gradient")
check.done()
