-- Where the time of a step goes, beside what the machine would need at least.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local drive = require "sonde.drive"
local layers = require "sonde.layers"
local layout = require "sonde.layout"
local model = require "sonde.model"
local util = require "sonde.util"

local profile = { model = {}, run = {} }
local fail = util.fail

local OPTIONS = { "steps", "batch_size", "mode", "floors" }
local WARM = 2 -- steps that are not counted: they touch the memory

-- ---- rows ----

-- Parts of a step beside the layers, as they come.
local PARTS = { { "clear", "gradients = 0" }, { "loss", "loss" }, { "penalties", "penalties" },
  { "update", "update" }, { "statistics", "statistics" }, { "metrics", "metrics" }, { "data", "data" } }

local function add(to, part)
  to.flops, to.bytes = to.flops + part.flops, to.bytes + part.bytes
end

-- A row for each layer that does anything, in the model's order.
local function layer_rows(info, raw, train)
  local rows, by_layer = {}, {}
  for _, node in ipairs(raw.nodes) do
    local layer = info.layers[node.layer]
    local row = by_layer[node.layer]
    if not row and layer.type ~= "input" then
      row = { name = layer.name, type = layer.type, forward = 0, backward = 0, flops = 0, bytes = 0, activations = 0,
        costs = {} }
      by_layer[node.layer], rows[#rows + 1] = row, row
    end
    if row then
      row.forward, row.backward = row.forward + node.forward.seconds, row.backward + node.backward.seconds
      row.activations = row.activations + node.activations
      row.within = node.within and node.within ~= node.layer and info.layers[node.within].name or nil
      for _, part in ipairs { node.forward, node.backward } do
        add(row, part)
        row.costs[#row.costs + 1] = part
      end
    end
  end
  for _, row in ipairs(rows) do
    row.time = row.forward + row.backward
    if not train then row.backward = nil end
  end
  return rows
end

local function part_rows(raw, train)
  local rows = {}
  for _, p in ipairs(PARTS) do
    local part = raw.parts[p[1]]
    if train or part.seconds > 0 then
      rows[#rows + 1] = { name = p[2], time = part.seconds, flops = part.flops, bytes = part.bytes, costs = { part } }
    end
  end
  return rows
end

-- Each pass of a row takes as long as its arithmetic or its way to memory, whichever is longer.
local function set_floor(row, peak)
  row.floor = 0
  for _, c in ipairs(row.costs) do
    row.floor = row.floor + math.max(c.flops / peak.flops, peak.bytes and c.bytes / peak.bytes or 0)
  end
end

local known_peak

-- Measured once in a session.
local function peaks()
  if not known_peak then
    local flops, read, update = core.peaks()
    known_peak = { flops = flops, read = read, update = update, bytes = read and math.max(read, update) }
  end
  return known_peak
end

-- ---- the value ----

local Profile = {}

local function finish(t, opts)
  local total, known = t.seconds, 0
  for _, row in ipairs(t) do known = known + row.time end
  t[#t + 1] = { name = "rest", time = math.max(0, total - known), flops = 0, bytes = 0, costs = {} }
  t.flops = 0
  if opts.floors ~= false then t.peak = peaks() end
  for _, row in ipairs(t) do
    row.share = total > 0 and row.time / total or 0
    t.flops = t.flops + row.flops
    if t.peak then set_floor(row, t.peak) end
    row.costs = nil
    if t[row.name] == nil then t[row.name] = row end
  end
  if t.peak then
    t.floor = 0
    for _, row in ipairs(t) do t.floor = t.floor + row.floor end
  end
  return setmetatable(t, Profile)
end

local function value(info, raw, train, opts)
  local t = layer_rows(info, raw, train)
  table.move(part_rows(raw, train), 1, #PARTS, #t + 1, t)
  t.seconds = raw.seconds + raw.parts.data.seconds
  t.steps, t.batch_size, t.mode = raw.steps, raw.samples / raw.steps, train and "train" or "eval"
  t.samples_per_second = t.batch_size / t.seconds
  t.threads, t.isa = core.threads, core.isa
  return finish(t, opts)
end

-- What fn makes the trainer do, measured.
local function measured(trainer, train, fn)
  local times = core.profile_start(trainer)
  local ok, err = pcall(fn)
  local got, raw = pcall(core.profile_stop, times, train)
  if not ok then error(err, 0) end
  if not got then error(raw, 0) end
  return raw
end

local function check(opts)
  opts = util.options("profile", opts, OPTIONS)
  util.boolean("profile", "floors", opts.floors, true)
  if opts.mode ~= nil and opts.mode ~= "train" and opts.mode ~= "eval" then
    fail('profile: mode = %s is neither "train" nor "eval"', util.quoted(opts.mode))
  end
  return opts
end

-- ---- r:profile ----

-- r:profile([n]): makes n steps of the run and says where their time went.
function profile.run.profile(r, n, opts)
  if type(n) == "table" and opts == nil then n, opts = nil, n end
  opts = check(opts)
  for _, name in ipairs { "batch_size", "mode" } do
    if opts[name] ~= nil then fail("profile: %s is the run's; m:profile(data, { %s = ... }) takes another", name, name) end
  end
  n = util.whole("profile", "steps", opts.steps == nil and n or opts.steps, 10, 1)
  if core.run_info(r).done then fail "profile: the run is done; r:epoch(n) goes on for n more" end
  local s = core.state(r)
  local raw = measured(s.trainer, true, function() drive.go(r, drive.steps(r, n)) end)
  return value(layers.info(s.model), raw, true, opts)
end

-- ---- m:profile ----

local function only_options(y) return core.type(y) == "table" and y[1] == nil end

local function eval(m, d, n, batch, opts)
  local trainer = model.predictor_of(m)
  local function steps(k)
    while k > 0 do
      local part = core.dataset_take(d, math.min(#d, k * batch))
      core.predict(trainer, part, batch)
      k = k - math.ceil(#part / batch)
    end
  end
  steps(WARM)
  return value(layers.info(m), measured(trainer, false, function() steps(n) end), false, opts)
end

-- On a copy, so that the model stays as it is.
local function train(m, d, n, batch, opts)
  model.trainer_of(m, "profile")
  local copy = m:clone()
  local r = copy:run(d, { batch_size = batch, epochs = WARM + n, verbose = 0, seed = 0 })
  core.state(r).called = nil -- nobody can make it go on
  drive.go(r, drive.steps(r, WARM))
  return profile.run.profile(r, n, { floors = opts.floors })
end

-- m:profile(data [, opts])
function profile.model.profile(m, x, y, opts)
  x, y, opts = dataset.arguments(x, y, opts)
  if opts == nil and only_options(y) and not util.is_tensor(y) then y, opts = nil, y end
  opts = check(opts)
  local d = dataset.from("profile", x, y)
  if #d < 1 then fail "profile: the dataset has no samples" end
  local n = util.whole("profile", "steps", opts.steps, 10, 1)
  local batch = util.whole("profile", "batch_size", opts.batch_size, 32, 1)
  local mode = opts.mode or (core.dataset_info(d).has_y and "train" or "eval")
  if mode == "eval" then return eval(m, d, n, batch, opts) end
  local t = train(m, d, n, batch, opts)
  collectgarbage() -- the copy
  return t
end

-- ---- printing ----

local function ms(v)
  v = 1e3 * v
  return v == 0 and "0" or v < 10 and ("%.3f"):format(v) or v < 100 and ("%.2f"):format(v) or ("%.1f"):format(v)
end

-- head, text of a row or of the whole (which has the sums); in the order of their importance.
local COLUMNS = {
  { "ms", function(row) return ms(row.time or row.seconds) end },
  { "%", function(row) return ("%.1f"):format(100 * (row.share or 1)) end },
  { "forward", function(row) return row.forward and ms(row.forward) or "" end },
  { "backward", function(row) return row.backward and ms(row.backward) or "" end },
  { "floor", function(row) return row.floor and ms(row.floor) or "" end },
  { "of floor", function(row)
    local time = row.time or row.seconds
    return row.floor and row.floor > 0 and time > 0 and ("%.0f %%"):format(100 * row.floor / time) or ""
  end },
  { "GFLOP/s", function(row)
    local time = row.time or row.seconds
    return row.flops > 0 and time > 0 and ("%.0f"):format(row.flops / time / 1e9) or ""
  end },
  { "memory", function(row) return row.activations and row.activations > 0 and core.bytes(row.activations) or "" end },
}
-- In the order in which they stand.
local ORDER = { 3, 4, 1, 2, 7, 5, 6, 8 }

local function column(t, c)
  local cells, width, any = { c[1] }, #c[1], false
  for i = 1, #t + 1 do
    cells[i + 1] = t[i] and t[i].within and "" or c[2](t[i] or t)
    width, any = math.max(width, #cells[i + 1]), any or cells[i + 1] ~= ""
  end
  return { cells = cells, width = width, any = any }
end

local function title(t)
  local text = ("profile: %s, %s of %g samples: %s ms each, %.4g samples/s; %d thread%s, %s"):format(
    t.mode == "train" and "training" or "inference", t.steps == 1 and "1 step" or t.steps .. " steps",
    tonumber(("%.1f"):format(t.batch_size)), ms(t.seconds), t.samples_per_second, t.threads,
    t.threads == 1 and "" or "s", t.isa)
  if not t.peak then return text end
  return ("%s; at best %.0f GFLOP/s%s"):format(text, t.peak.flops / 1e9,
    t.peak.bytes and (" and %.0f GB/s"):format(t.peak.bytes / 1e9) or "")
end

function Profile.__tostring(t)
  local width, names = layout.width(), { "layer" }
  for i, row in ipairs(t) do names[i + 1] = (row.within and "+ " or "") .. row.name end
  names[#names + 1] = "whole"
  local widest = 0
  for _, name in ipairs(names) do widest = math.max(widest, util.width(name)) end
  local room, chosen, missing = width - widest, {}, {}
  for i, c in ipairs(COLUMNS) do
    local col = column(t, c)
    if col.any and col.width + 2 <= room then
      chosen[i], room = col, room - col.width - 2
    elseif col.any then
      missing[#missing + 1] = c[1]
    end
  end
  local rows, align = {}, "l"
  for i, name in ipairs(names) do rows[i] = { name } end
  for _, k in ipairs(ORDER) do
    if chosen[k] then
      align = align .. "r"
      for i in ipairs(rows) do rows[i][#rows[i] + 1] = chosen[k].cells[i] end
    end
  end
  return layout.wrap(title(t), width, 2, 0) .. "\n" .. util.columns(rows, align) .. layout.no_room(missing, width)
end

return profile
