-- Tensors against numpy (tests/golden/make_tensors.py): the same inputs, in the dtypes that they come in.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local g = npz.load((arg[0]:match "^(.*/)" or "") .. "../golden/golden_tensors.npz")
local used = {}

-- v, a tensor, number or boolean, against g[name]; floats within a relative error of that of its dtype.
local function same(name, v)
  local want = g[name]
  check.ok(want, "no %s in the reference", name)
  used[name] = true
  if type(v) == "boolean" then v = v and 1 or 0 end
  if type(v) == "number" then v = tensor(v, "float64") end
  local tolerance = v.dtype == "float32" and 4e-7 or v.dtype == "float64" and 1e-13 or 0
  check.list(v.shape, want.shape, name)
  local a, b = v:flatten():tolist(), want:flatten():tolist()
  for i = 1, #b do
    local x, y = a[i], b[i]
    local near = x == y or (x ~= x and y ~= y) or math.abs(x - y) <= tolerance * math.max(1, math.abs(y))
    if v.dtype == "float32" and math.abs(y) > 3.4e38 then near = x == y or math.abs(x) == math.huge end
    if not near then check.ok(false, "%s[%d]: %.17g, numpy has %.17g", name, i, x, y) end
  end
  check.count = check.count + 1
end

-- arithmetic and comparisons, with broadcasting
local function operators(tag, a, b, list)
  local fn = {
    add = function() return a + b end, sub = function() return a - b end, mul = function() return a * b end,
    div = function() return a / b end, mod = function() return a % b end, idiv = function() return a // b end,
    pow = function() return (type(a) == "number" and math.abs(a) or a:abs()) ^ b end,
  }
  for _, op in ipairs(list) do
    local method = fn[op] or function()
      if type(a) == "number" then return tensor(a, b.dtype)[op](tensor(a, b.dtype), b) end
      return a[op](a, b)
    end
    same(op .. "_" .. tag, method())
  end
end
local every = { "add", "sub", "mul", "div", "pow", "mod", "idiv", "maximum", "minimum", "lt", "le", "gt", "ge", "eq", "ne" }
operators("f_col", g.f, g.col, every)
operators("f_row", g.f, g.row, every)
operators("outer_d", g.outer, g.d, every)
operators("row_col", g.row, g.col, every)
operators("f_number", g.f, 0.75, every)
operators("number_f", 0.75, g.f, every)
operators("bad_number", g.bad, 1.0, every)
local whole = { "add", "sub", "mul", "div", "mod", "idiv", "maximum", "lt", "eq" }
operators("i_j", g.i, g.j, whole)
operators("u_j", g.u, g.j, whole)
operators("i_number", g.i, 3, whole)
operators("number_j", 7, g.j, whole)
same("and", g.i:logical_and(g.j))
same("or", g.i:logical_or(g.j))
same("not", g.i:logical_not())
same("where", tensor.where(g.f:gt(0), g.col, g.row))
same("where_number", tensor.where(g.i:gt(0), g.i, -1))
same("clip", g.f:clip(-0.5, 0.75))

-- functions
for name in ("abs sign sqrt exp expm1 log log1p sin cos tan tanh floor ceil round isnan isinf isfinite"):gmatch "%S+" do
  for _, tag in ipairs { "f", "bad", "i" } do same(name .. "_" .. tag, g[tag][name](g[tag])) end
end
same("sigmoid_f", g.f:sigmoid())
same("relu_f", g.f:relu())
same("neg_u", -g.u)

-- reductions
for _, name in ipairs { "f", "i", "u", "d", "bad" } do
  local t = g[name]
  local function both(axes, tag)
    for _, op in ipairs { "sum", "mean", "std", "min", "max", "any", "all" } do same(op .. "_" .. tag, t[op](t, axes)) end
    if name == "f" or name == "d" then
      same("prod_" .. tag, t:prod(axes))
      same("norm_" .. tag, t:norm(axes))
      same("var_" .. tag, t:var(axes and { axes[1], axes[2], ddof = 1 } or { ddof = 1 }))
    end
    if not axes or #axes > 1 then return end
    same("argmax_" .. tag, t:argmax(axes[1]))
    same("argmin_" .. tag, t:argmin(axes))
    same("cumsum_" .. tag, t:cumsum(axes[1]))
    same("keep_" .. tag, t:sum { axes[1], keepdims = true })
  end
  both(nil, name .. "_all")
  for axis = 1, #t.shape do both({ axis }, name .. "_" .. axis) end
  if #t.shape == 3 then
    both({ 1, 3 }, name .. "_13")
    both({ -1, 2 }, name .. "_23")
  end
end

-- order
for axis = 1, 2 do
  local values, places = g.ties:sort(axis)
  same("sort_" .. axis, values)
  same("argsort_" .. axis, places)
  same("argsort_" .. axis, g.ties:argsort(axis))
  same("down_" .. axis, g.ties:argsort { axis, descending = true })
  same("topk_" .. axis, (g.ties:topk(4, axis)))
end
same("sort_bad", (g.bad:sort()))

-- indexing
local f, i = g.f, g.i
same("slice_row", f[{ 2, { 2, 3 } }])
same("slice_col", f[{ {}, 3 }])
same("slice_step", f[{ { 1, -1, 2 }, { 2, -1 }, { -1, 1, -2 } }])
same("slice_back", f[{ -1, { 3, 1, -1 }, { 2, 4 } }])
same("slice_last", f[{ {}, {}, -1 }])
same("index_2", f:index(2, { 3, 1, 3 }))
same("index_3", i:index(-1, tensor({ -1, 1 }, "int32")))
same("masked", i[i:gt(3)])
same("masked_rows", f[tensor({ 1, 0, 1, 1 }, "uint8")])
same("nonzero", i:gt(5):nonzero())
local t = i:copy()
t[{ 2, { 2, 3 } }] = 0
t[{ {}, 3 }] = { 0, 1, 2, 3, 4 }
t[{ { 1, -1, 2 }, { 2, -1 }, { -1, 1, -2 } }] = t[{ 1, 1, 1 }] + tensor.arange(3)
t[t:lt(-5)] = 99
same("set", t)

-- shape
same("transpose", f:transpose())
same("swap", f:transpose(1, -1))
same("permute", f:permute { 2, 3, 1 })
same("wide_permute", g.wide:permute(3, 2, 1))
same("wide_permute_2", g.wide:transpose(2, 3))
same("concat_1", tensor.concat { f, i })
same("concat_3", tensor.concat({ f, f[{ {}, {}, { 1, 2 } }] }, -1))
same("stack_2", tensor.stack({ g.d, g.d + 1 }, 2))

-- products
same("matmul", g.a:matmul(g.b))
same("matmul_vector", g.a:matmul(g.b[{ {}, 1 }]))
same("vector_matmul", g.a[1]:matmul(g.b))
same("dot", g.a[1]:dot(g.b[{ {}, 1 }]))
same("dot", g.a[1]:matmul(g.b[{ {}, 1 }]))
same("matmul_stack", g.s1:matmul(g.s2))
same("matmul_whole", i[1]:matmul(i[2]:t()))

-- making
same("arange", tensor.arange(3, 20, 4))
same("arange_down", tensor.arange(5, -3, -2))
same("arange_part", tensor.arange(0.5, 3, 0.25))
same("linspace", tensor.linspace(-1, 2, 7))
same("eye", tensor.eye(3, 4))

local inputs = { f = 1, col = 1, row = 1, outer = 1, d = 1, i = 1, j = 1, u = 1, bad = 1, ties = 1, wide = 1, a = 1, b = 1,
  s1 = 1, s2 = 1 }
for name in pairs(g) do check.ok(used[name] or inputs[name], "%s was not compared", name) end
check.done()
