-- m:explain(x): which parts of an input speak for a class. What is explained, and with what; the maps are computed in
-- sonde.explain_maps, drawn and printed in sonde.explain_show.
local classes = require "sonde.classes"
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local layers = require "sonde.layers"
local maps = require "sonde.explain_maps"
local model = require "sonde.model"
local show = require "sonde.explain_show"
local util = require "sonde.util"

local explain = { model = {}, samples = {} }
local fail = util.fail

-- ---- options ----

local COMMON = { "class", "method", "class_names", "data", "rescale", "index", "batch_size" }
-- Options of single methods: name -> the methods that have it.
local OF_METHODS = {
  layer = { "grad_cam" }, steps = { "integrated_gradients" }, n = { "smooth_grad" }, noise = { "smooth_grad" },
  seed = { "smooth_grad" }, patch = { "occlusion" }, stride = { "occlusion" },
  baseline = { "integrated_gradients", "occlusion" },
}
local METHODS = { "grad_cam", "saliency", "input_x_gradient", "integrated_gradients", "smooth_grad", "occlusion" }
local MOST_SAMPLES = 64

-- The methods in order; second: was a single one asked for by name?
local function methods_of(m, v)
  if v == nil then
    local list = { "saliency", "occlusion" }
    if maps.can_cam(m) then table.insert(list, 1, "grad_cam") end
    return list, false
  end
  local list = type(v) == "string" and { v } or v
  if core.type(list) ~= "table" or #list == 0 then
    fail('explain: method = %s must be a name, as in method = "grad_cam", or a list of names', util.quoted(v))
  end
  for _, name in ipairs(list) do
    local known = false
    for _, k in ipairs(METHODS) do known = known or k == name end
    if not known then
      local near = type(name) == "string" and core.suggest(name, METHODS)
      fail("explain: there is no method %s; %s", util.quoted(name), near and ('did you mean "%s"?'):format(near)
        or "it has: " .. table.concat(METHODS, ", "))
    end
  end
  return list, type(v) == "string"
end

local function check_options(opts, methods)
  local allowed = { table.unpack(COMMON) }
  for name in pairs(OF_METHODS) do allowed[#allowed + 1] = name end
  table.sort(allowed)
  util.options("explain", opts, allowed)
  for name, of in pairs(OF_METHODS) do
    local used = opts[name] == nil
    for _, a in ipairs(of) do
      for _, b in ipairs(methods) do used = used or a == b end
    end
    if not used then
      fail('explain: %s goes with method = "%s", not with %s', name, table.concat(of, '" or "'),
        table.concat(methods, ", "))
    end
  end
end

-- ---- the samples ----

-- The dataset that says how files are scaled, and what the classes are called; nil: none is at hand.
local function reference(m, opts)
  if opts.data ~= nil then
    if not dataset.is(opts.data) then fail("explain: data wants a dataset, got %s", util.a(opts.data)) end
    return opts.data
  end
  local r = m.last_run
  return r and core.state(r).train
end

-- A sample from an image file.
local function read_file(m, path, opts)
  local shape, d = m.input_shape, reference(m, opts)
  if #shape ~= 3 and #shape ~= 2 then
    fail("explain: the model's input is %s, which no image file fills", util.shape_text(shape))
  end
  local channels = shape[3] or 1
  if channels ~= 1 and channels ~= 3 and channels ~= 4 then
    fail("explain: the model's input has %d channels; an image file has 1, 3 or 4", channels)
  end
  local way = d and core.dataset_origin(d)
  local folder = way and way.type == "image_folder"
  local rescale = opts.rescale
  if rescale == nil and way then rescale = folder and way.rescale or way.type == "idx" and way.rescale or nil end
  if rescale == nil then
    fail('explain: how are the pixels of "%s" scaled? Give data = the dataset that the model learned from, or rescale = '
      .. "1/255 (or 1)", path)
  end
  if type(rescale) ~= "number" or not (rescale > 0 and rescale < math.huge) then
    fail("explain: rescale = %s must be a number over 0, as 1/255", util.quoted(rescale))
  end
  local fit = folder and (way.crop_to_aspect_ratio and "crop" or way.pad_to_aspect_ratio and "pad") or "stretch"
  local x = core.image_read(path, shape[1], shape[2], channels, folder and way.interpolation or "bilinear", fit, rescale)
  return #shape == 2 and x:reshape(shape) or x
end

-- The last part of a path, on one line; of a long one the end.
local function base_name(path)
  local name = util.plain(path:match "[^/]+$" or path)
  return util.cut(name, 24, "...", true)
end

local function sample_of(d, i)
  local ok, x, y, name = pcall(core.dataset_sample, d, i)
  if ok then
    local source = ("sample %d"):format(i) .. (name and (" (%s)"):format(base_name(name)) or "")
    return { x = x, y = y and y:tolist(), source = source, file = name, number = i }
  end
  if x == "interrupted" or not core.sample_broken(d, i) then error(x, 0) end
  fail("explain: sample %d cannot be read: its file is broken", i)
end

local function wanted_shape(m, shape)
  local same = #shape == #m.input_shape
  for i, n in ipairs(m.input_shape) do same = same and shape[i] == n end
  return same
end

-- Samples of a dataset: those of opts.index, else all.
local function from_dataset(m, d, index)
  if not wanted_shape(m, d.x_shape) then
    fail("explain: the model wants %s, the data have %s", util.shape_text(m.input_shape), util.shape_text(d.x_shape))
  end
  if index == nil then
    if #d > MOST_SAMPLES then
      fail("explain: the data have %s samples, more than %d; say which: index = 3, index = { 3, 5 } or d:take(4)",
        util.thousands(#d), MOST_SAMPLES)
    end
    index = {}
    for i = 1, #d do index[i] = i end
  end
  local single = core.type(index) ~= "table"
  local list = {}
  for i, k in ipairs(single and { index } or index) do
    list[i] = sample_of(d, util.whole("explain", "index", k, nil, 1))
  end
  if #list == 0 then fail "explain: index = {} names no sample" end
  return list, single
end

-- Samples of a tensor: one, or a batch.
local function from_tensor(m, t)
  local want, shape = m.input_shape, t.shape
  if wanted_shape(m, shape) then return { { x = t:astype "float32", source = #want > 1 and "the image" or "the input" } }, true end
  local each = table.move(shape, 2, #shape, 1, {})
  if not (#shape == #want + 1 and wanted_shape(m, each)) then
    fail("explain: the model wants %s, or a batch of such; x has %s", util.shape_text(want), util.shape_text(shape))
  end
  if #t == 0 then fail "explain: x holds no sample" end
  if #t > MOST_SAMPLES then
    fail("explain: x holds %s samples, more than %d; x:rows(1, %d) are the first", util.thousands(#t), MOST_SAMPLES,
      MOST_SAMPLES)
  end
  local list = {}
  for i = 1, #t do list[i] = { x = t[i]:astype "float32", source = ("sample %d"):format(i), number = i } end
  return list
end

-- What stands before the options: samples, is it a single one, the dataset.
local function gather(m, x, y, opts)
  if type(x) == "string" then
    return { { x = read_file(m, x, opts), source = base_name(x), file = x } }, true
  end
  if core.type(x) == "table" and (x.x ~= nil or util.is_tensor(x[1])) then x = dataset.from("explain", x) end
  if dataset.is(x) then
    local list, single = from_dataset(m, x, opts.index)
    return list, single, x
  end
  if opts.index ~= nil then fail "explain: index goes with a dataset" end
  if x == nil or not (util.is_tensor(x) or core.type(x) == "table") then
    fail("explain: wants an image: a tensor, a dataset (and index), or the path of a file; got %s", util.a(x))
  end
  local list, single = from_tensor(m, util.as_tensor(x, "explain", "x"))
  if single and y ~= nil then list[1].y = y:tolist() end
  return list, single
end

-- ---- classes ----

-- The names of the classes, or nil. Only those that were given for it must fit.
local function names_of(m, opts, d, count)
  local list = opts.class_names
  if list ~= nil then
    if core.type(list) ~= "table" or #list ~= count then
      fail("explain: class_names wants a list of %d names", count)
    end
    return list
  end
  d = d and d.class_names and d or reference(m, opts)
  list = d and d.class_names
  return list and #list == count and list or nil
end

-- The class, from 0, of a label as a list or number; nil: it is none.
local function label_class(y, count)
  if type(y) == "table" and #y == 1 then y = y[1] end
  if type(y) == "number" then
    local k = math.tointeger(y)
    return k and k >= 0 and k < count and k or nil
  end
  if type(y) ~= "table" or #y ~= count or type(y[1]) ~= "number" then return nil end
  for i, share in ipairs(y) do
    if share > 0.5 then return i - 1 end
  end
end

-- ---- one sample ----

-- Where scores come from: { model, trainer, node, kind, classes, units, batch_size, shape }.
local function head_of(m, opts)
  local trainer = model.predictor_of(m)
  local kind, count, units = core.output_kind(trainer)
  local node, output = core.look_logits(m)
  return { model = m, trainer = trainer, kind = kind, classes = count, units = units, node = node, output = output,
    shape = layers.info(m).input, batch_size = util.whole("explain", "batch_size", opts.batch_size, 32, 1) }
end

-- Scores before the last softmax or sigmoid, probabilities of all classes, and the likeliest class, from 0.
local function predict(head, sample)
  local d = core.dataset_tensors(sample.x:reshape { 1, table.unpack(sample.x.shape) })
  local out = core.look_outputs(head.trainer, d, 1, { head.node, head.output }, false)
  local shares = core.output_shares(head.trainer, out[2])[1]:tolist()
  local best
  for i, v in ipairs(shares) do
    if v ~= v or math.abs(v) == math.huge then
      fail("explain: the model's output for %s is %s; its weights or the input are not finite", sample.source,
        util.fixed("%g", v))
    end
    if not best or v > shares[best] then best = i end
  end
  return out[1]:reshape { head.units }:tolist(), shares, best - 1
end

-- One unit with sigmoid speaks for class 1, its negative for class 0.
local function about_sample(head, sample, class, names)
  local zs, shares, best = predict(head, sample)
  class = class or best
  local two = head.units == 1 and head.classes == 2
  local about = setmetatable({ x = sample.x, class = class, share = shares[class + 1], unit = two and 1 or class + 1,
    sign = two and class == 0 and -1 or 1 }, { __index = head })
  about.score = about.sign * zs[about.unit]
  local likely = head.kind == "probabilities" or head.kind == "logits"
  about.facts = { class = class, name = names and names[class + 1], score = about.score,
    probability = likely and about.share or nil, predicted = best, predicted_name = names and names[best + 1],
    predicted_probability = likely and shares[best + 1] or nil, image = sample.x, source = sample.source, file = sample.file,
    number = sample.number, label = sample.y and label_class(sample.y, head.classes), kind = head.kind }
  local label = about.facts.label
  about.facts.label_name = names and label and names[label + 1]
  return about
end

local function one_map(about, method, opts)
  local result = maps[method](about, opts)
  for k, v in pairs(about.facts) do result[k] = v end
  result.method = method
  return show.map(result)
end

local function explain_sample(about, methods, single, opts)
  if single then return one_map(about, methods[1], opts) end
  local set = { methods = methods }
  for k, v in pairs(about.facts) do set[k] = v end
  for _, name in ipairs(methods) do set[name] = one_map(about, name, opts) end
  return show.set(set)
end

-- m:explain(x, opts), (dataset, opts), (dataset, index, opts), (path, opts); also (x, y, name), which d:sample(i) gives.
function explain.model.explain(m, x, y, name, opts)
  if opts == nil and core.type(name) == "table" then name, opts = nil, name end
  if opts == nil and core.type(y) == "table" then y, opts = nil, y end
  if type(y) == "number" and (dataset.is(x) or core.type(x) == "table") then -- m:explain(val, 3)
    local copy = {}
    for k, v in pairs(opts or (core.type(name) == "table" and name) or {}) do copy[k] = v end
    if copy.index ~= nil then fail "explain: give the index once, by its place or by name" end
    copy.index = y
    y, name, opts = nil, nil, copy
  end
  if y ~= nil and not util.is_tensor(y) then fail("explain: wants options in a table, got %s", util.a(y)) end
  opts = opts or {}
  local methods, single_map = methods_of(m, opts.method)
  check_options(opts, methods)
  local list, single, d = gather(m, x, y, opts)
  local head = head_of(m, opts)
  local names = names_of(m, opts, d, head.classes)
  local class = nil
  if opts.class ~= nil then class = classes.number("explain", opts.class, head.classes, names) end
  local results = {}
  for i, sample in ipairs(list) do
    if type(name) == "string" then sample.file, sample.source = name, base_name(name) end
    results[i] = explain_sample(about_sample(head, sample, class, names), methods, single_map, opts)
  end
  return single and results[1] or show.list(results)
end

-- w:explain(i, opts) of m:worst(d), m:most_confident_wrong(d): the i-th sample, why the model predicts what it does, and
-- what speaks for the true class.
function explain.samples.explain(t, i, opts)
  if core.type(i) == "table" and opts == nil then i, opts = nil, i end
  i = util.whole("explain", "the place in the table", i, 1, 1)
  if #t == 0 then fail "explain: the table is empty" end
  if i > #t then fail("explain: place %d in a table of %d", i, #t) end
  local row, copy = t[i], {}
  for k, v in pairs(opts or {}) do copy[k] = v end
  copy.index = row.index
  if copy.class ~= nil or row.predicted == nil or row.predicted == row.label then
    return explain.model.explain(t.model, t.data, copy)
  end
  local list = {}
  for k, class in ipairs { row.predicted, row.label } do
    copy.class = class
    list[k] = explain.model.explain(t.model, t.data, copy)
  end
  return show.list(list)
end

return explain
