-- The experiment that sonde was born from: a small CNN with batch norm, dropout and L2 on every kernel tells two
-- classes of pictures apart. What is its printed loss made of?
--
--   sonde scripts/seed.lua        Fashion-MNIST's T-shirts and shirts (Debian package dataset-fashion-mnist), the
--                                 network's blocks scaled to 28x28x1: about three minutes on two cores
--   sonde scripts/seed.lua DIR    your folder of class folders at 256x256 (DIR/train and DIR/val when they are
--                                 there, else a fifth of the pictures is kept for validation)
-- options: --epochs N  --size N (of the pictures)  --batch N  --limit N (training pictures)  --seed N

local FASHION = "/usr/share/datasets/fashion-mnist/"

local function usage(problem)
  io.stderr:write(("seed.lua: %s\nusage: sonde scripts/seed.lua [DIR] [--epochs N] [--size N] [--batch N] [--limit N] "
    .. "[--seed N]\n"):format(problem))
  os.exit(2)
end

local OPTIONS = { epochs = true, size = true, batch = true, limit = true, seed = true }

local function read_arguments(list)
  local o, i = {}, 1
  while i <= #list do
    local name = list[i]:match "^%-%-(%a+)$"
    if name then
      if not OPTIONS[name] then usage("unknown option " .. list[i]) end
      local n = math.tointeger(tonumber(list[i + 1]))
      if not n or n < 1 then usage(list[i] .. " wants a whole number of at least 1") end
      o[name], i = n, i + 2
    elseif list[i]:find "^%-" or o.dir then
      usage("cannot use " .. list[i])
    else
      o.dir, i = list[i], i + 1
    end
  end
  return o
end

local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end

-- ---- data: training and validation ----

local function fashion()
  local function part(name)
    return idx { FASHION .. name .. "-images-idx3-ubyte.gz", FASHION .. name .. "-labels-idx1-ubyte.gz",
      classes = { 0, 6 }, class_names = { "T-shirt", "shirt" }, label_mode = "categorical", rescale = 1 / 255 }
  end
  if not exists(FASHION .. "train-images-idx3-ubyte.gz") then
    usage("Fashion-MNIST is not there; install the Debian package dataset-fashion-mnist, or give a DIR")
  end
  return part "train", part "t10k"
end

local function folder(dir, size, seed)
  local function part(path, subset)
    return image_folder { path, image_size = { size, size }, label_mode = "categorical", rescale = 1 / 255, seed = seed,
      validation_split = subset and 0.2 or nil, subset = subset }
  end
  if exists(dir .. "/train") and exists(dir .. "/val") then return part(dir .. "/train"), part(dir .. "/val") end
  return part(dir, "training"), part(dir, "validation")
end

-- ---- the network: three blocks and a head ----

local function network(input_shape, classes, filters, pool, factor)
  local layers = {}
  local function add(...)
    for _, layer in ipairs { ... } do layers[#layers + 1] = layer end
  end
  for i, n in ipairs(filters) do
    add(conv2d { n, 5, padding = "same", kernel_regularizer = l2(factor), input_shape = i == 1 and input_shape or nil },
      batch_norm {}, activation "relu", max_pool2d(pool), dropout { i / 10 })
  end
  add(flatten {}, dense { 128, kernel_regularizer = l2(factor) }, batch_norm {}, activation "relu", dropout { 0.5 },
    dense { classes, activation = "softmax", name = "prediction", kernel_regularizer = l2(factor) })
  return sequential(layers)
end

-- ---- what came out ----

local function printed(...) io.stdout:write(string.format(...), "\n") end

-- The terms of the first and the last epoch side by side.
local function terms_table(r, last)
  local a, b = r:loss_terms(1), r:loss_terms(last)
  local sides = { a.train, a.validation, b.train, b.validation }
  local function row(name, get)
    local cells = {}
    for i, side in ipairs(sides) do cells[i] = ("%10.4f"):format(get(side)) end
    printed("%-24s%s%s   %s%s", name, table.unpack(cells))
  end
  printed("\nwhat the loss is made of%20s   %20s", "epoch 1", "epoch " .. last)
  printed("%-24s%10s%10s   %10s%10s", "", "train", "val", "train", "val")
  row("loss", function(s) return s.total end)
  row("  data loss", function(s) return s.data end)
  row("  penalty", function(s) return s.penalty end)
  for _, layer in ipairs(r.model.layers) do
    if a.train.layers[layer.name] then row("    " .. layer.name, function(s) return s.layers[layer.name] end) end
  end
  local h = r:history()
  printed("%-24s%10.4f%10.4f   %10.4f%10.4f", "accuracy", h.accuracy[1], h.val_accuracy[1], h.accuracy[last],
    h.val_accuracy[last])
end

-- The longest stretch of epochs over which loss and accuracy both rose, on training and on validation data.
local function both_rose(r, last)
  local h = r:history()
  for length = last - 1, 1, -1 do
    for from = 1, last - length do
      local to = from + length
      local rose = true
      for _, k in ipairs { "loss", "val_loss", "accuracy", "val_accuracy" } do rose = rose and h[k][to] > h[k][from] end
      if rose then return from, to end
    end
  end
end

local function readings(r, last, classes)
  local h, chance = r:history(), math.log(classes)
  printed("")
  local above = {}
  for e = 1, last do
    if h.loss[e] > chance or h.val_loss[e] > chance then above[#above + 1] = e end
  end
  if #above > 0 then
    local e = above[#above]
    local t = r:loss_terms(e)
    printed("loss above ln %d = %.4f, which is what guessing costs: in %d of %d epochs.", classes, chance, #above, last)
    for _, side in ipairs { "train", "validation" } do
      local s = t[side]
      printed("  epoch %d, %-10s  loss %.4f = data %.4f + penalty %.4f; accuracy %.4f", e, side, s.total, s.data,
        s.penalty, h[side == "train" and "accuracy" or "val_accuracy"][e])
    end
  else
    printed("loss above ln %d = %.4f, which is what guessing costs: in none of %d epochs.", classes, chance, last)
  end
  local from, to = both_rose(r, last)
  if from then
    local a, b = r:loss_terms(from), r:loss_terms(to)
    printed("loss up while accuracy up, in training and validation alike: epochs %d to %d.", from, to)
    for _, side in ipairs { "train", "validation" } do
      local k = side == "train" and "" or "val_"
      printed("  %-10s  loss %+.4f = data %+.4f, penalty %+.4f; accuracy %+.4f", side, b[side].total - a[side].total,
        b[side].data - a[side].data, b[side].penalty - a[side].penalty,
        h[k .. "accuracy"][to] - h[k .. "accuracy"][from])
    end
  else
    printed("loss up while accuracy up, in training and validation alike: between no two of these epochs.")
  end
end

-- ---- all of it ----

local o = read_arguments(arg)
sonde.seed(o.seed or 1)
local train, val, pool
local filters, factor, batch, epochs = { 32, 64, 128 }, 1e-4, o.batch or 32, o.epochs
if o.dir then
  train, val = folder(o.dir, o.size or 256, o.seed or 1)
  pool, epochs = { 2 }, epochs or 180
else
  -- In the seed one layer has 98 % of the weights, the dense one behind a large flatten, and with that nearly all of
  -- the penalty. Pictures of 28x28 halved three times would leave little to flatten, so here the pools move by one
  -- pixel. With 2.5 instead of 17 million weights the penalty becomes as large beside the data loss as there when
  -- its factor is three times the seed's and batches are small. 2,500 pictures in batches of 4 are 625 steps an
  -- epoch, as many as the seed's.
  train, val = fashion()
  filters, pool, factor = { 8, 16, 32 }, { 2, strides = 1 }, 3e-4
  batch, epochs, o.limit = o.batch or 4, epochs or 20, o.limit or 2500
end
if o.limit then train = train:take(o.limit) end
printed("training: %s\nvalidation: %s\n", tostring(train), tostring(val))

local m = network(train.x_shape, train.classes, filters, pool, factor)
m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
m:summary { batch_size = batch }
local r = m:run(train, { validation_data = val, batch_size = batch, epochs = epochs, seed = o.seed or 1 })
printed("\n%s\n", tostring(r:loss_terms()))
r:finish()
terms_table(r, r.epoch_number)
readings(r, r.epoch_number, train.classes)
