-- r:record: series of what probes measure at every k-th step. The core keeps the numbers; lists are made when they are
-- asked for.
local core = require "sonde.core"
local probes = require "sonde.probes"
local tables = require "sonde.probe_table"
local util = require "sonde.util"

local record = { run = {} }
local fail = util.fail

local Series, Row = {}, {}
local about = setmetatable({}, { __mode = "k" })  -- series -> { recorder, every, parts }
local place = setmetatable({}, { __mode = "k" })  -- row -> { series, name, part or nil }

-- ---- rows: s["conv2d/kernel"].norm ----

-- The part that has the row, and the column where that is asked for: among all, or in that one.
local function find(info, only, name, column)
  for _, part in ipairs(info.parts) do
    if (not only or part == only) and part.rows[name] and (not column or part.columns[column]) then return part end
  end
end

local function row_of(s, name, only) -- a row, or all rows of a layer's parameters
  local info = about[s]
  if not find(info, only, name) and not info.layers[name] then return nil end
  local row = setmetatable({}, Row)
  place[row] = { series = s, name = name, only = only }
  return row
end

local function column_names(info, only, name)
  local list, seen = {}, {}
  for _, part in ipairs(info.parts) do
    if (not only or part == only) and part.rows[name] then
      for column in pairs(part.columns) do
        if not seen[column] then seen[column], list[#list + 1] = true, column end
      end
    end
  end
  table.sort(list)
  return list
end

local counts = { nan = true, inf = true, units = true, dead = true, samples = true, steps = true }

local function last_text(column, list)
  local v = list[#list]
  return v and (counts[column] and v == v and ("%d"):format(v) or tables.number(v)) or "-"
end

function Row.__index(row, k)
  local at = place[row]
  local info = about[at.series]
  local part = find(info, at.only, at.name, k)
  if part then return core.recorder_series(info.recorder, part.number, part.rows[at.name], part.columns[k]) end
  local param = type(k) == "string" and row_of(at.series, at.name .. "/" .. k, at.only)
  if param then return param end
  util.unknown("the record of " .. at.name, k, column_names(info, at.only, at.name), info.layers[at.name] or {})
end

function Row.__tostring(row)
  local at = place[row]
  local lines, names = {}, column_names(about[at.series], at.only, at.name)
  for i, column in ipairs(names) do
    local list = row[column]
    lines[i] = { column, tables.trend(list, 32), last_text(column, list) }
  end
  if #lines == 0 then
    return ("record of %s: .%s"):format(at.name, table.concat(about[at.series].layers[at.name], ", ."))
  end
  return ("record of %s\n"):format(at.name) .. util.columns(lines, "llr")
end

-- ---- parts: s.gradients["conv2d/kernel"].norm ----

local Part = {}
local part_of = setmetatable({}, { __mode = "k" }) -- view -> { series, part }

function Part.__index(view, k)
  local at = part_of[view]
  local row = type(k) == "string" and row_of(at.series, k, at.part)
  if row then return row end
  util.unknown("the record of " .. at.part.name, k, at.part.rows)
end

local function part_text(info, part)
  local n = core.recorder_info(info.recorder)
  local rank, rows = tables.recorded(part.name), {}
  local field = tables.field(rank[1])
  for i, known in ipairs(part.list) do
    local row = core.recorder_values(info.recorder, part.number, n, i)
    row.name, row.trend = known.name, tables.trend(core.recorder_series(info.recorder, part.number, i,
      part.columns[field]), 16)
    rows[i] = row
  end
  if #rows == 0 then return part.text .. ": nothing to measure in these layers" end
  local over = rows[1].samples and (" (dead: over %s samples)"):format(util.thousands(math.tointeger(rows[1].samples)
    or 0)) or ""
  return ("%s%s\n%s"):format(part.text, over, tables.lines(rows, rank, part.list[1].param and "parameter" or "layer"))
end

function Part.__tostring(view)
  local at = part_of[view]
  local info = about[at.series]
  if core.recorder_info(info.recorder) == 0 then return at.part.text .. ": nothing is recorded yet" end
  return part_text(info, at.part)
end

-- ---- the handle ----

local methods = {}

-- Ends it; what was recorded stays.
function methods.stop(s, ...)
  util.nothing("stop", "s:stop() ends this series, r:record(false) all of the run", ...)
  core.recorder_stop(about[s].recorder)
  return s
end

-- All of it by name, for npz.save: steps, and "gradients/conv2d/kernel/norm", ... A name gives those rows alone.
function methods.tensors(s, name)
  local info, out = about[s], {}
  if core.recorder_info(info.recorder) == 0 then fail "record: nothing is recorded yet" end
  for _, part in ipairs(info.parts) do
    for row_name, row in pairs(part.rows) do
      for column, c in pairs(part.columns) do
        if name == nil or name == row_name then
          out[("%s/%s/%s"):format(part.key, row_name, column)] =
            core.tensor(core.recorder_series(info.recorder, part.number, row, c), "float64")
        end
      end
    end
  end
  if next(out) == nil then fail('record: it has no row "%s"', tostring(name)) end
  out.steps = core.tensor(core.recorder_steps(info.recorder), "float64")
  return out
end

-- s:plot(), s:plot "norm", s:plot{ "norm", layers = "dense", logy = true }: columns over the steps.
function methods.plot(s, what)
  local info, parts = about[s], {}
  if core.recorder_info(info.recorder) == 0 then fail "plot: nothing is recorded yet" end
  for i, part in ipairs(info.parts) do
    parts[i] = { title = part.text, columns = part.columns, rows = part.list,
      first = tables.field(tables.recorded(part.name)[1]),
      series = function(row, column)
        return core.recorder_series(info.recorder, part.number, row, part.columns[column])
      end }
  end
  return require "sonde.plots".record(core.recorder_steps(info.recorder), parts, what)
end

for name, fn in pairs(methods) do
  methods[name] = function(s, ...)
    if not about[s] then fail("write s:%s(...) with a colon", name) end
    return fn(s, ...)
  end
end

local fields = {}
function fields.steps(info) return core.recorder_steps(info.recorder) end
function fields.every(info) return info.every end
function fields.stopped(info) return (select(2, core.recorder_info(info.recorder))) end

function Series.__index(s, k)
  local info = about[s]
  if methods[k] then return methods[k] end
  if fields[k] then return fields[k](info) end
  for _, part in ipairs(info.parts) do
    if k == part.key or k == part.number then
      local view = setmetatable({}, Part)
      part_of[view] = { series = s, part = part }
      return view
    end
  end
  local row = type(k) == "string" and row_of(s, k)
  if row then return row end
  local names = {}
  for _, part in ipairs(info.parts) do
    names[#names + 1] = part.key
    for name in pairs(part.rows) do names[#names + 1] = name end
  end
  for name in pairs(info.layers) do names[#names + 1] = name end
  util.unknown("the record", k, names, methods, fields)
end

function Series.__len(s) return (core.recorder_info(about[s].recorder)) end

local function ordinal(n)
  local last = n % 100
  local ends = { "st", "nd", "rd" }
  return n .. (last > 10 and last < 14 and "th" or ends[n % 10] or "th")
end

function Series.__tostring(s)
  local info = about[s]
  local n, stopped = core.recorder_info(info.recorder)
  local when = info.every == 1 and "every step" or ("every %s step"):format(ordinal(info.every))
  if n == 0 then
    local names = {}
    for i, part in ipairs(info.parts) do names[i] = part.text end
    return ("recording %s at %s: nothing yet%s"):format(table.concat(names, ", "), when, stopped and ", stopped" or "")
  end
  local steps = core.recorder_steps(info.recorder)
  local out = { ("recorded at %s: %d time%s, last at step %d%s"):format(when, n, n == 1 and "" or "s", steps[n],
    stopped and ", stopped" or "") }
  for _, part in ipairs(info.parts) do out[#out + 1] = part_text(info, part) end
  return table.concat(out, "\n")
end

-- What was recorded, for those who print it elsewhere: { steps =, every =, stopped =, parts = { { key =, text =, field =
-- the most telling column, list = rows { name =, param = }, values = function(row), series = function(row) }, ... } }
function record.contents(s)
  local info, out = about[s], { parts = {} }
  local n, stopped = core.recorder_info(info.recorder)
  out.steps, out.every, out.stopped = core.recorder_steps(info.recorder), info.every, stopped
  for i, part in ipairs(info.parts) do
    local field = tables.field(tables.recorded(part.name)[1])
    out.parts[i] = { key = part.key, name = part.name, text = part.text, field = field, list = part.list,
      values = function(row) return core.recorder_values(info.recorder, part.number, n, row) end,
      series = function(row) return core.recorder_series(info.recorder, part.number, row, part.columns[field]) end }
  end
  return out
end

-- ---- r:record ----

-- Every probe with its rows and columns by name; a second one of a kind is gradients_1.
local function parts_of(recorder, list)
  local parts, taken, by_layer = {}, {}, {}
  for i, probe in ipairs(list) do
    local part = { number = i, name = probe.type, text = tostring(probe):gsub("{}$", ""), rows = {}, columns = {},
      list = core.recorder_rows(recorder, i) }
    part.key = part.name
    for n = 1, #list do
      if taken[part.key] then part.key = ("%s_%d"):format(part.name, n) end
    end
    taken[part.key] = true
    for n, row in ipairs(part.list) do
      part.rows[row.name] = n
      if row.param then
        by_layer[row.layer] = by_layer[row.layer] or {}
        if not by_layer[row.layer][row.param] then
          by_layer[row.layer][row.param] = true
          table.insert(by_layer[row.layer], row.param)
        end
      end
    end
    for n, column in ipairs(core.probe_columns(probe)) do part.columns[column.name] = n end
    parts[i] = part
  end
  return parts, by_layer
end

local function check(v)
  if type(v) == "string" or core.type(v) == "object" or type(v) == "function" then v = { v } end
  if core.type(v) ~= "table" then
    fail('record: wants probes, got %s; for example r:record{ "gradients", "activations", every = 10 }', util.a(v))
  end
  local list, named = {}, {}
  for k, x in pairs(v) do
    if math.type(k) ~= "integer" then named[k] = x end
  end
  for i = 1, #v do list[i] = probes.probe(v[i], "record") end
  if #list == 0 then
    fail 'record: wants at least one probe: r:record{ "gradients", every = 10 }; ?probe lists them'
  end
  local opts = util.options("record", named, { "every", "layers" })
  return list, util.whole("record", "every", opts.every, 10, 1), opts.layers
end

-- Measures probes at every k-th step from now on; gives the series. record(false) ends all that there are.
function record.run.record(r, v, more)
  local s = core.state(r)
  if more ~= nil then
    fail('record: probes and options stand in the same braces, r:record{ "gradients", every = 1 }; got also %s',
      util.quoted(more))
  end
  s.records = s.records or {}
  if v == false then
    for _, series in ipairs(s.records) do methods.stop(series) end
    return
  end
  local list, every, chosen = check(v)
  local recorder = core.recorder(r, list, probes.layers("record", s.model, chosen), every, true)
  local series = setmetatable({}, Series)
  local parts, by_layer = parts_of(recorder, list)
  about[series] = { recorder = recorder, every = every, parts = parts, layers = by_layer }
  s.records[#s.records + 1] = series
  return series
end

-- Ends those that go on; gives how many.
function record.stop_all(r)
  local n = 0
  for _, series in ipairs(core.state(r).records or {}) do
    if not series.stopped then
      methods.stop(series)
      n = n + 1
    end
  end
  return n
end

-- The series of the last r:record, or of the n-th.
function record.run.recorded(r, n)
  local list = core.state(r).records or {}
  if n == nil then return list[#list] end
  n = util.whole("recorded", "n", n, nil, 1)
  if not list[n] then fail("recorded: there %s %d of them", #list == 1 and "is" or "are", #list) end
  return list[n]
end

return record
