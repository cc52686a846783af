-- Going on with a saved run: the core's state from the file, with what no file can hold given again.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local model = require "sonde.model"
local options = require "sonde.run_options"
local progress = require "sonde.progress"
local run = require "sonde.run"
local util = require "sonde.util"

local fail = util.fail

-- The core's run, with what to do about data that are not the run's.
local function resumed(path, train, val)
  local ok, r, trainer, m = pcall(core.run_resume, path, train, val)
  if ok then return r, trainer, m end
  if type(r) == "string" and r:find "resume: .* data" then
    r = r .. "; data are given as m:run got them: resume(path, data, { validation_data = ... }) or "
      .. "resume(path, x, y, { validation_split = ... })"
  end
  error(r, 0)
end

local function warn_of_missing(functions, note)
  local missing = (tonumber(note:match "functions=(%d+)") or 0) - #functions
  if missing <= 0 then return end
  io.stderr:write(("warning: resume: the run had %d more callback%s written in Lua, which no file can hold; give "
    .. "them in callbacks = { ... }\n"):format(missing, missing == 1 and "" or "s"))
end

-- The learning rate's function, where it has one; a number given is set.
local function find_rate(trainer, rate)
  local _, kind = core.trainer_rate(trainer)
  if kind == "function" then
    if type(rate) == "function" then return rate end
    fail("resume: the learning rate of this run is a Lua function, which no file can hold; give "
      .. "learning_rate = function(step, epoch) ... end")
  end
  if rate ~= nil then core.trainer_set_rate(trainer, rate) end
end

local function find_schedulers(r, schedule)
  local list = {}
  for _, cb in ipairs(core.run_callbacks(r)) do
    if cb.type == "learning_rate_scheduler" and cb.schedule == nil then
      if type(schedule) ~= "function" then
        fail("resume: the learning_rate_scheduler of this run has a Lua function, which no file can hold; give "
          .. "schedule = function(epoch, rate) ... end")
      end
      list[#list + 1] = schedule
    end
  end
  return list
end

-- resume(path, data [, options]) or resume(path, x, y [, options]): goes on where a saved run stood.
return function(path, x, y, opts)
  if type(path) ~= "string" then fail("resume: wants the path of a saved run, got %s", util.a(path)) end
  x, y, opts = dataset.arguments(x, y, opts)
  opts = util.options("resume", opts, { "validation_data", "validation_split", "callbacks", "learning_rate", "schedule",
    "verbose" })
  local described, functions = options.callbacks("resume", opts.callbacks)
  if #described > 0 then
    fail("resume: %s{} is part of the saved run already; callbacks takes tables of functions only", described[1].type)
  end
  local verbose = options.verbose("resume", opts.verbose)
  local train, val = options.data("resume", x, y, opts)
  local r, trainer, m = resumed(path, train, val)
  local s, note, info = core.state(r), core.run_note(r), core.run_info(r)
  s.model, s.trainer, s.train, s.validation = m, trainer, train, val
  s.functions, s.verbose, s.bar, s.called, s.made = functions, verbose, progress.bar(), "r", 0
  s.first = tonumber(note:match "initial_epoch=(%d+)") or 0
  s.begun = info.epoch > 0 or info.step > 0
  warn_of_missing(functions, note)
  s.rate = find_rate(trainer, opts.learning_rate)
  s.schedulers = find_schedulers(r, opts.schedule)
  model.adopt(m, trainer, s.rate)
  run.enlist(r, m)
  return r
end
