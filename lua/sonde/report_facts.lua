-- What a report says, measured before anything of it is written: plain tables, which the sections print and the
-- findings reason about.
--   { run =, model =, data =, data_name =, first =, epochs =, state = text,       run and first.. only of a run
--     train = { [epoch] = terms }, validation = { [epoch] = terms or false }, history =, names =, seconds =, timed =,
--     gradients =, activations =, seen =            tables of probes
--     pass =, info =, losses = { mean =, sd =, n =, se = }, confusion =, calibration =, histogram =, roc =, worst =,
--     numbers = { ... }                              of a model that predicts numbers
--     problems = { [what] = why it could not be measured } }
local core = require "sonde.core"
local drive = require "sonde.drive"
local judge = require "sonde.judge"
local layers = require "sonde.layers"
local model = require "sonde.model"
local util = require "sonde.util"

local facts = {}

local LEVEL = 0.95
local MOST_SEEN = 1024 -- samples that the activations are measured over

-- What fn gives, or nil and the reason among the problems. Ctrl-C ends all.
local function try(f, what, fn)
  local ok, v = pcall(fn)
  if ok then return v end
  if v == "interrupted" then error(v, 0) end
  f.problems[what] = (tostring(v):gsub("^[^\n]-:%d+: ", ""))
end
facts.try = try

-- ---- the run ----

local function add_history(f)
  local r, s = f.run, core.state(f.run)
  local info = core.run_info(r)
  f.info, f.first, f.epochs = info, s.first, info.epoch
  f.history, f.names = r:history(), (core.run_columns(r))
  f.state = drive.position(s, info) .. (info.done and ", done" or "")
  f.train, f.validation = {}, {}
  for i = 1, info.epoch do
    local t = r:loss_terms(s.first + i)
    f.train[i], f.validation[i] = t.train, t.validation or false
  end
  f.terms = r:loss_terms()
  f.seconds, f.timed = 0, 0
  for _, at in pairs(s.ends or {}) do
    if at.seconds then f.seconds, f.timed = f.seconds + at.seconds, f.timed + 1 end
  end
end

-- Samples spread evenly over the data: folders are in the order of their classes.
local function spread(d)
  local n = #d
  if n <= MOST_SEEN then return d end
  local list = {}
  for i = 1, MOST_SEEN do list[i] = 1 + (i - 1) * n // MOST_SEEN end
  return d:pick(list)
end

local function add_layers(f)
  local r = f.run
  f.gradients = try(f, "gradients", function() return r:gradients() end)
  f.gradients_title = f.gradients and tostring(f.gradients):match "^[^\n]*"
  f.activations = f.data and #f.data > 0 and try(f, "activations", function()
    return r:activations { data = spread(f.data) }
  end)
  f.seen = f.activations and f.activations[1] and f.activations[1].samples
end

-- ---- classes ----

local function add_classes(f, pass)
  f.pass, f.info_judged = pass, pass.info
  if pass.n == 0 then return end
  f.worst = f.compiled and judge.worst(pass, f.worst_wanted)
  if f.compiled then
    local mean, sd, n = core.judgment_losses(pass.handle)
    f.losses = { mean = mean, sd = sd, n = n, se = sd / math.sqrt(n) }
  end
  if pass.info.bad > 0 then
    f.problems.confusion = ("the outputs of %d of %d samples are not finite"):format(pass.info.bad, pass.n)
    return
  end
  f.confusion = try(f, "confusion", function() return judge.confusion(pass, {}) end)
  f.calibration = try(f, "calibration", function() return judge.calibration(pass, {}) end)
  f.histogram = try(f, "histogram", function() return judge.confidence_histogram(pass, { bins = 20 }) end)
  if #pass.classes == 2 then f.roc = try(f, "roc", function() return judge.roc(pass, {}) end) end
end

-- ---- numbers ----

local MOST_OUTPUTS, MOST_POINTS = 12, 2000

-- One output over the samples: lists of what is true and what is predicted.
local function output_row(truth, says, name)
  local n, bad = 0, 0
  local sum, squares, absolute, error_sum = 0, 0, 0, 0
  for i, y in ipairs(truth) do
    local e = says[i] - y
    if e - e == 0 then
      n, sum, squares, absolute, error_sum = n + 1, sum + y, squares + e * e, absolute + math.abs(e), error_sum + e
    else
      bad = bad + 1
    end
  end
  local mean, spread_of = sum / n, 0
  for i, y in ipairs(truth) do
    if (says[i] - y) - (says[i] - y) == 0 then spread_of = spread_of + (y - mean) ^ 2 end
  end
  return { name = name, n = n, bad = bad, rmse = math.sqrt(squares / n), mae = absolute / n, bias = error_sum / n,
    sd = math.sqrt(spread_of / n), r2 = 1 - squares / spread_of }
end

-- Errors of a model that predicts numbers, over all of its outputs and for the first of them one by one.
local function add_numbers(f)
  local d = f.data
  local y, p = d:labels(), f.model:predict(d, { batch_size = f.batch_size })
  if #y ~= #p or #y == 0 then util.fail("report: there are %d labels for %d predictions", #y, #p) end
  y, p = y:reshape { #y, -1 }:astype "float64", p:reshape { #p, -1 }:astype "float64"
  if y.shape[2] ~= p.shape[2] then
    util.fail("report: a label has %d numbers, a prediction %d", y.shape[2], p.shape[2])
  end
  local t = { n = #y, outputs = y.shape[2], columns = {}, x = {}, y = {} }
  local truth, says = y:transpose(), p:transpose()
  for k = 1, math.min(t.outputs, MOST_OUTPUTS) do
    local a, b = truth[k]:tolist(), says[k]:tolist()
    t.columns[k] = output_row(a, b, ("output %d"):format(k))
    if k == 1 then
      for i = 1, math.min(#a, MOST_POINTS) do
        local at = 1 + (i - 1) * #a // math.min(#a, MOST_POINTS)
        t.x[i], t.y[i] = a[at], b[at]
      end
    end
  end
  local e = p - y
  local each = (e * e):mean(2) -- of each sample
  t.rmse, t.mae = math.sqrt((e * e):mean()), e:abs():mean()
  local _, order = each:topk(math.min(f.worst_wanted, #y))
  f.numbers, f.worst = t, { data = d, numbers = true }
  -- of image folders and the like, labels leave out what is broken, so that places would not be the samples' numbers
  if d:broken() > 0 then return end
  for i, at in ipairs(order:tolist()) do
    f.worst[i] = { index = at, error = math.sqrt(each[at]), truth = y[at]:tolist(), says = p[at]:tolist() }
  end
end

local CROSS = { categorical_crossentropy = true, sparse_categorical_crossentropy = true, binary_crossentropy = true }
facts.crossentropies = CROSS

-- Does the model predict numbers? Outputs of several axes are no row of classes, whatever the loss is; where that is a
-- cross-entropy they are classes for each place, which are judged by nothing yet.
local function predicts_numbers(f)
  if #f.model.output_shape <= 1 then return core.output_kind(model.predictor_of(f.model)) == "numbers" end
  if f.loss and CROSS[f.loss.type] then
    util.fail("report: the outputs have the shape %s; only one row of classes for each sample can be judged",
      util.shape_text(f.model.output_shape))
  end
  return true
end

local function add_judgment(f)
  local numbers = try(f, "judging", function() return predicts_numbers(f) end)
  if numbers == nil then return end
  if numbers then
    try(f, "judging", function() add_numbers(f) end)
    return
  end
  local pass = try(f, "judging", function()
    return judge.pass("report", f.model, f.data, { batch_size = f.batch_size, loss = f.compiled, bad = true })
  end)
  if pass then add_classes(f, pass) end
end

-- ---- all of it ----

-- opts: run or nil, model, data or nil, data_name, worst, batch_size.
function facts.measure(opts)
  local f = { run = opts.run, model = opts.model, data = opts.data, data_name = opts.data_name,
    worst_wanted = opts.worst, batch_size = opts.batch_size, level = LEVEL, problems = {} }
  f.layers = layers.info(f.model).layers
  f.compiled = core.state(f.model).trainer ~= nil
  if f.compiled then f.loss, f.optimizer, f.metric_names, f.metrics = core.trainer_info(core.state(f.model).trainer) end
  if f.run then
    add_history(f)
    add_layers(f)
  end
  if f.data and #f.data > 0 then add_judgment(f) end
  return f
end

return facts
