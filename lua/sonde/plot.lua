-- Plots: values that show themselves at the prompt and save themselves as pictures. What they say is plain data:
--   { title =, columns =, panels = { panel, ... } }
--   panel = { title =, x = axis, y = axis, z_label =, series = { series, ... }, matrix =, marks =, texts =, square = }
--   axis = { label =, log =, range = { low, high }, tics = { { at, name }, ... }, step =, down = }
--   series = { kind = "line" | "points" | "steps" | "bars" | "band" | "errors", title =, x = {}, y = {}, low =, high =,
--     left =, right =, color = a number or "#rrggbb", dash =, mark = }
--   matrix = { kind = "heat" | "contour" | "surface", z = { row, ... }, x = {}, y = {}, values =, texts =, path = }
-- gnuplot draws them (lua/sonde/gnuplot.lua).
local core = require "sonde.core"
local gnuplot = require "sonde.gnuplot"
local gnuplot_text = require "sonde.gnuplot_text"
local picture = require "sonde.picture"
local util = require "sonde.util"

local plot = {}
local fail, clean = util.fail, gnuplot_text.clean
local Plot, methods = {}, {}

-- ---- showing and saving ----

local FORMATS = { png = true, svg = true, pdf = true, gp = true, txt = true }
local PIPE = { columns = 79, lines = 24 }
local MOST_COLUMNS, LEAST_LINES, MOST_LINES = 120, 12, 34

local function options_of_size(who, opts)
  opts = util.options(who, opts, { "width", "height" })
  local size = { width = util.whole(who, "width", opts.width, nil, 16),
    height = util.whole(who, "height", opts.height, nil, 8) }
  for name, v in pairs(size) do
    if v > 20000 then fail("%s: %s = %d is more than 20000", who, name, v) end
  end
  return size
end

-- How gnuplot's "dumb" is to color, or nil.
local function colors()
  local term, no = os.getenv "TERM", os.getenv "NO_COLOR"
  if not core.terminal "stdout" or not term or term == "dumb" or (no and no ~= "") then return nil end
  return (term:find "256" or os.getenv "COLORTERM") and "ansi256" or "ansi"
end

-- Without the paper around: no empty lines above and below, none of the spaces and escapes that show nothing. gnuplot
-- gives each character one column: what a word takes more or less comes off the spaces behind it.
local function tidy(page)
  local lines = {}
  for line in (page .. "\n"):gmatch "([^\n]*)\n" do
    local out, want, is, over = {}, "", "", 0
    for escape, chars in ("\27[0m" .. line):gmatch "\27%[([%d;]*)m([^\27]*)" do
      want = escape:find "^0" and "" or escape
      for space, word in (chars .. "\0"):gmatch "(%s*)([^%s]*)" do
        word = word:gsub("%z", "")
        local n = space == "" and 0 or math.max(1, #space - over)
        out[#out + 1], over = (" "):rep(n), over + n - #space + util.width(word) - (utf8.len(word) or #word)
        if word ~= "" then
          if want ~= is then out[#out + 1] = "\27[" .. (want == "" and "0" or want) .. "m" end
          is = want
          out[#out + 1] = word
        end
      end
    end
    lines[#lines + 1] = table.concat(out):gsub("%s+$", "") .. (is ~= "" and "\27[0m" or "")
  end
  while lines[1] == "" do table.remove(lines, 1) end
  while lines[#lines] == "" do table.remove(lines) end
  return table.concat(lines, "\n")
end

-- The plot as lines of text; each panel has its own.
local function as_text(who, p, size)
  local out = gnuplot.run(who, gnuplot.script(p, "txt", size))
  local pages = {}
  for page in out:gmatch "[^\f]+" do
    local lines = tidy(page)
    if lines ~= "" then pages[#pages + 1] = lines end
  end
  return (p.title and #p.panels > 1 and clean(p.title, size) .. "\n\n" or "") .. table.concat(pages, "\n\n") .. "\n"
end

-- The text that fits the screen; at most `lines` of it where that is given.
function plot.on_screen(who, p, lines)
  local columns, rows = core.terminal "stdout"
  columns, rows = columns and math.min(columns - 1, MOST_COLUMNS) or PIPE.columns, rows and rows - 3 or PIPE.lines
  local height = math.max(LEAST_LINES, math.min(rows, MOST_LINES, (columns * 0.32) // 1))
  if #p.panels > 1 then height = math.max(LEAST_LINES, height * 3 // 4) end
  if lines then height = math.max(8, math.min(height, lines // #p.panels - 1)) end
  return as_text(who, p, { width = math.max(columns, 30), height = height, colors = colors(), ascii = not core.utf8 })
end

-- The bytes of a file of that format: p:render("svg", { width = 600 }).
function methods.render(p, format, opts)
  if not FORMATS[format] then
    fail('render: the format is one of "png", "svg", "pdf", "gp", "txt", got %s', util.quoted(format))
  end
  local size = options_of_size("render", opts)
  if format == "gp" then return gnuplot.script(p, "gp", size) end
  if format ~= "txt" then return gnuplot.run("plot", gnuplot.script(p, format, size)) end
  return as_text("plot", p, { width = size.width or PIPE.columns, height = size.height or PIPE.lines,
    ascii = not core.utf8 })
end

-- Writes the file; what it is to be is told by its name.
function methods.save(p, path, opts)
  if type(path) ~= "string" then fail('save: wants a path as in p:save("x.png"), got %s', util.a(path)) end
  local format = (path:match "%.(%w+)$" or ""):lower()
  if not FORMATS[format] then
    fail('save: "%s" does not end in .png, .svg, .pdf, .txt or .gp (the commands of gnuplot)', path)
  end
  options_of_size("save", opts)
  core.write_file(path, methods.render(p, format, opts))
end

-- Where the terminal shows pixels, a picture; else text.
function methods.show(p, ...)
  util.nothing("show", 'p:save("x.png", { width = 800, height = 500 }) says a size', ...)
  if picture.pixels() then return core.picture_decode(methods.render(p, "png")):show() end
  io.stdout:write(plot.on_screen("plot", p))
end

function Plot.__show(p) methods.show(p) end

local function counted(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

function Plot.__tostring(p)
  local first, curves = p.panels[1], 0
  for _, panel in ipairs(p.panels) do curves = curves + #panel.series end
  local what = #p.panels > 1 and counted(#p.panels, "panel") or first.matrix
    and ("%d x %d values"):format(#first.matrix.z, #first.matrix.z[1]) or curves .. " series"
  local title = p.title or first.title
  return ('plot%s (%s): p:show() draws it, p:save("x.png") writes it'):format(
    title and " of " .. clean(title, { ascii = not core.utf8 }) or "", what)
end

for name, fn in pairs(methods) do
  methods[name] = function(p, ...)
    if getmetatable(p) ~= Plot then fail("write p:%s(...) with a colon", name) end
    return fn(p, ...)
  end
end

function Plot.__index(_, k)
  if methods[k] then return methods[k] end
  if k == "title" or k == "columns" or k == "width" or k == "height" then return nil end
  util.unknown("a plot", k, methods, { "title", "panels" })
end

-- A value of what is described above.
function plot.new(description)
  for _, panel in ipairs(description.panels) do
    panel.x, panel.y, panel.series = panel.x or {}, panel.y or {}, panel.series or {}
  end
  if #description.panels == 1 then description.panels[1].title = description.panels[1].title or description.title end
  return setmetatable(description, Plot)
end

function plot.is(v) return getmetatable(v) == Plot end

-- Several plots as one, in panels.
function plot.panels(t)
  if type(t) ~= "table" then fail("plot.panels: wants plots in a table, got %s", util.a(t)) end
  local named = {}
  for k, v in pairs(t) do
    if math.type(k) ~= "integer" then named[k] = v end
  end
  util.options("plot.panels", named, { "title", "columns" })
  local all = { title = t.title, columns = util.whole("plot.panels", "columns", t.columns, nil, 1), panels = {} }
  for i, p in ipairs(t) do
    if not plot.is(p) then fail("plot.panels: [%d] is %s, not a plot", i, util.a(p)) end
    for _, panel in ipairs(p.panels) do
      local copy = {}
      for k, v in pairs(panel) do copy[k] = v end
      copy.title = copy.title or p.title
      all.panels[#all.panels + 1] = copy
    end
  end
  if #all.panels == 0 then fail "plot.panels: there is no plot in it" end
  return plot.new(all)
end

return plot
