-- What a report finds: only what is beyond its noise, with the numbers that prove it.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local core = require "sonde.core"
local findings = require "sonde.report_findings"

local function check_of(name)
  for _, c in ipairs(findings.checks) do
    if c.name == name then return c.check end
  end
  error("no check " .. name)
end

-- ---- intervals and noise ----

-- Pairs of shares of Newcombe, Statistics in Medicine 17 (1998) 873-890, table II; method 10 as statsmodels 0.15.0
-- computes it: proportion.confint_proportions_2indep(56, 70, 48, 80, compare="diff", method="newcomb")
for _, v in ipairs { { 56, 70, 48, 80, 0.05243147, 0.33387265 }, { 9, 10, 3, 10, 0.17052272, 0.80901797 },
  { 6, 7, 2, 7, 0.05822793, 0.80624964 },
  { 5, 56, 0, 29, -0.03813715, 0.19256001 }, { 0, 10, 0, 20, -0.16112516, 0.27753280 }, { 10, 10, 0, 20, 0.67908604, 1 } } do
  local d, lower, upper = findings.share_difference(v[1], v[2], v[3], v[4], 0.95)
  check.near(d, v[1] / v[2] - v[3] / v[4], 1e-12)
  check.near(lower, v[5], 6e-9)
  check.near(upper, v[6], 6e-9)
end

-- A trend is no scatter; too few values say nothing of it.
check.near(findings.margin { 5, 4, 3, 2, 1, 0 }, 0, 1e-12)
check.equal(findings.margin { 1, 2, 4 }, math.huge)
check.equal(findings.margin {}, math.huge)
check.near(findings.margin { 0, 1, 0, 1 }, 4.303 * math.sqrt(2 * 4 / 6), 1e-9) -- second differences -2, 2; t of 2

-- ---- a made-up run ----

-- data, penalty: lists; the facts of a run of so many epochs.
local function facts(t)
  local f = { run = {}, first = 0, epochs = #t.data, train = {}, validation = {}, names = {}, history = {}, layers = {},
    problems = {}, data_name = "validation data" }
  for i, v in ipairs(t.data) do
    local p = t.penalty and t.penalty[i] or 0
    f.train[i] = { total = v + p, data = v, penalty = p, activity = 0, layers = { dense = 0.9 * p, conv = 0.1 * p } }
    local w = t.val and t.val[i]
    f.validation[i] = w and { total = w + p, data = w, penalty = p, activity = 0, layers = f.train[i].layers } or false
  end
  f.terms = { train = f.train[f.epochs], validation = f.validation[f.epochs] or nil }
  for name, list in pairs(t.history or {}) do
    f.names[#f.names + 1] = name
    f.history[name] = list
  end
  table.sort(f.names)
  return f
end

-- The question that sonde was born from: loss rises, data loss falls.
local made = facts { data = { 0.60, 0.55, 0.51, 0.48, 0.46, 0.44, 0.425 },
  penalty = { 0.05, 0.10, 0.15, 0.19, 0.24, 0.29, 0.34 }, val = { 0.61, 0.56, 0.52, 0.49, 0.47, 0.45, 0.44 } }
local found = check_of "what the loss is made of"(made)
check.equal(#found, 3)
check.equal(found[1].text, "The printed val_loss of 0.7800 is data loss 0.4400 + penalty 0.3400: 43.6 % of it is no "
  .. "error of the predictions.")
check.equal(found[1].proof, "dense holds 90.0 % of the penalty (0.3060 of 0.3400).")
check.has(found[2].text, "From epoch 1 to 7 the printed loss rose by 0.1150 while its data loss fell by 0.1750: the "
  .. "penalty grew by 0.2900.")
check.has(found[3].text, "the printed val_loss rose by 0.1200 while its data loss fell by 0.1700")
check.equal(#check_of "the best epoch of validation"(made), 0)
check.equal(#check_of "the data loss of training"(made), 0)

-- Without a penalty there is nothing to say.
found = check_of "what the loss is made of"(facts { data = { 3, 2, 1.5, 1.2, 1 } })
check.equal(#found, 0)

-- Over-fitting: the validation loss has a lowest place, and its accuracy rises on.
local over = facts { data = { 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02 }, val = { 0.69, 0.55, 0.50, 0.56, 0.63, 0.70, 0.78 },
  history = { accuracy = { 0.5, 0.7, 0.9, 0.95, 0.97, 0.99, 1 },
    val_accuracy = { 0.5, 0.6, 0.69, 0.71, 0.73, 0.75, 0.77 } } }
over.run = { train = { broken = function() return 0 end }, validation = { broken = function() return 0 end } }
for _, side in pairs(over.run) do setmetatable(side, { __len = function() return 500 end }) end
found = check_of "the best epoch of validation"(over)
check.equal(#found, 1)
check.equal(found[1].text, "The validation data loss is lowest at epoch 3 (0.5000) and has risen to 0.7800 since.")
check.has(found[1].proof, "+0.2800 in 4 epochs")
check.has(found[1].proof, "val_accuracy is highest at epoch 7 (0.7700), and rose by 8.0 points since epoch 3")
found = check_of "accuracy of training and validation"(over)
check.equal(#found, 1)
check.has(found[1].text, "by 23.0 points (95 %: 19.")

-- The same accuracies over 10 samples are no finding, and the reason is said.
for _, side in pairs(over.run) do setmetatable(side, { __len = function() return 10 end }) end
local quiet
found, quiet = check_of "accuracy of training and validation"(over)
check.equal(#found, 0)
check.has(quiet, "20.0 points (95 %: -")

-- Noise around a level: rarely taken for a rise.
local function false_alarms(n, runs)
  local count = 0
  local noise = tensor.randn { runs, n, seed = n }:tolist()
  for _, list in ipairs(noise) do
    local f = facts { data = list, val = list }
    count = count + #check_of "the best epoch of validation"(f)
  end
  return count / runs
end
for _, n in ipairs { 4, 6, 10, 30 } do
  local share = false_alarms(n, 500)
  check.ok(share <= 0.08, "%g of %d epochs of noise are taken for a rise", share, n)
end

-- ---- judged samples ----

local function judged(t)
  local f = facts { data = { 1, 1, 1, 1, 1 } }
  f.data, f.info_judged = { class_names = { "cat", "dog" } }, { bad = 0, n = t.n, independent = false }
  f.pass, f.loss = { classes = { "cat", "dog" }, n = t.n }, categorical_crossentropy {}
  f.losses = t.loss and { mean = t.loss, se = t.se, sd = 1, n = t.n }
  f.calibration = t.calibration
  if t.hits then
    local n, right = t.n // 2, t.hits[1] + t.hits[2]
    local lower, upper = core.wilson(right, t.n, 0.95)
    f.confusion = { n = t.n, correct = right, accuracy = right / t.n, lower = lower, upper = upper, level = 0.95,
      classes = f.pass.classes, by_class = {} }
    for k = 1, 2 do
      f.confusion.by_class[k] = { support = n, correct = t.hits[k], recall = t.hits[k] / n,
        predicted = t.hits[k] + n - t.hits[3 - k], name = f.pass.classes[k] }
    end
  end
  return f
end

local against = check_of "data loss against chance"
found = against(judged { n = 1000, loss = 0.80, se = 0.02 })
check.has(found[1].text, "The data loss is above ln 2")
check.has(found[1].proof, "Data loss 0.8000 (95 %: 0.7608 .. 0.8392) over 1,000 samples")
found = against(judged { n = 1000, loss = 0.70, se = 0.02 })
check.has(found[1].text, "cannot be told from ln 2")
found = against(judged { n = 1000, loss = 0.43, se = 0.02 })
check.equal(#found, 0)
local f = judged { n = 1000, loss = 0.43, se = 0.02 }
f.terms.train.penalty = 0.337
found = against(f)
check.equal(found[1].text, "The loss with its penalty, 0.7670, is above ln 2; the data loss is below it, better than "
  .. "chance.")

local frequent = check_of "accuracy against the most frequent class"
check.has(frequent(judged { n = 100, hits = { 28, 27 } })[1].text, "cannot be told from")
check.equal(#frequent(judged { n = 100, hits = { 40, 35 } }), 0)
check.equal(frequent(judged { n = 100, hits = { 50, 0 } })[1].text, "All 100 predictions are cat.")

local classes = check_of "classes"
check.equal(#classes(judged { n = 100, hits = { 40, 36 } }), 0)
found = classes(judged { n = 100, hits = { 45, 25 } })
check.equal(found[1].text, "Recall differs between classes by 40.0 points: cat 0.9000 (45 of 50), dog 0.5000 (25 of "
  .. "50).")

local confident = check_of "calibration"
local function calibration(gain, half, temperature)
  return { temperature = temperature, gain = gain, gain_lower = gain - half, gain_upper = gain + half, nll = 0.6,
    ece = 0.1, confidence = 0.9, accuracy = 0.75 }
end
found = confident(judged { n = 100, hits = { 40, 35 }, calibration = calibration(0.05, 0.02, 1.8) })
check.equal(found[1].text, "The predictions are over-confident: T* = 1.8 would lower the NLL of 0.6000 by 0.0500 (95 "
  .. "%: 0.0300 .. 0.0700).")
found = confident(judged { n = 100, hits = { 40, 35 }, calibration = calibration(0.05, 0.02, 0.6) })
check.has(found[1].text, "under-confident")
found, quiet = confident(judged { n = 100, hits = { 40, 35 }, calibration = calibration(0.01, 0.02, 1.1) })
check.equal(#found, 0)
check.has(quiet, "T* = 1.1 would lower")

-- ---- layers ----

f = facts { data = { 1, 1, 1, 1, 1 } }
f.layers = { { name = "relu", type = "activation" }, { name = "pool", type = "max_pool2d" } }
f.activations = { { name = "relu", layer = "relu", dead = 12, units = 128, samples = 300 },
  { name = "pool", layer = "pool", dead = 12, units = 128, samples = 300 } }
found = check_of "dead units"(f)
check.equal(#found, 1)
check.equal(found[1].text, "12 of 128 units of relu are dead: zero for all of 300 samples.")
check.has(found[1].proof, "fewer than 1.0 % of all") -- the rule of three

local function kernel(name, ratio) return { name = name, ratio = ratio, shape = { 3, 3 }, bad = 0 } end
f.gradients = { kernel("dense/kernel", 0.25), kernel("conv2d/kernel", 0.001), kernel("conv2d_1/kernel", 0.01),
  { name = "dense/bias", ratio = 9, shape = { 3 }, bad = 0 } }
found = check_of "update / weight"(f)
check.equal(found[1].text, "Update / weight of the last step is 0.25 for dense/kernel, 0.001 .. 0.01 for the other 2.")
f.gradients[1].ratio = 0.05
check.equal(#check_of "update / weight"(f), 0)

-- ---- not finite, and the list of all ----

f = facts { data = { 1, 1 }, history = { loss = { 1, 0 / 0 }, val_loss = { 0 / 0, 0 / 0 } } }
found = check_of "numbers that are not finite"(f)
check.equal(#found, 1) -- what was not measured is no nan
check.equal(found[1].text, "loss is nan in epoch 2.")

local function mine() return { { text = "x", section = "curves" } }, "y" end
table.insert(findings.checks, { name = "mine", check = mine })
made.data, made.run = nil, { train = over.run.train, validation = over.run.validation }
local all, rest = findings.of(made)
check.equal(all[#all].text, "x")
check.ok(#all >= 4 and #rest >= 5)

check.done()
