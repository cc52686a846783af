-- Batches of a dataset as tensors: the ones that training gets.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local batch = { dataset = {} }
local fail = util.fail

local ORDER = { "batch_size", "shuffle", "seed", "epoch" }
local ONE = { "index", table.unpack(ORDER) }

-- A pass over d: its loader, and the size of its batches. first: its first batch; ahead: how many are prepared ahead.
local function pass_of(who, d, opts, first, ahead)
  if #d == 0 then fail("%s: the dataset has no samples", who) end
  local size = math.min(util.whole(who, "batch_size", opts.batch_size, 32, 1), #d)
  local shuffle = util.boolean(who, "shuffle", opts.shuffle, opts.seed ~= nil)
  local seed = util.whole(who, "seed", opts.seed, nil, math.mininteger)
  local epoch = util.whole(who, "epoch", opts.epoch, 1, 1)
  local count = (#d + size - 1) // size
  if first > count then
    fail("%s: there is no batch %s; %s samples make %s of %s%s", who, util.thousands(first), util.thousands(#d),
      count == 1 and "one batch" or util.thousands(count) .. " batches", util.thousands(size),
      first <= #d and opts.batch_size == nil and ("; d:batch{ batch_size = %d } is the first of that size"):format(first)
      or "")
  end
  seed = seed or (shuffle and seeds.next "batch" or 0)
  return { size = size, loader = core.loader(d, size, shuffle, seed, epoch - 1, first, ahead) }
end

-- (2), { index = 2 }, { 2, batch_size = 8 } or (2, { batch_size = 8 }) as options.
local function options_of(who, index, opts)
  if core.type(index) == "table" and opts == nil then
    opts = {}
    for k, v in pairs(index) do opts[k == 1 and "index" or k] = v end
    if index[1] ~= nil and index.index ~= nil then
      fail("%s: give the index once, by its place or by name", who)
    end
    return util.options(who, opts, ONE)
  end
  opts = util.options(who, opts, ORDER)
  local copy = { index = index }
  for k, v in pairs(opts) do copy[k] = v end
  return copy
end

local function take(who, d, opts)
  local first = util.whole(who, "index", opts.index, 1, 1)
  local pass = pass_of(who, d, opts, first, 1)
  local loader <close> = pass.loader
  local x, y, index = core.loader_next(loader)
  if not x then fail("%s: none of the samples from there on can be read", who) end
  return x, y, index
end

-- d:batch(i) or d:batch{ index =, batch_size =, shuffle =, seed =, epoch = } -> x, y or nil, numbers of the samples
function batch.dataset.batch(d, index, opts) return take("batch", d, options_of("batch", index, opts)) end

-- What goes through the batches in a for loop, which closes it at its end, also at a break.
local Batches = {}
local passes = setmetatable({}, { __mode = "k" }) -- that -> { d =, size =, loader = }

function Batches.__call(t)
  local pass = passes[t]
  return core.loader_next(pass.loader)
end

function Batches.__index()
  fail "batches: for x, y in d:batches() do ... end goes over them, without ipairs; they have no numbers (d:batch(i))"
end

function Batches.__close(t)
  local _ <close> = passes[t].loader
end

function Batches.__tostring(t)
  local pass = passes[t]
  local n = (#pass.d + pass.size - 1) // pass.size
  return ("%s of %s of %s, for a loop: for x, y, index in d:batches{ batch_size = %d } do ... end"):format(
    util.thousands(n) .. (n == 1 and " batch" or " batches"), util.thousands(pass.size),
    util.thousands(#pass.d) .. (#pass.d == 1 and " sample" or " samples"), pass.size)
end

-- for x, y, index in d:batches{ batch_size = 32 } do ... end
function batch.dataset.batches(d, opts)
  if type(opts) == "number" then opts = { batch_size = opts } end
  local pass = pass_of("batches", d, util.options("batches", opts, ORDER), 1, 0)
  local t = setmetatable({}, Batches)
  pass.d, passes[t] = d, pass
  return t, nil, nil, t
end

-- ---- where a batch is wanted ----

-- "samples 1..32", "samples 7, 3, ..., 12"
local function samples_text(index)
  local n, list = #index, index:tolist()
  if n == 1 then return "sample " .. list[1] end
  for i = 2, n do
    if list[i] ~= list[i - 1] + 1 then
      return n < 4 and "samples " .. table.concat(list, ", ")
        or ("samples %d, %d, ..., %d"):format(list[1], list[2], list[n])
    end
  end
  return ("samples %d..%d"):format(list[1], list[n])
end

-- Tensors x, y from (x, y, opts), ({ x, y }, opts) or (dataset, opts), of which it is one batch, the first unless
-- options say another; then the options, which beside those may have these names; and of a dataset the samples in words.
function batch.arguments(who, x, y, opts, names)
  x, y, opts = dataset.arguments(x, y, opts)
  if dataset.is(x) then
    if y ~= nil then fail("%s: got a dataset and y; a dataset brings its own labels", who) end
    opts = util.options(who, opts, table.move(names, 1, #names, #ONE + 1, { table.unpack(ONE) }))
    local d, index = x, nil
    x, y, index = take(who, d, opts)
    if not y then fail("%s: the dataset has no labels", who) end
    return x, y, opts, #index == #d and "all samples"
      or ("%s of %s"):format(samples_text(index), util.thousands(#d))
  end
  if core.type(x) == "table" and y == nil then
    if x.x ~= nil or x.y ~= nil then x, y = x.x, x.y
    elseif #x == 2 and util.is_tensor(x[1]) then x, y = x[1], x[2] end
  end
  if x == nil then fail("%s: wants x and y, or a dataset", who) end
  x = util.as_tensor(x, who, "x")
  if y == nil then fail("%s: y is missing; it wants x and y, or a dataset", who) end
  return x, util.as_tensor(y, who, "y"), util.options(who, opts, names)
end

local told = setmetatable({}, { __mode = "k" }) -- model -> { dataset -> true }

-- Which samples a dataset's batch were, once for each dataset unless they were asked for.
function batch.tell(who, m, d, opts, samples)
  if not samples or samples == "all samples" or opts.index or opts.shuffle or opts.seed then return end
  told[m] = told[m] or setmetatable({}, { __mode = "k" })
  if told[m][d] then return end
  told[m][d] = true
  local size = opts.batch_size and (", batch_size = %d"):format(opts.batch_size) or ""
  io.stdout:write(("%s: of the dataset's first batch, %s; m:%s(d, { index = 2%s }) is of the second\n"):format(who,
    samples, who, size))
end

return batch
