-- The sections of a report that are about the run: curves, loss terms, layers, recorded series. Each takes the facts
-- and the page, and gives HTML.
local core = require "sonde.core"
local html = require "sonde.html"
local plot = require "sonde.plot"
local plots = require "sonde.plots"
local record = require "sonde.record"
local tables = require "sonde.probe_table"
local util = require "sonde.util"

local sections = {}
local number = tables.number

local function loss_text(v) return v and util.fixed("%.4f", v) or "-" end

-- ---- curves ----

local SMALL, WIDE_PLOT = { width = 440, height = 310 }, { width = 640, height = 400 }

local function epochs_of(f)
  local x = {}
  for i = 1, f.epochs do x[i] = f.first + i end
  return x
end

local function axis_of(f)
  return { label = "epoch", step = f.epochs <= 12 and 1 or nil, range = f.epochs == 1 and { f.first, f.first + 2 }
    or nil }
end

local function any_finite(list)
  for _, v in ipairs(list) do
    if v - v == 0 then return true end
  end
end

-- One value of the terms of every epoch; nan where there is none.
local function term(list, name)
  local out = {}
  for i, t in ipairs(list) do out[i] = t and t[name] or 0 / 0 end
  return out
end

-- The loss of training and validation; where it holds a penalty, the data loss too, broken.
local function loss_panel(f)
  local x, panel = epochs_of(f), { x = axis_of(f), y = {}, series = {} }
  for k, side in ipairs { { f.train, "loss", "data loss" }, { f.validation, "val_loss", "val data loss" } } do
    local total, data = term(side[1], "total"), term(side[1], "data")
    if k == 1 or any_finite(total) then
      local differ = false
      for i, v in ipairs(total) do differ = differ or v == v and v ~= data[i] end
      local function curve(title, y, dash)
        table.insert(panel.series, { kind = "line", title = title, x = x, y = y, color = k, dash = dash })
      end
      curve(side[2], total)
      if differ then curve(side[3], data, 2) end
    end
  end
  return plot.new { panels = { panel } }
end

-- Names of the history that are no losses, without their val_ ones.
local function metrics_of(f)
  local there, list = {}, {}
  for _, name in ipairs(f.names) do there[name] = true end
  for _, name in ipairs(f.names) do
    if name ~= "loss" and name ~= "val_loss" and not (name:find "^val_" and there[name:sub(5)]) then
      list[#list + 1] = name
    end
  end
  return list
end

local function varies(list)
  for _, v in ipairs(list) do
    if v == v and v ~= list[1] then return true end
  end
end

-- The figure has a caption.
local function untitled(panel)
  local copy = {}
  for k, v in pairs(panel) do copy[k] = v end
  copy.title = nil
  return copy
end

local MOST_ROWS = 400

-- The history as numbers; of very many epochs evenly spread ones, with the last.
local function history_table(f)
  local head, align, rows = { "epoch" }, "r", {}
  for c, name in ipairs(f.names) do head[c + 1], align = name, align .. "r" end
  local every = math.ceil(f.epochs / MOST_ROWS)
  for i = 1, f.epochs do
    if (f.epochs - i) % every == 0 then
      local row = { tostring(f.first + i) }
      for c, name in ipairs(f.names) do
        local v = f.history[name][i]
        local unknown = v ~= v and name:find "^val_" and not f.validation[i]
        row[c + 1] = unknown and "-" or util.number(v)
      end
      rows[#rows + 1] = row
    end
  end
  return html.table { head = head, align = align, rows = rows, label = "history", caption = every > 1 and
    ("each %dth of %d epochs"):format(every, f.epochs) or nil }
end

function sections.curves(f, page)
  if f.epochs == 0 then
    return html.note("No epoch is complete yet: the run stands at ", f.state, ". What its loss is made of so far is "
      .. "below.")
  end
  local out = { page.plot(loss_panel(f), "The printed loss" .. (f.terms.train.penalty ~= 0 and
    ", and without the penalties (broken): the data loss" or ""), WIDE_PLOT) }
  for _, name in ipairs(metrics_of(f)) do
    if name ~= "learning_rate" or varies(f.history[name]) then
      local p = plots.run(f.run, name)
      out[#out + 1] = page.plot(plot.new { panels = { untitled(p.panels[1]) } }, name .. (f.history["val_" .. name] and
        ", training (averaged over the epoch, in training mode) and validation" or ""), WIDE_PLOT)
    end
  end
  local drawn = #out > 0
  return (drawn and '<div class="plots wide">' .. table.concat(out, "\n") .. "</div>\n" or page.no_plots())
    .. html.details("The numbers of every epoch", history_table(f), not drawn)
end

-- ---- loss terms ----

local function change(a, b)
  if not a or not b then return "-" end
  local text = util.fixed("%+.4f", b - a)
  return text:find "^[+-]0%.0000$" and text:sub(2) or text
end

-- Names of the layers that have a penalty, the largest last one first.
local function penalized(f)
  local list, last = {}, f.terms.train or {}
  for name in pairs(last.layers or {}) do list[#list + 1] = name end
  table.sort(list, function(a, b)
    local x, y = last.layers[a], last.layers[b]
    if x ~= y and x == x and y == y then return x > y end
    return a < b
  end)
  return list
end
sections.penalized = penalized

-- Rows of the terms: in the first and the last epoch, of training and of validation.
local function terms_table(f, layers)
  local both = f.terms.validation ~= nil
  local first, last = f.epochs > 0 and f.train[1], f.terms.train
  local val_first, val_last = f.epochs > 0 and f.validation[1] or nil, f.terms.validation
  local moved = first and f.epochs > 1 or first and f.info.step > 0
  local head, rows = { "term" }, {}
  local function column(title) head[#head + 1] = title end
  local function side(what)
    if moved then column(what .. ", first epoch") end
    column(what .. (moved and ", last" or ""))
    if moved then column "change" end
  end
  side "training"
  if both then side "validation" end
  local function add(title, get, deep)
    local row = { deep and { text = title, class = "deep" } or title }
    local function cells(a, b)
      if moved then row[#row + 1] = loss_text(a) end
      row[#row + 1] = loss_text(b)
      if moved then row[#row + 1] = change(a, b) end
    end
    cells(first and get(first), get(last))
    if both then cells(val_first and get(val_first), get(val_last)) end
    rows[#rows + 1] = row
  end
  if last.total then
    add("loss", function(t) return t.total end)
    add("data loss", function(t) return t.data end)
  end
  add("penalty", function(t) return t.penalty end)
  for _, name in ipairs(layers) do add(name, function(t) return t.layers[name] end, true) end
  local function active(t) return t and (t.activity or 0) ~= 0 end
  if active(last) or active(val_last) then add("activity", function(t) return t.activity end) end
  return html.table { head = head, align = "l" .. ("r"):rep(#head - 1), rows = rows, label = "loss terms" }
end

local MOST_LAYERS = 7

-- The penalty of the layers one on the other, those of the last epoch's largest below.
local function penalty_panel(f, layers)
  local x, below, series = epochs_of(f), {}, {}
  for i = 1, f.epochs do below[i] = 0 end
  local many = #layers > MOST_LAYERS
  for k = 1, many and MOST_LAYERS or #layers do
    local rest = many and k == MOST_LAYERS
    local title = rest and ("%d others"):format(#layers - k + 1) or layers[k]
    local s = { kind = "bars", title = title, x = x, y = {}, low = {},
      left = {}, right = {}, color = k }
    for i = 1, f.epochs do
      local v = 0
      for at = k, rest and #layers or k do v = v + (f.train[i].layers[layers[at]] or 0) end
      s.low[i], s.y[i], s.left[i], s.right[i] = below[i], below[i] + v, x[i] - 0.42, x[i] + 0.42
    end
    below, series[k] = s.y, s
  end
  local axis = axis_of(f)
  axis.range = { f.first + 0.4, f.first + f.epochs + 0.6 }
  return plot.new { panels = { { x = axis, y = { range = { 0 } }, stacked = true, series = series } } }
end

function sections.loss_terms(f, page)
  local layers, out, any = penalized(f), {}, false
  for _, t in ipairs(f.train) do any = any or t.total ~= t.data end
  if any and any_finite(term(f.train, "total")) then
    local p = plots.run(f.run, "loss_terms")
    for i, panel in ipairs(p.panels) do
      local what = i == 1 and "training" or "validation"
      out[i] = page.plot(plot.new { panels = { untitled(panel) } }, "What the loss is made of, " .. what, SMALL)
    end
    if #layers > 1 then out[#out + 1] = page.plot(penalty_panel(f, layers), "The penalty, by layer", SMALL) end
  end
  local drawn = #out > 0 and '<div class="plots">' .. table.concat(out, "\n") .. "</div>\n" or ""
  local title = tostring(f.terms):match "^(.-)%s%s" or ""
  return html.paragraph("The printed loss is the data loss (how wrong the predictions are) plus the penalties of the "
    .. "regularizers, which are the same whatever the data are. \"Last\" is ", title, ".") .. drawn
    .. terms_table(f, layers)
end

-- ---- layers ----

local WIDE = 18 -- characters of a histogram

local function bars_of(row)
  if not row.histogram then return { text = "" } end
  local h = row.histogram
  return { text = tables.bars(h.counts, WIDE, tables.BLOCKS), class = "bars", title = h.edges and
    ("from %s to %s"):format(number(h.edges[1]), number(h.edges[#h.edges])) or nil }
end

local function percent(v) return v and util.fixed("%.1f %%", 100 * v) or "-" end

-- Rows of { head, align, function(row) -> cell, function(row) -> is it worth a column }, those columns that any row
-- wants, as a table.
local function choose(list, columns, caption)
  local head, align, rows = {}, "", {}
  for _, c in ipairs(columns) do
    local wanted = not c[4]
    for _, row in ipairs(list) do wanted = wanted or c[4](row) end
    if wanted then
      head[#head + 1], align = c[1], align .. c[2]
      for i, row in ipairs(list) do
        rows[i] = rows[i] or {}
        rows[i][#head] = (c[3](row))
      end
    end
  end
  return html.table { head = head, align = align, rows = rows, caption = caption }
end

local function of(field) return function(row) return number(row[field]) end end
-- Is there anything of it? Without a penalty the gradient is that of the data.
local function penalized_row(row) return (row.penalty_norm or 0) ~= 0 end

local NOT_FINITE = { "not finite", "r", function(row)
  if row.bad == 0 then return "0" end
  return { text = ("%d nan, %d inf"):format(row.nan, row.inf), class = "alert" }
end, function(row) return row.bad > 0 end }
local SHAPE = { "shape", "l", function(row) return { text = util.shape_text(row.shape), class = "shape" } end }
local ZERO = { "zero", "r", function(row) return percent(row.zero) end }

local GRADIENTS = {
  { "parameter", "l", function(row) return row.name end }, SHAPE, { "norm", "r", of "norm" },
  { "of the data", "r", of "data_norm", penalized_row },
  { "of the penalty", "r", of "penalty_norm", penalized_row },
  { "update / weight", "r", of "ratio", function(row) return row.ratio ~= nil end },
  { "mean", "r", of "mean" }, { "std", "r", of "std" }, ZERO, NOT_FINITE,
  { "histogram", "l", bars_of },
}

local function activations_table(f)
  local kind = {}
  for _, layer in ipairs(f.layers) do kind[layer.name] = layer.type end
  local function dead(row)
    local text = row.units and ("%d of %d"):format(row.dead, row.units) or "-"
    return (row.dead or 0) > 0 and { text = text, class = "alert" } or text
  end
  local columns = { { "layer", "l", function(row) return row.name end },
    { "type", "l", function(row) return kind[row.layer] or "" end }, SHAPE, { "mean", "r", of "mean" },
    { "std", "r", of "std" }, { "min", "r", of "min" }, { "max", "r", of "max" }, ZERO, { "dead units", "r", dead },
    NOT_FINITE }
  return choose(f.activations, columns, ("Outputs of the layers over %s samples of the %s, in inference mode; a unit "
    .. "is dead that is zero for all of them"):format(util.thousands(f.seen or 0), f.data_name))
end

function sections.layers(f)
  local out = {}
  if f.gradients then
    local title = f.gradients_title:gsub("^gradients,", "gradients of the last step,"):gsub("^g", "G")
    out[1] = choose(f.gradients, GRADIENTS, title)
  else out[1] = html.note("No gradients: ", f.problems.gradients or "there are none", ".") end
  if f.activations and #f.activations > 0 then out[2] = activations_table(f)
  elseif f.problems.activations then out[2] = html.note("No activations: ", f.problems.activations, ".") end
  return table.concat(out, "\n")
end

-- ---- recorded series ----

local TREND = 24

local function part_table(part)
  local rows = {}
  for i, known in ipairs(part.list) do
    local list = part.series(i)
    local low, high = math.huge, -math.huge
    for _, v in ipairs(list) do
      if v == v then low, high = math.min(low, v), math.max(high, v) end
    end
    if low > high then low, high = 0 / 0, 0 / 0 end
    rows[i] = { known.name, number(list[1]), number(list[#list]), number(low), number(high),
      { text = tables.trend(list, TREND, tables.BLOCKS), class = "bars" } }
  end
  return html.table { head = { "of", "first", "last", "least", "largest", "trend" }, align = "lrrrrl", rows = rows,
    label = ("%s: %s"):format(part.text, part.field) }
end

function sections.recorded(f, page)
  local out = {}
  for _, series in ipairs(core.state(f.run).records or {}) do
    local c = record.contents(series)
    if #c.steps == 0 then
      out[#out + 1] = html.note(tostring(series), ".")
    else
      out[#out + 1] = html.paragraph(("Recorded %s from step %s to step %s: %d times."):format(c.every == 1 and
        "at every step" or ("at each step that %d divides"):format(c.every), util.thousands(c.steps[1] // 1 | 0),
        util.thousands(c.steps[#c.steps] // 1 | 0), #c.steps))
      local drawn, p = {}, series:plot()
      for i, panel in ipairs(p.panels) do
        drawn[i] = page.plot(plot.new { panels = { untitled(panel) } }, panel.title, WIDE_PLOT)
      end
      if #drawn > 0 then out[#out + 1] = '<div class="plots wide">' .. table.concat(drawn, "\n") .. "</div>" end
      for _, part in ipairs(c.parts) do
        if #part.list > 0 then
          out[#out + 1] = html.details(("The numbers of %s: %s"):format(part.text, part.field), part_table(part),
            #drawn == 0)
        end
      end
    end
  end
  return table.concat(out, "\n")
end

return sections
