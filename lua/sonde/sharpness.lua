-- The sharpness of the loss, beside what the learning rate can bear.
local core = require "sonde.core"
local dataset = require "sonde.dataset"
local layout = require "sonde.layout"
local model = require "sonde.model"
local util = require "sonde.util"
local valley = require "sonde.valley"

local sharpness = { model = {}, run = {} }

local OPTIONS = { "batches", "batch_size", "mode", "iterations", "tolerance", "seed", "penalty", "smallest" }

local Sharpness = {}

local function measure(trainer, d, opts, batch_size)
  opts = util.options("sharpness", opts, OPTIONS)
  local mode = valley.choice("sharpness", "mode", opts.mode, { "train", "eval" })
  local seed = util.whole("sharpness", "seed", opts.seed, 0, math.mininteger)
  local iterations = util.whole("sharpness", "iterations", opts.iterations, 20, 1)
  if iterations > 1000000 then util.fail("sharpness: iterations = %d is above 1000000", iterations) end
  local tolerance = valley.positive("sharpness", "tolerance", opts.tolerance, 1e-2)
  local penalty = util.boolean("sharpness", "penalty", opts.penalty, true)
  local scout = core.scout("sharpness", trainer, d, { seed = seed, train = mode == "train", slopes = true,
    penalties = penalty, batches = util.whole("sharpness", "batches", opts.batches, 1, 1),
    batch_size = util.whole("sharpness", "batch_size", opts.batch_size, batch_size, 1) })
  local smallest = util.boolean("sharpness", "smallest", opts.smallest, false)
  local t = core.scout_sharpness(scout, iterations, tolerance, seed, smallest)
  local _, optimizer = core.trainer_info(trainer)
  local factor, scales = core.trainer_stable(trainer)
  t.mode, t.of, t.penalty, t.tolerance, t.optimizer, t.scales = mode, #d, penalty, tolerance, optimizer.type, scales
  t.learning_rate = core.trainer_rate(trainer)
  t.stable_rate = t.eigenvalue > 0 and 2 / t.eigenvalue or math.huge -- of plain gradient descent
  t.factor, t.limit = factor, factor / t.learning_rate
  if scales then -- of gradients in training mode
    t.preconditioned = mode == "train" and core.scout_sharpness(scout, iterations, tolerance, seed, false, trainer)
      or nil
  else
    t.stable_own = t.eigenvalue > 0 and factor / t.eigenvalue or math.huge
  end
  core.scout_close(scout)
  return setmetatable(t, Sharpness)
end

-- m:sharpness(d [, opts])
function sharpness.model.sharpness(m, x, y, opts)
  local trainer = model.trainer_of(m, "sharpness")
  x, y, opts = dataset.arguments(x, y, opts)
  return measure(trainer, dataset.from("sharpness", x, y), opts, 32)
end

-- r:sharpness([d,] [opts]): of the run's training data unless others are given.
function sharpness.run.sharpness(r, x, y, opts)
  local d, given = valley.run_arguments("sharpness", r, x, y, opts)
  return measure(core.state(r).trainer, d, given, core.run_info(r).batch_size)
end

-- ---- printing ----

local function certainty(t)
  return ("residual %.2g %%, %d product%s%s"):format(100 * t.residual, t.iterations, t.iterations == 1 and "" or "s",
    t.converged and "" or "; not converged: more iterations make it surer")
end

local function share(v, limit)
  local ratio = v / limit
  if ratio <= 0 then return "nothing is curved upwards" end
  return ratio >= 1 and ("%.3g times that: not stable"):format(ratio) or ("%.2g %% of that"):format(100 * ratio)
end

function Sharpness.__tostring(t)
  local rows = { { "sharpness", ("%.4g  largest eigenvalue of the Hessian of the %s; %s"):format(t.eigenvalue,
    t.penalty and "total loss" or "loss without penalties", certainty(t)) } }
  local function add(name, fmt, ...) rows[#rows + 1] = { name, fmt:format(...) } end
  add("measured", "in %s mode on %s of %s samples", t.mode == "train" and "training" or "inference",
    util.thousands(t.samples), util.thousands(t.of))
  if t.smallest then add("smallest", "%.4g  smallest eigenvalue; %s", t.smallest.eigenvalue, certainty(t.smallest)) end
  if t.eigenvalue > 0 then
    add("plain sgd", "stable below rate 2 / %.4g = %.4g", t.eigenvalue, t.stable_rate)
  else
    add("plain sgd", "no curvature bounds its rate here")
  end
  local p = t.preconditioned
  if p then
    add(t.optimizer, "sharpness %.4g of the Hessian divided by its scales; %s", p.eigenvalue, certainty(p))
    add("", "stable below %.3g / rate %.3g = %.4g: %s", t.factor, t.learning_rate, t.limit,
      share(p.eigenvalue, t.limit))
  elseif t.scales and t.mode == "eval" then
    add(t.optimizer, "scales each weight's step, by gradients in training mode; what it can bear is told there")
  elseif t.scales then
    add(t.optimizer, "scales each weight's step; r:step() must have been made to tell what it can bear")
  elseif t.eigenvalue > 0 then
    add(t.optimizer, "stable below rate %.3g / %.4g = %.4g; in use %.3g, %s", t.factor, t.eigenvalue, t.stable_own,
      t.learning_rate, share(t.learning_rate, t.stable_own))
  end
  return layout.rows(rows, layout.width(), 0)
end

return sharpness
