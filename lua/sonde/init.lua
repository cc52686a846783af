-- The table sonde, and its names as globals.
local core = require "sonde.core"
require "sonde.dataset"
local functional = require "sonde.functional"
local graph = require "sonde.graph"
local model = require "sonde.model"
local names = require "sonde.names"
local objects = require "sonde.objects"
local picture = require "sonde.picture"
local resume = require "sonde.resume"
local seeds = require "sonde.seeds"
local show = require "sonde.show"
local tensor = require "sonde.tensor"
local util = require "sonde.util"

local sonde = {
  version = core.version, clock = core.clock, threads = core.threads, isa = core.isa, corename = core.corename,
}

-- sonde.seed(n) makes everything that follows repeatable; sonde.seed() gives the present one. Data depend on it only
-- where it was given: otherwise a run could not be resumed in another process.
function sonde.seed(n)
  local now = seeds.seed(n)
  if n == nil then return now end
  core.dataset_seed(n)
end

-- Bytes of the core's memory: now, the most ever, the limit.
sonde.memory = core.memory
sonde.print = show.print

-- plot{ ... }, plot.histogram(t), ...: read when one of them is first called.
local plot = setmetatable({}, {
  __call = function(_, ...) return require "sonde.plot_data".plot(...) end,
  __tostring = function() return 'plot: plot{ x =, y = }, plot.histogram(t), plot.heatmap(t); see help "plot"' end,
})
for _, name in ipairs { "lines", "points", "bars", "histogram", "heatmap", "contour", "surface", "panels" } do
  plot[name] = function(...) return require "sonde.plot_data"[name](...) end
end

-- Its pages are read when one is first asked for.
local function help(...) return require "sonde.help".help(...) end

local public = {
  sequential = graph.sequential, model = graph.model, load_model = model.load, tensor = tensor.tensor, npz = tensor.npz,
  npy = tensor.npy, plot = plot, help = help, resume = resume, picture = picture,
}

-- sonde.kinds.metric.mse: by kind, where two kinds share a name
sonde.kinds = objects.by_kind
for name, fn in pairs(functional.globals(objects)) do public[name] = fn end
for name, construct in pairs(objects.global) do
  if public[name] == nil then public[name] = construct end
end
for name, v in pairs(public) do
  sonde[name] = v
  _G[name] = v
  names.add(name)
end
-- For the prompt; read when they are first called.
for name, file in pairs { who = "who", time = "timing", edit = "edit" } do
  sonde[name] = function(...) return require("sonde." .. file)[name](...) end
  _G[name] = sonde[name]
end
-- At the prompt the word alone is enough.
for _, name in ipairs { "exit", "quit" } do
  sonde[name] = function(status)
    local code = type(status) == "number" and math.tointeger(status)
    if status ~= nil and type(status) ~= "boolean" and not (code and code >= 0 and code <= 255) then
      util.fail("%s: the status is a whole number within 0..255, got %s; %s() leaves with 0", name, util.quoted(status),
        name)
    end
    os.exit(code or status, true)
  end
  _G[name] = sonde[name]
end
setmetatable(_G, { __index = names.global })
_G.sonde = require "sonde.settings" (sonde)

require "sonde.who".remember()

-- The metatables stay out of reach: a changed __gc would break the core.
for name, mt in pairs(core.meta) do mt.__metatable = name end

return _G.sonde
