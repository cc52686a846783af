-- Surgery on a model that lives: layers replaced, inserted, removed, frozen; a run compiled again in its middle. The
-- weights, the run and its history stay.
local calls = require "sonde.calls"
local core = require "sonde.core"
local drive = require "sonde.drive"
local graph = require "sonde.graph"
local layers = require "sonde.layers"
local layout = require "sonde.layout"
local model = require "sonde.model"
local objects = require "sonde.objects"
local seeds = require "sonde.seeds"
local util = require "sonde.util"

local surgery = { model = {}, run = {} }
local fail = util.fail

-- ---- which layer ----

local function unknown(m, who, name)
  local names = {}
  for i, layer in ipairs(layers.info(m).layers) do names[i] = layer.name end
  local near = core.suggest(name, names)
  fail('%s: there is no layer "%s"; %s', who, name, near and ('did you mean "%s"?'):format(near)
    or "m.layers lists them")
end

-- The layer's number, from its name, its number, m.layers.NAME or one of its calls; of a call also its node.
local function find(m, who, v)
  local info = layers.info(m)
  local view = layers.about(v)
  if view then
    if view.model ~= m then fail("%s: the layer is of another model", who) end
    if view.gone then fail("%s: layer %s: the model has it no more", who, view.gone) end
    return view.number
  elseif type(v) == "string" then
    for i, layer in ipairs(info.layers) do
      if layer.name == v then return i end
    end
    unknown(m, who, v)
  elseif calls.is(v) then
    local call = calls.find(m, who, v)
    return call.layer, call.node
  elseif math.type(v) == "integer" then
    return layers.place(m, who, v)
  end
  if core.type(v) == "object" then
    fail("%s: the layer of the model comes first, by its name: m:%s(%q%s); got the %s %s", who, who,
      info.layers[#info.layers].name, who == "remove" and "" or ", " .. v.type .. "{ ... }", v.kind, v.type)
  end
  fail("%s: wants a layer: its name, its number or m.layers.NAME; got %s", who, util.a(v))
end

-- Their numbers: one of the above, or a list of them.
local function find_all(m, who, v)
  if core.type(v) ~= "table" or calls.is(v) then return { (find(m, who, v)) } end
  local list = {}
  for i, one in ipairs(v) do list[i] = find(m, who, one) end
  return list
end

-- ---- what else changes ----

local function say(m, who, fmt, ...)
  local r = core.state(m).last_run
  local text = ("%s: " .. fmt):format(who, ...)
  if r then return drive.say(core.state(r), text) end
  io.stdout:write(layout.fit(text), "\n")
end

-- What hung on numbers of layers and nodes of the model as it was.
local function renew_run(m, who, r)
  local s = core.state(r)
  s.pieces, s.inside, s.halted = nil, nil, nil
  core.find_bad(r, false)
  local stopped = s.records and require("sonde.record").stop_all(r) or 0
  if stopped > 0 then
    say(m, who, "r:record{...} begins anew; what %s series recorded stays", stopped == 1 and "the" or "the " .. stopped)
  end
  if s.path then
    require("sonde.valley").run.keep_path(r, false)
    say(m, who, "the path of the weights is gone, as they are others; r:keep_path() begins anew")
  end
  for _, line in ipairs(s.watches and require("sonde.watch").renew(r) or {}) do say(m, who, "%s", line) end
end

local function warn_of_run(m, who)
  local r = model.standing_run(m)
  if not r then return end
  local ready, why = core.run_ready(r)
  local s = core.state(r)
  if ready or s.cannot == why then -- said once
    s.cannot = why
    return
  end
  s.cannot = why
  say(m, who, "the run at hand cannot go on (%s); r:compile{ loss = ... } or m:run(...) with other data can", why)
end

-- Layers that stay, and got other shapes from what comes before them.
local function say_fresh(m, who, fresh, new)
  local names = {}
  for _, i in ipairs(fresh) do
    local layer = layers.info(m).layers[i]
    if layer.name ~= new then names[#names + 1] = layer.name .. (layer.object.trainable and "" or " (frozen)") end
  end
  if #names > 0 then
    say(m, who, "new weights, as %s other shapes now, in %s", #names == 1 and "it has" or "they have",
      table.concat(names, ", "))
  end
end

-- The weights were kept of no layer that is new: names that the model did not have, or the replaced one.
local function new_name(m, before, replaced)
  for _, layer in ipairs(layers.info(m).layers) do
    if not before[layer.name] then return layer.name end
  end
  return replaced
end

-- Handles, runs and what hangs on them follow the model.
local function follow(m, who)
  layers.renew(m)
  for r in pairs(core.state(m).runs or {}) do
    if core.run_is_open(r) then renew_run(m, who, r) end
  end
end

local function operate(m, who, what, number, node, layer, keep)
  local before, replaced = {}, layers.info(m).layers[number].name
  for _, l in ipairs(layers.info(m).layers) do before[l.name] = true end
  local changes, fresh = core.model_changes(m), nil
  local ok, err = pcall(function()
    fresh = core.model_operate(m, what, number, node, layer, keep, seeds.next "model")
    follow(m, who)
  end)
  if not ok then
    if core.model_changes(m) ~= changes then follow(m, who) end -- Ctrl-C came when it was done
    error(err, 0)
  end
  say_fresh(m, who, fresh, new_name(m, before, what == "replace" and replaced or nil))
  warn_of_run(m, who)
end

-- ---- layers ----

-- m:replace("prediction", dense{ 5 }): the new one reads and feeds what the old one did.
function surgery.model.replace(m, which, layer, opts)
  opts = util.options("replace", opts, { "keep_weights" })
  local keep = util.boolean("replace", "keep_weights", opts.keep_weights, false)
  local number = find(m, "replace", which)
  operate(m, "replace", "replace", number, nil, graph.as_layer(layer, "replace: the new layer"), keep)
end

-- m:insert("conv2d_1", batch_norm{}): before that layer, or with { after = true } behind it.
function surgery.model.insert(m, which, layer, opts)
  opts = util.options("insert", opts, { "after" })
  local after = util.boolean("insert", "after", opts.after, false)
  local number, node = find(m, "insert", which)
  operate(m, "insert", after and "after" or "before", number, node, graph.as_layer(layer, "insert: the new layer"))
end

-- m:remove("dropout"): what read it reads what it read.
function surgery.model.remove(m, which, opts)
  util.options("remove", opts, {})
  operate(m, "remove", "remove", (find(m, "remove", which)))
end

-- ---- freezing ----

-- All layers that have weights.
local function with_weights(m)
  local list = {}
  for i, layer in ipairs(layers.info(m).layers) do
    if #layer.params > 0 then list[#list + 1] = i end
  end
  return list
end

local function chosen(m, who, v)
  if v == nil then return with_weights(m) end
  if core.type(v) ~= "table" or calls.is(v) or type(next(v)) ~= "string" then
    if core.type(v) == "table" and not calls.is(v) and rawget(v, "except") ~= nil then
      fail("%s: a list of layers and except in one; m:%s{ except = ... } alone is of all but those", who, who)
    end
    local list = find_all(m, who, v)
    if #list == 0 then fail('%s: the list is empty; m:%s() is of all layers', who, who) end
    return list
  end
  util.options(who, v, { "except" })
  local left, list = {}, {}
  for _, i in ipairs(find_all(m, who, v.except)) do left[i] = true end
  for _, i in ipairs(with_weights(m)) do
    if not left[i] then list[#list + 1] = i end
  end
  return list
end

local function freeze(m, who, trainable, v, more)
  if more ~= nil then fail('%s: several layers go into a list: m:%s{ "conv2d", "conv2d_1" }', who, who) end
  core.model_freeze(m, chosen(m, who, v), trainable)
  core.state(m).info = nil
end

-- m:freeze(), m:freeze "conv2d", m:freeze{ "conv2d", "conv2d_1" }, m:freeze{ except = "prediction" }
function surgery.model.freeze(m, v, more) freeze(m, "freeze", false, v, more) end
function surgery.model.unfreeze(m, v, more) freeze(m, "unfreeze", true, v, more) end

-- ---- compiling a run again ----

-- Callbacks that set the rate want a number.
local function check_rate(r, rate)
  if type(rate) == "number" then return end
  for _, cb in ipairs(core.run_callbacks(r)) do
    if cb.type == "reduce_lr_on_plateau" or cb.type == "learning_rate_scheduler" then
      fail("compile: %s sets the learning rate, so it must be a number, not %s", cb.type, util.a(rate))
    end
  end
end

-- c: { loss, optimizer, metrics, names, given = is the optimizer another one?, anew = where it begins as if nothing was
-- before: the seed of dropout }
function surgery.recompile(r, c)
  local s = core.state(r)
  local was_loss = core.trainer_info(s.trainer)
  if c.given then check_rate(r, c.optimizer.learning_rate) end
  core.trainer_recompile(s.trainer, c.loss, c.optimizer, c.metrics, c.names, c.anew ~= nil, c.anew)
  local rate = s.rate
  if c.given then
    rate = model.rate_function(c.optimizer)
    if rate then s.told = nil end -- it is asked before the next step
  end
  model.compiled(s.model, s.trainer, c.loss, c.given and c.optimizer or nil, rate)
  if core.object_text(c.loss) ~= core.object_text(was_loss) then core.run_new_loss(r) end
  warn_of_run(s.model, "compile")
end

-- A schedule begins where it comes.
local function say_rate(r, v, before)
  drive.say(core.state(r), ("learning_rate: %s from step %d on, in place of %s"):format(type(v) == "function"
    and "the function" or tostring(v), r.iterations + 1, before))
end

-- A number that a callback is going to replace. Once in an epoch: a callback of the user's may set one at each step.
local function say_overridden(r, rate)
  local s, epoch = core.state(r), core.run_info(r).epoch
  if type(rate) ~= "number" or s.overridden == epoch then return end
  for _, cb in ipairs(core.run_callbacks(r)) do
    if cb.type == "learning_rate_scheduler" then
      s.overridden = epoch
      drive.say(s, ("learning_rate: %s only until the next epoch begins: learning_rate_scheduler, a callback of this "
        .. "run, sets it then; a run without that callback keeps it"):format(rate))
    end
  end
end

-- r.learning_rate = v: a number, a schedule or a function in place of whatever it was.
function surgery.set_rate(r, v)
  local trainer = core.state(r).trainer
  if type(v) ~= "number" and type(v) ~= "function" and core.type(v) ~= "object" then
    fail("learning_rate wants a number, a schedule or a function, got %s", util.quoted(v))
  end
  local now, kind = core.trainer_rate(trainer)
  if kind == "plain" and type(v) == "number" then
    core.trainer_set_rate(trainer, v)
    return say_overridden(r, v)
  end
  local before = kind == "plain" and ("%g"):format(now) or kind == "function" and "a function"
    or tostring(select(2, core.trainer_info(trainer)).learning_rate)
  surgery.run.compile(r, { learning_rate = v })
  say_rate(r, v, before)
end

-- r:compile{ optimizer = , learning_rate = , loss = , metrics = }: what is not given stays.
function surgery.run.compile(r, opts)
  opts = util.options("compile", opts, { "optimizer", "learning_rate", "loss", "metrics" })
  if next(opts) == nil then
    fail "compile: nothing is given; r:compile{ optimizer =, learning_rate =, loss =, metrics = }"
  end
  if opts.optimizer ~= nil and opts.learning_rate ~= nil then
    fail "compile: give optimizer or learning_rate, not both; adam{ 1e-4 } has its rate in it"
  end
  local loss, optimizer, names, metrics = core.trainer_info(core.state(r).trainer)
  if opts.loss ~= nil then loss = objects.as("loss", opts.loss, "compile: loss") end
  if opts.optimizer ~= nil then optimizer = objects.as("optimizer", opts.optimizer, "compile: optimizer") end
  if opts.learning_rate ~= nil then optimizer = objects.with_rate(optimizer, opts.learning_rate) end
  if opts.metrics ~= nil then metrics, names = model.metrics(opts.metrics) end
  surgery.recompile(r, { loss = loss, optimizer = optimizer, metrics = metrics, names = names,
    given = opts.optimizer ~= nil or opts.learning_rate ~= nil })
  if opts.optimizer ~= nil or opts.learning_rate ~= nil then say_overridden(r, optimizer.learning_rate) end
end

return surgery
