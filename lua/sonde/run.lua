-- Runs: driving the core's iterator, with callbacks and learning rates that are Lua functions in between.
local core = require "sonde.core"
local layers = require "sonde.layers"
local options = require "sonde.run_options"
local parts = require "sonde.parts"
local progress = require "sonde.progress"
local report = require "sonde.report"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local run = {}
local fail = util.fail
local meta, methods = core.meta.run, {}

-- ---- beginning ----

-- What of a run is written in Lua and cannot be saved, as a line of text that is.
local function note_text(s)
  return ("initial_epoch=%d functions=%d"):format(s.first, #s.functions)
end

-- The functions that the run needs: of the optimizer's rate and of a learning_rate_scheduler.
local function find_schedulers(described)
  local list = {}
  for _, cb in ipairs(described) do
    if cb.type == "learning_rate_scheduler" and type(cb.schedule) == "function" then list[#list + 1] = cb.schedule end
  end
  return list
end

-- m:run(...): a run that has made no step.
function run.new(who, m, trainer, rate, x, y, opts)
  opts = options.check(who, opts)
  local described, functions = options.callbacks(who, opts.callbacks)
  local train, val = options.data(who, x, y, opts)
  local verbose = options.verbose(who, opts.verbose)
  local first = util.whole(who, "initial_epoch", opts.initial_epoch, 0, 0)
  local epochs = util.whole(who, "epochs", opts.epochs, 1, 1)
  if first >= epochs then fail("%s: initial_epoch = %d leaves none of %d epochs", who, first, epochs) end
  local r = core.run_begin(trainer, train, val, {
    batch_size = util.whole(who, "batch_size", opts.batch_size, 32, 1), epochs = epochs - first,
    shuffle = util.boolean(who, "shuffle", opts.shuffle, true),
    seed = util.whole(who, "seed", opts.seed, nil, math.mininteger) or seeds.next "run",
    validation_freq = util.whole(who, "validation_freq", opts.validation_freq, 1, 1),
    steps_per_epoch = util.whole(who, "steps_per_epoch", opts.steps_per_epoch, nil, 1) or 0,
  }, described)
  local s = core.state(r)
  s.model, s.trainer, s.train, s.validation = m, trainer, train, val
  s.functions, s.verbose, s.first, s.rate = functions, verbose, first, rate
  s.schedulers = find_schedulers(described)
  s.bar, s.called = progress.bar(), who == "fit" and "m.last_run" or "r"
  core.run_note(r, note_text(s))
  core.state(m).last_run = r
  return r
end

-- ---- going on ----

local function logs_of(values)
  local t = {}
  for _, v in ipairs(values) do t[v[1]] = v[2] end
  return t
end

local function tell(r, s, event, ...)
  for _, cb in ipairs(s.functions) do
    if cb[event] then cb[event](...) end
  end
end

local function call_rate(who, fn, ...)
  local v = fn(...)
  if type(v) ~= "number" then fail("%s: the function gave %s, not a number", who, util.a(v)) end
  return v
end

local function say(s, text)
  s.bar:clear()
  io.stdout:write(text, "\n")
  io.stdout:flush()
end

local on = {}

function on.epoch_begin(r, s, ev)
  for _, fn in ipairs(s.schedulers) do
    core.trainer_set_rate(s.trainer, call_rate("learning_rate_scheduler", fn, s.first + ev.epoch - 1,
      (core.trainer_rate(s.trainer))))
  end
  tell(r, s, "on_epoch_begin", s.first + ev.epoch - 1, {}, r)
  local epochs = s.first + core.run_info(r).epochs
  if s.verbose > 0 and epochs > 1 then say(s, ("Epoch %d/%d"):format(s.first + ev.epoch, epochs)) end
end

function on.step(r, s, ev)
  s.last = ev
  if s.verbose == 1 then
    s.bar:update("", ev.step, ev.steps, ev.seconds, function() return report.running_values(r, false) end)
  end
  if #s.functions > 0 then
    local logs = logs_of(report.running_values(r, false))
    tell(r, s, "on_batch_end", ev.step - 1, logs, r)
    tell(r, s, "on_train_batch_end", ev.step - 1, logs, r)
  end
end

function on.val_step(r, s, ev)
  if s.verbose ~= 1 then return end
  s.val_start = ev.step == 1 and core.clock() or s.val_start or core.clock()
  s.bar:update("validating ", ev.step, ev.steps, core.clock() - s.val_start,
    function() return report.running_values(r, true) end)
end

function on.epoch_end(r, s, ev)
  local _, row = core.run_columns(r)
  local values = report.epoch_values(r, row)
  if s.verbose > 0 then say(s, progress.line(ev.step, ev.seconds, values)) end
  tell(r, s, "on_epoch_end", s.first + ev.epoch - 1, logs_of(values), r)
end

function on.end_(r, s)
  local _, row = core.run_columns(r)
  tell(r, s, "on_train_end", row > 0 and logs_of(report.epoch_values(r, row)) or {}, r)
end

-- A Lua rate is asked before each step: function(step, epoch), both from 0.
local function ask_rate(r, s)
  local _, _, iterations = core.trainer_rate(s.trainer)
  local epoch = s.first + core.run_info(r).epoch
  core.trainer_set_rate(s.trainer, call_rate("learning_rate", s.rate, iterations, epoch))
end

-- One event of the core, and what follows from it. Nothing of the core is held while Lua functions run.
local function advance(r, s)
  if not s.begun then
    s.begun = true
    tell(r, s, "on_train_begin", {}, r)
  end
  if not s.told and core.run_training(r) then
    if s.rate then ask_rate(r, s) end
    if #s.functions > 0 then
      local step = core.run_info(r).step
      tell(r, s, "on_batch_begin", step, {}, r)
      tell(r, s, "on_train_batch_begin", step, {}, r)
    end
    s.told = true -- once for each step, however often it is tried
  end
  local kind, epoch, step, steps, seconds, total, data, penalty, activity, n, message = core.run_next(r)
  s.told = false
  on[kind == "end" and "end_" or kind](r, s, { epoch = epoch, step = step, steps = steps, seconds = seconds,
    loss = total, data = data, penalty = penalty, activity = activity, samples = n })
  if message then say(s, (message:gsub("^\n+", ""):gsub("\n+$", ""))) end
  return kind, epoch
end

local function position(s, info)
  if info.step == 0 then return ("epoch %d/%d"):format(s.first + info.epoch, s.first + info.epochs) end
  return ("epoch %d/%d, step %d/%d%s"):format(s.first + info.epoch + 1, s.first + info.epochs, info.step, info.steps,
    info.validating and ", validating" or "")
end

-- Where the run stands now and what goes on with it; on a terminal a silent run says so too.
local function say_interrupted(r, s)
  if s.verbose == 0 and not core.terminal "stderr" then return end
  io.stderr:write(core.terminal "stderr" and "\r\27[K" or "", ("interrupted: %s; %s:finish() goes on\n"):format(
    position(s, core.run_info(r)), s.called))
end

-- Runs until stop(kind, epoch) says so or all is done. The bar goes away whatever happens. keep: a person steps by hand,
-- and may look into each step afterwards.
local function drive(r, stop, keep)
  local s = core.state(r)
  core.run_keep(r, keep == true)
  local ok, err = pcall(core.run_drive, r, function()
    repeat
      local kind, epoch = advance(r, s)
    until kind == "end" or stop(kind, epoch)
  end)
  s.bar:clear()
  if ok then return end
  if err == "interrupted" then say_interrupted(r, s) end
  error(err, 0)
end

-- After the last epoch the core has one more event, upon which callbacks end.
local function settle(r)
  local info = core.run_info(r)
  if not info.done and info.epoch >= info.epochs then drive(r, function() return false end) end
end

local function want_unfinished(r)
  if not core.run_info(r).done then return end
  local info = core.run_info(r)
  fail("run: it is done after %d epoch%s; r:epoch(n) goes on for n more", info.epoch, info.epoch == 1 and "" or "s")
end

local Losses = {}
function Losses.__tostring(t)
  local function text(v) return util.fixed("%.4f", v) end
  return ("loss: %s = data %s + penalty %s%s"):format(text(t.loss), text(t.data), text(t.penalty),
    t.activity ~= 0 and " + activity " .. text(t.activity) or "")
end

-- One step, or n: gives the losses of the last batch.
function methods.step(r, n)
  n = util.whole("step", "n", n, 1, 1)
  want_unfinished(r)
  local made = 0
  drive(r, function(kind)
    if kind == "step" then made = made + 1 end
    return made == n
  end, true)
  local ev = core.state(r).last
  return ev and setmetatable({ loss = ev.loss, data = ev.data, penalty = ev.penalty, activity = ev.activity,
    samples = ev.samples }, Losses)
end

-- To the end of this epoch, or n epochs; beyond the planned end too.
function methods.epoch(r, n)
  n = util.whole("epoch", "n", n, 1, 1)
  local info = core.run_info(r)
  if info.done or info.epoch + n > info.epochs then core.run_extend(r, info.epoch + n) end
  local ends = 0
  drive(r, function(kind)
    if kind == "epoch_end" then ends = ends + 1 end
    return ends == n
  end)
  settle(r)
  return r
end

-- All epochs.
function methods.finish(r, n)
  if n ~= nil then fail("finish: goes to the planned end and takes nothing; r:epoch(n) makes n epochs") end
  if not core.run_info(r).done then drive(r, function() return false end) end
  return r
end

-- No step more after the present one; the epoch's validation and end still come.
function methods.stop(r, why)
  if why ~= nil and type(why) ~= "string" then fail("stop: the reason wants a text, got %s", util.a(why)) end
  core.run_stop(r, why)
end

-- ---- looking at ----

local function model_info(r) return layers.info(core.state(r).model) end

function methods.history(r)
  return report.history(r, core.state(r).first)
end

-- What the loss is made of: of the present epoch so far, else of the last one; before any step the penalties of the
-- initial weights. loss_terms(n): of epoch n, -1 is the last.
function methods.loss_terms(r, epoch)
  local s, info = core.state(r), core.run_info(r)
  local m = model_info(r)
  if epoch ~= nil then
    local n = util.whole("loss_terms", "epoch", epoch, nil, math.mininteger)
    if n < 0 then n = info.epoch + 1 + n else n = n - s.first end
    if n < 1 or n > info.epoch then
      fail("loss_terms: epoch %d is not among the %d that are complete", epoch, info.epoch)
    end
    return report.terms(m, ("epoch %d"):format(s.first + n), core.run_terms(r, n, false), core.run_terms(r, n, true))
  end
  if info.step > 0 then
    local now = core.run_terms(r, 0, false)
    if now then
      return report.terms(m, ("epoch %d, step %d"):format(s.first + info.epoch + 1, info.step), now,
        core.run_terms(r, 0, true) or (info.epoch > 0 and core.run_terms(r, info.epoch, true) or nil))
    end
  end
  if info.epoch > 0 then return methods.loss_terms(r, s.first + info.epoch) end
  local now = core.penalties(s.model)
  return report.terms(m, "before the first step", now, s.validation and now or nil, true)
end

function methods.gradients(r)
  if not core.run_info(r).has_gradients then fail "gradients: no step was made yet; r:step() makes one" end
  return report.statistics(core.state(r).trainer, model_info(r), "grad")
end

function methods.weights(r)
  return report.statistics(core.state(r).trainer, model_info(r), "value")
end

function methods.save(r, path)
  if type(path) ~= "string" then fail("save: wants a path, got %s", util.a(path)) end
  core.run_save(r, path)
end

parts.methods("run", methods)
util.methods("run", "r", methods)

-- ---- fields ----

local fields = {}
function fields.model(_, s) return s.model end
function fields.train(_, s) return s.train end
function fields.validation(_, s) return s.validation end
function fields.epoch_number(r, s) return s.first + core.run_info(r).epoch end
function fields.step_number(r) return core.run_info(r).step end
function fields.steps_per_epoch(r) return core.run_info(r).steps end
function fields.epochs(r, s) return s.first + core.run_info(r).epochs end
function fields.done(r) return core.run_info(r).done end
function fields.batch_size(r) return core.run_info(r).batch_size end
function fields.seed(r) return core.run_info(r).seed end
function fields.iterations(_, s) return (select(3, core.trainer_rate(s.trainer))) end
function fields.learning_rate(_, s) return (core.trainer_rate(s.trainer)) end
function fields.verbose(_, s) return s.verbose end
function fields.layers(r, s)
  s.layers = s.layers or layers.of(s.model, function()
    return core.run_info(r).has_gradients and s.trainer or nil
  end)
  return s.layers
end

function meta.__index(r, k)
  if methods[k] then return methods[k] end
  if fields[k] then return fields[k](r, core.state(r)) end
  util.unknown("a run", k, methods, fields)
end

function meta.__newindex(r, k, v)
  local s = core.state(r)
  if k == "learning_rate" then
    if s.rate then fail "learning_rate is a function; compile with a number to set it" end
    if type(v) ~= "number" then fail("learning_rate wants a number, got %s", util.a(v)) end
    core.trainer_set_rate(s.trainer, v)
  elseif k == "verbose" then
    s.verbose = options.verbose("run", v)
  else
    fail("run: %s cannot be set; only learning_rate and verbose can", tostring(k))
  end
end

function meta.__tostring(r)
  local s, info = core.state(r), core.run_info(r)
  local text = ("run of %s: %s%s"):format(model_info(r).name, position(s, info),
    info.done and ", done" or "")
  local _, rows = core.run_columns(r)
  if rows > 0 then
    for _, v in ipairs(report.epoch_values(r, rows)) do
      text = ("%s - %s: %s"):format(text, v[1], progress.value_text(v[2]))
    end
  end
  return text
end

meta.methods, meta.fields = methods, fields -- for TAB
run.methods, run.fields = methods, fields
return run
