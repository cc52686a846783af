-- The graph-wide seed: what is made after sonde.seed(n) depends on n and on how many were made since.
local core = require "sonde.core"
local util = require "sonde.util"

local seeds = {}
local base, counts, given = core.entropy(), {}, false

function seeds.seed(n)
  if n == nil then return base end
  base, counts, given = util.whole("seed", "n", n, nil, math.mininteger), {}, true
end

-- For what shall be the same in every process unless a seed was given.
function seeds.next_given(what) return given and seeds.next(what) or 0 end

-- Models and runs are counted apart, so that a run more does not change the next model.
local salts = { model = 0, run = 0x52554e, split = 0x53504c4954, tensor = 0x54454e, batch = 0x42415443 }

function seeds.next(what)
  counts[what] = (counts[what] or 0) + 1
  local key = salts[what] == 0 and base or core.mix(base, salts[what])
  return core.mix(key, counts[what])
end

return seeds
