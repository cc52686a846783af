-- What the numbers of a report say, in sentences. A check looks at the facts (lua/sonde/report_facts.lua) and gives a
-- list of findings { text =, proof =, section = }, and a line on what it looked at, or why it could not. A finding is
-- there only when its numbers are beyond their noise; it says what was measured, and recommends nothing.
--
-- Whoever diagnoses (causes, fixes that were tried) adds checks here: findings.checks is an open list.
local core = require "sonde.core"
local facts = require "sonde.report_facts"
local util = require "sonde.util"

local findings = { checks = {} }

local function add(name, check) table.insert(findings.checks, { name = name, check = check }) end

local function finding(section, text, proof) return { section = section, text = text, proof = proof } end

-- ---- words ----

local function fixed(v) return util.fixed("%.4f", v) end
local function signed(v) return util.fixed("%+.4f", v) end
local function points(v) return util.fixed("%.1f", 100 * v) end
local function percent(v) return util.fixed("%.1f %%", 100 * v) end
local function interval(lower, upper, text)
  text = text or fixed
  return ("95 %%: %s .. %s"):format(text(lower), text(upper))
end

-- A class in a sentence: its name, or "class 0".
local function class(f, k) return (f.data.class_names and "" or "class ") .. f.pass.classes[k] end

-- ---- noise ----

-- Student's t, 97.5 %, by degrees of freedom
local STUDENT = { 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228 }
local function student(n) return STUDENT[n] or n <= 30 and 2.2 or 2 end

-- How far two values of a series must be apart to be told from its scatter between epochs (about 95 %). The scatter is
-- taken from second differences, whose mean square is 6 variances of white noise, and which no trend touches. inf where
-- there are too few values.
local function margin(list)
  local sum, n = 0, 0
  for i = 2, #list - 1 do
    local d = list[i + 1] - 2 * list[i] + list[i - 1]
    if d == d then sum, n = sum + d * d, n + 1 end
  end
  if n < 2 then return math.huge end
  return student(n) * math.sqrt(2 * sum / n / 6)
end
findings.margin = margin

local function column(list, name)
  local out = {}
  for i, t in ipairs(list or {}) do out[i] = t and t[name] or 0 / 0 end
  return out
end

-- The place of the least (sign 1) or the largest (-1) finite value.
local function best(list, sign)
  local at
  for i, v in ipairs(list) do
    if v - v == 0 and (not at or sign * v < sign * list[at]) then at = i end
  end
  return at
end

-- Interval of the difference of two independent shares (Newcombe 1998, method 10).
local function share_difference(hits1, n1, hits2, n2, level)
  local p1, p2 = hits1 / n1, hits2 / n2
  local l1, u1 = core.wilson(hits1, n1, level)
  local l2, u2 = core.wilson(hits2, n2, level)
  local d = p1 - p2
  return d, d - math.sqrt((p1 - l1) ^ 2 + (u2 - p2) ^ 2), d + math.sqrt((u1 - p1) ^ 2 + (p2 - l2) ^ 2)
end
findings.share_difference = share_difference

-- ---- what is not finite ----

add("numbers that are not finite", function(f)
  local out = {}
  for _, name in ipairs(f.names or {}) do
    for i, v in ipairs(f.history[name]) do
      local unknown = name:find "^val_" and not f.validation[i] or name == "learning_rate"
      if v - v ~= 0 and not unknown then
        out[#out + 1] = finding("curves", ("%s is %s in epoch %d."):format(name, util.number(v), f.first + i))
        break
      end
    end
  end
  for _, row in ipairs(f.gradients or {}) do
    if row.bad > 0 then
      out[#out + 1] = finding("layers", ("The gradient of %s holds numbers that are not finite."):format(row.name),
        ("%d nan and %d inf of %d."):format(row.nan, row.inf, row.count))
      break
    end
  end
  local info = f.info_judged
  if info and info.bad > 0 then
    out[#out + 1] = finding("confusion", ("The outputs of %d of %d samples are not finite."):format(info.bad, info.n),
      "The first of them: " .. info.first_bad .. ".")
  end
  local seen = {}
  if (f.epochs or 0) > 0 then seen[1] = "the history" end
  if f.gradients then seen[#seen + 1] = "the gradients" end
  if info then seen[#seen + 1] = "the outputs" end
  return out, "numbers that are not finite: " .. (#seen > 0 and "none in " .. table.concat(seen, ", ")
    or "there is nothing yet that could hold one")
end)

-- ---- what the loss is made of ----

local SHARE = 0.1 -- a penalty below this share of the loss is not worth a sentence

local function say_composition(f, out)
  local name = f.terms.validation and f.terms.validation.total and "val_loss" or "loss"
  local t = name == "val_loss" and f.terms.validation or f.terms.train
  local extra = t.penalty + (t.activity or 0)
  if not (t.total and t.total > 0 and extra / t.total >= SHARE) then return end
  local most, sum, n = nil, 0, 0
  for layer, v in pairs(t.layers) do
    sum, n = sum + v, n + 1
    if not most or v > t.layers[most] then most = layer end
  end
  local proof = n > 1 and t.layers[most] / sum >= 0.5 and ("%s holds %s of the penalty (%s of %s)."):format(most,
    percent(t.layers[most] / sum), fixed(t.layers[most]), fixed(sum)) or nil
  out[#out + 1] = finding("loss_terms", ("The printed %s of %s is data loss %s + penalty %s: %s of it is no error of "
    .. "the predictions."):format(name, fixed(t.total), fixed(t.data), fixed(extra), percent(extra / t.total)), proof)
end

-- Where the printed loss rises, and the data loss does not.
local function say_growing(f, out, list, name)
  local total, data, penalty = column(list, "total"), column(list, "data"), column(list, "penalty")
  local n, from = #total, best(total, 1)
  if not from or from == n or not (total[n] - total[from] > margin(total)) then return end
  local rise, moved, grown = total[n] - total[from], data[n] - data[from], penalty[n] - penalty[from]
  local noise = margin(data)
  if not (grown > 0 and moved < noise) then return end
  local how = moved < -noise and ("fell by %s"):format(fixed(-moved))
    or ("did not move beyond its scatter (%s)"):format(signed(moved))
  out[#out + 1] = finding("loss_terms", ("From epoch %d to %d the printed %s rose by %s while its data loss %s: the "
    .. "penalty grew by %s."):format(f.first + from, f.first + n, name, fixed(rise), how, fixed(grown)),
    ("%s %s to %s, data loss %s to %s, penalty %s to %s; scatter alone parts two epochs of data loss by up to %s.")
    :format(name, fixed(total[from]), fixed(total[n]), fixed(data[from]), fixed(data[n]), fixed(penalty[from]),
    fixed(penalty[n]), fixed(noise)))
end

add("what the loss is made of", function(f)
  if not f.run then return {}, "what the loss is made of: a model alone has no loss of training" end
  local out = {}
  say_composition(f, out)
  say_growing(f, out, f.train, "loss")
  local validation = {}
  for _, t in ipairs(f.validation) do
    if t then validation[#validation + 1] = t end
  end
  if #validation == #f.train then say_growing(f, out, validation, "val_loss") end
  return out, ("what the loss is made of: penalties are under %g %% of it"):format(100 * SHARE)
end)

-- ---- chance ----


-- The data loss of 1 / classes on everything.
local function chance(f)
  if not f.losses or not f.loss or not facts.crossentropies[f.loss.type] or f.losses.n ~= f.pass.n then return nil end
  if f.info_judged.independent then return 2 end
  return f.loss.type == "binary_crossentropy" and 2 or #f.pass.classes
end

add("data loss against chance", function(f)
  local k = chance(f)
  if not k then return {}, "data loss against chance: there is no cross-entropy of judged samples" end
  local reference, mean, half = math.log(k), f.losses.mean, 1.96 * f.losses.se
  local proof = ("Data loss %s (%s) over %s samples of the %s; ln %d = %s is the loss of saying 1/%d for every class.")
    :format(fixed(mean), interval(mean - half, mean + half), util.thousands(f.losses.n), f.data_name, k,
    fixed(reference), k)
  local quiet = ("data loss against chance: %s, below ln %d = %s"):format(fixed(mean), k, fixed(reference))
  if mean - half > reference then
    return { finding("calibration", ("The data loss is above ln %d: saying the same for every sample would have a "
      .. "lower one."):format(k), proof) }
  elseif mean + half >= reference then
    return { finding("calibration", ("The data loss cannot be told from ln %d, that of saying the same for every "
      .. "sample."):format(k), proof) }
  end
  local extra = f.terms and f.terms.train and f.terms.train.penalty
  if extra and mean - half + extra > reference then
    return { finding("loss_terms", ("The loss with its penalty, %s, is above ln %d; the data loss is below it, better "
      .. "than chance."):format(fixed(mean + extra), k), proof .. (" The penalty adds %s."):format(fixed(extra))) }
  end
  return {}, quiet
end)

add("accuracy against the most frequent class", function(f)
  local c = f.confusion
  if not c then return {}, "accuracy against the most frequent class: no classes were judged" end
  local most, said = nil, nil
  for k, s in ipairs(c.by_class) do
    if not most or s.support > c.by_class[most].support then most = k end
    if s.predicted == c.n then said = k end
  end
  local share = c.by_class[most].support / c.n
  local proof = ("Accuracy %s (%s) over %s samples; %s of them are %s."):format(fixed(c.accuracy),
    interval(c.lower, c.upper), util.thousands(c.n), percent(share), class(f, most))
  if said and #c.classes > 1 and c.by_class[said].support < c.n then
    return { finding("confusion", ("All %s predictions are %s."):format(util.thousands(c.n), class(f, said)), proof) }
  elseif c.lower <= share and share < 1 then
    return { finding("confusion", c.upper < share and "The accuracy is below what the most frequent class alone would "
      .. "give." or "The accuracy cannot be told from that of always saying the most frequent class.", proof) }
  end
  return {}, ("accuracy against the most frequent class: %s, over %s"):format(fixed(c.accuracy), fixed(share))
end)

-- ---- epochs ----

-- The name of the accuracy in the history, with validation or without.
local function accuracy_name(f, validation)
  for _, name in ipairs(f.names or {}) do
    if name:find "accuracy" and not name:find "top" and (name:find "^val_" ~= nil) == validation then return name end
  end
end

-- Both sides rose since the best epoch: worth a sentence of its own.
local function with_accuracy(f, from, n)
  local name = accuracy_name(f, true)
  local list = name and f.history[name]
  local at = list and best(list, -1)
  if not at then return "" end
  local text = (" %s is highest at epoch %d (%s)"):format(name, f.first + at, fixed(list[at]))
  local moved, noise = list[n] - list[from], margin(list)
  if moved > noise then
    return text .. (", and rose by %s points since epoch %d: more predictions are right, and the wrong ones cost more.")
      :format(points(moved), f.first + from)
  end
  return text .. "."
end

add("the best epoch of validation", function(f)
  if not f.run or f.epochs == 0 or not f.validation[1] then
    return {}, "the best epoch of validation: no epoch has been validated"
  end
  local data = column(f.validation, "data")
  local n, from = #data, best(data, 1)
  if not from then return {}, "the best epoch of validation: no data loss is finite" end
  local noise = 1.5 * margin(data) -- the least of many is picked: further off than one of them
  local rise = data[n] - data[from]
  if rise > noise then
    return { finding("curves", ("The validation data loss is lowest at epoch %d (%s) and has risen to %s since.")
      :format(f.first + from, fixed(data[from]), fixed(data[n])), ("%s in %d epoch%s; scatter alone makes up to %s.")
      :format(signed(rise), n - from, n - from == 1 and "" or "s", fixed(noise)) .. with_accuracy(f, from, n)) }
  end
  return {}, n < 4 and "the best epoch of validation: fewer than 4 epochs have no scatter to compare with"
    or ("the best epoch of validation: %d; data loss since then %s, scatter alone up to %s"):format(f.first + from,
    signed(rise), fixed(noise))
end)

add("the data loss of training", function(f)
  if not f.run or f.epochs < 4 then return {}, "the data loss of training: fewer than 4 epochs are complete" end
  local data = column(f.train, "data")
  local n, from = #data, best(data, 1)
  local noise = 1.5 * margin(data)
  if from and data[n] - data[from] > noise then
    return { finding("curves", ("The data loss of training has risen from %s (epoch %d) to %s."):format(
      fixed(data[from]), f.first + from, fixed(data[n])), ("%s; scatter alone makes up to %s."):format(
      signed(data[n] - data[from]), fixed(noise))) }
  end
  return {}, "the data loss of training: at its lowest, within the scatter between epochs"
end)

add("accuracy of training and validation", function(f)
  local train, val = accuracy_name(f, false), accuracy_name(f, true)
  local quiet = "accuracy of training and validation: not both are in the history"
  if not train or not val or f.epochs == 0 or not f.validation[f.epochs] then return {}, quiet end
  local a, b = f.history[train][f.epochs], f.history[val][f.epochs]
  local n, m = #f.run.train - f.run.train:broken(), #f.run.validation - f.run.validation:broken()
  if a ~= a or b ~= b or n < 1 or m < 1 then return {}, quiet end
  local function hits(share, of) return math.max(0, math.min(of, math.floor(share * of + 0.5))) end
  local d, lower, upper = share_difference(hits(a, n), n, hits(b, m), m, 0.95)
  local text = ("%s points (%s)"):format(points(d), interval(lower, upper, points))
  if lower > 0 then
    return { finding("curves", ("The accuracy of training is above that of validation by %s."):format(text),
      ("Epoch %d: %s %s over %s samples, averaged over the epoch in training mode; %s %s over %s."):format(
      f.first + f.epochs, train, fixed(a), util.thousands(n), val, fixed(b), util.thousands(m))) }
  end
  return {}, "accuracy of training above that of validation: " .. text
end)

-- ---- confidence ----

add("calibration", function(f)
  local c = f.calibration
  if not c then return {}, "calibration: " .. (f.problems.calibration or "there are no probabilities") end
  local gain = ("T* = %.3g%s would lower the NLL of %s by %s (%s)"):format(c.temperature, c.temperature_at_limit and
    ", the end of the range," or "", fixed(c.nll), fixed(c.gain), interval(c.gain_lower, c.gain_upper))
  if c.gain_lower > 0 then
    local wide = c.temperature > 1
    return { finding("calibration", ("The predictions are %s-confident: %s."):format(wide and "over" or "under", gain),
      ("Mean confidence %s, accuracy %s (%s), ECE %s. T* is fitted to these very samples."):format(fixed(c.confidence),
      fixed(c.accuracy), interval(f.confusion.lower, f.confusion.upper), fixed(c.ece))) }
  end
  return {}, "calibration: " .. gain
end)

add("classes", function(f)
  local c, out = f.confusion, {}
  if not c then return {}, "classes: none were judged" end
  local low, high
  for k, s in ipairs(c.by_class) do
    if s.support > 0 then
      low = (not low or s.recall < c.by_class[low].recall) and k or low
      high = (not high or s.recall > c.by_class[high].recall) and k or high
    end
  end
  if not low or low == high then return {}, "classes: there is but one" end
  local a, b = c.by_class[high], c.by_class[low]
  -- of many classes the extremes are picked: the level is shared out among their pairs
  local k = #c.by_class
  local level = 1 - 0.05 / math.max(1, k * (k - 1) / 2)
  local d, lower, upper = share_difference(a.correct, a.support, b.correct, b.support, level)
  local text = ("%s %s (%d of %d), %s %s (%d of %d)"):format(class(f, high), fixed(a.recall), a.correct, a.support,
    class(f, low), fixed(b.recall), b.correct, b.support)
  if lower > 0 then
    out[1] = finding("confusion", ("Recall differs between classes by %s points: %s."):format(points(d), text),
      ("Interval of the difference: %s .. %s points, at %.4g %% for each pair of %d classes."):format(points(lower),
      points(upper), 100 * level, k))
  end
  return out, ("classes: recall of %s; interval of the difference %s .. %s points"):format(text, points(lower),
    points(upper))
end)

-- ---- layers ----

local RELAYS = { dropout = true, flatten = true, reshape = true, max_pool2d = true, avg_pool2d = true, input = true,
  global_avg_pool2d = true, concat = true }

add("dead units", function(f)
  if not f.activations then return {}, "dead units: " .. (f.problems.activations or "no activations were measured") end
  local out, kind = {}, {}
  for _, layer in ipairs(f.layers) do kind[layer.name] = layer.type end
  for _, row in ipairs(f.activations) do
    if (row.dead or 0) > 0 and not RELAYS[kind[row.layer]] then
      out[#out + 1] = finding("layers", ("%d of %d units of %s are dead: zero for all of %s samples."):format(row.dead,
        row.units, row.name, util.thousands(row.samples)), ("A unit that is silent in %s samples is active in fewer "
        .. "than %s of all (95 %%)."):format(util.thousands(row.samples), percent(1 - 0.05 ^ (1 / row.samples))))
    end
  end
  return out, ("dead units: none over %s samples"):format(util.thousands(f.seen or 0))
end)

local FACTOR = 10

add("update / weight", function(f)
  local list = {}
  for _, row in ipairs(f.gradients or {}) do
    if row.ratio and row.ratio - row.ratio == 0 and #row.shape > 1 then list[#list + 1] = row end
  end
  if #list < 2 then return {}, "update / weight: fewer than two kernels have been updated" end
  table.sort(list, function(a, b) return a.ratio < b.ratio end)
  local top, rest = list[#list], list[#list - 1]
  local others = #list == 2 and ("%.2g for %s"):format(rest.ratio, rest.name)
    or ("%.2g .. %.2g for the other %d"):format(list[1].ratio, rest.ratio, #list - 1)
  local text = ("%.2g for %s, %s"):format(top.ratio, top.name, others)
  if top.ratio > FACTOR * rest.ratio then
    return { finding("layers", ("Update / weight of the last step is %s."):format(text), "Norm of the step over norm "
      .. "of the weights, kernels only" .. (rest.ratio > 0 and ("; %.3g times as much as the next."):format(top.ratio
      / rest.ratio) or ".")) }
  end
  return {}, "update / weight of the last step: " .. text
end)

add("broken files", function(f)
  local out, seen = {}, {}
  for title, d in pairs { ["training data"] = f.run and f.run.train or nil, ["validation data"] = f.run and
    f.run.validation or nil, [f.data_name or ""] = f.data } do
    local n = d:broken()
    if n > 0 and not seen[d] then
      out[#out + 1] = finding("configuration", ("%d of the %s files of the %s cannot be read and %s left out."):format(
        n, util.thousands(#d), title, n == 1 and "is" or "are"))
    end
    seen[d] = true
  end
  table.sort(out, function(a, b) return a.text < b.text end)
  return out, "broken files: none were found"
end)

-- ---- all of them ----

-- Findings in the order of the checks; lines of what was looked at without one.
function findings.of(f)
  local out, quiet = {}, {}
  for _, c in ipairs(findings.checks) do
    local found, line = c.check(f)
    for _, v in ipairs(found) do out[#out + 1] = v end
    if #found == 0 and line then quiet[#quiet + 1] = line end
  end
  return out, quiet
end

return findings
