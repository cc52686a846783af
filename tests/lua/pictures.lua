-- Pictures of samples, of the batch that a step saw, of kernels and feature maps.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local function shown(fn, ...)
  local rest = { ... }
  return check.output(function() fn(table.unpack(rest)) end)
end
local function pixel(p, x, y) return p:tensor()[{ y, x }]:tolist() end

-- a folder of two classes: reds and blues, one file broken
local root = check.folder()
for _, class in ipairs { "cat", "dog" } do
  os.execute(("mkdir -p '%s/%s'"):format(root, class))
  for i = 1, 4 do
    local cat = class == "cat"
    check.bmp(("%s/%s/%d.bmp"):format(root, class, i), 6, 4, cat and 200 or 0, 10 * i, cat and 0 or 200)
  end
end
local f = assert(io.open(root .. "/cat/2.bmp", "wb"))
f:write "BM no picture"
f:close()
local function folder(o)
  o[1], o.image_size, o.cache, o.shuffle = root, { 4, 6 }, "memory", false
  local d
  check.output(function() d = image_folder(o) end)
  return d
end

local d = folder { label_mode = "int" }
local p
shown(function() p = d:picture(4) end)
check.equal(p.width, 13)
check.list(pixel(p, 1, 1), { 200, 10, 0 })
check.list(pixel(p, 8, 1), { 200, 30, 0 })
check.list(pixel(p, 8, 6), { 0, 10, 200 })
check.equal(shown(d.show, d, 4), 'picture 13x9; :save("x.png") writes it\n1  cat  3  cat\n4  cat  5  dog\n'
  .. "1 file could not be read and is left out\n")
check.equal(shown(d.show, d, { 8, 1 }), 'picture 13x4; :save("x.png") writes it\n8  dog  1  cat\n')
check.equal(shown(d.show, d, { 8 }, { scale = 2 }), 'picture 12x8; :save("x.png") writes it\n8  dog\n')
check.has(shown(d.show, d, 100), "7  dog")
for mode, label in pairs { categorical = "dog", binary = "dog" } do
  local e = folder { label_mode = mode, rescale = 1 / 255 }
  check.has(shown(e.show, e, { 8 }), "8  " .. label .. "\n")
  check.list(pixel(e:picture { 8 }, 1, 1), { 0, 40, 200 })
end
check.fails(function() d:show { 2 } end, "pictures.lua:", "show: sample 2 cannot be read: its file is broken")
check.fails(function() d:show { 99 } end, "pictures.lua:", "sample 99 is outside 1..8")
check.fails(function() d:show { "x" } end, 'element 1 of the list is "x"')
check.fails(function() d:show {} end, "the list of samples is empty")
check.fails(function() d:show(0) end, "n = 0 must be a whole number of at least 1")
check.fails(function() d:show(3, { column = 2 }) end, 'did you mean "columns"?')
check.fails(function() tensors({ x = { { 1, 2 } }, y = { 0 } }):show() end, "samples of shape (2,) are no pictures")
-- numbers that are no bytes: stretched, and said
local wide = tensors { x = tensor { { { -1, 3 } }, { { 1, 2 } } }, y = tensor { 0.5, 2 } }
check.equal(shown(wide.show, wide), 'picture 5x1; :save("x.png") writes it\n'
  .. '1  label 0.5  2  label 2\nblack is -1, white is 3\n')

-- what a step saw
local x = tensor.random { 40, 6, 6, 3, seed = 1 }
local labels = {}
for i = 1, 40 do labels[i] = { i % 2, 1 - i % 2 } end
local m = sequential { conv2d { 4, 3, input_shape = { 6, 6, 3 } }, conv2d { 10, 3 }, flatten {},
  dense { 2, activation = "softmax" } }
m:compile { loss = "categorical_crossentropy", optimizer = "adam" }
local r = m:run(tensors { x = x, y = tensor(labels) }, { batch_size = 8, verbose = 0, seed = 1 })
check.fails(function() r:show_batch() end, "pictures.lua:", "there is no batch of a last step at hand; r:step()")
r:step(2)
local text = shown(r.show_batch, r, 4)
local seen = r:batch_picture(4):tensor()
local numbers, classes, guesses = {}, {}, {}
for number, class, guess, share in text:gmatch "(%d+)  class (%d), predicted class (%d) %(([%d.]+)%)" do
  numbers[#numbers + 1], classes[#classes + 1] = tonumber(number), tonumber(class)
  guesses[#guesses + 1] = { tonumber(guess), tonumber(share) }
end
check.equal(#numbers, 4)
for i, number in ipairs(numbers) do
  check.equal(classes[i], labels[number][1] == 1 and 0 or 1)
  local out = m:predict(x:rows(number, number))[1]:tolist()
  check.near(out[guesses[i][1] + 1], guesses[i][2], 0.0051)
  check.ok(guesses[i][2] >= 0.5)
  local at = { (i - 1) // 2 * 7 + 1, (i - 1) % 2 * 7 + 1, 1 }
  check.near(seen[at], 255 * x[{ number, 1, 1, 1 }], 0.51)
end
check.has(shown(r.show_batch, r), "\n")
check.equal(r:batch_picture(100, { columns = 8 }).width, 8 * 7 - 1)
-- looking changes nothing
local other = sequential { conv2d { 4, 3, input_shape = { 6, 6, 3 } }, conv2d { 10, 3 }, flatten {},
  dense { 2, activation = "softmax" } }
local weights = m:get_weights()
m:set_weights(other:get_weights())
m:compile { loss = "categorical_crossentropy", optimizer = "adam" }
other:compile { loss = "categorical_crossentropy", optimizer = "adam" }
local function train(model, look)
  local run = model:run(tensors { x = x, y = tensor(labels) }, { batch_size = 8, verbose = 0, seed = 1, epochs = 2 })
  for _ = 1, 10 do
    run:step()
    if look then
      shown(run.show_batch, run)
      model:filters "conv2d"
    end
  end
end
train(m, true)
train(other, false)
check.same_weights(m:get_weights(), other:get_weights(), "looked at")
m:set_weights(weights)

-- tables of judged samples
local w = m:worst(tensors { x = x, y = tensor(labels) }, 3)
text = shown(w.show, w)
for i = 1, 3 do
  check.has(text, ("%d  class %s, predicted class %s"):format(w[i].index, w[i].true_class, w[i].predicted_class))
end
check.equal(w:picture { columns = 3 }.width, 3 * 7 - 1)

-- kernels: in color, one channel, many
m.layers.conv2d.kernel = tensor.zeros { 3, 3, 3, 4 }
local k = m:get_weights()[1]
k[{ 1, 2, 1, 1 }], k[{ 1, 2, 3, 1 }], k[{ 3, 3, 2, 4 }] = 0.5, -0.25, -0.5
m.layers.conv2d.kernel = k
p = m:filters "conv2d"
check.equal(p.width, 2 * 24 + 1)
check.list(pixel(p, 9, 1), { 255, 128, 64 })
check.list(pixel(p, 1, 1), { 128, 128, 128 })
check.list(pixel(p, 49, 49), { 128, 0, 128 })
text = shown(p.show, p)
check.has(text, "the middle is 0, the ends are -0.5 and 0.5\n")
check.has(text, "conv2d: all of 4 filters, 3x3x3\n")
p = m:filters("conv2d_1", { n = 2, scale = 1 })
check.equal(p.width, 4 * 4 - 1)
check.equal(p.height, 2 * 4 - 1)
check.has(shown(p.show, p), "the first 2 of 10 filters, 3x3x4, a row each; columns are the input\n  channels 1 to 4")
local one = sequential { conv2d { 2, 1, input_shape = { 3, 3, 1 } } }
one.layers.conv2d.kernel = tensor { { { { -2, 1 } } } }
p = one:filters("conv2d", { scale = 1 })
check.list(pixel(p, 1, 1), { 59, 76, 192 })
check.ok(pixel(p, 3, 1)[1] > pixel(p, 3, 1)[3])
check.has(shown(p.show, p), "white is 0, the ends are -2 and 2\n")
one.layers.conv2d.kernel = tensor.zeros { 1, 1, 1, 2 }
check.list(pixel(one:filters "conv2d", 1, 1), { 221, 221, 221 })
check.fails(function() m:filters "dense" end, "pictures.lua:", "layer dense (dense) has no filters")
check.fails(function() m:filters "conv" end, 'filters: the model has no layer "conv"; did you mean "conv2d"?')
check.fails(function() m:filters() end, 'filters: wants the name of a layer, as in m:filters("conv2d")')

-- feature maps: channel by channel on one scale
one.layers.conv2d.kernel = tensor { { { { -1, 2 } } } }
one.layers.conv2d.bias = tensor { 0, 0 }
local sample = tensor { { { 0 }, { 1 }, { 2 } }, { { 0 }, { 0 }, { 0 } }, { { 0 }, { 0 }, { 4 } } }
p = one:feature_maps("conv2d", sample, { scale = 1 })
check.equal(p.width, 7)
check.list(pixel(p, 3, 3), { 0, 0, 0 }) -- -4
check.list(pixel(p, 7, 3), { 255, 255, 255 }) -- 8
check.list(pixel(p, 5, 1), { 85, 85, 85 }) -- 0
check.list(pixel(p, 7, 1), { 170, 170, 170 }) -- 4
text = shown(p.show, p)
check.has(text, "black is -4, white is 8\n")
check.has(text, "conv2d: all of 2 channels, 3x3\n")
p = one:feature_maps("conv2d", tensor.zeros { 2, 3, 3, 1 }, { n = 1 })
check.equal(p.width, 30)
check.has(shown(p.show, p), "the first 1 of 2 channels, 3x3, 2 are 0 everywhere")
check.fails(function() one:feature_maps("conv", sample) end, "pictures.lua:", "feature_maps", "conv")
check.fails(function() one:feature_maps() end, "wants a layer and a sample")
check.fails(function() m:feature_maps("dense", x) end, "the output of dense is (2,), not (height, width, channels)")
check.fails(function() one:feature_maps("conv2d", tensor.zeros { 0, 3, 3, 1 }) end, "x holds no sample")
check.fails(function() one:feature_maps("conv2d", tensor.zeros { 4, 4, 4, 1 }) end, "got (batch, 4, 4, 1)")

-- names of files and classes on a screen
do
  local core, util = require "sonde.core", require "sonde.util"
  local known = core.utf8
  core.utf8 = true
  for given, want in pairs { ["\27[31mred"] = "?[31mred", ["a\nb"] = "a?b", ["\194\15531m"] = "?31m", ["\255x"] = "?x",
    ["\u{65E5}x"] = "\u{65E5}x", [3] = "3" } do
    check.equal(util.plain(given), want)
  end
  core.utf8 = false
  check.equal(util.plain "\u{65E5}x\u{E9}", "?x?")
  core.utf8 = known
end

check.done()
