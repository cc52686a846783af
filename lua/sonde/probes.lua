-- Probes: what is measured of training steps, for tables (r:gradients()), series (r:record) and watchpoints.
local core = require "sonde.core"
local layers = require "sonde.layers"
local objects = require "sonde.objects"
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

return probes
