-- Tensors of random odd shapes against the same computed in Lua, element by element.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local state = 12345
local function below(n) -- 0 .. n - 1, the same in every run
  state = (state * 6364136223846793005 + 1442695040888963407)
  return (state >> 33) % n
end
local sizes = { 1, 2, 3, 5, 7, 16, 17, 33 }
local function random_shape(most, least)
  local shape, count = {}, 1
  for d = 1, (least or 1) + below(most) do
    shape[d] = sizes[1 + below(#sizes)]
    count = count * shape[d]
    if count > 5000 then shape[d] = 1 + below(2) end
  end
  return shape
end
local function count_of(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end
local types = { "float32", "float64", "int64", "int32", "uint8" }
local function random_tensor(shape, dtype)
  local list = {}
  for i = 1, count_of(shape) do
    list[i] = dtype == "uint8" and below(256) or dtype:find "int" and below(41) - 20 or (below(2001) - 1000) / 64
  end
  return tensor(list, dtype):reshape(shape)
end

-- Calls fn(position as a list, flat number from 1) for all positions of a shape in order.
local function each(shape, fn)
  local pos = {}
  for d = 1, #shape do pos[d] = 1 end
  for flat = 1, count_of(shape) do
    fn(pos, flat)
    for d = #shape, 1, -1 do
      pos[d] = pos[d] + 1
      if pos[d] <= shape[d] then break end
      pos[d] = 1
    end
  end
end
-- The element of a flat list of that shape at pos, repeated as broadcasting does.
local function at(list, shape, pos)
  local flat, skip = 0, #pos - #shape
  for d, size in ipairs(shape) do flat = flat * size + (size == 1 and 1 or pos[skip + d]) - 1 end
  return list[flat + 1]
end
local function flat(t) return t:flatten():tolist() end
local function single(v) return ("f"):unpack(("f"):pack(v)) end -- rounded to float32

-- ---- broadcasting ----

for round = 1, 150 do
  local shape = random_shape(4)
  local function part(of)
    local own = {}
    for d = 1 + below(#of), #of do own[#own + 1] = below(3) == 0 and 1 or of[d] end
    return own
  end
  local ta, tb = types[1 + below(5)], types[1 + below(5)]
  local a, b = random_tensor(part(shape), ta), random_tensor(shape, tb)
  if round % 2 == 0 then a, b, ta, tb = b, a, tb, ta end
  local la, lb = flat(a), flat(b)
  local sum, less, larger = a + b, a:lt(b), a:maximum(b)
  local float = ta:find "float" or tb:find "float"
  local wide = ta == "float64" or tb == "float64"
  local expected = wide and "float64" or float and "float32" or "int64"
  check.equal(sum.dtype, expected)
  check.equal((a / b).dtype, wide and "float64" or "float32")
  check.equal(larger.dtype, ta == tb and ta or expected)
  check.equal(less.dtype, "uint8")
  check.list(sum.shape, shape)
  local ls, ll, lm, good = flat(sum), flat(less), flat(larger), true
  each(shape, function(pos, i)
    local x, y = at(la, a.shape, pos), at(lb, b.shape, pos)
    local s, m = x + y, math.max(x, y)
    if expected == "float32" then s, m = single(s), single(m) end
    good = good and ls[i] == s and ll[i] == (x < y and 1 or 0) and lm[i] == m
  end)
  check.ok(good, "round %d: %s + %s", round, ta, tb)
end

-- ---- reductions along any axes ----

for round = 1, 150 do
  local shape = random_shape(4)
  local dtype = types[1 + below(5)]
  local t = random_tensor(shape, dtype)
  local axes, reduced = {}, {}
  for d = 1, #shape do
    if below(2) == 0 then
      axes[#axes + 1] = below(2) == 0 and d or d - #shape - 1
      reduced[d] = true
    end
  end
  if #axes == 0 then axes, reduced = { #shape }, { [#shape] = true } end
  local kept, left = {}, {}
  for d, n in ipairs(shape) do
    kept[d] = reduced[d] and 1 or n
    if not reduced[d] then left[#left + 1] = n end
  end
  local sums, least, counts = {}, {}, count_of(shape) // count_of(kept)
  local list = flat(t)
  for i = 1, count_of(kept) do sums[i], least[i] = 0, math.huge end
  each(shape, function(pos, i)
    local k = 0
    for d in ipairs(shape) do k = k * kept[d] + (kept[d] == 1 and 1 or pos[d]) - 1 end
    sums[k + 1] = sums[k + 1] + list[i]
    least[k + 1] = math.min(least[k + 1], list[i])
  end)
  axes.keepdims = true
  local sum, min, mean = t:sum(axes), t:min(axes), t:mean(axes)
  if type(sum) == "number" then sum, min, mean = tensor(sum, "float64"), tensor(min, "float64"), tensor(mean, "float64") end
  check.list(sum.shape, kept)
  local s, m, e, good = flat(sum), flat(min), flat(mean), true
  for i = 1, #sums do -- sums of 64ths are exact, but for float32's last rounding
    good = good and (s[i] == sums[i] or s[i] == single(sums[i])) and m[i] == least[i]
      and math.abs(e[i] - sums[i] / counts) <= 1e-6 * math.max(1, math.abs(e[i]))
  end
  check.ok(good, "round %d: %s", round, dtype)
  axes.keepdims = nil
  local small = t:sum(axes)
  check.list(type(small) == "number" and {} or small.shape, left)
end

-- ---- slices, read and written ----

for round = 1, 200 do
  local shape = random_shape(4)
  local t = random_tensor(shape, types[1 + below(5)])
  local key, from, step, kept, counts = {}, {}, {}, {}, {}
  for d, n in ipairs(shape) do
    local kind = below(4)
    from[d], step[d], counts[d] = 1, 1, n
    if d <= 1 + below(#shape) or #key == d - 1 and kind > 0 then
      if kind == 0 then
        from[d], counts[d] = 1 + below(n), 1
        key[d] = below(2) == 0 and from[d] or from[d] - n - 1
      elseif kind == 1 then
        key[d] = {}
      else
        local a, b = 1 + below(n), 1 + below(n)
        step[d] = (a <= b and 1 or -1) * (1 + below(3))
        from[d], counts[d] = a, math.abs(b - a) // math.abs(step[d]) + 1
        key[d] = (step[d] == 1 and below(2) == 0) and { a, b } or { a, b - (below(2) == 0 and n + 1 or 0), step[d] }
      end
    else
      key[d] = {}
    end
    if type(key[d]) ~= "number" then kept[#kept + 1] = counts[d] end
  end
  local list, slice = flat(t), t[key]
  local function source(pos)
    local i = 0
    for d in ipairs(shape) do i = i * shape[d] + from[d] + (pos[d] - 1) * step[d] - 1 end
    return i + 1
  end
  local got, good = type(slice) == "number" and { slice } or flat(slice), true
  check.list(type(slice) == "number" and {} or slice.shape, kept)
  each(counts, function(pos, i) good = good and got[i] == list[source(pos)] end)
  check.ok(good, "round %d: reading", round)
  local u = t:copy()
  local value = below(2) == 0 and 7 or tensor.arange(#got):reshape(kept) % 100
  u[key] = value
  each(counts, function(pos, i) list[source(pos)] = type(value) == "number" and 7 or (i - 1) % 100 end)
  check.list(flat(u), list, "round " .. round .. ": writing")
end

-- ---- axes in another order, and parts beside one another ----

for _ = 1, 100 do
  local shape = random_shape(4)
  local t = random_tensor(shape, types[1 + below(5)])
  local order, left = {}, {}
  for d = 1, #shape do left[d] = d end
  while #left > 0 do order[#order + 1] = table.remove(left, 1 + below(#left)) end
  local p, back, list, good = t:permute(order), {}, flat(t), true
  for d, axis in ipairs(order) do back[axis] = d end
  local got = flat(p)
  each(p.shape, function(pos, i)
    local k = 0
    for d in ipairs(shape) do k = k * shape[d] + pos[back[d]] - 1 end
    good = good and got[i] == list[k + 1]
  end)
  check.ok(good and p:permute(back):equal(t))
  local axis = 1 + below(#shape)
  local cut, parts, key = below(shape[axis] + 1), {}, {}
  for d = 1, #shape do key[d] = {} end
  for i, range in ipairs { { 1, cut }, { cut + 1, shape[axis] } } do
    key[axis] = range
    parts[i] = t[key]
  end
  check.ok(tensor.concat(parts, axis):equal(t))
  check.ok(tensor.stack({ t, t }, axis):sum(axis):equal((t + t)))
end

-- ---- order ----

for _ = 1, 60 do
  local shape = random_shape(2)
  if below(10) == 0 then shape = { 9001 } end
  local axis = 1 + below(#shape)
  local t = random_tensor(shape, types[1 + below(5)])
  local down = below(2) == 0
  local values, places = t:sort { axis, descending = down }
  check.equal(values.dtype, t.dtype)
  local v, p = values:transpose(axis, -1), places:transpose(axis, -1)
  local source = t:transpose(axis, -1)
  local rows, n = source.shape[1], shape[axis]
  if #shape == 1 then v, p, source, rows = v:unsqueeze(1), p:unsqueeze(1), source:unsqueeze(1), 1 end
  if #shape == 2 then rows = count_of(shape) // n end
  for r = 1, #shape <= 2 and rows or 0 do
    local lv, lp, ls, good = v[r]:tolist(), p[r]:tolist(), source[r]:tolist(), true
    for i = 1, n do
      good = good and lv[i] == ls[lp[i]]
      if i > 1 then
        local a, b = lv[i - 1], lv[i]
        if down then a, b = b, a end
        good = good and (a < b or (a == b and lp[i - 1] < lp[i]))
      end
    end
    check.ok(good)
  end
  local k = below(n + 1)
  local key = {}
  for d = 1, #shape do key[d] = {} end
  key[axis] = { 1, k }
  check.ok(t:topk(k, { axis, largest = down }):equal(values[key]))
end

-- ---- products ----

for _ = 1, 60 do
  local m, k, n = sizes[1 + below(8)], sizes[1 + below(8)], sizes[1 + below(8)]
  local a, b = random_tensor({ m, k }, types[1 + below(5)]), random_tensor({ k, n }, types[1 + below(5)])
  local direct = (a:unsqueeze(3) * b:unsqueeze(1)):sum(2)
  local product = a:matmul(b)
  check.equal(product.dtype, direct.dtype)
  check.ok((product - direct):abs():max() <= 1e-4 * math.max(1, direct:abs():max()))
  local stack = tensor.stack { a, a + 1, a * 2 }:unsqueeze(2):matmul(b)
  check.list(stack.shape, { 3, 1, m, n })
  check.ok(stack[{ 2, 1 }]:equal((a + 1):matmul(b)))
end
check.done()
