-- Tensors as the user sees them: the table `tensor`, printing, .npy and .npz files.
local core = require "sonde.core"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local meta = core.meta.tensor
local methods, raw_index = meta.methods, meta.raw_index

function meta.__index(t, k)
  if type(k) ~= "string" then return raw_index(t, k) end
  if k == "shape" then return core.tensor_shape(t) end
  if k == "dtype" then return core.tensor_dtype(t) end
  if methods[k] then return methods[k] end
  local state = core.state(t)
  if state[k] then return state[k]() end -- what a run hung on it: .grad
  if k ~= "grad" then util.unknown("a tensor", k, methods, state, { "shape", "dtype" }) end
end

-- ---- printing: as numpy, with shape and statistics first ----

local EDGE, THRESHOLD, MAX_LINES = 3, 1000, 40

-- How many items are shown at either end of each dimension: fewer of the outer ones where lines would be many.
local function edges(shape, cut)
  local edge, lines = {}, 1
  for d, n in ipairs(shape) do edge[d] = cut and EDGE or n end
  local function count()
    lines = 1
    for d = 1, #shape - 1 do lines = lines * math.min(shape[d], 2 * edge[d]) end
    return lines
  end
  for d = 1, #shape - 1 do
    if cut and count() > MAX_LINES then edge[d] = 1 end
  end
  return edge
end

-- The flat numbers (from 0) of the elements that are shown.
local function shown(shape, dim, offset, stride, edge, out)
  if dim > #shape then
    out[#out + 1] = offset
    return out
  end
  local n, inner = shape[dim], stride[dim]
  for i = 0, n - 1 do
    if n <= 2 * edge[dim] or i < edge[dim] or i >= n - edge[dim] then
      shown(shape, dim + 1, offset + i * inner, stride, edge, out)
    end
  end
  return out
end

-- A format that suits all the numbers: whole, fixed or scientific.
local function number_format(values, dtype)
  if dtype ~= "float32" and dtype ~= "float64" then return "%d" end
  local whole, least, most = true, math.huge, 0
  for _, v in ipairs(values) do
    local a = math.abs(v)
    if v == v and a ~= math.huge then
      whole = whole and v == math.floor(v)
      if a > 0 then least = math.min(least, a) end
      most = math.max(most, a)
    end
  end
  if whole and most < 1e8 then return "%.0f." end
  if most >= 1e6 or (least < 1e-4 and least < math.huge) then return "%.4e" end
  return "%.4f"
end

local function element_texts(t, offsets, dtype)
  local values, texts, width = {}, {}, 0
  for i, at in ipairs(offsets) do values[i] = core.tensor_at(t, at) end
  local fmt = number_format(values, dtype)
  for i, v in ipairs(values) do
    local s = v ~= v and "nan" or (v == math.huge and "inf") or (v == -math.huge and "-inf") or fmt:format(v)
    texts[offsets[i]] = s
    width = math.max(width, #s)
  end
  for at, s in pairs(texts) do texts[at] = (" "):rep(width - #s) .. s end
  return texts
end

local function body(shape, dim, offset, stride, edge, texts)
  if dim > #shape then return texts[offset] end
  local n, parts = shape[dim], {}
  for i = 0, n - 1 do
    if n <= 2 * edge[dim] or i < edge[dim] or i >= n - edge[dim] then
      parts[#parts + 1] = body(shape, dim + 1, offset + i * stride[dim], stride, edge, texts)
    elseif i == edge[dim] then
      parts[#parts + 1] = "..."
    end
  end
  local last = dim == #shape
  local sep = last and " " or ("\n"):rep(#shape - dim > 1 and 2 or 1) .. (" "):rep(dim)
  return "[" .. table.concat(parts, sep) .. "]"
end

local function brief(v) return v ~= v and "nan" or ("%.5g"):format(v) end

function meta.__tostring(t)
  local shape, dtype = t.shape, t.dtype
  local n, _, mean, least, most, _, bad = core.tensor_stats(t)
  local head = ("tensor %s %s"):format(util.shape_text(shape), dtype)
  if n == 0 then return head .. "  empty" end
  if #shape > 0 then head = head .. ("  min %s  mean %s  max %s"):format(brief(least), brief(mean), brief(most)) end
  if bad > 0 then head = head .. ("  not finite: %d"):format(bad) end
  local stride, step = {}, 1
  for d = #shape, 1, -1 do
    stride[d] = step
    step = step * shape[d]
  end
  local edge = edges(shape, n > THRESHOLD or (#shape > 1 and n // shape[#shape] > MAX_LINES))
  local texts = element_texts(t, shown(shape, 1, 0, stride, edge, {}), dtype)
  return head .. "\n" .. body(shape, 1, 0, stride, edge, texts)
end

function methods.copy(t, dtype) return core.tensor(t, dtype) end
util.methods("tensor", "t", methods)

-- ---- making ----

local tensor = setmetatable({}, {
  __call = function(_, v, dtype) return core.tensor(v, dtype) end,
  __tostring = function() return "tensor: tensor{ {1, 2}, {3, 4} }, tensor.zeros{2, 3}; see help \"tensor\"" end,
})
function tensor.zeros(shape, dtype) return core.tensor_full(shape, 0, dtype) end
function tensor.ones(shape, dtype) return core.tensor_full(shape, 1, dtype) end
-- tensor.random{ 2, 3 }: uniform in [0, 1); tensor.randn{ 2, 3 }: normal. { 2, 3, seed = 7 } gives the same again.
local function random(who, normal)
  return function(shape, dtype)
    if core.type(shape) ~= "table" then
      util.fail("%s: wants a shape, as in %s{ 2, 3 }, got %s", who, who, util.a(shape))
    end
    local named, sizes = {}, {}
    for k, v in pairs(shape) do
      if math.type(k) == "integer" then sizes[k] = v else named[k] = v end
    end
    util.options(who, named, { "seed", "dtype" })
    local seed = util.whole(who, "seed", named.seed, nil, math.mininteger)
    return core.tensor_random(sizes, seed or seeds.next "tensor", normal, dtype or named.dtype)
  end
end
tensor.random, tensor.randn = random("tensor.random", false), random("tensor.randn", true)
function tensor.full(shape, value, dtype) return core.tensor_full(shape, value, dtype) end

-- ---- files ----

local npz, npy = {}, {}
function npz.load(path) return core.npz_load(path) end

-- A table by name; the list part is saved as arr_0, arr_1, ..., as numpy.savez does.
function npz.save(path, t)
  if util.is_tensor(t) then t = { t } end
  if core.type(t) ~= "table" then util.fail("npz.save: wants a table of tensors, got %s", util.a(t)) end
  local names, values, keys = {}, {}, {}
  for i, v in ipairs(t) do
    names[i] = "arr_" .. i - 1
    values[i] = util.as_tensor(v, "npz.save", names[i])
  end
  local n = #names
  for k in pairs(t) do
    if type(k) == "string" then keys[#keys + 1] = k
    elseif math.type(k) ~= "integer" or k < 1 or k > n then util.fail("npz.save: [%s] is not a name", tostring(k)) end
  end
  table.sort(keys) -- the same contents give the same bytes
  for i, k in ipairs(keys) do
    names[n + i] = k
    local v = t[k]
    values[n + i] = type(v) == "number" and core.tensor(v) or util.as_tensor(v, "npz.save", k)
  end
  core.npz_save(path, names, values)
end

function npy.load(path) return core.npy_load(path) end
function npy.save(path, t) core.npy_save(path, util.as_tensor(t, "npy.save", "the value")) end

return { tensor = tensor, npz = npz, npy = npy }
