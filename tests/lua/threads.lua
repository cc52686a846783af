-- The same seed gives the same bits with 1, 2, 3 and 8 threads, on every instruction set, and when a run is saved and
-- goes on in another process.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local first = -1
while arg[first - 1] do first = first - 1 end -- options stand between the program and the script
local program, dir = arg[first] or "sonde", check.folder()
local script = dir .. "/train.lua"
local f = assert(io.open(script, "w"))
f:write [[
sonde.seed(5)
local n, x, y = 48, {}, {}
for i = 1, n do
  x[i], y[i] = {}, { i % 2, (i + 1) % 2 }
  for r = 1, 9 do
    x[i][r] = {}
    for c = 1, 7 do x[i][r][c] = { math.sin(i * r + c), math.cos(i * c - r) } end
  end
end
local d = tensors { x = tensor(x), y = tensor(y) }
local out, stop = arg[1], tonumber(arg[2])
local r
if stop == -1 then
  r = resume(out .. ".run", d, { verbose = 0 })
else
  local m = sequential {
    conv2d { 8, 3, padding = "same", kernel_regularizer = l2(1e-3), input_shape = { 9, 7, 2 } }, batch_norm {},
    activation "relu", max_pool2d { 2 }, dropout { 0.2 },
    conv2d { 12, 3, strides = 2, padding = "same", activation = "tanh" }, flatten {},
    dense { 16, kernel_regularizer = l2(1e-3) }, batch_norm {}, activation "relu", dropout { 0.4 },
    dense { 2, activation = "softmax" },
  }
  m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  r = m:run(d, { batch_size = 7, epochs = 3, seed = 2, verbose = 0 })
  if stop then
    r:step(stop)
    r:save(out .. ".run")
    return
  end
end
r:finish()
local t = {}
for i, w in ipairs(r.model:get_weights()) do t[("%02d"):format(i)] = w end
t.loss = tensor(r:history().loss, "float64")
-- small networks, whose products are cut into cells of their own
local function more(name, m)
  m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  local shape, labels = { 32, table.unpack(m.input_shape) }, {}
  shape.seed = 3
  for i = 1, 32 do
    labels[i] = {}
    for k = 1, 10 do labels[i][k] = i * 7 % 10 + 1 == k and 1 or 0 end
  end
  local images, targets = tensor.random(shape), tensor(labels)
  for _ = 1, 3 do m:train_on_batch(images, targets) end
  for i, w in ipairs(m:get_weights()) do t[name .. i] = w end
  t[name .. "_out"] = m:predict(images)
end
sonde.seed(6)
more("mlp", sequential {
  dense { 128, activation = "relu", input_shape = { 784 } }, dense { 10, activation = "softmax" } })
more("lenet", sequential {
  conv2d { 6, 5, padding = "same", activation = "relu", input_shape = { 28, 28, 1 } }, max_pool2d { 2 },
  conv2d { 16, 5, activation = "relu" }, max_pool2d { 2 }, flatten {}, dense { 120, activation = "relu" },
  dense { 84, activation = "relu" }, dense { 10, activation = "softmax" } })
npz.save(out, t)
]]
f:close()

local function sh(env, out, stop)
  local command = ("%s '%s' '%s' '%s' %s"):format(env, program, script, out, stop or "")
  check.ok(os.execute(command), command)
end
local function same(out)
  local a, b = npz.load(dir .. "/first.npz"), npz.load(out)
  for name, t in pairs(a) do check.ok(t:equal(b[name]), "%s: %s differs", out, name) end
end

sh("SONDE_THREADS=1", dir .. "/first.npz")
for _, n in ipairs { 2, 3, 8 } do
  sh("SONDE_THREADS=" .. n, dir .. "/n.npz")
  same(dir .. "/n.npz")
end
-- Products are fused where an instruction set can: the numbers agree, their last bits do not.
local function near(out)
  local a, b = npz.load(dir .. "/first.npz").loss, npz.load(out).loss
  for i = 1, #a do check.near(b[i], a[i], 1e-3 * i, out .. ": loss") end
end
local levels = { base = 1, v3 = 2, v4 = 3 }
for level, rank in pairs(levels) do
  if rank <= levels[sonde.isa] then
    sh("SONDE_ISA=" .. level, dir .. "/isa.npz")
    near(dir .. "/isa.npz")
  end
end
for _, stop in ipairs { 1, 7, 13 } do
  sh("SONDE_THREADS=2", dir .. "/resumed.npz", stop)
  sh("SONDE_THREADS=3", dir .. "/resumed.npz", -1)
  same(dir .. "/resumed.npz")
end
check.done()
