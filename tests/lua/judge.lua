-- Judging a model: labels of all kinds, broken files, what is refused, what is printed. The numbers: golden_judge.lua.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

-- A model whose outputs are its inputs.
local function carry(n, loss, activation)
  local eye = {}
  for i = 1, n do
    eye[i] = {}
    for j = 1, n do eye[i][j] = i == j and 1 or 0 end
  end
  local m = sequential { dense { n, use_bias = false, activation = activation, input_shape = { n } } }
  if loss then m:compile { loss = loss, optimizer = "sgd" } end
  m:set_weights { tensor(eye) }
  return m
end

local sparse, bce, cce = sparse_categorical_crossentropy, binary_crossentropy, categorical_crossentropy
local NAN = 0 / 0

-- ---- labels of all kinds give the same ----

local p = tensor { { 0.9 }, { 0.2 }, { 0.6 }, { 0.4 }, { 0.5 }, { 0.1 } }
local p2 = tensor { { 0.1, 0.9 }, { 0.8, 0.2 }, { 0.4, 0.6 }, { 0.6, 0.4 }, { 0.5, 0.5 }, { 0.9, 0.1 } }
local y = tensor { 1, 0, 0, 1, 1, 0 }
local hot = tensor { { 0, 1 }, { 1, 0 }, { 1, 0 }, { 0, 1 }, { 0, 1 }, { 1, 0 } }
local one, two = carry(1, bce {}), carry(2, sparse {})
for _, c in ipairs {
  one:confusion(p, y),
  one:confusion({ p, y:reshape { 6, 1 } }),
  one:confusion({ x = p, y = hot }),
  one:confusion(tensors { x = p, y = y }, { batch_size = 4 }),
  two:confusion(p2, y),
  carry(2, cce {}):confusion(p2, hot),
  two:confusion(p2, tensor { { 0.1, 0.9 }, { 0.6, 0.4 }, { 1, 0 }, { 0, 1 }, { 0.45, 0.55 }, { 1, 0 } }),
  one:confusion(p, tensor { 0.9, 0.2, 0, 1, 0.8, 0 }),
  carry(1, "hinge"):confusion(p * 2 - 1, y * 2 - 1),
  carry(2):confusion(p2, y),
  carry(1, bce { from_logits = true }):confusion(p - 0.5, y),
  carry(2, sparse { from_logits = true }):confusion(p2, y),
} do
  check.list(c.counts[1], { 2, 1 })
  check.list(c.counts[2], { 2, 1 })
  check.equal(c.correct, 3)
  check.equal(c.n, 6)
  check.near(c.by_class[2].precision, 1 / 2, 0)
  check.equal(c.by_class[2].predicted, 2)
end
check.equal(one:confusion(p, tensor { 0.9, 0.2, 0, 1, 0.8, 0 }).soft, 3)
check.has(tostring(one:confusion(p, tensor { 0.9, 0.2, 0, 1, 0.8, 0 })), "3 of the labels are shares")

-- thresholds: over, not at; the same for one and two units
check.list(one:confusion(p, y, { threshold = 0.3 }).counts[1], { 2, 1 })
check.list(one:confusion(p, y, { threshold = 0.3 }).counts[2], { 0, 3 })
check.list(two:confusion(p2, y, { threshold = 0.3 }).counts[2], { 0, 3 })
check.list(one:confusion(p, y, { threshold = 0.75 }).counts[2], { 2, 1 })
check.near(one:accuracy(p, y, { threshold = 0.3 }).accuracy, 5 / 6, 1e-15)
check.near(carry(1, bce { from_logits = true }):accuracy(p - 0.5, y, { threshold = 0.9 }).accuracy, 0.5, 1e-15)
check.has(tostring(one:confusion(p, y, { threshold = 0.3 })), "threshold 0.3")

-- ---- what is printed ----

local text = tostring(two:confusion(p2, y))
check.has(text, "confusion of 6 samples: accuracy 0.5000 (95 %: 0.1876 .. 0.8124)")
check.has(text, "true \\ predicted  0  1\n0                 2  1\n1                 2  1\n")
check.has(text, "macro avg        0.5000  0.5000    0.4857        6")
check.equal(tostring(two:accuracy(p2, y, { level = 0.5 })), "accuracy 0.5000 (50 %: 0.3673 .. 0.6327), 3 of 6")
check.equal(tostring(two:accuracy(p2, y, { top_k = 2 })), "top-2 accuracy 1.0000 (95 %: 0.6097 .. 1.0000), 6 of 6")
check.equal(two:accuracy(p2, y, { batch_size = 1, level = 0.5 }).level, 0.5)

local function lines_fit(v)
  for line in tostring(v):gmatch "[^\n]*" do
    check.ok(utf8.len(line) and utf8.len(line) <= 80, "%d: %s", #line, line)
    check.ok(not line:find "[%c]")
  end
end

-- Any number of classes with long names, within 80 columns.
local function many(n, count, folder_names)
  local x, labels = {}, {}
  for i = 1, count do
    x[i], labels[i] = {}, (i * 7) % n
    for k = 1, n do x[i][k] = math.sin(i * k * 1.3) + (k == labels[i] + 1 and 1 or 0) end
  end
  return carry(n, sparse { from_logits = true }), tensor(x), tensor(labels), folder_names
end
for _, n in ipairs { 3, 9, 20, 21, 100 } do
  local m, x, labels = many(n, 150)
  for _, name in ipairs { "confusion", "classification_report", "accuracy", "worst", "most_confident_wrong",
    "calibration", "confidence_histogram", "roc", "precision_recall" } do
    lines_fit(m[name](m, x, labels))
  end
  lines_fit(m:roc(x, labels, { class = n - 1 }))
  lines_fit(m:precision_recall(x, labels, { class = 0 }))
end
do
  local m, x, labels = many(100, 150)
  local c = m:confusion(x, labels)
  check.has(tostring(c), "most confused: true")
  check.has(tostring(c), "the lowest f1-scores of 100 classes")
  check.has(tostring(m:classification_report(x, labels)), "\n99 ")
  check.equal(#c.counts, 100)
  check.equal(#c.most_confused, 20)
  check.ok(c.most_confused[1].count >= c.most_confused[2].count)
  local roc = m:roc(x, labels)
  check.equal(#roc.by_class, 100)
  check.equal(roc.by_class["7"], roc.by_class[8])
  check.equal(rawget(roc.by_class[8], "fpr"), nil) -- made when asked for
  check.equal(#roc.by_class[8].fpr, #roc.by_class[8].tpr)
  check.equal(roc.by_class[8].nothing, nil)
end

-- ---- images: names of classes and files, broken files ----

local root = check.folder()
local names = { "A\\b", "Zwergspitz_von_besonders_langem_Namen_1", "Zwergspitz_von_besonders_langem_Namen_2" }
for i, name in ipairs(names) do
  assert(os.execute(("mkdir -p '%s/%s'"):format(root, name)))
  for k = 1, 4 do check.bmp(("%s/%s/%d.bmp"):format(root, name, k), 2, 2, 60 * i, 0, 20 * k) end
end
for _, at in ipairs { { 1, 2 }, { 2, 1 }, { 3, 4 } } do
  local f = assert(io.open(("%s/%s/%d.bmp"):format(root, names[at[1]], at[2]), "wb"))
  f:write "BM is no picture"
  f:close()
end
local d
check.output(function() d = image_folder { root, image_size = { 2, 2 }, label_mode = "int", shuffle = false } end)
-- Tells the classes by the red channel, but for class 2, which it takes for class 1.
local pictures = sequential { flatten { input_shape = { 2, 2, 3 } }, dense { 3, activation = "softmax" } }
pictures:compile { loss = sparse {}, optimizer = "sgd" }
local kernel = {}
for i = 1, 12 do kernel[i] = i == 1 and { -0.1, 0.1, 0 } or { 0, 0, 0 } end
pictures:set_weights { tensor(kernel), tensor { 9, -9, -99 } }
local c = pictures:confusion(d, { batch_size = 2 })
check.equal(c.n, 9)
check.list(c.counts[1], { 3, 0, 0 })
check.list(c.counts[2], { 0, 3, 0 })
check.list(c.counts[3], { 0, 3, 0 })
check.equal(c.by_class[names[2]], c.by_class[2])
check.equal(c.most_confused[1].true_class, names[3])
check.equal(c.most_confused[1].share, 1)
lines_fit(c)
check.has(tostring(c), "0 A\\b") -- shortened names that are alike are numbered instead

local w = pictures:worst(d, 3)
check.equal(w.data, d)
check.equal(#w, 3)
for i, r in ipairs(w) do
  local _, label, name = d:sample(r.index)
  check.equal(r.name, name)
  check.equal(label:tolist(), 2)
  check.equal(r.label, 2)
  check.equal(r.predicted_class, names[2])
  check.equal(w.indices[i], r.index)
  check.near(r.loss, pictures:evaluate(d:pick { r.index }).loss, 1e-6)
end
check.ok(w[1].loss >= w[2].loss and w[2].loss >= w[3].loss)
check.list(d:pick(w.indices):labels():tolist(), { 2, 2, 2 })
check.equal(#pictures:worst(d, 50), 9)
check.equal(#pictures:worst(d), 9)
check.equal(#pictures:worst(d, { n = 2, batch_size = 5 }), 2)
check.equal(#pictures:most_confident_wrong(d, 50), 3)
check.equal(pictures:most_confident_wrong(d, 1).wrong, 3)
check.equal(#pictures:worst(d:take(1), 4), 1)
lines_fit(w)
check.has(tostring(w), "/4.bmp" == w[1].name:sub(-6) and "/4.bmp" or w[1].name:sub(-6))
check.equal(pictures:roc(d, { class = names[1] }).auc, 1)
check.equal(pictures:roc(d, { class = 0 }).name, names[1])
check.fails(function() pictures:roc(d, { class = "A\\c" }) end, 'roc: there is no class "A\\c"; did you mean "A\\b"?')
check.fails(function() pictures:roc(d, { class = 3 }) end, "no class 3; classes are numbered from 0 to 2")

-- ---- edge cases ----

-- one class only
local all = one:confusion(p, tensor { 1, 1, 1, 1, 1, 1 })
check.equal(all.by_class[1].support, 0)
check.near(all.macro.recall, 1 / 6, 1e-15)
check.has(tostring(all), "0                0.0000       -    0.0000        0")
local roc = one:roc(p, tensor { 1, 1, 1, 1, 1, 1 })
check.ok(roc.auc ~= roc.auc)
check.has(tostring(roc), "not defined without both positive and negative samples")
check.equal(one:precision_recall(p, tensor { 1, 1, 1, 1, 1, 1 }).average_precision, 1)
check.has(tostring(one:precision_recall(p, tensor { 0, 0, 0, 0, 0, 0 })), "not defined without positive samples")
local right = one:confusion(p, tensor { 1, 0, 1, 0, 0, 0 })
check.equal(right.accuracy, 1)
check.equal(right.upper, 1)
check.equal(#right.most_confused, 0)
check.equal(tostring(one:most_confident_wrong(p, tensor { 1, 0, 1, 0, 0, 0 })), "no wrong prediction among 6 samples")

-- T* beyond its range, and where all outputs are alike
local sure = one:calibration(p, tensor { 1, 0, 1, 0, 0, 0 })
check.equal(sure.temperature_at_limit, true) -- the sample at 0.5 has its ln 2 at any T, the others fall to 0
check.near(sure.temperature_nll, math.log(2) / 6, 1e-9)
check.has(tostring(sure), "falls on beyond it")
check.equal(one:calibration(p, y).temperature_at_limit, false)
check.equal(one:calibration(p:rows(1, 4), tensor { 1, 0, 1, 0 }).temperature_at_limit, true)
check.near(one:calibration(p:rows(1, 4), tensor { 1, 0, 1, 0 }).temperature, 0.01, 1e-12)
check.near(one:calibration(p:rows(1, 4), tensor { 0, 1, 0, 1 }).temperature, 100, 1e-9)
check.equal(one:calibration(tensor { { 0.5 }, { 0.5 } }, tensor { 0, 1 }).temperature, 1)
local single = one:calibration(tensor { { 0.7 } }, tensor { 1 })
check.ok(single.gain_lower ~= single.gain_lower)
check.has(tostring(single), "nan .. nan")

-- exact 0 and 1
local hard = one:calibration(tensor { { 0 }, { 1 }, { 1 }, { 0.5 } }, tensor { 0, 1, 0, 1 })
check.equal(hard.clipped, 3)
check.near(hard.nll, (-math.log(1e-7) - 2 * math.log(1 - 1e-7) - math.log(0.5)) / 4, 1e-9)
check.ok(hard.temperature == hard.temperature and hard.gain == hard.gain)
check.has(tostring(hard), "clipped to 1e-7 .. 1 - 1e-7: the true class's probability of 3 samples")
check.equal(hard.bins[15].count, 3)
check.equal(hard.brier_binary, hard.brier / 2)

-- outputs that do not sum to 1 are divided by their sum, as the loss does
local scaled = carry(3, sparse {}):calibration(tensor { { 1, 2, 1 }, { 3, 0, 1 } }, tensor { 1, 2 })
check.equal(scaled.normalized, true)
check.near(scaled.nll, (math.log(2) + math.log(4)) / 2, 1e-7)
check.near(scaled.nll, carry(3, sparse {}):evaluate(tensor { { 1, 2, 1 }, { 3, 0, 1 } }, tensor { 1, 2 }).loss, 1e-6)

-- nan and infinity are never counted as predictions
local broken = tensor { { 0.9 }, { NAN }, { 0.6 }, { 0.4 }, { 1 / 0 }, { 0.1 } }
for _, name in ipairs { "confusion", "accuracy", "calibration", "roc", "precision_recall", "confidence_histogram",
  "most_confident_wrong", "classification_report" } do
  check.fails(function() one[name](one, broken, y) end, "judge.lua:", name .. ": the outputs of 2 of 6 samples are not "
    .. "finite, first those of sample 2")
end
w = one:worst(broken, y, 6)
check.equal(w[1].index, 2)
check.ok(w[1].loss ~= w[1].loss)
check.equal(w[1].predicted, nil)
lines_fit(w)

-- ---- what is refused ----

local function refused(m, x, labels, ...)
  local texts = { ... }
  check.fails(function() m:confusion(x, labels) end, "judge.lua:", "confusion: ", table.unpack(texts))
end
refused(carry(1, "mse"), p, y, "predicts numbers, not classes", "its loss is mse", 'activation = "sigmoid"')
refused(carry(3, "mae"), tensor { { 1, 2, 3 } }, tensor { { 1, 2, 3 } }, 'dense{3, activation = "softmax"}')
refused(carry(1), p, y, "it is not compiled")
check.equal(carry(1, "mse", "sigmoid"):confusion(p, y).n, 6)
check.equal(carry(2, nil, "softmax"):confusion(p2, y).correct, 3)
refused(one, p * 3, y, "no probabilities: 2.7 for sample 1", "from_logits = true")
refused(one, p - 0.5, y, "no probabilities: -0.3 for sample 2")
refused(one, p, tensor { 1, 0, 2, 1, 0, 0 }, "label 2 of sample 3", "0..1")
refused(one, p, tensor { 1, 0, 0.5, 1, 0, 0 }, "label 0.5 of sample 3", "as much of one class as of the other")
refused(one, p, tensor { 1, 0, NAN, 1, 0, 0 }, "label nan of sample 3")
refused(two, p2, tensor { 1, 0, 0.4, 1, 0, 0 }, "label 0.4 of sample 3: class labels are whole numbers in 0..1")
refused(two, p2, tensor { { 1, 1 }, { 0, 1 }, { 0, 1 }, { 0, 1 }, { 0, 1 }, { 0, 1 } }, "sum to 2", "one class for")
refused(two, p2, tensor { { 0, 1 }, { 0.5, 0.5 }, { 0, 1 }, { 0, 1 }, { 0, 1 }, { 0, 1 } }, "sample 2 name no class")
refused(two, p2, tensor { { 0, 1 }, { -1, 2 }, { 0, 1 }, { 0, 1 }, { 0, 1 }, { 0, 1 } }, "label -1 of sample 2")
refused(two, p2, tensor.zeros { 6, 3 }, "labels of shape (3,)", "2 outputs")
refused(two, p2, nil, "the dataset has no labels")
refused(two, p, y, "the model wants", "got")
check.fails(function() pictures:confusion(d:pick { 2 }) end, "1 samples of the dataset are broken")
check.fails(function() two:confusion(p2:rows(1, 0), y:rows(1, 0)) end, "it needs samples")
local image = sequential { conv2d { 2, 1, input_shape = { 2, 2, 1 } } }
refused(image, tensor.zeros { 1, 2, 2, 1 }, tensor { 0 }, "one row of class outputs", "(2, 2, 2)")
check.fails(function() carry(2):worst(p2, y) end, "worst: the model is not compiled")
check.fails(function() carry(2):calibration(p2, y) end, "are scores, not probabilities")
check.fails(function() carry(2, bce {}):calibration(p2, hot) end, "do not share 1")
check.equal(carry(2, bce {}):confusion(p2, hot).correct, 3)
check.fails(function() two:worst(p2, hot) end, "worst: sparse_categorical_crossentropy: wants class indices")
check.fails(function() one:confusion(p, y, { threshold = 2 }) end, "threshold = 2 must be a number in 0..1")
check.fails(function() one:confusion(p, y, { treshold = 2 }) end, 'did you mean "threshold"?')
check.fails(function() one:accuracy(p, y, { level = 1 }) end, "accuracy: level = 1 must be")
check.fails(function() one:accuracy(p, y, { top_k = 3 }) end, "top_k = 3, but there are 2 classes")
check.fails(function() one:calibration(p, y, { bins = 0 }) end, "calibration: bins = 0")
check.fails(function() one:calibration(p, y, { bins = 1e6 }) end, "at most")
check.fails(function() one:worst(p, y, 0) end, "worst: n = 0")
check.fails(function() one:worst(p, y, 2, { n = 2 }) end, "give n once")
check.fails(function() one:worst(p, y, "2") end, "worst")
check.fails(function() one:confusion(p, y, { batch_size = 0 }) end, "batch_size = 0")
check.fails(function()
  local m, x, labels = many(3, 9)
  m:confusion(x, labels, { threshold = 0.5 })
end, "threshold = 0.5 is for two classes; the model has 3")
check.fails(function() one.confusion(p, y) end, "colon")

-- ---- it changes nothing, and out of memory is an error like others ----

local x, labels = check.points(64)
local m = sequential { dense { 8, activation = "tanh", input_shape = { 2 } }, batch_norm {},
  dense { 1, activation = "sigmoid" } }
m:compile { loss = "binary_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
local function train(judging)
  sonde.seed(3)
  local n = sequential { dense { 8, activation = "tanh", input_shape = { 2 } }, batch_norm {}, dropout { 0.3 },
    dense { 1, activation = "sigmoid" } }
  n:compile { loss = "binary_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  local r = n:run(x, labels, { batch_size = 10, epochs = 2, seed = 1, verbose = 0 })
  for _ = 1, 9 do
    r:step()
    if judging then
      n:confusion(x, labels)
      n:worst(x, labels)
      n:calibration(x, labels)
      n:roc(x, labels)
    end
  end
  return n:get_weights(), r
end
local plain, r1 = train(false)
local judged, r2 = train(true)
check.same_weights(judged, plain)
check.equal(r2:loss_terms().train.total, r1:loss_terms().train.total)

local core = require "sonde.core"
for i = 0, 40 do
  core.fail_after(i)
  local ok, why = pcall(function()
    m:calibration(x, labels)
    m:worst(x, labels)
    m:roc(x, labels)
  end)
  core.fail_after(-1)
  check.ok(ok or tostring(why):find "memory" or tostring(why):find "needs", "%s", tostring(why))
end
check.near(m:accuracy(x, labels).accuracy, m:evaluate(x, labels).accuracy, 1e-9)
check.near(m:calibration(x, labels).nll, m:evaluate(x, labels).loss, 1e-6)
check.done()
