-- The networks that are measured; peers.py has their twins in Keras and PyTorch. name -> { batch, shape, classes,
-- build(dropout: 1, or 0 for none) -> model, compiled }. SIZE: the side of the seed's images.
local size = tonumber(os.getenv "SIZE" or "") or 256
local models = { order = { "seed", "resnet", "lenet", "mlp" } }

local function compiled(m)
  m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  return m
end

-- The network of the question that sonde was born from.
models.seed = { batch = 32, shape = { size, size, 3 }, classes = 2 }
models.seed.title = ("seed's network, %d×%d×3"):format(size, size)
function models.seed.build(dropped)
  local list = {}
  local function put(...)
    for _, layer in ipairs { ... } do list[#list + 1] = layer end
  end
  for i, filters in ipairs { 32, 64, 128 } do
    put(conv2d { filters, 5, padding = "same", kernel_regularizer = l2(1e-4),
      input_shape = i == 1 and models.seed.shape or nil })
    put(batch_norm {}, activation "relu", max_pool2d { 2 }, dropout { dropped * i / 10 })
  end
  put(flatten {}, dense { 128, kernel_regularizer = l2(1e-4) }, batch_norm {}, activation "relu",
    dropout { dropped * 0.5 })
  put(dense { 2, activation = "softmax", kernel_regularizer = l2(1e-4) })
  return compiled(sequential(list))
end

-- Three stages of three residual blocks of two 3x3 convolutions, 16-32-64 channels, as ResNet-20 has; a stage begins
-- with pooling instead of a step of 2, whose padding the frameworks do not agree about.
models.resnet = { batch = 32, shape = { 32, 32, 3 }, classes = 10, title = "ResNet-20 (3×3), 32×32×3" }
function models.resnet.build()
  local function conv(h, filters) return batch_norm {}(conv2d { filters, 3, padding = "same" }(h)) end
  local function block(h, filters, wider)
    local short = wider and conv2d { filters, 1 }(h) or h
    h = conv(activation "relu"(conv(h, filters)), filters)
    return activation "relu"(add {} { h, short })
  end
  local x = input(models.resnet.shape)
  local h = activation "relu"(conv(x, 16))
  for stage, filters in ipairs { 16, 32, 64 } do
    if stage > 1 then h = max_pool2d { 2 }(h) end
    for i = 1, 3 do h = block(h, filters, stage > 1 and i == 1) end
  end
  h = dense { 10, activation = "softmax" }(global_avg_pool2d {}(h))
  return compiled(model { inputs = x, outputs = h })
end

models.lenet = { batch = 32, shape = { 28, 28, 1 }, classes = 10, title = "LeNet, 28×28×1" }
function models.lenet.build()
  return compiled(sequential {
    conv2d { 6, 5, padding = "same", activation = "relu", input_shape = models.lenet.shape }, max_pool2d { 2 },
    conv2d { 16, 5, activation = "relu" }, max_pool2d { 2 }, flatten {},
    dense { 120, activation = "relu" }, dense { 84, activation = "relu" }, dense { 10, activation = "softmax" } })
end

models.mlp = { batch = 32, shape = { 784 }, classes = 10, title = "MLP 784-128-10" }
function models.mlp.build()
  return compiled(sequential { dense { 128, activation = "relu", input_shape = models.mlp.shape },
    dense { 10, activation = "softmax" } })
end

-- Random images, and labels as one-hot rows.
function models.data(spec, batch)
  local labels, shape = {}, { batch }
  for i = 1, batch do
    labels[i] = {}
    for k = 1, spec.classes do labels[i][k] = (i * 7 % spec.classes) + 1 == k and 1 or 0 end
  end
  for _, n in ipairs(spec.shape) do shape[#shape + 1] = n end
  shape.seed = 1
  return tensor.random(shape), tensor(labels)
end

-- BATCH: of the seed's network.
models.seed.batch = tonumber(os.getenv "BATCH" or "") or models.seed.batch

-- The most memory that the process held, in MiB, as the system counts it.
function models.peak()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmHWM:%s*(%d+)"
    if kib then return tonumber(kib) / 1024 end
  end
end

return models
