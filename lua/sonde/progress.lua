-- Keras's epoch lines, and a live bar on a terminal. Control codes go to a terminal only.
local core = require "sonde.core"
local util = require "sonde.util"

local progress = {}

local WIDTH, INTERVAL = 25, 0.1

-- keras/src/utils/progbar.py: %.4f where the value is above 1e-3 in size, else %.4e
function progress.value_text(v) return util.fixed(math.abs(v) > 1e-3 and "%.4f" or "%.4e", v) end

-- The same away from an epoch's line, where a penalty that is not there need not look like a tiny one.
function progress.loss_text(v) return v == 0 and "0.0000" or progress.value_text(v) end

-- keras/src/utils/progbar.py, _format_time
local function step_time(seconds)
  if seconds >= 1 or seconds == 0 then return ("%.0fs/step"):format(seconds) end
  if seconds >= 1e-3 then return ("%.0fms/step"):format(seconds * 1e3) end
  return ("%.0fus/step"):format(seconds * 1e6)
end

-- pairs: a list of { name, value }
local function values_text(values)
  local out = {}
  for i, v in ipairs(values) do out[i] = (" - %s: %s"):format(v[1], progress.value_text(v[2])) end
  return table.concat(out)
end

-- 625/625 - 191s - 306ms/step - loss: 0.7426 - accuracy: 0.7976 - val_loss: 0.7306
function progress.line(steps, seconds, values)
  return ("%d/%d - %.0fs - %s%s"):format(steps, steps, seconds, step_time(steps > 0 and seconds / steps or 0),
    values_text(values))
end

-- ---- the bar ----

local Bar = {}
Bar.__index = Bar

-- A bar on stderr, or one that does nothing where stderr is no terminal.
function progress.bar()
  local term = os.getenv "TERM"
  local columns = term and term ~= "dumb" and core.terminal "stderr"
  return setmetatable({ columns = columns or nil, last = 0, on = false }, Bar)
end

local function remaining(seconds)
  if seconds < 60 then return ("%.0fs"):format(seconds) end
  if seconds < 3600 then return ("%d:%02d"):format(seconds // 60, math.floor(seconds) % 60) end
  return ("%d:%02d:%02d"):format(seconds // 3600, math.floor(seconds) // 60 % 60, math.floor(seconds) % 60)
end

-- May be called at any rate. values: a function that gives the list.
function Bar:update(what, step, steps, seconds, values)
  if not self.columns then return end
  local now = core.clock()
  if now - self.last < INTERVAL then return end
  self.last = now
  local filled = math.floor(WIDTH * step / math.max(steps, 1))
  local text = ("%s%d/%d [%s%s] %s left%s"):format(what, step, steps, ("="):rep(filled), ("."):rep(WIDTH - filled),
    remaining(step > 0 and seconds / step * (steps - step) or 0), values_text(values()))
  core.bar_shown(true)
  io.stderr:write("\r\27[K" .. util.cut(text, self.columns - 1, "")) -- at once: warnings come from other threads
  self.on = true
end

-- Before anything else is written.
function Bar:clear()
  if not self.on then return end
  io.stderr:write "\r\27[K"
  core.bar_shown(false)
  self.on = false
end

return progress
