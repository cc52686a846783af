-- What m:run, m:fit and resume take: options, callbacks, data.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local objects = require "sonde.objects"
local util = require "sonde.util"

local options = {}
local fail = util.fail

local OPTIONS = { "batch_size", "epochs", "shuffle", "seed", "validation_data", "validation_split", "validation_freq",
  "steps_per_epoch", "initial_epoch", "callbacks", "verbose",
  "live" }

local EVENTS = { "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end",
  "on_train_batch_begin", "on_train_batch_end" }

-- Keras's that are not there, with what serves instead.
local MISSING = {
  class_weight = "repeat samples of the rarer class with d:pick(list)",
  sample_weight = "repeat samples with d:pick(list)",
}

function options.check(who, opts)
  if type(opts) == "number" then
    fail("%s: options have names, as in m:%s(data, { epochs = 10, batch_size = 32 }); got %s", who, who, opts)
  end
  for k in pairs(core.type(opts) == "table" and opts or {}) do
    if MISSING[k] then fail("%s: there is no %s; %s", who, k, MISSING[k]) end
  end
  return util.options(who, opts, OPTIONS)
end

-- A Lua callback is a table of functions; what else is in it is its own.
local function check_functions(who, cb)
  local some = false
  for k, v in pairs(cb) do
    if type(k) == "string" and k:find "^on_" then
      local known = false
      for _, name in ipairs(EVENTS) do known = known or name == k end
      if not known then
        local near = core.suggest(k, EVENTS)
        fail("%s: a callback has no %s%s", who, k, near and ("; did you mean %s?"):format(near) or "; there are: "
          .. table.concat(EVENTS, ", "))
      end
      if type(v) ~= "function" then fail("%s: %s of a callback wants a function, got %s", who, k, util.a(v)) end
      some = true
    end
  end
  if not some then
    fail("%s: a callback is an object like early_stopping{} or a table of functions like "
      .. "{ on_epoch_end = function(epoch, logs, run) ... end }", who)
  end
end

-- Described objects for the core, tables of functions for us.
function options.callbacks(who, list)
  local described, functions = {}, {}
  if list == nil then return described, functions end
  if core.type(list) == "object" then list = { list } end
  if core.type(list) ~= "table" then fail("%s: callbacks wants a list, got %s", who, util.a(list)) end
  if #list == 0 and next(list) ~= nil then list = { list } end
  for _, cb in ipairs(list) do
    if core.type(cb) == "table" then
      check_functions(who, cb)
      functions[#functions + 1] = cb
    else
      described[#described + 1] = objects.as("callback", cb, who .. ": callbacks")
    end
  end
  return described, functions
end

function options.verbose(who, v)
  if v == nil then return 1 end
  if v == true then return 1 elseif v == false then return 0 end
  if v ~= 0 and v ~= 1 and v ~= 2 then fail("%s: verbose = %s is not one of 0, 1, 2", who, util.quoted(v)) end
  return v
end

-- Training and validation data from fit's arguments; validation_split takes the last fraction of x and y.
function options.data(who, x, y, opts)
  local f = opts.validation_split
  if f == nil or f == 0 then
    local val = opts.validation_data
    return dataset.from(who, x, y), val ~= nil and dataset.from(who .. ": validation_data", val) or nil
  end
  if type(f) ~= "number" or not (f > 0 and f < 1) then
    fail("%s: validation_split = %s must be a number between 0 and 1", who, util.quoted(f))
  end
  if opts.validation_data ~= nil then fail("%s: give validation_split or validation_data, not both", who) end
  if dataset.is(x) then
    fail("%s: validation_split is for tensors x and y; use train, val = d:split(%g, { shuffle = true })", who, 1 - f)
  end
  local all = dataset.from(who, x, y)
  local n, first, rest = #all, {}, {}
  local at = math.floor(n * (1 - f)) -- keras/src/trainers/data_adapters: split_at = floor(n * (1 - f))
  if at == 0 or at == n then fail("%s: validation_split = %g of %d samples leaves one part empty", who, f, n) end
  for i = 1, n do
    if i <= at then first[#first + 1] = i else rest[#rest + 1] = i end
  end
  return core.dataset_view(all, first), core.dataset_view(all, rest)
end

return options
