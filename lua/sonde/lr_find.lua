-- The learning rate range test: Smith, "Cyclical learning rates for training neural networks" (2017),
-- arXiv:1506.01186, section 3.3; smoothing, end and suggestions as in fastai (callback/schedule.py).
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local layout = require "sonde.layout"
local model = require "sonde.model"
local objects = require "sonde.objects"
local util = require "sonde.util"
local valley = require "sonde.valley"

local fail = util.fail
local lr_find = { model = {} }

local function rate_at(o, i)
  if i == o.steps then return o.to end
  return o.from * (o.to / o.from) ^ ((i - 1) / (o.steps - 1))
end

-- ---- the test ----

local Found = {}
Found.__index = function(_, k) return Found.methods[k] end
Found.methods = {}

-- How high the plot goes: four times the best smoothed loss (as fastai's test ends there), or what was seen on the way
-- to it. Second: how many steps the smoothed loss stays below that.
local function readable(t)
  local low
  for i, v in ipairs(t.smoothed) do
    if v == v and (not low or v < t.smoothed[low]) then low = i end
  end
  if not low then return math.huge, #t.lr end
  local top, last = t.smoothed[low] + 3 * math.abs(t.smoothed[low]), low
  for i = 1, low do
    for _, v in ipairs { t.loss[i], t.smoothed[i] } do
      if v == v and v < math.huge then top = math.max(top, v) end
    end
  end
  while last < #t.lr and t.smoothed[last + 1] <= top do last = last + 1 end
  return top, last
end

-- A series of the first n steps, without the values above top.
local function shown(t, name, n, top, series)
  series.x, series.y = {}, {}
  for i = 1, n do
    if t[name][i] <= top then
      local k = #series.x + 1
      series.x[k], series.y[k] = t.lr[i], t[name][i]
    end
  end
  return series
end

-- The losses over the rates, the suggestions as points on the smoothed one. What diverges at the end is left out, or
-- nothing else could be seen; t.lr and t.loss have it.
function Found.methods.plot(t, ...)
  util.nothing("plot", 't:plot():save("x.png", { width = 800 }) says a size', ...)
  local top, last = readable(t)
  local losses = shown(t, "loss", last, top, { kind = "points", title = "loss", color = 6 })
  local _, _, _, steep = valley.scale_of(losses.y)
  local panel = { title = "learning rate range test of " .. t.optimizer, x = { label = "learning rate", log = true },
    y = { label = "loss", log = steep }, series = { losses,
    shown(t, "smoothed", last, top, { kind = "line", title = "smoothed", color = 1 }) } }
  local left = #t.lr - #losses.x
  if left > 0 then
    panel.title = ("%s; %d loss%s above %s left out"):format(panel.title, left, left == 1 and "" or "es",
      util.number(top))
  end
  if t.penalized then
    panel.series[3] = shown(t, "smoothed_data", last, top, { kind = "line", title = "smoothed data loss", color = 3 })
  end
  local points = { kind = "points", title = "suggestions", x = {}, y = {}, color = 2 }
  for i, rate in ipairs(t.lr) do
    if i <= last and (rate == t.suggestions.valley or rate == t.suggestions.steep) then
      points.x[#points.x + 1], points.y[#points.y + 1] = rate, t.smoothed[i]
    end
  end
  if #points.x > 0 then panel.series[#panel.series + 1] = points end
  return require "sonde.plot".new { panels = { panel } }
end

-- A running mean whose start at zero is taken out.
local function smoother(beta)
  local mean, weight = 0, 0
  return function(v)
    mean, weight = beta * mean + (1 - beta) * v, beta * weight + (1 - beta)
    return mean / weight
  end
end

-- One step at that rate: the losses of its batch, before the update.
local function step(run, trainer, rate)
  core.trainer_set_rate(trainer, rate)
  repeat
    local kind, _, _, _, _, total, data = core.run_next(run)
    if kind == "step" then return total, data end
  until kind == "end"
end

-- Is it time to stop after this smoothed loss? fastai stops above four times the best, which is 3 |best| above it.
local function diverged(loss, best)
  if loss ~= loss or math.abs(loss) == math.huge then return "the loss is not finite" end
  if loss > best + 3 * math.abs(best) then return "the loss is above four times its best" end
end

local function sweep(t, run, trainer, o)
  local smooth, smooth_data, best = smoother(o.beta), smoother(o.beta), math.huge
  valley.with_bar("lr_find", o.steps, function(i)
    local rate = rate_at(o, i)
    local total, data = step(run, trainer, rate)
    if not total then return true end
    local s = smooth(total)
    t.lr[i], t.loss[i], t.data[i] = rate, total, data
    t.smoothed[i], t.smoothed_data[i] = s, smooth_data(data)
    t.penalized = t.penalized or total ~= data
    t.stopped = best < math.huge and diverged(s, best) or (s ~= s and "the loss is not finite") or nil
    best = math.min(best, s)
    return t.stopped
  end)
end

-- ---- suggestions ----

-- fastai looks at what is left without the first tenth and the last five: there the smoothing has not settled, and the
-- loss has gone already. Where few steps are left all of them count.
local function middle(t, steps)
  local first, last = steps // 10 + 1, #t.lr - 5
  if last - first < 9 then first, last = 1, #t.lr end
  while last >= first and t.smoothed[last] ~= t.smoothed[last] do last = last - 1 end
  return first, last
end

local function steepest(t, first, last)
  local at, least
  for i = first, last - 1 do
    local slope = (t.smoothed[i + 1] - t.smoothed[i]) / math.log(t.lr[i + 1] / t.lr[i])
    if slope == slope and slope < 0 and (not least or slope < least) then at, least = i, slope end
  end
  return at
end

-- fastai's valley: the longest falling sequence, found as a longest decreasing subsequence; half of it further than its
-- first third.
local function valley_at(t, first, last)
  local long, stop = {}, first
  for i = first, last do long[i] = 1 end
  for i = first + 1, last do
    for j = first, i - 1 do
      if t.smoothed[i] < t.smoothed[j] and long[i] < long[j] + 1 then long[i] = long[j] + 1 end
      if long[stop] < long[i] then stop = i end
    end
  end
  if long[stop] < 2 then return nil end
  local start = stop - long[stop]
  local third = (stop - start) / 3
  return math.max(first, start + math.floor(third) + math.floor(third / 2))
end

local function lowest(t, first, last)
  local at
  for i = first, last do
    if not at or t.smoothed[i] < t.smoothed[at] then at = i end
  end
  return at
end

local function suggest(t, steps)
  local first, last = middle(t, steps)
  t.suggestions = {}
  if last <= first then return end
  local steep, low, mid = steepest(t, first, last), lowest(t, first, last), valley_at(t, first, last)
  t.suggestions = { steep = steep and t.lr[steep], valley = mid and t.lr[mid],
    minimum = low and mid and t.lr[low] / 10 or nil }
  local high = t.smoothed[low]
  for i = first, low do high = math.max(high, t.smoothed[i]) end
  t.suggestions.fall = high ~= 0 and (high - t.smoothed[low]) / math.abs(high) or 0
end

-- m:lr_find(d [, opts])
function lr_find.model.lr_find(m, x, y, opts)
  local s = core.state(m)
  local used = model.trainer_of(m, "lr_find")
  x, y, opts = dataset.arguments(x, y, opts)
  opts = util.options("lr_find", opts, { "from", "to", "steps", "batch_size", "beta", "seed" })
  local o = { from = valley.positive("lr_find", "from", opts.from, 1e-7),
    to = valley.positive("lr_find", "to", opts.to, 10), steps = util.whole("lr_find", "steps", opts.steps, 100, 10),
    beta = opts.beta == nil and 0.98 or opts.beta }
  if not (o.from < o.to) then fail("lr_find: from = %g is not below to = %g", o.from, o.to) end
  if o.to > 1e9 then fail("lr_find: to = %g is above 1e9", o.to) end
  if type(o.beta) ~= "number" or not (o.beta >= 0 and o.beta < 1) then
    fail("lr_find: beta = %s must be a number from 0 to below 1", util.quoted(o.beta))
  end
  local d = dataset.from("lr_find", x, y)
  local batch = util.whole("lr_find", "batch_size", opts.batch_size, 32, 1)
  local seed = util.whole("lr_find", "seed", opts.seed, 0, math.mininteger)
  local copy = core.model_clone(m)
  local trainer = core.trainer(copy, s.loss, objects.with_rate(s.optimizer, o.from), {}, {}, seed)
  local run = core.run_begin(trainer, d, nil, { batch_size = batch, epochs = o.steps, shuffle = true, seed = seed,
    validation_freq = 1, steps_per_epoch = 0 }, {})
  local t = { lr = {}, loss = {}, data = {}, smoothed = {}, smoothed_data = {}, optimizer = s.optimizer.type,
    batch_size = batch }
  t.learning_rate = core.trainer_rate(used)
  sweep(t, run, trainer, o)
  suggest(t, o.steps)
  return setmetatable(t, Found)
end

-- ---- printing ----

local ROWS = 16
local NARROW = 60 -- a screen that has no room for bars
local LITTLE = 0.02 -- a fall that may be noise

local function rate_text(v) return v and ("%.3g"):format(v) or "none" end

function Found.__tostring(t)
  local rows, chosen = { { "rate", "loss", "smoothed", "data", "" } }, {}
  local every = math.max(1, math.ceil(#t.lr / ROWS))
  for i = 1, #t.lr do
    if i == #t.lr or (i - 1) % every == 0 then chosen[#chosen + 1] = i end
  end
  local values = {}
  for k, i in ipairs(chosen) do values[k] = t.smoothed[i] end
  local bars, log = valley.bars(values, math.max(8, math.min(30, layout.width() - 46)))
  rows[1][5] = log and "smoothed, logarithmic" or "smoothed"
  for k, i in ipairs(chosen) do
    rows[k + 1] = { ("%.2e"):format(t.lr[i]), util.number(t.loss[i]), util.number(t.smoothed[i]),
      util.number(t.smoothed_data[i]), bars[k] }
  end
  if layout.width() < NARROW then
    for _, row in ipairs(rows) do row[5] = nil end
  end
  local g, lines = t.suggestions, { util.columns(rows, "rrrrl") }
  local noise = g.fall and g.fall < LITTLE and ("; the loss falls by %.1f %% only, so that they say little"):format(
    100 * g.fall) or ""
  lines[2] = ("%d steps of %s, %d samples each; it ended %s"):format(#t.lr, t.optimizer, t.batch_size,
    t.stopped and ("at rate %s: %s"):format(rate_text(t.lr[#t.lr]), t.stopped) or "at the last rate")
  if g.valley or g.steep then
    lines[3] = ("suggestions: valley %s, steep %s, a tenth of the minimum's %s%s"):format(rate_text(g.valley),
      rate_text(g.steep), rate_text(g.minimum), noise)
  else
    lines[3] = "suggestions: none; the loss falls nowhere; begin lower (from), or look at the data"
  end
  lines[4] = ("in use: %s"):format(rate_text(t.learning_rate))
  for i = 2, 4 do lines[i] = layout.wrap(lines[i], layout.width(), 2, 0) end
  return table.concat(lines, "\n")
end

return lr_find
