-- Tables of what a probe measured: a row for each parameter or layer, also by name, printed in as many columns as the
-- terminal is wide.
local core = require "sonde.core"
local layout = require "sonde.layout"
local util = require "sonde.util"

local tables = {}

local NARROWEST = 40

function tables.width() return math.max(NARROWEST, core.terminal "stdout" or 80) end

-- ---- texts ----

-- A number in at most eight characters.
function tables.number(v)
  if v == nil then return "-" end
  if v ~= v then return "nan" end
  if v == 0 then return "0" end
  local a = math.abs(v)
  if a == math.huge then return v > 0 and "inf" or "-inf" end
  if a >= 1e-3 and a < 99995 then
    local s = ("%.4f"):format(v)
    return #s > 8 and ("%.1f"):format(v) or #s > 7 and ("%.3f"):format(v) or s
  end
  return ("%.1e"):format(v):gsub("e([+-])0?(%d)", "e%1%2"):gsub("e%+", "e")
end

local function percent(v) return v and util.fixed("%.1f", 100 * v) or "-" end
local function whole(v) return v and (v ~= v and "nan" or ("%d"):format(v)) or "-" end

local BLOCKS = { [0] = " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local SIGNS = { [0] = " ", ".", ":", "-", "=", "+", "*", "#" }

tables.BLOCKS = BLOCKS

local function levels() return core.utf8 and BLOCKS or SIGNS end

-- Heights of the counts in so many characters; what is there at all is seen. signs: tables.BLOCKS where it is not for
-- this terminal.
function tables.bars(counts, width, signs)
  local sign, sums, most = signs or levels(), {}, 0
  for i = 1, width do sums[i] = 0 end
  for i, n in ipairs(counts) do
    local k = (i - 1) * width // #counts + 1
    sums[k] = sums[k] + n
    most = math.max(most, sums[k])
  end
  for i, n in ipairs(sums) do sums[i] = sign[n > 0 and math.ceil(n / most * #sign) or 0] end
  return table.concat(sums)
end

-- A series as heights between its least and largest value; what is no number is a gap.
function tables.trend(list, width, signs)
  local sign, n, points, low, high = signs or levels(), #list, {}, math.huge, -math.huge
  local columns = math.min(n, width)
  for i = 1, columns do
    local v = list[columns == 1 and n or 1 + math.floor((i - 1) * (n - 1) / (columns - 1) + 0.5)]
    points[i] = v
    if v == v and math.abs(v) < math.huge then low, high = math.min(low, v), math.max(high, v) end
  end
  for i, v in ipairs(points) do
    local finite = v == v and math.abs(v) < math.huge
    points[i] = not finite and " " or high == low and sign[#sign // 2]
      or sign[1 + math.floor((v - low) / (high - low) * (#sign - 1) + 0.5)]
  end
  return table.concat(points)
end

-- ---- columns ----

local function bad_text(row)
  if row.note then return row.note end
  local list = {}
  if row.nan > 0 then list[1] = whole(row.nan) .. " nan" end
  if row.inf > 0 then list[#list + 1] = whole(row.inf) .. " inf" end
  return table.concat(list, ", ")
end

local function numeric(field, head, name)
  return { head = head or field, name = name, align = "r", known = function(row) return row[field] ~= nil end,
    text = function(row) return tables.number(row[field]) end }
end

-- In the order in which they stand.
local columns = {
  { head = "shape", align = "l", known = function(row) return row.shape ~= nil end,
    text = function(row) return util.shape_text(row.shape) end },
  numeric("penalty", "penalty", "loss penalty"), numeric "share", numeric "cosine", numeric "noise_scale",
  numeric "norm", numeric("data_norm", "data"), numeric("penalty_norm", "penalty"),
  numeric("ratio", "upd/w"), numeric "weights", numeric "mean", numeric "std", numeric "min", numeric "max",
  { head = "zero %", align = "r", known = function(row) return row.zero ~= nil end,
    text = function(row) return percent(row.zero) end },
  { head = "dead", align = "r", known = function(row) return row.units ~= nil end,
    text = function(row) return whole(row.dead) .. "/" .. whole(row.units) end },
  { head = "trend", align = "l", known = function(row) return row.trend ~= nil end,
    text = function(row) return row.trend end },
  { head = "", align = "l", name = "bad", text = bad_text,
    known = function(row) return row.note or row.nan and row.nan + row.inf > 0 end },
}

-- The field of a row that stands below that head.
function tables.field(head)
  local fields = { ["loss penalty"] = "penalty", ["upd/w"] = "ratio" }
  return fields[head] or head
end

local by_head = {}
for _, c in ipairs(columns) do by_head[c.name or c.head] = c end

-- Which come first where there is not room for all.
local ranks = {
  gradients = { "norm", "bad", "histogram", "upd/w", "zero %", "std", "penalty", "data", "mean", "max", "min",
    "shape" },
  weights = { "norm", "bad", "histogram", "std", "mean", "min", "max", "zero %", "shape" },
  updates = { "norm", "bad", "upd/w", "histogram", "std", "max", "mean", "min", "zero %", "weights", "shape" },
  activations = { "mean", "bad", "std", "dead", "zero %", "histogram", "max", "min", "shape", "norm" },
  output_gradients = { "norm", "bad", "histogram", "std", "zero %", "mean", "max", "min", "shape" },
}

-- Of series: the column whose trend is drawn comes first.
ranks.recorded = {
  gradients = { "norm", "trend", "bad", "std", "zero %", "penalty", "data", "mean", "max", "min" },
  weights = { "norm", "trend", "bad", "std", "mean", "min", "max", "zero %" },
  updates = { "upd/w", "trend", "bad", "norm", "std", "max", "mean", "min", "zero %" },
  activations = { "std", "trend", "bad", "dead", "mean", "zero %", "max", "min", "norm" },
  output_gradients = { "norm", "trend", "bad", "std", "zero %", "mean", "max", "min" },
  penalty = { "loss penalty", "trend", "share" },
  cosine = { "cosine", "trend" },
  noise_scale = { "noise_scale", "trend" },
}

local function column_of(t, head, width)
  local c = by_head[head]
  if head == "histogram" then
    c = { head = "histogram", align = "l", known = function(row) return row.histogram ~= nil end,
      text = function(row) return row.histogram and tables.bars(row.histogram.counts, width) or "" end }
  end
  local any, widest, texts = false, util.width(c.head), {}
  for i, row in ipairs(t) do
    any = any or c.known(row)
    texts[i] = c.known(row) and c.text(row) or ""
    widest = math.max(widest, util.width(texts[i]))
  end
  return any and { head = head, title = c.head, align = c.align, texts = texts, width = widest } or nil
end

-- The columns that fit beside the names, in the order in which they stand, and the heads of those that do not.
local function choose(t, rank, room)
  local chosen, missing = {}, {}
  for _, head in ipairs(rank) do
    local c = column_of(t, head, 8)
    if c and c.width + 2 <= room then
      chosen[head] = c
      room = room - c.width - 2
    elseif c then
      missing[#missing + 1] = head == "bad" and "nan, inf" or head
    end
  end
  if chosen.histogram and room >= 8 then chosen.histogram = column_of(t, "histogram", 16) end
  local list = {}
  for _, c in ipairs(columns) do list[#list + 1] = chosen[c.name or c.head] end
  list[#list + 1] = chosen.histogram
  return list, missing
end

-- The columns of a probe that was recorded, the most telling one first.
function tables.recorded(probe) return ranks.recorded[probe] end

-- The lines of a table: names (or labels, by row) below `what`, then the columns of rank that fit.
function tables.lines(t, rank, what, labels)
  local width = tables.width()
  local most, names = math.max(12, math.min(32, width // 3)), { what }
  for i, row in ipairs(t) do names[i + 1] = util.cut_path(labels and labels[i] or row.name, most, "~") end
  local widest = 0
  for _, name in ipairs(names) do widest = math.max(widest, util.width(name)) end
  local list, missing = choose(t, rank, width - widest)
  local rows, align = {}, "l"
  for i = 1, #names do rows[i] = { names[i] } end
  for _, c in ipairs(list) do
    rows[1][#rows[1] + 1] = c.title
    for i, text in ipairs(c.texts) do rows[i + 1][#rows[i + 1] + 1] = text end
    align = align .. c.align
  end
  return util.columns(rows, align) .. layout.no_room(missing, width)
end

-- ---- the tables ----

local Table = {}
local about = setmetatable({}, { __mode = "k" }) -- table -> { title, rank, what }

function Table.__tostring(t)
  local info = about[t]
  local title = layout.wrap(info.title, tables.width(), 2, 0)
  return title .. "\n" .. (#t == 0 and info.empty or tables.lines(t, info.rank, info.what))
end

-- The order of importance of a probe's columns.
function tables.rank(probe) return ranks[probe] end

-- A row, and the rows of a layer by the names of its parameters: they print as that part of the table.
local Part = {}
function Part.__tostring(v) return tables.lines(about[v].rows, about[v].rank, about[v].what) end

local function part(v, rows, rank, what)
  about[v] = { rows = rows, rank = rank, what = what }
  return setmetatable(v, Part)
end

-- Rows with their fields set, as a table that prints. probe: name of the probe.
function tables.new(rows, probe, title, empty)
  local t = setmetatable({}, Table)
  local rank, what = ranks[probe], rows[1] and rows[1].param and "parameter" or "layer"
  for i, row in ipairs(rows) do
    t[i] = part(row, { row }, rank, what)
    if t[row.name] == nil then t[row.name] = row end
  end
  for _, row in ipairs(rows) do
    if row.param and t[row.layer] == nil then t[row.layer] = part({}, {}, rank, what) end
    local group = row.param and t[row.layer]
    if group and group[row.param] == nil then
      group[row.param] = row
      table.insert(about[group].rows, row)
    end
  end
  about[t] = { title = title, rank = rank, what = what, empty = empty }
  return t
end

return tables
