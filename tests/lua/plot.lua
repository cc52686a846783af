-- Plots: what is drawn, the files, hostile texts, wrong arguments, and gnuplot that is not there.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"

local folder = check.folder()
local function file(name) return folder .. "/" .. name end
local function read(path)
  local f = assert(io.open(path, "rb"))
  local bytes = f:read "a"
  f:close()
  return bytes
end
local program = 0
while arg[program - 1] do program = program - 1 end

-- Another sonde with that script; what it writes.
local function sonde_says(environment, script)
  local path = file "script.lua"
  local f = assert(io.open(path, "w"))
  f:write(script)
  f:close()
  local pipe = assert(io.popen(("env %s '%s' '%s' 2>&1"):format(environment, arg[program], path)))
  local text = pipe:read "a"
  return text, select(3, pipe:close())
end

-- a session that draws nothing has read nothing of it
for _, name in ipairs { "plot", "plot_data", "plots", "plot_run", "gnuplot" } do
  check.equal(package.loaded["sonde." .. name], nil, name)
end

-- ---- running programs ----

local out, errors, status = core.run_program({ "sh", "-c", "cat; echo no >&2; exit 3" }, "a\0b", 20)
check.equal(out, "a\0b")
check.equal(errors, "no\n")
check.equal(status, 3)
check.equal(core.run_program({ "no-such-program-anywhere" }, "", 20), nil)
check.fails(function() core.run_program({ "sleep", "100" }, "", 0.1) end, "sleep: took longer than 0.1 seconds")

-- ---- counting ----

check.list(core.tensor_histogram(tensor { 0, 1, 1, 2, 3, 4, 9, 0 / 0 }, 0, 4, 4), { 1, 2, 1, 2 })
check.list({ core.tensor_spread(tensor { 3, 0 / 0, -1, 1 / 0, -1 / 0 }) }, { -1, 3, 2, 1, 2 })

-- ---- what is wrong ----

local function wrong(fn, ...) check.fails(fn, "plot.lua:", ...) end
wrong(function() plot() end, "plot: wants numbers, as in plot{ x = xs, y = ys }")
wrong(function() plot {} end, "plot: there is nothing to draw: y is empty")
wrong(function() plot { y = {} } end, "plot: there is nothing to draw: y is empty")
wrong(function() plot { 1, "2" } end, "plot: y[2] is a string, not a number")
wrong(function() plot { x = { 1 }, y = { 1, 2 } } end, "plot: x has 1 numbers, and y 2")
wrong(function() plot { y = { 1 }, tittle = "x" } end, 'unknown option "tittle"; did you mean "title"?')
wrong(function() plot { y = { 1 }, title = {} } end, "title wants a text, got a table")
wrong(function() plot { y = { 1 }, logy = 1 } end, "logy = 1 must be true or false")
wrong(function() plot { y = { 1 }, yrange = { 1, 1 } } end, "yrange is empty")
wrong(function() plot { y = { 1 }, low = { 1 } } end, "low and high come together")
wrong(function() plot { y = { 1 }, style = "dotted" } end, 'style = "dotted" is not one of "lines", "points", "steps"')
wrong(function() plot { y = { { 1 }, { 2 } }, labels = { "a" } } end, "labels has 1 text for 2")
wrong(function() plot(tensor.zeros { 2, 2, 2 }) end, "y has the shape (2, 2, 2)")
wrong(function() plot.histogram() end, "plot.histogram: wants a tensor")
wrong(function() plot.histogram {} end, "is empty: there is nothing to count")
wrong(function() plot.histogram { 0 / 0 } end, "there is no finite number to count")
wrong(function() plot.histogram({ 1, 2 }, { bins = 65 }) end, "bins = 65 must be at most 64")
wrong(function() plot.histogram({ 1, 2 }, { range = { 2, 1 } }) end, "the wrong way round")
wrong(function() plot.heatmap(tensor.zeros { 2, 3, 4 }) end, "the shape (2, 3, 4) has not two axes")
wrong(function() plot.heatmap { { 1, 2 }, { 3 } } end, "row 2 has 1 numbers, and row 1 2")
wrong(function() plot.heatmap {} end, "the matrix is empty")
wrong(function() plot.heatmap({ { 1, 2 } }, { xlabels = { "a" } }) end, "xlabels has 1 text for 2")
wrong(function() plot.contour { { 1, 2 } } end, "at least two rows and columns")
wrong(function() plot.contour({ { 1, 2 }, { 3, 4 } }, { x = { 2, 1 } }) end, "x must rise in even steps")
wrong(function() plot.contour({ { 1, 2 }, { 3, 4 } }, { path = { x = { 1 }, y = {} } }) end, "path.x has 1 numbers")
wrong(function() plot.panels {} end, "there is no plot in it")
wrong(function() plot.panels { 1 } end, "[1] is a number, not a plot")
wrong(function() plot { 1, 2 }:save "x.jpeg" end, 'save: "x.jpeg" does not end in .png, .svg, .pdf, .txt or .gp')
wrong(function() plot { 1, 2 }:save "x" end, "does not end in")
wrong(function() plot { 1, 2 }:save() end, "save: wants a path")
wrong(function() plot { 1, 2 }:render "x" end, 'got "x"')
wrong(function() plot { 1, 2 }.save "x.png" end, "write p:save(...) with a colon")
wrong(function() return plot { 1, 2 }.shw end, "a plot has no shw; did you mean show?")
wrong(function() plot { 1, 2 }:save("x.png", { width = 1e9 }) end, "width")

check.equal(tostring(plot { y = { 1, 2 }, title = "a\nb" }),
  'plot of a b (1 series): p:show() draws it, p:save("x.png") writes it')
check.equal(tostring(plot.heatmap { { 1, 2 } }), 'plot (1 x 2 values): p:show() draws it, p:save("x.png") writes it')

-- ---- gnuplot is not there ----

local absent = "wants the program gnuplot, which is not there; apt-get install gnuplot-nox"
local text, code = sonde_says("PATH=/nonexistent", "plot{ 1, 2 }:show()")
check.has(text, "script.lua:1: plot: " .. absent)
check.equal(code, 1)
check.ok(not text:find "traceback" and not text:find "sonde/", "%s", text)
text = sonde_says("PATH=/nonexistent", ("print(pcall(function() plot{ 1, 2 }:save '%s' end)) plot{ 1, 2 }:save '%s'"):format(
  file "no.png", file "yes.gp"))
check.has(text, absent)
check.equal(io.open(file "no.png"), nil)
check.has(read(file "yes.gp"), "set terminal pngcairo")
text = sonde_says("PATH=/nonexistent", [[
m = sequential{ dense{ 1, input_shape = { 1 } } } m:compile{ loss = "mse", optimizer = "sgd" }
r = m:run({ tensor{ { 1 } }, tensor{ { 1 } } }, { verbose = 0 })
print(pcall(r.finish, r, { live = true })) print(r.done)]])
check.has(text, "finish: " .. absent)
check.has(text, "false")

if core.run_program({ "gnuplot", "--version" }, "", 20) == nil then
  check.skip "gnuplot-nox is not installed"
  check.done()
  return
end

-- ---- kinds and files ----

local z = {}
for i = 1, 9 do
  z[i] = {}
  for j = 1, 9 do z[i][j] = (i - 5) ^ 2 + (j - 4) ^ 2 end
end
local nan, inf = 0 / 0, 1 / 0
local kinds = {
  curve = plot { x = { 1, 2, 3, 4 }, y = { loss = { 3, nan, 1, inf }, val_loss = { 3, 2, 2, 2 } }, title = "losses" },
  columns = plot(tensor.random { 6, 2, seed = 1 }),
  band = plot { y = { 1, 2, 3 }, low = { 0.5, 1, 2 }, high = { 2, 3, 4 }, logy = true },
  points = plot.points { x = { 1, 2 }, y = { 3, 4 } },
  steps = plot { y = { 3, 1, 4 }, style = "steps" },
  bars = plot.bars { { 3, -1, nan }, labels = { "cat", "dog", "owl" } },
  histogram = plot.histogram(tensor.randn { 1000, seed = 1 }),
  histograms = plot.histogram { tensor.randn { 100, seed = 1 }, { 1, 2, nan }, labels = { "a", "b" }, logy = true },
  heat = plot.heatmap { { 1, 2 }, { nan, 4 } },
  large = plot.heatmap(tensor.randn { 20, 30, seed = 1 }),
  row = plot.heatmap { { 1, 2, 3 } },
  contour = plot.contour(z, { path = { x = { 1, 2, 4 }, y = { 1, 3, 5 } } }),
  surface = plot.surface(z, { path = { x = { 1, 2, 4 }, y = { 1, 3, 5 }, z = { 25, 8, 0 } } }),
  nothing = plot { nan, nan },
  one = plot { 3 },
  logs = plot { y = { 0, -1, 0 }, logy = true },
  extremes = plot { y = { 1e308, -1e308, 1e-320, math.maxinteger } },
  flat = plot.contour { { 1, 1 }, { 1, 1 } },
  steep = plot.contour { { 1, 1e9 }, { 10, nan } },
}
kinds.panels = plot.panels { kinds.curve, kinds.heat, kinds.surface, title = "all of it", columns = 2 }

-- How many colors a picture has, up to `most`.
local function colors(p, most)
  local t = p:tensor()
  local seen, n = {}, 0
  local step = math.max(1, p.height // 60)
  for y = 1, p.height, step do
    local row = t[y]:tolist()
    for _, c in ipairs(row) do
      local key = c[1] << 16 | c[2] << 8 | c[3]
      if not seen[key] then seen[key], n = true, n + 1 end
      if n >= most then return n end
    end
  end
  return n
end

for name, p in pairs(kinds) do
  local path = file(name .. ".png")
  p:save(path, { width = 400, height = 300 })
  local image = picture.load(path)
  check.equal(image.width, 400, name)
  check.equal(image.height, 300, name)
  check.ok(colors(image, 3) >= 3, "%s has %d colors", name, colors(image, 3))
  local shown = check.output(function() p:show() end)
  check.ok(#shown > 100, "%s as text", name)
  check.ok(not shown:find "[\27\f\r]", "%s: only text goes into a pipe", name)
  for line in shown:gmatch "[^\n]+" do check.ok(utf8.len(line) <= 79, "%s: %s", name, line) end
  check.equal(check.output(function() sonde.print(p) end), shown)
end
kinds.curve:save(file "c.svg")
check.has(read(file "c.svg"), "<svg")
check.has(read(file "c.svg"), ">losses<")
check.has(read(file "c.svg"), ">val_loss<")
kinds.curve:save(file "c.PDF")
check.equal(read(file "c.PDF"):sub(1, 5), "%PDF-")
kinds.curve:save(file "c.txt")
check.has(read(file "c.txt"), "val_loss")
check.equal(kinds.curve:render "svg", read(file "c.svg"))
kinds.panels:save(file "c.gp")
out, errors, status = core.run_program({ "gnuplot", file "c.gp" }, "", 20)
check.equal(status, 0)
check.equal(out, kinds.panels:render "png")
check.fails(function() kinds.curve:save(file "none/c.png") end, "plot.lua:", "there is no folder")

-- the numbers: a curve's gaps, its values, a histogram's counts
local script = kinds.curve:render "gp"
check.has(script, "1 3\n2 NaN\n3 1\n4 NaN\nEOD")
check.has(plot.histogram({ 0, 1, 1, 2, 3, 4 }, { bins = 4 }):render "gp", "0.5 1 0 1 0\n1.5 2 1 2 0\n2.5 1 2 3 0\n3.5 2 3 4 0\n")
check.has(plot.histogram { 1, nan, inf, 2 }:render "gp", "2 not finite")

-- a long curve keeps its peaks
local long = {}
for i = 1, 30000 do long[i] = i == 17777 and 9 or i == 23456 and nan or math.sin(i) end
script = plot(long):render "gp"
check.has(script, "\n17777 9\n")
check.has(script, "\n23456 NaN\n")
check.ok(select(2, script:gsub("\n", "")) < 5000)
check.has(plot.points { y = long, labels = { "p" } }:render "gp", 'title "p"')
for i = 1, 60000 do long[i] = i end
check.has(plot.points { y = long, labels = { "p" } }:render "gp", "p (each 2th of 60,000)")

-- ---- texts stay texts ----

local planted = file "planted"
local hostile = {
  ("'\nsystem('touch %s')\n'"):format(planted), ("`touch %s`"):format(planted), ("\"`touch %s`\""):format(planted),
  ("'; system(\"touch %s\") #"):format(planted), ("@x {/Symbol a}^2_3 %%s %%n $%%d"), "back\\slash\\", "'", "''", '"',
  "\nEOD\n!touch " .. planted, "<script>alert(1)</script>&amp;", "\27[31mred\7\0zero", "\255\254 no utf-8", "",
  "\194\155 31m", ("long"):rep(1000), "%", "100 %", "e\n",
}
for i, s in ipairs(hostile) do
  local several = { y = { [s ~= "" and s or "x"] = { 1, 2 }, y = { 2, 1 } }, title = s, xlabel = s, ylabel = s }
  local p = plot.panels { plot(several), plot.bars { { 1, 2 }, labels = { s, "b" }, title = s },
    plot.heatmap({ { 1, 2 }, { 3, 4 } }, { xlabels = { s, s }, ylabels = { s, "d" }, zlabel = s }),
    plot.contour(z, { path = { x = { 1, 2 }, y = { 1, 2 }, title = s } }), title = s }
  if i % 3 == 0 then check.ok(#p:render("png", { width = 400, height = 300 }) > 100) end
  local shown = check.output(function() p:show() end)
  check.ok(not shown:find "[%z\1-\9\11-\31\127]", "control codes of %q", s)
  check.ok(utf8.len(p:render "svg"), "%q", s)
end
check.equal(io.open(planted), nil)
local svg = plot { y = { 1, 2 }, title = hostile[11] }:render "svg"
check.has(svg, "&lt;script>alert(1)&lt;/script>&amp;amp;")
check.has(plot.bars({ 1 }, { labels = { "100%s" } }):render "svg", ">100%s<")
check.has(plot { y = { 1, 2 }, title = "it's `x`" }:render "svg", ">it's `x`<")
check.has(plot { y = { 1, 2 }, title = "a_b^c" }:render "txt", "a_b^c")
do -- letters of two columns, and of none, beside the axis and below it
  local axis
  for line in plot { { 1, 4, 2, 8 }, ylabel = "猫の軸 e\u{301}" }:render("txt"):gmatch "[^\n]+" do
    local left = line:match "^(.-)|" or line:match "^(.-)%+"
    axis = axis or left and check.width(left)
    if left then check.equal(check.width(left), axis, line) end
  end
  local below = plot.bars { { 3, 2, 1 }, labels = { "猫猫", "dog", "cow" } }:render("txt"):match "[^\n]*dog[^\n]*"
  local plain = plot.bars { { 3, 2, 1 }, labels = { "xx", "dog", "cow" } }:render("txt"):match "[^\n]*dog[^\n]*"
  check.equal(check.width(below:match "^.-dog"), #plain:match "^.-dog")
end
kinds.one:save(file "quote'`touch x` $(touch y).png")
check.ok(picture.load(file "quote'`touch x` $(touch y).png"))

-- a locale that knows no UTF-8, and a person's own gnuplot settings
text = sonde_says("LC_ALL=C", 'plot{ y = { 1, 2 }, title = "h\\u{f6}he" }:show()')
check.has(text, "h?he")
check.ok(not text:find "[\128-\255]")
local home = check.folder()
local f = assert(io.open(home .. "/.gnuplot", "w"))
f:write("this is no command\n")
f:close()
text, code = sonde_says("HOME=" .. home, "plot{ 1, 2 }:show()")
check.equal(code, 0, text)

-- ---- a run ----

local x, y = check.points(64)
local function network(opts)
  local m = sequential { dense { 4, activation = "tanh", input_shape = { 2 }, kernel_regularizer = l2(0.1) },
    dense { 1, activation = "sigmoid" } }
  m:compile { loss = "mse", optimizer = adam {}, metrics = { "accuracy" } }
  opts.verbose, opts.seed, opts.validation_split = opts.verbose or 0, 1, 0.25
  return m:run(x, y, opts)
end
local r = network { epochs = 3 }
wrong(function() r:plot() end, "plot: no epoch is complete yet; r:epoch() makes one")
r:epoch()
check.ok(r:plot "loss")
r:finish()
local h = r:history()
script = r:plot("loss"):render "gp"
check.has(script, ("1 %.9g\n2 %.9g\n3 %.9g\n"):format(table.unpack(h.loss)))
check.has(script, ("1 %.9g\n2 %.9g\n3 %.9g\n"):format(table.unpack(h.val_loss)))
check.equal(#r:plot().panels, 2)
check.equal(#r:plot("val_loss").panels[1].series, 1)
check.equal(#r:plot({ "loss", "accuracy", logy = true }).panels, 2)
local terms = r:plot "loss_terms"
check.equal(#terms.panels, 2)
for epoch = 1, 3 do
  local t = r:loss_terms(epoch).validation
  check.near(terms.panels[2].series[1].y[epoch], t.data, 1e-12)
  check.near(terms.panels[2].series[2].y[epoch], t.total, 1e-6)
end
wrong(function() r:plot "los" end, 'plot: the history has no "los"; did you mean "loss"?')
wrong(function() r:plot "x" end, 'plot: the history has no "x"; it has: accuracy, loss, loss_terms')
wrong(function() r:plot():show(3) end, "show: takes no arguments, got 3; p:save")
wrong(function() r:history "loss" end, 'history: takes no arguments, got "loss"; r:history().loss')
wrong(function() r:plot { "loss", lgy = true } end, 'unknown option "lgy"')
wrong(function() r:plot(3) end, 'plot: wants a name as in :plot "loss", got a number')
check.equal(#plot(r).panels, 2)
for _, what in ipairs { "loss", "loss_terms" } do
  check.ok(#check.output(function() r:plot(what):show() end) > 200)
end

-- what r:record keeps
r = network { epochs = 2 }
local record = r:record { "gradients", "activations", every = 3 }
wrong(function() record:plot() end, "plot: nothing is recorded yet")
r:finish()
local p = record:plot "norm"
check.equal(p.panels[1].title, "gradients: norm")
check.equal(p.panels[1].series[1].title, "dense/kernel")
check.list(p.panels[1].series[1].y, record.gradients["dense/kernel"].norm)
check.list(p.panels[1].series[1].x, record.steps)
check.equal(#record:plot().panels, 2)
check.equal(#record:plot({ "norm", "std", layers = "dense_1", logy = true }).panels[1].series, 2)
wrong(function() record:plot "nrm" end, "the record has no nrm; did you mean norm?")
wrong(function() record:plot { layers = "none" } end, "plot: nothing of these layers is in the record")
check.ok(#check.output(function() plot(record):show() end) > 200)

-- live: into a file after each epoch; in a pipe once, at the end
local live, seen = file "live.svg", {}
r = network { epochs = 3, callbacks = { { on_epoch_begin = function(epoch)
  local there = io.open(live)
  seen[epoch + 1] = there ~= nil
  if there then there:close() end
end } } }
r:finish { live = live }
check.list(seen, { false, true, true })
check.equal(read(live), r:plot():render "svg")
r = network { epochs = 2, live = "loss" }
text = check.output(function() r:finish() end)
check.equal(text, check.output(function() r:plot("loss"):show() end))
r = network { epochs = 2 }
wrong(function() r:finish(3) end, "finish: goes to the planned end; r:epoch(3) makes epochs")
wrong(function() r:finish { live = "los" } end, 'finish: live: the history has no "los"; did you mean "loss"?')
wrong(function() r:finish { live = 3 } end, "finish: live wants true, a name")
wrong(function() r:finish { live = { file = "x.jpeg" } } end, "live: file")
wrong(function() r:finish { life = true } end, 'unknown option "life"; did you mean "live"?')
check.equal(r.epoch_number, 0)
text = check.output(function() r:finish { live = file "none/x.png" } end)
check.has(text, "no more live plots: ")
check.has(text, "there is no folder")
check.ok(r.done)

-- ---- judging ----

r = network { epochs = 1 }
r:finish()
local d = tensors { x = x, y = y }
local c = r.model:confusion(d)
local cells = c:plot().panels[1].matrix.texts
check.equal(cells[1][2][1], tostring(c.counts[1][2]))
local k = r.model:calibration(d, { bins = 5 })
local bars = k:plot().panels[1].series[1]
for i, b in ipairs(k.bins) do check.ok(bars.y[i] == b.accuracy or b.count == 0) end
for _, v in ipairs { c, k, r.model:roc(d), r.model:precision_recall(d), r.model:confidence_histogram(d) } do
  check.ok(#check.output(function() v:plot():show() end) > 200)
  check.equal(picture.load((function()
    v:plot():save(file "j.png", { width = 320, height = 240 })
    return file "j.png"
  end)()).width, 320)
  check.ok(plot(v).panels)
  wrong(function() v:plot { class = 1 } end, "plot: takes no arguments, got a table; options belong to m:" .. (
    v.kind or ""))
  wrong(function() v.plot() end, "write c:plot() with a colon")
end
wrong(function() r:finish { live = "los" } end, "finish: live: the history has no") -- at its end too
check.ok(r.done and r:finish { live = true } == r)

check.done()
