-- Computing maps of explanations for one sample. about: { model, trainer, x (the sample), shape (the input's), node,
-- unit, sign (the score is sign times that unit of that node), class (from 0), probability, options }. Each method
-- gives a table with map: (h, w), of flat inputs (features), and raw.
local calls = require "sonde.calls"
local core = require "sonde.core"
local layers = require "sonde.layers"
local tensor = require("sonde.tensor").tensor
local util = require "sonde.util"

local maps = {}
local fail = util.fail

-- ---- what is computed of inputs ----

local function as_batch(t) return t:reshape { 1, table.unpack(t.shape) } end

-- Scores of a batch.
local function scores(about, xs)
  local d = core.dataset_tensors(xs)
  return core.tensor_last(core.look_outputs(about.trainer, d, about.batch_size, { about.node }, false)[1],
    about.unit - 1) * about.sign
end

-- Gradients of each sample's score with respect to it.
local function gradients(about, xs)
  return core.look_input_gradient(about.trainer, core.dataset_tensors(xs), about.batch_size, false, about.node,
    about.unit) * about.sign
end

-- The sum of what gradients(...) gives for inputs 1..n that make(first, last) makes, a batch at a time.
local function summed(about, n, make)
  local sum
  for first = 1, n, about.batch_size do
    local part = gradients(about, make(first, math.min(n, first + about.batch_size - 1))):sum(1)
    sum = sum and sum + part or part
  end
  return sum
end

-- Of an image's channels one number.
local function over_channels(t, how)
  if #t.shape < 3 then return t end
  return t[how](t, 3)
end

-- ---- Grad-CAM: Selvaraju et al. 2017, arXiv 1610.02391 ----

local no_maps = { input = true, rescaling = true, reshape = true }
local coarser = { max_pool2d = true, avg_pool2d = true, dropout = true }

local function is_spatial(call) return #call.shape == 3 and call.shape[1] * call.shape[2] > 1 end

-- The last layer that still has places, before the pooling and dropout behind it; nil: there is none.
local function last_spatial(m)
  local list, info, found = calls.of(m), layers.info(m), nil
  for i = #list, 1, -1 do
    local kind = info.layers[list[i].layer].type
    if is_spatial(list[i]) and not no_maps[kind] then
      found = found or list[i]
      if not coarser[kind] then return list[i] end
    end
  end
  return found
end

local function names_of_spatial(m)
  local names, info = {}, layers.info(m)
  for _, call in ipairs(calls.of(m)) do
    if is_spatial(call) and not no_maps[info.layers[call.layer].type] then names[#names + 1] = call.name end
  end
  return table.concat(names, ", ")
end

-- Has the model what grad_cam needs, and is the sample an image?
function maps.can_cam(m) return #m.input_shape > 1 and last_spatial(m) ~= nil end

local function cam_layer(about, layer)
  local m = about.model
  if #about.shape < 2 then
    fail("explain: grad_cam wants an image; the model's input is %s; method = \"saliency\" and the others work",
      util.shape_text(about.shape))
  end
  if layer == nil then
    return last_spatial(m) or fail("explain: grad_cam wants a layer whose output is (height, width, channels), and the "
      .. 'model has none; method = "saliency", "integrated_gradients" and "occlusion" need none')
  end
  local call = calls.find(m, "explain", layer)
  if layers.info(m).layers[call.layer].type == "input" then
    fail('explain: layer %s is the input; method = "input_x_gradient" is about that', call.name)
  end
  if #call.shape ~= 3 then
    local names = names_of_spatial(m)
    fail("explain: the output of layer %s is %s; grad_cam wants (height, width, channels)%s", call.name,
      util.shape_text(call.shape), names ~= "" and ", as of " .. names or ", which no layer of the model has")
  end
  return call
end

function maps.grad_cam(about, opts)
  local call = cam_layer(about, opts.layer)
  local a, da = core.look_class_gradient(about.trainer, as_batch(about.x), call.node, about.unit, true)
  local weights = (da[1] * about.sign):mean { 1, 2 }
  local raw = (a[1] * weights):sum(3):maximum(0)
  return { layer = call.name, raw = raw, weights = weights,
    map = core.bilinear(raw, about.shape[1], about.shape[2]) }
end

-- ---- gradients of the input ----

-- Simonyan et al. 2013, arXiv 1312.6034
function maps.saliency(about)
  local raw = gradients(about, as_batch(about.x))[1]
  return { raw = raw, map = over_channels(raw:abs(), "max") }
end

function maps.input_x_gradient(about)
  local raw = gradients(about, as_batch(about.x))[1] * about.x
  return { raw = raw, map = over_channels(raw, "sum") }
end

-- What stands for "nothing to see": a number, "mean" (of each channel), or a tensor like x.
local function baseline_of(about, v, default)
  if v == nil then v = default end
  local zeros = tensor.zeros(about.shape)
  if type(v) == "number" then return zeros + v end
  if v == "mean" then
    if #about.shape == 3 then return zeros + about.x:mean { 1, 2 } end
    return zeros + about.x:mean()
  end
  if type(v) == "string" or not (util.is_tensor(v) or core.type(v) == "table") then
    fail('explain: baseline = %s must be a number, "mean" or a tensor of the shape of x', util.quoted(v))
  end
  v = util.as_tensor(v, "explain", "baseline")
  if util.shape_text(v.shape) ~= util.shape_text(about.shape) then
    fail("explain: baseline of shape %s; x has %s", util.shape_text(v.shape), util.shape_text(about.shape))
  end
  return v:astype "float32"
end

-- Sundararajan et al. 2017, arXiv 1703.01365; the integral by the midpoint rule.
function maps.integrated_gradients(about, opts)
  local steps = util.whole("explain", "steps", opts.steps, 32, 1)
  local base = baseline_of(about, opts.baseline, 0)
  local way = about.x - base
  local flat, ones = as_batch(way), {}
  for i = 1, #about.shape do ones[i] = 1 end
  local sum = summed(about, steps, function(first, last)
    local at = {}
    for i = first, last do at[i - first + 1] = (i - 0.5) / steps end
    return tensor(at):reshape { #at, table.unpack(ones) } * flat + base
  end)
  local raw = way * sum / steps
  local difference = about.score - scores(about, as_batch(base)):sum()
  return { raw = raw, map = over_channels(raw, "sum"), steps = steps, difference = difference,
    gap = difference - raw:astype("float64"):sum() }
end

-- Smilkov et al. 2017, arXiv 1706.03825
function maps.smooth_grad(about, opts)
  local n = util.whole("explain", "n", opts.n, 16, 1)
  local seed = util.whole("explain", "seed", opts.seed, 1, math.mininteger)
  local noise = opts.noise == nil and 0.15 or opts.noise
  if type(noise) ~= "number" or not (noise >= 0 and noise < math.huge) then
    fail("explain: noise = %s must be a number of at least 0: a share of the image's range", util.quoted(noise))
  end
  local sigma = noise * (about.x:max() - about.x:min())
  local raw = summed(about, n, function(first, last)
    local list = {}
    for i = first, last do
      local shape = { table.unpack(about.shape) }
      shape.seed = seed + i - 1
      list[#list + 1] = tensor.randn(shape) * sigma + about.x
    end
    return tensor.stack(list)
  end) / n
  return { raw = raw, map = over_channels(raw:abs(), "max"), n = n, noise = noise, seed = seed }
end

-- ---- occlusion: Zeiler and Fergus 2014 ----

local PATCHES = 6 -- of a side, unless it is said

-- Two sizes, one for each axis of the map.
local function sizes(about, name, v, default, most, what)
  local flat = #about.shape == 1
  if v == nil then v = default end
  if type(v) == "number" then v = { v, v } end
  if core.type(v) ~= "table" or #v ~= 2 then
    fail("explain: %s = %s must be a whole number%s", name, util.quoted(v), flat and "" or " or { height, width }")
  end
  local out = {}
  for i = 1, 2 do
    out[i] = flat and i == 2 and 1 or util.whole("explain", name, v[i], nil, 1)
    if out[i] > most[i] then fail("explain: %s = %d is more than %s, %d", name, out[i], what, most[i]) end
  end
  return out
end

function maps.occlusion(about, opts)
  local shape = about.shape
  local flat = #shape == 1
  local h, w = shape[1], shape[2] or 1
  local side = flat and 1 or math.max(1, (math.max(h, w) + PATCHES // 2) // PATCHES)
  local patch = sizes(about, "patch", opts.patch, { math.min(side, h), math.min(side, w) }, { h, w }, "the input's side")
  local stride = sizes(about, "stride", opts.stride, { (patch[1] + 1) // 2, (patch[2] + 1) // 2 }, patch,
    "the patch's side, which leaves gaps")
  local fill = baseline_of(about, opts.baseline, flat and 0 or "mean")
  local out, down, across = core.occlusion(about.trainer, about.x, fill, about.batch_size, patch[1], patch[2],
    stride[1], stride[2])
  local shares = core.tensor_last(core.output_shares(about.trainer, out), about.class)
  local drops = tensor.full({ #shares }, about.share) - shares
  local map = core.occlusion_spread(drops, shape, patch[1], patch[2], stride[1], stride[2])
  return { raw = flat and drops or drops:reshape { down, across }, map = flat and map:reshape { h } or map,
    patch = flat and patch[1] or patch, stride = flat and stride[1] or stride }
end

return maps
