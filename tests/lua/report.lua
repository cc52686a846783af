-- r:report: one page that holds all, well-formed, with what others named escaped, the numbers those of the API, and
-- no bit of the training changed.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local dir = check.folder()
local function read(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read "a"
  f:close()
  return s
end

-- Every element that is opened is closed, in its order.
local void = { meta = true, img = true, br = true, hr = true, link = true, input = true, path = false }
local function balanced(s)
  local open = {}
  s = s:gsub("<!%-%-.-%-%->", ""):gsub("<style.-</style>", ""):gsub("<!DOCTYPE[^>]*>", ""):gsub("<%?.-%?>", "")
  for slash, name, rest in s:gmatch "<(/?)([%a][%w:]*)([^>]*)>" do
    if slash == "/" then
      if open[#open] ~= name then return ("</%s> closes <%s>"):format(name, tostring(open[#open])) end
      open[#open] = nil
    elseif not void[name] and not rest:find "/%s*$" then
      open[#open + 1] = name
    end
  end
  return #open == 0 or ("<%s> is left open"):format(open[#open])
end

local function net()
  sonde.seed(2)
  local m = sequential { dense { 8, activation = "relu", input_shape = { 4 }, kernel_regularizer = l2(1e-3) },
    dense { 3, activation = "softmax", name = "a<b>&\"c" } }
  m:compile { loss = "categorical_crossentropy", optimizer = adam { 1e-2 }, metrics = { "accuracy" } }
  return m
end
local rows = {}
for i = 1, 60 do rows[i] = { i % 3 == 0 and 1 or 0, i % 3 == 1 and 1 or 0, i % 3 == 2 and 1 or 0 } end
local x, y = tensor.randn { 60, 4, seed = 1 }, tensor(rows)

local function run_of(m)
  return m:run(x, y, { epochs = 4, batch_size = 8, validation_data = { x, y }, seed = 1, verbose = 0 })
end

local plain = run_of(net())
plain:finish()

local m = net()
local r = run_of(m)
r:report(dir .. "/before.html")
check.equal(balanced(read(dir .. "/before.html")), true)
r:epoch(2)
r:step(3)
r:report(dir .. "/within.html")
r:finish()
local path = dir .. "/report.html"
r:report(path, { title = "a <title> & more" })
check.same_weights(m:get_weights(), plain.model:get_weights())

local page = read(path)
check.equal(balanced(page), true)
check.equal(balanced(read(dir .. "/within.html")), true)
check.has(page, "a &lt;title&gt; &amp; more")
check.ok(not page:find("a<b>", 1, true), "a name is not escaped")
check.has(page, "a&lt;b&gt;&amp;")
for _, part in ipairs { "https?:", 'src="[^d]', 'href="[^#]', "<script", "<link", "<iframe", "@import", "url%([^#]" } do
  check.ok(not page:find(part), "the page needs something from outside: %s", part)
end
check.has(page, ("%.4f"):format(r:history().val_loss[4]))
check.has(page, ("%.4f"):format(r:loss_terms().train.penalty))
check.has(page, ("%.4f"):format(m:calibration({ x, y }).ece))

check.fails(function() r:report(dir .. "/no/such/folder/x.html") end, "x.html")
check.fails(function() r:report() end, "report")
check.fails(function() r:report(path, { nonsense = 1 }) end, "nonsense")

-- a model that predicts numbers, without validation data
local q = sequential { dense { 1, input_shape = { 4 } } }
q:compile { loss = "mse", optimizer = "sgd" }
local s = q:run(x, tensor.randn { 60, 1, seed = 3 }, { epochs = 2, verbose = 0 })
s:finish()
s:report(dir .. "/numbers.html")
check.equal(balanced(read(dir .. "/numbers.html")), true)

-- ---- the numbers are those of the API ----

-- What stands in a table of the page, row by row, as texts.
local function rows_of(s, label)
  local part = s:match('aria%-label="' .. label:gsub("%p", "%%%0") .. '">(.-)</table>')
  check.ok(part, "there is no table %q", label)
  local out = {}
  for row in part:gmatch "<tr>(.-)</tr>" do
    local cells = {}
    for cell in row:gmatch "<t[hd][^>]*>(.-)</t[hd]>" do cells[#cells + 1] = (cell:gsub("<.->", "|")) end
    out[#out + 1] = cells
  end
  return out
end
local function fixed(v) return ("%.4f"):format(v) end

local cal, con, terms, now = m:calibration({ x, y }), m:confusion({ x, y }), r:loss_terms(), r:history()
local scores = rows_of(page, "calibration")
for i, v in ipairs { con.accuracy, cal.confidence, cal.ece, cal.adaptive_ece, cal.mce, cal.nll, cal.brier } do
  check.equal(scores[i + 1][2], fixed(v), scores[i + 1][1])
end
check.equal(scores[9][2]:match "^[%d.]+", ("%.4g"):format(cal.temperature))
local matrix = rows_of(page, "confusion matrix")
for i, row in ipairs(con.counts) do
  for k, n in ipairs(row) do check.equal(matrix[i + 1][k + 1]:match "^%d+", tostring(n)) end
end
local history = rows_of(page, "history")
check.equal(#history, 1 + 4)
check.equal(history[4][2], fixed(now.loss[3]))
local losses = rows_of(page, "loss terms")
check.list({ losses[2][3], losses[3][3], losses[4][3], losses[2][6], losses[5][1] }, { fixed(terms.train.total),
  fixed(terms.train.data), fixed(terms.train.penalty), fixed(terms.validation.total), "dense" })
local w = m:worst({ x, y }, 16)
local worst = rows_of(page, "the worst samples")
check.equal(#worst, 17)
for i, row in ipairs(w) do check.equal(worst[i + 1][1], tostring(row.index)) end
local parameters = rows_of(page, r:gradients() and page:match 'aria%-label="(Gradients of the last step[^"]*)"')
for i, row in ipairs(r:gradients()) do
  check.equal(parameters[i + 1][1], (row.name:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;" })))
  check.equal(parameters[i + 1][3], (require("sonde.probe_table").number(row.norm)))
end
local core, judge = require "sonde.core", require "sonde.judge"
local d = core.dataset_tensors(x, y)
local average, sd, n = core.judgment_losses(judge.pass("test", m, d, { loss = true }).handle)
check.near(average, m:evaluate(d).data, 1e-6)
check.equal(n, 60)
local all, squares = m:worst(d, 60), 0
for _, row in ipairs(all) do squares = squares + (row.loss - average) ^ 2 end
check.near(sd, math.sqrt(squares / 59), 1e-9)

-- one name once: what is drawn twice does not share its parts
local seen = {}
for id in page:gmatch "%sid=[\"']([^\"']+)" do
  check.ok(not seen[id], "the id %s twice", id)
  seen[id] = true
end
for id in page:gmatch "href=[\"']#([^\"']+)" do check.ok(seen[id], "a link to %s, which is not there", id) end
for img in page:gmatch "<img[^>]*>" do check.ok(img:find 'alt="[^"]', img) end

-- what is given back prints the findings
local given = r:report(path)
check.equal(given.path, path)
check.equal(given.bytes, #read(path))
check.has(tostring(given), ("%d finding"):format(#given.findings))
for _, v in ipairs(given.findings) do check.has(read(path), 'href="#' .. v.section) end

-- ---- names that others gave ----

local evil, bytes = "<b>&\"'", "d\xffg"
for _, name in ipairs { evil, bytes } do
  assert(os.execute(("mkdir -p '%s/data/%s'"):format(dir, (name:gsub("'", "'\\''")))))
end
for i = 1, 6 do
  check.bmp(("%s/data/%s/<img src=x onerror=y>%d.bmp"):format(dir, evil, i), 8, 8, 200, 30 * i, 0)
  check.bmp(("%s/data/%s/a&amp;%d.bmp"):format(dir, bytes, i), 8, 8, 0, 30 * i, 200)
end
local broken = assert(io.open(dir .. "/data/" .. bytes .. "/z.bmp", "wb"))
broken:write "BMno picture"
broken:close()
local folder, images
check.output(function() folder = image_folder { dir .. "/data", image_size = { 8, 8 }, rescale = 1 / 255 } end)
images = sequential { conv2d { 2, 3, activation = "relu", input_shape = { 8, 8, 3 } }, flatten {},
  dense { 1, activation = "sigmoid" } }
images:compile { loss = "binary_crossentropy", optimizer = "adam", metrics = { "accuracy" } }
local hostile
check.output(function()
  check.output(function()
    images:fit(folder, { epochs = 1, batch_size = 4 })
    hostile = images.last_run:report(dir .. "/hostile.html", { worst = 4, plots = false })
  end)
end, "stderr")
local text = read(hostile.path)
check.equal(balanced(text), true)
check.ok(not text:find("<b>&", 1, true) and not text:find("<img src=x", 1, true), "a name is not escaped")
check.ok(not text:find "\xff", "bytes that are no UTF-8")
check.equal(utf8.len(text) ~= nil, true)
check.has(text, "&lt;b&gt;&amp;&quot;&#39;")
check.has(text, "&lt;img src=x onerror=y&gt;")
check.has(text, "1 of the 13 files of the training data cannot be read and is left out.")
check.equal(select(2, text:gsub('<img src="data:image/png;base64,', "")), 8)
check.equal(select(2, text:gsub("Grad%-CAM of", "")), 4)
check.output(function() check.has(tostring(images:report(dir .. "/m.html", folder)), "m.html") end)
check.equal(balanced(read(dir .. "/m.html")), true)

-- ---- at any moment, and the same bits ----

local steps, reports = net(), 0
local s1 = steps:run(x, y, { epochs = 4, batch_size = 8, validation_data = { x, y }, seed = 1, verbose = 0,
  callbacks = { { on_epoch_end = function(_, _, run)
    reports = reports + 1
    run:report(dir .. "/called.html", { plots = false })
  end } } })
s1:record { "gradients", "activations", every = 2 }
s1:forward()
s1:report(dir .. "/forward.html", { plots = false })
s1:backward()
s1:report(dir .. "/backward.html", { plots = false })
s1:update()
s1:finish()
check.equal(reports, 4)
check.same_weights(steps:get_weights(), plain.model:get_weights(), "with reports in between")
check.has(read(dir .. "/backward.html"), "Gradients of the next step")
check.has(read(dir .. "/called.html"), "gradients: norm")

-- Ctrl-C leaves what was there
local before = read(path)
for _, at in ipairs { 2000, 20000, 60000 } do
  local left = at
  debug.sethook(function()
    left = left - 1
    if left <= 0 then
      debug.sethook()
      error("interrupted", 0)
    end
  end, "", 1)
  local ok, why = pcall(r.report, r, path, { title = "another" })
  debug.sethook()
  check.equal(ok, false)
  check.equal(why, "interrupted")
  check.equal(read(path), before)
end
local listed = io.popen(("ls -a '%s'"):format(dir)):read "a"
check.ok(not listed:find "report.html%.", listed)

-- ---- wrong input ----

check.fails(function() r:report(dir .. "/x.txt") end, "does not end in .html")
check.fails(function() r:report(dir .. "/no/x.html") end, 'there is no folder "' .. dir .. "/no/")
check.fails(function() r:report(path, { data = 3 }) end, "wants a dataset")
check.fails(function() r:report(path, { worst = 1e6 }) end, "at most 256")
check.fails(function() r:report(path, { title = 1 }) end, "title wants a text")
check.fails(function() m.report(path) end, "with a colon")

-- ---- without gnuplot ----

local script = dir .. "/script.lua"
local f = assert(io.open(script, "w"))
f:write(([[
m = sequential { dense { 2, activation = "softmax", input_shape = { 2 } } }
m:compile { loss = "sparse_categorical_crossentropy", optimizer = "adam" }
r = m:run(tensor.randn{ 8, 2 }, tensor.zeros{ 8 }, { epochs = 2, verbose = 0 }):finish()
r:report(%q)]]):format(dir .. "/plain.html"))
f:close()
assert(os.execute(("PATH=/nonexistent '%s' '%s'"):format(os.getenv "SONDE" or arg[-1], script)))
text = read(dir .. "/plain.html")
check.equal(balanced(text), true)
check.has(text, "apt-get install gnuplot-nox")
check.has(text, "<details open><summary>The numbers of every epoch")
check.ok(not text:find "<svg", "a plot without gnuplot")

-- ---- odd models: no data loss at all, scores, nan, many axes, many classes ----

local function report_of(model, a, b, opts)
  local o = { epochs = 2, verbose = 0, seed = 1 }
  for k, v in pairs(opts or {}) do o[k] = v end
  local run = model:run(a, b, o):finish()
  local t = run:report(dir .. "/odd.html", { worst = 3 })
  local s = read(t.path)
  check.equal(balanced(s), true)
  return s, t, run
end
local traced = sequential { dense { 3, activation = "softmax", input_shape = { 4 } } }
traced:compile { loss = function(t, p) return mean((t - p) ^ 2) end, optimizer = sgd { 0.1 }, metrics = { "accuracy" } }
text = report_of(traced, x, y)
check.has(text, "loss = traced function (tests/lua/report.lua:267)")
check.has(text, "metrics = { ")
local far = sequential { dense { 3, activation = "softmax", input_shape = { 4 } } }
far:compile { loss = "categorical_crossentropy", optimizer = "adam" }
far.layers.dense.kernel = far.layers.dense.kernel * (0 / 0)
text, given = report_of(far, x, y)
check.has(given.findings[1].text, "loss is nan in epoch 1.")
check.has(text, "The outputs of 60 of 60 samples are not finite.")
local maps_model = sequential { conv2d { 1, 3, padding = "same", input_shape = { 6, 6, 1 } } }
maps_model:compile { loss = "mse", optimizer = "adam" }
local grid = tensor.rand { 12, 6, 6, 1, seed = 4 }
text = report_of(maps_model, grid, grid)
local e = maps_model:predict(grid) - grid
check.has(text, "RMSE " .. require("sonde.util").number(math.sqrt((e * e):mean())))
check.equal(select(2, text:gsub("<img ", "")), 3)

-- ---- pieces ----

local html, code = require "sonde.html", require "sonde.model_code"
for plain_text, digits in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
  fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\0\xff\xfe"] = "AP/+" } do -- RFC 4648, section 10
  check.equal(html.base64(plain_text), digits)
end
check.equal(html.escape "a\0\xc3(\xc2\x85\xed\xa0\x80z", "a\u{FFFD}\u{FFFD}(\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}z")
local a = input { 4 }
local shared = dense { 4, activation = "tanh" }
local h = shared(a)
local branched = model { inputs = a, outputs = dense { 1 } (add { shared(h), h }), name = "b" }
for _, one in ipairs { branched, images, m } do
  local made = assert(load((code(one):gsub("(m = %a+ {)", "%1", 1)) .. " return m"))()
  check.list(made.output_shape, one.output_shape)
  check.equal(made:count_params(), one:count_params())
  check.equal(made.name, one.name)
  check.equal(code(made), code(one))
end

check.done()
