-- The sections of a report that say what was trained, and on what: configuration, data, the model.
local calls = require "sonde.calls"
local code = require "sonde.model_code"
local core = require "sonde.core"
local html = require "sonde.html"
local layers = require "sonde.layers"
local util = require "sonde.util"

local sections = {}

-- ---- how it was called ----

local function objects_text(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = tostring(v) end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local function compile_text(f)
  return ("m:compile {\n  loss = %s,\n  optimizer = %s,%s\n}"):format(tostring(f.loss), tostring(f.optimizer),
    #f.metrics > 0 and ("\n  metrics = %s,"):format(objects_text(f.metrics)) or "")
end

local function run_text(f)
  local i, s = f.info, core.state(f.run)
  local out = { "batch_size = " .. i.batch_size, "epochs = " .. f.first + i.epochs }
  if f.first > 0 then out[#out + 1] = "initial_epoch = " .. f.first end
  out[#out + 1] = "shuffle = " .. tostring(i.shuffle)
  out[#out + 1] = "seed = " .. i.seed
  if i.steps_per_epoch > 0 then out[#out + 1] = "steps_per_epoch = " .. i.steps_per_epoch end
  if s.validation then
    out[#out + 1] = "validation_data = val"
    if i.validation_freq ~= 1 then out[#out + 1] = "validation_freq = " .. i.validation_freq end
  end
  local callbacks = {}
  for k, cb in ipairs(core.run_callbacks(f.run)) do callbacks[k] = tostring(cb) end
  for _ = 1, #s.functions do callbacks[#callbacks + 1] = "{ functions in Lua }" end
  if #callbacks > 0 then out[#out + 1] = "callbacks = " .. objects_text(callbacks) end
  return ("r = m:run(train, {\n  %s,\n})"):format(table.concat(out, ",\n  "))
end

-- ---- data ----

local MOST_NAMES = 40

local function class_text(d)
  local names = d.class_names
  if not names then return d.classes > 0 and ("%d, without names"):format(d.classes) or "-" end
  local out = {}
  for i = 1, math.min(#names, MOST_NAMES) do out[i] = html.name(names[i]) end
  return { html = table.concat(out, ", ") .. (#names > MOST_NAMES and (", ... (%d)"):format(#names) or "") }
end

local function data_rows(d)
  local origin = core.dataset_origin(d)
  local what = origin and tostring(origin) or "tensors in memory"
  if origin and not d.object then what = "a part of " .. what end
  local y = #d.y_shape == 0 and "a class number or a number" or util.shape_text(d.y_shape)
  return { util.thousands(#d), util.shape_text(d.x_shape), y, class_text(d), util.thousands(d:broken()),
    core.dataset_fingerprint(d), what }
end

local function data_table(f)
  local list, rows, head = {}, {}, { "data" }
  local function add(title, d)
    if d then list[#list + 1], head[#head + 1] = data_rows(d), title end
  end
  if f.run then
    add("training data", f.run.train)
    add("validation data", f.run.validation)
  end
  if f.data and (not f.run or f.data ~= f.run.train and f.data ~= f.run.validation) then
    add("judged on: " .. f.data_name, f.data)
  end
  if #list == 0 then return html.note "There are no data." end
  for i, name in ipairs { "samples", "one sample", "label", "classes", "broken files", "fingerprint", "made by" } do
    rows[i] = { name }
    for k, cells in ipairs(list) do rows[i][k + 1] = cells[i] end
  end
  return html.table { head = head, rows = rows, align = ("l"):rep(#head), label = "data" }
end

-- ---- sections ----

function sections.configuration(f)
  local out = { "<h3>Compiled and run</h3>", html.code(
    (f.compiled and compile_text(f) or "-- the model is not compiled") .. (f.run and "\n\n" .. run_text(f) or "")) }
  if f.run then
    out[#out + 1] = html.paragraph(("The learning rate is now %s; the optimizer made %s step%s."):format(
      ("%g"):format(f.run.learning_rate), util.thousands(f.run.iterations), f.run.iterations == 1 and "" or "s"))
  end
  out[#out + 1] = "<h3>Data</h3>"
  out[#out + 1] = data_table(f)
  out[#out + 1] = "<h3>Program</h3>"
  out[#out + 1] = html.table { head = { "what", "value" }, label = "program", rows = {
    { "sonde", core.version }, { "instruction set", core.isa }, { "matrix products", core.corename },
    { "threads", tostring(core.threads) }, { "seed of the run", f.run and tostring(f.info.seed) or "-" },
    { "memory, at most", core.bytes((select(2, core.memory()))) } } }
  return table.concat(out, "\n")
end

local function model_table(f)
  local info, rows = layers.info(f.model), {}
  local called = {}
  for _, call in ipairs(calls.of(f.model)) do called[call.layer] = call.of end
  for i, layer in ipairs(info.layers) do
    local from, n, fixed = {}, 0, 0
    for k, at in ipairs(layer.inputs) do from[k] = info.layers[at].name end
    for _, p in ipairs(layer.params) do
      n = n + p.count
      if not p.trainable then fixed = fixed + p.count end
    end
    rows[i] = { layer.name, layer.type .. ((called[i] or 1) > 1 and (", called %d times"):format(called[i]) or ""),
      util.shape_text(layer.shape, true), util.thousands(n), fixed > 0 and util.thousands(fixed) or "",
      ("%.3g"):format(2 * layer.macs / 1e6), table.concat(from, ", ") }
  end
  local total, trainable, fixed = core.model_count(f.model)
  return html.table { head = { "layer", "type", "output", "parameters", "not trained", "MFLOP per sample", "reads" },
    align = "lllrrrl", rows = rows, label = "layers of the model", caption =
    ("%s parameters: %s trainable, %s not; %s of weights"):format(util.thousands(total), util.thousands(trainable),
      util.thousands(fixed), core.bytes(4 * total)) }
end

function sections.model(f)
  return model_table(f) .. "\n" .. html.details("The model as code", html.code(code(f.model)))
end

return sections
