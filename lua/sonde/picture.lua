-- Pictures as the user sees them: made from tensors, put side by side, drawn in the terminal, written to files.
local core = require "sonde.core"
local layout = require "sonde.layout"
local util = require "sonde.util"

local fail = util.fail
local meta, methods = core.meta.picture, {}
local OPTIONS = { "range", "scale", "colormap", "columns", "captions" }

local picture = setmetatable({}, {
  __tostring = function()
    return 'picture: picture(t), picture.grid{ p, q }, picture.load(path); see help "picture"'
  end,
})

local function is(v) return core.type(v) == "picture" end

local function brief(v) return ("%.4g"):format(v) end

-- ---- what is drawn black, and what white ----

-- The rule for values from lo to hi; third: does it need saying?
local function by_rule(lo, hi, colormap)
  if colormap == "coolwarm" then
    local a = math.max(math.abs(lo), math.abs(hi))
    return -a, a, true
  end
  if lo >= 0 and hi <= 1 then return 0, 1, false end
  if colormap == "gray" and lo >= 0 and hi <= 255.5 then return 0, 255, false end -- resizing may overshoot a little
  return lo, hi, true
end

local ends = { gray = "black is %s, white is %s", viridis = "purple is %s, yellow is %s",
  coolwarm = "blue is %s, red is %s" }

-- The range of all the tensors together: lo, hi, and a note where it is not obvious.
function picture.range_of(who, tensors, range, colormap)
  colormap = colormap or "gray"
  if core.type(range) == "table" then
    local lo, hi = range[1], range[2]
    if #range ~= 2 or type(lo) ~= "number" or type(hi) ~= "number"
      or not (-math.huge < lo and lo < hi and hi < math.huge) then
      fail("%s: range wants { lowest, highest }, as in { 0, 255 }", who)
    end
    return lo, hi
  elseif range ~= nil and range ~= "auto" then
    fail('%s: range = %s must be { lowest, highest } or "auto"', who, util.quoted(range))
  end
  local bytes, lo, hi = range == nil and colormap == "gray", math.huge, -math.huge
  for _, t in ipairs(tensors) do
    local a, b, bad = core.values_range(t)
    bytes = bytes and t.dtype == "uint8"
    local n = 1
    for _, size in ipairs(t.shape) do n = n * size end
    if bad < n then lo, hi = math.min(lo, a), math.max(hi, b) end
  end
  if bytes then return 0, 255 end
  if lo > hi then lo, hi = 0, 1 end -- nothing is finite
  local say = true
  if range == nil then lo, hi, say = by_rule(lo, hi, colormap) end
  if not (lo < hi) then -- all the same: the middle
    local half = math.max(math.abs(lo) * 0.5, 0.5)
    lo, hi = lo - half, hi + half
  end
  return lo, hi, say and ends[colormap]:format(brief(lo), brief(hi)) or nil
end

-- ---- making ----

local function add_note(p, note)
  if not note then return end
  local s = core.state(p)
  s.notes = s.notes or {}
  table.insert(s.notes, note)
end

local function note_marked(p, n)
  if n > 0 then add_note(p, ("%d pixel%s not finite: magenta"):format(n, n == 1 and " is" or "s are")) end
end

local function check_colormap(who, name)
  if name ~= nil and not ends[name] then
    fail('%s: colormap = %s must be "gray", "viridis" or "coolwarm"', who, util.quoted(name))
  end
  return name or "gray"
end

-- A tensor (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) as one of three axes.
local function as_pixels(who, t)
  local shape = t.shape
  if #shape == 2 then return t:reshape { shape[1], shape[2], 1 } end
  if #shape == 3 and (shape[3] == 1 or shape[3] == 3 or shape[3] == 4) then return t end
  fail("%s: wants shape (height, width), (height, width, 1) or (height, width, 3), or a batch of such; got %s", who,
    util.shape_text(shape))
end

local function from_pixels(t, lo, hi, colormap) return core.picture_values(t, lo, hi, colormap) end

-- The gap between pictures of that size in a grid.
local function gap_for(w, h) return math.max(1, math.min(4, math.max(w, h) // 14)) end

local GAP_GRAY = 128

-- Pictures in rows.
local function compose(list, columns)
  local w, h = 0, 0
  for _, p in ipairs(list) do
    local pw, ph = core.picture_size(p)
    w, h = math.max(w, pw), math.max(h, ph)
  end
  local gap, rows = gap_for(w, h), (#list + columns - 1) // columns
  local out = core.picture_blank(columns * (w + gap) - gap, rows * (h + gap) - gap, GAP_GRAY)
  for i, p in ipairs(list) do
    core.picture_paste(out, p, (i - 1) % columns * (w + gap), (i - 1) // columns * (h + gap))
  end
  return out
end

-- captions: a list of texts, or of { number =, text = } where the number is not the place in the grid.
local function check_captions(who, captions, n)
  if captions == nil then return nil end
  if core.type(captions) ~= "table" then fail("%s: captions wants a list of texts, got %s", who, util.a(captions)) end
  if #captions ~= n then fail("%s: %d captions for %d picture%s", who, #captions, n, n == 1 and "" or "s") end
  local list = {}
  for i, c in ipairs(captions) do
    list[i] = core.type(c) == "table" and c or { number = i, text = tostring(c) }
  end
  return list
end

local function enlarged(p, scale) return scale > 1 and core.picture_enlarge(p, scale) or p end

-- Several pictures in one. opts: columns, captions, scale.
local function grid_of(who, list, opts)
  local n = #list
  local columns = util.whole(who, "columns", opts.columns, math.ceil(math.sqrt(n)), 1)
  local captions = check_captions(who, opts.captions, n)
  local scale, big = util.whole(who, "scale", opts.scale, 1, 1), {}
  for i, q in ipairs(list) do big[i] = enlarged(q, scale) end
  local p = compose(big, math.min(columns, n))
  local s = core.state(p)
  s.captions, s.columns, s.count = captions, math.min(columns, n), n
  return p
end

-- A list of tensors with one range for all.
function picture.grid_of_tensors(who, tensors, opts)
  local pixels, list, marked = {}, {}, 0
  for i, t in ipairs(tensors) do pixels[i] = as_pixels(who, t) end
  local colormap = check_colormap(who, opts.colormap)
  local lo, hi, note = picture.range_of(who, pixels, opts.range, colormap)
  for i, t in ipairs(pixels) do
    local bad
    list[i], bad = from_pixels(t, lo, hi, colormap)
    marked = marked + bad
  end
  local p = grid_of(who, list, opts)
  core.state(p).fits = opts.scale == nil -- into a file in a size that can be seen
  add_note(p, note)
  note_marked(p, marked)
  return p
end

local function rows_of(t)
  local list = {}
  for i = 1, #t do list[i] = t[i] end
  return list
end

local function make(_, v, opts)
  opts = util.options("picture", opts, OPTIONS)
  if is(v) then v = v:tensor() end
  if type(v) == "string" then fail('picture: a file is read by picture.load %s', util.quoted(v)) end
  local t = util.as_tensor(v, "picture", "the value")
  if #t.shape == 4 then
    if #t == 0 then fail("picture: %s is a batch of none", util.shape_text(t.shape)) end
    return picture.grid_of_tensors("picture", rows_of(t), opts)
  end
  if opts.columns then fail "picture: columns is for a batch, of shape (n, height, width, channels)" end
  t = as_pixels("picture", t)
  local colormap = check_colormap("picture", opts.colormap)
  local lo, hi, note = picture.range_of("picture", { t }, opts.range, colormap)
  local p, marked = from_pixels(t, lo, hi, colormap)
  p = enlarged(p, util.whole("picture", "scale", opts.scale, 1, 1))
  core.state(p).captions = check_captions("picture", opts.captions, 1)
  add_note(p, note)
  note_marked(p, marked)
  return p
end
getmetatable(picture).__call = make

-- Pictures and tensors beside and below one another; each tensor has its own range.
function picture.grid(list, opts)
  if core.type(list) ~= "table" or #list == 0 then
    fail("picture.grid: wants a list of pictures or tensors, as in picture.grid{ p, q }, got %s",
      core.type(list) == "table" and "an empty one" or util.a(list))
  end
  local given, items, notes = {}, {}, {}
  for k, o in pairs(list) do
    if math.type(k) ~= "integer" then given[k] = o end
  end
  if opts == nil then opts = given end
  opts = util.options("picture.grid", opts, OPTIONS)
  for i, v in ipairs(list) do
    items[i] = is(v) and v or make(nil, v, { range = opts.range, colormap = opts.colormap })
    for _, note in ipairs(core.state(items[i]).notes or {}) do notes[#notes + 1] = ("%d: %s"):format(i, note) end
  end
  local p = grid_of("picture.grid", items, opts)
  for _, note in ipairs(notes) do add_note(p, note) end
  return p
end

function picture.load(path)
  if type(path) ~= "string" then fail("picture.load: wants a path, got %s", util.a(path)) end
  return core.picture_load(path)
end

-- What pictures are drawn with on this terminal: "kitty", "sixel", "iterm", "truecolor", "256", ..., "none".
function picture.graphics() return (core.graphics()) end

local real = { kitty = true, sixel = true, iterm = true }
-- Does this terminal show real pixels?
function picture.pixels() return real[core.graphics()] or false end

picture.add_note = add_note

-- ---- methods ----

local OTHERS = { jpg = true, jpeg = true, gif = true, bmp = true, webp = true, tif = true, tiff = true, svg = true,
  pdf = true }

local SAVED = 400 -- about so many pixels a grid of small pictures is to have in a file
local MOST = 16

-- How many times as large it is written unless that, or a scale of the grid, was said. A single picture is as it is.
local function saved_scale(p)
  return core.state(p).fits and math.max(1, math.min(MOST, SAVED // math.max(core.picture_size(p)))) or 1
end

-- p:save("x.png"), p:save("x.png", { scale = 4 })
function methods.save(p, path, opts)
  if type(path) ~= "string" then fail("save: wants a path, got %s", util.a(path)) end
  opts = util.options("save", opts, { "scale" })
  local scale = util.whole("save", "scale", opts.scale, saved_scale(p), 1)
  local ending = path:match "%.(%w+)$"
  if ending and OTHERS[ending:lower()] then
    fail('save: pictures are written as PNG, not as .%s; p:save("x.png")', ending)
  end
  core.picture_save(enlarged(p, scale), path)
end

-- (height, width, 3) of bytes; 4 where something is transparent.
function methods.tensor(p) return core.picture_tensor(p) end

-- A picture of another size.
function methods.resize(p, width, height)
  if width == nil or height == nil then fail "resize: wants width and height, as in p:resize(64, 64)" end
  return core.picture_resize(p, util.whole("resize", "width", width, nil, 1),
    util.whole("resize", "height", height, nil, 1))
end

-- The picture with a map of numbers over it: (h, w) of any size, stretched to the picture's.
function methods.overlay(p, heat, opts)
  opts = util.options("overlay", opts, { "alpha", "range", "colormap" })
  local alpha = opts.alpha == nil and 0.5 or opts.alpha
  if type(alpha) ~= "number" or not (alpha >= 0 and alpha <= 1) then
    fail("overlay: alpha = %s must be a number from 0 to 1", util.quoted(alpha))
  end
  local over = is(heat) and heat or make(nil, heat, { range = opts.range, colormap = opts.colormap or "viridis" })
  local w, h = core.picture_size(p)
  local out = core.picture_enlarge(p, 1)
  core.picture_blend(out, core.picture_resize(over, w, h), alpha)
  for _, note in ipairs(core.state(over).notes or {}) do add_note(out, note) end
  return out
end

-- The captions as a table of as many columns as the pictures have, or a line each where that is too wide.
local function captions_text(s)
  if not s.captions then return nil end
  local rows, align, columns = {}, {}, s.columns or 1
  for i, c in ipairs(s.captions) do
    local row = (i - 1) // columns + 1
    rows[row] = rows[row] or {}
    table.insert(rows[row], tostring(c.number))
    table.insert(rows[row], c.text)
  end
  for _, row in ipairs(rows) do
    for i = #row + 1, 2 * columns do row[i] = "" end
  end
  for i = 1, columns do align[i] = "rl" end
  local text = util.columns(rows, table.concat(align))
  for line in text:gmatch "[^\n]+" do
    if util.width(line) > layout.width() then
      local digits = 0
      for _, c in ipairs(s.captions) do digits = math.max(digits, #tostring(c.number)) end
      rows = {}
      for i, c in ipairs(s.captions) do rows[i] = { ("%" .. digits .. "s"):format(c.number), c.text } end
      return layout.rows(rows, layout.width(), 0)
    end
  end
  return text
end

function methods.show(p, ...)
  util.nothing("show", "picture(t, { scale = 4 }) is larger, p:resize(w, h) of another size", ...)
  local name, problem = core.graphics()
  local s = core.state(p)
  io.stdout:write(name == "none" and tostring(p) .. "\n" or core.picture_text(p))
  local text = captions_text(s)
  if text then io.stdout:write(text, "\n") end
  for _, note in ipairs(s.notes or {}) do io.stdout:write(layout.wrap(note, layout.width(), 2, 0), "\n") end
  if problem then io.stdout:write(layout.wrap(problem, layout.width(), 2, 0), "\n") end
end
util.methods("picture", "p", methods)

-- ---- fields ----

local fields = {}
function fields.width(p) return (core.picture_size(p)) end
function fields.height(p) return (select(2, core.picture_size(p))) end

function meta.__index(p, k)
  if methods[k] then return methods[k] end
  if fields[k] then return fields[k](p) end
  util.unknown("a picture", k, methods, fields)
end

function meta.__newindex(_, k) fail("picture: %s cannot be set; picture(t) makes a new one", tostring(k)) end

function meta.__tostring(p)
  local w, h = core.picture_size(p)
  return ('picture %dx%d; :save("x.png") writes it'):format(w, h)
end

meta.__show = methods.show
meta.methods, meta.fields = methods, fields -- for TAB
return picture
