-- A run at one moment, as the functions of watchpoints see it: plain numbers by name, and the same of the epoch before.
local core = require "sonde.core"
local report = require "sonde.report"
local util = require "sonde.util"

-- What reading a value raises that is not there yet: there is nothing to compare, so the watchpoint does not hold.
local moment = { MISSING = {} }

local BASE = { "epoch", "step", "steps_per_epoch", "iterations", "loss", "data", "penalty", "activity", "learning_rate",
  "run", "previous" }

-- All names that a moment of the run may have.
function moment.names(r)
  local names, seen = table.move(BASE, 1, #BASE, 1, {}), {}
  for _, name in ipairs(names) do seen[name] = true end
  for _, name in ipairs((core.run_columns(r))) do
    if not seen[name] then names[#names + 1] = name end
  end
  return names
end

local Moment = {}
local about = setmetatable({}, { __mode = "k" }) -- moment -> { run, epochs that were complete before it }

-- Validation values are those of the last epoch that has any.
local function add_validation(t, r, names, row)
  while row >= 1 and not core.run_terms(r, row, true) do row = row - 1 end
  if row < 1 then return end
  for c, name in ipairs(names) do
    if name:find "^val_" then t[name] = core.run_value(r, row, c) end
  end
end

local function add_terms(t, terms)
  t.loss, t.data, t.penalty, t.activity = terms.total, terms.data, terms.penalty, terms.activity
end

-- At the end of the epoch of that row of the history: what its line says.
function moment.epoch(r, row)
  local s, names, t = core.state(r), (core.run_columns(r)), { run = r }
  local at = s.ends and s.ends[row] or {}
  for _, v in ipairs(report.epoch_values(r, row)) do t[v[1]] = v[2] end
  add_terms(t, core.run_terms(r, row, false))
  add_validation(t, r, names, row)
  t.epoch, t.step, t.steps_per_epoch, t.iterations = s.first + row, at.step, at.step, at.iterations
  t.learning_rate = at.learning_rate or t.learning_rate
  about[t] = { r, row - 1 }
  return setmetatable(t, Moment)
end

-- Within an epoch: the losses of the last batch, the running metrics of the epoch.
function moment.step(r)
  local s, info, names, t = core.state(r), core.run_info(r), (core.run_columns(r)), { run = r }
  for _, v in ipairs(report.running_values(r, false)) do t[v[1]] = v[2] end
  local last = s.last or {}
  t.loss, t.data, t.penalty, t.activity = last.loss, last.data, last.penalty, last.activity
  add_validation(t, r, names, info.epoch)
  t.epoch, t.step, t.steps_per_epoch = s.first + info.epoch + 1, info.step, info.steps
  local rate, _, iterations = core.trainer_rate(s.trainer)
  t.learning_rate, t.iterations = rate, iterations
  about[t] = { r, info.epoch }
  return setmetatable(t, Moment)
end

function Moment.__index(t, k)
  local r, before = table.unpack(about[t])
  if k == "previous" and before >= 1 then
    local p = moment.epoch(r, before)
    rawset(t, k, p)
    return p
  end
  local names = moment.names(r)
  for _, name in ipairs(names) do
    if name == k then error(moment.MISSING, 0) end
  end
  util.unknown("what a watchpoint sees", k, names)
end

function Moment.__tostring(t)
  local out = {}
  for _, name in ipairs(moment.names(t.run)) do
    local v = rawget(t, name)
    if type(v) == "number" then
      out[#out + 1] = ("%s = %s"):format(name, math.type(v) == "integer" and v or util.fixed("%.6g", v))
    end
  end
  return table.concat(out, ", ")
end

return moment
