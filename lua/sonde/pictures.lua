-- Pictures of what is at hand: samples, the batch that a step saw, kernels, feature maps. What is called show draws;
-- what is called picture gives the picture, for :save("x.png").
local calls = require "sonde.calls"
local core = require "sonde.core"
local picture = require "sonde.picture"
local util = require "sonde.util"

local pictures = { dataset = {}, run = {}, model = {}, samples = {} }
local fail = util.fail
local OPTIONS = { "columns", "scale", "range", "colormap" }

-- ---- samples ----

local function want_pictures(who, d)
  local shape = d.x_shape
  local c = shape[3]
  if #shape == 2 or (#shape == 3 and (c == 1 or c == 3 or c == 4)) then return end
  fail("%s: samples of shape %s are no pictures; those have (height, width), (height, width, 1) or (height, width, 3)",
    who, util.shape_text(shape))
end

local function class_name(d, k)
  local names = d.class_names
  return names and names[k + 1] and util.plain(names[k + 1]) or ("class %d"):format(k)
end

-- Largest of a list: its place from 0, its value.
local function largest(list)
  local at = 1
  for i, v in ipairs(list) do
    if v > list[at] then at = i end
  end
  return at - 1, list[at]
end

local function is_one_hot(list)
  local sum = 0
  for _, v in ipairs(list) do
    if v ~= 0 and v ~= 1 then return false end
    sum = sum + v
  end
  return sum == 1
end

-- What a label says; y: a number, or a list of numbers.
local function label_text(d, y)
  if y == nil then return "" end
  if type(y) == "table" and #y == 1 then y = y[1] end
  if type(y) == "number" then
    local k = math.tointeger(y)
    return k and d.classes > 0 and class_name(d, k) or ("label %g"):format(y)
  end
  if type(y[1]) ~= "number" or d.classes ~= #y and not is_one_hot(y) then return "" end
  local k, share = largest(y)
  return class_name(d, k) .. (share < 1 and (" (%.2g)"):format(share) or "")
end

-- What an output says; nil where that is no class.
local function prediction_text(d, p)
  if type(p) == "table" and #p == 1 then p = p[1] end
  if type(p) == "number" then
    if d.classes ~= 2 or p < 0 or p > 1 then return ("%.4g"):format(p) end
    local k = p >= 0.5 and 1 or 0 -- one sigmoid unit
    return ("%s (%.2f)"):format(class_name(d, k), k == 1 and p or 1 - p)
  end
  if type(p[1]) ~= "number" then return nil end
  local k, share = largest(p)
  return ("%s (%.2f)"):format(class_name(d, k), share)
end

-- Sample i as x, y (numbers); nil when its file turns out to be broken and that may be passed over.
local function read_sample(who, d, i, skip)
  local ok, x, y = pcall(core.dataset_sample, d, i)
  if ok then return x, y and y:tolist() end
  if x == "interrupted" or not core.sample_broken(d, i) then error(x, 0) end
  if not skip then fail("%s: sample %d cannot be read: its file is broken", who, i) end
end

-- The first n samples that can be read, or those of the list.
local function collect(who, d, which)
  local xs, captions, skipped = {}, {}, 0
  local list = core.type(which) == "table" and which
  for at = 1, list and #list or #d do
    if not list and #xs == which then break end
    local i = list and list[at] or at
    if math.type(i) ~= "integer" then
      fail("%s: element %d of the list is %s, not the number of a sample", who, at, util.quoted(i))
    end
    local x, y = read_sample(who, d, i, not list)
    if x then
      xs[#xs + 1], captions[#captions + 1] = x, { number = i, text = label_text(d, y) }
    else
      skipped = skipped + 1
    end
  end
  return xs, captions, skipped
end

local function with(opts, captions)
  local copy = { captions = captions }
  for k, v in pairs(opts) do copy[k] = v end
  return copy
end

-- d:picture(9): of the first 9 samples; d:picture{ 5, 7 }: of these
local function of_samples(who, d, which, opts)
  opts = util.options(who, opts, OPTIONS)
  want_pictures(who, d)
  if core.type(which) == "table" then
    if #which == 0 then fail("%s: the list of samples is empty", who) end
  else
    which = util.whole(who, "n", which, 9, 1)
  end
  local xs, captions, skipped = collect(who, d, which)
  if #xs == 0 then fail("%s: the dataset has no sample that can be read", who) end
  local p = picture.grid_of_tensors(who, xs, with(opts, captions))
  if skipped > 0 then
    picture.add_note(p, ("%d file%s could not be read and %s left out"):format(skipped, skipped == 1 and "" or "s",
      skipped == 1 and "is" or "are"))
  end
  return p
end

function pictures.dataset.picture(d, which, opts) return of_samples("picture", d, which, opts) end
function pictures.dataset.show(d, which, opts) of_samples("show", d, which, opts):show() end

-- ---- tables of judged samples ----

local function of_table(who, t, opts)
  opts = util.options(who, opts, OPTIONS)
  if #t == 0 then fail("%s: the table is empty", who) end
  want_pictures(who, t.data)
  local xs, captions = {}, {}
  local function name(class) return (t.data.class_names and "" or "class ") .. util.plain(class) end
  for i, r in ipairs(t) do
    xs[i] = read_sample(who, t.data, r.index)
    local text = name(r.true_class)
    if r.predicted_class then text = ("%s, predicted %s"):format(text, name(r.predicted_class)) end
    if r.confidence then text = ("%s (%.2f)"):format(text, r.confidence) end
    if r.loss then text = ("%s, loss %s"):format(text, util.number(r.loss)) end
    captions[i] = { number = r.index, text = text }
  end
  return picture.grid_of_tensors(who, xs, with(opts, captions))
end

-- Methods of such tables (m:worst, m:most_confident_wrong).
function pictures.samples.picture(t, opts) return of_table("picture", t, opts) end
function pictures.samples.show(t, opts) of_table("show", t, opts):show() end

-- ---- the batch that a step saw ----

local function of_batch(who, r, n, opts)
  opts = util.options(who, opts, OPTIONS)
  local s = core.state(r)
  want_pictures(who, s.train)
  n = util.whole(who, "n", n, 16, 1)
  local x, y, index = core.run_batch(r, s.train, n)
  if not x then fail("%s: there is no batch of a last step at hand; r:step() makes one", who) end
  local predicted, xs, captions = s.model:predict(x):tolist(), {}, {}
  local labels = y and y:tolist()
  for i = 1, #x do
    local says = prediction_text(s.train, predicted[i])
    local text = labels and label_text(s.train, labels[i]) or ""
    if says then text = text .. (text == "" and "predicted " or ", predicted ") .. says end
    xs[i], captions[i] = x[i], { number = index[i], text = text }
  end
  return picture.grid_of_tensors(who, xs, with(opts, captions))
end

function pictures.run.batch_picture(r, n, opts) return of_batch("batch_picture", r, n, opts) end
function pictures.run.show_batch(r, n, opts) of_batch("show_batch", r, n, opts):show() end

-- ---- kernels ----

local function names_of(list)
  local names = {}
  for i, v in ipairs(list) do names[i] = v.name end
  return names
end

-- The kernel of a layer, and its name.
local function kernel_of(m, layer)
  if layer == nil then fail 'filters: wants the name of a layer, as in m:filters("conv2d")' end
  local view = rawget(m.layers, layer)
  if not view then
    local near = type(layer) == "string" and core.suggest(layer, names_of(m.layers))
    fail("filters: the model has no layer %s; %s", util.quoted(layer), near and ('did you mean "%s"?'):format(near)
      or "m.layers lists them")
  end
  local found = false
  for _, name in ipairs(view.params) do found = found or name == "kernel" end
  local kernel = found and view.kernel
  if not kernel or #kernel.shape ~= 4 then
    fail("filters: layer %s (%s) has no filters; a conv2d has", view.name, view.type)
  end
  return kernel, view.name
end

-- Blue to red around 0, and the middle of gray to colors around 0, with one range for all.
local function draw_kernels(list, opts, columns)
  local height, width = list[1].shape[1], list[1].shape[2]
  local most = 0
  for _, t in ipairs(list) do
    local lo, hi = core.values_range(t)
    most = math.max(most, -lo, hi)
  end
  if most == 0 then most = 1 end
  local p = picture.grid_of_tensors("filters", list, { range = opts.range or { -most, most },
    colormap = opts.colormap or (#list[1].shape == 2 and "coolwarm" or nil), columns = opts.columns or columns,
    scale = opts.scale or math.max(1, 24 // math.max(height, width)) })
  if not opts.range then
    picture.add_note(p, ("%s is 0, the ends are -%.4g and %.4g"):format(#list[1].shape == 2 and not opts.colormap and
      "white" or "the middle", most, most))
  end
  return p
end

local SIDE = 8 -- of the table of filters and input channels, where there are many

-- m:filters("conv2d"): its kernels; in color where the input has three channels, else one for each input channel.
function pictures.model.filters(m, layer, opts)
  opts = util.options("filters", opts, { "n", table.unpack(OPTIONS) })
  local kernel, name = kernel_of(m, layer)
  local kh, kw, channels, filters = table.unpack(kernel.shape)
  local whole = channels == 1 or channels == 3
  local n = math.min(util.whole("filters", "n", opts.n, whole and 64 or SIDE, 1), filters)
  local seen = whole and 1 or math.min(channels, SIDE)
  local list = {}
  for f = 0, n - 1 do
    local one = core.tensor_last(kernel, f) -- (kh, kw, channels)
    for c = 0, whole and 0 or seen - 1 do
      list[#list + 1] = channels == 3 and one or core.tensor_last(one, c)
    end
  end
  local p = draw_kernels(list, opts, not whole and seen or nil)
  local text = ("%s: %s of %d filters, %dx%dx%d"):format(name, n == filters and "all" or "the first " .. n, filters, kh,
    kw, channels)
  if not whole then text = text .. (", a row each; columns are the input channels 1 to %d"):format(seen) end
  picture.add_note(p, text)
  return p
end

-- ---- feature maps ----

-- m:feature_maps("conv2d", x): the channels of the layer's output for one sample.
function pictures.model.feature_maps(m, layer, x, opts)
  opts = util.options("feature_maps", opts, { "n", table.unpack(OPTIONS) })
  if layer == nil then fail 'feature_maps: wants a layer and a sample, as in m:feature_maps("conv2d", x)' end
  local call = calls.find(m, "feature_maps", layer)
  if #call.shape ~= 3 then
    fail("feature_maps: the output of %s is %s, not (height, width, channels)", call.name, util.shape_text(call.shape))
  end
  x = util.as_tensor(x, "feature_maps", "x")
  if #x.shape == #m.input_shape then x = x:reshape { 1, table.unpack(x.shape) } end
  if #x == 0 then fail "feature_maps: x holds no sample" end
  local out = m:output(layer, x:rows(1, 1))[1]
  local height, width, channels = table.unpack(out.shape)
  local n, list, dead = math.min(util.whole("feature_maps", "n", opts.n, 64, 1), channels), {}, 0
  for c = 1, channels do
    local map = core.tensor_last(out, c - 1)
    local lo, hi, bad = core.values_range(map)
    if lo == 0 and hi == 0 and bad == 0 then dead = dead + 1 end
    if c <= n then list[c] = map end
  end
  local p = picture.grid_of_tensors("feature_maps", list, { range = opts.range or "auto", colormap = opts.colormap,
    columns = opts.columns, scale = opts.scale or math.max(1, 32 // math.max(height, width)) })
  picture.add_note(p, ("%s: %s of %d channels, %dx%d%s"):format(call.name, n == channels and "all" or
    "the first " .. n, channels, height, width, dead > 0 and (", %d are 0 everywhere"):format(dead) or ""))
  return p
end

return pictures
