-- What tensors compute has the same bits with 1, 2, 3 and 8 threads and on every instruction set.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local first = -1
while arg[first - 1] do first = first - 1 end -- options stand between the program and the script
local program, dir = arg[first] or "sonde", check.folder()
local script = dir .. "/compute.lua"
local f = assert(io.open(script, "w"))
f:write [[
local out, t = {}, tensor.randn { 37, 41, 53, seed = 1 } -- odd sizes, more than one piece of work
local u, wide = tensor.random { 41, 1, seed = 2 }, tensor.randn { 3, 70001, seed = 3, dtype = "float64" }
local whole = (t * 50):astype "int32"
local function keep(v) out[#out + 1] = type(v) == "number" and tensor(v, "float64") or v end
keep(t) keep(u) keep(wide)
keep(t + u) keep(t * u - t[1]) keep(t / 3) keep(t:abs() ^ u) keep(t % 0.3) keep(t // u) keep(t:lt(u))
keep(whole + 1) keep(whole // 7) keep(whole:maximum(3)) keep(tensor.where(t:gt(0), u, wide[1][{ { 1, 53 } }]))
for _, fn in ipairs { "exp", "log1p", "sin", "tanh", "sigmoid", "round", "isnan" } do keep(t[fn](t)) end
for _, x in ipairs { t, wide, whole } do
  for _, op in ipairs { "sum", "mean", "std", "norm", "min", "max", "prod", "argmax" } do
    for axis = 1, #x.shape do keep(x[op](x, axis)) end
    if op ~= "argmax" then keep(x[op](x)) keep(x[op](x, { 1, -1 })) end
  end
  keep(x:cumsum(1)) keep(x:cumsum())
  local values, places = x:sort(1)
  keep(values) keep(places) keep(x:argsort()) keep((x:topk(5)))
end
keep(wide:flatten():sort()) keep(t[t:gt(1)]) keep(t:gt(1):nonzero())
keep(t:permute(3, 1, 2)) keep(t[{ { -1, 1, -2 }, {}, { 2, 50, 3 } }]) keep(t:index(2, { 5, -1, 5 }))
keep(tensor.concat({ t, t[{ {}, { 1, 5 } }] }, 2))
keep(t:matmul(t:transpose(2, 3))) keep(t:reshape { 37, -1 }:matmul(t:reshape { 37, -1 }:t())) keep(wide:matmul(wide:t()))
keep(t[1][1]:dot(t[2][2])) keep(wide[1]:dot(wide[2]))
keep(tensor.linspace(0, 1, 50001)) keep(tensor.arange(-3, 5, 1 / 7000))
t[{ {}, { 3, 30, 2 } }] = u[{ { 1, 14 } }]
t[t:lt(-1)] = 0
keep(t)
npz.save(arg[1], out)
]]
f:close()

local function run(env, out)
  local command = ("%s '%s' '%s' '%s'"):format(env, program, script, out)
  check.ok(os.execute(command), command)
end
run("SONDE_THREADS=1", dir .. "/first.npz")
local want = npz.load(dir .. "/first.npz")
local function same(env)
  run(env, dir .. "/other.npz")
  local got, n = npz.load(dir .. "/other.npz"), 0
  for name, t in pairs(want) do
    n = n + 1
    check.ok(t:equal(got[name]), "%s: %s differs", env, name)
  end
  check.ok(n > 100, "%d results", n)
end
for _, n in ipairs { 2, 3, 8 } do same("SONDE_THREADS=" .. n) end
for _, level in ipairs { "base", "v3", "v4" } do
  same("SONDE_ISA=" .. level)
  if level == sonde.isa then break end
end
check.done()
