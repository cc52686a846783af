-- gnuplot: what a plot says (lua/sonde/plot.lua) as its commands (gnuplot_panel, gnuplot_matrix), and running it.
local core = require "sonde.core"
local panel_script = require "sonde.gnuplot_panel"
local text = require "sonde.gnuplot_text"
local util = require "sonde.util"

local gnuplot = {}

local SECONDS = 20 -- for one plot

-- ---- devices ----

local SIZE = { width = 900, height = 560 } -- pixels of a panel that is alone

local function layout_of(p)
  local n = #p.panels
  local columns = math.min(p.columns or math.ceil(math.sqrt(n)), n)
  return columns, math.ceil(n / columns)
end

-- The width and height in pixels (characters for "txt").
local function size_of(p, opts)
  local columns, rows = layout_of(p)
  local width = SIZE.width * (columns == 1 and 1 or columns == 2 and 1.4 or 1.8)
  local height = rows == 1 and columns > 1 and SIZE.height * 0.9 or SIZE.height * (rows == 1 and 1 or 0.72 * rows)
  return opts.width or p.width or math.floor(width), opts.height or p.height or math.floor(height)
end

local terminals = {}
function terminals.png(d)
  return ("set terminal pngcairo noenhanced size %d,%d font 'sans,11' background rgb 'white'"):format(d.width, d.height)
end
function terminals.svg(d)
  return ("set terminal svg noenhanced size %d,%d font 'sans,12' background rgb 'white'"):format(d.width, d.height)
end
function terminals.pdf(d)
  return ("set terminal pdfcairo noenhanced size %.2fin,%.2fin font 'sans,11' background rgb 'white'"):format(
    d.width / 100, d.height / 100)
end
function terminals.txt(d)
  return ("set terminal dumb noenhanced size %d,%d %s"):format(d.width, d.height, d.colors or "mono")
end

local function script_for_pages(p, dev)
  local out = { terminals.txt(dev) }
  for i, panel in ipairs(p.panels) do panel_script(out, panel, dev, i) end
  return table.concat(out, "\n") .. "\n"
end

local GP_HEAD = [[
# Written by sonde. gnuplot THIS_FILE >plot.png draws it; for another format change the next line: svg, pdfcairo, qt.]]

-- The commands that draw a plot in that format.
function gnuplot.script(p, format, opts)
  opts = opts or {}
  if format == "txt" then
    return script_for_pages(p, { text = true, width = opts.width, height = opts.height, panel_width = opts.width,
      colors = opts.colors, ascii = opts.ascii })
  end
  local columns, rows = layout_of(p)
  local dev = { ascii = false }
  dev.width, dev.height = size_of(p, opts)
  dev.panel_width = dev.width / columns
  local out = { terminals[format == "gp" and "png" or format](dev) }
  if format == "gp" then table.insert(out, 1, GP_HEAD) end
  if #p.panels > 1 then
    out[#out + 1] = "set encoding utf8"
    out[#out + 1] = ("set multiplot layout %d,%d%s"):format(rows, columns,
      p.title and " title " .. text.quote(p.title, dev) or "")
  end
  for i, panel in ipairs(p.panels) do panel_script(out, panel, dev, i) end
  if #p.panels > 1 then out[#out + 1] = "unset multiplot" end
  return table.concat(out, "\n") .. "\n"
end

-- ---- running ----

local function no_gnuplot(who)
  util.fail("%s: wants the program gnuplot, which is not there; apt-get install gnuplot-nox", who)
end

-- Raises where it is absent; costs some milliseconds, once.
local there
function gnuplot.want(who)
  there = there or core.run_program({ "gnuplot", "--version" }, "", SECONDS) ~= nil
  if not there then no_gnuplot(who) end
end

-- What it says of an error: the line below the caret.
local function complaint(errors)
  for line in errors:gmatch "[^\n]+" do
    if line:find "line %d+:" and not line:find "warning" then return line:match "^%s*(.-)%s*$" end
  end
  return errors:match "[^\n]+" or "it said nothing"
end

-- What gnuplot makes of the script. Settings of the person's own are not read: they could change anything.
function gnuplot.run(who, script)
  local out, errors, status = core.run_program({ "gnuplot", "-d", "-" }, script, SECONDS)
  if not out then no_gnuplot(who) end
  if status >= 256 then util.fail("%s: gnuplot was ended by signal %d", who, status - 256) end
  if status ~= 0 or #out == 0 then util.fail("%s: gnuplot: %s", who, complaint(errors)) end
  return out
end

return gnuplot
