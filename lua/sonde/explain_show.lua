-- What m:explain gives: maps, several maps of one sample, lists of samples; as text, as pictures, as plots.
local core = require "sonde.core"
local layout = require "sonde.layout"
local picture = require "sonde.picture"
local util = require "sonde.util"

local show = {}
local fail = util.fail
local OPTIONS = { "scale", "alpha", "columns" }
local SIDE = 224 -- about that many pixels a picture has, unless its scale is given

-- ---- words ----

-- One line of words, broken where it is longer than the terminal is wide.
local function fitting(text) return layout.wrap(text, layout.width(), 2, 0) end

-- A class as it is called.
local function class_text(e, class, name)
  if name then return util.plain(name) end
  if e.kind == "numbers" then return ("output %d"):format(class) end
  return ("class %d"):format(class)
end

local function likely(p) return p and (" %.2f"):format(p) or "" end

-- "dog 0.93, the prediction; score 2.61; label cat"
local function title(e)
  local parts = { class_text(e, e.class, e.name) .. likely(e.probability) }
  if e.kind ~= "numbers" then
    parts[1] = parts[1] .. (e.class == e.predicted and ", the prediction"
      or ", predicted " .. class_text(e, e.predicted, e.predicted_name) .. likely(e.predicted_probability))
  end
  parts[2] = "score " .. util.number(e.score)
  if e.label then parts[3] = "label " .. class_text(e, e.label, e.label_name) end
  return table.concat(parts, "; ")
end

local function method_text(e)
  if e.layer then return ("%s of %s"):format(e.method, e.layer) end
  if e.gap then return ("%s, %d steps, gap %s of %s"):format(e.method, e.steps, util.number(e.gap),
    util.number(e.difference)) end
  if e.patch then
    local p, s = e.patch, e.stride
    if type(p) == "number" then return ("%s, patch %d, stride %d"):format(e.method, p, s) end
    return ("%s, patch %dx%d, stride %dx%d"):format(e.method, p[1], p[2], s[1], s[2])
  end
  if e.noise then return ("%s, %d times noise %g"):format(e.method, e.n, e.noise) end
  return e.method
end

local HOW = '; :show() draws it, :save("x.png") writes it'

-- ---- features: flat inputs ----

local MOST_FEATURES = 20

local function is_flat(e) return #e.image.shape == 1 end

-- The features of the largest values, as a table with bars.
local function features_text(e)
  local n, order = #e.map, e.map:abs():argsort { descending = true }:tolist()
  local values, x, rows = e.map:tolist(), e.image:tolist(), { { "feature", "value", "input", "" } }
  local most = math.abs(values[order[1]])
  for i = 1, math.min(n, MOST_FEATURES) do
    local k = order[i]
    local share = most > 0 and most < math.huge and math.abs(values[k]) / most or 0
    if share ~= share then share = 0 end
    rows[i + 1] = { tostring(k), util.number(values[k]), util.number(x[k]),
      ((values[k] < 0 and "-" or "#"):rep(math.floor(share * 30 + 0.5))) }
  end
  local text = util.columns(rows, "rrrl")
  if n > MOST_FEATURES then text = text .. ("\n... %d more"):format(n - MOST_FEATURES) end
  return text
end

-- ---- drawing ----

local SIGNED = { input_x_gradient = true, integrated_gradients = true, occlusion = true }
local PIXELS = { saliency = true, input_x_gradient = true, integrated_gradients = true, smooth_grad = true }

-- The image in gray, 0..255 as floats (h, w, 1), and in its own colors.
local function image_of(e)
  local x = e.image
  if #x.shape == 3 and x.shape[3] ~= 1 and x.shape[3] ~= 3 and x.shape[3] ~= 4 then x = x:mean(3) end
  local own = picture(x)
  local rgb = own:tensor():astype "float32"
  return own, core.tensor_last(rgb, 0) * 0.299 + core.tensor_last(rgb, 1) * 0.587 + core.tensor_last(rgb, 2) * 0.114
end

-- What is drawn in full color: the largest value, of maps of single pixels the 99th percentile (Smilkov et al.).
local function full_color(e)
  local sizes = e.map:abs():flatten()
  local sorted = PIXELS[e.method] and sizes:sort()
  return sorted and sorted[math.max(1, math.ceil(#sorted * 0.99))] or sizes:max()
end

-- The map over the gray image: red speaks for the class, blue against it.
local function heat_picture(e, gray, scale, alpha)
  local h, w = e.map.shape[1], e.map.shape[2]
  local top = full_color(e)
  if not (top > 0) then top = e.map:abs():max() end
  local from = e.method == "grad_cam" and e.raw or e.map
  local heat = core.bilinear(from * (1 / (top > 0 and top or 1)), h * scale, w * scale):clip(-1, 1)
  local colors = picture(heat, { range = { -1, 1 }, colormap = "coolwarm" }):tensor():astype "float32"
  local a = heat:abs():reshape { h * scale, w * scale, 1 } * alpha
  local base = (core.bilinear(gray, h * scale, w * scale) * 0.75 + 24):reshape { h * scale, w * scale, 1 }
  return picture(base * (1 - a) + colors * a, { range = { 0, 255 } }), top
end

-- The map of one sample alone, scale times as large as the image.
function show.heat(e, scale) return (heat_picture(e, select(2, image_of(e)), scale, 0.85)) end

local function check_alpha(v)
  if v == nil then return 0.85 end
  if type(v) ~= "number" or not (v >= 0 and v <= 1) then
    fail("picture: alpha = %s must be a number from 0 to 1", util.quoted(v))
  end
  return v
end

local function scale_of(e, opts)
  local h, w = e.map.shape[1], e.map.shape[2]
  return util.whole("picture", "scale", opts.scale, math.max(1, SIDE // math.max(h, w)), 1)
end

local function no_picture(e)
  fail("picture: the input of shape %s is no image; :plot() draws its features", util.shape_text(e.image.shape))
end

-- The pictures of one sample: the image, then a map each; captions and notes.
local function tiles(list, opts)
  local first = list[1]
  if is_flat(first) then no_picture(first) end
  local scale, alpha = scale_of(first, opts), check_alpha(opts.alpha)
  local own, gray = image_of(first)
  local pictures, captions, notes = { core.picture_enlarge(own, scale) }, { "the image" }, {}
  for i, e in ipairs(list) do
    local top
    pictures[i + 1], top = heat_picture(e, gray, scale, alpha)
    captions[i + 1] = e.method .. (e.layer and " of " .. e.layer or "")
    notes[i] = ("%s: %s"):format(method_text(e), top > 0 and ("full color at %.3g"):format(top)
      or top == 0 and "0 everywhere" or "not finite")
  end
  return pictures, captions, notes
end

local function number_captions(captions)
  local list = {}
  for i, text in ipairs(captions) do list[i] = { number = i, text = text } end
  return list
end

-- What the colors of these maps mean.
local function colors_text(list)
  local signed, cam, sizes = false, false, {}
  for _, e in ipairs(list) do
    if SIGNED[e.method] then signed = true elseif e.method == "grad_cam" then cam = true
    else sizes[#sizes + 1] = e.method end
  end
  local parts = {}
  if signed or cam then parts[1] = "red speaks for the class" end
  if signed then parts[2] = "blue against it" end
  if #sizes > 0 then
    parts[#parts + 1] = (#parts > 0 and "in " .. table.concat(sizes, " and ") .. " red" or "red")
      .. " changes its score most"
  end
  return table.concat(parts, ", ")
end

local function drawn(e, list, opts)
  opts = util.options("picture", opts, OPTIONS)
  local pictures, captions, notes = tiles(list, opts)
  local p = picture.grid(pictures, { captions = number_captions(captions),
    columns = util.whole("picture", "columns", opts.columns, #pictures, 1) })
  picture.add_note(p, ("%s: %s"):format(e.source, title(e)))
  for _, note in ipairs(notes) do picture.add_note(p, note) end
  picture.add_note(p, colors_text(list))
  return p
end

-- ---- the three kinds of value ----

local function save(v, path, opts)
  if type(path) ~= "string" then fail('save: wants a path, as in e:save("x.png"), got %s', util.a(path)) end
  v:picture(opts):save(path)
end

-- Where nothing can be drawn one line, or the features.
local function show_value(v, opts)
  opts = util.options("show", opts, OPTIONS)
  local flat = v.flat and v:flat()
  if flat and next(opts) then
    fail("show: %s is for pictures; of the features of a flat input it prints the largest", (next(opts)))
  end
  if flat then
    io.stdout:write(flat, "\n")
  elseif picture.graphics() == "none" then
    io.stdout:write(tostring(v), "\n")
  else
    v:picture(opts):show()
  end
end

local function make_meta(what, methods)
  methods.save, methods.show = save, show_value
  local meta = { __index = methods, __show = function(v) show_value(v) end }
  for name, fn in pairs(methods) do
    methods[name] = function(v, ...)
      if getmetatable(v) ~= meta then fail("write %s:%s(...) with a colon", what, name) end
      return fn(v, ...)
    end
  end
  return meta
end

local Map = make_meta("e", {
  picture = function(e, opts) return drawn(e, { e }, opts) end,
  flat = function(e) return is_flat(e) and ("%s\n%s"):format(fitting(title(e)), features_text(e)) or nil end,
  plot = function(e, ...) return show.plot({ e }, ...) end,
})

function Map.__tostring(e)
  return fitting(("%s: %s; %s%s"):format(e.source, title(e), method_text(e), is_flat(e) and "" or HOW))
end

local function parts(s)
  local list = {}
  for i, name in ipairs(s.methods) do list[i] = s[name] end
  return list
end

local Set = make_meta("e", {
  picture = function(s, opts) return drawn(s, parts(s), opts) end,
  flat = function(s)
    if not is_flat(s) then return nil end
    local out = { fitting(title(s)) }
    for _, e in ipairs(parts(s)) do out[#out + 1] = method_text(e) .. "\n" .. features_text(e) end
    return table.concat(out, "\n")
  end,
  plot = function(s, ...) return show.plot(parts(s), ...) end,
})

function Set.__tostring(s)
  return fitting(("%s: %s; %s%s"):format(s.source, title(s), table.concat(s.methods, ", "),
    is_flat(s) and "" or HOW))
end

local function parts_of(e) return e.methods and parts(e) or { e } end

local List = make_meta("list", {
  picture = function(list, opts)
    opts = util.options("picture", opts, OPTIONS)
    local all, captions, columns = {}, {}, nil
    for _, e in ipairs(list) do
      local pictures, names = tiles(parts_of(e), opts)
      columns = #pictures
      for k, p in ipairs(pictures) do
        all[#all + 1] = p
        captions[#captions + 1] = { number = #all, text = k == 1 and ("%s: %s"):format(e.source, title(e)) or names[k] }
      end
    end
    local p = picture.grid(all, { captions = captions, columns = util.whole("picture", "columns", opts.columns, columns,
      1) })
    picture.add_note(p, colors_text(parts_of(list[1])))
    return p
  end,
  flat = function(list)
    if not is_flat(list[1]) then return nil end
    local out = {}
    for i, e in ipairs(list) do out[i] = e.source .. "\n" .. e:flat() end
    return table.concat(out, "\n\n")
  end,
  plot = function(list, ...)
    local all = {}
    for _, e in ipairs(list) do table.move(parts_of(e), 1, #parts_of(e), #all + 1, all) end
    return show.plot(all, ...)
  end,
})

function List.__tostring(list)
  local lines = {}
  for i, e in ipairs(list) do lines[i] = fitting(("%s: %s"):format(e.source, title(e))) end
  return table.concat(lines, "\n")
end

-- Values of features as bars.
function show.plot(list, ...)
  util.nothing("plot", 'e:plot():save("x.png", { width = 800 }) says a size', ...)
  local plot, panels = require "sonde.plot", {}
  for i, e in ipairs(list) do
    if not is_flat(e) then fail "plot: an image's maps are drawn by :show(); :plot() is for flat inputs" end
    local s = { kind = "bars", x = {}, y = e.map:tolist(), low = {}, left = {}, right = {}, color = 1 }
    for k in ipairs(s.y) do s.x[k], s.low[k], s.left[k], s.right[k] = k, 0, k - 0.42, k + 0.42 end
    panels[i] = { title = ("%s, %s: %s"):format(e.source, class_text(e, e.class, e.name), method_text(e)),
      x = { label = "feature", range = { 0.4, #s.y + 0.6 } }, y = {}, series = { s } }
  end
  return plot.new { panels = panels }
end

function show.map(t) return setmetatable(t, Map) end
function show.set(t) return setmetatable(t, Set) end
function show.list(t) return setmetatable(t, List) end

return show
