-- The loss around a model's weights, with the path of its run; and copies of models.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local layers = require "sonde.layers"
local layout = require "sonde.layout"
local model = require "sonde.model"
local progress = require "sonde.progress"
local util = require "sonde.util"

local valley = { model = {}, run = {} }
local fail = util.fail

-- A positive number, or def where v is nil.
function valley.positive(who, name, v, def)
  if v == nil then return def end
  if type(v) ~= "number" or not (v > 0 and v < math.huge) then
    fail("%s: %s = %s must be a number above 0", who, name, util.quoted(v))
  end
  return v
end

-- One of the texts, or the first where v is nil.
function valley.choice(who, name, v, list)
  if v == nil then return list[1] end
  for _, text in ipairs(list) do
    if v == text then return v end
  end
  fail('%s: %s = %s is none of "%s"', who, name, util.quoted(v), table.concat(list, '", "'))
end

-- Work of several parts with a bar on the terminal, which goes away whatever happens. part(i) does the i-th.
function valley.with_bar(what, parts, part)
  local bar, start = progress.bar(), core.clock()
  local ok, err = pcall(function()
    for i = 1, parts do
      if part(i) then return end
      bar:update(what .. " ", i, parts, core.clock() - start, function() return {} end)
    end
  end)
  bar:clear()
  if not ok then error(err, 0) end
end

-- 0 .. 1 by its place between the least and the largest finite value; nil: not finite. Values that span two powers of
-- ten are compared by their logarithm.
function valley.scale_of(list)
  local lo, hi = math.huge, -math.huge
  for _, v in ipairs(list) do
    if v == v and math.abs(v) < math.huge then lo, hi = math.min(lo, v), math.max(hi, v) end
  end
  local log = lo > 0 and hi > 100 * lo
  return function(v)
    if not (v == v and math.abs(v) < math.huge) then return nil end
    if hi <= lo then return 0 end
    if log then return math.log(v / lo) / math.log(hi / lo) end
    return (v - lo) / (hi - lo)
  end, lo, hi, log
end
-- Are the arguments of a run's method (x, y, opts) its options only?
function valley.only_options(x, y, opts)
  return opts == nil and y == nil and core.type(x) == "table" and x[1] == nil and x.x == nil and x.y == nil
end

-- ---- copies ----

-- m:clone(): a model of its own: architecture, weights, how it is compiled; { optimizer = true }: and its state.
function valley.model.clone(m, opts)
  opts = util.options("clone", opts, { "optimizer" })
  local s = core.state(m)
  local copy, trainer = core.model_clone(m, s.trainer, util.boolean("clone", "optimizer", opts.optimizer, false))
  model.adopt(copy, trainer, s.rate)
  local own = core.state(copy)
  own.loss, own.optimizer = s.loss, s.optimizer -- a rate that is a function is known to these only
  return copy
end

-- ---- the path of a run ----

local Path = {}
Path.__index = Path

function Path.__tostring(p)
  local labels, bytes = core.path_info(p.handle)
  return ("keep_path: %d of at most %d snapshots of the weights, one %s; room for them %s"):format(#labels, p.room,
    p.what == "epoch" and "at each epoch's end" or p.every == 1 and "at each step"
      or ("at every %d. step"):format(p.every), core.bytes(bytes))
end

-- The hook that offers the weights to the path.
local function recorder(s, p)
  local hook = {}
  if p.what == "epoch" then
    function hook.epoch_end(_, ev) core.path_offer(p.handle, s.model, s.first + ev.epoch) end
  else
    function hook.step()
      local _, _, made = core.trainer_rate(s.trainer)
      if made % p.every == 0 then core.path_offer(p.handle, s.model, made) end
    end
  end
  return hook
end

-- r:keep_path(): from now on weights are kept for r:landscape. r:keep_path(false): no more, and those kept go.
function valley.run.keep_path(r, opts)
  local s = core.state(r)
  if opts == false then opts = { off = true } else opts = util.options("keep_path", opts, { "every", "snapshots" }) end
  local every, what = opts.every, "epoch"
  if every ~= nil and every ~= "epoch" then
    if type(every) == "string" then fail('keep_path: every = "%s" is neither "epoch" nor a number of steps', every) end
    every, what = util.whole("keep_path", "every", every, nil, 1), "step"
  end
  local room = util.whole("keep_path", "snapshots", opts.snapshots, 20, 4)
  s.hooks = s.hooks or {}
  for i = #s.hooks, 1, -1 do
    if s.hooks[i] == (s.path and s.path.hook) then table.remove(s.hooks, i) end
  end
  s.path = nil
  if opts.off then return end
  local p = setmetatable({ what = what, every = every, room = room }, Path)
  p.handle = core.path(s.model, room)
  local _, _, made = core.trainer_rate(s.trainer)
  core.path_offer(p.handle, s.model, what == "epoch" and s.first + core.run_info(r).epoch or made)
  p.hook = recorder(s, p)
  s.hooks[#s.hooks + 1], s.path = p.hook, p
  return p
end

-- ---- options ----

local OPTIONS = { "points", "span", "dimensions", "directions", "seed", "batches", "batch_size", "train" }
local WAYS = { "random", "updates", "pca" }

local function points_of(v, dimensions)
  if type(v) == "table" then
    if dimensions ~= 2 or #v ~= 2 then fail "landscape: points wants a number, or two of them with dimensions = 2" end
    return util.whole("landscape", "points", v[1], nil, 2), util.whole("landscape", "points", v[2], nil, 2)
  end
  local n = util.whole("landscape", "points", v, dimensions == 1 and 21 or 11, 2)
  return n, dimensions == 1 and 1 or n
end

local function check_options(opts, defaults)
  opts = util.options("landscape", opts, OPTIONS)
  local o = {}
  o.dimensions = util.whole("landscape", "dimensions", opts.dimensions, defaults.dimensions or 1, 1)
  if o.dimensions > 2 then fail("landscape: dimensions = %d; 1 and 2 can be drawn", o.dimensions) end
  o.nx, o.ny = points_of(opts.points, o.dimensions)
  o.directions = valley.choice("landscape", "directions", opts.directions or defaults.directions, WAYS)
  o.span = valley.positive("landscape", "span", opts.span)
  if o.span and o.span > 1e30 then fail("landscape: span = %g is above 1e30", o.span) end
  o.seed = util.whole("landscape", "seed", opts.seed, 0, math.mininteger)
  o.batches = util.whole("landscape", "batches", opts.batches, 8, 1)
  o.batch_size = util.whole("landscape", "batch_size", opts.batch_size, defaults.batch_size or 32, 1)
  o.train = util.boolean("landscape", "train", opts.train, false)
  return o
end

-- ---- directions ----

local way = {}

function way.random(scout, o)
  for axis = 1, o.dimensions do core.scout_random(scout, axis, o.seed) end
  local _, length = core.scout_lengths(scout)
  if length == 0 then
    fail "landscape: no kernel of the model is trainable, or all are zero: there is no random direction of their size"
  end
  return o.span or 1
end

-- Along the last step; in two dimensions the plane of the weights and the last two snapshots that differ from them.
function way.updates(scout, o, trainer, path)
  if o.dimensions == 1 and core.scout_update(scout, 1, trainer) then return o.span or 5 end
  if o.dimensions == 1 and not path then
    fail "landscape: the weights before the last step are not there; r:step() makes one, r:keep_path() keeps more"
  end
  local axis, at = 1, path and #(core.path_info(path.handle)) or 0
  while axis <= o.dimensions and at >= 1 do
    core.scout_move(scout, axis, path.handle, at)
    local _, a, b, cosine = core.scout_lengths(scout)
    if (axis == 1 and a or b) > 0 and not (axis == 2 and math.abs(cosine) > 1 - 1e-6) then axis = axis + 1 end
    at = at - 1
  end
  if axis <= o.dimensions then
    fail('landscape: directions = "updates" in %s needs a kept path with as many points that differ; r:keep_path{ '
      .. "every = 1 } before r:step(3) keeps every step", o.dimensions == 1 and "one dimension" or "two dimensions")
  end
  return o.span or 2
end

function way.pca(scout, o, _, path)
  if not path then
    fail 'landscape: directions = "pca" needs the path of the run; r:keep_path() before r:epoch(5) keeps it'
  end
  local ok, shares = pcall(core.scout_components, scout, path.handle, o.dimensions)
  if ok then return o.span, shares end
  if type(shares) == "string" and shares:find "are wanted" then
    shares = shares .. "; go on with the run, or dimensions = 1"
  end
  error(shares, 0)
end

-- From lo to hi so that all of the coordinates and 0 lie well inside.
local function around(list)
  local lo, hi = 0, 0
  for _, v in ipairs(list) do lo, hi = math.min(lo, v), math.max(hi, v) end
  local margin = 0.25 * (hi - lo)
  return lo - margin, hi + margin
end

local function grid(lo, hi, n)
  local list = {}
  for i = 0, n - 1 do list[i + 1] = n == 1 and 0 or lo + (hi - lo) * (i / (n - 1)) end
  return list
end

-- ---- measuring ----

local Landscape = {}
Landscape.__index = function(_, k) return Landscape.methods[k] end
Landscape.methods = {}

-- Lines over alpha, or contours with the path.
function Landscape.methods.plot(t)
  local new = require "sonde.plot".new
  local name = ("loss of %s, %s"):format(t.model, t.directions == "pca" and "main directions of the path"
    or t.directions == "updates" and "last updates" or "random directions")
  if t.dimensions == 2 then
    local path = t.path and { x = t.path.alphas, y = t.path.betas, title = "path" }
    return new { panels = { { title = name, x = { label = "alpha" }, y = { label = "beta" }, z_label = "loss",
      matrix = { kind = "contour", z = t.loss, x = t.alphas, y = t.betas, path = path } } } }
  end
  local _, _, _, steep = valley.scale_of(t.loss)
  local panels = { { title = name, x = { label = "alpha" }, y = { label = "loss", log = steep }, series = {
    { kind = "line", title = "loss", x = t.alphas, y = t.loss, color = 1 },
    { kind = "line", title = "data loss", x = t.alphas, y = t.data, color = 2 } } } }
  if t.here.penalty == 0 then panels[1].series[2] = nil end
  if t.accuracy then
    panels[2] = { x = { label = "alpha" }, y = { label = "accuracy" }, series = {
      { kind = "line", title = "accuracy", x = t.alphas, y = t.accuracy, color = 3 } } }
  end
  return new { panels = panels }
end

-- loss[i] in one dimension, loss[j][i] at betas[j], alphas[i] in two.
local function store(t, what, i, j, v)
  if t.dimensions == 1 then
    t[what][i] = v
  else
    t[what][j] = t[what][j] or {}
    t[what][j][i] = v
  end
end

local function accuracy_of(metrics)
  if metrics.accuracy then return "accuracy" end
  local names = {}
  for name in pairs(metrics) do
    if name:find "accuracy" then names[#names + 1] = name end
  end
  table.sort(names)
  return names[1]
end

local function measure(t, scout)
  local name
  local function at(a, b)
    local p = core.scout_point(scout, a, b)
    name = name or accuracy_of(p.metrics)
    return p, name and p.metrics[name]
  end
  local here, accuracy = at(0, 0)
  t.here = { loss = here.total, data = here.data, penalty = here.penalty, accuracy = accuracy }
  t.samples, t.loss, t.data, t.penalty, t.accuracy = here.n, {}, {}, {}, name and {} or nil
  valley.with_bar("landscape", #t.alphas * #t.betas, function(k)
    local i, j = (k - 1) % #t.alphas + 1, (k - 1) // #t.alphas + 1
    local p, acc = at(t.alphas[i], t.betas[j])
    store(t, "loss", i, j, p.total)
    store(t, "data", i, j, p.data)
    store(t, "penalty", i, j, p.penalty)
    if acc then store(t, "accuracy", i, j, acc) end
  end)
end

local function path_of(scout, path)
  local got, labels = core.scout_project(scout, path.handle), core.path_info(path.handle)
  return { alphas = got.a, betas = got.b, distance = got.distance, labels = labels, what = path.what }
end

local function landscape(m, trainer, d, o, path)
  local scout = core.scout("landscape", trainer, d, { batch_size = o.batch_size, batches = o.batches, seed = o.seed,
    train = o.train, slopes = false, penalties = true })
  local span, shares = way[o.directions](scout, o, trainer, path)
  local t = { dimensions = o.dimensions, directions = o.directions, seed = o.seed, train = o.train, of = #d,
    explained = shares, model = layers.info(m).name }
  if path then t.path = path_of(scout, path) end
  local x0, x1, y0, y1 = -(span or 0), span, -(span or 0), span
  if not span then
    x0, x1 = around(t.path.alphas)
    y0, y1 = around(t.path.betas)
  end
  t.alphas, t.betas = grid(x0, x1, o.nx), grid(y0, y1, o.ny)
  t.norm, t.length, t.length_2 = core.scout_lengths(scout)
  if o.dimensions == 1 then t.length_2 = nil end
  measure(t, scout)
  core.scout_close(scout)
  if o.dimensions == 1 then t.betas = nil end
  return setmetatable(t, Landscape)
end

-- m:landscape(d [, opts])
function valley.model.landscape(m, x, y, opts)
  local trainer = model.trainer_of(m, "landscape")
  x, y, opts = dataset.arguments(x, y, opts)
  local o = check_options(opts, {})
  if o.directions == "pca" then fail 'landscape: directions = "pca" is for a run that keeps its path: r:landscape' end
  return landscape(m, trainer, dataset.from("landscape", x, y), o, nil)
end

-- Of ([d,] [opts]), ([x, y,] [opts]) behind a method of a run: the data, else the run's, and the options.
function valley.run_arguments(who, r, x, y, opts)
  if valley.only_options(x, y, opts) then
    x, opts = nil, x
  else
    x, y, opts = dataset.arguments(x, y, opts)
  end
  return x == nil and core.state(r).train or dataset.from(who, x, y), opts
end

-- r:landscape([d,] [opts]): on the run's training data unless others are given; with the path, if it is kept.
function valley.run.landscape(r, x, y, opts)
  local s = core.state(r)
  local d, given = valley.run_arguments("landscape", r, x, y, opts)
  local kept = s.path and #(core.path_info(s.path.handle)) or 0
  local o = check_options(given, { batch_size = core.run_info(r).batch_size, dimensions = s.path and 2 or 1,
    directions = kept >= 3 and "pca" or nil })
  return landscape(s.model, s.trainer, d, o, s.path)
end

-- ---- printing ----

local function value(v) return v and util.fixed("%.4f", v) or "" end

-- A bar of characters for each value.
function valley.bars(list, width)
  local place, _, _, log = valley.scale_of(list)
  local out = {}
  for i, v in ipairs(list) do
    local p = place(v)
    out[i] = p and ("#"):rep(1 + math.floor(p * (width - 1) + 0.5)) or "(not finite)"
  end
  return out, log
end

local function title(t)
  local along = { random = "a random direction, filter by filter as long as the weights",
    updates = "the last update", pca = "the main direction of the path" }
  local planes = { random = "two random directions, filter by filter as long as the weights",
    updates = "the last two updates", pca = "the two main directions of the path" }
  local text = ("loss of %s along %s; %s of %s samples, %s"):format(t.model,
    (t.dimensions == 1 and along or planes)[t.directions], util.thousands(t.samples), util.thousands(t.of),
    t.train and "training mode" or "inference mode")
  if t.explained then
    local shares = {}
    for i, v in ipairs(t.explained) do shares[i] = ("%.1f %%"):format(100 * v) end
    text = text .. "; of the path's spread they hold " .. table.concat(shares, " and ")
  end
  return layout.wrap(text, layout.width(), 2, 0)
end

local function here_text(t)
  return ("at the weights  loss %s  data %s%s"):format(value(t.here.loss), value(t.here.data),
    t.here.accuracy and "  accuracy " .. value(t.here.accuracy) or "")
end

local NARROW = 60 -- a screen that has no room for bars

local function line_text(t)
  local rows = { { "alpha", "loss", "data", t.accuracy and "accuracy" or "", "" } }
  local room = math.max(8, math.min(30, layout.width() - 46))
  local bars, log = valley.bars(t.loss, room)
  rows[1][5] = log and "loss, logarithmic" or "loss"
  for i, a in ipairs(t.alphas) do
    rows[i + 1] = { ("%.3g"):format(a), value(t.loss[i]), value(t.data[i]), t.accuracy and value(t.accuracy[i]) or "",
      layout.width() >= NARROW and bars[i] or nil }
  end
  if layout.width() < NARROW then rows[1][5] = nil end
  return util.columns(rows, "rrrrl")
end

local RAMP = { " ", ".", ":", "-", "=", "+", "*", "%", "#" }

-- The cell of the grid nearest to a value.
local function nearest(list, v)
  local step = list[2] - list[1]
  local i = math.floor((v - list[1]) / step + 0.5) + 1
  return i >= 1 and i <= #list and i or nil
end

local function marks_of(t)
  local marks = {}
  local function mark(a, b, sign)
    local i, j = nearest(t.alphas, a), nearest(t.betas, b)
    if i and j then marks[j * 4096 + i] = sign end
  end
  if t.path then
    for k, a in ipairs(t.path.alphas) do mark(a, t.path.betas[k], k == 1 and "1" or "o") end
  end
  mark(0, 0, "@")
  return marks
end

local function map_text(t)
  local flat, lines = {}, {}
  for _, row in ipairs(t.loss) do table.move(row, 1, #row, #flat + 1, flat) end
  local place, lo, hi, log = valley.scale_of(flat)
  local marks, wide = marks_of(t), #t.alphas * 2 + 14 <= layout.width() and 2 or 1
  for j = #t.betas, 1, -1 do
    local cells = {}
    for i = 1, #t.alphas do
      local p = place(t.loss[j][i])
      local sign = p and RAMP[1 + math.min(#RAMP - 1, math.floor(p * #RAMP))] or "?"
      cells[i] = marks[j * 4096 + i] and (marks[j * 4096 + i] .. (wide == 2 and sign or "")) or sign:rep(wide)
    end
    lines[#lines + 1] = ("%9.3g |%s|"):format(t.betas[j], table.concat(cells))
  end
  local first, last = ("%.3g"):format(t.alphas[1]), ("%.3g"):format(t.alphas[#t.alphas])
  lines[#lines + 1] = (" "):rep(11) .. first
    .. (" "):rep(math.max(1, #t.alphas * wide - #first - #last)) .. last
  lines[#lines + 1] = ("alpha to the right, beta upwards; from \" \" %s to \"#\" %s%s%s"):format(value(lo), value(hi),
    log and ", logarithmic" or "", #flat > 0 and lo > hi and " (none is finite)" or "")
  lines[#lines + 1] = "@ the weights" .. (t.path and "; 1, o the path from its first snapshot on" or "")
    .. "; ? not finite"
  return table.concat(lines, "\n")
end

function Landscape.__tostring(t)
  return ("%s\n%s\n%s"):format(title(t), t.dimensions == 1 and line_text(t) or map_text(t), here_text(t))
end

return valley
