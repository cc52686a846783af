-- Surgery where memory fails: each change is made whole or not at all, and the run goes on.
local core = require "sonde.core"
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local U = dofile((arg[0]:match "^(.*/)" or "") .. "surgery_util.lua")
local network, running = U.network, U.running

-- ---- want of memory, and the run goes on as if nothing had been tried ----
do
  local m, r = running()
  local m2, r2 = running()
  r:step(4)
  r2:step(4)
  local failures = 0
  local function try(k, fn)
    collectgarbage()
    core.fail_after(k)
    local ok, err = pcall(fn)
    core.fail_after(-1)
    if ok then return true end
    check.ok(tostring(err):find "needs" or tostring(err):find "not enough memory", "%s", err)
    failures = failures + 1
    check.equal(#m.layers, 4)
    check.equal(select(2, m:count_params()), select(2, m2:count_params()))
  end
  local layer = dense { 300, kernel_regularizer = l2(0.5) }
  for k = 0, 60 do
    local fresh = network() -- a layer keeps its frozen twin, once it has one
    if not try(k, function() fresh:freeze() end) then check.list({ fresh:count_params() }, { m:count_params() }) end
  end
  check.ok(failures > 5, "%d", failures)
  local huge = dense { 1073741824 }
  check.fails(function() m:insert("middle", huge) end, "insert: ", "needs")
  check.equal(#m.layers, 4)
  check.fails(function() m:replace("middle", layer) r:compile { optimizer = "nope" } end, "nope")
  check.list(m.layers.middle.kernel.shape, { 8, 300 })
  m2:replace("middle", layer)
  m:set_weights(m2:get_weights())
  r:finish()
  r2:finish()
  check.same_weights(m:get_weights(), m2:get_weights())
end

-- Every change, every allocation of it: the change is made whole or not at all, and the run goes on to the same bits
-- as one without the change, or as one with it.
do
  local changes = {
    replace = function(m) m:replace("middle", dense { 6, activation = "relu", name = "other" }) end,
    insert = function(m) m:insert("prediction", dense { 5, name = "more" }) end,
    remove = function(m) m:remove "middle" end,
    freeze = function(m) m:freeze "dense" end,
    compile = function(_, r) r:compile { loss = function(t, p) return -mean(log(p + 1e-7) * one_hot(t, 2)) end,
      optimizer = sgd { 0.1, momentum = 0.5 } } end,
  }
  local function after(change, ...)
    local m, r = running()
    r:step(3)
    if change then change(m, r, ...) end
    r:step(2)
    return m
  end
  local untouched, failures = after():get_weights(), 0
  local function sweep(name, change)
    local changed, k, done = after(change):get_weights(), 0, false
    while not done do
      local ok, err
      local m = after(function(m, r)
        collectgarbage()
        core.fail_after(k)
        ok, err = pcall(change, m, r)
        done = core.fail_after(-1)
        if ok then return end
        failures = failures + 1
        check.ok(tostring(err):find "needs" or tostring(err):find "not enough memory", "%s: %s", name, err)
      end)
      check.same_weights(m:get_weights(), ok and changed or untouched, name)
      k = k + 1
    end
  end
  local said = check.output(function() for name, change in pairs(changes) do sweep(name, change) end end)
  check.ok(failures > 20 and not said:find "cannot go on", "%d places fail:\n%s", failures, said)
end
check.done()
