-- Datasets as the user sees them.
local core = require "sonde.core"
local objects = require "sonde.objects"
local parts = require "sonde.parts"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local dataset = {}
local meta, methods = core.meta.dataset, {}

-- What there is to say about the making ("Found 8 files belonging to 2 classes.") is said once.
local function announcing(construct)
  return function(...)
    local d = construct(...)
    local notice = core.dataset_notice(d)
    if notice and notice ~= "" then io.stdout:write((notice:gsub("\n*$", "\n"))) end
    return d
  end
end

-- tensors{ x = {{1, 2}, {3, 4}}, y = {0, 1} }: lists are tensors too.
local function from_lists(construct)
  return function(...)
    local t = ...
    if core.type(t) ~= "table" then return construct(...) end
    local copy = {}
    for k, v in pairs(t) do
      local list = type(v) == "table" and (k == 1 or k == 2 or k == "x" or k == "y")
      copy[k] = list and core.tensor(v) or v
    end
    return construct(copy, select(2, ...))
  end
end

for name, construct in pairs(objects.by_kind.dataset) do
  local wrapped = announcing(name == "tensors" and from_lists(construct) or construct)
  objects.by_kind.dataset[name] = wrapped
  objects.constructor_of[wrapped] = objects.constructor_of[construct]
  if objects.global[name] == construct then objects.global[name] = wrapped end
end

function dataset.is(v) return core.type(v) == "dataset" end

-- Is it { x, y } or { x =, y = }?
local function is_pair(v)
  if core.type(v) ~= "table" then return false end
  return v.x ~= nil or v.y ~= nil or (#v == 2 and (util.is_tensor(v[1]) or util.is_tensor(v[2])))
end

-- A dataset from what may stand for data: a dataset; x and y; { x, y } or { x = , y = }.
function dataset.from(who, x, y)
  if dataset.is(x) then
    if y ~= nil then util.fail("%s: got a dataset and y; a dataset brings its own labels", who) end
    return x
  end
  if core.type(x) == "table" and y == nil then
    if x.x ~= nil or x.y ~= nil then return dataset.from(who, x.x, x.y) end
    if is_pair(x) then return dataset.from(who, x[1], x[2]) end
  end
  if not util.is_tensor(x) and core.type(x) ~= "table" then
    util.fail("%s: wants a dataset, or tensors x and y, got %s", who, util.a(x))
  end
  x = util.as_tensor(x, who, "x")
  return core.dataset_tensors(x, y ~= nil and util.as_tensor(y, who, "y") or nil)
end

-- Arguments (data, opts) or (x, y, opts): x, y, opts.
function dataset.arguments(x, y, opts)
  if (dataset.is(x) or is_pair(x)) and opts == nil and not util.is_tensor(y) then return x, nil, y end
  return x, y, opts
end

-- ---- methods ----

-- d:split(0.8) -> the first 80 % and the rest; { shuffle = true, seed = n } mixes the samples before.
function methods.split(d, fraction, opts)
  if type(fraction) == "table" and opts == nil then
    opts = {}
    for k, v in pairs(fraction) do
      if k ~= 1 then opts[k] = v end
    end
    fraction = fraction[1]
  end
  opts = util.options("split", opts, { "fraction", "shuffle", "seed" })
  if fraction ~= nil and opts.fraction ~= nil then
    util.fail "split: give the fraction once, by its place or by name"
  end
  fraction = fraction or opts.fraction
  if type(fraction) ~= "number" or not (fraction > 0 and fraction < 1) then
    util.fail("split: the fraction must be a number between 0 and 1, got %s", util.quoted(fraction))
  end
  local shuffle = util.boolean("split", "shuffle", opts.shuffle, opts.seed ~= nil)
  local seed = util.whole("split", "seed", opts.seed, nil, math.mininteger)
  return core.dataset_split(d, fraction, shuffle, seed or (shuffle and seeds.next_given "split" or 0))
end

function methods.take(d, n)
  if n == nil then util.fail "take: wants how many samples, as in d:take(100)" end
  return core.dataset_take(d, util.whole("take", "n", n, nil, 0))
end
function methods.labels(d, ...)
  util.nothing("labels", "d:labels() gives those of all samples; d:take(n):labels(), d:pick{ 3, 5 }:labels() of some",
    ...)
  return core.dataset_labels(d)
end
-- How many samples were found to be broken so far.
function methods.broken(d) return core.dataset_broken(d) end
-- d:sample(i) -> x, y, name of the i-th sample
function methods.sample(d, i)
  if i == nil then util.fail "sample: wants the number of a sample, as in x, y, name = d:sample(1)" end
  return core.dataset_sample(d, util.whole("sample", "i", i, nil, 1))
end
-- A dataset of the samples whose numbers stand in the list.
function methods.pick(d, list)
  if util.is_tensor(list) then list = list:tolist() end
  if core.type(list) ~= "table" then
    util.fail("pick: wants a list of numbers of samples, as in d:pick{ 3, 5 }, got %s", util.a(list))
  end
  return core.dataset_view(d, list)
end

local function info(d)
  local state = core.state(d)
  state.info = state.info or core.dataset_info(d)
  return state.info
end

parts.methods("dataset", methods)
util.methods("dataset", "d", methods)
local fields = {}
for _, name in ipairs { "count", "x_shape", "y_shape", "class_names", "classes" } do
  fields[name] = function(d) return info(d)[name] end
end

function meta.__index(d, k)
  if methods[k] then return methods[k] end
  if fields[k] or k == "object" then return info(d)[k] end
  util.unknown("a dataset", k, methods, fields)
end
meta.__len = core.dataset_len

function meta.__tostring(d)
  local i = info(d)
  local parts = { ("dataset of %s sample%s %s"):format(util.thousands(i.count), i.count == 1 and "" or "s",
    util.shape_text(i.x_shape)) }
  if not i.has_y then parts[#parts + 1] = "no labels"
  else parts[#parts + 1] = "labels " .. (#i.y_shape == 0 and "class number" or util.shape_text(i.y_shape)) end
  if i.class_names then
    local names = {}
    for k = 1, math.min(#i.class_names, 10) do names[k] = util.plain(i.class_names[k]) end
    parts[#parts + 1] = "classes: " .. table.concat(names, ", ") .. (#i.class_names > 10 and ", ..." or "")
  end
  local broken = core.dataset_broken(d)
  if broken > 0 then parts[#parts + 1] = ("%d broken"):format(broken) end
  return table.concat(parts, util.screen " · ")
end

meta.methods, meta.fields = methods, fields -- for TAB
dataset.methods = methods
return dataset
