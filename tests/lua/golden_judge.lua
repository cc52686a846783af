-- Judging saved predictions: counts, scores, curves and areas against scikit-learn, temperature against scipy, binned
-- calibration against NumPy. Ties, exact 0 and 1, classes without samples, one and more units. A dense layer of
-- identity kernel carries the predictions.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "judge"

local function carry(n, loss)
  local eye = {}
  for i = 1, n do
    eye[i] = {}
    for j = 1, n do eye[i][j] = i == j and 1 or 0 end
  end
  local m = sequential { dense { n, use_bias = false, input_shape = { n } } }
  m:compile { loss = loss, optimizer = "sgd" }
  m:set_weights { tensor(eye) }
  return m
end

local function column(rows, ...)
  local out = {}
  for i, r in ipairs(rows) do
    out[i] = {}
    for k, name in ipairs { ... } do out[i][k] = r[name] == r[name] and r[name] or 0 end -- no nan in comparisons
  end
  return out
end

local function scores(s) return { s.precision, s.recall, s.f1 } end

-- nan, where both have it, as a number that nothing else is.
local function plain(list)
  local out = {}
  for i, v in ipairs(U.flat(list)) do out[i] = v == v and v or -7 end
  return out
end

local function counts(name, m, d)
  local what, c = name .. ": ", m:confusion(d)
  U.close(what .. "counts", c.counts, data[name .. ".counts"], 0)
  U.close(what .. "precision, recall, F1, support", column(c.by_class, "precision", "recall", "f1", "support"),
    data[name .. ".by_class"], 1e-12)
  U.close(what .. "macro average", scores(c.macro), data[name .. ".macro"], 1e-12)
  U.close(what .. "weighted average", scores(c.weighted), data[name .. ".weighted"], 1e-12)
  U.close(what .. "accuracy, interval", { c.accuracy, c.lower, c.upper }, data[name .. ".accuracy"], 1e-12)
  local a = m:accuracy(d)
  U.close(what .. "accuracy, interval", { a.accuracy, a.lower, a.upper }, data[name .. ".accuracy"], 1e-12)
  U.close(what .. "report", column(m:classification_report(d).by_class, "precision", "recall", "f1", "support"),
    data[name .. ".by_class"], 1e-12)
  if data[name .. ".top_3"] then
    U.close(what .. "top 3", { m:accuracy(d, { top_k = 3 }).accuracy }, data[name .. ".top_3"], 1e-12)
  end
end

-- tolerance: outputs of softmax in float32 do not sum to 1 exactly, which the two programs treat apart.
local function calibration(name, m, d, tolerance)
  local what = name .. ": "
  for _, bins in ipairs { 15, 10 } do
    local c = m:calibration(d, { bins = bins })
    U.close(what .. "bins", column(c.bins, "low", "high", "count", "confidence", "accuracy", "lower", "upper"),
      data[("%s.bins_%d"):format(name, bins)], 1e-10)
    U.close(what .. "ECE, MCE, adaptive", { c.ece, c.mce, c.adaptive_ece }, data[("%s.ece_%d"):format(name, bins)],
      1e-10)
    local got = { c.nll, c.brier, c.temperature, c.temperature_nll, c.gain, c.gain_lower, c.gain_upper }
    local want = U.flat(data[name .. ".calibration"])
    for i, part in ipairs { "NLL", "Brier", "T*", "NLL at T*", "gain", "lower", "upper" } do
      U.close(what .. part, { got[i] }, { want[i] }, tolerance)
    end
    U.close(what .. "clipped", { c.clipped, c.saturated }, { want[8], want[9] }, 0)
    U.result(not c.temperature_at_limit, what .. "T* within its range", "it is not")
  end
  local h = m:confidence_histogram(d, { bins = 8 })
  local right, wrong = {}, {}
  for b, v in ipairs(h.bins) do right[b], wrong[b] = v.right, v.wrong end
  U.close(what .. "histogram", { right, wrong }, data[name .. ".histogram"], 0)
end

local function curve(name, m, d, class)
  local what = ("%s: class %d, "):format(name, class)
  local key = ("%s.class_%d."):format(name, class)
  for _, drop in ipairs { true, false } do
    local c = m:roc(d, { class = class, drop_intermediate = drop })
    local want = data[key .. (drop and "roc_drop" or "roc_all")]:tolist()
    U.close(what .. "fpr", c.fpr, want[1], 1e-12)
    U.close(what .. "tpr", c.tpr, want[2], 1e-12)
    c.thresholds[1], want[3][1] = c.thresholds[1] == math.huge and 2 or -1, want[3][1] == math.huge and 2 or 0
    U.close(what .. "thresholds", c.thresholds, want[3], 1e-7)
  end
  local c = m:precision_recall(d, { class = class })
  local want = data[key .. "pr"]:tolist()
  U.close(what .. "precision", c.precision, want[1], 1e-12)
  U.close(what .. "recall", c.recall, want[2], 1e-12)
  U.close(what .. "thresholds of precision and recall", c.thresholds, data[key .. "pr_thresholds"], 1e-7)
end

local function areas(name, m, d, classes)
  local want, got, macro = data[name .. ".areas"]:tolist(), {}, { 0, 0, 0, 0 }
  for k = 0, classes - 1 do
    got[k + 1] = { m:roc(d, { class = k }).auc, m:precision_recall(d, { class = k }).average_precision }
    for i = 1, 2 do
      local v = want[k + 1][i]
      if v == v then macro[i], macro[i + 2] = macro[i] + v, macro[i + 2] + 1 end
    end
  end
  U.close(name .. ": AUC and average precision", plain(got), plain(want), 1e-12)
  if classes > 2 then
    local roc, pr = m:roc(d), m:precision_recall(d)
    U.close(name .. ": macro averages", { roc.auc, pr.average_precision }, { macro[1] / macro[3], macro[2] / macro[4] },
      1e-12)
    U.close(name .. ": areas of all classes at once", plain(column(roc.by_class, "auc")), plain(column(want, 1)), 1e-12)
  end
end

local function samples(name, m, d, tolerance)
  local losses, wrong = {}, {}
  for i, r in ipairs(m:worst(d, 5)) do losses[i] = r.loss end
  for i, r in ipairs(m:most_confident_wrong(d, 5)) do wrong[i] = r.confidence end
  U.close(name .. ": largest losses", losses, data[name .. ".largest_losses"], tolerance)
  U.close(name .. ": surest of the wrong", wrong, data[name .. ".surest_wrong"], 1e-10)
end

local sparse, bce = sparse_categorical_crossentropy, binary_crossentropy
for _, row in ipairs {
  { "binary", 1, bce {}, { 0, 1 } },
  { "two", 2, sparse {}, { 1 } },
  { "binary_logits", 1, bce { from_logits = true }, { 1 } },
  { "two_logits", 2, sparse { from_logits = true }, { 1 } },
  { "seven", 7, sparse {}, { 2 } },
  { "seven_logits", 7, sparse { from_logits = true }, { 2 } },
  { "hundred", 100, sparse {}, {} },
} do
  local name, units, loss, curves = table.unpack(row)
  local m, d = carry(units, loss), { data[name .. ".x"], data[name .. ".y"] }
  counts(name, m, d)
  calibration(name, m, d, 1e-8)
  for _, class in ipairs(curves) do curve(name, m, d, class) end
  areas(name, m, d, math.max(units, 2))
  samples(name, m, d, 1e-6) -- the loss clips in float32 and divides by the sum
end
U.done()
