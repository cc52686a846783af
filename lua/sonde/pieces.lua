-- A step in pieces: r:forward(), r:backward(), r:update(), and layer by layer r:step_layer(). The pieces run beside the
-- training, on the batch and with the dropout of the next step; the update is that step itself, made by the run, so
-- that it has the bits of r:step().
local calls = require "sonde.calls"
local core = require "sonde.core"
local drive = require "sonde.drive"
local inside = require "sonde.inside"
local layers = require "sonde.layers"
local layout = require "sonde.layout"
local run = require "sonde.run"
local tables = require "sonde.probe_table"
local util = require "sonde.util"

local pieces = {}
local fail = util.fail

-- ---- tables ----

-- Rows also by name; it prints title, the columns that r:gradients() and its like have, last line.
local Pass = {}
local about = setmetatable({}, { __mode = "k" }) -- table -> { title, rank, what, labels, last }

function Pass.__tostring(t)
  local info = about[t]
  local lines = { layout.wrap(info.title, tables.width(), 2, 0) }
  if #t > 0 then lines[#lines + 1] = tables.lines(t, info.rank, info.what, info.labels) end
  lines[#lines + 1] = info.last and layout.wrap(info.last, tables.width(), 2, 0)
  return table.concat(lines, "\n")
end

-- probe: what measures the same; what: the names' head.
local function new_pass(title, probe, what)
  local t = setmetatable({}, Pass)
  about[t] = { title = title, rank = tables.rank(probe), what = what, labels = {} }
  return t
end

-- The row, also by its name. stats: as the core gives them, or nil. label: its name in print, where that is another.
local function add(t, stats, name, shape, label)
  local row = stats or {}
  row.name, row.shape = name, shape
  row.nan, row.inf, row.nans, row.infs = row.nans, row.infs, nil, nil
  t[#t + 1] = row
  if t[name] == nil then t[name] = row end
  about[t].labels[#t] = label
  return row
end

-- ---- where it stands ----

local text_of = require "sonde.progress".loss_text

local function loss_text(l)
  return ("loss: %s = data %s + penalty %s%s"):format(text_of(l.loss), text_of(l.data), text_of(l.penalty),
    l.activity ~= 0 and " + activity " .. text_of(l.activity) or "")
end

local function title(r, p, what)
  local s, info = core.state(r), core.run_info(r)
  return ("%s, epoch %d/%d, step %d/%d: %d sample%s"):format(what, s.first + info.epoch + 1, s.first + info.epochs,
    info.step + 1, info.steps, p.samples, p.samples == 1 and "" or "s")
end

-- The calls that compute anything: all but the inputs.
local function computing(model)
  local list = {}
  for _, call in ipairs(calls.of(model)) do
    if #call.inputs > 0 then list[#list + 1] = call end
  end
  return list
end

local function walk_loss(r, p)
  local total, data, penalty, activity, n = core.walk_loss(p.walk, r)
  p.losses = { loss = total, data = data, penalty = penalty, activity = activity, samples = n }
end

local function mark(r) return (select(2, core.look_mark(r))) end

-- The weights were changed in between (by hand, or by a step of something else): what was computed is computed anew.
function pieces.refresh(r, p)
  if p.mark == mark(r) then return end
  local walk, at = core.walk(r), mark(r)
  if p.at > 0 then core.walk_forward(walk, r, p.calls[p.at].node) end
  local before = p.walk
  p.walk = walk
  local ok, err = pcall(function()
    if p.losses then walk_loss(r, p) end
    if p.left then core.walk_backward(walk, r, p.left) end
  end)
  if not ok then
    p.walk = before
    error(err, 0)
  end
  p.mark = at
end

-- The next step, opened: the run goes on to it, its batch is there.
local function open(r)
  local p = inside.opened(r)
  if p then
    pieces.refresh(r, p)
    return p
  end
  run.want_unfinished(r)
  local s, n, beyond = core.state(r), nil, false
  repeat
    drive.to_step(r, beyond)
    run.want_unfinished(r)
    n, beyond = core.look_samples(r, true), true
  until n
  local info = core.run_info(r)
  p = { epoch = info.epoch, step = info.step, samples = n, walk = core.walk(r), mark = mark(r),
    calls = computing(s.model), at = 0 } -- at: calls that are forward; left: the last node that is back
  s.pieces = p
  return p
end

-- ---- forward ----

local function forward_table(r, p, what, from, to)
  local t = new_pass(title(r, p, what), "activations", "layer")
  for i = from, to do
    local call = p.calls[i]
    local stats = core.walk_stats(p.walk, call.node, false)
    if stats then add(t, stats, call.name, call.shape).layer = call.layer_name end
  end
  return t
end

local function go_forward(r, p)
  if p.at < #p.calls then
    core.walk_forward(p.walk, r, p.calls[#p.calls].node)
    p.at = #p.calls
  end
  if not p.losses then walk_loss(r, p) end
end

local function with_losses(t, p)
  for k, v in pairs(p.losses) do t[k] = v end
  about[t].last = loss_text(p.losses)
  return t
end

-- ---- backward ----

local function params_of(r, call)
  return call.number == 1 and layers.info(core.state(r).model).layers[call.layer].params or {}
end

local function backward_row(t, r, p, call)
  local stats = core.walk_stats(p.walk, call.node, true)
  local row = add(t, stats, call.name, call.shape)
  row.layer, row.note = call.layer_name, not stats and "not needed" or nil
  for _, q in ipairs(params_of(r, call)) do
    if q.trainable then
      stats = core.look_stats(core.look_param(r, true, core.walk_slab(p.walk), q.index, "total"))
      add(t, stats, q.path, q.shape, "  " .. q.name).layer = call.layer_name
    end
  end
end

-- Of the calls numbered from..to, in the order in which they are computed.
local function backward_table(r, p, what, from, to)
  local t = new_pass(title(r, p, what), "gradients", "gradient of")
  for i = from, to, -1 do backward_row(t, r, p, p.calls[i]) end
  return t
end

local function go_backward(r, p, node)
  core.walk_backward(p.walk, r, node)
  p.left = node
end

-- ---- update ----

local function update_table(r, p)
  local s = core.state(r)
  local t = new_pass(p, "updates", "parameter")
  for _, q in ipairs(layers.params(layers.info(s.model), true)) do
    local norm, u = core.look_update(r, q.index)
    if norm then
      u.weights, u.ratio = norm, norm > 0 and u.norm / norm or nil
      add(t, u, q.path, q.shape)
    end
  end
  local ev = s.last
  return with_losses(t, { losses = { loss = ev.loss, data = ev.data, penalty = ev.penalty, activity = ev.activity,
    samples = ev.samples } })
end

-- ---- methods ----

local methods = {}

local function nothing_more(who, n)
  if n ~= nil then fail("%s: takes nothing, got %s", who, util.a(n)) end
end

-- The next step's forward pass: what each layer gives, and the loss. No weight changes.
function methods.forward(r, ...)
  nothing_more("forward", ...)
  local p = open(r)
  go_forward(r, p)
  return with_losses(forward_table(r, p, "forward", 1, #p.calls), p)
end

-- Its gradients; forward first where that was not done.
function methods.backward(r, ...)
  nothing_more("backward", ...)
  local p = open(r)
  go_forward(r, p)
  if not p.left or p.left > 1 then go_backward(r, p, 1) end
  return with_losses(backward_table(r, p, "backward", #p.calls, 1), p)
end

-- The step itself. nil when it was halted.
function methods.update(r, ...)
  nothing_more("update", ...)
  local p = open(r)
  local s = core.state(r)
  local made, head = s.made, title(r, p, "update")
  drive.go(r, drive.steps(r, 1), true)
  if s.made == made then return nil end
  return update_table(r, head)
end

-- The next layer of the forward pass, then the loss, then the layers back from the last, then the update.
function methods.step_layer(r, ...)
  nothing_more("step_layer", ...)
  local p = open(r)
  if p.at < #p.calls then
    core.walk_forward(p.walk, r, p.calls[p.at + 1].node)
    p.at = p.at + 1
    return forward_table(r, p, ("forward %d/%d"):format(p.at, #p.calls), p.at, p.at)
  end
  if not p.losses then
    walk_loss(r, p)
    return with_losses(new_pass(title(r, p, "loss")), p)
  end
  for i = #p.calls, 1, -1 do
    local first = p.calls[i].first
    if not p.left or p.left > first then
      go_backward(r, p, i == 1 and 1 or first)
      return backward_table(r, p, ("backward %d/%d"):format(#p.calls - i + 1, #p.calls), i, i)
    end
  end
  return methods.update(r)
end

pieces.run = methods
return pieces
