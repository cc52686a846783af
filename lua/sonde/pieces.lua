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
local util = require "sonde.util"

local pieces = {}
local fail = util.fail

-- ---- tables ----

-- Rows also by name; it prints title, aligned columns, last line.
local Pass = {}
local about = setmetatable({}, { __mode = "k" }) -- table -> { title, head, align, rows = texts, last }

local function not_finite(s)
  local list = {}
  if s.nans > 0 then list[1] = s.nans .. " nan" end
  if s.infs > 0 then list[#list + 1] = s.infs .. " inf" end
  return table.concat(list, ", ")
end

local function percent(v) return ("%.1f"):format(100 * v) end

-- The columns without number c.
local function without(rows, align, c)
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = table.move(row, 1, #row, 1, {})
    table.remove(out[i], c)
  end
  return out, align:sub(1, c - 1) .. align:sub(c + 1)
end

local function widest(text)
  local most = 0
  for line in text:gmatch "[^\n]+" do most = math.max(most, utf8.len(line) or #line) end
  return most
end

function Pass.__tostring(t)
  local info = about[t]
  local lines = { info.title }
  if #info.rows > 1 then
    local text = util.columns(info.rows, info.align)
    if widest(text) > layout.width() then text = util.columns(without(info.rows, info.align, 2)) end
    lines[#lines + 1] = text
  end
  if info.last then lines[#lines + 1] = info.last end
  return table.concat(lines, "\n")
end

local function new_pass(title, head, align)
  local t = setmetatable({}, Pass)
  about[t] = { title = title, rows = { head }, align = align }
  return t
end

-- The row, also by its name.
local function add(t, row, cells)
  t[#t + 1] = row
  if t[row.name] == nil then t[row.name] = row end
  local rows = about[t].rows
  rows[#rows + 1] = cells
end

local function numbers(s)
  return util.number(s.mean), util.number(s.std), util.number(s.min), util.number(s.max), percent(s.zero), not_finite(s)
end

-- ---- where it stands ----

local function text_of(v) return util.fixed("%.4f", v) end

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

local function forward_row(t, p, call)
  local s = core.walk_stats(p.walk, call.node, false)
  if not s then return end
  local row = s
  row.name, row.layer, row.shape = call.name, call.layer_name, call.shape
  add(t, row, { call.name, util.shape_text(call.shape), numbers(s) })
end

local function forward_table(r, p, what, from, to)
  local t = new_pass(title(r, p, what), { "layer", "output", "mean", "std", "min", "max", "zero %", "" }, "llrrrrrl")
  for i = from, to do forward_row(t, p, p.calls[i]) end
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
  local s = core.walk_stats(p.walk, call.node, true)
  local row = s or {}
  row.name, row.layer, row.shape = call.name, call.layer_name, call.shape
  local cells = { call.name, util.shape_text(call.shape), "not needed", "", "", "", "" }
  if s then
    cells = { call.name, util.shape_text(call.shape), util.number(s.norm), util.number(s.mean),
      util.number(math.max(-s.min, s.max)), percent(s.zero), not_finite(s) }
  end
  add(t, row, cells)
  for _, q in ipairs(params_of(r, call)) do
    if q.trainable then
      s = core.look_stats(core.look_param(r, true, core.walk_slab(p.walk), q.index, "total"))
      s.name, s.layer, s.shape = q.path, call.layer_name, q.shape
      add(t, s, { "  " .. q.name, util.shape_text(q.shape), util.number(s.norm), util.number(s.mean),
        util.number(math.max(-s.min, s.max)), percent(s.zero), not_finite(s) })
    end
  end
end

-- Of the calls numbered from..to, in the order in which they are computed.
local function backward_table(r, p, what, from, to)
  local t = new_pass(title(r, p, what), { "gradient of", "shape", "norm", "mean", "max", "zero %", "" }, "llrrrrl")
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
  local t = new_pass(p, { "parameter", "shape", "norm", "update", "update/norm", "" }, "llrrrl")
  for _, q in ipairs(layers.params(layers.info(s.model), true)) do
    local norm, u = core.look_update(r, q.index)
    if norm then
      u.name, u.shape, u.weights = q.path, q.shape, norm
      u.ratio = norm > 0 and u.norm / norm or nil
      add(t, u, { q.path, util.shape_text(q.shape), util.number(norm), util.number(u.norm), util.number(u.ratio),
        not_finite(u) })
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
    return with_losses(new_pass(title(r, p, "loss"), {}, ""), p)
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
