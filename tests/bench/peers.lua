-- sonde beside Keras and PyTorch, in turns: each in a process of its own that makes a few steps when told to, so that a
-- slow minute of the machine meets all of them, and neither start nor warm-up counts. Prints Markdown.
--   build/sonde tests/bench/peers.lua [MODEL...]         by make bench-peers, which sets SONDE, PEERS_PYTHON, MACHINE
-- Environment: ROUNDS (7), SECONDS of a turn at least (0.3), SIZE and BATCH of the seed's network, THREADS.
local here = arg[0]:match "^(.*/)" or ""
local models = dofile(here .. "models.lua")
local env = os.getenv
local ROUNDS, SECONDS = tonumber(env "ROUNDS" or 7), tonumber(env "SECONDS" or 0.3)
local THREADS = tonumber(env "THREADS" or sonde.threads)
local sonde_program, python = env "SONDE" or "build/sonde", env "PEERS_PYTHON" or "python3"

local function output(command)
  local p <close> = io.popen(command)
  return (p:read "a":gsub("%s+$", ""))
end

local folder = output "mktemp -d"
local errors = folder .. "/errors"
local tidy <close> = setmetatable({}, { __close = function() os.execute("rm -rf " .. folder) end })

-- name, title, command before what it is to do, variants; only: of which job a variant is, where not of both
local peers = {
  { name = "sonde", title = "sonde", variants = { "" },
    command = ("env SONDE_THREADS=%d %s %sworker.lua"):format(THREADS, sonde_program, here) },
  { name = "keras", title = "Keras", variants = { "batch", "function", "xla" },
    command = ("env THREADS=%d %s %speers.py keras"):format(THREADS, python, here) },
  { name = "torch", title = "PyTorch", variants = { "plain", "nchw", "compile", "frozen" }, only = { frozen = "infer" },
    command = ("env THREADS=%d %s %speers.py torch"):format(THREADS, python, here) },
}

-- ---- processes ----

local Worker = {}
Worker.__index = Worker
local started = 0

-- Starts one; its `before` and `first` are the times from there to the beginning and to the end of its first training
-- step. Nil when it fails.
local function start(peer, model, variant)
  started = started + 1
  local pipe = ("%s/pipe%d"):format(folder, started)
  os.execute("mkfifo " .. pipe)
  local t = sonde.clock()
  local w = setmetatable({ peer = peer }, Worker)
  w.stdin = io.popen(("exec %s serve %s '%s' >%s 2>>%s"):format(peer.command, model, variant, pipe, errors), "w")
  w.stdout = io.open(pipe)
  w.stdin:setvbuf "no"
  w.before = w.stdout:read() == "begin" and sonde.clock() - t
  w.about = (w.stdout:read() or ""):match "^ready (.*); loss"
  w.first = sonde.clock() - t
  if w.about then return w end
  w:stop()
end

function Worker:ask(command, k)
  self.stdin:write(k and ("%s %d"):format(command, k) or command, "\n")
  local line = self.stdout:read()
  if not line then error(("%s: ended at %s; see what it said:\n%s"):format(self.peer.title, command,
    output("tail -n 5 " .. errors)), 0) end
  return tonumber(line)
end

function Worker:stop()
  self.stdin:close()
  self.stdout:close()
end

-- So many steps that they take SECONDS; those before are warm-up. And what one took.
function Worker:calibrate(command)
  local k = 1
  while true do
    local t = self:ask(command, k)
    if t >= SECONDS / 2 or k >= 1000000 then
      return math.max(1, math.ceil(k * SECONDS / t)), t / k
    end
    k = math.max(k + 1, math.min(10 * k, math.ceil(k * SECONDS / math.max(t, 1e-6))))
  end
end

-- The time of a step, by a few short turns of which the best counts; of one that takes seconds, the second.
function Worker:quick(command)
  local k, t = self:calibrate(command)
  for _ = 1, t > 1 and 1 or 3 do t = math.min(t, self:ask(command, k) / k) end
  return t
end

local function median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

-- ---- one model ----

local JOBS = { "train", "infer" }

-- Which variant is the fastest in each job, and which is the quickest to the first step's beginning and to its end.
local function choose(peer, model)
  local best = {}
  for _, variant in ipairs(peer.variants) do
    local w = start(peer, model, variant)
    if not w then
      io.stderr:write(("%s %s, %s: does not run\n"):format(peer.title, variant, model))
    else
      peer.about = w.about
      for _, k in ipairs { "before", "first" } do best[k] = math.min(best[k] or math.huge, w[k]) end
      local only = peer.only and peer.only[variant]
      for _, job in ipairs(only and { only } or JOBS) do
        local t = w:quick(job)
        io.stderr:write(("  %s %-8s %-6s %10.3f ms\n"):format(peer.name, variant, job, 1e3 * t))
        if not best[job] or t < best[job].time then best[job] = { variant = variant, time = t } end
      end
      w:stop()
    end
  end
  if not best.train then
    error(("%s: no variant runs:\n%s"):format(peer.title, output("tail -n 20 " .. errors)), 0)
  end
  return best
end

-- Turns of all peers' processes; the first one of a round is another each time.
local function turns(workers, job)
  local times, count = {}, {}
  local rounds = ROUNDS
  for i, w in ipairs(workers) do
    local step
    times[i] = {}
    count[i], step = w:calibrate(job)
    if step > 1 then rounds = math.min(ROUNDS, 5) end
  end
  for round = 1, rounds do
    for i = 1, #workers do
      local k = (round + i) % #workers + 1
      os.execute "sleep 0.1" -- threads of the one before may spin for a while
      times[k][round] = workers[k]:ask(job, count[k]) / count[k]
    end
  end
  return times
end

local function measure(model)
  local got, chosen = {}, {}
  for i, peer in ipairs(peers) do
    chosen[i] = choose(peer, model)
    got[i] = { train = {}, infer = {}, variant = chosen[i], first = chosen[i].first, before = chosen[i].before }
  end
  for _, job in ipairs(JOBS) do
    local workers = {}
    for i, peer in ipairs(peers) do
      workers[i] = assert(start(peer, model, chosen[i][job].variant))
      for _, k in ipairs { "before", "first" } do got[i][k] = math.min(got[i][k], workers[i][k]) end
    end
    for i, list in ipairs(turns(workers, job)) do
      got[i][job].best = math.min(table.unpack(list))
      got[i][job].median = median(list)
    end
    for i, w in ipairs(workers) do
      got[i][job].peak = w:ask "memory"
      w:stop()
    end
  end
  return got
end

-- A training step of sonde's on one thread and on THREADS, in turns: the best of each.
local function scaling(model)
  local one = { title = "sonde on 1 thread", command = peers[1].command:gsub("SONDE_THREADS=%d+", "SONDE_THREADS=1") }
  local workers = { assert(start(one, model, "")), assert(start(peers[1], model, "")) }
  local times = turns(workers, "train")
  for _, w in ipairs(workers) do w:stop() end
  return math.min(table.unpack(times[1])), math.min(table.unpack(times[2]))
end

-- Parameters and losses from the same weights and batch: are the models the same?
local function compare(model)
  local file, lines = folder .. "/" .. model .. ".npz", {}
  for i, peer in ipairs(peers) do
    local text = output(("%s check %s %s 2>>%s"):format(peer.command, model, file, errors)):match "[^\n]*$"
    local total, trainable, loss = text:match "^(%d+) (%d+) (%S+)"
    if not loss then
      error(("%s, %s: no losses; see what it said:\n%s"):format(peer.title, model, output("tail -n 5 " .. errors)), 0)
    end
    lines[i] = { total, trainable, tonumber(loss), text }
  end
  for i = 2, #lines do
    local a, b = lines[1], lines[i]
    if a[1] ~= b[1] or a[2] ~= b[2] or not (math.abs(a[3] - b[3]) <= 1e-3 * math.abs(a[3])) then
      error(("%s: the models differ\n  sonde    %s\n  %s  %s"):format(model, a[4], peers[i].title, b[4]), 0)
    end
  end
  os.remove(file)
  return tonumber(lines[1][1]), lines
end

-- ---- the table ----

local function number(v) return v < 10 and ("%.3f"):format(v) or v < 100 and ("%.2f"):format(v) or ("%.1f"):format(v) end

local function row(what, values, texts)
  local least = math.min(table.unpack(values, 2))
  print(("| %s | %s | %s | %s | %.2f |"):format(what, texts[1], texts[2], texts[3], least / values[1]))
end

local function put(title, got, batch)
  print(("| **%s**, batch %d | | | | |"):format(title, batch))
  for _, job in ipairs(JOBS) do
    local values, texts = {}, {}
    for i, g in ipairs(got) do
      local t, variant = g[job], g.variant[job].variant
      values[i] = t.median
      texts[i] = ("%s (%s) ms, %s/s%s"):format(number(1e3 * t.median), number(1e3 * t.best), number(batch / t.median),
        variant ~= "" and ", " .. variant or "")
    end
    row(job == "train" and "training step" or "inference", values, texts)
  end
  local values, texts = {}, {}
  for i, g in ipairs(got) do values[i], texts[i] = g.train.peak, ("%.0f MiB"):format(g.train.peak) end
  row("peak memory of training", values, texts)
  for i, g in ipairs(got) do values[i], texts[i] = g.before, ("%.3f s"):format(g.before) end
  row("start to beginning of first step", values, texts)
  for i, g in ipairs(got) do values[i], texts[i] = g.first, ("%.3f s"):format(g.first) end
  row("start to end of first step", values, texts)
  io.stdout:flush()
end

local wanted = #arg > 0 and arg or models.order
local checks, results, scales = {}, {}, {}
for _, name in ipairs(wanted) do
  if not models[name] then error(("no model %q; there are %s"):format(name, table.concat(models.order, ", ")), 0) end
  io.stderr:write(name, ": comparing\n")
  local params, lines = compare(name)
  checks[#checks + 1] = ("%s %d parameters, first losses %.6f %.6f %.6f"):format(name, params, lines[1][3], lines[2][3],
    lines[3][3])
  io.stderr:write(name, ": measuring\n")
  results[#results + 1] = measure(name)
  if THREADS > 1 then
    local one, all = scaling(name)
    scales[#scales + 1] = ("%s %s and %s ms, %.2f"):format(name, number(1e3 * one), number(1e3 * all), one / all)
  end
end

local about = {}
for i, peer in ipairs(peers) do about[i] = peer.about end
print(("%s. %d threads each.\n"):format(table.concat(about, "; "), THREADS))
print(("Medians of %d turns, 5 of steps that take seconds (best in parentheses), samples a second, of the fastest of "
  .. "each framework's variants. First step: from the start of the process, of the quickest variant; what is traced and "
  .. "compiled when the step is called is part of the step. Ratio: the better of the two over sonde.\n"):format(ROUNDS))
print "| | sonde | Keras | PyTorch | ratio |\n|---|--:|--:|--:|--:|"
for i, name in ipairs(wanted) do put(models[name].title, results[i], models[name].batch) end
local machine = env "MACHINE"
if machine then
  local best, mid = output(("%s start 20 %s -e 'x = 1'"):format(machine, sonde_program)):match "(%S+) (%S+)"
  print(("\n`sonde -e` from start to end: median %s ms, best %s ms."):format(mid, best))
end
if #scales > 0 then
  print(("\nA training step of sonde's on 1 and on %d threads, best, and the ratio: %s."):format(THREADS,
    table.concat(scales, "; ")))
end
print(("\nThe same models: %s."):format(table.concat(checks, "; ")))
