-- m:summary{ engine = true }: what a training step is computed by, layer by layer.
local core = require "sonde.core"
local layers = require "sonde.layers"
local util = require "sonde.util"

-- One row for each layer: the passes of its first call that says so, the work of all of them.
local function rows_of(m, batch)
  local list, info = {}, layers.info(m)
  for i, layer in ipairs(info.layers) do
    list[i] = { name = layer.name, type = layer.type, flops = 0, workspace = 0 }
  end
  for _, node in ipairs(core.model_engine(m, batch)) do
    local row = list[node.layer]
    for _, pass in ipairs { "forward", "data", "weights" } do row[pass] = row[pass] or node[pass] end
    row.flops = row.flops + node.flops
    row.workspace = math.max(row.workspace, node.workspace)
    if node.within and node.within ~= node.layer then row.forward = "with " .. info.layers[node.within].name end
  end
  return list
end

local function engine(m, batch)
  local table_rows = { { "layer", "forward", "data grad.", "weight grad.", "GFLOP", "workspace" }, "─" }
  for _, row in ipairs(rows_of(m, batch)) do
    if row.type ~= "input" then
      table_rows[#table_rows + 1] = { row.name, row.forward or "-", row.data or "-", row.weights or "-",
        row.flops > 0 and ("%.3g"):format(row.flops / 1e9) or "-",
        row.workspace > 0 and core.bytes(row.workspace) or "-" }
    end
  end
  return ("A training step of %d samples; instruction set %s, %d thread%s, OpenBLAS for %s:\n%s"):format(batch,
    sonde.isa, sonde.threads, sonde.threads == 1 and "" or "s", sonde.corename, util.columns(table_rows, "llllrr"))
end

return engine
