-- The tensors inside of a run's step: r.layers.NAME.output and the like. They are of the last step that was made, or of
-- the pending one after r:forward() and when it was halted; computed again on the same batch with the same weights and
-- the same dropout, to the same bits, when they are asked for.
local calls = require "sonde.calls"
local core = require "sonde.core"
local util = require "sonde.util"

local inside = {}
local fail = util.fail

inside.keep = 256 << 20 -- bytes: steps whose tensors are smaller together are kept whole

-- ---- which step ----

-- The step that r:forward() and its like have opened, as long as the run stands before it.
function inside.opened(r)
  local s = core.state(r)
  local p = s.pieces
  if not p then return nil end
  local info = core.run_info(r)
  if core.run_training(r) and info.epoch == p.epoch and info.step == p.step then return p end
  s.pieces = nil
end

-- Is it the pending step? And are its gradients there to be asked for?
local function subject(r)
  local p, halted = inside.opened(r), core.run_halted(r)
  return p ~= nil or halted, halted or (p ~= nil and p.left ~= nil)
end

-- What was kept of the step, by node: outputs, gradients; and the slab of the weights' gradients.
local function kept(r, pending)
  local s = core.state(r)
  local last, next_ = core.look_mark(r)
  local info = core.run_info(r)
  local key = pending and ("%s %d %d"):format(next_, info.epoch, info.step) or last
  if not s.inside or s.inside.key ~= key then s.inside = { key = key, outputs = {}, grads = {} } end
  return s.inside
end

local function count_of(shape)
  local n = 1
  for _, d in ipairs(shape) do n = n * d end
  return n
end

-- Bytes of all outputs, with their gradients and those of the weights.
local function bytes_of(r, n)
  local m, sum = core.state(r).model, 0
  for _, call in ipairs(calls.of(m)) do sum = sum + 8 * n * count_of(call.shape) end
  return sum + 4 * core.model_count(m)
end

-- ---- computing ----

local function collect(into, nodes, tensors)
  for i, node in ipairs(nodes) do
    if tensors[i] then into[node] = tensors[i] end
  end
end

-- All that the pass computes, in one go.
local function keep_all(r, c, pending, grads)
  local nodes = {}
  for i, call in ipairs(calls.of(core.state(r).model)) do nodes[i] = call.node end
  local out, grad, slab = core.look_tensors(r, pending, nodes, grads and nodes or {}, grads, false)
  collect(c.outputs, nodes, out)
  collect(c.grads, grads and nodes or {}, grad)
  c.slab = slab or c.slab
end

-- One tensor; that which no weight's gradient needs (the input's) by a pass of its own.
local function compute(r, pending, node, grad)
  if not grad then return core.look_tensors(r, pending, { node }, {}, false, false)[1] end
  local _, list = core.look_tensors(r, pending, {}, { node }, false, false)
  if list[1] then return list[1] end
  _, list = core.look_tensors(r, pending, {}, { node }, false, true)
  return list[1]
end

local function fetch(r, pending, grads, node, grad)
  local c = kept(r, pending)
  local list = grad and c.grads or c.outputs
  if list[node] then return core.tensor(list[node]) end
  if bytes_of(r, core.look_samples(r, pending)) > inside.keep then return compute(r, pending, node, grad) end
  if not c.whole or (grads and c.whole ~= "grads") then
    keep_all(r, c, pending, grads)
    c.whole = grads and "grads" or "outputs"
  end
  list[node] = list[node] or compute(r, pending, node, grad)
  return core.tensor(list[node])
end

-- ---- what is seen ----

local function want_gradients(what)
  fail("%s: the step has come forward and not back; r:backward() computes its gradients", what)
end

-- A node's output as a value; its .grad is of the same step.
local function value(r, node, what)
  local pending, grads = subject(r)
  local key = kept(r, pending).key
  local t = fetch(r, pending, grads, node, false)
  core.state(t).grad = function()
    local now, has = subject(r)
    if kept(r, now).key ~= key then
      fail("%s.grad: the run has moved on since this tensor was taken; take it anew", what)
    end
    if now and not has then want_gradients(what .. ".grad") end
    return fetch(r, now, true, node, true)
  end
  return t
end

-- r.layers.NAME.output, .input: of that call. A layer that reads several has a list of inputs.
function inside.tensor(r, call, k)
  local what = ("layer %s: %s"):format(call.name, k)
  if k == "output" then return value(r, call.node, what) end
  if #call.inputs == 0 then fail("%s: it reads nothing; its output is the batch", what) end
  if #call.inputs == 1 then return value(r, call.inputs[1], what) end
  local list = {}
  for i, node in ipairs(call.inputs) do list[i] = value(r, node, what) end
  return list
end

-- The first node of a layer: when backward has come there, the gradients of its weights are whole.
local function first_node(model, number)
  for _, call in ipairs(calls.of(model)) do
    if call.layer == number then return call.first end
  end
end

-- A parameter's gradient: part "total" as the optimizer gets it, "data" without the regularizer, "penalty" that alone.
-- nil where it does not learn, or before the first step.
function inside.param_grad(r, p, part)
  local s = core.state(r)
  if not p.trainable then return nil end
  local pending = subject(r)
  local open = inside.opened(r)
  if not pending and part == "total" then
    return core.run_info(r).has_gradients and core.trainer_get(s.trainer, p.index, "grad") or nil
  end
  if not pending and not core.run_info(r).has_gradients then return nil end
  if part == "penalty" then return core.look_param(r, pending, nil, p.index, part) end
  if open and not core.run_halted(r) then
    if not open.left or open.left > first_node(s.model, p.layer) then want_gradients(p.path .. ": grad") end
    require("sonde.pieces").refresh(r, open)
    return core.look_param(r, true, core.walk_slab(open.walk), p.index, part)
  end
  local c = kept(r, pending)
  if not c.slab then
    local _
    _, _, c.slab = core.look_tensors(r, pending, {}, {}, true, false)
  end
  return core.look_param(r, pending, c.slab, p.index, part)
end

return inside
