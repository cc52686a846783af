-- How judgments of a model print: plain text, within the terminal's columns.
local layout = require "sonde.layout"
local util = require "sonde.util"

local text = {}

local MANY_CLASSES = 20 -- more of them are no matrix that one can read
local FEW_ROWS = 10
local LONGEST_NAME = 24

function text.samples_of(n) return util.thousands(n) .. (n == 1 and " sample" or " samples") end

local function fixed(v) return v and util.fixed("%.4f", v) or "-" end
local function percent(level) return ("%g %%"):format(100 * level) end
local function range(lower, upper) return fixed(lower) .. " .. " .. fixed(upper) end

local function shortened(s, n) return util.cut(util.plain(s), n) end

local function all_shortened(names, n)
  local list, seen, unique = {}, {}, true
  for i, name in ipairs(names) do
    list[i] = shortened(name, n)
    unique = unique and not seen[list[i]]
    seen[list[i]] = true
  end
  return list, unique
end

local function soft_note(t)
  if (t.soft or 0) == 0 then return nil end
  return ("%s of the labels are shares of several classes: the largest was taken"):format(util.thousands(t.soft))
end

local function join(lines) return table.concat(lines, "\n") end

-- A sentence on lines of its own.
local function wrapped(s) return layout.wrap(s, layout.width(), 2, 0) end

-- ---- counts ----

local function most(list, length)
  local n = 0
  for _, v in ipairs(list) do n = math.max(n, length(v)) end
  return n
end

-- The matrix with aligned columns, or nil where it would be wider than the terminal, or too many classes to read.
local function matrix(t)
  local c = #t.classes
  if c > MANY_CLASSES then return nil end
  local digits = most(t.counts, function(row) return most(row, function(v) return #tostring(v) end) end)
  local rows = all_shortened(t.classes, LONGEST_NAME)
  local corner = "true \\ predicted"
  local room = (layout.width() - math.max(most(rows, util.width), #corner)) // c - 2
  local heads, unique = all_shortened(t.classes, math.max(room, 1))
  if not unique or room < 3 then -- the rows say which number is which class
    for i, name in ipairs(rows) do heads[i], rows[i] = tostring(i - 1), ("%d %s"):format(i - 1, name) end
    room = (layout.width() - math.max(most(rows, util.width), #corner)) // c - 2
  end
  if room < math.max(digits, most(heads, util.width)) then return nil end
  local out = { table.move(heads, 1, c, 2, { corner }) }
  for i, row in ipairs(t.counts) do
    local cells = { rows[i] }
    for k, n in ipairs(row) do cells[k + 1] = tostring(n) end
    out[i + 1] = cells
  end
  return util.columns(out, "l" .. ("r"):rep(c))
end

local function confused(t)
  if #t.most_confused == 0 then return "no sample is confused with another class" end
  local rows = { { "most confused: true", "predicted", "count", "of true" } }
  for i, v in ipairs(t.most_confused) do
    rows[i + 1] = { shortened(v.true_class, LONGEST_NAME), shortened(v.predicted_class, LONGEST_NAME),
      util.thousands(v.count), ("%.1f %%"):format(100 * v.share) }
  end
  return util.columns(rows, "llrr")
end

local function class_row(s)
  return { shortened(s.name, LONGEST_NAME), s.predicted > 0 and fixed(s.precision) or "-",
    s.support > 0 and fixed(s.recall) or "-", s.support + s.predicted > 0 and fixed(s.f1) or "-",
    util.thousands(s.support) }
end

local function class_table(t, list)
  local rows = { { "class", "precision", "recall", "f1-score", "support" } }
  for _, s in ipairs(list) do rows[#rows + 1] = class_row(s) end
  rows[#rows + 1] = { "" }
  rows[#rows + 1] = { "accuracy", "", "", fixed(t.accuracy), util.thousands(t.n) }
  for _, name in ipairs { "macro", "weighted" } do
    local s = t[name]
    rows[#rows + 1] = { name .. " avg", fixed(s.precision), fixed(s.recall), fixed(s.f1), util.thousands(t.n) }
  end
  return util.columns(rows, "lrrrr")
end

local function lowest_f1(by_class)
  local list = table.move(by_class, 1, #by_class, 1, {})
  table.sort(list, function(a, b)
    local empty_a, empty_b = a.support == 0, b.support == 0
    if empty_a ~= empty_b then return empty_b end
    if a.f1 ~= b.f1 then return a.f1 < b.f1 end
    return a.class < b.class
  end)
  return table.move(list, 1, FEW_ROWS, 1, {})
end

local function heading(what, t)
  local s = ("%s of %s: accuracy %s (%s: %s)"):format(what, text.samples_of(t.n), fixed(t.accuracy), percent(t.level),
    range(t.lower, t.upper))
  return t.threshold and ("%s, threshold %g"):format(s, t.threshold) or s
end

function text.confusion(t)
  local lines = { wrapped(heading("confusion", t)) }
  lines[#lines + 1] = soft_note(t)
  lines[#lines + 1] = ""
  lines[#lines + 1] = matrix(t) or confused(t)
  lines[#lines + 1] = ""
  if #t.classes > MANY_CLASSES then
    lines[#lines + 1] = ("the lowest f1-scores of %d classes; m:classification_report(d) has all"):format(#t.classes)
    lines[#lines + 1] = class_table(t, lowest_f1(t.by_class))
  else
    lines[#lines + 1] = class_table(t, t.by_class)
  end
  return join(lines)
end

function text.report(t)
  return join { wrapped(heading("classification report", t)), "", class_table(t, t.by_class) }
end

function text.accuracy(t)
  local what = t.top_k > 1 and ("top-%d accuracy"):format(t.top_k) or "accuracy"
  return ("%s %s (%s: %s), %s of %s"):format(what, fixed(t.accuracy), percent(t.level), range(t.lower, t.upper),
    util.thousands(t.correct), util.thousands(t.n))
end

-- ---- single samples ----

-- Names of classes and files get what the numbers leave; a file's end tells more than its beginning.
local FILE, LEAST_NAME = 20, 8

function text.samples(t)
  if #t == 0 then return ("no wrong prediction among %s"):format(text.samples_of(t.samples)) end
  local rows, named = { { "sample", "true", "predicted", "p(true)", "p(pred.)", "loss" } }, false
  for i, r in ipairs(t) do
    rows[i + 1] = { tostring(r.index), r.true_class, r.predicted_class or "-", util.number(r.probability),
      util.number(r.confidence), util.number(r.loss) }
    named = named or r.name ~= nil
  end
  local function used(c) return 2 + most(rows, function(row) return util.width(row[c]) end) end
  local left = layout.width() - used(1) - used(4) - used(5) - used(6)
  local longest = math.min(math.max(LEAST_NAME, (left - (named and FILE or 0)) // 2 - 2), LONGEST_NAME)
  for _, row in ipairs(rows) do row[2], row[3] = shortened(row[2], longest), shortened(row[3], longest) end
  left = left - used(2) - used(3)
  if named then rows[1][7] = "file" end
  for i, r in ipairs(t) do
    rows[i + 1][7] = named and util.cut(util.plain(r.name or ""), math.max(left, FILE // 2), "...", true) or nil
  end
  return wrapped(t.title) .. "\n" .. util.columns(rows, "rllrrrl")
end

-- ---- confidence ----

local function bin_rows(t)
  local rows = { { "confidence in", "count", "mean", "accuracy", percent(t.level), "gap" } }
  for _, b in ipairs(t.bins) do
    if b.count > 0 then
      rows[#rows + 1] = { ("%.3f .. %.3f"):format(b.low, b.high), util.thousands(b.count), fixed(b.confidence),
        fixed(b.accuracy), range(b.lower, b.upper), ("%+.4f"):format(b.accuracy - b.confidence) }
    end
  end
  return util.columns(rows, "rrrrrr")
end

local function temperature_line(t)
  local limit = t.temperature_at_limit and " (the end of the range: the NLL falls on beyond it)" or ""
  return ("temperature T* = %.4g%s: NLL %s, gain %s (%s: %s)"):format(t.temperature, limit, fixed(t.temperature_nll),
    fixed(t.gain), percent(t.level), range(t.gain_lower, t.gain_upper))
end

function text.calibration(t)
  local lines = { ("calibration of %s, by %s"):format(text.samples_of(t.n), t.outputs) }
  lines[#lines + 1] = soft_note(t)
  if t.normalized then lines[#lines + 1] = "the outputs do not sum to 1: divided by their sum, as the loss does" end
  local function add(...) lines[#lines + 1] = wrapped((...):format(select(2, ...))) end
  add("accuracy %s, mean confidence %s", fixed(t.accuracy), fixed(t.confidence))
  add("ECE %s, MCE %s (%d bins), adaptive ECE %s", fixed(t.ece), fixed(t.mce), #t.bins, fixed(t.adaptive_ece))
  add("NLL %s, Brier %s%s", fixed(t.nll), fixed(t.brier),
    t.brier_binary and (" (of class 1 alone: %s)"):format(fixed(t.brier_binary)) or "")
  add("%s", temperature_line(t))
  if t.saturated > 0 then
    add("clipped to 1e-7 .. 1 - 1e-7: the true class's probability of %s, any of %s", text.samples_of(t.clipped),
      text.samples_of(t.saturated))
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = bin_rows(t)
  return join(lines)
end

-- A bar of at most room characters; what is there is never invisible.
local function bar(n, largest, room)
  if n == 0 then return "" end
  return ("#"):rep(math.max(1, math.floor(n / largest * room + 0.5)))
end

function text.histogram(t)
  local rows = { { "confidence in", "right", "", "wrong", "" } }
  local first, right, wrong = #t.bins, 1, 1
  for i = #t.bins, 1, -1 do
    local b = t.bins[i]
    if b.right + b.wrong > 0 then first = i end
    right, wrong = math.max(right, b.right), math.max(wrong, b.wrong)
  end
  local numbers = #"0.000 .. 0.000" + 8 + math.max(5, #util.thousands(right)) + math.max(5, #util.thousands(wrong))
  local room = (layout.width() - numbers) // 2
  for i = first, #t.bins do
    local b = t.bins[i]
    rows[#rows + 1] = { ("%.3f .. %.3f"):format(b.low, b.high), util.thousands(b.right), bar(b.right, right, room),
      util.thousands(b.wrong), bar(b.wrong, wrong, room) }
  end
  return wrapped(("confidence of %s right and %s wrong predictions; each side has its own scale"):format(
    util.thousands(t.right), util.thousands(t.wrong))) .. "\n" .. util.columns(rows, "rrlrl")
end

-- ---- curves ----

local function of_class(c)
  return ("class %s (%s positive, %s negative)"):format(shortened(c.name, LONGEST_NAME), util.thousands(c.positives),
    util.thousands(c.negatives))
end

-- The best that one axis reaches while the other keeps its bound.
local function best(values, bounds, keeps)
  local v = 0
  for i, bound in ipairs(bounds) do
    if keeps(bound) and values[i] > v then v = values[i] end
  end
  return v
end

local function points(title, row_title, at, cell)
  local head, row = { title }, { row_title }
  for i, v in ipairs(at) do head[i + 1], row[i + 1] = ("%g"):format(v), fixed(cell(v)) end
  return util.columns({ head, row }, "l" .. ("r"):rep(#at))
end

function text.curve(c)
  if c.kind == "roc" then
    local line = wrapped(("ROC of %s: AUC %s"):format(of_class(c), fixed(c.auc)))
    if c.auc ~= c.auc then return line .. "\n  not defined without both positive and negative samples" end
    return line .. "\n" .. points("false positive rate up to", "true positive rate", { 0.01, 0.05, 0.1, 0.2, 0.5 },
      function(v) return best(c.tpr, c.fpr, function(x) return x <= v end) end)
  end
  local line = wrapped(("precision and recall of %s: average precision %s"):format(of_class(c),
    fixed(c.average_precision)))
  if c.average_precision ~= c.average_precision then return line .. "\n  not defined without positive samples" end
  return line .. "\n" .. points("recall of at least", "precision", { 0.5, 0.8, 0.9, 0.95, 0.99 },
    function(v) return best(c.precision, c.recall, function(x) return x >= v end) end)
end

function text.curves(t)
  local roc = t.kind == "roc"
  local name, title = roc and "auc" or "average_precision", roc and "AUC" or "average precision"
  local rows = { { "class", title, "positive" } }
  local shown = #t.by_class <= MANY_CLASSES and t.by_class or table.move(t.by_class, 1, #t.by_class, 1, {})
  if shown ~= t.by_class then
    table.sort(shown, function(a, b)
      local x, y = a[name], b[name]
      if x ~= x or y ~= y then
        if (x ~= x) ~= (y ~= y) then return y ~= y end
        return a.class < b.class
      end
      if x ~= y then return x < y end
      return a.class < b.class
    end)
    shown = table.move(shown, 1, FEW_ROWS, 1, {})
  end
  for _, c in ipairs(shown) do
    rows[#rows + 1] = { shortened(c.name, LONGEST_NAME), fixed(c[name]), util.thousands(c.positives) }
  end
  rows[#rows + 1] = { "" }
  rows[#rows + 1] = { "macro avg", fixed(t.macro), util.thousands(t.n) }
  rows[#rows + 1] = { "weighted avg", fixed(t.weighted), util.thousands(t.n) }
  local line = ("%s of each class against the rest, %s"):format(roc and "ROC" or "precision and recall",
    text.samples_of(t.n))
  if #shown < #t.by_class then line = line .. ("; the %d lowest of %d classes"):format(#shown, #t.by_class) end
  if t.defined < #t.by_class then
    line = line .. ("; not defined for %d, which have no sample"):format(#t.by_class - t.defined)
  end
  return wrapped(line) .. "\n" .. util.columns(rows, "lrr")
end

return text
