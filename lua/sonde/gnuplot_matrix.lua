-- A matrix as gnuplot's commands: heat map, contour lines, surface, and a path in it; in text ten shades.
local text = require "sonde.gnuplot_text"

local matrix = {}
local quote, number, finite, block = text.quote, text.number, text.finite, text.block

local SHADES = { " ", ".", ":", "-", "=", "+", "*", "#", "%", "@" } -- from the least on

local function shown(v) return v ~= v and "nan" or ("%.3g"):format(v) end

-- A row of the matrix is a line of the block; x y z, rows apart by an empty line.
local function matrix_block(out, name, m)
  out[#out + 1] = ("$%s << EOD"):format(name)
  for r, row in ipairs(m.z) do
    for c, v in ipairs(row) do
      out[#out + 1] = ("%s %s %s"):format(number(m.x[c]), number(m.y[r]), number(v))
    end
    out[#out + 1] = ""
  end
  out[#out + 1] = "EOD"
end

-- The least and the largest value; a function that says where between them (0 to 1) a value is; logarithmic? Valleys
-- whose walls are a hundred times as high as the bottom are shown by their logarithm.
local function spread(m)
  local low, high = m.low, m.high
  for _, row in ipairs(m.z) do
    for _, v in ipairs(row) do
      if finite(v) then
        if not m.low and (not low or v < low) then low = v end
        if not m.high and (not high or v > high) then high = v end
      end
    end
  end
  local any = low ~= nil
  low, high = low or 0, high or 0
  local log = m.kind ~= "heat" and low > 0 and high > 100 * low
  local function place(v)
    if not (finite(v) and high > low) then return 0 end
    if log then return math.log(math.max(v, low) / low) / math.log(high / low) end
    return (v - low) / (high - low)
  end
  return low, high, place, log, any
end

-- In text a character for each of ten levels, many for each place of the matrix.
local function shaded(out, name, m, dev, place)
  local rows, columns = #m.z, #m.z[1]
  local fine_x, fine_y = 2 * dev.width, 2 * dev.height
  local places = {}
  for i = 1, #SHADES do places[i] = {} end
  local dx = columns > 1 and m.x[2] - m.x[1] or 1
  local dy = rows > 1 and m.y[2] - m.y[1] or 1
  for a = 0, fine_y - 1 do
    for b = 0, fine_x - 1 do
      local u, v = (a + 0.5) / fine_y * rows, (b + 0.5) / fine_x * columns
      local z = m.z[math.floor(u) + 1][math.floor(v) + 1]
      if finite(z) then
        local list = places[math.max(1, math.min(#SHADES, math.floor(place(z) * #SHADES) + 1))]
        list[#list + 1] = ("%s %s"):format(number(m.x[1] + (v - 0.5) * dx), number(m.y[1] + (u - 0.5) * dy))
      end
    end
  end
  local parts = {}
  for i, list in ipairs(places) do
    if i > 1 and #list > 0 then
      out[#out + 1] = ("$%s_%d << EOD\n%s\nEOD"):format(name, i, table.concat(list, "\n"))
      parts[#parts + 1] = ("$%s_%d notitle with points pt '%s'"):format(name, i, SHADES[i])
    end
  end
  if #parts == 0 then parts[1] = "NaN notitle" end
  return parts
end

-- Black on bright, white on dark.
local function on_shade(t) return t > 0.6 and "#000000" or "#FFFFFF" end

local function cell_texts(out, m, dev, place)
  for r, row in ipairs(m.z) do
    for c, v in ipairs(row) do
      local text = m.texts and m.texts[r][c] or shown(v)
      local t = place(v)
      for i, line in ipairs(type(text) == "table" and text or { text }) do
        if i == 1 or dev.text or dev.panel_width / #row > 60 then
          local shift = type(text) == "table" and #text > 1 and (1.1 * (#text / 2 - i) + 0.55) or 0
          out[#out + 1] = ("set label %s at %s, %s center front offset 0,%s%s"):format(
            quote(dev.text and " " .. line .. " " or line, dev), number(m.x[c]), number(m.y[r]),
            number(dev.text and (1 - i) or shift), dev.text and "" or (" textcolor rgb '%s'"):format(on_shade(t)))
        end
      end
    end
  end
end

local function edges(v)
  local d = #v > 1 and (v[#v] - v[1]) / (#v - 1) or 1
  return v[1] - d / 2, v[#v] + d / 2
end

local function matrix_frame(out, panel, m)
  local left, right = edges(m.x)
  local bottom, top = edges(m.y)
  if panel.y.down then bottom, top = top, bottom end
  out[#out + 1] = ("set xrange [%s:%s]\nset yrange [%s:%s]"):format(number(left), number(right), number(bottom),
    number(top))
  out[#out + 1] = "unset grid\nset tics scale 0\nset style fill solid 1 noborder"
end

local function path_parts(out, name, m, dev)
  if not m.path then return {} end
  local p = m.path
  local keep = {}
  for i = 1, #p.x do keep[i] = i end
  block(out, name .. "_path", { p.x, p.y }, keep)
  block(out, name .. "_ends", { { p.x[1], p.x[#p.x] }, { p.y[1], p.y[#p.y] } }, { 1, 2 })
  local title = quote(p.title or "path", dev)
  if dev.text then
    return { ("$%s_path title %s with points pt 'o' lc rgb '#E07B39'"):format(name, title),
      ("$%s_ends every ::0::0 title 'start' with points pt 'S'"):format(name),
      ("$%s_ends every ::1::1 title 'end' with points pt 'E'"):format(name) }
  end
  return { ("$%s_path title %s with linespoints pt 7 ps 0.4 lw 2 lc rgb '#D55E00'"):format(name, title),
    ("$%s_ends every ::0::0 title 'start' with points pt 6 ps 1.6 lw 2 lc rgb '#D55E00'"):format(name),
    ("$%s_ends every ::1::1 title 'end' with points pt 3 ps 1.6 lw 2 lc rgb '#D55E00'"):format(name) }
end

local function matrix_as_text(out, panel, m, dev, name)
  local low, high, place, log = spread(m)
  local parts = shaded(out, name, m, dev, place)
  for _, p in ipairs(path_parts(out, name, m, dev)) do parts[#parts + 1] = p end
  matrix_frame(out, panel, m)
  if m.path then out[#out + 1] = "set key outside bottom center horizontal" end
  if m.values then cell_texts(out, m, dev, place) end
  if not m.values or #m.z[1] > 12 then
    out[#out + 1] = ("set xlabel %s"):format(quote(("%s  [%s] is %s to %s%s"):format(panel.x.label or "",
      table.concat(SHADES), shown(low), shown(high), log and ", logarithmic" or ""), dev))
  end
  out[#out + 1] = "plot " .. table.concat(parts, ", \\\n  ")
end

local LEVELS = 14

local function contour_lines(out, name, low, high, log)
  local levels = {}
  for i = 1, LEVELS do
    local t = (i - 0.5) / LEVELS
    levels[i] = number(log and low * (high / low) ^ t or low + t * (high - low))
  end
  out[#out + 1] = "set contour base\nset cntrparam levels discrete " .. table.concat(levels, ",")
  out[#out + 1] = "set cntrparam linear"
  out[#out + 1] = "unset surface"
  out[#out + 1] = ("set table $%s_lines\nsplot $%s with lines\nunset table\nunset contour"):format(name, name)
end

local function surface(out, panel, m, dev, name)
  local low, high, _, log = spread(m)
  if log then out[#out + 1] = "set logscale zcb" end
  if high == low then high = low + 1 end
  local span = high - low
  out[#out + 1] = ("set view 55, 40\nset border 31\nset xyplane 0\nset zrange [%s:%s]\nset cbrange [%s:%s]"):format(
    number(low), number(high), number(low), number(high))
  out[#out + 1] = "set pm3d border lc rgb '#333333' lw 0.2\nset grid"
  local parts = { ("$%s with pm3d notitle"):format(name) }
  if m.path and m.path.z then
    local lifted, keep = {}, {}
    for i, z in ipairs(m.path.z) do lifted[i], keep[i] = log and z * 1.02 or z + 0.01 * span, i end
    block(out, name .. "_path", { m.path.x, m.path.y, lifted }, keep)
    parts[2] = ("$%s_path with linespoints pt 7 ps 0.5 lw 2.5 lc rgb '#D55E00' title %s"):format(name,
      quote(m.path.title or "path", dev))
    out[#out + 1] = "set key top right"
  end
  if panel.z_label then out[#out + 1] = ("set cblabel %s"):format(quote(panel.z_label, dev)) end
  out[#out + 1] = "splot " .. table.concat(parts, ", \\\n  ")
end

-- An "image" wants two rows and columns.
local function cells(name, m)
  if #m.z > 1 and #m.z[1] > 1 then return ("$%s using 1:2:3 with image notitle"):format(name) end
  local left, right = edges(m.x)
  local bottom, top = edges(m.y)
  local dx, dy = (right - left) / #m.x / 2, (top - bottom) / #m.y / 2
  return ("$%s using 1:2:($1-%.9g):($1+%.9g):($2-%.9g):($2+%.9g):3 with boxxyerror fc palette notitle"):format(name, dx,
    dx, dy, dy)
end

function matrix.script(out, panel, dev, name)
  local m = panel.matrix
  if dev.text then return matrix_as_text(out, panel, m, dev, name) end
  matrix_block(out, name, m)
  local low, high, place, log, any = spread(m)
  if m.kind == "surface" and any then return surface(out, panel, m, dev, name) end
  if log then out[#out + 1] = "set logscale cb" end
  local parts = { cells(name, m) }
  if m.kind == "contour" and high > low then
    contour_lines(out, name, low, high, log)
    parts[2] = ("$%s_lines using 1:2 with lines lw 0.8 lc rgb '#60FFFFFF' notitle"):format(name)
  end
  for _, p in ipairs(path_parts(out, name, m, dev)) do parts[#parts + 1] = p end
  matrix_frame(out, panel, m)
  out[#out + 1] = ("set cbrange [%s:%s]"):format(number(low), number(high > low and high or low + 1))
  if m.path then out[#out + 1] = "set key outside bottom center horizontal\nset bmargin 5" end
  if panel.z_label then out[#out + 1] = ("set cblabel %s"):format(quote(panel.z_label, dev)) end
  if m.values then cell_texts(out, m, dev, place) end
  out[#out + 1] = "plot " .. table.concat(parts, ", \\\n  ")
end

return matrix
