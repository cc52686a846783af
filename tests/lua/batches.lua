-- d:batch, d:batches, and the methods that take a batch of a dataset.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x = tensor.arange(10):reshape { 10, 1 }:astype "float32"
local d = tensors { x = x, y = x * 2 }

-- in order
local bx, by, index = d:batch(1)
check.ok(bx:equal(x) and by:equal(x * 2) and index:equal(tensor.arange(1, 11)), "a batch larger than the data is all")
bx, by, index = d:batch { index = 3, batch_size = 4 }
check.ok(bx:equal(x:rows(9, 10)) and by:equal(x:rows(9, 10) * 2) and index:equal(tensor { 9, 10, dtype = "int64" }))
check.ok((d:batch { 2, batch_size = 4 }):equal(x:rows(5, 8)))
check.ok((d:batch(2, { batch_size = 4 })):equal(x:rows(5, 8)))
check.equal(select("#", d:batch()), 3)

-- shapes of images, class numbers and one-hot labels; none
local pictures = tensor.randn { 6, 4, 3, 2, seed = 1 }
local px, py = tensors { x = pictures, y = { 0, 1, 2, 0, 1, 2 } }:batch { batch_size = 4 }
check.list(px.shape, { 4, 4, 3, 2 })
check.list(py:tolist(), { 0, 1, 2, 0 })
px, py = tensors { x = pictures, y = tensor.eye(6) }:batch { 2, batch_size = 4 }
check.ok(px:equal(pictures:rows(5, 6)) and py:equal(tensor.eye(6):rows(5, 6)))
px, py, index = tensors { x = pictures }:batch { batch_size = 4 }
check.ok(px:equal(pictures:rows(1, 4)) and py == nil and #index == 4)
index = select(3, d:pick { 10, 1, 5 }:batch(1))
check.list(index:tolist(), { 1, 2, 3 })

-- mixed: every sample once, the same for a seed, another for another epoch
local function order(opts)
  local list = {}
  for _, _, i in d:batches(opts) do table.move(i:tolist(), 1, #i, #list + 1, list) end
  return list
end
check.list(order { batch_size = 4 }, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 })
check.list(order(3), order { batch_size = 4 })
local mixed = order { batch_size = 4, seed = 3 }
check.list(order { batch_size = 3, seed = 3 }, mixed)
check.ok(table.concat(mixed) ~= table.concat(order { seed = 3, epoch = 2 }), "another epoch, another order")
table.sort(mixed)
check.list(mixed, order())
sonde.seed(5)
local first, second = order { shuffle = true }, order { shuffle = true }
check.ok(table.concat(first) ~= table.concat(second), "no seed: another order in each call")
sonde.seed(5)
check.list(order { shuffle = true }, first)

-- what a run trains on
local m = sequential { dense { 1, input_shape = { 1 } } }
m:compile { loss = "mse", optimizer = "sgd" }
local r = m:run(d, { batch_size = 4, seed = 9, epochs = 3, verbose = 0 })
r:step(5)
check.ok(r.layers.dense.input:equal((d:batch { 2, seed = r.seed, epoch = 2, batch_size = 4 })))

-- the methods
local function alike(what, ...)
  local args = { ... }
  local got
  local said = check.output(function() got = table.pack(m[what](m, table.unpack(args))) end)
  return got, said
end
local weights = m:get_weights()
for _, what in ipairs { "train_on_batch", "gradients_on_batch" } do
  m:set_weights(weights)
  local want = alike(what, x:rows(5, 8), x:rows(5, 8) * 2)
  m:set_weights(weights)
  local got, said = alike(what, d, { index = 2, batch_size = 4 })
  check.equal(said, "")
  m:set_weights(weights)
  local pair = alike(what, { x:rows(5, 8), x:rows(5, 8) * 2 })
  if what == "train_on_batch" then
    check.equal(got[1], want[1])
    check.equal(pair[1], want[1])
  else
    check.same_weights(got[1], want[1])
    check.same_weights(pair[1], want[1])
  end
end
local long = tensors { x = tensor.ones { 70, 1 }, y = tensor.ones { 70, 1 } }
check.equal(select(2, alike("train_on_batch", long)), "train_on_batch: of the dataset's first batch, samples 1..32 of 70;"
  .. " m:train_on_batch(d, { index = 2 }) is of the second\n")
check.equal(select(2, alike("train_on_batch", long)), "")
check.equal(select(2, alike("gradients_on_batch", long)), "")
check.equal(select(2, alike("gradients_on_batch", d)), "")
check.has(tostring(m:gradcheck(long)), "on samples 1..32 of 70")
check.has(tostring(m:gradcheck(d)), "on all samples")
check.has(tostring(m:gradcheck(d, { index = 2, batch_size = 4, elements = 1 })), "on samples 5..8 of 10")
check.ok(not tostring(m:gradcheck(x, x)):find "samples", "tensors are what they are")

-- what is wrong
check.fails(function() d:batch(32) end, "batches.lua:", "batch: there is no batch 32; 10 samples make one batch of 10")
check.fails(function() d:batch(4) end, "d:batch{ batch_size = 4 } is the first of that size")
check.fails(function() d:batch { 4, batch_size = 4 } end, "there is no batch 4; 10 samples make 3 batches of 4")
check.fails(function() d:batch(0) end, "batch: index = 0 must be a whole number of at least 1")
check.fails(function() d:batch "x" end, 'batch: index = "x"')
check.fails(function() d:batch { 1, index = 2 } end, "give the index once")
check.fails(function() d:batch { bach_size = 2 } end, 'did you mean "batch_size"?')
check.fails(function() d:batch { batch_size = 0 } end, "batch: batch_size = 0")
check.fails(function() d:batch { shuffle = 1 } end, "batch: shuffle = 1 must be true or false")
check.fails(function() d:batch { epoch = 0 } end, "batch: epoch = 0")
check.fails(function() d:batches { index = 2 } end, 'batches: unknown option "index"')
check.has(check.output(function() m:train_on_batch(d:take(9), { batch_size = 4 }) end),
  "samples 1..4 of 9; m:train_on_batch(d, { index = 2, batch_size = 4 }) is of the second")
check.fails(function() m:train_on_batch(x, x, { index = 2 }) end, "train_on_batch: takes no options here, got \"index\"")
check.fails(function() m:train_on_batch(d, x) end, "train_on_batch: got a dataset and y")
check.fails(function() m:train_on_batch(d, x, {}) end, "train_on_batch: got a dataset and y")
check.fails(function() m:train_on_batch(tensors { x = x }) end, "train_on_batch: the dataset has no labels")
check.fails(function() m:gradcheck(x) end, "gradcheck: y is missing")
check.fails(function() m:gradients_on_batch() end, "gradients_on_batch: wants x and y, or a dataset")
check.fails(function() m:train_on_batch(d, { index = 2 }) end, "train_on_batch: there is no batch 2")
check.fails(function() m:gradcheck(d, { elments = 2 }) end, 'did you mean "elements"?')
check.fails(function() m:train_on_batch(tensors { x = pictures, y = { 0, 1, 2, 0, 1, 2 } }) end,
  "the model wants (batch, 1)")

-- a file that is none is left out, and the batch is what is left of it
local root = check.folder()
for _, class in ipairs { "a", "b" } do
  assert(os.execute(("mkdir -p '%s/%s'"):format(root, class)))
  for i = 1, 3 do check.bmp(("%s/%s/%d.bmp"):format(root, class, i), 4, 4, 40 * i, 0, 0) end
end
local broken = assert(io.open(root .. "/a/2.bmp", "wb"))
broken:write "no picture"
broken:close()
local folder
check.output(function() folder = image_folder { root, image_size = { 4, 4 }, shuffle = false } end)
px, py, index = folder:batch { batch_size = 4 }
check.list(px.shape, { 3, 4, 4, 3 })
check.list(index:tolist(), { 1, 3, 4 })
check.list(py:tolist(), { 0, 0, 1 })

-- the threads that prepare batches do not wait for the collector
local function threads()
  local f = io.open "/proc/self/status"
  local n = f and f:read "a":match "Threads:%s*(%d+)"
  if f then f:close() end
  return tonumber(n) or 0
end
collectgarbage "stop"
local before = threads()
for _ = 1, 20 do folder:batch(1) end
check.ok(threads() < before + 20, "%d threads, %d before", threads(), before)
for _ = 1, 20 do
  for _ in folder:batches { batch_size = 1, shuffle = true } do break end
  for _ in folder:batches { batch_size = 1, shuffle = true } do end
end
check.ok(threads() < before + 20, "%d threads, %d before", threads(), before)
collectgarbage "restart"
-- typed alone it is one value, which says what it is for
check.equal(check.output(function() sonde.print(folder:batches { batch_size = 1 }) end),
  tostring(folder:batches { batch_size = 1 }) .. "\n")
check.has(tostring(folder:batches(4)), " samples, for a loop: for x, y, index in d:batches{ batch_size = ")
check.equal(check.output(function() sonde.print(1, nil, nil, 1) end), "1\nnil\nnil\n1\n")
local step = folder:batches(4) -- without a loop
check.equal(#step(), 3)
check.equal(#step(), 2)
check.ok(step() == nil and step() == nil, "the end stays the end")
check.done()
