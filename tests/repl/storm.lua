-- For storm.t: a training whose model is changed and saved every few steps, by operations that may come twice. Whether
-- and how often go() is interrupted must not show in what comes out.
dofile((arg[0]:match "^(.*/)" or "") .. "net.lua")
local file = "storm.sonde"

local function head(k) return dense { 2, activation = "softmax", name = "head" .. k % 2 } end

local operations = {
  function() net:freeze "conv2d" end,
  function() r:save(file) end,
  function() r.learning_rate = 1e-3 * (1 + at % 7) end,
  function() net:unfreeze "conv2d" end,
  function() r:compile { optimizer = at % 2 == 0 and adam { 1e-3 } or sgd { 0.05, momentum = 0.9 } } end,
  function()
    sonde.seed(at)
    if not rawget(net.layers, "head" .. at % 2) then net:replace(net.layers[#net.layers].name, head(at)) end
  end,
  function() r:save(file) end,
}

-- A new run from the beginning.
function new(d, opts)
  sonde.seed(1)
  net = sequential {
    conv2d { 4, 3, padding = "same", input_shape = { 16, 16, 1 } }, batch_norm {}, activation "relu", dropout { 0.2 },
    max_pool2d { 2 }, flatten {}, dense { 2, activation = "softmax", name = "head0" },
  }
  net:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
  opts = opts or { epochs = 500, batch_size = 16, seed = 3, verbose = 0 }
  opts.validation_data = d or data
  r = net:run(d or data, opts)
  at, calls = 0, 0
end

-- On to the end: an operation after every third step.
function go()
  calls = calls + 1
  while not r.done do
    if r.iterations >= 3 * at + 3 then
      operations[at % #operations + 1]()
      at = at + 1
    end
    local n = 3 * at + 3 - r.iterations
    if n <= 0 then error "steps were made twice" end
    r:step(n)
  end
end

-- In how many places two lists of tensors or numbers differ.
function differ(a, b)
  local n = math.abs(#a - #b)
  for i, v in ipairs(a) do
    local same = v == b[i] or (math.type(v) == nil and v:equal(b[i]))
    n = same and n or n + 1
  end
  return n
end

-- Pictures in files, so that reading them takes its share.
function folder()
  os.execute "mkdir -p pictures/a pictures/b"
  for i = 1, 24 do
    local t = tensor.rand { 120, 120, 3, seed = i }
    picture(t):save(("pictures/%s/%d.png"):format(i % 2 == 0 and "a" or "b", i))
  end
  return image_folder { "pictures", image_size = { 16, 16 }, color_mode = "grayscale", label_mode = "categorical",
    cache = "none", seed = 1 }
end
