-- What methods show, at several widths of the terminal: no line is wider, and nothing that was measured gets lost.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"
local util = require "sonde.util"

sonde.seed(1)
local x, y = tensor.randn { 48, 8, 8, 1, seed = 1 }, tensor.zeros { 48 }
for i = 1, 48 do y[i] = i % 3 end
local d = tensors { x = x, y = y }
local m = sequential {
  conv2d { 4, 3, activation = "relu", input_shape = { 8, 8, 1 }, name = "a_rather_long_name_of_a_layer" },
  max_pool2d { 2 }, batch_norm {}, flatten {}, dense { 3, activation = "softmax", name = "prediction" },
}
m:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 1e-3 },
  metrics = { "accuracy", top_k { 2 }, a_metric_with_a_long_name = function(t, p) return mean(p) end } }
local r = m:run(d, { validation_data = d, epochs = 100, verbose = 0, seed = 1, batch_size = 16 })
r:epoch()
r:record { "gradients", every = 1 }
model_of_mine, some_data, a_text = m, d, ("text "):rep(30)

local shown = {
  model = {
    accuracy = function() return m:accuracy(d) end,
    calibration = function() return m:calibration(d) end,
    classification_report = function() return m:classification_report(d) end,
    confidence_histogram = function() return m:confidence_histogram(d) end,
    confusion = function() return m:confusion(d) end,
    count_params = function() return m:count_params() end,
    evaluate = function() return m:evaluate(d) end,
    gradcheck = function() return m:gradcheck(x[{ { 1, 2 } }], y[{ { 1, 2 } }]) end,
    landscape = function() return m:landscape(d, { points = 3, dimensions = 1 }) end,
    lr_find = function() return m:lr_find(d, { steps = 12 }) end,
    memory = function() return m:memory() end,
    most_confident_wrong = function() return m:most_confident_wrong(d, 3) end,
    output = function() return m:output("prediction", x) end,
    precision_recall = function() return m:precision_recall(d) end,
    predict = function() return m:predict(x) end,
    profile = function() return m:profile(d, { steps = 1 }) end,
    roc = function() return m:roc(d) end,
    sharpness = function() return m:sharpness(d) end,
    summary = function() m:summary { engine = true } end,
    worst = function() return m:worst(d, 4) end,
  },
  run = {
    activations = function() return r:activations { data = d } end,
    gradients = function() return r:gradients() end,
    history = function() return r:history() end,
    info = function() return r:info() end,
    loss_terms = function() return r:loss_terms() end,
    output_gradients = function() return r:output_gradients() end,
    profile = function() return r:profile { steps = 1 } end,
    recorded = function() return r:recorded() end,
    step = function() return r:step() end,
    updates = function() return r:updates() end,
    watch = function() return r:watch "gradients.norm > 1e30" end,
    weights = function() return r:weights() end,
  },
  dataset = { labels = function() return d:labels() end, broken = function() return d:broken() end,
    take = function() return d:take(5) end, batch = function() return d:batch(1) end,
    show = function() return d:show(2) end },
  value = {
    model = function() return m end,
    run = function() return r end,
    layers = function() return m.layers end,
    layer = function() return m.layers.prediction end,
    kernel = function() return m.layers.prediction.kernel end,
    object = function() return conv2d { 8, 3, kernel_regularizer = l2 { 1e-4 } } end,
    who = function() return who() end,
    time = function() return time(function() end) end,
    help = function() return help "conv2d" end,
  },
}

-- What prints nothing, goes on with the run, draws, writes a file or goes node by node, which other tests read.
local silent = { model = [[clone compile explain feature_maps filters fit freeze get_weights gradients_on_batch
  input_gradient insert remove replace report run save set_weights train_on_batch unfreeze]],
  run = [[backward batch_picture break_at compile continue delete disable enable epoch finish forward ignore
  keep_path landscape plot record report save sharpness show_batch step_layer stop update]],
  dataset = "batches pick picture sample split" }

for owner, list in pairs(silent) do
  local known = {}
  for name in list:gmatch "%S+" do known[name] = true end
  for name in pairs(core.meta[owner].methods) do
    check.ok(known[name] or shown[owner][name], "%s:%s is in no list of tests/lua/narrow.lua", owner, name)
  end
end

local function sorted(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local terminal, columns = core.terminal, nil
local function text_of(fn)
  return check.output(function()
    r:step() -- what others did in between is no hindrance
    local values = table.pack(fn())
    if values.n > 0 then sonde.print(table.unpack(values, 1, values.n)) end
  end):gsub("\27%[%d*m", "")
end

for _, n in ipairs { 40, 60, 80, 120 } do
  columns = n
  core.terminal = function(what)
    if what ~= "stderr" then return columns, 24 end
  end
  for _, owner in ipairs(sorted(shown)) do
    for _, name in ipairs(sorted(shown[owner])) do
      for line in text_of(shown[owner][name]):gmatch "[^\n]+" do
        local code = name == "help" and line:find "^  [%w_]+%s*{" -- an example is as it is
        check.ok(check.width(line) <= n or code, "%s %s at %d columns: %s", owner, name, n, line)
      end
    end
  end
  -- the lines of epochs
  for line in check.output(function() m:fit(d, { epochs = 1, validation_data = d }) end):gmatch "[^\n]+" do
    check.ok(#line <= n, "an epoch at %d columns: %s", n, line)
  end
end

-- ---- letters that take two columns, or none: names of layers and of classes ----

do
  local text, path, of = nil, check.folder(), core.meta.model.methods
  for i, name in ipairs { "猫", "ein Hund", "Pferde\u{301}😀" } do
    assert(os.execute(("mkdir '%s/%s'"):format(path, name)))
    for k = 1, 6 do check.bmp(("%s/%s/写真%d.bmp"):format(path, name, k), 8, 8, 40 * i, 9 * k, 7 * i * k) end
  end
  local pictures
  check.output(function()
    pictures = image_folder { path, image_size = { 8, 8 }, color_mode = "grayscale", label_mode = "int" }
  end)
  sonde.seed(1)
  local wide = sequential {
    conv2d { 4, 3, activation = "relu", input_shape = { 8, 8, 1 }, name = "卷积 (a) 😀" }, flatten {},
    dense { 3, activation = "softmax", name = "予測" },
  }
  wide:compile { loss = "sparse_categorical_crossentropy", optimizer = adam { 1e-3 }, metrics = { "accuracy" } }
  local run = wide:run(pictures, { epochs = 9, verbose = 0, seed = 1, batch_size = 9 })
  run:epoch()
  local tables = {
    summary = function() wide:summary {} end, gradients = function() return run:gradients() end,
    activations = function() return run:activations() end, forward = function() return run:forward() end,
    backward = function() return run:backward() end, loss_terms = function() return run:loss_terms() end,
    worst = function() return wide:worst(pictures, 4) end, engine = function() wide:summary { engine = true } end,
  }
  for _, name in ipairs { "confusion", "classification_report", "roc", "precision_recall", "calibration", "profile" } do
    tables[name] = function() return of[name](wide, pictures) end
  end
  for _, n in ipairs { 40, 80, 160 } do
    columns = n
    for _, name in ipairs(sorted(tables)) do
      local text = text_of(tables[name])
      for line in text:gmatch "[^\n]+" do check.ok(check.width(line) <= n, "%s at %d columns: %s", name, n, line) end
    end
    -- numbers that stand to the right end in one column, below their head
    local ends
    text = text_of(tables.classification_report)
    for line in text:gmatch "[^\n]+" do
      if line:find "^class  " then ends = check.width(line)
      elseif ends and line:find "%d$" then check.equal(check.width(line), ends, line) end
    end
    text = text_of(tables.gradients)
    for line in text:gmatch "[^\n]+" do
      local head = line:match "^(parameter .-norm)"
      if head then ends = check.width(head)
      elseif line:find "/" and line:find "^[^%s]" and not line:find "^gradients" and not line:find "^no room" then
        check.equal(check.width(line:match "^%S.-%s%s+[%d.e-]+"), ends, line)
      end
    end
  end
  columns = 80
  check.has(text_of(tables.summary), "卷积 (a) 😀 (conv2d)")
  columns = 40
  check.has(text_of(tables.summary), "卷积 (a) 😀  (None") -- its own parenthesis is no type's
  -- what there is no room for is said
  text = text_of(tables.gradients)
  check.has(text, "no room for: ")
  check.has(text, "shape")
  columns = 160
  check.ok(not text_of(tables.gradients):find "no room")
  check.ok(not text_of(tables.profile):find "no room")
  -- in a locale that has no such letters
  core.utf8 = false
  text = text_of(tables.forward) .. text_of(tables.backward)
  core.utf8 = true
  check.ok(not text:find "[\128-\255]", "%s", text)
  check.has(text, "?? (a) ?")
end

-- what a step in pieces shows has the columns of the probes
columns = 160
for piece, probe in pairs { forward = "activations", backward = "gradients", update = "updates" } do
  local heads = text_of(function() return r[probe](r) end):match "\n([^\n]+)"
  for head in text_of(function() return r[piece](r) end):match("\n([^\n]+)"):gsub("^gradient of", ""):gmatch "%S+" do
    check.ok(heads:find(head, 1, true) or head == "weights" or head == "layer" or head == "norm", "%s: %s", piece, head)
  end
end

-- no number gets lost where columns find no room
columns = 40
local narrow = text_of(shown.model.classification_report)
columns = 120
local wide = text_of(shown.model.classification_report)
for number in wide:gmatch "%d+%.%d+" do check.has(narrow, number) end
for _, word in ipairs { "precision", "recall", "f1-score", "support" } do check.has(narrow, word) end

-- the columns themselves
local rows = { { "name", "size", "kind" }, "─", { ("n"):rep(40), "1", "k" }, { "ä" .. ("é"):rep(40), "2", "k" } }
columns = 40
for line in (util.columns(rows, "lrl") .. "\n"):gmatch "(.-)\n" do check.ok(utf8.len(line) <= 40, "%s", line) end
check.has(util.columns(rows, "lrl"), "nnn..")
check.equal(util.columns({ { "猫猫猫猫猫猫猫猫猫猫", "1" }, { "e\u{301}", "22" } }, "lr"),
  "猫猫猫猫猫猫猫猫猫猫   1\ne\u{301}                     22")
check.equal(util.columns({ { ("猫"):rep(30), "1" }, { "b", ("2"):rep(20) } }, "lr"),
  ("猫"):rep(8) .. ".." .. (" "):rep(21) .. "1\nb" .. (" "):rep(19) .. ("2"):rep(20))
check.equal(util.cut("猫犬", 3, "~"), "猫~")
check.equal(util.cut_path("conv2d_transpose/kernel", 14), "conv2../kernel")
check.equal(util.cut_path("batch_norm/moving_variance", 13, "~"), "ba~/moving_v~")
check.equal(util.cut_path("batch_norm/moving_mean", 13, "~"), "ba~/moving_m~")
check.equal(util.cut_path("猫猫猫猫猫猫/kernel", 12), "猫../kernel")
check.equal(util.cut("猫犬鳥", 4, "~"), "猫~")
check.equal(util.cut("猫犬鳥", 5, "...", true), "犬鳥") -- no room for a mark
check.equal(util.cut("猫犬鳥猫犬", 7, "...", true), "...猫犬")
check.equal(util.cut("abc\xff\xfe", 4, ""), "abc\xff")
check.has(util.columns({ { "a", ("1"):rep(30), ("2"):rep(30) } }, "lrr"), "\n\na  2222")
core.terminal = function() return nil end
check.has(util.columns(rows, "lrl"), ("n"):rep(40)) -- into a file all of it
core.terminal = terminal
check.done()
