-- Tensors: making, indexing, arithmetic, printing; .npy and .npz files.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local t = tensor { { 1, 2, 3 }, { 4, 5, 6 } }
check.list(t.shape, { 2, 3 })
check.equal(t.dtype, "float32")
check.equal(#t, 2)
check.equal(t[{ 2, 3 }], 6)
check.equal(t[2][1], 4)
check.list(t[1]:tolist(), { 1, 2, 3 })
check.equal(t[{ 2 }][3], 6)
check.list(t:tolist()[2], { 4, 5, 6 })
t[1][2] = 20 -- a row is a view
check.equal(t[{ 1, 2 }], 20)
t[{ 1, 2 }] = 2
check.equal(t:sum(), 21)
check.equal(t:mean(), 3.5)
check.equal(t:min(), 1)
check.equal(t:max(), 6)
check.near(t:norm(), 91 ^ 0.5, 1e-12)
check.near(t:std(), (35 / 12) ^ 0.5, 1e-12)
check.list(t:argmax():tolist(), { 3, 3 })
check.equal(tensor { 3, 9, 9 }:argmax(), 2)
check.list((t + 1):tolist()[1], { 2, 3, 4 })
check.list((2 * t - t):tolist()[2], { 4, 5, 6 })
check.list((t / t):tolist()[2], { 1, 1, 1 })
check.list((-t ^ 2):tolist()[1], { -1, -4, -9 })
check.list((1 - t):tolist()[1], { 0, -1, -2 })
check.list((t - 3):abs():tolist()[1], { 2, 1, 0 })
check.near(t:exp():log()[{ 2, 3 }], 6, 1e-6)
check.list(t:minimum(2):tolist()[2], { 2, 2, 2 })
check.list(t:reshape { 3, -1 }.shape, { 3, 2 })
check.list(t:rows(2, 2):tolist()[1], { 4, 5, 6 })
check.list(t:rows(2).shape, { 1, 3 })
check.ok(t:equal(t:copy()))
check.ok(not t:equal(t + 1))
check.equal(t:copy("int64").dtype, "int64")
check.equal(tensor({ 1.5 }, "float64").dtype, "float64")
check.equal((tensor({ 1.5 }, "float64") + 1).dtype, "float64")
check.equal((tensor({ 1.5 }) + 1).dtype, "float32")
check.equal(tensor(4):tolist(), 4)
check.equal(#tensor(4).shape, 0)
check.list(tensor {}.shape, { 0 })
check.list(tensor.zeros { 2, 2 }:tolist()[1], { 0, 0 })
check.equal(tensor.ones { 3 }:sum(), 3)
check.equal(tensor.full({ 2 }, 0.5):sum(), 1)
check.equal(tensor { 1e30, 0 }:max(), tensor { 1e30 }[1])

-- a closed one is empty, and says so
local kept
do
  local closing <close> = tensor { 1, 2 }
  kept = closing
end
check.fails(function() kept:sum() end, "the tensor is closed")
check.fails(function() return kept + 1 end, "the tensor is closed")
check.fails(function() tostring(kept) end, "the tensor is closed")
check.fails(function() tensors { x = kept } end, "the tensor is closed")

-- ipairs goes over the rows, and ends behind the last
do
  local seen = {}
  for i, row in ipairs(t) do seen[i] = row[1] end
  check.list(seen, { 1, 4 })
  seen = {}
  for i, v in ipairs(t[2]) do seen[i] = v end
  check.list(seen, { 4, 5, 6 })
  check.fails(function() return t[3] end, "tensors.lua:", "index 3 of axis 1 is outside 1..2", "shape (2, 3)")
  check.fails(function() return t[2][4] end, "index 4 of axis 1 is outside 1..3", "shape (3,)")
  check.fails(function() return tensor {}[1] end, "index 1 of axis 1 is outside 1..0 in a tensor of shape (0,)")
  check.equal(table.concat(t[2], " "), "4.0 5.0 6.0")
  for _ in ipairs(tensor {}) do error "an empty tensor has no rows" end
  check.fails(function() return tensor(1)[1] end, "1 index for 0 dimensions")
end

-- mistakes
check.fails(function() tensor { { 1, 2 }, { 3 } } end, "tensors.lua:", "a list of 1 where the first has 2")
check.fails(function() tensor { { 1, 2 }, 3 } end, "rows differ")
check.fails(function() tensor { 1, "2" } end, "element 2 is a string, not a number")
check.fails(function() tensor "x" end, "wants a list of numbers, got a string")
check.fails(function() tensor({ 1 }, "float16") end, '"float16" is not one of "float32"')
check.fails(function() return t[4] end, "index 4 of axis 1 is outside 1..2")
check.fails(function() return t[{ 3 }] end, "index 3 of axis 1 is outside 1..2")
check.fails(function() t[{ 3, 1 }] = 1 end, "index 3 of axis 1 is outside 1..2")
check.fails(function() return t[0] end, "outside 1..2")
check.fails(function() return t[-3] end, "index -3 of axis 1 is outside 1..2", "shape (2, 3)")
check.fails(function() return t[1.5] end, "not a whole number")
check.fails(function() return t[{ 1, 2, 3 }] end, "3 indices for 2 dimensions")
check.fails(function() t.grad = 2 end, "only elements can be set")
check.fails(function() return t + tensor { 1, 2 } end, "+: shapes (2, 3) and (2,) do not fit", "3 is not 2")
check.fails(function() return t + "x" end, "tensor arithmetic wants tensors and numbers, got a string")
check.fails(function() t:reshape { 4, 2 } end, "reshape")
check.fails(function() t:reshape { 1e18, 1e18 } end, "too many elements")
check.fails(function() tensor.zeros { 1 << 40, 1 << 20 } end, "tensor (1099511627776, 1048576)",
  "out of memory: it needs 4.00 EiB", "use a smaller shape")
check.fails(function() tensor.zeros { -1 } end, "size 1 is -1, not a whole number of at least 0")
check.fails(function() tensor {}:mean() end, "the tensor is empty")
check.fails(function() t:rows(2, 3) end, "rows: 2..3 is outside 1..2")
local deep = 1
for _ = 1, 10 do deep = { deep } end
check.fails(function() tensor(deep) end, "nested more than 8 deep")

-- int64 holds every whole number of Lua
local exact = { 2 ^ 53 | 1, math.maxinteger, math.mininteger, -1 }
check.list(tensor(exact, "int64"):tolist(), exact)
check.equal(tensor(exact, "int64")[1], 9007199254740993)
check.equal(tensor.full({ 2 }, math.maxinteger - 1, "int64")[2], math.maxinteger - 1)
check.equal(tensor(math.maxinteger, "int64"):tolist(), math.maxinteger)
check.has(tostring(tensor({ 1e300 }, "int64")), "[9223372036854775807]")
check.has(tostring(tensor({ -1e300, 1 }, "int64")), "[-9223372036854775808                    1]")
check.list(tensor({ 2.5, -1e300, 0 / 0 }, "int64"):tolist(), { 2, math.mininteger, 0 })

-- printing
local big = tensor.zeros { 100, 50 }
big[{ 100, 50 }] = 1
local text = tostring(big)
check.has(text, "tensor (100, 50) float32  min 0  mean 0.0002  max 1")
check.has(text, "...")
check.ok(#text < 1000)
check.equal(tostring(tensor { { 1, 2 }, { 3, 4 } }),
  "tensor (2, 2) float32  min 1  mean 2.5  max 4\n[[1. 2.]\n [3. 4.]]")
check.has(tostring(tensor { 0.12345, 1e-9 }), "1.2345e-01")
check.has(tostring(tensor { 0 / 0, 1 / 0 }), "tensor (2,) float32  1 NaN  1 inf\n[nan inf]")
check.has(tostring(tensor {}), "empty")
check.has(tostring(tensor.zeros { 30, 40, 50, 60 }), "...")

-- files
local dir = check.folder()
local path = dir .. "/t.npz"
npz.save(path, { x = t, y = tensor({ 1, 2 }, "int64"), z = { 1, 2, 3 } })
local back = npz.load(path)
check.ok(back.x:equal(t))
check.equal(back.y.dtype, "int64")
check.list(back.z:tolist(), { 1, 2, 3 })
npz.save(path, { t, t + 1 })
back = npz.load(path)
check.ok(back.arr_0:equal(t) and back.arr_1:equal(t + 1) and not back.x)
npy.save(dir .. "/t.npy", t)
check.ok(npy.load(dir .. "/t.npy"):equal(t))
check.fails(function() npz.load(dir .. "/none.npz") end, "none.npz")
check.fails(function() npy.load(dir .. "/none.npy") end, "none.npy")
check.fails(function() npz.load(dir .. "/t.npy") end, "t.npy")
check.fails(function() npy.load(path) end, "t.npz")
check.fails(function() npz.save(dir .. "/no/folder.npz", { t }) end, "folder.npz")
check.fails(function() npz.save(path, { x = "text" }) end, "x wants a tensor or a list of numbers")
check.fails(function() npz.save(path, "text") end, "wants a table of tensors")
check.fails(function() npz.load() end, "npz.load: wants the path of a file as a text, got nil")
for n = 0, 200, 7 do -- whatever a file holds: a tensor or an error
  local f = assert(io.open(dir .. "/t.npy", "rb"))
  local bytes = f:read "a"
  f:close()
  f = assert(io.open(dir .. "/cut.npy", "wb"))
  f:write(bytes:sub(1, n))
  f:close()
  local ok, v = pcall(npy.load, dir .. "/cut.npy")
  check.ok(not ok or v:equal(t), "%d bytes of a file were taken for a tensor", n)
end
-- equality is that of numbers, whatever their types and bits
check.ok(tensor { 0.0, 1 } == tensor { -0.0, 1 } and tensor({ 0, 1 }, "int64") == tensor { -0.0, 1 })
check.ok(tensor { 0 / 0 } == tensor({ 0 / 0 }, "float64") and tensor { 0 / 0 } ~= tensor { 1 })
check.ok(tensor { 1, 2 } ~= tensor { 1, 3 } and tensor({ 1 }, "int64") ~= tensor({ 2 }, "int64"))
check.ok(tensor { 1, 2 } ~= tensor { { 1, 2 } } and tensor.zeros { 0 } == tensor.zeros { 0 })
-- what is missing is called nothing, or nil
for _, name in ipairs { "reshape", "matmul" } do
  local t = tensor.zeros { 2 }
  check.fails(function() t[name](t) end, name == "matmul" and "got nil" or "got nothing") -- matmul asks for a symbol first
  check.fails(function() t[name](t, nil) end, "got nil")
end
check.fails(function() tensor() end, "got nil")
check.fails(function() return tensor { 1, adam {} } end, "element 2 is an optimizer, not a number")
check.done()
