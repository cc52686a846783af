-- Probes: what is measured of training steps, for tables (r:gradients()), series (r:record) and watchpoints.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local drive = require "sonde.drive"
local layers = require "sonde.layers"
local objects = require "sonde.objects"
local tables = require "sonde.probe_table"
local util = require "sonde.util"

local probes = {}

-- ---- which probe, which layers ----

-- A probe from a text, an object or its constructor.
function probes.probe(v, who) return (objects.as("probe", v, who)) end

-- Names of its columns in order.
function probes.columns(probe)
  local names = {}
  for i, c in ipairs(core.probe_columns(probes.probe(probe, "probe"))) do names[i] = c.name end
  return names
end

-- Numbers of the layers that a name or a list of names stands for; nil: all.
function probes.layers(who, model, v)
  if v == nil then return nil end
  if type(v) == "string" then v = { v } end
  if core.type(v) ~= "table" then util.fail("%s: layers wants a name or a list of names, got %s", who, util.a(v)) end
  local number, names = {}, {}
  for i, layer in ipairs(layers.info(model).layers) do number[layer.name], names[i] = i, layer.name end
  local list = {}
  for i, name in ipairs(v) do
    if type(name) ~= "string" then util.fail("%s: layers: %s is no name of a layer", who, util.quoted(name)) end
    if not number[name] then
      local near = core.suggest(name, names)
      util.fail('%s: there is no layer "%s"; %s', who, name, near and ('did you mean "%s"?'):format(near)
        or "the model has: " .. table.concat(names, ", "))
    end
    list[i] = number[name]
  end
  if #list == 0 then util.fail("%s: layers is empty", who) end
  return list
end

-- ---- for watchpoints: the last step's rows ----

local Watched = {}
Watched.__index = Watched

-- Rows { name =, layer =, param =, COLUMN = number } of the last step that was measured; nil before the first one.
function Watched:last()
  if core.recorder_info(self.recorder) == 0 then return nil end
  local rows = {}
  for i, row in ipairs(self.rows) do
    local values = core.recorder_values(self.recorder, 1, 0, i)
    values.name, values.layer, values.param = row.name, row.layer, row.param
    rows[i] = values
  end
  return rows, core.recorder_steps(self.recorder)[1]
end

function Watched:stop() core.recorder_stop(self.recorder) end

-- Measures a probe (a text or an object) at every k-th step of the run, from now on. Only the last rows are kept.
function probes.observe(r, probe, opts)
  opts = opts or {}
  local recorder = core.recorder(r, { probes.probe(probe, "watch") },
    probes.layers("watch", core.state(r).model, opts.layers), util.whole("watch", "every", opts.every, 1, 1), false)
  return setmetatable({ recorder = recorder, rows = core.recorder_rows(recorder, 1) }, Watched)
end

-- ---- tables ----

local function samples_text(n) return ("%s sample%s"):format(util.thousands(n), n == 1 and "" or "s") end

-- What core measured as rows of a table.
local function rows_of(result)
  local rows = {}
  for i, values in ipairs(result.rows) do
    local row = values.row
    for k, v in pairs(values) do
      if k ~= "row" then row[k] = v end
    end
    for _, k in ipairs { "nan", "inf", "units", "dead", "samples" } do row[k] = row[k] and math.tointeger(row[k]) end
    row.bad = row.nan + row.inf
    rows[i] = row
  end
  return rows
end

local OPTIONS = { "layers", "batch", "data", "batch_size", "train", "part", "histogram" }

-- { layers =, batch =, ... }; a text or a list of texts is layers.
local function options(who, v)
  if type(v) == "string" then v = { layers = v } end
  if core.type(v) == "table" and type(v[1]) == "string" then
    local copy = {}
    for k, x in pairs(v) do
      if type(k) == "string" then copy[k] = x end
    end
    if copy.layers ~= nil then util.fail("%s: layers are given twice", who) end
    copy.layers = table.move(v, 1, #v, 1, {})
    v = copy
  end
  local opts = util.options(who, v, OPTIONS)
  if opts.batch ~= nil and opts.data ~= nil then util.fail("%s: give batch or data, not both", who) end
  if opts.train ~= nil and opts.batch == nil and opts.data == nil then
    util.fail("%s: train is for batch and data; a step of the run is in training mode", who)
  end
  return opts
end

-- x and y of batch = x, { x, y } or { x =, y = }, or a dataset that is taken whole.
local function batch_of(who, v)
  if dataset.is(v) then util.fail("%s: batch wants tensors x or { x, y }; a dataset is data = d", who) end
  if util.is_tensor(v) then return v, nil end
  if core.type(v) ~= "table" then util.fail("%s: batch wants x or { x, y }, got %s", who, util.a(v)) end
  local x, y = v.x, v.y
  if x == nil and util.is_tensor(v[1]) then x, y = v[1], v[2] end
  if x == nil and #v == 0 then
    util.fail("%s: batch holds nothing; it wants x or { x, y }, as in batch = { x:rows(1, 8), y:rows(1, 8) }", who)
  end
  if x == nil then return util.as_tensor(v, who, "batch"), nil end
  return util.as_tensor(x, who, "x"), y ~= nil and util.as_tensor(y, who, "y") or nil
end

local function mode_text(train) return train and "training mode" or "inference mode" end

-- Of a batch or a dataset: result, what it is of.
local function measure_other(who, s, probe, list, opts, train)
  train = util.boolean(who, "train", opts.train, train)
  if opts.batch ~= nil then
    local x, y = batch_of(who, opts.batch)
    local histogram = util.boolean(who, "histogram", opts.histogram, true)
    local result = core.probe_batch(s.trainer, probe, list, histogram, x, y, train)
    return result, ("%s of %s, %s"):format(who, samples_text(result.samples), mode_text(train))
  end
  local d = dataset.from(who, opts.data)
  local histogram = util.boolean(who, "histogram", opts.histogram, false)
  local size = util.whole(who, "batch_size", opts.batch_size, 32, 1)
  local result = core.probe_data(s.trainer, probe, list, histogram, d, size, train)
  return result, ("%s over %s, %s"):format(who, samples_text(result.samples), mode_text(train))
end

-- A step that was halted or opened by r:forward() is looked at before it is made.
local function is_pending(r)
  return core.run_halted(r) or require("sonde.inside").opened(r) ~= nil
end

-- The ratio of what the step changed, beside its gradients.
local function add_ratios(r, rows, list)
  local by_name = {}
  for _, u in ipairs(core.probe_last(r, core.named("probe", "updates"), list, false).rows) do
    by_name[u.row.name] = u.ratio
  end
  for _, row in ipairs(rows) do row.ratio = by_name[row.name] end
end

local function measure_step(r, who, s, probe, list, opts)
  local histogram = util.boolean(who, "histogram", opts.histogram, true)
  local info = core.run_info(r)
  if is_pending(r) and who ~= "updates" and who ~= "weights" then
    local result = core.probe_next(r, probe, list, histogram)
    info.step = info.step + 1
    return result, rows_of(result), ("%s of the next step, %s: %s"):format(who, drive.position(s, info),
      samples_text(result.samples))
  end
  local result, kept = core.probe_last(r, probe, list, histogram)
  local rows = rows_of(result)
  if who == "gradients" and kept then add_ratios(r, rows, list) end
  for _, row in ipairs(rows) do
    if not kept then row.data_norm, row.penalty_norm = nil, nil end
  end
  return result, rows, ("%s, %s"):format(who, drive.position(s, info))
end

-- The table of a probe. train: how a batch of one's own is run unless that is said.
local function measure(r, who, v, train)
  local opts, s = options(who, v), core.state(r)
  local probe = core.named("probe", who)
  if opts.part ~= nil then
    if who ~= "gradients" then util.fail("%s: part is for gradients", who) end
    probe = objects.by_kind.probe.gradients { part = opts.part }
  end
  local list = probes.layers(who, s.model, opts.layers)
  local rows, title, result
  if opts.batch ~= nil or opts.data ~= nil then
    if who == "updates" or who == "weights" then util.fail("%s: have no batch and no data", who) end
    result, title = measure_other(who, s, probe, list, opts, train)
    rows = rows_of(result)
  else
    result, rows, title = measure_step(r, who, s, probe, list, opts)
  end
  if opts.part and opts.part ~= "total" then title = title:gsub("^gradients", "gradients of the " .. opts.part) end
  local empty = opts.layers and "these layers have none" or "there are none"
  return tables.new(rows, who, title, empty)
end

probes.run = {}
function probes.run.gradients(r, opts) return measure(r, "gradients", opts, true) end
function probes.run.weights(r, opts) return measure(r, "weights", opts) end
function probes.run.updates(r, opts) return measure(r, "updates", opts) end
function probes.run.activations(r, opts) return measure(r, "activations", opts, false) end
function probes.run.output_gradients(r, opts) return measure(r, "output_gradients", opts, true) end

return probes
