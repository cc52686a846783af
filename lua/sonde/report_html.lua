-- r:report("report.html"), m:report(path, data): one page that holds everything it shows. What it says is measured
-- first (report_facts), then written section by section (report_run, report_judged, report_setup, report_findings).
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local facts = require "sonde.report_facts"
local findings = require "sonde.report_findings"
local gnuplot = require "sonde.gnuplot"
local html = require "sonde.html"
local judged = require "sonde.report_judged"
local layout = require "sonde.layout"
local of_run = require "sonde.report_run"
local setup = require "sonde.report_setup"
local style = require "sonde.report_style"
local util = require "sonde.util"

local page = { run = {}, model = {} }
local fail = util.fail

-- ---- the page that sections draw on ----

-- { plot(plot, caption, size) -> a figure or nil, no_plots() -> why there is none }. Without gnuplot there is none.
local function canvas(f, wanted)
  local p, count, reason = {}, 0, nil
  if not wanted then reason = "Plots were not asked for (plots = false)."
  else
    facts.try(f, "gnuplot", function() gnuplot.want "report" end)
    if f.problems.gnuplot then
      reason = "There are no plots: " .. f.problems.gnuplot:gsub("^report: ", "") .. ". The numbers are below."
    end
  end
  function p.plot(plot, caption, size)
    if reason then return nil end
    count = count + 1
    local svg = facts.try(f, "plot", function()
      return plot:render("svg", { width = size.width, height = size.height })
    end)
    if not svg then return html.note("No plot of ", caption, ": ", f.problems.plot, ".") end
    return html.figure(html.svg(svg, caption, ("p%d-"):format(count)), caption, "plot")
  end
  function p.no_plots() return reason and html.note(reason) or "" end
  return p
end

-- ---- key numbers ----

local function fixed(v) return v and util.fixed("%.4f", v) or "-" end

local function duration(seconds)
  if seconds < 1 then return ("%.0f ms"):format(1000 * seconds) end
  if seconds < 60 then return ("%.1f s"):format(seconds) end
  if seconds < 3600 then return ("%d min %d s"):format(seconds // 60, seconds % 60 // 1) end
  return ("%d h %d min"):format(seconds // 3600, seconds % 3600 // 60)
end

-- { title, value, what stands under it }
local function run_tiles(f, out)
  local function add(...) out[#out + 1] = { ... } end
  add("epochs", ("%d of %d"):format(f.first + f.epochs, f.first + f.info.epochs), f.state)
  for _, side in ipairs { { "loss", f.terms.train }, { "val_loss", f.terms.validation } } do
    local t = side[2]
    if t and t.total then
      local extra = t.penalty + (t.activity or 0)
      add(side[1], fixed(t.total), extra ~= 0 and ("data %s + penalty %s"):format(fixed(t.data), fixed(extra)) or
        "no penalty in it")
    end
  end
end

local function judged_tiles(f, out)
  local function add(...) out[#out + 1] = { ... } end
  local c, k, t = f.confusion, f.calibration, f.numbers
  if c then
    add("accuracy, " .. f.data_name, fixed(c.accuracy), ("95 %%: %s .. %s"):format(fixed(c.lower), fixed(c.upper)))
  end
  if k then
    add("ECE", fixed(k.ece), ("NLL %s, Brier %s"):format(fixed(k.nll), fixed(k.brier)))
    add("T*", ("%.3g"):format(k.temperature), ("NLL gain %s"):format(fixed(k.gain)))
  end
  if t then add("RMSE, " .. f.data_name, util.number(t.rmse), "mean absolute error " .. util.number(t.mae)) end
end

local function tiles(f)
  local list, out = {}, {}
  if f.run then run_tiles(f, list) end
  judged_tiles(f, list)
  local total, trainable = core.model_count(f.model)
  list[#list + 1] = { "parameters", util.thousands(total), util.thousands(trainable) .. " trainable" }
  if f.run and f.timed > 0 then
    list[#list + 1] = { "training time", duration(f.seconds), ("%s per epoch%s"):format(duration(
      f.seconds / f.timed), core.state(f.run).validation and ", validation included" or "") }
  end
  for i, t in ipairs(list) do
    out[i] = ("<div><dt>%s</dt><dd><div class=\"value\">%s</div><div class=\"under\">%s</div></dd></div>"):format(
      html.escape(t[1]), html.escape(t[2]), html.escape(t[3]))
  end
  return '<dl class="tiles">\n' .. table.concat(out, "\n") .. "\n</dl>"
end

-- ---- findings ----

local function findings_html(list, quiet, titles)
  local out = {}
  for i, v in ipairs(list) do
    local link = titles[v.section] and (' <a href="#%s">%s</a>'):format(v.section, titles[v.section]) or ""
    out[i] = ("<li><p><strong>%s</strong></p><p class=\"proof\">%s%s</p></li>"):format(html.escape(v.text),
      v.proof and html.escape(v.proof) or "", link)
  end
  local lines = {}
  for i, line in ipairs(quiet) do lines[i] = "<li>" .. html.escape(line) .. "</li>" end
  return (#out > 0 and '<ol class="findings">\n' .. table.concat(out, "\n") .. "\n</ol>\n"
    or html.paragraph "Nothing that was measured stands out beyond its noise.") .. (#lines > 0 and html.details(
    "Looked at, and nothing beyond its noise or nothing to look at", "<ul>\n" .. table.concat(lines, "\n") .. "\n</ul>")
    or "")
end

-- ---- the page ----

local HEAD = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="sonde %s">
<title>%s</title>
<style>
%s</style>
</head>
<body>
<header>
<h1>%s</h1>
<p class="meta">%s</p>
%s
</header>
<nav aria-label="sections"><ul>
%s
</ul></nav>
<main>
]]

local function meta_line(f)
  local out = { os.date "%Y-%m-%d %H:%M", "sonde " .. core.version,
    ("%s, %d thread%s"):format(core.isa, core.threads, core.threads == 1 and "" or "s") }
  if f.run then out[#out + 1] = "seed " .. f.info.seed end
  out[#out + 1] = f.run and f.state or "a model without its run"
  return html.escape(table.concat(out, " \u{B7} "))
end

-- What stands on the page: { id, title, function(facts, canvas) -> HTML }.
local function contents(f)
  local list = {}
  local function add(id, title, fn) list[#list + 1] = { id = id, title = title, fn = fn } end
  if f.run then
    add("curves", "Curves", of_run.curves)
    add("loss_terms", "Loss terms", of_run.loss_terms)
    add("layers", "Layers", of_run.layers)
    if #(core.state(f.run).records or {}) > 0 then add("recorded", "Recorded", of_run.recorded) end
  end
  if f.data then
    add("confusion", f.numbers and "Errors" or "Confusion", judged.confusion)
    if f.confusion then add("calibration", "Calibration", judged.calibration) end
    if f.worst and #f.worst > 0 and f.worst_wanted > 0 then add("worst", "Worst samples", judged.worst) end
  end
  add("configuration", "Configuration", setup.configuration)
  add("model", "Model", setup.model)
  return list
end

local function write(f, title, plots)
  local list, quiet = findings.of(f)
  local sections, titles, links, body = contents(f), {}, {}, {}
  local draw = canvas(f, plots)
  table.insert(sections, 1, { id = "findings", title = "Findings", fn = function()
    return findings_html(list, quiet, titles)
  end })
  for i, s in ipairs(sections) do
    titles[s.id] = s.title
    links[i] = ('<li><a href="#%s">%s</a></li>'):format(s.id, s.title)
  end
  for i, s in ipairs(sections) do
    body[i] = ('<section id="%s">\n<h2>%s</h2>\n%s\n</section>\n'):format(s.id, s.title, s.fn(f, draw))
  end
  local shown = html.escape(title)
  return HEAD:format(core.version, shown, style, shown, meta_line(f), tiles(f), table.concat(links, "\n"))
    .. table.concat(body) .. "</main>\n</body>\n</html>\n", list
end

-- ---- the methods ----

local Report = {}
function Report.__tostring(t)
  local n = #t.findings
  local out = { ("%s: %s, %d finding%s"):format(t.path, core.bytes(t.bytes), n, n == 1 and "" or "s") }
  for i, v in ipairs(t.findings) do
    local head = ("%3d  "):format(i)
    out[i + 1] = head .. layout.wrap(v.text, layout.width(), #head)
  end
  return table.concat(out, "\n")
end

local MOST_WORST = 256
local OPTIONS = { "title", "data", "worst", "plots", "batch_size" }

local function check_path(path)
  if type(path) ~= "string" then
    fail('report: wants a path as in r:report("report.html"), got %s', util.a(path))
  end
  if not path:lower():find "%.html?$" then fail('report: "%s" does not end in .html', path) end
end

local function check_options(opts)
  opts = util.options("report", opts, OPTIONS)
  if opts.title ~= nil and type(opts.title) ~= "string" then
    fail("report: title wants a text, got %s", util.a(opts.title))
  end
  local worst = util.whole("report", "worst", opts.worst, 16, 0)
  if worst > MOST_WORST then fail("report: worst = %d; at most %d samples are shown", worst, MOST_WORST) end
  return { title = opts.title, worst = worst, plots = util.boolean("report", "plots", opts.plots, true),
    batch_size = util.whole("report", "batch_size", opts.batch_size, 32, 1) }
end

local function make(path, opts, what)
  local f = facts.measure { run = what.run, model = what.model, data = what.data, data_name = what.name,
    worst = opts.worst, batch_size = opts.batch_size }
  local text, list = write(f, opts.title or what.title, opts.plots)
  core.write_file(path, text)
  return setmetatable({ path = path, bytes = #text, findings = list }, Report)
end

-- Fails before the work is done where the file cannot be written: what stands there stays as it is.
local function check_target(path)
  local folder = path:match "^(.*/)[^/]*$"
  local there = io.open(path, "rb")
  if there then return there:close() end
  local _, _, code = os.rename(folder or ".", folder or ".")
  if folder and code == 2 then fail('report: there is no folder "%s" to write "%s" in', folder, path) end
end

function page.run.report(r, path, opts)
  check_path(path)
  local given, s = opts and core.type(opts) == "table" and opts.data or nil, core.state(r)
  local checked = check_options(opts)
  check_target(path)
  local d = given ~= nil and dataset.from("report", given) or s.validation or s.train
  local name = d == s.validation and "validation data" or d == s.train and "training data" or "given data"
  return make(path, checked, { run = r, model = s.model, data = d, name = name, title = "Run of " .. s.model.name })
end

-- m:report(path, data, opts) or m:report(path, { data = ... }): what can be said of a model alone.
function page.model.report(m, path, data, opts)
  check_path(path)
  if opts == nil and core.type(data) == "table" and (data.data ~= nil or next(data) == nil or data.title ~= nil
    or data.worst ~= nil or data.plots ~= nil) then
    opts, data = data, data.data
  end
  local checked = check_options(opts)
  check_target(path)
  local d = data ~= nil and dataset.from("report", data) or nil
  return make(path, checked, { model = m, data = d, name = "given data", title = "Model " .. m.name })
end

return page
