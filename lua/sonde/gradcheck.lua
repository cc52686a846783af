-- m:gradcheck: are the gradients of a model the derivatives of its loss? The work is src/nn/gradcheck_model.c's.
local batch = require "sonde.batch"
local core = require "sonde.core"
local util = require "sonde.util"
local layers = require "sonde.layers"

local Check = { __name = "gradient check" } -- a list of parameters, also by name; ok, tolerance, samples
local titles = { "parameter", "checked", "worst error", "at", "analytic", "numeric", "verdict" }

local function verdict(c)
  local corners = c.kinks > 0 and ("%d at a corner"):format(c.kinks)
  if c.wrong > 0 then return ("WRONG: %d of %d"):format(c.wrong, c.checked) .. (corners and ", " .. corners or "") end
  if c.kinks == c.checked then return "corners alone: not judged" end
  return "ok" .. (corners and ", " .. corners or "")
end

function Check.__tostring(t)
  local rows = { titles }
  for _, c in ipairs(t) do
    local judged = c.worst >= 0
    rows[#rows + 1] = { c.name, tostring(c.checked), judged and ("%.2g"):format(c.error) or "-",
      judged and tostring(c.worst + 1) or "-", judged and ("%.6g"):format(c.analytic) or "-",
      judged and ("%.6g"):format(c.numeric) or "-", verdict(c) }
  end
  local judged = false
  for _, c in ipairs(t) do judged = judged or c.worst >= 0 end
  local all = not judged and "no gradient was judged" or t.ok and "the gradients are right" or "gradients are WRONG"
  return util.columns(rows, "lrrrrrl") .. ("\n%s: float64, central differences, tolerance %g (relative)%s"):format(all,
    t.tolerance, t.samples and "; on " .. t.samples or "")
end

local function gradcheck(m, x, y, opts)
  local samples
  x, y, opts, samples = batch.arguments("gradcheck", x, y, opts, { "elements", "tolerance" })
  local elements = util.whole("gradcheck", "elements", opts.elements, 20, 1)
  local tolerance = opts.tolerance or 1e-5
  if type(tolerance) ~= "number" or not (tolerance > 0 and tolerance < 1) then
    util.fail("gradcheck: tolerance = %s must be a number between 0 and 1", util.quoted(tolerance))
  end
  local info, trainer = layers.info(m), require("sonde.model").trainer_of(m, "gradcheck")
  if #layers.params(info, true) == 0 then
    util.fail "gradcheck: the model has no weights that learn, so no gradients; m:unfreeze() lets those that it has learn"
  end
  local got = core.gradcheck(trainer, x, y, elements, tolerance)
  local out, owner = { ok = true, tolerance = tolerance, samples = samples }, {}
  for _, layer in ipairs(info.layers) do
    for _, p in ipairs(layer.params) do owner[p] = layer.name end
  end
  for _, p in ipairs(layers.params(info, true)) do
    local c = got[p.index]
    if c then
      c.name, c.ok = owner[p] .. "/" .. p.name, c.wrong == 0
      out[#out + 1], out[c.name], out.ok = c, c, out.ok and c.ok
    end
  end
  return setmetatable(out, Check)
end

return { model = { gradcheck = gradcheck } }
