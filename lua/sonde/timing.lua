-- time(f): how long a call takes, the best of several.
local core = require "sonde.core"
local util = require "sonde.util"

local timing = {}

local LONG = 0.5          -- seconds: a call that takes as long is made once
local RUNS, RUN = 5, 0.1  -- so many runs of about so many seconds

local Timing = {}

local UNITS = { { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "us" }, { 1e-9, "ns" } }

-- 1.23 ms, 2 min 5 s
local function human(seconds)
  if seconds >= 120 then return ("%d min %.0f s"):format(seconds // 60, seconds % 60) end
  for _, unit in ipairs(UNITS) do
    if seconds >= unit[1] then return ("%.3g %s"):format(seconds / unit[1], unit[2]) end
  end
  return ("%.3g ns"):format(seconds * 1e9)
end

function Timing.__tostring(t)
  if t.calls == 1 then return human(t.seconds) .. "  (one call)" end
  local n = t.calls // t.runs
  return ("%s  (best of %d runs of %s call%s; mean %s)"):format(human(t.seconds), t.runs, util.thousands(n),
    n == 1 and "" or "s", human(t.mean))
end

-- Seconds of n calls.
local function run(f, n)
  local start = core.clock()
  for _ = 1, n do f() end
  return core.clock() - start
end

local function several(f, runs, n)
  local best, sum = math.huge, 0
  for _ = 1, runs do
    local seconds = run(f, n) / n
    best, sum = math.min(best, seconds), sum + seconds
  end
  return { seconds = best, mean = sum / runs, runs = runs, calls = runs * n }
end

local function compiled(text)
  local f, err = load("return " .. text, "=time")
  if not f then f, err = load(text, "=time") end
  if not f then util.fail("time: %s", (err:gsub("^time:1: ", ""))) end
  return f
end

-- time(f), time "expression", time(f, { calls = 10 }): { seconds = the best, mean =, runs =, calls =, value = what the
-- first call gave }
function timing.time(f, opts)
  if type(f) == "string" then f = compiled(f) end
  if type(f) ~= "function" then util.fail("time: wants a function or an expression in quotes, got %s", util.a(f)) end
  opts = util.options("time", opts, { "calls" })
  local calls = util.whole("time", "calls", opts.calls, nil, 1)
  local value, first
  local function once() value = f() end
  first = run(once, 1)
  local t
  if calls and calls > 1 then
    t = several(f, calls - 1, 1)
    t = { seconds = math.min(t.seconds, first), mean = (t.mean * (calls - 1) + first) / calls, runs = calls,
      calls = calls }
  elseif calls or first >= LONG then
    t = { seconds = first, mean = first, runs = 1, calls = 1 }
  else
    t = several(f, RUNS, math.max(1, math.ceil(RUN / math.max(first, 1e-7))))
  end
  t.value = value
  return setmetatable(t, Timing)
end

return timing
