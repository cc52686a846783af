-- Plots of what sonde itself gives: a run's history and loss terms, recorded series, and how a model is judged. Each
-- takes the table that prints as text and gives a plot.
local core = require "sonde.core"
local plot = require "sonde.plot"
local util = require "sonde.util"

local plots = {}
local fail = util.fail

-- ---- a run ----

local RUN_OPTIONS = { "logx", "logy", "title" }

-- What is on offer: names of the history without their val_ ones, in the order logged; name -> is it there.
local function metrics_of(r)
  local names, there, bases = core.run_columns(r), {}, {}
  for _, name in ipairs(names) do there[name] = true end
  for _, name in ipairs(names) do
    if not (name:find "^val_" and there[name:sub(5)]) then bases[#bases + 1] = name end
  end
  return bases, there
end

-- The whole numbers of an axis of epochs get marks, where there are few.
local function epochs_axis(first, last)
  return { label = "epoch", step = last - first <= 12 and 1 or nil, range = last == first and { first - 1, last + 1 } }
end

local function history_panel(h, name, first, n, there)
  local x, panel = {}, { title = name, x = epochs_axis(first + 1, first + n), y = {}, series = {} }
  for i = 1, n do x[i] = first + i end
  for i, key in ipairs { name, there["val_" .. name] and "val_" .. name or nil } do
    panel.series[i] = { kind = "line", title = key, x = x, y = h[key], color = i }
  end
  return panel
end

local function stacked(x, low, high, title, color)
  local s = { kind = "bars", title = title, x = x, y = high, low = low, left = {}, right = {}, color = color }
  for i, at in ipairs(x) do s.left[i], s.right[i] = at - 0.42, at + 0.42 end
  return s
end

-- Data loss and penalty one on the other: training or validation.
local function terms_panel(r, title, first, n, validation)
  local x, data, whole, zero, total = {}, {}, {}, {}, {}
  local activity = false
  for row = 1, n do
    local t = core.run_terms(r, row, validation)
    x[row], zero[row] = first + row, 0
    data[row], total[row] = t and t.data or 0 / 0, t and t.total or 0 / 0
    whole[row] = t and t.data + t.penalty or 0 / 0
    activity = activity or t and t.activity ~= 0
  end
  local axis = epochs_axis(first + 1, first + n)
  axis.range = { first + 0.4, first + n + 0.6 }
  local panel = { title = title, x = axis, y = { range = { 0 } }, stacked = true,
    series = { stacked(x, zero, data, "data loss", 1), stacked(x, data, whole, "penalty", 2) } }
  if activity then panel.series[3] = stacked(x, whole, total, "activity", 3) end
  return panel
end

local function add_terms(r, panels, first, n, title)
  panels[#panels + 1] = terms_panel(r, title or "loss terms, training", first, n, false)
  if core.state(r).validation then
    panels[#panels + 1] = terms_panel(r, "loss terms, validation", first, n, true)
  end
end

-- What :plot(...) was given as a list of names (nil: none) and options.
local function wanted_names(what, allowed)
  if what == nil then return nil, {} end
  if type(what) == "string" then return { what }, {} end
  if core.type(what) ~= "table" then fail('plot: wants a name as in :plot "loss", got %s', util.a(what)) end
  local names, named = {}, {}
  for k, v in pairs(what) do
    if math.type(k) ~= "integer" then named[k] = v end
  end
  for i, name in ipairs(what) do
    if type(name) ~= "string" then fail("plot: [%d] wants a name, got %s", i, util.a(name)) end
    names[i] = name
  end
  util.options("plot", named, allowed)
  return #names > 0 and names or nil, named
end

local function no_curve(who, name, there)
  local list = {}
  for known in pairs(there) do list[#list + 1] = known end
  table.sort(list)
  local near = core.suggest(name, list)
  fail('%s: the history has no "%s"; %s', who, name, near and ('did you mean "%s"?'):format(near)
    or "it has: " .. table.concat(list, ", "))
end

-- Names, options; fails where a name is none of the history's.
function plots.check(r, what, who)
  local names, opts = wanted_names(what, RUN_OPTIONS)
  names = names or (metrics_of(r))
  local _, there = metrics_of(r)
  there.loss_terms = true
  for _, name in ipairs(names) do
    if not there[name] then no_curve(who or "plot", name, there) end
  end
  return names, opts, there
end

-- r:plot(), r:plot "loss", r:plot "loss_terms", r:plot{ "loss", "accuracy", logy = true }
function plots.run(r, what)
  local names, opts, there = plots.check(r, what)
  local s, n = core.state(r), select(2, core.run_columns(r))
  if n == 0 then fail "plot: no epoch is complete yet; r:epoch() makes one" end
  local h, panels = r:history(), {}
  for _, name in ipairs(names) do
    if name == "loss_terms" then add_terms(r, panels, s.first, n)
    else panels[#panels + 1] = history_panel(h, name, s.first, n, there) end
  end
  for _, panel in ipairs(panels) do
    panel.x.log, panel.y.log = util.boolean("plot", "logx", opts.logx), util.boolean("plot", "logy", opts.logy)
    if panel.y.log and panel.stacked then panel.y = { log = true } end
  end
  local title = opts.title and tostring(opts.title) or nil
  if title and #panels == 1 then panels[1].title = title end
  return plot.new { title = title, panels = panels }
end

-- ---- series that were recorded ----

local MOST_ROWS = 24

-- The names of layers, or nil for all.
local function wanted_layers(v)
  if v == nil then return nil end
  if type(v) == "string" then v = { v } end
  if core.type(v) ~= "table" then fail("plot: layers wants a name or a list of names, got %s", util.a(v)) end
  local set = {}
  for i, name in ipairs(v) do
    if type(name) ~= "string" then fail("plot: layers[%d] wants a name, got %s", i, util.a(name)) end
    set[name] = true
  end
  return set
end

-- One column of one probe: a curve for each row.
local function record_panel(steps, part, column, layers, opts)
  local panel = { title = ("%s: %s"):format(part.title, column), series = {},
    x = { label = "step", log = util.boolean("plot", "logx", opts.logx) },
    y = { log = util.boolean("plot", "logy", opts.logy) } }
  local rows = 0
  for k, row in ipairs(part.rows) do
    if not layers or layers[row.layer] or layers[row.name] then
      rows = rows + 1
      if rows <= MOST_ROWS then
        panel.series[rows] = { kind = "line", title = row.name, x = steps, y = part.series(k, column), color = rows }
      end
    end
  end
  if rows > MOST_ROWS then panel.title = ("%s, first %d of %d"):format(panel.title, MOST_ROWS, rows) end
  return rows > 0 and panel or nil
end

-- Columns over the steps. parts: list of { title =, columns = set of names, rows = list of { name =, layer = },
-- first = the column where none is named, series = function(number of the row, column) -> list }.
function plots.record(steps, parts, what)
  local names, opts = wanted_names(what, { "logx", "logy", "title", "layers" })
  local layers, all, panels = wanted_layers(opts.layers), {}, {}
  for _, part in ipairs(parts) do
    for column in pairs(part.columns) do all[column] = true end
  end
  for _, name in ipairs(names or {}) do
    if not all[name] then util.unknown("the record", name, all) end
  end
  for _, part in ipairs(parts) do
    for _, column in ipairs(names or { part.first }) do
      if part.columns[column] then panels[#panels + 1] = record_panel(steps, part, column, layers, opts) end
    end
  end
  if #panels == 0 then fail "plot: nothing of these layers is in the record" end
  return plot.new { title = opts.title and tostring(opts.title) or nil, panels = panels }
end

-- ---- judging a model ----

local MOST_CLASSES = 30

local function percent(share) return share ~= share and "" or ("%.0f%%"):format(100 * share) end

-- Rows are the true classes; colors are shares of them, so that a rare class is seen as well.
function plots.confusion(c)
  local n = #c.classes
  local z, texts, x, xt, yt = {}, {}, {}, {}, {}
  for i, row in ipairs(c.counts) do
    local sum = 0
    for _, count in ipairs(row) do sum = sum + count end
    z[i], texts[i], x[i] = {}, {}, i
    xt[i], yt[i] = { i, c.classes[i] }, { i, c.classes[i] }
    for k, count in ipairs(row) do
      z[i][k] = sum > 0 and count / sum or 0
      texts[i][k] = { tostring(count), count > 0 and percent(z[i][k]) or "" }
    end
  end
  local few = n <= MOST_CLASSES
  return plot.new { title = ("confusion: accuracy %.4f"):format(c.accuracy), width = few and 720 or 900,
    height = few and 640 or 820, panels = { { title = ("accuracy %.4f of %d"):format(c.accuracy, c.n),
      z_label = "share of the true class", x = { label = "predicted", tics = few and xt or nil },
      y = { label = "true", tics = few and yt or nil, down = true },
      matrix = { kind = "heat", z = z, x = x, y = x, low = 0, high = 1, values = n <= 15, texts = texts } } } }
end

-- Accuracy in each bin of confidence with its interval, the diagonal, and below how many samples there are.
function plots.calibration(c)
  local bars = { kind = "bars", title = "accuracy", x = {}, y = {}, left = {}, right = {}, color = 6 }
  local errors = { kind = "errors", title = ("%g %% interval"):format(100 * (c.level or 0.95)), x = {}, y = {},
    low = {}, high = {}, color = 2 }
  local counts = { kind = "bars", title = nil, x = {}, y = {}, left = {}, right = {}, color = 8 }
  for i, b in ipairs(c.bins) do
    local at = (b.low + b.high) / 2
    bars.x[i], bars.y[i], bars.left[i], bars.right[i] = at, b.accuracy, b.low, b.high
    counts.x[i], counts.y[i], counts.left[i], counts.right[i] = at, b.count, b.low, b.high
    if b.count > 0 then
      local k = #errors.x + 1
      errors.x[k], errors.y[k], errors.low[k], errors.high[k] = b.confidence, b.accuracy, b.lower, b.upper
    end
  end
  local diagonal = { kind = "line", title = "perfect", x = { 0, 1 }, y = { 0, 1 }, color = "#555555", dash = 2,
    plain = true }
  local title = ("reliability: ECE %.4f, T* %.3g"):format(c.ece, c.temperature or 1)
  return plot.new { title = title, columns = 1, width = 720, height = 840, panels = {
    { x = { label = "confidence", range = { 0, 1 } }, y = { label = "accuracy", range = { 0, 1 } },
      series = { bars, diagonal, errors } },
    { x = { label = "confidence", range = { 0, 1 } }, y = { label = "samples", range = { 0 } },
      series = { counts } } } }
end

function plots.confidence_histogram(h)
  local right = { kind = "bars", title = "right", x = {}, y = {}, low = {}, left = {}, right = {}, color = 1 }
  local wrong = { kind = "bars", title = "wrong", x = {}, y = {}, low = {}, left = {}, right = {}, color = 2 }
  for i, b in ipairs(h.bins) do
    for _, s in ipairs { right, wrong } do s.x[i], s.left[i], s.right[i] = (b.low + b.high) / 2, b.low, b.high end
    right.low[i], right.y[i] = 0, b.right
    wrong.low[i], wrong.y[i] = b.right, b.right + b.wrong
  end
  return plot.new { panels = { { title = ("confidence of %d right and %d wrong predictions"):format(h.right, h.wrong),
    x = { label = "confidence", range = { 0, 1 } }, y = { label = "samples", range = { 0 } }, stacked = true,
    series = { right, wrong } } } }
end

local MOST_CURVES = 10

-- The curves of one class, or of the first of many: x and y name their lists.
local function class_curves(c, x, y, area)
  local list, series = c.by_class or { c }, {}
  for i, one in ipairs(list) do
    if i > MOST_CURVES then break end
    local name = one.name or "class" -- a number alone says little
    if name:find "^%d+$" then name = "class " .. name end
    series[i] = { kind = "line", plain = true, x = one[x], y = one[y], color = i,
      title = ("%s (%s %.4f)"):format(name, area, one[area == "AUC" and "auc" or "average_precision"]) }
  end
  return series, #list
end

local function unit_panel(title, xlabel, ylabel, series, n)
  if n > MOST_CURVES then title = ("%s, first %d of %d classes"):format(title, MOST_CURVES, n) end
  return { title = title, x = { label = xlabel, range = { 0, 1 } }, y = { label = ylabel, range = { 0, 1.02 } },
    series = series }
end

function plots.roc(c)
  local series, n = class_curves(c, "fpr", "tpr", "AUC")
  series[#series + 1] = { kind = "line", x = { 0, 1 }, y = { 0, 1 }, title = "chance", color = "#888888", dash = 2,
    plain = true }
  return plot.new { width = 760, height = 640, panels = { unit_panel("ROC", "false positive rate", "true positive rate",
    series, n) } }
end

function plots.precision_recall(c)
  local series, n = class_curves(c, "recall", "precision", "AP")
  local panel = unit_panel("precision and recall", "recall", "precision", series, n)
  return plot.new { width = 760, height = 640, panels = { panel } }
end

return plots
