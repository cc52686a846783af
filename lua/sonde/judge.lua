-- Judging a classifier on labeled data: counts, curves, calibration, and the samples that it gets wrong. One pass over
-- the data gives predictions, labels and losses (judge.pass); what is computed from it takes the pass, so that a
-- report can have all of it for one.
local classes = require "sonde.classes"
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local text = require "sonde.judge_text"
local util = require "sonde.util"

local judge = {}
local fail = util.fail

-- ---- the pass ----

local function trainer_of(who, m, with_loss)
  local s = core.state(m)
  if s.trainer then return s.trainer end
  if with_loss then
    fail("%s: the model is not compiled, so no sample has a loss; call m:compile{ loss = ..., optimizer = ... } first",
      who)
  end
  s.predictor = s.predictor or core.trainer(m)
  return s.predictor
end

local function class_names(d, classes)
  local names, given = {}, d.class_names or {}
  for k = 1, classes do names[k] = util.plain(given[k] or k - 1) end
  return names
end

local BAD = "%s: the outputs of %d of %d samples are not finite, first those of %s; m:worst(d) lists them"

-- { handle, who, n, classes = names, data, info }. opts: batch_size, loss (samples get their data loss), bad (outputs
-- that are not finite are no error).
function judge.pass(who, m, d, opts)
  local handle = core.judge(trainer_of(who, m, opts.loss), d, opts.batch_size or 32, who, opts.loss)
  local info = core.judgment_info(handle)
  if info.bad > 0 and not opts.bad then fail(BAD, who, info.bad, info.n, info.first_bad) end
  return { handle = handle, who = who, n = info.n, classes = class_names(d, info.classes), data = d, info = info,
    model = m }
end

local function want_probabilities(pass)
  if pass.info.outputs == "scores" then
    fail("%s: the model's outputs are scores, not probabilities: end it with softmax or sigmoid, or compile it with a "
      .. "cross-entropy", pass.who)
  end
  if pass.info.independent then
    fail("%s: the model's %d outputs are probabilities of their own (sigmoid) and do not share 1; end it with "
      .. 'activation = "softmax"', pass.who, pass.info.units)
  end
end

local function level_of(pass, opts)
  local v = opts.level
  if v == nil then return 0.95 end
  if type(v) ~= "number" or not (v > 0 and v < 1) then
    fail("%s: level = %s must be a number between 0 and 1", pass.who, util.quoted(v))
  end
  return v
end

local MAX_BINS = 10000
local function bins_of(pass, opts, def)
  local n = util.whole(pass.who, "bins", opts.bins, def, 1)
  if n > MAX_BINS then fail("%s: bins = %d; at most %d are possible", pass.who, n, MAX_BINS) end
  return n
end

local function threshold_of(pass, opts)
  local v = opts.threshold
  if v == nil then return nil end
  local scores = pass.info.outputs == "scores"
  if type(v) ~= "number" or v ~= v or not (scores or (v >= 0 and v <= 1)) then
    fail("%s: threshold = %s must be a number%s", pass.who, util.quoted(v), scores and "" or " in 0..1")
  end
  if #pass.classes > 2 then
    fail("%s: threshold = %s is for two classes; the model has %d, and predicts the one of the largest output",
      pass.who, util.quoted(v), #pass.classes)
  end
  return v
end

-- The number, from 0, of a class given by name or number; nil stays.
local function class_of(pass, v)
  if v ~= nil then return classes.number(pass.who, v, #pass.classes, pass.classes) end
end

-- The plot of what was judged. What it shows was said when it was computed.
function judge.plot(name, t, ...)
  if t == nil then fail("write c:plot() with a colon") end
  util.nothing("plot", ("options belong to m:%s(d, { ... }), the picture's size to c:plot():save(\"x.png\", "
    .. "{ width = 800 })"):format(name), ...)
  return require "sonde.plots"[name](t)
end

-- A metatable of what prints as that text, and draws itself by :plot().
local function drawn(name, printed)
  return { __tostring = printed, __index = { plot = function(t, ...) return judge.plot(name, t, ...) end } }
end

-- ---- counts ----

local Confusion, Report = drawn("confusion", text.confusion), drawn("confusion", text.report)
local MOST_CONFUSED = 20

-- The largest counts off the diagonal: { true_class, predicted_class, count, share of the true class }.
local function most_confused(counts, names, scores)
  local list = {}
  for i, row in ipairs(counts) do
    for k, n in ipairs(row) do
      if i ~= k and n > 0 then
        list[#list + 1] = { true_class = names[i], predicted_class = names[k], count = n, share = n / scores[i].support,
          order = i * #names + k }
      end
    end
  end
  table.sort(list, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.order < b.order
  end)
  for i, v in ipairs(list) do
    v.order = nil
    if i > MOST_CONFUSED then list[i] = nil end
  end
  return list
end

function judge.confusion(pass, opts)
  local threshold, level = threshold_of(pass, opts), level_of(pass, opts)
  local counts, scores, macro, weighted = core.judgment_confusion(pass.handle, threshold)
  for k, s in ipairs(scores) do
    s.name, s.class = pass.classes[k], k - 1
    if #scores <= 1000 then scores[s.name] = s end
  end
  local lower, upper = core.wilson(macro.correct, pass.n, level)
  return setmetatable({ counts = counts, classes = pass.classes, n = pass.n, correct = macro.correct,
    accuracy = macro.correct / pass.n, lower = lower, upper = upper, level = level, threshold = threshold,
    by_class = scores, macro = macro, weighted = weighted, most_confused = most_confused(counts, pass.classes, scores),
    soft = pass.info.soft }, Confusion)
end

function judge.classification_report(pass, opts)
  return setmetatable(judge.confusion(pass, opts), Report)
end

function judge.accuracy(pass, opts)
  local threshold, level = threshold_of(pass, opts), level_of(pass, opts)
  local k = util.whole(pass.who, "top_k", opts.top_k, 1, 1)
  if k > #pass.classes then fail("%s: top_k = %d, but there are %d classes", pass.who, k, #pass.classes) end
  local correct = core.judgment_hits(pass.handle, k, threshold)
  local lower, upper = core.wilson(correct, pass.n, level)
  return setmetatable({ accuracy = correct / pass.n, lower = lower, upper = upper, level = level, correct = correct,
    n = pass.n, top_k = k, threshold = threshold }, { __tostring = text.accuracy })
end

-- ---- single samples ----

-- What tables of samples can do besides printing themselves: methods by name. Such a table has .data (the dataset) and
-- .indices (numbers of samples in it, as d:pick takes them).
judge.samples = {}
for _, name in ipairs { "show", "picture" } do
  judge.samples[name] = function(...) return require("sonde.pictures").samples[name](...) end
end
function judge.samples.explain(...) return require("sonde.explain").samples.explain(...) end
local Samples = { __tostring = text.samples, __index = judge.samples }

local function sample_rows(pass, places, title)
  local t = { indices = {}, data = pass.data, model = pass.model, title = title, classes = pass.classes,
    samples = pass.n }
  for i, place in ipairs(places) do
    local row = core.judgment_sample(pass.handle, place)
    row.true_class = pass.classes[row.label + 1]
    row.predicted_class = row.predicted and pass.classes[row.predicted + 1]
    t[i], t.indices[i] = row, row.index
  end
  return setmetatable(t, Samples)
end

function judge.worst(pass, n)
  local places = core.judgment_order(pass.handle, "loss", n)
  return sample_rows(pass, places, ("largest loss of %s"):format(text.samples_of(pass.n)))
end

function judge.most_confident_wrong(pass, n)
  want_probabilities(pass)
  local places, wrong = core.judgment_order(pass.handle, "wrong", n)
  local t = sample_rows(pass, places, ("most confident of %s among %s"):format(
    wrong == 1 and "1 wrong prediction" or util.thousands(wrong) .. " wrong predictions", text.samples_of(pass.n)))
  t.wrong = wrong
  return t
end

-- ---- confidence ----

function judge.calibration(pass, opts)
  want_probabilities(pass)
  local level = level_of(pass, opts)
  local t = core.judgment_calibration(pass.handle, bins_of(pass, opts, 15), level)
  if #pass.classes == 2 then t.brier_binary = t.brier / 2 end
  t.n, t.level, t.outputs, t.normalized, t.soft = pass.n, level, pass.info.outputs, pass.info.normalized, pass.info.soft
  return setmetatable(t, drawn("calibration", text.calibration))
end

function judge.confidence_histogram(pass, opts)
  want_probabilities(pass)
  local bins = bins_of(pass, opts, 10)
  local right, wrong = core.judgment_histogram(pass.handle, bins)
  local t = { n = pass.n, right = 0, wrong = 0, bins = {} }
  for b = 1, bins do
    t.bins[b] = { low = (b - 1) / bins, high = b / bins, right = right[b], wrong = wrong[b] }
    t.right, t.wrong = t.right + right[b], t.wrong + wrong[b]
  end
  return setmetatable(t, drawn("confidence_histogram", text.histogram))
end

-- ---- curves ----

-- kind -> which of core.judgment_areas is its area, what the area is called; the lists and what gives them
local CURVES = {
  roc = { area = 1, name = "auc", lists = { "fpr", "tpr", "thresholds" }, points = core.judgment_roc },
  precision_recall = { area = 2, name = "average_precision", lists = { "precision", "recall", "thresholds" },
    points = core.judgment_pr },
}

local curve_of = setmetatable({}, { __mode = "k" }) -- curve -> function that fills its lists in

-- One class against the rest. Its lists are made when one of them is first asked for: there may be many classes.
local Curve = { __tostring = text.curve }
function Curve.__index(c, k)
  if k == "plot" then return function(...) return judge.plot(c.kind, ...) end end
  local fill = curve_of[c]
  if not fill then return nil end
  for _, name in ipairs(CURVES[c.kind].lists) do
    if k == name then
      curve_of[c] = nil
      fill()
      return rawget(c, k)
    end
  end
end

local function curve(pass, kind, class, drop)
  local about = CURVES[kind]
  local areas = { core.judgment_areas(pass.handle, class) }
  local c = { kind = kind, class = class, name = pass.classes[class + 1], [about.name] = areas[about.area],
    positives = areas[3], negatives = areas[4], n = pass.n }
  curve_of[c] = function()
    local lists = { about.points(pass.handle, class, drop) }
    for i, name in ipairs(about.lists) do c[name] = lists[i] end
  end
  return setmetatable(c, Curve)
end

-- Means of the areas over the classes that have one: plain, and weighted by their samples.
local function averages(by_class, name)
  local sum, weighted, samples, count = 0, 0, 0, 0
  for _, c in ipairs(by_class) do
    if c[name] == c[name] then
      sum, count = sum + c[name], count + 1
      weighted, samples = weighted + c.positives * c[name], samples + c.positives
    end
  end
  return sum / count, weighted / samples, count -- nan where there is none
end

-- kind: "roc" or "precision_recall". Two classes: the curve of class 1; more, without opts.class: of all.
function judge.curves(pass, kind, opts)
  local class = class_of(pass, opts.class)
  local drop = util.boolean(pass.who, "drop_intermediate", opts.drop_intermediate, true)
  if not class and #pass.classes == 2 then class = 1 end
  if class then return curve(pass, kind, class, drop) end
  local name, by_class = CURVES[kind].name, {}
  for k in ipairs(pass.classes) do by_class[k] = curve(pass, kind, k - 1, drop) end
  for k = 1, #by_class do by_class[by_class[k].name] = by_class[k] end
  local macro, weighted, defined = averages(by_class, name)
  return setmetatable({ kind = kind, n = pass.n, by_class = by_class, classes = pass.classes, [name] = macro,
    macro = macro, weighted = weighted, defined = defined }, drawn(kind, text.curves))
end

function judge.roc(pass, opts) return judge.curves(pass, "roc", opts) end
function judge.precision_recall(pass, opts) return judge.curves(pass, "precision_recall", opts) end

-- ---- the methods ----

judge.model = {}

local function batch_size(who, opts) return util.whole(who, "batch_size", opts.batch_size, 32, 1) end

-- m:NAME(d, opts) or m:NAME(x, y, opts)
for name, options in pairs {
  confusion = { "threshold", "level" },
  classification_report = { "threshold", "level" },
  accuracy = { "threshold", "level", "top_k" },
  calibration = { "bins", "level" },
  confidence_histogram = { "bins" },
  roc = { "class", "drop_intermediate" },
  precision_recall = { "class" },
} do
  options[#options + 1] = "batch_size"
  judge.model[name] = function(m, x, y, opts)
    x, y, opts = dataset.arguments(x, y, opts)
    opts = util.options(name, opts, options)
    local d = dataset.from(name, x, y)
    return judge[name](judge.pass(name, m, d, { batch_size = batch_size(name, opts) }), opts)
  end
end

local DEFAULT_SAMPLES = 10

-- (d, n, opts), (d, opts), (x, y, n, opts): data, labels, n, opts
local function counted_arguments(x, y, n, opts)
  if type(y) == "number" then return x, nil, y, n end
  x, y, n = dataset.arguments(x, y, n)
  if core.type(n) == "table" and opts == nil then return x, y, nil, n end
  return x, y, n, opts
end

for name, bad in pairs { worst = true, most_confident_wrong = false } do
  judge.model[name] = function(m, x, y, n, opts)
    x, y, n, opts = counted_arguments(x, y, n, opts)
    opts = util.options(name, opts, { "n", "batch_size" })
    if n ~= nil and opts.n ~= nil then fail("%s: give n once, by its place or by name", name) end
    if n == nil then n = opts.n end
    n = util.whole(name, "n", n, DEFAULT_SAMPLES, 1)
    local d = dataset.from(name, x, y)
    return judge[name](judge.pass(name, m, d, { batch_size = batch_size(name, opts), loss = true, bad = bad }), n)
  end
end

return judge
