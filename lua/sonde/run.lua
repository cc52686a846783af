-- Runs: driving the core's iterator, with callbacks and learning rates that are Lua functions in between.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local layers = require "sonde.layers"
local objects = require "sonde.objects"
local progress = require "sonde.progress"
local report = require "sonde.report"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local run = {}
local fail = util.fail
local meta, methods = core.meta.run, {}

-- ---- options ----

local OPTIONS = { "batch_size", "epochs", "shuffle", "seed", "validation_data", "validation_split", "validation_freq",
  "steps_per_epoch", "initial_epoch", "callbacks", "verbose" }

local EVENTS = { "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end",
  "on_train_batch_begin", "on_train_batch_end" }

-- Keras's that are not there, with what serves instead.
local MISSING = {
  class_weight = "repeat samples of the rarer class with d:pick(list)",
  sample_weight = "repeat samples with d:pick(list)",
}

local function check_options(who, opts)
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
local function sort_callbacks(who, list)
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

local function check_verbose(who, v)
  if v == nil then return 1 end
  if v == true then return 1 elseif v == false then return 0 end
  if v ~= 0 and v ~= 1 and v ~= 2 then fail("%s: verbose = %s is not one of 0, 1, 2", who, util.quoted(v)) end
  return v
end

-- Training and validation data from fit's arguments; validation_split takes the last fraction of x and y.
local function split_data(who, x, y, opts)
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
  opts = check_options(who, opts)
  local described, functions = sort_callbacks(who, opts.callbacks)
  local train, val = split_data(who, x, y, opts)
  local verbose = check_verbose(who, opts.verbose)
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

-- The core's run, with what to do about data that are not the run's.
local function resumed(path, train, val)
  local ok, r, trainer, model = pcall(core.run_resume, path, train, val)
  if ok then return r, trainer, model end
  if type(r) == "string" and r:find "resume: .* data" then
    r = r .. "; data are given as m:run got them: resume(path, data, { validation_data = ... }) or "
      .. "resume(path, x, y, { validation_split = ... })"
  end
  error(r, 0)
end

-- resume(path, data [, options]) or resume(path, x, y [, options]): goes on where a saved run stood.
function run.resume(wrap_model, path, x, y, opts)
  if type(path) ~= "string" then fail("resume: wants the path of a saved run, got %s", util.a(path)) end
  x, y, opts = dataset.arguments(x, y, opts)
  opts = util.options("resume", opts, { "validation_data", "validation_split", "callbacks", "learning_rate", "schedule",
    "verbose" })
  local described, functions = sort_callbacks("resume", opts.callbacks)
  if #described > 0 then
    fail("resume: %s{} is part of the saved run already; callbacks takes tables of functions only", described[1].type)
  end
  local train, val = split_data("resume", x, y, opts)
  local r, trainer, model = resumed(path, train, val)
  local s, note = core.state(r), core.run_note(r)
  s.model, s.trainer, s.train, s.validation = model, trainer, train, val
  s.functions, s.verbose, s.bar = functions, check_verbose("resume", opts.verbose), progress.bar()
  s.called = "r"
  s.first = tonumber(note:match "initial_epoch=(%d+)") or 0
  s.begun = core.run_info(r).epoch > 0 or core.run_info(r).step > 0
  local missing = (tonumber(note:match "functions=(%d+)") or 0) - #functions
  if missing > 0 then
    io.stderr:write(("warning: resume: the run had %d more callback%s written in Lua, which no file can hold; give "
      .. "them in callbacks = { ... }\n"):format(missing, missing == 1 and "" or "s"))
  end
  local _, kind = core.trainer_rate(trainer)
  s.rate = opts.learning_rate
  if kind == "function" and type(s.rate) ~= "function" then
    fail("resume: the learning rate of this run is a Lua function, which no file can hold; give "
      .. "learning_rate = function(step, epoch) ... end")
  elseif kind ~= "function" and s.rate ~= nil then
    core.trainer_set_rate(trainer, s.rate)
    s.rate = nil
  end
  s.schedulers = {}
  for _, cb in ipairs(core.run_callbacks(r)) do
    if cb.type == "learning_rate_scheduler" and cb.schedule == nil then
      if type(opts.schedule) ~= "function" then
        fail("resume: the learning_rate_scheduler of this run has a Lua function, which no file can hold; give "
          .. "schedule = function(epoch, rate) ... end")
      end
      s.schedulers[#s.schedulers + 1] = opts.schedule
    end
  end
  wrap_model(model, trainer, s.rate)
  core.state(model).last_run = r
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

-- Runs until stop(kind, epoch) says so or all is done. The bar goes away whatever happens.
local function drive(r, stop)
  local s = core.state(r)
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
  end)
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
    s.verbose = check_verbose("run", v)
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
