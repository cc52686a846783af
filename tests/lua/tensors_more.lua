-- Tensors: what shares numbers and what is a copy, masks, iteration, closing, memory, dtypes, printing, mistakes.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
sonde.seed(3)

local function fresh() return tensor.arange(12):reshape { 3, 4 } end

-- ---- shared or copied, by the form of the key alone ----

for _, key in ipairs { 2, -1, { 2 }, { 2, { 2, 3 } }, { { 2, 3 } }, { { 1, 3 }, {} }, {}, { { 3 } } } do
  local t = fresh()
  local part = t[key]
  part[{}] = 50
  check.equal(t:max(), 50)
end
for _, key in ipairs { { {}, 2 }, { {}, { 1, 4 } }, { { 1, 3, 2 } }, { { 1, 3 }, { 1, 4 } }, { { 3, 1, -1 } } } do
  local t = fresh()
  local part = t[key]
  part[{}] = 50
  check.equal(t:max(), 11)
end
for _, view in ipairs { "flatten", "squeeze", "rows" } do
  local t = fresh()
  t[view](t, view == "rows" and 1 or nil)[1] = 50
  check.equal(t:max(), 50)
end
for _, copy in ipairs { "t", "copy", "transpose", "abs" } do
  local t = fresh()
  t[copy](t)[{}] = 50
  check.equal(t:max(), 11)
end
check.list(fresh():reshape({ 1, 12, 1 }):squeeze().shape, { 12 })
check.list(fresh():reshape({ 1, 12, 1 }):squeeze(-1).shape, { 1, 12 })
check.list(fresh():unsqueeze(-1).shape, { 3, 4, 1 })
check.list(fresh():unsqueeze(2).shape, { 3, 1, 4 })

-- writing what is a part of the tensor itself
do
  local t = tensor.arange(6)
  t[{ { 2, 6 } }] = t[{ { 1, 5 } }]
  check.list(t:tolist(), { 0, 0, 1, 2, 3, 4 })
  t[{ { 1, 5 } }] = t[{ { 2, 6 } }]
  check.list(t:tolist(), { 0, 1, 2, 3, 4, 4 })
  t[{ { 6, 1, -1 } }] = t
  check.list(t:tolist(), { 4, 4, 3, 2, 1, 0 })
  t[2] = tensor(7)
  check.equal(t[2], 7)
  t[{ { 1, 2 } }] = tensor { 8 }
  check.equal(t:sum(), 22)
  t[t:gt(3)] = { 1, 2 }
  check.list(t:tolist(), { 1, 2, 3, 2, 1, 0 })
  local u = tensor.zeros({ 2, 2 }, "uint8")
  u[1] = { 300, -5 }
  u[2] = { 1.5, 2.5 }
  check.list(u:flatten():tolist(), { 255, 0, 2, 2 })
  local one = tensor(3)
  one[{}] = 4
  check.equal(one:item(), 4)
  check.equal(one[{}], 4)
  local wide = tensor.zeros({ 2 }, "int64")
  wide[1] = math.maxinteger
  check.equal(wide[1], math.maxinteger)
end

-- empty parts
check.list(fresh()[{ { 1, 0 } }].shape, { 0, 4 })
check.list(fresh()[{ {}, { 5, 4 } }].shape, { 3, 0 })
check.list(tensor.zeros({ 0, 3 })[{ {}, 2 }].shape, { 0 })
check.list(tensor.zeros({ 0, 3 }):sum(1):tolist(), { 0, 0, 0 })
check.list(tensor.zeros({ 0, 3 }):max(2).shape, { 0 })
check.equal(tensor({}):sum(), 0)
check.equal(tensor({}):prod(), 1)
check.equal(tensor({}):all(), true)
check.equal(tensor({}):any(), false)
check.list(tensor.zeros({ 2, 0 }):matmul(tensor.ones { 0, 3 }):tolist()[2], { 0, 0, 0 })
check.list((tensor {} + 1).shape, { 0 })
check.list(tensor({}):sort():tolist(), {})
check.list(tensor.zeros({ 3 })[tensor.zeros({ 3 }, "uint8")].shape, { 0 })
check.list(tensor.concat({ tensor {}, tensor { 1 } }):tolist(), { 1 })
check.list(tensor.linspace(0, 1, 0).shape, { 0 })
check.list(tensor.linspace(3, 9, 1):tolist(), { 3 })
check.list(tensor.arange(3, 1).shape, { 0 })
check.equal(tensor.linspace(0, 0.1, 3, "float64")[3], 0.1)

-- ---- iteration ----

do
  local seen = {}
  for v in fresh():values() do seen[#seen + 1] = v end
  check.list(seen, fresh():flatten():tolist())
  for i, row in ipairs(fresh()) do check.equal(row[1], 4 * (i - 1)) end
  local a, b, c = fresh():unpack()
  check.equal(c[4], 11)
  check.equal(select("#", tensor({ 1, 2 }):unpack()), 2)
  check.ok(a and b)
  check.fails(function() tensor.zeros({ 1000 }):unpack() end, "unpack: 1000 results are too many", "tolist")
end

-- ---- closing ----

do
  collectgarbage()
  local before = sonde.memory()
  local kept, row
  do
    local big <close> = tensor.zeros { 1000, 1000 }
    check.ok(sonde.memory() - before >= 4e6)
    kept = big
  end
  check.ok(sonde.memory() - before < 1e6, "a closed tensor keeps its memory")
  for _, use in ipairs { "sum", "shape", "tolist", "values", "exp", "t", "sort", "dtype", "copy", "item", "unsqueeze" } do
    check.fails(function()
      local field = kept[use]
      return field(kept, use == "unsqueeze" and 1 or nil)
    end, "the tensor is closed")
  end
  check.fails(function() return #kept end, "the tensor is closed")
  check.fails(function() kept[1] = 2 end, "the tensor is closed")
  check.fails(function() return tensor { 1 } + kept end, "the tensor is closed")
  check.fails(function() return kept == tensor { 1 } end, "the tensor is closed")
  check.fails(function() tensor.concat { kept } end, "the tensor is closed")
  check.fails(function() tensor.zeros({ 2 })[kept] = 1 end, "the tensor is closed")
  local values
  do -- what shares its numbers lives on; an iterator does not
    local t <close> = tensor { { 1, 2 }, { 3, 4 } }
    row, values = t[2], t:values()
    check.equal(values(), 1)
  end
  check.list(row:tolist(), { 3, 4 })
  check.fails(values, "the tensor is closed")
end

-- ---- memory that Lua's collector knows of ----

do
  collectgarbage()
  local before, most = sonde.memory(), 0
  for i = 1, 10000 do
    local t = tensor.zeros { 512, 512 }
    if i % 2 == 0 then t = t:copy "uint8" end
    most = math.max(most, (sonde.memory()))
  end
  check.ok(most - before < 128 << 20, "10000 tensors of 1 MB: %d MB at a time", (most - before) >> 20)
  local x = tensor.ones { 512, 512 }
  most = 0
  for _ = 1, 500 do
    x = (x * 2 - x):exp():log():t()[{ {}, { 512, 1, -1 } }]
    most = math.max(most, (sonde.memory()))
  end
  check.ok(most - before < 128 << 20, "a formula, again and again: %d MB at a time", (most - before) >> 20)
  check.near(x:mean(), 1, 1e-3)
end

-- ---- dtypes ----

local function dtype(v, expected) check.equal(v.dtype, expected) end
local u8, i32, i64 = tensor({ 200, 100 }, "uint8"), tensor({ 1, 2 }, "int32"), tensor({ 1, 2 }, "int64")
local f32, f64 = tensor { 1, 2 }, tensor({ 1, 2 }, "float64")
dtype(u8 + u8, "int64")
check.list((u8 + u8):tolist(), { 400, 200 })
check.list((-u8):tolist(), { -200, -100 })
dtype(i32 + 1, "int64")
dtype(i32 + 1.0, "float32")
dtype(i64 / 2, "float32")
dtype(i64 ^ 2, "float32")
dtype(i64 // 2, "int64")
dtype(i64 * f32, "float32")
dtype(i32 * f64, "float64")
dtype(f32 + 0.1, "float32")
dtype(f32 + f64, "float64")
dtype(u8:maximum(3), "uint8")
dtype(u8:maximum(-3), "int64")
dtype(u8:clip(0, 255), "uint8")
dtype(u8:clip(0, 0.5), "float32")
dtype(i32:round(), "int32")
dtype(i32:exp(), "float32")
dtype(f64:exp(), "float64")
dtype(u8:sum { 1, keepdims = true }, "int64")
dtype(u8:mean { 1, keepdims = true }, "float32")
dtype(f64:isnan(), "uint8")
dtype(tensor.where(f32:gt(1), 1, 0), "int64")
dtype(tensor.where(f32:gt(1), 0.5, 0), "float32")
dtype(tensor.where(f32:gt(1), u8, u8), "uint8")
dtype(tensor.concat { u8, i32 }, "int64")
dtype(tensor.concat { u8, u8 }, "uint8")
dtype(tensor.arange(3), "int64")
dtype(tensor.arange(3.0), "float32")
dtype(tensor.arange(0, 3, 1, "uint8"), "uint8")
dtype(tensor.zeros { 2, dtype = "int32" }, "int32")
dtype(tensor { 1, 2, dtype = "int32" }, "int32")
dtype(tensor.rand { 2, dtype = "float64" }, "float64")
dtype(i32:matmul(i32:unsqueeze(2)), "int64")
check.equal(math.type(i32:sum()), "integer")
check.equal(math.type(i32:dot(u8)), "integer")
check.equal(math.type(i32:max()), "integer")
check.equal(math.type(f32:sum()), "float")
check.equal(i64:any(), true)
local high = tensor({ math.maxinteger, 1 }, "int64")
check.equal((high + 1)[1], math.mininteger) -- as Lua's own
check.equal(high:sum(), math.mininteger)
check.equal(high:max(), math.maxinteger)
check.equal((high // -1)[1], -math.maxinteger)
check.equal((tensor({ math.mininteger }, "int64") // -1)[1], math.mininteger)
check.equal((tensor({ math.mininteger }, "int64") % -1)[1], 0)
for _, a in ipairs { -7, 7, 0, 5.5, -5.5, 1 / 0, -1 / 0 } do -- // and % are Lua's
  for _, b in ipairs { 3, -3, 0.5, 1 / 0, -1 / 0 } do
    local x, y = tensor(a, "float64"), tensor(b, "float64")
    local q, m = (x // y):item(), (x % y):item()
    check.ok(q == a // b or (q ~= q and (a // b) ~= (a // b)), "%g // %g: %g", a, b, q)
    check.ok(m == a % b or (m ~= m and (a % b) ~= (a % b)), "%g %% %g: %g", a, b, m)
    if math.type(a) == "integer" and math.type(b) == "integer" then
      check.equal((tensor(a, "int64") // b):item(), a // b)
      check.equal((tensor(a, "int64") % b):item(), a % b)
    end
  end
end
check.equal((tensor(1e-40) * 1):item(), tensor(1e-40):item()) -- numbers that training would flush are kept
check.equal(tensor({ 1e-40 }):any(), true)
check.equal(tensor({ 0 / 0, 1 }):argmax(), 1)
check.ok(tensor { 1, 2 } == tensor { 1, 2 } and tensor { 1, 2 } ~= tensor { 1, 3 })
check.ok(tensor { 1 } ~= adam {} and adam {} ~= tensor { 1 } and tensor { 1 } ~= 1 and tensor { 1 } ~= nil)
check.equal(tensor(5):argmax(), 1)
check.ok(tensor.rand { 3, seed = 1 } == tensor.random { 3, seed = 1 })
check.list(tensor.stack({ 1, 2, 3 }):tolist(), { 1, 2, 3 })

-- ---- printing ----

local function lines(v)
  local out = {}
  for line in tostring(v):gmatch "[^\n]+" do
    out[#out + 1] = line
    check.ok(#line <= 80, "longer than 80: %s", line)
  end
  return out
end
check.equal(tostring(tensor(4)), "tensor () float32  4")
check.equal(tostring(tensor(0.125)), "tensor () float32  0.125")
check.equal(tostring(tensor(0 / 0)), "tensor () float32  nan")
check.equal(tostring(tensor(7, "int64")), "tensor () int64  7")
check.equal(tostring(tensor.arange(3)), "tensor (3,) int64  min 0  mean 1  max 2\n[0 1 2]")
check.equal(lines(tensor { 1, 0 / 0, 3, 0 / 0, -1 / 0 })[1], "tensor (5,) float32  min 1  mean 2  max 3  2 NaN  1 inf")
check.equal(lines(tensor { 1, 0 / 0, 3, 0 / 0, -1 / 0 })[2], "[  1.  nan   3.  nan -inf]")
check.equal(tostring(tensor { 0 / 0 }), "tensor (1,) float32  1 NaN\n[nan]")
check.equal(tostring(tensor.zeros { 2, 0 }), "tensor (2, 0) float32  empty")
check.equal(lines(tensor { { -1, 10 }, { 100, 1000 } })[2], "[[  -1.   10.]")
local long = lines(tensor.arange(1000))
check.equal(#long, 54) -- wrapped
check.equal(long[54], " 988 989 990 991 992 993 994 995 996 997 998 999]")
check.equal(long[2]:sub(1, 12), "[  0   1   2")
check.equal(#lines(tensor.arange(1001)), 2)
check.equal(lines(tensor.arange(1001))[2], "[   0    1    2 ...  998  999 1000]")
for _, shape in ipairs { { 50, 60 }, { 9, 9, 9, 9 }, { 2000, 1 }, { 1, 2000 }, { 3, 3, 3, 3, 3, 3, 3 }, { 40, 2, 2 } } do
  local all = lines(tensor.randn(shape) * 1e6)
  check.ok(#all <= (#shape > 4 and 140 or 60), "%d lines", #all)
end
do -- a large one: of a part, which is said; NaN within it is found
  local big = tensor.zeros({ 6 << 20 }, "uint8")
  check.has(lines(big)[1], "tensor (6291456,) uint8  min 0  mean 0  max 0  (of 1 in 2)")
  check.has(lines(tensor.full({ 3, 5 }, -1e-30))[1], "min -1e-30  mean -1e-30  max -1e-30")
  local half = tensor.zeros { 4 << 20 }
  half[-1] = 0 / 0
  check.equal(lines(half)[1], "tensor (4194304,) float32  min 0  mean 0  max 0  1 NaN")
end
check.equal(require "sonde.show".text { fresh(), tensor(2) },
  "{ tensor (3, 4) int64  min 0  mean 5.5  max 11, tensor () float32  2 }")

-- ---- mistakes ----

local t = fresh()
local function fails(text, fn) check.fails(fn, "tensors_more.lua:", text) end
fails("tensor: index 9 of axis 2 is outside 1..4", function() return t[{ 1, { 2, 9 } }] end)
fails("shape (3, 4)", function() return t[{ 1, { 2, 9 } }] end)
fails("tensor: index -4 of axis 1 is outside 1..3", function() return t[{ -4 }] end)
fails("tensor: index 0 of axis 2 is outside 1..4", function() return t[{ {}, 0 }] end)
fails("tensor: index 5 of axis 1 is outside 1..3", function() return t[5] end)
fails("tensor: the range {3, 1} of axis 2 goes the other way; a step of -1", function() return t[{ 1, { 3, 1 } }] end)
fails("tensor: the range of axis 1 has a step of 0", function() return t[{ { 1, 2, 0 } }] end)
fails("tensor: the range of axis 1 has 4 numbers", function() return t[{ { 1, 2, 1, 1 } }] end)
fails("tensor: the range of axis 1 has names", function() return t[{ { from = 1 } }] end)
fails("tensor: an index has no names", function() return t[{ row = 1 }] end)
fails('the index of axis 2 is not a whole number, a range { from, to } or {}: "a"', function() return t[{ 1, "a" }] end)
fails("3 indices for 2 dimensions", function() return t[{ 1, 1, 1 }] end)
fails("a value of shape (3,) does not fill the place of shape (4,)", function() t[1] = { 1, 2, 3 } end)
fails("elements are set to a number, a tensor or a list, got true", function() t[1] = true end)
fails("rows differ", function() t[{}] = { { 1, 2 }, { 3 } } end)
fails("t[mask] wants a mask of uint8, as t:gt(0) is, got int64", function() return t[t] end)
fails("the mask of shape (4,) does not lie on the leading axes", function() return t[t[1]:gt(0)] end)
fails("masked: wants a mask", function() t:masked(1) end)
fails("masked: wants a mask of uint8, as t:gt(0) is, got a tensor of int64; mask:ne(0)", function() t:masked(t) end)
fails("index: wants a list of places", function() t:index(1, 2) end)
fails("index: place 2 is not a whole number", function() t:index(1, { 1, 1.5 }) end)
fails("index 4 of axis 1 is outside 1..3", function() t:index(1, { 4 }) end)
fails("index: axis 3 is outside 1..2 (or -1..-2 from the end)", function() t:index(3, { 1 }) end)
fails("sum: axis 3 is outside 1..2", function() t:sum(3) end)
fails("sum: axis 1 is given twice", function() t:sum { 1, -2 } end)
fails("sum: the axis is a whole number, got 1.5", function() t:sum(1.5) end)
fails('sum: unknown option "keepdim"; did you mean "keepdims"?', function() t:sum { 1, keepdim = true } end)
fails("sum: wants an axis or a list of axes", function() t:sum "rows" end)
fails("mean: the tensor is empty", function() tensor.zeros({ 0, 3 }):mean(1) end)
fails("argmax: wants one axis, got 2", function() t:argmax { 1, 2 } end)
fails("topk: k = 5 is outside 0..4, the size of axis 2", function() t:topk(5) end)
fails("topk: wants how many", function() t:topk() end)
fails("permute: wants the new order of all 2 axes", function() t:permute { 1 } end)
fails("permute: axis 1 is given twice", function() t:permute { 1, 1 } end)
fails("transpose: wants two axes within 1..2", function() t:transpose(1, 3) end)
fails("transpose: wants two axes within 1..2", function() t:transpose(1) end)
fails("t: a tensor of 3 axes has no one transpose", function() tensor.zeros({ 1, 2, 3 }):t() end)
fails("squeeze: axis 1 has size 3, not 1", function() t:squeeze(1) end)
fails("unsqueeze: axis 4 is outside 1..3", function() t:unsqueeze(4) end)
fails("concat: shapes (3, 4) and (4, 3) (item 2) differ in more than axis 1", function() tensor.concat { t, t:t() } end)
fails("concat: wants a list of tensors", function() tensor.concat(t) end)
fails("item 2 is a number", function() tensor.concat { t, 2 } end)
fails("stack: shapes", function() tensor.stack { t, t:t() } end)
fails("concat: wants a list", function() tensor.concat {} end)
fails("matmul: shapes (3, 4) and (3, 4) do not fit", function() t:matmul(t) end)
fails("matmul: wants vectors or matrices", function() t:matmul(tensor(1)) end)
fails("matmul: wants a tensor, got 2", function() t:matmul(2) end)
fails("dot: wants two vectors of one size", function() t:dot(t) end)
fails("+: shapes (3, 4) and (3,) do not fit", function() return t + tensor { 1, 2, 3 } end)
fails("lt: shapes", function() t:lt(tensor { 1, 2, 3 }) end)
fails("//: a whole number is divided by 0", function() return t // 0 end)
fails("%: a whole number is divided by 0", function() return 5 % t end)
fails("tensor arithmetic wants tensors and numbers, got a string (+)", function() return t + "x" end)
fails("tensors have no order: a:lt(b)", function() return t < t end)
fails("tensors have no order", function() return t >= 1 end)
fails("clip: wants the least and the most", function() t:clip() end)
fails("where: wants a mask and two values", function() tensor.where(t, 1) end)
fails("astype: wants a type", function() t:astype() end)
fails('"float16" is not one of', function() t:astype "float16" end)
fails("element 1 is a tensor; tensor.stack{ a, b }", function() tensor { t, t } end)
fails("item: a tensor of shape (3, 4) is not one number", function() t:item() end)
fails("tensor.arange: a step of 0", function() tensor.arange(1, 2, 0) end)
fails("tensor.arange: the end is no finite number: inf", function() tensor.arange(math.huge) end)
fails("tensor.arange: int32 holds no fractions", function() tensor.arange(0, 1, 0.5, "int32") end)
fails("numbers are too many", function() tensor.arange(0, 1e18) end)
fails("tensor.linspace: the count is a whole number >= 0", function() tensor.linspace(0, 1) end)
fails("tensor.linspace: wants float32 or float64", function() tensor.linspace(0, 1, 3, "int64") end)
fails("stack: the new axis 5 is outside 1..3 (or -1..-3", function() tensor.stack({ t, t }, 5) end)
fails('stack: the new axis "a" is outside 1..3', function() tensor.stack({ t, t }, "a") end)
fails("tensor.eye: sizes are whole numbers", function() tensor.eye(-1) end)
fails("tensor.rand", function() tensor.rand(true) end)
fails("t:sum(...) with a colon", function() t.sum() end)
fails("a tensor has no summ; did you mean sum?", function() t:summ() end)
fails("none.npy", function() tensor.load "none.npy" end)
for _, odd in ipairs { {}, "x", print, true, tensor, fresh() } do -- nothing that is given crashes
  for _, name in ipairs { "sum", "argmax", "sort", "topk", "reshape", "permute", "transpose", "index", "masked", "squeeze",
    "unsqueeze", "matmul", "dot", "lt", "clip", "astype", "rows", "cumsum", "pow", "equal" } do
    pcall(t[name], t, odd, odd)
    pcall(t[name], odd, t)
  end
  for _, name in ipairs { "zeros", "full", "rand", "arange", "linspace", "eye", "concat", "stack", "where", "load" } do
    pcall(tensor[name], odd, odd, odd, odd)
  end
  pcall(function() return t[odd] end)
  pcall(function() t[odd] = odd end)
  pcall(function() return t[{ odd, { odd, odd } }] end)
end
-- ---- wrong arguments: of every function and method, in a loop ----

do
  local v, m = tensor { 1, 2, 3 }, sequential { dense { 1, input_shape = { 2 } } }
  local values = { false, {}, "x", 99, -1, 0, 1.5, true, print, v, { 1, 2 }, { a = 1 }, { 99 }, { [2] = 1 }, m, adam {},
    { 1, keepdims = 3 }, { 2, 2, seed = {} }, { 2, dtype = 3 }, 2 ^ 40 }
  local functions, tried, failed = {}, 0, 0
  local raws = { "bad argument", "no value", "userdata", "attempt to", "^sonde/", "0x%x%x%x" }
  local function is_raw(message)
    for _, raw in ipairs(raws) do
      if message:find(raw) then return true end
    end
  end
  for name, fn in pairs(require "sonde.core".meta.tensor.methods) do
    functions["t:" .. name] = function(...) return fn(v, ...) end
  end
  for name, fn in pairs(tensor) do functions["tensor." .. name] = fn end
  functions.tensor = tensor
  for name, fn in pairs(functions) do
    for i = 0, #values do
      for k = 0, #values do
        local ok, message = pcall(fn, values[i] or nil, i > 0 and k > 0 and values[k] or nil)
        tried, failed = tried + 1, failed + (ok and 0 or 1)
        if not ok then
          message = tostring(message)
          check.ok(not is_raw(message), "%s with values %d and %d: %s", name, i, k, message)
        end
      end
    end
  end
  check.ok(tried > 20000 and failed > tried / 2, "%d of %d failed", failed, tried)
end
fails("tensor.randn: behind the shape comes a type", function() tensor.randn({ 3, 4 }, { seed = 3 }) end)
fails("tensor.randn{ 2, 3, seed = ... }", function() tensor.randn({ 3, 4 }, { seed = 3 }) end)
fails("tensor.zeros: behind the shape comes a type", function() tensor.zeros({ 3 }, {}) end)
fails("tensor: the list of numbers has an entry [2]; items are numbered from 1", function() tensor { [2] = 5 } end)
fails('has an entry ["a"]; items are numbered from 1 without gaps, and the only option is dtype', function()
  tensor { 1, 2, a = 3 }
end)
fails('has an entry ["dtype"]', function() tensor { { 1, dtype = "int64" } } end)
for n = 1, 9 do -- lists whose items are no array inside, in whatever order a table keeps them
  local flat, nested = {}, { [2] = {}, [1] = {} }
  for i = n, 1, -1 do flat[i], nested[1][i], nested[2][i] = i, i, -i end
  check.list(tensor(flat):tolist(), flat)
  check.list(tensor(nested).shape, { 2, n })
  flat.dtype = "int64"
  check.equal(tensor(flat):sum(), n * (n + 1) // 2)
end
check.equal(tensor { 1, 2, dtype = "int64" }.dtype, "int64")
check.list(tensor { dtype = "int64" }.shape, { 0 })
fails("the shape has a size [3] and none before it", function() tensor.zeros { [3] = 1 } end)
fails('shape: size 2 is "a", not a whole number', function() tensor.zeros { 2, "a" } end)
fails("std: ddof = 99 of 3 values leaves nothing to divide by", function() tensor { 1, 2, 3 }:std { ddof = 99 } end)
fails("var: ddof = 2 of 2 values", function() tensor { { 1, 2 }, { 3, 4 } }:var { 2, ddof = 2 } end)
check.near(tensor { 1, 2, 3 }:std { ddof = 2 }, math.sqrt(2), 1e-12)
check.list(tensor.eye(2.0).shape, { 2, 2 })
fails("tensor.eye: sizes are whole numbers >= 0, got -1", function() tensor.eye(-1) end)
fails("tensor.linspace: the count is a whole number >= 0, got 1.5", function() tensor.linspace(0, 1, 1.5) end)
fails("sum: takes one argument, got also 2; axes are a list", function() t:sum(1, 2) end)
fails("abs: takes no arguments, got also 1", function() t:abs(1) end)
fails("a tensor is called like a function; t[1]", function() local _ = t(1) end)
fails("a tensor cannot be joined to a text", function() return t .. "x" end)
fails("a:logical_and(b)", function() return t & t end)
fails("a:logical_and(b)", function() return ~t end)
fails("tensor.zeros{ 2, 3 } makes a tensor", function() zeros { 2, 3 } end)
fails("tensor.ones{ 2, 3 } makes a tensor", function() ones(3) end)
for name in ("rand randn arange linspace full eye stack"):gmatch "%S+" do
  local message = ("input:1: attempt to call a nil value (global '%s')"):format(name)
  local hint = require "sonde.names".hint(message, name .. "(3)")
  check.equal(hint, ("; did you mean tensor.%s?"):format(name))
end
check.equal(tostring(dense { 2, bias_initializer = ones, kernel_initializer = zeros {} }.bias_initializer), "ones{}")
check.done()
