-- Datasets: tensors, splitting, folders of images, and the messages about what is wrong with them.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x = tensor { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 }, { 9, 10 } }
local y = tensor { 0, 1, 0, 1, 1 }
local d = tensors { x = x, y = y }
check.equal(#d, 5)
check.list(d.x_shape, { 2 })
check.has(tostring(d), "dataset of 5 samples (2,)")
check.list(d:labels():tolist(), { 0, 1, 0, 1, 1 })
check.equal(#d:take(2), 2)
check.equal(#d:take(9), 5)
check.equal(d:broken(), 0)
local a, b = d:split(0.6)
check.equal(#a, 3)
check.list(b:labels():tolist(), { 1, 1 })
local sx, sy = d:sample(2)
check.list(sx:tolist(), { 3, 4 })
check.equal(sy:tolist(), 1)
check.list(d:pick { 5, 1 }:labels():tolist(), { 1, 0 })
local function order(seed)
  local first, rest = d:split(0.4, { shuffle = true, seed = seed })
  return { first:sample(1)[1], first:sample(2)[1], rest:sample(1)[1], rest:sample(2)[1], rest:sample(3)[1] }
end
check.list(order(1), order(1))
local sorted = order(1)
table.sort(sorted)
check.list(sorted, { 1, 3, 5, 7, 9 })
check.equal(#tensors { x = { { 1 }, { 2 } }, y = { 0, 1 } }, 2)

check.fails(function() tensors { x = x, y = tensor { 1 } } end, "data.lua:", "tensors: x has shape (5, 2) and y (1,)")
check.fails(function() tensors { y = y } end, "x is missing")
check.fails(function() tensors { x = 3 } end, "x wants tensor, got 3")
check.fails(function() tensors { x = tensor {} } end, "tensors")
check.fails(function() d:split(1.5) end, "split: the fraction must be a number between 0 and 1, got 1.5")
check.fails(function() d:split(0.5, { shufle = true }) end, 'did you mean "shuffle"?')
check.fails(function() d:take(-1) end, "take: n = -1")
check.fails(function() d:take() end, "take: wants how many samples, as in d:take(100)")
check.fails(function() d:sample() end, "sample: wants the number of a sample, as in x, y, name = d:sample(1)")
check.fails(function() d:pick(d) end, "pick: wants a list of numbers of samples, as in d:pick{ 3, 5 }, got a dataset")
check.fails(function() d:pick { { 1 } } end, "pick: element 1 of the list is a table, not the number")
check.fails(function() d:labels(3) end, "labels: takes no arguments, got 3; ", "d:take(n):labels()")
check.fails(function() d:sample(6) end, "sample 6 is outside 1..5")
check.fails(function() d:pick { 0 } end, "sample 0 is outside 1..5")
check.fails(function() d:pick { 6 } end, "sample 6 is outside 1..5")
check.fails(function() d:pick { 1, 1.5 } end, "pick: element 2 of the list is 1.5, not the number of a sample")
check.fails(function() d:pick { "x" } end, 'pick: element 1 of the list is "x", not the number of a sample')
check.fails(function() d:pick { "1" } end, 'element 1 of the list is "1"')
check.fails(function() d:pick { math.mininteger } end, "sample -9223372036854775808 is outside 1..5")
check.fails(function() d:pick { math.maxinteger } end, "sample 9223372036854775807 is outside 1..5")
check.list(d:pick(tensor { 2, 3 }):labels():tolist(), { 1, 0 })

-- the fraction of a split by its place or by name
check.equal(#d:split { fraction = 0.6 }, 3)
check.equal(#d:split { 0.6, shuffle = false }, 3)
check.equal(#d:split { fraction = 0.6, seed = 2 }, 3)
check.fails(function() d:split { 0.6, fraction = 0.5 } end, "give the fraction once")
check.fails(function() d:split(0.6, { fraction = 0.5 }) end, "give the fraction once")
check.fails(function() d:split {} end, "the fraction must be a number between 0 and 1, got nil")
check.fails(function() d:split { 0.5, true } end, "split: option [2] has no name")
check.fails(function() d:split(0.5, { shuffle = "no" }) end, 'split: shuffle = "no" must be true or false')
check.fails(function() d:split(0.5, 3) end, "split: wants options in a table, got a number")

-- folders of images
local root = check.folder()
local function folder(path) assert(os.execute(("mkdir -p '%s/%s'"):format(root, path))) end
folder "good/cat"
folder "good/dog"
folder "good/.hidden"
for i = 1, 6 do
  check.bmp(("%s/good/cat/%d.bmp"):format(root, i), 10, 8, 200, 10 * i, 0)
  check.bmp(("%s/good/dog/%d.bmp"):format(root, i), 9, 12, 0, 10 * i, 200)
end
local opts = { root .. "/good", image_size = { 4, 6 }, label_mode = "categorical", cache = "memory", shuffle = false }
-- Says what it found, once, on stdout.
local function open_folder(o)
  local d
  local text = check.output(function() d = image_folder(o) end)
  return d, text
end
local images, notice = open_folder(opts)
check.has(notice, "Found 12 files belonging to 2 classes.")
check.equal(#images, 12)
check.list(images.class_names, { "cat", "dog" })
check.list(images.x_shape, { 4, 6, 3 })
local ix, iy, name = images:sample(1)
check.list(ix[1][1]:tolist(), { 200, 10, 0 })
check.list(iy:tolist(), { 1, 0 })
check.has(name, "good/cat/1.bmp")
check.near(images:labels():sum(), 12, 0)
opts.rescale = 1 / 255
images = open_folder(opts)
check.near(images:sample(1):max(), 200 / 255, 1e-6)

local m = sequential { conv2d { 2, 3, input_shape = { 4, 6, 3 } }, flatten {}, dense { 2, activation = "softmax" } }
m:compile { loss = "categorical_crossentropy", optimizer = adam { 0.05 }, metrics = { "accuracy" } }
local r = m:fit(images, { epochs = 20, batch_size = 5, verbose = 0, validation_data = images })
check.ok(r:history().val_accuracy[20] == 1)
check.list(m:predict(images).shape, { 12, 2 })
check.near(m:evaluate(images, { batch_size = 3 }).loss, r:history().val_loss[20], 1e-5)

-- what the issue names
local function fails(path, ...)
  folder(path)
  local parts = { ... }
  check.fails(function()
    image_folder { root .. "/" .. path, image_size = 4, label_mode = "binary", cache = "memory" }
  end, table.unpack(parts))
end
fails("empty", "has no class folders; put each class's images")
folder "one/cat"
check.bmp(root .. "/one/cat/1.bmp", 4, 4, 1, 2, 3)
fails("one", 'label_mode = "binary" needs exactly 2 classes', "has 1; use")
folder "hollow/cat"
folder "hollow/dog"
fails("hollow", "no images found in", "there must be files that end in .bmp")
check.fails(function() image_folder { root .. "/missing" } end, "missing", "there is no such folder")
check.fails(function() image_folder { root .. "/good/cat/1.bmp" } end, "is not a folder; give the folder")
check.fails(function() image_folder {} end, "directory is missing")
check.fails(function() image_folder { root .. "/good", image_size = { 0, 4 } } end, "image_size = 0")
check.fails(function() image_folder { root .. "/good", imagesize = 4 } end, 'did you mean "image_size"?')
check.fails(function() image_folder { root .. "/good", class_names = { "cat", "cow" } } end, 'class_names has "cow", but')
check.fails(function() image_folder { root .. "/good", validation_split = 2 } end, "validation_split = 2")

-- broken files: skipped with a count, or an error
folder "broken/cat"
folder "broken/dog"
for i = 1, 3 do
  check.bmp(("%s/broken/cat/%d.bmp"):format(root, i), 4, 4, 200, 0, 0)
  check.bmp(("%s/broken/dog/%d.bmp"):format(root, i), 4, 4, 0, 0, 200)
end
local f = assert(io.open(root .. "/broken/dog/2.bmp", "wb"))
f:write "BM this is no picture"
f:close()
f = assert(io.open(root .. "/broken/dog/4.png", "wb"))
f:close()
local some = open_folder { root .. "/broken", image_size = 4, label_mode = "int", cache = "memory" }
check.equal(#some, 7)
local n = sequential { flatten { input_shape = { 4, 4, 3 } }, dense { 2, activation = "softmax" } }
n:compile { loss = "sparse_categorical_crossentropy", optimizer = "sgd" }
n:fit(some, { verbose = 0, batch_size = 3, epochs = 2 })
check.equal(some:broken(), 2)
check.list(n:predict(some).shape, { 5, 2 })
check.list(some:labels().shape, { 5 })
check.has(tostring(some), "2 broken")
local strict = open_folder { root .. "/broken", image_size = 4, label_mode = "int", cache = "memory",
  on_error = "raise" }
check.fails(function() n:fit(strict, { verbose = 0 }) end, root .. "/broken/dog/")

-- idx
local function idx_file(path, dims, bytes)
  local g = assert(io.open(root .. "/" .. path, "wb"))
  g:write(string.pack(">BBBB", 0, 0, 8, #dims))
  for _, k in ipairs(dims) do g:write(string.pack(">I4", k)) end
  g:write(bytes)
  g:close()
  return root .. "/" .. path
end
local pictures = idx_file("x.idx", { 3, 2, 2 }, string.char(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255))
local labels = idx_file("y.idx", { 3 }, string.char(4, 9, 4))
local i = idx { pictures, labels }
check.equal(#i, 3)
check.list(i.x_shape, { 2, 2, 1 })
check.list(i:labels():tolist(), { 4, 9, 4 })
check.equal(i:sample(3):max(), 255)
i = idx { pictures, labels, classes = { 9, 4 }, rescale = 1 / 255 }
check.list(i:labels():tolist(), { 1, 0, 1 })
check.near(i:sample(3):max(), 1, 1e-6)
check.fails(function() idx { pictures, pictures } end, "one label per image is wanted")
check.fails(function() idx { root .. "/none.idx", labels } end, "none.idx", "No such file")
check.fails(function() idx { idx_file("short.idx", { 3, 2, 2 }, "ab"), labels } end, "short.idx", "the file is cut off")
check.fails(function() idx { pictures, labels, classes = { 7 } } end, "no sample is of the classes asked for")
check.done()
