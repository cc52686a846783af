-- Models as the user sees them.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local drive = require "sonde.drive"
local layers = require "sonde.layers"
local layout = require "sonde.layout"
local objects = require "sonde.objects"
local parts = require "sonde.parts"
local progress = require "sonde.progress"
local run = require "sonde.run"
local seeds = require "sonde.seeds"
local summary = require "sonde.summary"
local util = require "sonde.util"

local model = {}
local fail = util.fail
local meta, methods = core.meta.model, {}

local info_of = layers.info

-- ---- compiling ----

-- The function given as an object's learning rate, or nil.
function model.rate_function(optimizer)
  local rate = optimizer.learning_rate
  return type(rate) == "function" and rate or nil
end

-- Softmax shares 1 among the units of its last axis; a single one has it all, whatever the weights are.
local function warn_of_single_softmax(m)
  local info = info_of(m)
  if info.output[#info.output] ~= 1 then return end
  local read = {}
  for _, layer in ipairs(info.layers) do
    for _, i in ipairs(layer.inputs) do read[i] = true end
  end
  for i, layer in ipairs(info.layers) do
    local act = layer.object.activation
    if not read[i] and core.type(act) == "object" and act.type == "softmax" then
      io.stderr:write(("warning: compile: %s has one unit with softmax, which is always 1; use activation = "
        .. '"sigmoid"\n'):format(layer.name))
    end
  end
end

-- Metrics that were given with names of their own: { f1 = function(y, p) ... end }, in the order of their names.
local function named_metrics(given)
  local list = {}
  for k in pairs(given) do
    if type(k) == "string" then
      if not k:find "^[%a_][%w_]*$" or k:find "^val_" then
        fail('compile: metrics: "%s" is no name for a metric; a word like f1 is, that does not begin with val_', k)
      end
      list[#list + 1] = k
    elseif math.type(k) ~= "integer" or k < 1 or k > #given then
      fail("compile: metrics wants a list, or names as in { f1 = function(y, p) ... end }; got [%s]", util.quoted(k))
    end
  end
  table.sort(list)
  return list
end

-- Metrics as objects, and the names by which they were given. A function that has none is called after its place.
function model.metrics(given)
  local list, metrics, names = given or {}, {}, {}
  if core.type(list) ~= "table" then list = { list } end
  local function add(v, name)
    local i, known = #metrics + 1, nil
    metrics[i], known = objects.as("metric", v, type(v) == "function" and "compile: metric " .. (name or i) or "compile: metrics")
    names[i] = name or known or metrics[i].type == "traced" and "metric_" .. i or false
  end
  for _, v in ipairs(list) do add(v) end
  for _, name in ipairs(named_metrics(list)) do add(list[name], name) end
  return metrics, names
end

-- How a model, or its run that stands, is compiled from now on. optimizer: nil is the one that it has.
function model.compiled(m, trainer, loss, optimizer, rate)
  local s = core.state(m)
  for r in pairs(s.runs or {}) do
    local rs = core.state(r)
    if rs.trainer == trainer then rs.rate = rate end
  end
  if s.trainer ~= trainer then return end
  s.optimizer, s.loss, s.rate = optimizer or s.optimizer, loss, rate
  warn_of_single_softmax(m)
end

-- The run at hand, where it is not at its end and goes by what the model is compiled with.
function model.standing_run(m)
  local s = core.state(m)
  local r = s.last_run
  if r and s.trainer and core.state(r).trainer == s.trainer and not core.run_info(r).done then return r end
end

-- m:compile{ loss = , optimizer = , metrics = {} }; again: the weights stay, the optimizer starts anew. A run that
-- stands goes on with it.
function methods.compile(m, opts)
  if type(opts) == "string" or core.type(opts) == "object" then
    fail('compile: loss and optimizer have names: m:compile{ loss = "mse", optimizer = "adam" }')
  end
  opts = util.options("compile", opts, { "loss", "optimizer", "metrics" })
  if opts.loss == nil then
    fail 'compile: loss is missing; for example m:compile{ loss = "categorical_crossentropy", optimizer = adam{} }'
  end
  if opts.optimizer == nil then fail "compile: optimizer is missing; for example optimizer = adam{}" end
  local loss = objects.as("loss", opts.loss, "compile: loss")
  local optimizer = objects.as("optimizer", opts.optimizer, "compile: optimizer")
  local metrics, names = model.metrics(opts.metrics)
  local s, r, seed = core.state(m), model.standing_run(m), seeds.next "run"
  if r then
    require("sonde.surgery").recompile(r, { loss = loss, optimizer = optimizer, metrics = metrics, names = names,
      given = true, anew = seed })
  else
    s.trainer = core.trainer(m, loss, optimizer, metrics, names, seed)
    model.compiled(m, s.trainer, loss, optimizer, model.rate_function(optimizer))
  end
end

-- What a model from a file brings along.
function model.adopt(m, trainer, rate)
  local s = core.state(m)
  if not trainer then return m end
  s.loss, s.optimizer = core.trainer_info(trainer)
  s.trainer, s.rate = trainer, rate
  return m
end

local function trainer_of(m, who)
  local s = core.state(m)
  if not s.trainer then
    fail("%s: the model is not compiled; call m:compile{ loss = ..., optimizer = ... } first", who)
  end
  return s.trainer
end

model.trainer_of = trainer_of

-- Predicting needs no loss.
local function predictor_of(m)
  local s = core.state(m)
  if s.trainer then return s.trainer end
  s.predictor = s.predictor or core.trainer(m)
  return s.predictor
end

-- ---- parameters ----

-- Total, trainable, not trainable.
function methods.count_params(m) return core.model_count(m) end

-- All parameters as tensors in Keras's order: layer by layer; batch_norm: gamma, beta, moving_mean, moving_variance.
function methods.get_weights(m)
  local list = {}
  for i, p in ipairs(layers.params(info_of(m))) do list[i] = core.model_get(m, p.index) end
  return list
end

function methods.set_weights(m, list)
  local params = layers.params(info_of(m))
  if core.type(list) ~= "table" then fail("set_weights: wants a list of tensors, got %s", util.a(list)) end
  if #list ~= #params then fail("set_weights: wants %d tensors, got %d", #params, #list) end
  local tensors = {}
  for i, p in ipairs(params) do
    tensors[i] = type(list[i]) == "number" and core.tensor(list[i]) or util.as_tensor(list[i], "set_weights", p.path)
    core.model_set(m, p.index, tensors[i], true) -- all are checked before the first is set
  end
  for i, p in ipairs(params) do core.model_set(m, p.index, tensors[i]) end
end

-- ---- batches ----

local function ask_rate(m)
  local s = core.state(m)
  if not s.rate then return end
  local _, _, iterations = core.trainer_rate(s.trainer)
  core.trainer_set_rate(s.trainer, drive.call_rate("learning_rate", s.rate, iterations, 0))
end

-- x and y of a method's arguments; of a dataset it is one batch, and it is said which.
local function batch_of(who, m, data, ...)
  local batches = require "sonde.batch"
  local x, y, opts, samples = batches.arguments(who, data, ...)
  return x, y, function() batches.tell(who, m, data, opts, samples) end
end

-- One optimizer step on x, y or a batch of a dataset: gives the total loss; then data loss, penalty, activity penalty.
function methods.train_on_batch(m, x, y, opts)
  local t = trainer_of(m, "train_on_batch")
  local bx, by, tell = batch_of("train_on_batch", m, x, y, opts, {})
  ask_rate(m)
  tell()
  return core.train_on_batch(t, bx, by)
end

-- Gradients of the total loss in training mode, one tensor for each trainable parameter.
function methods.gradients_on_batch(m, x, y, opts)
  local t = trainer_of(m, "gradients_on_batch")
  local bx, by, tell = batch_of("gradients_on_batch", m, x, y, opts, {})
  core.gradients_on_batch(t, bx, by)
  tell()
  local list = {}
  for i, p in ipairs(layers.params(info_of(m), true)) do list[i] = core.trainer_get(t, p.index, "grad") end
  return list
end

-- ---- whole datasets ----

local Evaluation = {}
local extra = setmetatable({}, { __mode = "k" }) -- data, penalty, samples: there to be asked for, not in pairs()
function Evaluation.__index(t, k) return extra[t][k] end
function Evaluation.__tostring(t)
  local out = { "loss: " .. progress.loss_text(t.loss) }
  for _, name in ipairs(extra[t].names) do out[#out + 1] = name .. ": " .. progress.loss_text(t[name]) end
  return table.concat(out, " - ")
end

-- m:evaluate(d or x, y [, { batch_size = 32 }]) -> { loss = , accuracy = , ... }
function methods.evaluate(m, x, y, opts)
  local t = trainer_of(m, "evaluate")
  x, y, opts = dataset.arguments(x, y, opts)
  opts = util.options("evaluate", opts, { "batch_size", "verbose" })
  local d = dataset.from("evaluate", x, y)
  local got = core.evaluate(t, d, util.whole("evaluate", "batch_size", opts.batch_size, 32, 1))
  local result = { loss = got.total }
  for name, v in pairs(got.metrics) do result[name] = v end
  local _, _, names = core.trainer_info(t)
  extra[result] = { data = got.data, penalty = got.penalty, activity = got.activity, samples = got.n, names = names }
  return setmetatable(result, Evaluation)
end

-- m:predict(x or d [, { batch_size = 32 }]) -> outputs, one row for each sample
function methods.predict(m, x, opts)
  if util.is_tensor(opts) then
    fail "predict: wants a batch alone; of x, y = d:sample(1) it is m:predict(x:unsqueeze(1)), or m:predict(d:take(1))"
  end
  opts = util.options("predict", opts, { "batch_size", "verbose" })
  local d = dataset.is(x) and x or core.dataset_tensors(util.as_tensor(x, "predict", "x"))
  return core.predict(predictor_of(m), d, util.whole("predict", "batch_size", opts.batch_size, 32, 1))
end

local function no_more(who, v)
  if v == nil then return end
  fail("%s: takes data and one table of options, as in m:%s(x, y, { epochs = 10 }); got also %s", who, who,
    util.quoted(v))
end

-- m:run(d [, opts]) or m:run(x, y [, opts]): a run that has made no step.
function methods.run(m, x, y, opts, ...)
  no_more("run", ...)
  local t = trainer_of(m, "run")
  x, y, opts = dataset.arguments(x, y, opts)
  return run.new("run", m, t, core.state(m).rate, x, y, opts)
end

-- m:run(...) to its end; gives the run.
function methods.fit(m, x, y, opts, ...)
  no_more("fit", ...)
  local t = trainer_of(m, "fit")
  x, y, opts = dataset.arguments(x, y, opts)
  return run.new("fit", m, t, core.state(m).rate, x, y, opts):finish()
end

-- ---- files, looking at ----

function methods.save(m, path)
  if type(path) ~= "string" then fail("save: wants a path, got %s", util.a(path)) end
  core.model_save(m, core.state(m).trainer, path)
end

function model.load(path)
  if type(path) ~= "string" then fail("load_model: wants a path, got %s", util.a(path)) end
  local m, trainer = core.model_load(path)
  if trainer and select(2, core.trainer_rate(trainer)) == "function" then
    io.stderr:write("warning: load_model: the learning rate was a Lua function, which no file can hold; compile again "
      .. "to give one\n")
  end
  return model.adopt(m, trainer)
end

-- Prints shapes, parameters, cost, and the memory of training; gives that in bytes.
function methods.summary(m, opts)
  if type(opts) == "number" then opts = { batch_size = opts } end
  opts = util.options("summary", opts, { "batch_size", "engine" })
  local batch = util.whole("summary", "batch_size", opts.batch_size, 32, 1)
  local s, nstate = core.state(m), nil
  if s.trainer then nstate = #select(5, core.trainer_info(s.trainer)) end
  local text = summary(m, batch, nstate)
  io.stdout:write(layout.fit(text), "\n")
  if opts.engine then io.stdout:write(layout.fit(require "sonde.engine"(m, batch)), "\n") end
end

-- What training with that batch will hold, in bytes: what summary announces.
function methods.memory(m, batch)
  local s, nstate = core.state(m), nil
  if s.trainer then nstate = #select(5, core.trainer_info(s.trainer)) end
  return select(2, summary(m, util.whole("memory", "batch", batch, 32, 1), nstate))
end

parts.methods("model", methods)
util.methods("model", "m", methods)
local fields = {}
-- The run that was made last: fit's too, which is lost for nothing else when fit is interrupted.
function fields.last_run(_, s) return s.last_run end
function fields.name(m) return info_of(m).name end
function fields.input_shape(m) return info_of(m).input end
function fields.output_shape(m) return info_of(m).output end
function fields.loss(_, s) return s.loss end
function fields.optimizer(_, s) return s.optimizer end
function fields.layers(m, s)
  s.layers = s.layers or layers.of(m, function() return s.trainer end)
  return s.layers
end

function meta.__index(m, k)
  if methods[k] then return methods[k] end
  if fields[k] then return fields[k](m, core.state(m)) end
  util.unknown("a model", k, methods, fields)
end

function meta.__newindex(_, k)
  fail("model: %s cannot be set; m:set_weights(list), m.layers.NAME.kernel = t and m.layers.NAME.trainable = false can",
    tostring(k))
end

function meta.__tostring(m)
  local info = info_of(m)
  local s = core.state(m)
  return ("model %s: %d layers, %s parameters, %s -> %s%s"):format(info.name, #layers.numbered(info),
    util.thousands((core.model_count(m))), util.shape_text(info.input, true), util.shape_text(info.output, true),
    s.trainer and ", compiled" or "")
end

meta.methods, meta.fields = methods, fields -- for TAB
model.methods, model.fields = methods, fields
model.trainer_of, model.predictor_of = trainer_of, predictor_of
return model
