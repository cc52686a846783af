-- Tensors as the user sees them: the table `tensor`, methods with options, .npy and .npz files.
local core = require "sonde.core"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local meta = core.meta.tensor
local methods, raw_index = meta.methods, meta.raw_index

meta.lacks = setmetatable({}, { __mode = "k" }) -- tensor -> function(k) that fails where it knows why there is no k

-- Behind the last row there is a nil, where ipairs and others of C's ask for it; who writes t[3] of two rows made a
-- mistake.
local function beyond(t, k)
  local asking = debug.getinfo(2, "S") -- beyond is called at __index's end, and stands in its place
  if not asking or asking.what == "C" then return nil end
  util.fail("tensor: index %d of axis 1 is outside 1..%d%s in a tensor of shape %s", k, k - 1,
    k > 1 and ", or -1 and below from the end," or "", util.shape_text(core.tensor_shape(t)))
end

function meta.__index(t, k)
  if type(k) ~= "string" then
    local v = raw_index(t, k)
    if v == nil then return beyond(t, k) end
    return v
  end
  if k == "shape" then return core.tensor_shape(t) end
  if k == "dtype" then return core.tensor_dtype(t) end
  if methods[k] then return methods[k] end
  local state = core.state(t)
  if state[k] then return state[k]() end -- what a run hung on it: .grad
  if meta.lacks[t] then meta.lacks[t](k) end
  if k ~= "grad" then
    local function_of = require "sonde.trace".methods[k]
    if function_of and not require "sonde.foreign".of("tensor", k) then
      util.fail("a tensor has no %s; the function %s(t) computes it", k, k)
    end
    util.unknown("a tensor", k, methods, state, { "shape", "dtype" })
  end
end

function meta.__tostring(t) return require "sonde.tensor_text" (t) end

-- ---- axes and options: t:sum(1), t:sum{ 1, 2, keepdims = true } ----

-- What stands behind a method -> list of axes or nil, table of options.
local function axes_of(who, v, allowed)
  if v == nil then return nil, {} end
  if type(v) == "number" then return { v }, {} end
  if core.type(v) ~= "table" then
    util.fail("%s: wants an axis or a list of axes, as in t:%s(1) and t:%s{ 1, 2 }, got %s", who, who, who, util.a(v))
  end
  local axes, named = {}, {}
  for k, item in pairs(v) do
    if math.type(k) == "integer" then axes[k] = item else named[k] = item end
  end
  for _, k in ipairs { "axis", "dim", "axes" } do
    if named[k] ~= nil then
      util.fail("%s: the axis has no name: t:%s(1), t:%s{ 1, keepdims = true }; it counts from 1", who, who, who)
    end
  end
  util.options(who, named, allowed)
  return #axes > 0 and axes or nil, named
end

local function reduction(name, allowed)
  methods[name] = function(t, v)
    local axes, named = axes_of(name, v, allowed)
    local ddof = named.ddof and util.whole(name, "ddof", named.ddof, 0, 0)
    return core.tensor_reduce(t, name, axes, util.boolean(name, "keepdims", named.keepdims, false), ddof)
  end
end
for _, name in ipairs { "sum", "prod", "mean", "norm", "min", "max", "any", "all" } do
  reduction(name, { "keepdims" })
end
reduction("var", { "keepdims", "ddof" })
reduction("std", { "keepdims", "ddof" })

-- Along one axis, the last one unless it is said.
local function one_axis(who, v, allowed)
  local axes, named = axes_of(who, v, allowed)
  if axes and #axes > 1 then util.fail("%s: wants one axis, got %d", who, #axes) end
  return axes and axes[1] or -1, named
end

for _, name in ipairs { "argmax", "argmin" } do
  methods[name] = function(t, v)
    local axis, named = one_axis(name, v, { "keepdims" })
    local axes = #core.tensor_shape(t) > 0 and { axis } or nil
    return core.tensor_reduce(t, name, axes, util.boolean(name, "keepdims", named.keepdims, false))
  end
end

function methods.cumsum(t, axis) return core.tensor_cumsum(t, (one_axis("cumsum", axis, {}))) end

function methods.sort(t, v)
  local axis, named = one_axis("sort", v, { "descending" })
  return core.tensor_sort("sort", t, axis, util.boolean("sort", "descending", named.descending, false))
end

function methods.argsort(t, v)
  local axis, named = one_axis("argsort", v, { "descending" })
  return (select(2, core.tensor_sort("argsort", t, axis, util.boolean("argsort", "descending", named.descending, false))))
end

function methods.topk(t, k, v)
  k = util.whole("topk", "k", k, nil, 0) or util.fail "topk: wants how many, as in t:topk(5)"
  local axis, named = one_axis("topk", v, { "largest" })
  return core.tensor_sort("topk", t, axis, util.boolean("topk", "largest", named.largest, true), k)
end

-- ---- other methods ----

function methods.copy(t, dtype) return core.tensor(t, dtype) end

function methods.astype(t, dtype)
  if dtype == nil then util.fail 'astype: wants a type, as in t:astype("float64")' end
  return core.tensor(t, dtype)
end

function methods.clip(t, least, most)
  if least == nil and most == nil then util.fail "clip: wants the least and the most, as in t:clip(0, 1); one may be nil" end
  if least ~= nil then t = t:maximum(least) end
  return most == nil and t or t:minimum(most)
end

function methods.flatten(t) return t:reshape { -1 } end

-- Sizes and axes may stand in a list or one after the other: t:reshape{ 3, 2 }, t:reshape(3, 2).
local reshape = methods.reshape
function methods.reshape(t, ...)
  if type((...)) == "number" then return reshape(t, { ... }) end
  return reshape(t, ...)
end

local permute = methods.permute
function methods.permute(t, first, ...) return permute(t, type(first) == "number" and { first, ... } or first) end

-- All axes the other way round, two of them swapped, or in the order of a list.
function methods.transpose(t, a, b)
  if core.type(a) == "table" and b == nil then return permute(t, a) end
  local n = #core.tensor_shape(t)
  local order = {}
  for i = 1, n do order[i] = a == nil and n + 1 - i or i end
  if a ~= nil or b ~= nil then
    local at = {}
    for i, axis in ipairs { a or false, b or false } do
      local whole = math.tointeger(axis)
      if not whole or whole == 0 or math.abs(whole) > n then
        util.fail("transpose: wants two axes within 1..%d, as in t:transpose(1, 2), got %s", n, util.quoted(axis))
      end
      at[i] = whole > 0 and whole or n + 1 + whole
    end
    order[at[1]], order[at[2]] = at[2], at[1]
  end
  return permute(t, order)
end

function methods.t(t)
  local n = #core.tensor_shape(t)
  if n > 2 then util.fail("t: a tensor of %d axes has no one transpose; t:transpose(a, b) swaps two", n) end
  return methods.transpose(t)
end

-- ---- making ----

local tensor = setmetatable({}, {
  __call = function(_, v, dtype) return core.tensor(v, dtype or type(v) == "table" and rawget(v, "dtype") or nil) end,
  __tostring = function() return "tensor: tensor{ {1, 2}, {3, 4} }, tensor.zeros{2, 3}; see help \"tensor\"" end,
})

-- { 2, 3, dtype = "int64" } -> sizes, options. dtype: what stands behind it.
local function shape_of(who, shape, allowed, dtype, ...)
  if type(shape) == "number" then -- tensor.zeros(2, 3), with a type at the end or none
    local list = { shape, dtype, ... }
    dtype = type(list[#list]) == "string" and table.remove(list) or nil
    shape = list
  end
  if core.type(shape) ~= "table" then
    util.fail("%s: wants a shape, as in %s{ 2, 3 }, got %s", who, who, util.a(shape))
  end
  if dtype ~= nil and type(dtype) ~= "string" then
    util.fail("%s: behind the shape comes a type, as in %s({ 2, 3 }, \"float64\"), got %s; options stand in the shape's "
      .. "braces: %s{ 2, 3, %s = ... }", who, who, util.a(dtype), who, allowed[1])
  end
  local named, sizes = {}, {}
  for k, v in pairs(shape) do
    if math.type(k) == "integer" then sizes[k] = v else named[k] = v end
  end
  util.options(who, named, allowed)
  for k in pairs(sizes) do
    if k < 1 or k > #sizes then util.fail("%s: the shape has a size [%d] and none before it", who, k) end
  end
  return sizes, named, dtype or named.dtype
end

local function full(who, value)
  return function(...)
    local sizes, _, dtype = shape_of(who, (...), { "dtype" }, select(2, ...))
    return core.tensor_full(sizes, value, dtype)
  end
end
tensor.zeros, tensor.ones = full("tensor.zeros", 0), full("tensor.ones", 1)
function tensor.full(shape, value, dtype) return core.tensor_full(shape, value, dtype) end

-- tensor.rand{ 2, 3 }: uniform in [0, 1); tensor.randn{ 2, 3 }: normal. { 2, 3, seed = 7 } gives the same again.
local function random(who, normal)
  return function(...)
    local sizes, named, dtype = shape_of(who, (...), { "seed", "dtype" }, select(2, ...))
    local seed = util.whole(who, "seed", named.seed, nil, math.mininteger)
    return core.tensor_random(sizes, seed or seeds.next "tensor", normal, dtype)
  end
end
tensor.random, tensor.randn = random("tensor.random", false), random("tensor.randn", true)
tensor.rand = random("tensor.rand", false)

function tensor.arange(first, stop, step, dtype)
  if stop == nil then first, stop = 0, first end
  return core.tensor_arange(first, stop, step == nil and 1 or step, dtype)
end
function tensor.linspace(first, last, n, dtype) return core.tensor_linspace(first, last, n, dtype) end
function tensor.eye(n, columns, dtype) return core.tensor_eye(n, columns == nil and n or columns, dtype) end

function tensor.concat(list, axis) return core.tensor_concat("concat", list, axis == nil and 1 or axis) end

function tensor.stack(list, axis)
  axis = axis == nil and 1 or axis
  if core.type(list) ~= "table" then util.fail("stack: wants a list of tensors, got %s", util.a(list)) end
  local parts, n = {}, util.is_tensor(list[1]) and #list[1].shape + 1 or 1
  if not math.tointeger(axis) or axis == 0 or math.abs(axis) > n then
    util.fail("stack: the new axis %s is outside 1..%d (or -1..-%d from the end)", util.quoted(axis), n, n)
  end
  for i, v in ipairs(list) do
    parts[i] = util.is_tensor(v) and v:unsqueeze(axis) or type(v) == "number" and core.tensor { v } or v
  end
  return core.tensor_concat("stack", parts, axis)
end

function tensor.where(mask, a, b)
  if a == nil or b == nil then util.fail "where: wants a mask and two values, as in tensor.where(t:gt(0), t, 0)" end
  return core.tensor_where(mask, a, b)
end

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

tensor.load = npy.load

-- ---- what a tensor is not ----

function meta.__call() util.fail "a tensor is called like a function; t[1] and t[{ 1, { 2, 5 } }] are its parts" end
function meta.__concat()
  util.fail "a tensor cannot be joined to a text; tostring(t) is its text, t:item() the number of one element"
end
local function no_bits()
  util.fail "tensors have no & | ~ << >>; masks have a:logical_and(b), a:logical_or(b) and a:logical_not()"
end
for _, event in ipairs { "band", "bor", "bxor", "bnot", "shl", "shr" } do meta["__" .. event] = no_bits end

-- How many arguments methods take, where it is not one.
local takes = { clip = 2, transpose = 2, index = 2, rows = 2, topk = 2, permute = math.huge, reshape = math.huge }
for name in ([[abs sign relu floor ceil round exp expm1 log log1p sqrt sin cos tan tanh sigmoid isnan isinf isfinite
logical_not tolist item flatten nonzero values unpack t]]):gmatch "%S+" do takes[name] = 0 end

local function limited(name, fn)
  local most = takes[name] or 1
  return function(t, ...)
    if select("#", ...) > most and select(most + 1, ...) ~= nil then
      util.fail("%s: takes %s, got also %s%s", name, most == 0 and "no arguments" or most == 1 and "one argument"
        or most .. " arguments", util.quoted((select(most + 1, ...))),
        most == 1 and ("; axes are a list, and options have names: t:%s{ ... }"):format(name) or "")
    end
    return fn(t, ...)
  end
end
for name, fn in pairs(methods) do methods[name] = limited(name, fn) end

-- Last, so that each method says when it was called with a dot.
util.methods("tensor", "t", methods)

return { tensor = tensor, npz = npz, npy = npy }
