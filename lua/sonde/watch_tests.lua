-- What a watchpoint waits for: the tests that are made after each event of a run, and what they say.
local core = require "sonde.core"
local moment = require "sonde.moment"
local util = require "sonde.util"

local tests = {}

function tests.title(w) return ("%s %d"):format(w.what, w.number) end

-- What the tests may need, each made when it is first asked for.
function tests.asking(r, s, kind)
  local ask, made = { r = r, s = s, kind = kind }, {}
  local function lazily(name, make)
    ask[name] = function()
      if made[name] == nil then made[name] = make() or false end
      return made[name]
    end
  end
  lazily("info", function() return core.run_info(r) end)
  lazily("bad", function() return (kind == "step" or kind == "halt") and core.found_bad(r, s.train) end)
  lazily("validated", function() return core.run_terms(r, ask.info().epoch, true) ~= nil end)
  lazily("moment", function()
    return kind == "epoch_end" and moment.epoch(r, ask.info().epoch) or moment.step(r)
  end)
  return ask
end

-- A function of the person's. What is not there yet to be compared does not hold.
function tests.call(w, fn, ask)
  local ok, v = pcall(util.call, tests.title(w), fn, ask.moment())
  if ok then return v end
  if v == moment.MISSING then return false end
  error(v, 0)
end

tests.compare = {
  [">"] = function(a, b) return a > b end, [">="] = function(a, b) return a >= b end,
  ["<"] = function(a, b) return a < b end, ["<="] = function(a, b) return a <= b end,
  ["=="] = function(a, b) return a == b end, ["~="] = function(a, b) return a ~= b end,
}

local above = { [">"] = true, [">="] = true }

function tests.number_text(v) return util.fixed("%.6g", v) end

-- ---- tests ----

-- test(w, ask) gives nil, or what to say and what there was to see. ask = { r =, s =, kind =, moment() =,
-- validated =, bad = }.
function tests.break_(w, ask)
  local e, info = w.place, ask.info()
  if ask.kind == "epoch_end" and not e.step and ask.s.first + info.epoch == e.epoch then return w.condition end
  if ask.kind ~= "step" or info.step ~= e.step then return nil end
  if not e.epoch or ask.s.first + info.epoch + 1 == e.epoch then return w.condition end
end

function tests.function_(w, ask)
  if ask.kind == "halt" or not tests.call(w, w.fn, ask) then return nil end
  return w.condition
end

-- Of each step, with the losses of its batch; the others are logged at the end of an epoch.
local BATCH = { loss = true, data = true, penalty = true, activity = true, learning_rate = true }

function tests.value(w, ask)
  local at_step = BATCH[w.value] ~= nil
  if ask.kind ~= (at_step and "step" or "epoch_end") then return nil end
  if w.value:find "^val_" and not ask.validated() then return nil end
  local v = rawget(ask.moment(), w.value)
  if not v or not (w.compare(v, w.limit) or (v ~= v and above[w.op])) then return nil end
  return ("%s: %s"):format(w.condition, tests.number_text(v)), { name = w.value, value = v }
end

-- A row belongs to a layer, or to one of its parameters.
function tests.belongs(layer, row) return not layer or row.layer == layer or row.name == layer end

-- What is measured is measured of the finite numbers alone. A norm or a deviation that has others beside it is above
-- every limit; of the rest nobody can say where they lie, so that every limit is passed.
local SIZES = { norm = true, std = true, ratio = true, data_norm = true, penalty_norm = true,
  mean = false, min = false, max = false }

local function passed_by_bad(w, row)
  local size = SIZES[w.column]
  if size == nil or w.op == "==" or (row.nan or 0) + (row.inf or 0) == 0 then return false end
  return not size or above[w.op] or w.op == "~="
end

local function bad_text(row)
  local parts = {}
  if (row.nan or 0) > 0 then parts[1] = ("%d nan"):format(row.nan) end
  if (row.inf or 0) > 0 then parts[#parts + 1] = ("%d inf"):format(row.inf) end
  return table.concat(parts, ", ") .. " in it"
end

function tests.probe(w, ask)
  if ask.kind ~= "step" then return nil end
  local rows, step = w.observed:last()
  if not rows or step == w.seen then return nil end
  w.seen = step
  for _, row in ipairs(rows) do
    local v = row[w.column]
    local bad = tests.belongs(w.layer, row) and passed_by_bad(w, row)
    if bad or (tests.belongs(w.layer, row) and w.compare(v, w.limit)) then
      return ("%s at %s: %s"):format(w.condition, row.name, bad and bad_text(row) or tests.number_text(v)),
        { name = row.name, layer = row.layer, value = v }
    end
  end
end

-- ---- the first number that is none ----

local function element_text(find)
  local e = find.element
  return e and (", element (%s%s)"):format(table.concat(e, ", "), #e == 1 and "," or "") or ""
end

local function sample_text(find)
  if not find.sample then return "" end
  local more = {}
  if find.file then more[1] = ('"%s"'):format(util.plain(find.file:match "[^/]*$")) end
  if find.index then more[#more + 1] = ("%d of the data"):format(find.index) end
  return (", sample %d of the batch%s"):format(find.sample,
    #more > 0 and (" (%s)"):format(table.concat(more, ", ")) or "")
end

local function output_text(find)
  return ("%s output%s%s"):format(find.layer, find.call and (" of call %d"):format(find.call) or "",
    find.before and " before " .. find.before or "")
end

local whose = {
  x = function() return "the batch's x" end,
  y = function() return "the batch's y" end,
  weight = function(f) return f.parameter end,
  output = output_text,
  loss = function() return "the loss" end,
  ["output.grad"] = function(f) return "the gradient of " .. output_text(f) end,
  gradient = function(f) return "the gradient of " .. f.parameter end,
  penalty = function() return "the penalties" end,
  updated = function(f) return f.parameter .. " after the update" end,
}

local function value_text(v) return v ~= v and "nan" or v > 0 and "inf" or "-inf" end

local function find_text(find, s, info)
  local made = "the step is made"
  if not find.made then made = ("step %d of epoch %d is not made"):format(info.step + 1, s.first + info.epoch + 1) end
  return ("nan: first in %s%s%s: %s; %s"):format(whose[find.what](find), sample_text(find), element_text(find),
    value_text(find.value), made)
end

function tests.nan(_, ask)
  local bad = ask.bad()
  if bad then return find_text(bad, ask.s, ask.info()), bad end
  if ask.kind ~= "epoch_end" or not ask.validated() then return nil end
  local v = rawget(ask.moment(), "val_loss")
  if v and (v ~= v or math.abs(v) == math.huge) then
    return ("nan: val_loss is %s"):format(value_text(v)), { what = "val_loss", value = v, made = true }
  end
end

return tests
