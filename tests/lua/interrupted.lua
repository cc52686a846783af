-- A run that an interrupt or an error in a callback ends is not lost.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = check.points(80)
local opts = { epochs = 3, batch_size = 8, seed = 4, verbose = 2 }

local function network()
  sonde.seed(1)
  local m = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, dense { 1, activation = "sigmoid" } }
  m:compile { loss = "mse", optimizer = adam {} }
  return m
end

-- An error after that many steps, with that text.
local function after(n, text)
  local steps = 0
  return { on_batch_end = function()
    steps = steps + 1
    if steps == n then error(text, 0) end
  end }
end
local function with(callback)
  local t = { callbacks = { callback } }
  for k, v in pairs(opts) do t[k] = v end
  return t
end

local whole = network()
check.equal(whole.last_run, nil)
local said = check.output(function() check.equal(whole:fit(x, y, opts), whole.last_run) end)

local m = network()
local ok, why
local errors = check.output(function()
  check.output(function() ok, why = pcall(m.fit, m, x, y, with(after(13, "interrupted"))) end)
end, "stderr")
check.equal(ok, false)
check.equal(why, "interrupted")
check.equal(errors, "interrupted: epoch 2/3, step 3/10; m.last_run:finish() goes on\n")
check.output(function() m.last_run:finish() end)
check.same_weights(m:get_weights(), whole:get_weights(), "after the interrupt")

-- a run of its own
m = network()
local r = m:run(x, y, with(after(1, "interrupted")))
check.equal(m.last_run, r)
for _, go in ipairs { function() r:finish() end } do
  errors = check.output(function() check.output(function() pcall(go) end) end, "stderr")
  check.equal(errors, "interrupted: epoch 1/3, step 1/10; r:finish() goes on\n")
end
check.output(function() r:epoch() end)
check.equal(r.epoch_number, 1)

-- interrupts that come again and again until nothing of sonde runs any more
m = network()
r = m:run(x, y, with { on_batch_end = function()
  debug.sethook(function()
    if debug.getinfo(2, "S").source:find "^=sonde/" then error("interrupted", 0) end
  end, "", 1)
end })
check.output(function()
  pcall(r.step, r)
  debug.sethook()
end)
check.ok(pcall(r.stop, r))
check.output(function() r:finish() end)
debug.sethook()

-- a callback that steps its own run, and one that yields
m = network()
r = m:run(x, y, { verbose = 0, callbacks = { { on_batch_end = function() r:step() end } } })
check.fails(function() r:step() end, "it is going already")
r = m:run(x, y, { verbose = 0, batch_size = 40, callbacks = { { on_batch_end = coroutine.yield } } })
local go = coroutine.wrap(function() r:finish() return "done" end)
check.equal(go(), 0)
check.equal(go(), 1)
check.equal(go(), "done")

-- one that yields in a coroutine that is never resumed: while it may be the run is its own, and then it is free
local function yielding()
  r = m:run(x, y, { verbose = 0, batch_size = 40, callbacks = { { on_batch_end = function()
    if coroutine.isyieldable() then coroutine.yield() end
  end } } })
  local co = coroutine.create(function() r:finish() end)
  check.ok(coroutine.resume(co))
  return co
end
local waiting = yielding()
check.fails(function() r:step() end, "it is going in a coroutine that has yielded; resume that one to its end")
check.equal(r.step_number, 1)
waiting = nil
r:finish()
check.ok(r.done)
waiting = yielding()
coroutine.close(waiting)
r:step()
check.equal(r.step_number, 2)

-- an error of a callback is not called an interrupt
m = network()
errors = check.output(function()
  check.output(function() check.fails(function() m:fit(x, y, with(after(4, "oh"))) end, "oh") end)
end, "stderr")
check.equal(errors, "")
check.equal(m.last_run.step_number, 4)

-- resume, and the model that comes of it
local path = check.folder() .. "/run.sonde"
m.last_run:save(path)
errors = check.output(function() r = resume(path, x, y, { verbose = 0 }) end, "stderr")
check.equal(r.model.last_run, r)
check.ok(said:find "Epoch 3/3")

check.done()
