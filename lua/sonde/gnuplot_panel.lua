-- A panel of a plot as gnuplot's commands: axes, legend, series.
local matrix = require "sonde.gnuplot_matrix"
local text = require "sonde.gnuplot_text"
local util = require "sonde.util"

local quote, number, finite, block = text.quote, text.number, text.finite, text.block
local FEW, FEW_BARS = 40, 24 -- points that are marked on a curve; bars that text shows, more are an outline

-- Okabe and Ito's colors, which people who are color blind tell apart; lighter ones for terminals of any background.
local COLORS = { "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F5AA2", "#555555" }
local SCREEN = { "#3A9BDC", "#E07B39", "#2FAF7F", "#C678B0", "#B8A11B", "#5FBCC9", "#9A6FE0", "#909090" }
local CURVES, POINTS = "*#$%@&=", "ox+#*%"
local VIRIDIS = "set palette defined (0 '#440154', 1 '#482878', 2 '#3E4989', 3 '#31688E', 4 '#26828E', 5 '#1F9E89', "
  .. "6 '#35B779', 7 '#6DCD59', 8 '#B4DE2C', 9 '#FDE725')"

-- ---- a panel's surroundings ----

-- Names where the axis has no numbers. Below it they are cut in text, and aslant elsewhere, when they are too many.
local function named_tics(out, letter, tics, dev)
  local list, longest, most = {}, 0, letter == "x" and dev.text and dev.width * 0.75 // #tics or 24
  for i, t in ipairs(tics) do
    local label = util.cut(text.clean(t[2], dev), math.max(2, math.floor(most)), "~")
    longest = math.max(longest, util.width(label))
    list[i] = ("%s %s"):format(text.tic(label, dev), number(t[1]))
  end
  local aslant = letter == "x" and not dev.text and longest * #list > dev.panel_width / 12
  out[#out + 1] = ("set %stics %s(%s)"):format(letter, aslant and "rotate by -35 " or "", table.concat(list, ", "))
end

-- The least and largest positive numbers on an axis.
local function positive(panel, letter)
  local low, high
  for _, s in ipairs(panel.series) do
    for _, list in ipairs(letter == "x" and { s.x } or { s.y or s.low, s.low or s.y, s.high }) do
      for _, v in ipairs(list) do
        if finite(v) and v > 0 then low, high = math.min(low or v, v), math.max(high or v, v) end
      end
    end
  end
  return low, high
end

-- gnuplot shows whole decades with a mark at each: too much room, and no mark where all is within one.
local function logarithmic(out, letter, a, panel, dev)
  out[#out + 1] = "set logscale " .. letter
  local low, high = positive(panel, letter)
  if not low or a.tics or (a.range and (a.range[1] or a.range[2])) then return end
  local margin = high / low < 5 and 2 or 1.15 -- two of 1, 2, 5 are in it then
  low, high = math.max(low / margin, 1e-300), math.min(high * margin, 1e300)
  out[#out + 1] = ("set %srange [%s:%s]"):format(letter, number(low), number(high))
  local first, last = math.floor(math.log(low, 10)), math.ceil(math.log(high, 10))
  local steps, list = last - first <= 3 and { 1, 2, 5 } or { 1 }, {}
  local most = dev.text and letter == "x" and 4 or 8
  for k = first, last, math.max(1, math.ceil((last - first) / most)) do
    for _, m in ipairs(steps) do
      local v = m * 10.0 ^ k
      if v >= low and v <= high then list[#list + 1] = ("'%s' %s"):format(("%g"):format(v), number(v)) end
    end
  end
  if #list >= 2 then out[#out + 1] = ("set %stics (%s)"):format(letter, table.concat(list, ", ")) end
end

local function axis(out, letter, a, panel, dev)
  if a.label then out[#out + 1] = ("set %slabel %s"):format(letter, quote(a.label, dev)) end
  if a.log then logarithmic(out, letter, a, panel, dev) end
  if a.range then
    out[#out + 1] = ("set %srange [%s:%s]"):format(letter, a.range[1] and number(a.range[1]) or "*",
      a.range[2] and number(a.range[2]) or "*")
  end
  if a.tics then named_tics(out, letter, a.tics, dev)
  elseif a.step then
    out[#out + 1] = ("set %stics %s"):format(letter, number(a.step))
  end
end

-- Below where the titles fit in two rows, else beside.
local function legend(out, panel, dev)
  local n, longest = 0, 0
  for _, s in ipairs(panel.series) do
    if s.title then n, longest = n + 1, math.max(longest, util.width(s.title)) end
  end
  if n == 0 then
    out[#out + 1] = "unset key"
    return
  end
  local each = dev.text and 10 + longest or 95 + 8 * longest -- in characters, or in pixels
  local columns = math.max(1, (dev.panel_width - (dev.text and 10 or 150)) // each)
  local rows = math.ceil(n / columns)
  if rows > 2 then
    out[#out + 1] = "set key outside right top vertical Left reverse"
    return
  end
  out[#out + 1] = "set key outside bottom center horizontal Left reverse"
  if panel.x.label and not (dev.text and rows == 1) then
    out[#out + 1] = ("set bmargin %d"):format(dev.text and 5 or 4 + rows)
  end
end

-- Is there a point that can be drawn?
local function visible(panel)
  for _, row in ipairs(panel.matrix and panel.matrix.z or {}) do
    for _, v in ipairs(row) do
      if finite(v) then return true end
    end
  end
  for _, s in ipairs(panel.series) do
    local y = s.y or s.low
    for i, x in ipairs(s.x) do
      local shown = finite(x) and finite(y[i]) and (not panel.x.log or x > 0) and (not panel.y.log or y[i] > 0)
      if shown then return true end
    end
  end
  return false
end

local function say_nothing_visible(out, panel, dev)
  out[#out + 1] = "unset logscale\nset xrange [0:1]\nset yrange [0:1]"
  out[#out + 1] = ("set label %s at graph 0.5, graph 0.5 center front"):format(quote(
    (panel.x.log or panel.y.log) and "no value that a logarithmic axis can show" or "no finite value", dev))
end

local function surroundings(out, panel, dev)
  out[#out + 1] = "reset"
  out[#out + 1] = dev.ascii and "set encoding default" or "set encoding utf8"
  if dev.text then
    out[#out + 1] = "set border 3\nset tics nomirror scale 0\nset errorbars 0"
    out[#out + 1] = "set tmargin " .. (panel.title and 1.5 or 0.5)
  else
    out[#out + 1] = "set border 3 lc rgb '#666666'\nset tics nomirror out scale 0.6 textcolor rgb '#333333'"
    out[#out + 1] = "set grid lc rgb '#DDDDDD' lt 1 lw 0.7\nset style fill solid 0.85 noborder"
    out[#out + 1] = VIRIDIS
  end
  if panel.title then out[#out + 1] = "set title " .. quote(panel.title, dev) end
  axis(out, "x", panel.x, panel, dev)
  axis(out, "y", panel.y, panel, dev)
  legend(out, panel, dev)
  if not visible(panel) then say_nothing_visible(out, panel, dev) end
  if panel.square and not dev.text then out[#out + 1] = "set size ratio 1" end
end

local function color_of(s, i, dev)
  local c = s.color or i
  if type(c) == "string" then return c end
  local list = dev.text and SCREEN or COLORS
  return list[(c - 1) % #list + 1]
end

-- Lines across the panel, and texts in it.
local function marks(out, panel, dev)
  for _, m in ipairs(panel.marks or {}) do
    local from, to
    if m.x then from, to = number(m.x) .. ", graph 0", number(m.x) .. ", graph 1"
    else from, to = "graph 0, first " .. number(m.y), "graph 1, first " .. number(m.y) end
    out[#out + 1] = ("set arrow from %s to %s nohead dt 2 lc rgb '#888888'"):format(from, to)
    if m.text then
      out[#out + 1] = ("set label %s at %s %s front"):format(quote(m.text, dev), m.x and number(m.x) .. ", graph 1"
        or "graph 0, first " .. number(m.y), dev.text and "offset 1,0" or "offset 0.5,-0.5 textcolor rgb '#555555'")
    end
  end
  for _, t in ipairs(panel.texts or {}) do
    out[#out + 1] = ("set label %s at %s, %s %s front%s"):format(quote(t.text, dev), number(t.x), number(t.y),
      t.align or "center", t.color and not dev.text and (" textcolor rgb '%s'"):format(t.color) or "")
  end
end

-- ---- series ----

-- By kind: function(series, its number, device) -> the block's columns, which of them are used, the style.
local drawn = {}

local function line_style(s, i, dev, width)
  local dash = s.dash or type(s.color) ~= "string" and ((s.color or i) - 1) // #COLORS + 1 or 1
  return ("lc rgb '%s' lw %s dt %d"):format(color_of(s, i, dev), dev.text and 1 or s.width or width, dash)
end

-- In text a point looks like the curve that it is on: without color gnuplot's own characters tell curves apart.
local function mark_of(i, dev)
  if dev.colors then return "o" end
  return CURVES:sub((i - 1) % #CURVES + 1, (i - 1) % #CURVES + 1)
end

function drawn.line(s, i, dev)
  local n = #s.x
  if dev.text then
    return { s.x, s.y }, "1:2", ("with linespoints pt '%s' %s"):format(mark_of(i, dev), line_style(s, i, dev, 1))
  end
  if n <= FEW and not s.plain then
    return { s.x, s.y }, "1:2", ("with linespoints pt 7 ps %s %s"):format(n == 1 and 1 or 0.5, line_style(s, i, dev, 2))
  end
  return { s.x, s.y }, "1:2", "with lines " .. line_style(s, i, dev, n > 500 and 1.2 or 2)
end

function drawn.steps(s, i, dev) return { s.x, s.y }, "1:2", "with histeps " .. line_style(s, i, dev, 2) end

function drawn.points(s, i, dev)
  local mark = dev.text and quote(s.mark or POINTS:sub((i - 1) % #POINTS + 1, (i - 1) % #POINTS + 1), dev) or "7"
  return { s.x, s.y }, "1:2", ("with points pt %s ps %s lc rgb '%s'"):format(mark,
    s.size or (#s.x > 1000 and 0.3 or 0.7), color_of(s, i, dev))
end

-- From low to high: around a curve.
function drawn.band(s, i, dev)
  return { s.x, s.low, s.high }, "1:2:3", dev.text and ("with filledcurves lc rgb '%s'"):format(color_of(s, i, dev))
    or ("with filledcurves fs transparent solid 0.2 noborder lc rgb '%s'"):format(color_of(s, i, dev))
end

-- Rectangles from left to right and from low (0) to y.
function drawn.bars(s, i, dev)
  if dev.text and #s.x > FEW_BARS then return { s.x, s.y }, "1:2", "with histeps " .. line_style(s, i, dev, 1) end
  local low = s.low
  if not low then
    low = {}
    for k = 1, #s.x do low[k] = s.floor or 0 end
  end
  local fill = dev.text and "" or ("fs %ssolid %s border lc rgb 'white' "):format(s.alpha and "transparent " or "",
    s.alpha or 0.85)
  return { s.x, s.y, s.left, s.right, low }, "1:2:3:4:5:2", ("with boxxyerror %slc rgb '%s'"):format(fill,
    color_of(s, i, dev))
end

function drawn.errors(s, i, dev)
  return { s.x, s.y, s.low, s.high }, "1:2:3:4", ("with yerrorbars pt 7 ps 0.5 lw 1.3 lc rgb '%s'"):format(
    color_of(s, i, dev))
end

-- ---- a panel ----

return function(out, panel, dev, number_of)
  local name = "d" .. number_of
  surroundings(out, panel, dev)
  marks(out, panel, dev)
  if panel.matrix then return matrix.script(out, panel, dev, name) end
  local parts = {}
  for i, s in ipairs(visible(panel) and panel.series or {}) do
    local keep, note = text.chosen(s)
    local own = ("%s_%d"):format(name, i)
    local columns, using, style = drawn[s.kind](s, i, dev)
    block(out, own, columns, keep)
    local title = s.title and "title " .. quote(s.title .. note, dev) or "notitle"
    parts[i] = ("$%s using %s %s %s"):format(own, using, title, style)
  end
  if #parts == 0 then parts[1] = "NaN notitle" end
  out[#out + 1] = "plot " .. table.concat(parts, ", \\\n  ")
end
