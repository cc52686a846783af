-- Watchpoints and breakpoints: where they stop, what they say, that the run goes on, and that watching changes nothing.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = check.points(40)

local function network(optimizer, loss)
  sonde.seed(1)
  local m = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, dense { 1, activation = "sigmoid" } }
  m:compile { loss = loss or "mse", optimizer = optimizer or sgd { 0.5 }, metrics = { "mae" } }
  return m
end

local function start(opts, ...)
  local t = { epochs = 3, batch_size = 8, seed = 4, verbose = 2, validation_data = { x, y } }
  for k, v in pairs(opts or {}) do t[k] = v end
  return network(...):run(x, y, t)
end

-- What it says on stdout; epoch lines left out.
local function said(fn)
  local lines = {}
  for line in check.output(fn):gmatch "[^\n]+" do
    if not line:find "^Epoch" and not line:find "^%d+/%d+ %- " then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

-- ---- places ----

local r = start()
local b = r:break_at { epoch = 2, step = 3 }
check.equal(tostring(b), "breakpoint 1: epoch 2, step 3")
check.equal(said(function() check.equal(r:finish(), r) end),
  "breakpoint 1: epoch 2, step 3 (epoch 2/3, step 3/5); r:continue() goes on")
check.ok(r.stopped == b and b.hits == 1 and b.number == 1 and b.enabled)
check.ok(r.epoch_number == 1 and r.step_number == 3 and not r.done)
check.equal(said(function() check.equal(r["continue"](r), r) end), "")
check.ok(r.stopped == nil and r.done and b.hits == 1)
check.fails(function() r:continue() end, "nothing was interrupted")

r = start()
r:break_at { epoch = 1 }
r:break_at { step = 5, ignore = 1, name = "the last" }
local text = said(function()
  repeat r:finish() until r.done
end)
check.equal(text, "breakpoint 1: end of epoch 1 (epoch 1/3); r:continue() goes on\n"
  .. "breakpoint 2: the last: step 5 (epoch 2/3, step 5/5); r:continue() goes on\n"
  .. "breakpoint 2: the last: step 5 (epoch 3/3, step 5/5); r:continue() goes on")

-- an initial epoch counts
r = start { initial_epoch = 10, epochs = 12 }
r:break_at { epoch = 11, step = 2 }
check.fails(function() r:break_at { epoch = 10 } end, "end of epoch 10 is over", "epoch 10/12")
check.equal(said(function() r:finish() end),
  "breakpoint 1: epoch 11, step 2 (epoch 11/12, step 2/5); r:continue() goes on")

-- ---- the rest of what was interrupted ----

r = start()
r:break_at { epoch = 1, step = 2 }
said(function() r:step(7) end)
check.equal(r.iterations, 2)
said(function() r:continue() end)
check.equal(r.iterations, 7)
check.fails(function() r:continue() end, "nothing was interrupted")

r = start()
r:break_at { epoch = 1, step = 2 }
said(function() r:epoch(2) end)
check.output(function() r:step() end) -- by hand in between: it belongs to the rest
said(function() r:continue() end)
check.ok(r.epoch_number == 2 and not r.done)
r = start { epochs = 2 }
r:break_at { epoch = 2 }
said(function() r:epoch(2) end)
check.ok(not r.done)
said(function() r:continue() end)
check.ok(r.done)

-- at the very end of what was asked for there is no rest
r = start()
r:break_at { step = 2, once = true }
check.equal(said(function() r:step(2) end), "breakpoint 1: step 2 (epoch 1/3, step 2/5)")
check.fails(function() r:continue() end, "nothing was interrupted")

-- after Ctrl-C and after an error of a callback
for _, why in ipairs { "interrupted", "oh" } do
  local steps = 0
  r = start { callbacks = { { on_batch_end = function()
    steps = steps + 1
    if steps == 4 then error(why, 0) end
  end } } }
  check.output(function()
    check.output(function() check.fails(function() r:step(9) end, why) end)
    r:continue()
  end, "stderr")
  check.equal(r.iterations, 9)
end

-- a step in pieces: the end of an epoch on the way to it is told, the update stops as any step
r = start { verbose = 2 }
r:break_at { epoch = 1 }
r:break_at { epoch = 2, step = 1 }
check.output(function() r:step(5) end)
check.equal(said(function() r:forward() end), "breakpoint 1: end of epoch 1 (epoch 1/3)")
check.equal(r.stopped.number, 1)
check.equal(said(function() r:update() end), "breakpoint 2: epoch 2, step 1 (epoch 2/3, step 1/5)")
check.equal(r.stopped.number, 2)

-- fit: the run is the model's last
local m = network()
text = said(function()
  m:fit(x, y, { epochs = 3, batch_size = 8, verbose = 2, callbacks = {
    { on_train_begin = function(_, run) run:break_at { epoch = 1, step = 1 } end },
  } })
end)
check.equal(text, "breakpoint 1: epoch 1, step 1 (epoch 1/3, step 1/5); m.last_run:continue() goes on")
check.ok(m.last_run.stopped.number == 1)
said(function() m.last_run:continue() end)
check.ok(m.last_run.done)

-- ---- values ----

r = start()
local losses = {}
local w = r:watch { "loss < 0.25", condition = function(s)
  losses[#losses + 1] = s.loss
  return s.step > 2
end }
text = said(function() r:finish() end)
check.ok(r.stopped == w and w.found.name == "loss" and w.found.value < 0.25)
check.ok(r.step_number > 2 and losses[#losses] == w.found.value)
check.equal(text, ("watchpoint 1: loss < 0.25: %.6g (epoch %d/3, step %d/5); r:continue() goes on"):format(
  w.found.value, r.epoch_number + 1, r.step_number))

-- a metric and the validation are looked at when the epoch ends
r = start { validation_freq = 2 }
r:watch "mae > 0"
w = r:watch "val_mae > 0"
said(function() r:finish() end)
check.ok(r.stopped.number == 1 and r.epoch_number == 1 and r.step_number == 0 and w.hits == 0)
check.equal(r.stopped.found.value, r:history().mae[1])
said(function() r:continue() end)
check.ok(w.hits == 1 and w.found.value == r:history().val_mae[2])
r = start()
w = r:watch "learning_rate <= 0.5"
said(function() r:finish() end)
check.ok(r.iterations == 1 and w.found.value == 0.5)
for _, case in ipairs { { "mae >= -inf", true }, { "mae == -1", false }, { "mae ~= -1", true }, { "mae < 1e-9", false },
  { "mae > inf", false }, { "  mae<=1 ", true }, { "mae != 0", true } } do
  r = start { epochs = 1 }
  w = r:watch(case[1])
  said(function() r:finish() end)
  check.equal(w.hits == 1, case[2], case[1])
end

-- ---- tables ----

-- the first step whose gradient is that small, as r:gradients() has it afterwards; the step is named
r = start()
local least = {}
for i = 1, 15 do
  check.output(function() r:step() end)
  least[i] = r:gradients()["dense_1/kernel"].norm
end
table.sort(least)
local limit = (least[3] + least[4]) / 2 -- three of the steps are below
r = start()
w = r:watch { ("gradients.norm < %.17g"):format(limit), layer = "dense_1/kernel" }
check.has(tostring(w), ", in dense_1/kernel")
local stops = 0
repeat
  text = said(function() if stops == 0 then r:finish() else r:continue() end end)
  if r.stopped then
    stops = stops + 1
    check.equal(w.found.value, r:gradients()["dense_1/kernel"].norm)
    check.ok(w.found.value < limit and w.found.layer == "dense_1" and w.found.name == "dense_1/kernel")
    check.has(text, ("gradients.norm < %.6g at dense_1/kernel: %.6g (epoch "):format(limit, w.found.value))
  end
until r.done
check.equal(stops, 3)
-- a layer, all together, every k-th step, disabled and enabled again
r = start()
local one = r:watch { "weights.norm > 0", layer = "dense_1" }
local two = r:watch { "cosine.cosine >= -1", layer = "model" }
local three = r:watch { "updates.norm > 0", every = 4, name = "moved" }
text = said(function() r:step(1) end)
check.has(text, "watchpoint 1: weights.norm > 0 at dense_1/kernel: ")
check.ok(one.hits == 1 and two.hits == 0 and three.hits == 0)
r:disable(1)
text = said(function() r:finish() end) -- the second step has a gradient before it
check.ok(two.hits == 1 and two.found.name == "model" and r.iterations == 2)
r:disable(2)
text = said(function() r:continue() end)
check.has(text, "watchpoint 3: moved: updates.norm > 0 at dense/kernel: ")
check.ok(three.hits == 1 and r.iterations == 4 and one.hits == 1)
r:enable(1)
said(function() r:continue() end)
check.ok(r.stopped == one and r.iterations == 5)
r:delete()
said(function() r:continue() end)
check.ok(r.done and three.hits == 1)

-- ---- functions ----

-- as the issue has it: there is nothing to guard against, and it stops at the first epoch that is worse
r = start({ epochs = 30 }, sgd { 30 })
w = r:watch(function(s) return s.val_loss > s.previous.val_loss end)
check.has(said(function() r:finish() end), "watchpoint 1: function at ")
local h = r:history().val_loss
local n = #h
check.ok(n >= 2 and h[n] > h[n - 1])
for i = 2, n - 1 do check.ok(h[i] <= h[i - 1]) end
check.ok(r.step_number == 0)

-- what it sees, against the run itself
r = start { validation_freq = 2 }
local seen = {}
r:watch(function(s)
  local t = { epoch = s.epoch, step = s.step, iterations = s.iterations, loss = s.loss, data = s.data, mae = s.mae,
    rate = s.learning_rate, val = rawget(s, "val_loss"), text = tostring(s) }
  check.equal(s.run, r)
  if s.epoch > 1 then t.previous = s.previous.loss end
  seen[#seen + 1] = t
  return false
end)
said(function() r:finish() end)
h = r:history()
check.equal(#seen, 18)
check.ok(seen[5].epoch == 1 and seen[5].step == 5 and seen[5].iterations == 5 and seen[6].step == 5)
check.ok(seen[6].epoch == 1 and seen[6].loss == h.loss[1] and seen[6].mae == h.mae[1] and seen[6].val == nil)
check.ok(seen[12].val == h.val_loss[2] and seen[12].previous == h.loss[1] and seen[13].previous == h.loss[2])
check.ok(seen[13].val == h.val_loss[2] and seen[18].val == h.val_loss[2]) -- of the last that was validated
check.ok(seen[7].loss ~= seen[6].loss and seen[7].data == seen[7].loss and seen[7].rate == 0.5)
check.has(seen[12].text, "epoch = 2, step = 5")

-- a name that there is not is an error that names the watchpoint and loses nothing
for _, bad in ipairs { { function(s) return s.val_los > 1 end, "did you mean val_loss?" },
  { function() error("oh", 0) end, "oh" }, { function(s) return s.run:step() end, "it is going already" } } do
  r = start()
  r:watch "nan"
  r:watch(bad[1])
  said(function() check.fails(function() r:finish() end, "watchpoint 2: ", bad[2]) end)
  check.equal(r.iterations, 1)
  r:disable(2)
  said(function() r:continue() end)
  check.ok(r.done and r.iterations == 15)
end
r = start()
r:watch(function() error("interrupted", 0) end)
text = check.output(function()
  check.output(function() check.fails(function() r:finish() end, "interrupted") end)
end, "stderr")
check.equal(text, "interrupted: epoch 1/3, step 1/5; r:finish() goes on\n")

-- numbers that are none pass every limit of a norm, and are said
do
  local t = x:tolist()
  t[11] = { 3e38, 3e38 } -- in the second batch
  local m = sequential { dense { 1, input_shape = { 2 } } }
  m:compile { loss = "mse", optimizer = sgd { 1e-3 } }
  m:set_weights { tensor { { 1 }, { 1 } }, tensor { 0 } }
  r = m:run(tensor(t), y, { batch_size = 8, verbose = 2, shuffle = false, epochs = 1 })
  local low = r:watch "gradients.norm < 0"
  local norm, largest = r:watch "gradients.norm > 1e30", r:watch { "gradients.max > 1e39", layer = "dense/kernel" }
  text = said(function() r:finish() end)
  check.equal(r.step_number, 2)
  local bad = r:gradients()["dense/kernel"]
  check.equal(bad.nan + bad.inf, 2)
  check.has(text, ("watchpoint 2: gradients.norm > 1e+30 at dense/kernel: %s in it"):format(
    bad.inf == 2 and "2 inf" or bad.nan == 2 and "2 nan" or "1 nan, 1 inf"))
  check.has(text, "watchpoint 3: gradients.max > 1e+39 at dense/kernel: ")
  check.has(tostring(r.stopped.found), 'layer = "dense"', 'name = "dense/kernel"')
  check.ok(not tostring(r.stopped.found):find "table:" and r.stopped.found.layer == "dense")
  check.ok(low.hits == 0 and norm.hits == 1 and largest.hits == 1)
  r:delete()
  r:finish()
  r:epoch() -- weights are nan now
  r:watch "loss > 100"
  text = said(function() r:epoch() end)
  check.has(text, "loss > 100: nan")
end

-- a function that changes the list, and one that yields
r = start { epochs = 1 }
r:watch(function(s) s.run:delete() return true end)
r:watch "loss > 0"
said(function() r:finish() end)
check.equal(#r:info(), 0)
said(function() r:continue() end)
check.ok(r.done)
r = start { epochs = 1 }
r:watch(coroutine.yield)
local go, steps = coroutine.wrap(function() said(function() r:finish() end) return "done" end), 0
while go() ~= "done" do steps = steps + 1 end
check.equal(steps, 6)

-- ---- the table of them ----

r = start()
check.has(tostring(r:info()), "r:watch and r:break_at set them")
r:watch "loss > 0"
r:watch { "val_loss > 0", name = "mine", once = true }
r:break_at { step = 2 }
check.equal(tostring(r:info()), [[
number  what        hits  enabled  condition
     1  watchpoint     0  yes      loss > 0
     2  watchpoint     0  yes      mine: val_loss > 0, once
     3  breakpoint     0  yes      step 2]])
r:disable()
said(function() r:epoch() end)
check.ok(r.stopped == nil and r.epoch_number == 1 and r:info()[3].hits == 0)
r:enable(2)
r:enable(3)
r:ignore(3, 1)
check.has(tostring(r:info()), "step 2, ignores 1 more")
text = said(function() r:finish() end)
check.has(text, "watchpoint 2: mine: val_loss > 0: ")
check.ok(not r:info()[2].enabled and r:info()[2].hits == 1 and r:info()[3].hits == 1)
said(function() r:continue() end)
check.equal(r.stopped.number, 3)
r:delete(r.stopped)
r:delete(1)
check.equal(#r:info(), 1)
check.equal(r:watch("loss > 5").number, 4)
said(function() r:continue() end)
check.ok(r.done)
-- two at once: both say so, the first is what stopped
r = start()
r:watch "loss > 0"
r:break_at { step = 1 }
text = said(function() r:finish() end)
check.equal(select(2, text:gsub("goes on", "")), 2)
check.equal(r.stopped.number, 1)

-- ---- wrong input ----

for _, case in ipairs {
  { { "gradients > 3" }, "gradients is a table", '"gradients.norm > 3" is of a column; it has: ' },
  { { ("x"):rep(500) }, ("x"):rep(57) .. '..." is no condition' },
  { { "los > 2" }, 'no value "los"', 'did you mean "loss"?' }, { { "loss" }, "is no condition" },
  { { "loss > x" }, "is no condition" }, { { "loss => 2" }, "is no condition" }, { { "" }, "is no condition" },
  { { "epoch > 2" }, "no value" }, { { 5 }, "wants a condition" }, { {}, "wants a condition", "got nil" },
  { { "gradient.norm > 2" }, 'there is no table "gradient"; did you mean "gradients"?' },
  { { "gradients.nrm > 2" }, 'no column of gradients "nrm"; did you mean "norm"?' },
  { { "gradients.norm > 2", layer = "dense_1/kernl" }, 'did you mean "dense_1/kernel"?' },
  { { "gradients.norm > 2", layer = "input" }, "gradients has no row of input" },
  { { "loss > 1", every = 2 }, "every is for conditions on tables" },
  { { "loss > 1", layer = "dense" }, "layer is for conditions on tables" },
  { { "nan", layer = "dens" }, 'no layer or parameter "dens"; did you mean "dense"?' },
  { { "loss > 1", layer = 1 }, "layer wants a name" }, { { "loss > 1", on = 1 }, 'unknown option "on"' },
  { { "loss > 1", once = 1 }, "once = 1 must be true or false" }, { { "loss > 1", ignore = -1 }, "ignore = -1" },
  { { "loss > 1", condition = "x" }, "condition wants a function(s), got a string" },
  { { "loss > 1", name = 1 }, "name wants a text" }, { { "loss > 1", "x" }, "[2] has no name" },
} do
  check.fails(function() r:watch(case[1]) end, "watch.lua:", "watch: ", table.unpack(case, 2))
end
check.fails(function() r:watch("nan", { once = true }) end, "options go into the table")
check.fails(function() r:watch() end, "got nil")
check.fails(function() r:info(1) end, "info: takes no arguments, got 1; r:info()[1]")
check.fails(function() r:break_at {} end, "wants a place")
check.fails(function() r:break_at(3) end, "wants options in a table")
check.fails(function() r:break_at { epoch = 0 } end, "epoch = 0 must be a whole number of at least 1")
check.fails(function() r:break_at { step = 6 } end, "step = 6 never comes; an epoch has 5 steps")
check.fails(function() r:break_at { epoch = 1, step = 1 } end,
  "epoch 1, step 1 is over; the run stands at epoch 1/3, step 1/5")
for _, name in ipairs { "disable", "enable", "delete" } do
  check.fails(function() r[name](r, 9) end, name .. ": there is no watchpoint or breakpoint 9")
  check.fails(function() r[name](r, "1") end, name .. ": n = \"1\" must be a whole number")
end
check.fails(function() r:ignore() end, "r:ignore(1, 5)")
check.fails(function() r:ignore(1) end, "r:ignore(1, 5)")
check.fails(function() r:ignore(1, -1) end, "count = -1")
check.fails(function() w.enabled = false end, "r:disable(n)")
check.fails(function() return w.hit end, "did you mean hits?")
check.fails(function() start():continue() end, "nothing was interrupted")

-- a silent run is silent where stdout is no terminal
r = start { verbose = 0 }
r:break_at { step = 1 }
check.equal(check.output(function() r:finish() end), "")
check.equal(r.stopped.number, 1)

-- ---- files ----

local path = check.folder() .. "/run.sonde"
r:save(path)
local again = resume(path, x, y, { validation_data = { x, y }, verbose = 0 })
check.ok(#again:info() == 0 and again.stopped == nil)
again:watch(function(s) return s.epoch == 2 and s.loss > 0 and s.previous.loss > 0 end)
again:finish()
check.ok(again.epoch_number == 1 and again.step_number == 1)

-- ---- watching changes no bit ----

local function weights_of(watch)
  local run = start({ epochs = 2 }, adam { 0.01 })
  if watch then
    run:watch "nan"
    run:watch "loss > 1e9"
    run:watch "val_loss > 1e9"
    run:watch(function(s) return s.loss > 1e9 or s.val_loss > 1e9 end)
    run:watch "gradients.norm > 1e9"
    run:watch { "activations.mean > 1e9", layer = "dense" }
    run:watch { "updates.ratio > 1e9", every = 3 }
    run:watch "noise_scale.noise_scale > 1e30"
    run:break_at { epoch = 9 }
    run:break_at { step = 3 }
  end
  said(function()
    while not run.done do run:finish() end
  end)
  return run.model:get_weights(), run:history()
end
local plain, history = weights_of(false)
local watched, watched_history = weights_of(true)
check.same_weights(watched, plain)
check.list(watched_history.val_loss, history.val_loss)

check.done()
