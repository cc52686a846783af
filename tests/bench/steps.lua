-- Whole steps of one of the networks in models.lua: a row of a Markdown table, best and median of several.
--   build/sonde tests/bench/steps.lua MODEL [profile]       profile: where the time of its training step goes, as text
local models = dofile((arg[0]:match "^(.*/)" or "") .. "models.lua")
local spec = models[arg[1]]
if not spec then error(("no model %q; there are %s"):format(tostring(arg[1]), table.concat(models.order, ", ")), 0) end
sonde.seed(1)
local m = spec.build(1)
local x, y = models.data(spec, spec.batch)

if arg[2] == "profile" then
  print(m:profile(x, y, { batch_size = spec.batch, steps = 10 }))
  return
end

-- Nine turns of at least a fifth of a second, after two steps that touch the memory.
local function times(fn)
  fn()
  fn()
  local t = sonde.clock()
  fn()
  local k, list = math.max(1, math.ceil(0.2 / (sonde.clock() - t))), {}
  for i = 1, 9 do
    t = sonde.clock()
    for _ = 1, k do fn() end
    list[i] = (sonde.clock() - t) / k
  end
  table.sort(list)
  return list[1], list[5]
end

local best, median = times(function() m:train_on_batch(x, y) end)
local peak = models.peak()
local infer_best, infer_median = times(function() m:predict(x) end)
print(("| %s | %d | %.3f | %.3f | %.1f | %.3f | %.3f | %.1f | %.0f MiB |"):format(spec.title, spec.batch, 1e3 * best,
  1e3 * median, spec.batch / median, 1e3 * infer_best, 1e3 * infer_median, spec.batch / infer_median, peak))
