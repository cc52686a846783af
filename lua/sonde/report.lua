-- Tables that a run gives and that print as tables: history, loss terms.
local core = require "sonde.core"
local trace = require "sonde.trace"
local util = require "sonde.util"

local report = {}

-- ---- history ----

local History = {}
-- history -> { names in order, epochs before the first, by name { [epoch] = true } where not measured }
local history_info = setmetatable({}, { __mode = "k" })
local KEEP_FIRST, KEEP_LAST = 3, 37

function History.__tostring(h)
  local names, first, unknown = table.unpack(history_info[h])
  local n = names[1] and #h[names[1]] or 0
  if n == 0 then return "history: no epoch is complete yet" end
  local rows, head = {}, { "epoch" }
  for c, name in ipairs(names) do head[c + 1] = name end
  rows[1] = head
  for i = 1, n do
    if n <= KEEP_FIRST + KEEP_LAST or i <= KEEP_FIRST or i > n - KEEP_LAST then
      local row = { tostring(first + i) }
      for c, name in ipairs(names) do
        row[c + 1] = unknown[name][i] and "-" or util.number(h[name][i])
      end
      rows[#rows + 1] = row
    elseif i == KEEP_FIRST + 1 then
      rows[#rows + 1] = { "..." }
    end
  end
  return util.columns(rows, ("r"):rep(#head))
end

-- Was the value of that epoch measured? A nan that was is no gap. there: what the core says; a metric that came in
-- the middle, or went, has gaps.
local function measured(run, row, name, v, there)
  if v == v then return true end
  if not there then return false end
  if name:find "^val_" then return core.run_terms(run, row, true) ~= nil end
  return name ~= "learning_rate"
end

-- { loss = {...}, val_loss = {...} }: one value for each epoch, nan where it was not measured.
function report.history(run, first)
  local names, n = core.run_columns(run)
  local h, unknown = {}, {}
  for c, name in ipairs(names) do
    local list, gaps = {}, {}
    for row = 1, n do
      local v, there = core.run_value(run, row, c)
      list[row] = v
      if not measured(run, row, name, v, there) then gaps[row] = true end
    end
    h[name], unknown[name] = list, gaps
  end
  history_info[h] = { names, first, unknown }
  return setmetatable(h, History)
end

-- The values of one epoch as a list of { name, value }; what was not logged is left out.
function report.epoch_values(run, row)
  local names = core.run_columns(run)
  local list = {}
  for c, name in ipairs(names) do
    local v, there = core.run_value(run, row, c)
    if measured(run, row, name, v, there) then list[#list + 1] = { name, v } end
  end
  return list
end

-- The running values of the present epoch: of training, or of the validation pass.
function report.running_values(run, validation)
  local names = core.run_columns(run)
  local list = {}
  if not core.run_terms(run, 0, validation) then return list end
  for c, name in ipairs(names) do
    local v, there = core.run_current(run, c)
    local wanted = there and (name:find "^val_" ~= nil) == validation and (v == v or name ~= "learning_rate")
    if wanted then list[#list + 1] = { name, v } end
  end
  return list
end

-- ---- loss terms ----

local Terms = {}
local terms_info = setmetatable({}, { __mode = "k" }) -- terms -> { title, layer names in order }

local function cell(side, get)
  local v = side and get(side)
  if v == nil then return side and "-" or "" end
  return util.fixed(v ~= 0 and math.abs(v) < 5e-5 and "%.1e" or "%.4f", v) -- a tiny one is not nothing
end

function Terms.__tostring(t)
  local info = terms_info[t]
  local rows = { { info.title, "train", t.validation and "validation" or "" } }
  local function add(name, get)
    rows[#rows + 1] = { name, cell(t.train, get), cell(t.validation, get) }
  end
  add("loss", function(s) return s.total end)
  add("  data loss", function(s) return s.data end)
  add("  penalty", function(s) return s.penalty end)
  for i, name in ipairs(info.names) do
    add(("    %s %s"):format(name, info.what[i]), function(s) return s.layers[name] end)
  end
  local function active(s) return s and (s.activity or 0) ~= 0 end
  if active(t.train) or active(t.validation) then add("  activity", function(s) return s.activity end) end
  return util.columns(rows, "lrr")
end

-- l2 0.0001; l1_l2 l1=0.01 l2=0.02: defaults are said too. What a Lua function was recorded as is nothing to read.
local function regularizer_text(o)
  if not trace.is_written(o.type) then return "function" end
  local fields, out = core.describe("regularizer", o.type).fields, { o.type }
  for _, f in ipairs(fields) do
    out[#out + 1] = (#fields > 1 and f.name .. "=" or "") .. tostring(o[f.name])
  end
  return table.concat(out, " ")
end

-- Which layers carry a penalty, and what it is; those that the model has no more, too.
local function penalized(info, train, validation)
  local names, what, there = {}, {}, {}
  for _, layer in ipairs(info.layers) do
    local list = {}
    for _, p in ipairs(layer.params) do
      if p.regularizer then list[#list + 1] = p.name .. " " .. regularizer_text(p.regularizer) end
    end
    there[layer.name] = #list > 0
    if #list > 0 then
      names[#names + 1], what[#what + 1] = layer.name, "(" .. table.concat(list, ", ") .. ")"
    end
  end
  local gone = {}
  for _, raw in ipairs { train or {}, validation or {} } do
    for name, v in pairs(raw.layers or {}) do
      if v ~= 0 and not there[name] then
        gone[#gone + 1] = name
        there[name] = true
      end
    end
  end
  table.sort(gone)
  for _, name in ipairs(gone) do names[#names + 1], what[#what + 1] = name, "(as it was)" end
  return names, what
end

local function side(raw, names, penalties)
  if not raw then return nil end
  local s = { penalty = raw.penalty, layers = {} }
  if not penalties then s.total, s.data, s.activity = raw.total, raw.data, raw.activity end
  for _, name in ipairs(names) do s.layers[name] = raw.layers[name] or 0 end
  return s
end

-- What core gives for training and validation; either may be nil. penalties: they are all that is known.
function report.terms(info, title, train, validation, penalties)
  local names, what = penalized(info, train, validation)
  local t = { train = side(train, names, penalties), validation = side(validation, names, penalties) }
  terms_info[t] = { title = title, names = names, what = what }
  return setmetatable(t, Terms)
end

return report
