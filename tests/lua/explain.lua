-- Maps that explain predictions: where they point, what they are made of, what they say and refuse.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"

local function shown(v) return check.output(function() require("sonde.show").print(v) end) end
local ALL = { "grad_cam", "saliency", "input_x_gradient", "integrated_gradients", "smooth_grad", "occlusion" }

-- ---- a task whose answer is known: label 1 has a white square somewhere, label 0 a black one ----

local N, SIDE, SQUARE = 96, 16, 4
local x, labels, at = tensor.random { N, SIDE, SIDE, 3, seed = 5 } * 0.2 + 0.4, {}, {}
for i = 1, N do
  local top, left = 1 + i * 7 % (SIDE - SQUARE), 1 + i * 5 % (SIDE - SQUARE)
  at[i], labels[i] = { top, left }, i % 2
  for r = top, top + SQUARE - 1 do
    for c = left, left + SQUARE - 1 do
      for k = 1, 3 do x[{ i, r, c, k }] = labels[i] end
    end
  end
end
local data = tensors { x = x, y = tensor(labels) }

local function network(last)
  sonde.seed(3)
  return sequential {
    conv2d { 8, 3, padding = "same", activation = "relu", input_shape = { SIDE, SIDE, 3 } },
    batch_norm { momentum = 0.8 },
    conv2d { 8, 3, padding = "same", name = "conv" }, activation { "relu", name = "last" },
    max_pool2d { 2 }, dropout { 0.2 }, global_avg_pool2d {}, last or dense { 2, activation = "softmax", name = "head" },
  }
end
local m = network()
m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.02 }, metrics = { "accuracy" } }
local r = m:run(data, { epochs = 12, batch_size = 16, seed = 1, verbose = 0 })
r:finish()
check.ok(m:evaluate(data).accuracy > 0.95, "the task was not learned")

-- How much of a map lies within the square, beyond its share of the image's area.
local function inside(map, i)
  local sum, all = 0, map:abs():sum()
  for row = at[i][1], at[i][1] + SQUARE - 1 do
    for column = at[i][2], at[i][2] + SQUARE - 1 do sum = sum + math.abs(map[{ row, column }]) end
  end
  return sum / all / (SQUARE / SIDE) ^ 2
end

local LEAST = { grad_cam = 5, occlusion = 5, saliency = 1.2, smooth_grad = 1.2, input_x_gradient = 1.3,
  integrated_gradients = 1.3 }
local state = core.state(m).trainer
local function bits()
  local out = {}
  for i, w in ipairs(m:get_weights()) do out[i] = w:copy() end
  return out
end
local before, loss = bits(), m:evaluate(data).loss
local list = m:explain(data, { index = { 1, 2, 3, 4 }, method = ALL, patch = SQUARE, stride = 2 })
for i, e in ipairs(list) do
  check.equal(e.label, labels[i])
  check.equal(e.class, e.predicted)
  check.near(e.probability, m:predict(x:rows(i, i))[{ 1, e.class + 1 }], 1e-6)
  for _, method in ipairs(ALL) do
    local map = e[method].map
    check.list(map.shape, { SIDE, SIDE })
    check.equal(e[method].method, method)
    local least, got = LEAST[method], inside(map, i)
    if method:find "^in" and labels[i] == 0 then -- black times anything, and black is the baseline
      check.equal(got, 0)
    else
      check.ok(got > least, "%s of image %d: %g times its share is in the square, not %g", method, i, got, least)
    end
  end
end
check.equal(list[1].grad_cam.layer, "last")

-- nothing of the model changes, nor of its training
check.same_weights(bits(), before)
check.equal(m:evaluate(data).loss, loss)
check.equal(core.state(m).trainer, state)
local twin = network()
twin:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.02 }, metrics = { "accuracy" } }
local plain = twin:run(data, { epochs = 3, batch_size = 16, seed = 1, verbose = 0 })
plain:step(5)
local other = network()
other:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 0.02 }, metrics = { "accuracy" } }
local looked = other:run(data, { epochs = 3, batch_size = 16, seed = 1, verbose = 0 })
for _ = 1, 5 do
  looked:step()
  other:explain(data, { index = 3, method = ALL, n = 3, steps = 3, patch = 8 })
end
check.same_weights(other:get_weights(), twin:get_weights(), "training beside explanations")

-- ---- what the maps are ----

local one = x[3]
local function explain(opts) return m:explain(one, opts) end
check.ok(explain { method = "saliency", class = 1 }.raw:equal(m:input_gradient(x:rows(3, 3), { class = 1, logits = true })[1]))
local cam = explain { method = "grad_cam", layer = "conv", class = 0 }
local a = m:output("conv", x:rows(3, 3))[1]
local again = (a * cam.weights):sum(3):maximum(0)
check.near((cam.raw - again):abs():max(), 0, 1e-6)
check.list(explain({ method = "grad_cam", layer = "max_pool2d" }).raw.shape, { 8, 8 })
local product = explain { method = "input_x_gradient", class = 0 }
check.near(product.map:sum(), (explain { method = "saliency", class = 0 }.raw * one):sum(), 1e-4)
local ig = explain { method = "integrated_gradients", class = 0, steps = 200, batch_size = 7 }
check.near(ig.gap, 0, 0.02 * math.abs(ig.difference) + 1e-3)
check.near(ig.map:sum() + ig.gap, ig.difference, 1e-4)
check.equal(explain({ method = "integrated_gradients", baseline = one }).map:abs():max(), 0)
local smooth = explain { method = "smooth_grad", class = 0, n = 5, noise = 0.1, seed = 40, batch_size = 2 }
local sum = tensor.zeros { SIDE, SIDE, 3 }
for k = 1, 5 do
  local noise = tensor.randn { SIDE, SIDE, 3, seed = 39 + k } * (0.1 * (one:max() - one:min()))
  sum = sum + m:input_gradient((one + noise):reshape { 1, SIDE, SIDE, 3 }, { class = 0, logits = true })[1]
end
check.near((smooth.raw - sum / 5):abs():max(), 0, 1e-5 * smooth.raw:abs():max() + 1e-7)
-- Batches of two and of one may be computed in another order.
local saliency = explain { method = "saliency" }.map
check.near((explain { method = "smooth_grad", noise = 0, n = 2 }.map - saliency):abs():max(), 0,
  1e-5 * saliency:abs():max())
local hidden = explain { method = "occlusion", class = 0, patch = 16, baseline = 0.5 }
check.list(hidden.raw.shape, { 1, 1 })
check.near(hidden.raw[{ 1, 1 }], m:predict(x:rows(3, 3))[{ 1, 1 }] - m:predict(tensor.full({ 1, 16, 16, 3 }, 0.5))[{ 1, 1 }],
  1e-6)
check.near(hidden.map:min(), hidden.map:max(), 1e-7)
check.list(explain({ method = "occlusion", patch = { 4, 6 }, stride = { 4, 3 } }).raw.shape, { 4, 5 })

-- ---- what is explained ----

local e = m:explain(one)
check.list(e.methods, { "grad_cam", "saliency", "occlusion" })
check.ok(e.image:equal(one))
check.ok(m:explain(data, { index = 3 }).saliency.map:equal(e.saliency.map))
check.ok(m:explain(data, 3).saliency.map:equal(e.saliency.map))
check.ok(m:explain(data, 3, { method = "saliency" }).map:equal(e.saliency.map))
check.fails(function() m:explain(data, 3, { index = 2 }) end, "give the index once")
check.fails(function() m:explain(data, 1000) end, "sample 1000 is outside 1..")
check.ok(m:explain(x:rows(2, 4))[2].grad_cam.map:equal(e.grad_cam.map))
check.equal(m:explain(data:sample(3)).label, 1)
check.equal(#m:explain({ x, tensor(labels) }, { index = { 5, 6 } }), 2)
check.equal(#m:explain(data:take(3), { method = "saliency" }), 3)
local named = m:explain(one, { class_names = { "dark", "bright" }, class = "dark" })
check.equal(named.class, 0)
check.equal(named.name, "dark")
check.equal(named.predicted_name, "bright")
check.near(named.probability + named.predicted_probability, 1, 1e-6)

-- what the outputs are
local logits = network(dense { 2, name = "head" })
logits:set_weights(m:get_weights())
local scores = logits:explain(one, { class = 1 })
check.equal(scores.kind, "scores")
check.equal(scores.probability, nil)
check.near(scores.score, explain({ class = 1 }).score, 1e-5)
check.ok(scores.saliency.map:equal(explain({ class = 1 }).saliency.map))
logits:compile { loss = sparse_categorical_crossentropy { from_logits = true }, optimizer = "sgd" }
check.near(logits:explain(one, { class = 1 }).probability, explain({ class = 1 }).probability, 1e-6)
local numbers = network(dense { 1, name = "head" })
local number = numbers:explain(one)
check.equal(number.kind, "numbers")
check.near(number.score, numbers:predict(x:rows(3, 3))[{ 1, 1 }], 1e-6)
check.has(tostring(number), "the image: output 0; score ")
local sigmoid = network(dense { 1, activation = "sigmoid", name = "head" })
local both = { sigmoid:explain(one, { class = 0 }), sigmoid:explain(one, { class = 1 }) }
check.near(both[1].probability + both[2].probability, 1, 1e-6)
check.near(both[1].score, -both[2].score, 0)
check.near(both[2].probability, sigmoid:predict(x:rows(3, 3))[{ 1, 1 }], 1e-6)
check.ok(both[1].saliency.map:equal(both[2].saliency.map))
check.near((both[1].occlusion.map + both[2].occlusion.map):abs():max(), 0, 1e-6)
check.ok(not both[1].grad_cam.map:equal(both[2].grad_cam.map))

-- branches, and a layer that is called twice
local i = input { SIDE, SIDE, 3 }
local twice = conv2d { 3, 3, padding = "same", activation = "relu", name = "twice" }
local branched = model { inputs = i, outputs = dense { 3 } (global_avg_pool2d {} (concat { twice(i), twice(twice(i)) })) }
check.has(branched:explain(one, { method = "grad_cam" }).layer, "concat")
local second = branched.layers.twice.calls[2]
check.equal(branched:explain(one, { method = "grad_cam", layer = second }).layer, "twice (call 2)")
check.fails(function() branched:explain(one, { method = "grad_cam", layer = "twice" }) end, "is called 3 times")

-- ---- files and folders ----

local root = check.folder()
for class, red in pairs { blue = 0, red = 200 } do
  os.execute(("mkdir -p '%s/%s'"):format(root, class))
  for k = 1, 3 do check.bmp(("%s/%s/%d.bmp"):format(root, class, k), 20, 12, red, 10 * k, 200 - red) end
end
local f = assert(io.open(root .. "/red/9.bmp", "wb"))
f:write "BM no picture"
f:close()
local folder
check.output(function()
  folder = image_folder { root, image_size = { SIDE, SIDE }, rescale = 1 / 255, shuffle = false,
    pad_to_aspect_ratio = true, cache = "memory" }
end)
local file = root .. "/red/1.bmp"
local from_file, from_data = m:explain(file, { data = folder:take(4) }), m:explain(folder, { index = 4 })
check.ok(from_file.image:equal(from_data.image))
check.ok(from_file.image:equal((folder:sample(4))))
check.ok(from_file.saliency.map:equal(from_data.saliency.map))
check.equal(from_file.source, "1.bmp")
check.equal(from_data.source, "sample 4 (1.bmp)")
check.equal(from_data.label_name, "red")
check.equal(m:explain(folder:sample(4)).source, "1.bmp")
check.list(from_file.image[{ 1, 1 }]:tolist(), { 0, 0, 0 })
local long = root .. "/red/a_very_long_name_of_a_picture_1.bmp"
os.execute(("cp '%s' '%s'"):format(file, long))
check.equal(m:explain(long, { rescale = 1, method = "saliency" }).source, "...me_of_a_picture_1.bmp")
local raw = m:explain(file, { rescale = 1 })
check.list(raw.image[{ 8, 8 }]:tolist(), { 200, 10, 0 })
check.equal(raw.name, nil)
check.fails(function() m:explain(file) end, "explain.lua:", 'how are the pixels of "', "rescale = 1/255")
check.output(function() -- the last run's data say how
  local shuffled = m:run(folder, { verbose = 0, batch_size = 2 })
  check.equal(m.last_run, shuffled)
end)
check.ok(m:explain(file).image:equal(from_data.image))
check.has(tostring(m:explain(file)), "1.bmp: ", "red", "blue")
check.equal(m:explain(one, { class = "blue", method = "saliency" }).class, 0)
check.fails(function() m:explain(root .. "/red/9.bmp") end, "9.bmp")
check.fails(function() m:explain(root .. "/none.bmp") end, "none.bmp")
check.fails(function()
  check.output(function() m:explain(folder, { index = 7 }) end, "stderr")
end, "sample 7 cannot be read: its file is broken")

-- ---- samples that are wrong ----

local wrong = network()
wrong:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
local w = wrong:worst(data, 3)
local why = w:explain(2)
check.equal(#why, 2)
check.equal(why[1].number, w[2].index)
check.equal(why[1].class, w[2].predicted)
check.equal(why[2].class, w[2].label)
check.equal(w:explain(1, { class = 1, method = "saliency" }).method, "saliency")
check.fails(function() w:explain(4) end, "explain.lua:", "place 4 in a table of 3")
local right = m:worst(data:take(1), 1) -- one answer alone to be explained
check.equal(right:explain().methods[1], "grad_cam")

-- ---- as text and pictures ----

check.equal(shown(named), tostring(named) .. "\n")
local function line(v) -- what is longer than the terminal is wide stands on several
  for part in tostring(v):gmatch "[^\n]+" do check.ok(#part <= 80, "%s", part) end
  return (tostring(v):gsub("\n%s*", " "))
end
check.has(line(named), "the image: dark 0.", ", predicted bright ", "; score ", '; grad_cam, saliency, occlusion; ')
check.has(line(cam), "the image: class 0 0.", "grad_cam of conv")
check.has(line(ig), "integrated_gradients, 200 steps, gap ")
check.has(line(hidden), "occlusion, patch 16x16, stride 8x8")
check.equal(select(2, shown(list):gsub("\n", "")), 4)
local p = e:picture { scale = 2 }
check.equal(p.width, 4 * 2 * SIDE + 3 * 2) -- with gaps of two
check.equal(p.height, 2 * SIDE)
check.equal(e:picture().height, 14 * SIDE)
check.equal(cam:picture({ scale = 1, columns = 1 }).width, SIDE)
local said = check.output(function() e:picture():show() end)
check.has(said, "1  the image", "grad_cam of last", "full color at ", "red speaks for the class, blue against it")
check.has(check.output(function() list:picture({ scale = 1 }):show() end), "sample 4: class", "23  ")
-- the strongest place is drawn in full color, a place of nothing in gray
local strip = sequential { conv2d { 1, 1, use_bias = false, input_shape = { 1, 2, 1 }, name = "conv" }, flatten {},
  dense { 1, use_bias = false } }
strip:set_weights { tensor.ones { 1, 1, 1, 1 }, tensor { { 1 }, { 1 } } }
local pixels = strip:explain(tensor { { { 1 }, { 0 } } }, { method = "input_x_gradient" }):picture { scale = 1, alpha = 1 }
local got = pixels:tensor()
local y = got.shape[1] -- below the image, or beside it
check.list(got[{ y, got.shape[2] - 1 }]:tolist(), { 180, 4, 38 })
check.list(got[{ y, got.shape[2] }]:tolist(), { 24, 24, 24 })
local path = root .. "/x.png"
e:save(path, { scale = 1 })
check.equal(picture.load(path).height, SIDE)
check.fails(function() e:save() end, "save: wants a path")
check.fails(function() e.save(path) end, "write e:save(...) with a colon")
check.fails(function() e:picture { alpha = 2 } end, "alpha = 2 must be a number from 0 to 1")
check.fails(function() e:picture { size = 2 } end, 'unknown option "size"')
check.fails(function() e:plot() end, "is for flat inputs")

-- ---- inputs that are no images ----

local flat = sequential { dense { 1, input_shape = { 4 }, use_bias = false } }
flat:set_weights { tensor { { 2 }, { -3 }, { 0 }, { 0.5 } } }
local v = tensor { 1, 2, 3, -4 }
local lin = flat:explain(v, { method = { "saliency", "input_x_gradient", "integrated_gradients", "occlusion" } })
check.list(lin.saliency.map:tolist(), { 2, 3, 0, 0.5 })
check.list(lin.input_x_gradient.map:tolist(), { 2, -6, 0, -2 })
check.list(lin.integrated_gradients.map:tolist(), { 2, -6, 0, -2 })
check.list(lin.occlusion.map:tolist(), { 2, -6, 0, -2 })
check.list(flat:explain(v, { method = "occlusion", baseline = v + 1 }).map:tolist(), { -2, 3, 0, -0.5 })
check.list(flat:explain(v, { method = "occlusion", patch = 4 }).raw:tolist(), { -6 })
check.list(flat:explain(v).methods, { "saliency", "occlusion" })
local text = shown(lin.occlusion)
check.has(text, "feature    value    input", "      2  -6.0000   2.0000  ------------------------------\n",
  "      1   2.0000   1.0000  ##########\n")
check.has(shown(flat:explain(tensor { { 1, 2, 3, 4 }, { 0, 0, 0, 0 } })), "sample 2\n", "saliency\n", "occlusion, patch 1")
check.has(tostring(lin:plot()), "4 panels")
check.fails(function() lin:picture() end, "is no image", ":plot()")
check.fails(function() flat:explain(v, { method = "grad_cam" }) end, "grad_cam wants an image")
check.fails(function() flat:explain("x.png") end, "which no image file fills")
local square = sequential { flatten { input_shape = { 5, 4 } }, dense { 3, activation = "softmax" } }
local gray = square:explain(tensor.random { 5, 4, seed = 1 })
check.list(gray.methods, { "saliency", "occlusion" })
check.list(gray.occlusion.map.shape, { 5, 4 })
check.ok(gray:picture().width > 100)
check.fails(function() square:explain(tensor.random { 5, 4 }, { method = "grad_cam" }) end, "the model has none", "need none")

-- ---- what is refused ----

for _, case in ipairs {
  { { class = 2 }, "there is no class 2; classes are numbered from 0 to 1" },
  { { class = -1 }, "there is no class -1; classes are" },
  { { class = 0.5 }, "there is no class 0.5; classes are" },
  { { class = "bright" }, "there is no class \"bright\"; there are blue, red" },
  { { class_names = { "a" } }, "class_names wants a list of 2 names" },
  { { class_names = { "dark", "bright" }, class = "brigth" }, 'did you mean "bright"?' },
  { { class = true }, "class wants a number from 0 or a name, got a boolean" },
  { { method = "gradcam" }, 'did you mean "grad_cam"?' },
  { { method = {} }, "must be a name" },
  { { methd = "saliency" }, 'did you mean "method"?' },
  { { layer = "conv", method = "saliency" }, 'layer goes with method = "grad_cam", not with saliency' },
  { { steps = 3 }, 'steps goes with method = "integrated_gradients"' },
  { { layer = "head" }, "the output of layer head is (2,)", "last" },
  { { layer = "cnv" }, 'did you mean "conv"?' },
  { { layer = "input" }, "is the input" },
  { { method = "integrated_gradients", steps = 0 }, "steps = 0 must be a whole number of at least 1" },
  { { method = "integrated_gradients", baseline = "white" }, 'baseline = "white" must be' },
  { { method = "integrated_gradients", baseline = tensor { 1 } }, "baseline of shape (1,)" },
  { { method = "smooth_grad", noise = -1 }, "noise = -1 must be" },
  { { method = "smooth_grad", n = 0.5 }, "n = 0.5 must be" },
  { { patch = 17 }, "patch = 17 is more than the input's side, 16" },
  { { patch = 4, stride = 5 }, "stride = 5 is more than the patch's side, which leaves gaps, 4" },
  { { patch = "3" }, 'patch = "3" must be' },
  { { index = 3 }, "index goes with a dataset" },
  { { data = 3 }, "data wants a dataset" },
} do
  check.fails(function() m:explain(one, case[1]) end, "explain.lua:", table.unpack(case, 2))
end
check.fails(function() m:explain() end, "explain: wants an image")
check.fails(function() e:show(3) end, "show: wants options in a table, got a number")
check.fails(function() e:show { scael = 3 } end, 'show: unknown option "scael"; did you mean "scale"?')
check.fails(function() flat:explain(v):show { scale = 3 } end, "show: scale is for pictures")
check.fails(function() flat:explain(v):plot { scale = 3 } end, "plot: takes no arguments, got a table")
check.fails(function() picture(tensor.zeros { 2, 2 }):show(2) end, "show: takes no arguments, got 2; picture(t, {")
check.fails(function() m:explain(one, 3) end, "wants options in a table")
check.fails(function() m:explain(tensor.zeros { 3, 3, 3 }) end, "the model wants (16, 16, 3), or a batch of such")
check.fails(function() m:explain(tensor.zeros { 0, 16, 16, 3 }) end, "x holds no sample")
check.fails(function() m:explain(x) end, "more than 64", "x:rows(1, 64)")
check.fails(function() m:explain(data) end, "96 samples, more than 64", "index = 3")
check.fails(function() m:explain(data, { index = 97 }) end, "sample 97 is outside 1..96")
check.fails(function() m:explain(data, { index = {} }) end, "names no sample")
check.fails(function() m:explain(data, { index = "3" }) end, 'index = "3"')
check.fails(function() m:explain(tensors { x = tensor.zeros { 2, 3 } }) end, "the data have (3,)")
check.fails(function() m:explain(one * (0 / 0)) end, "the model's output for the image is nan")
local maps = sequential { conv2d { 2, 3, input_shape = { 8, 8, 1 } } }
check.fails(function() maps:explain(tensor.zeros { 8, 8, 1 }) end, "explain: wants one row of class outputs")
check.done()
