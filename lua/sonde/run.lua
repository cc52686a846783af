-- Runs: beginning them, going on, looking at them.
local core = require "sonde.core"
local drive = require "sonde.drive"
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

-- What draws while the run goes on; false: nothing.
function run.live(who, r, live)
  if live == nil or live == false then return nil end
  return require "sonde.plot_run".live(who, r, live)
end

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

-- Makes the run known to its model: what changes there concerns it.
function run.enlist(r, m)
  local s = core.state(m)
  s.last_run = r
  s.runs = s.runs or setmetatable({}, { __mode = "k" })
  s.runs[r] = true
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
  s.schedulers, s.made = find_schedulers(described), 0
  s.bar, s.called = progress.bar(), who == "fit" and "m.last_run" or "r"
  s.live = run.live(who, r, opts.live)
  core.run_note(r, note_text(s))
  run.enlist(r, m)
  return r
end

-- ---- going on ----

local function want_unfinished(r)
  if not core.run_info(r).done then return end
  local info = core.run_info(r)
  fail("run: it is done after %d epoch%s; r:epoch(n) goes on for n more", info.epoch, info.epoch == 1 and "" or "s")
end

local Losses = {}
function Losses.__tostring(t)
  local text = progress.loss_text
  return ("loss: %s = data %s + penalty %s%s"):format(text(t.loss), text(t.data), text(t.penalty),
    t.activity ~= 0 and " + activity " .. text(t.activity) or "")
end

-- One step, or n: gives the losses of the last batch.
function methods.step(r, n)
  n = util.whole("step", "n", n, 1, 1)
  want_unfinished(r)
  drive.go(r, drive.steps(r, n), true)
  local ev = core.state(r).last
  return ev and setmetatable({ loss = ev.loss, data = ev.data, penalty = ev.penalty, activity = ev.activity,
    samples = ev.samples }, Losses)
end

-- To the end of this epoch, or n epochs; beyond the planned end too.
function methods.epoch(r, n)
  n = util.whole("epoch", "n", n, 1, 1)
  local info = core.run_info(r)
  if info.done or info.epoch + n > info.epochs then core.run_extend(r, info.epoch + n) end
  drive.go(r, drive.epochs(r, n))
  return r
end

-- All epochs. opts.live: what is drawn meanwhile.
function methods.finish(r, opts)
  if type(opts) == "number" then fail("finish: goes to the planned end; r:epoch(%g) makes epochs", opts) end
  opts = util.options("finish", opts, { "live" })
  local s = core.state(r)
  local before, live = s.live, run.live("finish", r, opts.live)
  if core.run_info(r).done then return r end
  if opts.live ~= nil then s.live = live end
  local ok, err = pcall(drive.go, r, drive.all(r))
  s.live = before
  if not ok then error(err, 0) end
  return r
end

-- No step more after the present one; the epoch's validation and end still come.
function methods.stop(r, why)
  if why ~= nil and type(why) ~= "string" then fail("stop: the reason wants a text, got %s", util.a(why)) end
  core.run_stop(r, why)
end

-- ---- looking at ----

local function model_info(r) return layers.info(core.state(r).model) end

function methods.history(r, ...)
  util.nothing("history", "r:history().loss is one column of it", ...)
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
function fields.stopped(_, s) return s.stopped end
function fields.batch_size(r) return core.run_info(r).batch_size end
function fields.seed(r) return core.run_info(r).seed end
function fields.iterations(_, s) return (select(3, core.trainer_rate(s.trainer))) end
function fields.learning_rate(r, s)
  drive.ask_rate(r, s)
  return (core.trainer_rate(s.trainer))
end
function fields.verbose(_, s) return s.verbose end
function fields.layers(r, s)
  s.layers = s.layers or layers.of(s.model, function()
    return core.run_info(r).has_gradients and s.trainer or nil
  end, r)
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
    require("sonde.surgery").set_rate(r, v)
  elseif k == "verbose" then
    s.verbose = options.verbose("run", v)
  else
    fail("run: %s cannot be set; only learning_rate and verbose can", tostring(k))
  end
end

function meta.__tostring(r)
  local s, info = core.state(r), core.run_info(r)
  local text = ("run of %s: %s%s"):format(model_info(r).name, drive.position(s, info),
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
run.want_unfinished = want_unfinished
return run
