-- m:summary(): shapes, parameters, cost and memory, before any data is seen.
local core = require "sonde.core"
local layers = require "sonde.layers"
local util = require "sonde.util"

local function count_of(layer)
  local n = 0
  for _, p in ipairs(layer.params) do n = n + p.count end
  return n
end

local function layer_table(info)
  local chain = layers.is_chain(info)
  local rows = { { "layer (type)", "output shape", "params", not chain and "connected to" or nil }, "─" }
  local names = { "layer" } -- by row
  for _, layer in ipairs(info.layers) do
    if not (chain and layer.type == "input") then -- as Keras shows a sequential model
      local from = {}
      for i, k in ipairs(layer.inputs) do from[i] = info.layers[k].name end
      rows[#rows + 1] = { ("%s (%s)"):format(layer.name, layer.type), util.shape_text(layer.shape, true),
        util.thousands(count_of(layer)), not chain and table.concat(from, ", ") or nil }
      names[#rows] = layer.name
    end
  end
  rows[#rows + 1] = "─"
  local columns = core.terminal "stdout"
  if columns and util.widest(rows) > columns then -- what is left without the types can be read
    for i, name in pairs(names) do rows[i][1] = name end
  end
  return util.columns(rows, "llrl")
end

local function gflop(macs) return ("%.3g GFLOP"):format(2 * macs / 1e9) end

-- What training with that batch will hold. nstate: the optimizer's values per weight, nil = not compiled.
local function memory(m, batch, nstate)
  local weights = 4 * (core.model_count(m))
  local parts = { { "parameters", weights }, { "gradients", 2 * weights } }
  if nstate then parts[#parts + 1] = { "optimizer", weights * nstate } end
  -- Validation lives in the same memory.
  local activations = math.max(core.model_measure(m, batch, true), core.model_measure(m, batch, false))
  parts[#parts + 1] = { "activations", activations }
  parts[#parts + 1] = { "loaders", 2 * core.loader_bytes(m, batch) }
  local total, rows = 0, {}
  for i, p in ipairs(parts) do
    total = total + p[2]
    rows[i] = { "  " .. p[1], core.bytes(p[2]) }
  end
  return total, util.columns(rows, "lr")
end

-- The text, and the bytes that training with that batch will hold.
local function summary(m, batch, nstate)
  local info = layers.info(m)
  local total, trainable, fixed = core.model_count(m)
  local macs = 0
  for _, layer in ipairs(info.layers) do macs = macs + layer.macs end
  local bytes, parts = memory(m, batch, nstate)
  local function line(name, n)
    return ("%s: %s (%s)"):format(name, util.thousands(n), core.bytes(4 * n))
  end
  return table.concat({
    ('model "%s"'):format(info.name),
    layer_table(info),
    line("Total params", total),
    line("Trainable params", trainable),
    line("Non-trainable params", fixed),
    ("One sample: %s forward, activations %s"):format(gflop(macs), core.bytes(core.model_measure(m, 1, true))),
    ("Training with batch_size %d: %s\n%s"):format(batch, core.bytes(bytes), parts),
  }, "\n"), bytes
end

return summary
