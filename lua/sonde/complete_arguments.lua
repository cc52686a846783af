-- What the texts among a function's or method's arguments may say, for TAB: names of objects, layers, columns, modules.
local core = require "sonde.core"
local layers = require "sonde.layers"
local topics = require "sonde.topics"
local trace = require "sonde.trace"

local arguments = {}

-- Names of a kind that may stand in a text; what a Lua function is recorded as has none.
function arguments.objects(kind)
  local list = {}
  for _, k in ipairs(core.kinds) do
    for _, d in ipairs(k.kind == kind and k or {}) do
      if trace.is_written(d.name) then
        list[#list + 1] = d.name
        local alias = core.describe(kind, d.name).alias
        if alias and kind ~= "layer" then list[#list + 1] = alias end
      end
    end
  end
  return list
end

-- ---- the model or run at hand ----

local function globals_of(type)
  local list = {}
  for _, v in next, _G do
    if core.type(v) == type then list[#list + 1] = v end
  end
  return list
end

-- What the method is called on where that is known, else all models (runs) there are.
local function owners(callee, resolve, type)
  local at = #callee.parts > 1 and resolve(table.move(callee.parts, 1, #callee.parts - 1, 1, {}))
  local v = at and at.value
  if core.type(v) == type then return { v } end
  if type == "model" and core.type(v) == "run" then return { v.model } end
  return globals_of(type)
end

local function layer_names(with_params)
  return function(callee, _, resolve)
    local list = {}
    for _, m in ipairs(owners(callee, resolve, "model")) do
      for _, layer in ipairs(layers.info(m).layers) do
        list[#list + 1] = layer.name
        for _, p in ipairs(with_params and layer.params or {}) do list[#list + 1] = p.path end
      end
    end
    return list
  end
end

-- ---- tables ----

-- "gradients." and, where that is typed, its columns; and the values of the run.
local function conditions(callee, typed, resolve)
  local part = typed:match "[%w_.]*$"
  local probe, list = part:match "^([%w_]+)%.", {}
  if probe then
    local columns = core.describe("probe", probe) and require "sonde.probes".columns(probe) or {}
    for i, column in ipairs(columns) do list[i] = probe .. "." .. column end
    return list, part
  end
  for _, name in ipairs(arguments.objects "probe") do list[#list + 1] = name .. "." end
  local values = { "loss", "data", "penalty", "activity", "learning_rate" }
  for _, r in ipairs(owners(callee, resolve, "run")) do
    for _, name in ipairs((core.run_columns(r))) do values[#values + 1] = name end
  end
  for _, name in ipairs(values) do list[#list + 1] = name end
  list[#list + 1] = callee.name == "watch" and "nan" or nil
  return list, part, true
end

local function logged(callee, _, resolve)
  local list = { "loss", "val_loss", "accuracy", "val_accuracy" } -- callbacks are often made before the run
  for _, r in ipairs(owners(callee, resolve, "run")) do
    if #callee.parts > 1 then list = {} end
    for _, name in ipairs((core.run_columns(r))) do list[#list + 1] = name end
  end
  return list
end

local function plots(...)
  local list = { "loss_terms" }
  for _, name in ipairs(logged(...)) do
    if not name:find "^val_" then list[#list + 1] = name end
  end
  return list
end

local function modules(_, _, _)
  local list = {}
  for _, t in ipairs { package.loaded, package.preload } do
    for name in next, t do list[#list + 1] = type(name) == "string" and name ~= "_G" and name or nil end
  end
  return list
end

local function kind(name) return function() return arguments.objects(name) end end
local function one_of(...)
  local list = { ... }
  return function() return list end
end

local layer, place_of_layer = layer_names(false), layer_names(true)
local dtype, colormap = one_of("float32", "float64", "int64", "int32", "uint8"), one_of("gray", "viridis", "coolwarm")

-- By the function's or method's name: option or place -> function(callee, typed, resolve) that gives the list; with it,
-- where a text is more than one name, the part of it that is being typed, and true where it goes on behind that.
local by_name = {
  compile = { loss = kind "loss", optimizer = kind "optimizer", metrics = kind "metric" },
  output = { layer }, input_gradient = { layer = layer }, filters = { layer }, feature_maps = { layer },
  watch = { conditions, layer = place_of_layer }, record = { conditions, layers = layer, layer = place_of_layer },
  plot = { plots, style = one_of("lines", "points", "steps") }, finish = { live = plots },
  run = { live = plots }, fit = { live = plots },
  early_stopping = { monitor = logged }, model_checkpoint = { monitor = logged },
  reduce_lr_on_plateau = { monitor = logged },
  picture = { colormap = colormap }, overlay = { colormap = colormap }, heatmap = { colormap = colormap },
  replace = { layer }, insert = { layer }, remove = { layer },
  freeze = { layer, layer, layer, except = layer }, unfreeze = { layer, layer, layer, except = layer },
  tensor = { [2] = dtype }, astype = { dtype }, copy = { dtype },
  help = { topics.all }, require = { modules },
}
for _, name in ipairs { "gradients", "weights", "updates", "activations", "output_gradients" } do
  by_name[name] = { layer, layers = layer, part = one_of("total", "data", "penalty") }
end
for _, name in ipairs { "zeros", "ones", "full", "rand", "randn", "random", "arange", "linspace", "eye" } do
  by_name[name] = { [2] = dtype, [3] = name == "arange" and dtype or nil, dtype = dtype }
end

-- The texts that may stand there, or nil where nothing is known.
function arguments.values(callee, key, pos, typed, resolve)
  local known = by_name[callee.name]
  local list = known and (key and known[key] or not key and known[pos])
  if list then return list(callee, typed or "", resolve) end
end

return arguments
