-- The sections of a report that are about predictions: confusion, classes, calibration, ROC, the worst samples; of a
-- model that predicts numbers, its errors. Each takes the facts and the page, and gives HTML.
local core = require "sonde.core"
local explain_show = require "sonde.explain_show"
local facts = require "sonde.report_facts"
local html = require "sonde.html"
local maps = require "sonde.explain_maps"
local picture = require "sonde.picture"
local plot = require "sonde.plot"
local util = require "sonde.util"

local sections = {}
local element, raw = html.element, html.raw

local function fixed(v) return v and util.fixed("%.4f", v) or "-" end
local function range(lower, upper) return fixed(lower) .. " .. " .. fixed(upper) end
local function count(n) return util.thousands(n) end
local function samples(n) return count(n) .. (n == 1 and " sample" or " samples") end

-- ---- confusion ----

local MOST_CLASSES, MOST_PAIRS, MOST_REPORTED = 20, 20, 200
local DARK = 0.6 -- from this share on the cell's text is light

local function short(s) return util.cut(s, 24) end

local function matrix(c)
  local head, rows = { "true \\ predicted" }, {}
  for k, name in ipairs(c.classes) do head[k + 1] = { text = short(name), title = name } end
  for i, row in ipairs(c.counts) do
    local sum = c.by_class[i].support
    rows[i] = { { text = short(c.classes[i]), title = c.classes[i] } }
    for k, n in ipairs(row) do
      local share = sum > 0 and n / sum or 0
      local class = (i ~= k and "off " or "") .. (share >= DARK and "dark" or "")
      rows[i][k + 1] = { html = count(n) .. (n > 0 and ("<small>%.1f %%</small>"):format(100 * share) or ""),
        class = class ~= "" and class or nil, style = ("--share:%.3f"):format(share) }
    end
  end
  return html.table { class = "matrix", head = head, rows = rows, align = "l" .. ("c"):rep(#c.classes),
    label = "confusion matrix", caption = "Rows are true classes, columns predicted ones, shares of the true class" }
end

local function pairs_table(c)
  local rows = {}
  for i, v in ipairs(c.most_confused) do
    if i > MOST_PAIRS then break end
    rows[i] = { v.true_class, v.predicted_class, count(v.count), ("%.1f %%"):format(100 * v.share) }
  end
  if #rows == 0 then return html.paragraph "No sample is taken for another class." end
  return html.table { head = { "true", "predicted", "count", "of the true class" }, align = "llrr", rows = rows,
    caption = "The classes that are most confused" }
end

local function classes_table(c, level)
  local rows, left = {}, #c.by_class - MOST_REPORTED
  for i, s in ipairs(c.by_class) do
    if i > MOST_REPORTED then break end
    local lower, upper = core.wilson(s.correct, s.support, level)
    rows[i] = { s.name, s.predicted > 0 and fixed(s.precision) or "-", s.support > 0 and fixed(s.recall) or "-",
      s.support > 0 and range(lower, upper) or "-", s.support + s.predicted > 0 and fixed(s.f1) or "-",
      count(s.support) }
  end
  local foot = {}
  for i, name in ipairs { "macro", "weighted" } do
    local s = c[name]
    foot[i] = { name .. " average", fixed(s.precision), fixed(s.recall), "", fixed(s.f1), count(c.n) }
  end
  return html.table { head = { "class", "precision", "recall", ("recall, %g %%"):format(100 * level), "F1", "samples" },
    align = "lrrrrr", rows = rows, foot = foot, caption = "Each class" .. (left > 0 and
    (" (the first %d of %d; m:classification_report(d) has all)"):format(MOST_REPORTED, #c.by_class) or "") }
end

-- Which samples, judged how.
local function judged_text(f)
  return ("Measured on %s of the %s, in inference mode, with the weights as they are now."):format(samples(f.pass.n),
    f.data_name)
end

local function missing(f, what)
  return html.note("Not measured: ", f.problems[what] or "there is nothing to judge", ".")
end

function sections.confusion(f, page)
  if not f.pass then return f.numbers and sections.numbers(f, page) or missing(f, "judging") end
  local c = f.confusion
  if not c then return missing(f, "confusion") end
  local out = { html.paragraph(judged_text(f), " ", ("Accuracy %s (%g %%: %s), %s of %s."):format(fixed(c.accuracy),
    100 * c.level, range(c.lower, c.upper), count(c.correct), count(c.n))) }
  if (c.soft or 0) > 0 then
    out[2] = html.note(count(c.soft), " of the labels are shares of several classes: the largest was taken.")
  end
  out[#out + 1] = #c.classes <= MOST_CLASSES and matrix(c) or pairs_table(c)
  out[#out + 1] = classes_table(c, c.level)
  return table.concat(out, "\n")
end

-- ---- calibration ----

local TALL, SQUARE = { width = 440, height = 520 }, { width = 440, height = 420 }

local function without_title(p)
  for _, panel in ipairs(p.panels) do panel.title = nil end
  return plot.new { width = p.width, height = p.height, columns = p.columns, panels = p.panels }
end

local function bins_table(c)
  local rows = {}
  for _, b in ipairs(c.bins) do
    if b.count > 0 then
      rows[#rows + 1] = { ("%.3f .. %.3f"):format(b.low, b.high), count(b.count), fixed(b.confidence),
        fixed(b.accuracy), range(b.lower, b.upper), ("%+.4f"):format(b.accuracy - b.confidence) }
    end
  end
  return html.table { head = { "confidence in", "samples", "mean confidence", "accuracy",
    ("%g %% of accuracy"):format(100 * c.level), "gap" }, align = "lrrrrr", rows = rows, label = "bins of confidence" }
end

local function scores_table(c)
  local rows = {
    { "accuracy", fixed(c.accuracy), "share of right predictions" },
    { "mean confidence", fixed(c.confidence), "probability of the predicted class; calibrated: the accuracy" },
    { "ECE", fixed(c.ece), ("expected calibration error, %d bins of equal width"):format(#c.bins) },
    { "adaptive ECE", fixed(c.adaptive_ece), "the same with bins of equal counts" },
    { "MCE", fixed(c.mce), "the largest gap of a bin" },
    { "NLL", fixed(c.nll), "mean negative log-probability of the true class" },
    { "Brier score", fixed(c.brier), "sum over classes of the squared error, 0 to 2" },
    { "T*", ("%.4g"):format(c.temperature) .. (c.temperature_at_limit and " (end of the range)" or ""),
      "temperature of the lowest NLL; over 1: over-confident" },
    { "NLL at T*", fixed(c.temperature_nll), ("gain %s (%g %%: %s)"):format(fixed(c.gain), 100 * c.level,
      range(c.gain_lower, c.gain_upper)) },
  }
  if c.brier_binary then table.insert(rows, 8, { "Brier score of class 1", fixed(c.brier_binary), "0 to 1" }) end
  return html.table { head = { "score", "value", "what it is" }, align = "lrl", rows = rows, label = "calibration" }
end

function sections.calibration(f, page)
  local c = f.calibration
  if not c then return missing(f, "calibration") end
  local out = {}
  local p = without_title(c:plot())
  for _, s in ipairs(p.panels[1].series) do s.title = nil end -- there is no room for a legend; the caption says it
  out[1] = page.plot(p, ("Reliability: accuracy at each confidence with its %g %% interval; the broken line is perfect "
    .. "calibration. Below, how many samples"):format(100 * c.level), TALL)
  if f.histogram then
    local caption = ("Confidence of %s right and %s wrong predictions"):format(count(f.histogram.right),
      count(f.histogram.wrong))
    out[#out + 1] = page.plot(without_title(f.histogram:plot()), caption, SQUARE)
  end
  if f.roc and f.roc.auc == f.roc.auc then
    out[#out + 1] = page.plot(without_title(f.roc:plot()), ("ROC of class %s: AUC %s"):format(f.roc.name,
      fixed(f.roc.auc)), SQUARE)
  end
  return (#out > 0 and '<div class="plots">' .. table.concat(out, "\n") .. "</div>\n" or "") .. scores_table(c)
    .. (f.roc and f.roc.auc == f.roc.auc and html.paragraph("Area under the ROC curve of class ", raw(html.name(
      f.roc.name)), ": ", fixed(f.roc.auc), ".") or "") .. html.details("Bins of confidence", bins_table(c), #out == 0)
end

-- ---- numbers ----

function sections.numbers(f, page)
  local t, rows = f.numbers, {}
  for k, s in ipairs(t.columns) do
    rows[k] = { s.name, util.number(s.rmse), util.number(s.mae), util.number(s.bias), util.number(s.sd), fixed(s.r2),
      s.bad > 0 and { text = count(s.bad), class = "alert" } or "0" }
  end
  local out = { html.paragraph(("The model predicts numbers. On %s of the %s: RMSE %s, mean absolute error %s.")
    :format(samples(t.n), f.data_name, util.number(t.rmse), util.number(t.mae))) }
  local drawn = page.plot(plot.new { panels = { { x = { label = "true" }, y = { label = "predicted" }, series = {
    { kind = "points", title = "samples", x = t.x, y = t.y, color = 1 } } } } },
    "Predicted against true" .. (t.outputs > 1 and ", output 1" or ""), SQUARE)
  if drawn then out[2] = '<div class="plots">' .. drawn .. "</div>" end
  out[#out + 1] = html.table { head = { "output", "RMSE", "mean absolute error", "bias", "sd of the truth", "R2",
    "not finite" }, align = "lrrrrrr", rows = rows, caption = t.outputs > #t.columns and
    ("the first %d of %d outputs"):format(#t.columns, t.outputs) or nil, label = "errors" }
  return table.concat(out, "\n")
end

-- ---- the worst samples ----

local SIDE = 160 -- pixels of a picture at most

local function is_picture(shape)
  local c = shape[3]
  return #shape == 2 or #shape == 3 and (c == 1 or c == 3 or c == 4)
end

local function reduced(p)
  local w, h = core.picture_size(p)
  local most = math.max(w, h)
  if most <= SIDE then return p end
  return p:resize(math.max(1, w * SIDE // most), math.max(1, h * SIDE // most))
end

local function list_text(v)
  if type(v) ~= "table" then return util.number(v) end
  local out = {}
  for i = 1, math.min(#v, 6) do out[i] = util.number(v[i]) end
  return table.concat(out, ", ") .. (#v > 6 and ", ..." or "")
end

local function caption_of(row, f)
  local out = {}
  local function line(...) out[#out + 1] = element("div", nil, ...) end
  if f.numbers then
    line(raw(element("span", { class = "truth" }, "true ", list_text(row.truth))), ", predicted ", list_text(row.says))
    line("error ", util.number(row.error))
  else
    local right = row.predicted_class == row.true_class
    line(raw(element("span", { class = "truth" }, raw(html.name(row.true_class)))), right and " (right)" or "",
      not right and row.predicted_class and raw(" &#8594; " .. html.name(row.predicted_class)) or nil)
    line(row.confidence and ("confidence %.3f, "):format(row.confidence) or "", "loss ", util.number(row.loss))
  end
  line("sample ", row.index)
  if row.name then
    out[#out + 1] = element("div", { title = row.name }, raw(html.name(row.name:match "[^/]+$" or row.name)))
  end
  return table.concat(out)
end

-- What speaks for the predicted class, as a picture; nil where the model cannot be asked.
local function map_of(f, x, row)
  if f.problems.map or f.numbers or not row.predicted or not maps.can_cam(f.model) then return nil end
  local e = facts.try(f, "map", function()
    return f.model:explain(x, { class = row.predicted, method = "grad_cam" })
  end)
  if not e then return nil end
  local most = math.max(x.shape[1], x.shape[2])
  return reduced(explain_show.heat(e, math.max(1, SIDE // most)))
end

local function item(f, row, x, lo, hi)
  local p = reduced(picture(x, { range = { lo, hi } }))
  local class = math.max(core.picture_size(p)) >= 48 and "big" or nil
  local what = f.numbers and ("sample %d"):format(row.index) or ("sample %d, %s%s"):format(row.index, row.true_class,
    row.predicted_class ~= row.true_class and row.predicted_class and " taken for " .. row.predicted_class or "")
  local shown, over = html.picture(p, what, class), map_of(f, x, row)
  if over then
    shown = ('<div class="pair">%s%s</div>'):format(shown, html.picture(over, ("Grad-CAM of sample %d for %s"):format(
      row.index, row.predicted_class), "big"))
  end
  return "<li><figure>" .. shown .. element("figcaption", nil, raw(caption_of(row, f))) .. "</figure></li>", over ~= nil
end

-- Pictures with their captions, all in one range of values; second: are there maps beside them?
local function gallery(f)
  local xs, out, any = {}, {}, false
  for i, row in ipairs(f.worst) do xs[i] = core.dataset_sample(f.data, row.index) end
  local lo, hi = picture.range_of("report", xs)
  for i, row in ipairs(f.worst) do
    local mapped
    out[i], mapped = item(f, row, xs[i], lo, hi)
    any = any or mapped
  end
  return ('<ol class="gallery%s">\n%s\n</ol>'):format(any and " maps" or "", table.concat(out, "\n")), any
end

local function worst_table(f)
  local rows, head = {}, f.numbers and { "sample", "true", "predicted", "error" }
    or { "sample", "true", "predicted", "p(true)", "confidence", "loss", "file" }
  for i, r in ipairs(f.worst) do
    rows[i] = f.numbers and { tostring(r.index), list_text(r.truth), list_text(r.says), util.number(r.error) }
      or { tostring(r.index), r.true_class, r.predicted_class or "-", r.probability and fixed(r.probability) or "-",
        r.confidence and fixed(r.confidence) or "-", util.number(r.loss), r.name or "" }
  end
  return html.table { head = head, align = f.numbers and "rrrr" or "rllrrrl", rows = rows, label = "the worst samples" }
end

function sections.worst(f)
  local what = f.numbers and "error" or "data loss"
  local intro = html.paragraph(("The %d samples of the %s with the largest %s."):format(#f.worst, f.data_name, what))
  if not is_picture(f.data.x_shape) then return intro .. worst_table(f) end
  local shown, mapped = gallery(f)
  local note = mapped and html.paragraph "Beside each, Grad-CAM: in red what speaks for the predicted class."
    or f.problems.map and html.note("No Grad-CAM: ", f.problems.map, ".") or ""
  return intro .. note .. shown .. html.details("As a table", worst_table(f))
end

return sections
