-- plot{ ... }, plot.histogram(t), plot.heatmap(t) ...: plots of the user's own tensors and lists.
local core = require "sonde.core"
local plot = require "sonde.plot"
local util = require "sonde.util"

local public = { panels = plot.panels }
local fail = util.fail

-- ---- arguments ----

-- The data and the options of f(data, opts), f{ data, option = } and f{ x =, y =, option = }.
local function arguments(who, v, opts, allowed)
  local plain = type(v) == "table" and getmetatable(v) == nil
  if opts ~= nil then return v, util.options(who, opts, allowed) end
  if not plain then return v, {} end
  local named, data, any = {}, {}, false
  for k, x in pairs(v) do
    if math.type(k) == "integer" then data[k] = x else named[k], any = x, true end
  end
  if not any then return v, {} end
  if #data == 1 and core.type(data[1]) ~= "number" then data = data[1] end
  if type(data) == "table" and next(data) == nil then data = nil end
  return data, util.options(who, named, allowed)
end

local function text_option(who, opts, name)
  local v = opts[name]
  if v ~= nil and type(v) ~= "string" and type(v) ~= "number" then
    fail("%s: %s wants a text, got %s", who, name, util.a(v))
  end
  return v ~= nil and tostring(v) or nil
end

-- A tensor of one axis, or a list of numbers, as a list of numbers.
local function numbers(who, name, v)
  if core.type(v) == "tensor" then
    if #v.shape ~= 1 then
      fail("%s: %s has the shape %s; it wants one axis, as t:reshape{ -1 } gives", who, name, util.shape_text(v.shape))
    end
    return v:tolist()
  end
  if type(v) ~= "table" then fail("%s: %s wants a list of numbers or a tensor, got %s", who, name, util.a(v)) end
  local out = {}
  for i = 1, #v do
    if type(v[i]) ~= "number" then fail("%s: %s[%d] is %s, not a number", who, name, i, util.a(v[i])) end
    out[i] = v[i]
  end
  return out
end

local function is_list(v)
  return core.type(v) == "tensor" and #v.shape == 1 or type(v) == "table" and (type(v[1]) == "number" or next(v) == nil)
end

local function range_option(who, opts, name)
  local v = opts[name]
  if v == nil then return nil end
  if type(v) ~= "table" then fail("%s: %s wants { low, high }, got %s", who, name, util.a(v)) end
  for i = 1, 2 do
    if v[i] ~= nil and v[i] ~= false and (type(v[i]) ~= "number" or v[i] ~= v[i] or math.abs(v[i]) == math.huge) then
      fail("%s: %s[%d] = %s must be a finite number", who, name, i, util.quoted(v[i]))
    end
  end
  if v[1] and v[2] and v[1] == v[2] then fail("%s: %s is empty: %g to %g", who, name, v[1], v[2]) end
  return { v[1], v[2] }
end

local AXES = { "title", "xlabel", "ylabel", "logx", "logy", "xrange", "yrange" }

local function with_axes(...)
  local list = table.move(AXES, 1, #AXES, 1, {})
  for _, name in ipairs { ... } do list[#list + 1] = name end
  return list
end

local function axis(who, opts, letter)
  return { label = text_option(who, opts, letter .. "label"), log = util.boolean(who, "log" .. letter,
    opts["log" .. letter]), range = range_option(who, opts, letter .. "range") }
end

local function panel_of(who, opts)
  return { title = text_option(who, opts, "title"), x = axis(who, opts, "x"), y = axis(who, opts, "y"), series = {} }
end

local function one(panel) return plot.new { title = panel.title, panels = { panel } } end

-- Names of things in order: a list of texts.
local function names(who, opts, name, n)
  local v = opts[name]
  if v == nil then return {} end
  if type(v) == "string" and n == 1 then v = { v } end
  if type(v) ~= "table" then fail("%s: %s wants a list of texts, got %s", who, name, util.a(v)) end
  if #v ~= n then fail("%s: %s has %d text%s for %d", who, name, #v, #v == 1 and "" or "s", n) end
  local out = {}
  for i = 1, n do out[i] = tostring(v[i]) end
  return out
end

-- ---- curves and points ----

local STYLES = { lines = "line", points = "points", steps = "steps" }

-- conv2d_2 comes before conv2d_10.
local function by_number(name) return (name:gsub("%d+", function(n) return ("0"):rep(12 - #n) .. n end)) end

-- The y of several curves as { list, name }: a list, a tensor of one or two axes, lists, names -> lists.
local function curves(who, y)
  if is_list(y) then return { { y } } end
  local out = {}
  if core.type(y) == "tensor" then
    if #y.shape ~= 2 then
      fail("%s: y has the shape %s; it wants one axis, or two: a column for each curve", who, util.shape_text(y.shape))
    end
    local rows = y:tolist()
    for c = 1, y.shape[2] do
      local list = {}
      for r, row in ipairs(rows) do list[r] = row[c] end
      out[c] = { list }
    end
  elseif type(y) == "table" then
    for i, v in ipairs(y) do out[i] = { v } end
    local keys = {}
    for k in pairs(y) do
      if type(k) == "string" then keys[#keys + 1] = k end
    end
    table.sort(keys, function(a, b) return by_number(a) < by_number(b) end)
    for _, k in ipairs(keys) do out[#out + 1] = { y[k], k } end
  else
    fail("%s: y wants a list of numbers, a tensor, or a table of such, got %s", who, util.a(y))
  end
  return out
end

local function counting(n)
  local x = {}
  for i = 1, n do x[i] = i end
  return x
end

-- The x of curve i that has n points: all have the same, or each its own.
local function x_of(who, x, i, n, several)
  if x == nil then return counting(n) end
  local own = x
  if several and type(x) == "table" and not is_list(x) then own = x[i] end
  local list = numbers(who, "x", own)
  if #list ~= n then fail("%s: x has %d numbers, and y %d", who, #list, n) end
  return list
end

local function band(who, panel, opts, s)
  if opts.low == nil and opts.high == nil then return end
  if opts.low == nil or opts.high == nil then fail("%s: low and high come together", who) end
  local low, high = numbers(who, "low", opts.low), numbers(who, "high", opts.high)
  if #low ~= #s.x or #high ~= #s.x then
    fail("%s: low has %d numbers, high %d, and y %d", who, #low, #high, #s.x)
  end
  panel.series[#panel.series + 1] = { kind = "band", x = s.x, low = low, high = high, color = s.color }
end

local function xy(who, style)
  return function(v, opts)
    local data, o = arguments(who, v, opts, with_axes("x", "y", "labels", "style", "low", "high"))
    if o.y ~= nil and data ~= nil then fail("%s: give y once, as the first argument or by its name", who) end
    local y = o.y
    if y == nil then y = data end
    if y == nil then fail("%s: wants numbers, as in %s{ x = xs, y = ys }", who, who) end
    local kind = STYLES[o.style or style]
    if not kind then fail('%s: style = %s is not one of "lines", "points", "steps"', who, util.quoted(o.style)) end
    local panel, list = panel_of(who, o), curves(who, y)
    local labels = names(who, o, "labels", #list)
    if (o.low ~= nil or o.high ~= nil) and #list ~= 1 then
      fail("%s: low and high are for one curve, not %d", who, #list)
    end
    local total = 0
    for i, c in ipairs(list) do
      local ys = numbers(who, c[2] or #list == 1 and "y" or ("y[%d]"):format(i), c[1])
      local s = { kind = kind, y = ys, x = x_of(who, o.x, i, #ys, #list > 1), title = labels[i] or c[2], color = i }
      total = total + #ys
      band(who, panel, o, s)
      panel.series[#panel.series + 1] = s
    end
    if total == 0 then fail("%s: there is nothing to draw: y is empty", who) end
    return one(panel)
  end
end

public.lines = xy("plot.lines", "lines")
public.points = xy("plot.points", "points")
local lines = xy("plot", "lines")

-- plot(v): curves, or what a value makes of itself.
function public.plot(v, opts)
  local t = core.type(v)
  if plot.is(v) then return v end
  if t == "run" or (t == "table" and getmetatable(v) ~= nil and type(v.plot) == "function") then return v:plot(opts) end
  if t ~= "table" and t ~= "tensor" then
    fail("plot: wants numbers, as in plot{ x = xs, y = ys }, a tensor, or a value that has :plot(), got %s", util.a(v))
  end
  return lines(v, opts)
end

-- ---- bars and histograms ----

local HALF = 0.4 -- of a bar's width
local MOST_BINS = 64

-- plot.bars{ { 3, 1, 2 }, labels = { "cat", "dog", "owl" } }
function public.bars(v, opts)
  local who = "plot.bars"
  local data, o = arguments(who, v, opts, with_axes("y", "labels"))
  if type(data) == "table" and #data == 1 and type(data[1]) ~= "number" then data = data[1] end
  local y = numbers(who, "y", o.y == nil and data or o.y)
  if #y == 0 then fail("%s: there is nothing to draw: y is empty", who) end
  local panel, s = panel_of(who, o), { kind = "bars", x = {}, y = y, left = {}, right = {}, floor = o.logy and 1e-300 }
  for i = 1, #y do s.x[i], s.left[i], s.right[i] = i, i - HALF, i + HALF end
  local labels = names(who, o, "labels", #y)
  if labels[1] then
    panel.x.tics = {}
    for i, name in ipairs(labels) do panel.x.tics[i] = { i, name } end
  end
  panel.series[1] = s
  local least = 0
  for _, v in ipairs(y) do
    if v < least and v > -math.huge then least = v end
  end
  panel.y.range = panel.y.range or not o.logy and { least, nil } or nil
  panel.x.range = panel.x.range or { 1 - 1.5 * HALF, #y + 1.5 * HALF }
  return one(panel)
end

local function all_numbers(who, name, v)
  if core.type(v) == "tensor" then return v end
  if type(v) ~= "table" then fail("%s: %s wants a tensor or a list of numbers, got %s", who, name, util.a(v)) end
  if #v == 0 then fail("%s: %s is empty: there is nothing to count", who, name) end
  return core.tensor(v)
end

-- The bins that all of them share: from the least to the largest number, unless `range` says so.
local function bounds(who, tensors, range)
  local low, high, count = math.huge, -math.huge, 0
  for _, t in ipairs(tensors) do
    local least, most, n = core.tensor_spread(t)
    if n > 0 then low, high = math.min(low, least), math.max(high, most) end
    count = math.max(count, n)
  end
  if range then low, high = range[1] or low, range[2] or high end
  if count == 0 then fail("%s: there is no finite number to count", who) end
  if low > high then fail("%s: range = { %g, %g } is the wrong way round", who, low, high) end
  if low == high then low, high = low - 0.5, high + 0.5 end -- as numpy does
  return low, high, count
end

-- plot.histogram(t), plot.histogram{ t1, t2, labels = { "before", "after" }, bins = 40 }
function public.histogram(v, opts)
  local who = "plot.histogram"
  local data, o = arguments(who, v, opts, with_axes("bins", "range", "labels"))
  if data == nil then fail("%s: wants a tensor, or a list of numbers", who) end
  local list = type(data) == "table" and type(data[1]) ~= "number" and #data > 0 and data or { data }
  local tensors = {}
  for i, t in ipairs(list) do tensors[i] = all_numbers(who, #list > 1 and ("[%d]"):format(i) or "the data", t) end
  local low, high, count = bounds(who, tensors, range_option(who, o, "range"))
  local bins = util.whole(who, "bins", o.bins, math.max(10, math.min(60, math.ceil(2 * count ^ (1 / 3)))), 1)
  if bins > MOST_BINS then fail("%s: bins = %d must be at most %d", who, bins, MOST_BINS) end
  local panel, labels, width = panel_of(who, o), names(who, o, "labels", #list), (high - low) / bins
  panel.y.label = panel.y.label or "count"
  for i, t in ipairs(tensors) do
    local counts = core.tensor_histogram(t, low, high, bins)
    local s = { kind = "bars", x = {}, y = counts, left = {}, right = {}, title = labels[i], color = i,
      alpha = #tensors > 1 and 0.5 or nil, floor = o.logy and 0.5 }
    for b = 1, bins do
      s.x[b], s.left[b], s.right[b] = low + (b - 0.5) * width, low + (b - 1) * width, low + b * width
    end
    local _, _, _, nan, inf = core.tensor_spread(t)
    if nan + inf > 0 then s.title = ("%s (%d not finite)"):format(s.title or "finite", nan + inf) end
    panel.series[i] = s
  end
  panel.x.range = panel.x.range or { low, high }
  panel.y.range = panel.y.range or { o.logy and 0.5 or 0, nil }
  return one(panel)
end

-- ---- matrices ----

local MOST_CELLS = 1000000
local FEW = 12 -- rows or columns that are all numbered

-- A tensor of two axes (those of one element left out), or a list of rows, as a list of rows.
local function rows_of(who, v)
  if core.type(v) == "tensor" then
    local shape = {}
    for _, n in ipairs(v.shape) do
      if n ~= 1 then shape[#shape + 1] = n end
    end
    if #v.shape == 2 then shape = v.shape end
    if #shape ~= 2 then
      fail("%s: the shape %s has not two axes; t:reshape{ rows, -1 } gives them", who, util.shape_text(v.shape))
    end
    v = v:reshape(shape):tolist()
  end
  if type(v) ~= "table" then
    fail("%s: wants a matrix: a tensor of two axes or a list of rows, got %s", who, util.a(v))
  end
  local rows, n = {}, nil
  for r = 1, #v do
    rows[r] = numbers(who, ("row %d"):format(r), v[r])
    n = n or #rows[r]
    if #rows[r] ~= n then fail("%s: row %d has %d numbers, and row 1 %d", who, r, #rows[r], n) end
  end
  if not n or n == 0 then fail("%s: there is nothing to draw: the matrix is empty", who) end
  if n * #rows > MOST_CELLS then fail("%s: %d x %d values are more than %d", who, #rows, n, MOST_CELLS) end
  return rows
end

-- The places of the columns or rows: evenly spaced and rising, else 1, 2, 3 or names.
local function places(who, opts, name, n)
  local v = opts[name]
  if v == nil then return counting(n) end
  local list = numbers(who, name, v)
  if #list ~= n then fail("%s: %s has %d numbers for %d", who, name, #list, n) end
  local step = n > 1 and (list[n] - list[1]) / (n - 1) or 1
  for i = 1, n do
    if not (math.abs(list[i] - list[1] - (i - 1) * step) <= 1e-6 * math.abs(step * n)) or step <= 0 then
      fail("%s: %s must rise in even steps", who, name)
    end
  end
  return list
end

local function tics(list, at)
  local out = {}
  for i, name in ipairs(list) do out[i] = { at[i], name } end
  return out[1] and out or nil
end

local MATRIX = { "title", "xlabel", "ylabel", "zlabel", "x", "y", "low", "high" }

local function matrix_options(...)
  local list = table.move(MATRIX, 1, #MATRIX, 1, {})
  for _, name in ipairs { ... } do list[#list + 1] = name end
  return list
end

local function matrix_panel(who, o, z, kind)
  local m = { kind = kind, z = z, x = places(who, o, "x", #z[1]), y = places(who, o, "y", #z) }
  for _, name in ipairs { "low", "high" } do
    local v = o[name]
    if v ~= nil and (type(v) ~= "number" or v ~= v or math.abs(v) == math.huge) then
      fail("%s: %s = %s must be a finite number", who, name, util.quoted(v))
    end
    m[name] = v
  end
  return { title = text_option(who, o, "title"), matrix = m, series = {}, z_label = text_option(who, o, "zlabel"),
    x = { label = text_option(who, o, "xlabel"), step = o.x == nil and #z[1] <= FEW and 1 or nil },
    y = { label = text_option(who, o, "ylabel"), step = o.y == nil and #z <= FEW and 1 or nil } }
end

-- plot.heatmap(t): the first row on top, as it is printed.
function public.heatmap(v, opts)
  local who = "plot.heatmap"
  local data, o = arguments(who, v, opts, matrix_options("values", "xlabels", "ylabels"))
  local z = rows_of(who, data)
  local panel = matrix_panel(who, o, z, "heat")
  local m = panel.matrix
  m.values = util.boolean(who, "values", o.values, #z <= 12 and #z[1] <= 12)
  panel.x.tics = tics(names(who, o, "xlabels", #z[1]), m.x)
  panel.y.tics, panel.y.down = tics(names(who, o, "ylabels", #z), m.y), true
  return one(panel)
end

local function path_of(who, path)
  if path == nil then return nil end
  if type(path) ~= "table" then fail("%s: path wants { x =, y = }, got %s", who, util.a(path)) end
  local x, y = numbers(who, "path.x", path.x), numbers(who, "path.y", path.y)
  if #x ~= #y then fail("%s: path.x has %d numbers, and path.y %d", who, #x, #y) end
  if #x == 0 then return nil end
  local z = path.z and numbers(who, "path.z", path.z)
  if z and #z ~= #x then fail("%s: path.z has %d numbers for %d points", who, #z, #x) end
  return { x = x, y = y, z = z, title = path.title and tostring(path.title) }
end

local function valley(who, kind)
  return function(v, opts)
    local data, o = arguments(who, v, opts, matrix_options("path"))
    local z = rows_of(who, data)
    if #z < 2 or #z[1] < 2 then fail("%s: wants at least two rows and columns", who) end
    local panel = matrix_panel(who, o, z, kind)
    panel.matrix.path = path_of(who, o.path)
    return one(panel)
  end
end

-- plot.contour(z, { x =, y =, path = { x =, y = } }): row i of z belongs to y[i]; surface the same in three dimensions,
-- where the path wants its z.
public.contour = valley("plot.contour", "contour")
public.surface = valley("plot.surface", "surface")

return public
