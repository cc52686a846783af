-- A model's graph as the Lua text that makes one of the same shapes, as m.
local calls = require "sonde.calls"
local core = require "sonde.core"
local layers = require "sonde.layers"

-- Does every call read the one before it, and is no layer called twice?
local function is_chain(list)
  for i, call in ipairs(list) do
    if call.of > 1 or i > 1 and not (#call.inputs == 1 and call.inputs[1] == list[i - 1].node) then return false end
  end
  return true
end

local function name_option(model, default)
  return model.name ~= default and (", name = %q"):format(model.name):gsub("\\\n", "\\n") or ""
end

local function chain(model, info, list)
  local out = { "m = sequential {" }
  for i, call in ipairs(list) do
    out[i + 1] = ("  %s,"):format(core.object_text(info.layers[call.layer].object))
  end
  local name = name_option(info, "sequential")
  if name ~= "" then out[#out + 1] = "  " .. name:sub(3) .. "," end
  out[#out + 1] = "}"
  return table.concat(out, "\n")
end

local function graph(model, info, list)
  local out, value, shared = {}, {}, {} -- node -> the variable that holds it; layer -> the variable of a shared one
  for i, call in ipairs(list) do
    local object, from = core.object_text(info.layers[call.layer].object), {}
    if call.of > 1 then
      if not shared[call.layer] then
        shared[call.layer] = "layer" .. call.layer
        out[#out + 1] = ("%s = %s"):format(shared[call.layer], object)
      end
      object = shared[call.layer]
    end
    for k, node in ipairs(call.inputs) do from[k] = value[node] end
    value[call.node] = "x" .. i
    out[#out + 1] = ("x%d = %s%s"):format(i, object, #from > 0 and "(" .. table.concat(from, ", ") .. ")" or "")
  end
  local first, last = list[1], list[#list]
  for _, call in ipairs(list) do
    if info.layers[call.layer].type == "input" then first = call end
  end
  out[#out + 1] = ("m = model { inputs = %s, outputs = %s%s }"):format(value[first.node], value[last.node],
    name_option(info, "model"))
  return table.concat(out, "\n")
end

return function(model)
  local info, list = layers.info(model), calls.of(model)
  return is_chain(list) and chain(model, info, list) or graph(model, info, list)
end
