-- Driving a run: one event of the core after the other, with callbacks and learning rates that are Lua functions in
-- between, until what was asked for is done.
local core = require "sonde.core"
local layout = require "sonde.layout"
local progress = require "sonde.progress"
local report = require "sonde.report"
local util = require "sonde.util"

local drive = {}
local fail = util.fail

-- ---- what a person sees ----

-- A line on stdout, with the bar and a live plot out of its way.
function drive.say(s, text)
  s.bar:clear()
  if s.live then s.live:clear() end
  io.stdout:write(layout.fit(text), "\n")
  io.stdout:flush()
  if s.live then s.live:restore() end
end

-- Where the run stands: "epoch 3/10", "epoch 4/10, step 17/63".
function drive.position(s, info)
  if info.step == 0 then return ("epoch %d/%d"):format(s.first + info.epoch, s.first + info.epochs) end
  return ("epoch %d/%d, step %d/%d%s"):format(s.first + info.epoch + 1, s.first + info.epochs, info.step, info.steps,
    info.validating and ", validating" or "")
end

-- Where an interrupt left it and what goes on; on a terminal a silent run says so too.
local function say_interrupted(r, s)
  if not s.called or (s.verbose == 0 and not core.terminal "stderr") then return end
  io.stderr:write(core.terminal "stderr" and "\r\27[K" or "", ("interrupted: %s; %s:finish() goes on\n"):format(
    drive.position(s, core.run_info(r)), s.called))
  core.interrupt_told()
end

-- ---- events ----

local function logs_of(values)
  local t = {}
  for _, v in ipairs(values) do t[v[1]] = v[2] end
  return t
end

local function tell(r, s, event, ...)
  for _, cb in ipairs(s.functions) do
    if cb[event] then
      if s.live then s.live:clear() end -- it may print
      util.call(event, cb[event], ...)
    end
  end
end

-- What our own parts do at a step and at an epoch's end (s.hooks), before the user's callbacks.
local function call_hooks(r, s, event, ev)
  for _, hook in ipairs(s.hooks or {}) do
    if hook[event] then hook[event](r, ev) end
  end
end

function drive.call_rate(who, fn, ...)
  local v = util.call(who, fn, ...)
  if type(v) ~= "number" then fail("%s: the %s gave %s, not a number", who, util.function_at(fn), util.a(v)) end
  return v
end

-- A plot that cannot be drawn or written does not end the training.
local function draw_live(r, s, what)
  if not s.live then return end
  local ok, err = pcall(s.live[what], s.live, r)
  if ok then return end
  if err == "interrupted" then error(err, 0) end
  s.live = nil
  drive.say(s, ("no more live plots: %s"):format(err))
end

local on = {}

function on.epoch_begin(r, s, ev)
  for _, fn in ipairs(s.schedulers) do
    core.trainer_set_rate(s.trainer, drive.call_rate("learning_rate_scheduler", fn, s.first + ev.epoch - 1,
      (core.trainer_rate(s.trainer))))
  end
  tell(r, s, "on_epoch_begin", s.first + ev.epoch - 1, {}, r)
  local epochs = s.first + core.run_info(r).epochs
  if s.verbose > 0 and epochs > 1 then drive.say(s, ("Epoch %d/%d"):format(s.first + ev.epoch, epochs)) end
end

function on.step(r, s, ev)
  s.last, s.made, s.inside = ev, s.made + 1, nil -- inside: tensors of the step before
  call_hooks(r, s, "step", ev)
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
  call_hooks(r, s, "epoch_end", ev)
  local _, row = core.run_columns(r)
  local values = report.epoch_values(r, row)
  if s.verbose > 0 then drive.say(s, progress.line(ev.step, ev.seconds, values)) end
  tell(r, s, "on_epoch_end", s.first + ev.epoch - 1, logs_of(values), r)
  local rate, _, iterations = core.trainer_rate(s.trainer)
  s.ends = s.ends or {} -- what no column of the history keeps
  s.ends[row] = { step = ev.step, learning_rate = rate, iterations = iterations, seconds = ev.seconds }
  draw_live(r, s, "update")
end

function on.halt() end

function on.end_(r, s)
  local _, row = core.run_columns(r)
  tell(r, s, "on_train_end", row > 0 and logs_of(report.epoch_values(r, row)) or {}, r)
end

-- A Lua rate is asked for each step, before it or when somebody wants to know: function(step, epoch), both from 0.
function drive.ask_rate(r, s)
  if not s.rate then return end
  local _, _, iterations = core.trainer_rate(s.trainer)
  local epoch = s.first + core.run_info(r).epoch
  local at = ("%d %d"):format(iterations, epoch)
  if s.asked == s.rate and s.asked_at == at then return end
  core.trainer_set_rate(s.trainer, drive.call_rate("learning_rate", s.rate, iterations, epoch))
  s.asked, s.asked_at = s.rate, at
end

-- Before a step, once however often it is tried.
local function prepare_step(r, s)
  drive.ask_rate(r, s)
  if #s.functions > 0 then
    local step = core.run_info(r).step
    tell(r, s, "on_batch_begin", step, {}, r)
    tell(r, s, "on_train_batch_begin", step, {}, r)
  end
  s.told = true
end

local function begin(r, s)
  if s.begun then return end
  s.begun = true
  tell(r, s, "on_train_begin", {}, r)
end

-- One event of the core, and what follows from it. Nothing of the core is held while Lua functions run.
local function advance(r, s)
  begin(r, s)
  if not s.told and core.run_training(r) then prepare_step(r, s) end
  local kind, epoch, step, steps, seconds, total, data, penalty, activity, n, message = core.run_next(r)
  s.told = kind == "halt" -- then the step comes again
  local ev = { epoch = epoch, step = step, steps = steps, seconds = seconds, loss = total, data = data,
    penalty = penalty, activity = activity, samples = n }
  on[kind == "end" and "end_" or kind](r, s, ev)
  if message then drive.say(s, (message:gsub("^\n+", ""):gsub("\n+$", ""))) end
  return kind, ev
end

-- ---- tasks: what a person asked for ----

-- A task is a function done(kind): is it done after that event, or (no kind) as the run stands? Its end is a place and
-- no count of what is left, so that steps made by hand in between belong to it.

function drive.steps(r, n)
  local s = core.state(r)
  local target = s.made + n
  return function() return s.made >= target end
end

-- After the last epoch the core has one more event, upon which callbacks end.
function drive.epochs(r, n)
  local target = core.run_info(r).epoch + n
  return function(kind)
    if kind and kind ~= "epoch_end" then return false end
    local info = core.run_info(r)
    return info.done or (info.epoch >= target and info.epoch < info.epochs)
  end
end

function drive.all(r)
  return function(kind) return not kind and core.run_info(r).done end
end

-- What goes on when the task is done: the one that it interrupted, where that has something left.
local function outer_task(before, done)
  if before and before ~= done and not before() then return before end
end

-- One event with the watchpoints before and after it. over(kind) comes between: what a watchpoint says depends on
-- whether anything is left to do. Gives the event's kind, and true when it stops the run.
local function watched(r, s, over)
  local watch = s.watches and require "sonde.watch"
  if watch then watch.prepare(r, s) end
  local kind = advance(r, s)
  if kind ~= "halt" then s.halted = nil end
  over(kind)
  return kind, watch and watch.ask(r, s, kind)
end

local function loop(r, s, done, keep)
  local before, kept, over = s.task, s.keep, false
  s.task, s.keep, s.stopped = done, keep, nil
  if s.halted then core.pass_bad(r) end
  repeat
    local _, stop = watched(r, s, function(kind)
      over = kind == "end" or done(kind)
      if over then s.task, s.keep = kind ~= "end" and outer_task(before, done) or nil, kept end
    end)
  until over or stop
end

-- Calls fn while the run counts as going. The bar goes away whatever happens.
local function guarded(r, s, fn)
  local ok, err = pcall(core.run_drive, r, fn)
  s.bar:clear()
  if s.live and not ok then s.live:leave() end
  if ok then return draw_live(r, s, "finish") end
  if err == "interrupted" then say_interrupted(r, s) end
  error(err, 0)
end

-- Runs until the task is done, a watchpoint stops it, or there is nothing more. keep: a person steps by hand, and may
-- look into each step afterwards; so they may where a watchpoint stops the run.
function drive.go(r, done, keep)
  local s = core.state(r)
  core.run_keep(r, keep == true or s.watches ~= nil)
  guarded(r, s, function() loop(r, s, done, keep) end)
end

-- To the next step, and no further: it is prepared as it will be when it is made. beyond: what the run takes for a step
-- is none, and comes to its end first. Gives nothing when there is no step any more. Watchpoints on the end of an epoch
-- say so, and do not keep it from going there.
function drive.to_step(r, beyond)
  local s = core.state(r)
  guarded(r, s, function()
    if beyond or not core.run_training(r) then s.stopped = nil end
    while beyond or not core.run_training(r) do
      beyond = false
      if watched(r, s, function() end) == "end" then return end
    end
    begin(r, s)
    if not s.told then prepare_step(r, s) end
  end)
end

return drive
