-- A process of tests/bench/peers.lua: it makes steps when it is told to.
--   sonde worker.lua serve MODEL VARIANT     says "begin" before and "ready" after its first step, then obeys: train K,
--                                            infer K, memory
--   sonde worker.lua check MODEL FILE        saves weights and a batch into FILE (.npz), prints the losses of 3 steps
local models = dofile((arg[0]:match "^(.*/)" or "") .. "models.lua")
local what, name, extra = arg[1], arg[2], arg[3]
local spec = models[name]
sonde.seed(1)

local function say(fmt, ...)
  io.stdout:write(fmt:format(...), "\n")
  io.stdout:flush()
end

local m = spec.build(what == "check" and 0 or 1)
local x, y = models.data(spec, spec.batch)

if what == "check" then
  local file = { x = x, y = y }
  for i, w in ipairs(m:get_weights()) do file[("w%03d"):format(i)] = w end
  npz.save(extra, file)
  local total, trainable = m:count_params()
  say("%d %d %.9g %.9g %.9g", total, trainable, m:train_on_batch(x, y), (m:train_on_batch(x, y)),
    (m:train_on_batch(x, y)))
  return
end

say "begin"
local loss = m:train_on_batch(x, y)
say("ready sonde %s, %s; loss %.4f", sonde.version, sonde.isa, loss)
local commands = {}
function commands.train(k)
  for _ = 1, k do m:train_on_batch(x, y) end
end
function commands.infer(k)
  for _ = 1, k do m:predict(x) end
end
for line in io.lines() do
  local command, k = line:match "^(%a+) ?(%d*)$"
  if command == "memory" then
    say("%.1f", models.peak())
  else
    local t = sonde.clock()
    commands[command](tonumber(k))
    say("%.9f", sonde.clock() - t)
  end
end
