-- Which class is meant: by its number, from 0 as labels count, or by its name.
local core = require "sonde.core"
local util = require "sonde.util"

local classes = {}
local fail = util.fail

local LISTED = 20

-- The number, from 0, of the class that v says. names: of all classes in their order, or nil.
function classes.number(who, v, count, names)
  for i, name in ipairs(names or {}) do
    if v == name then return i - 1 end
  end
  if type(v) == "number" then
    local n = math.tointeger(v)
    if n and n >= 0 and n < count then return n end
    fail("%s: there is no class %s; %s", who, util.quoted(v),
      count == 1 and "there is but one, 0" or ("classes are numbered from 0 to %d"):format(count - 1))
  end
  if type(v) ~= "string" then fail("%s: class wants a number from 0 or a name, got %s", who, util.a(v)) end
  if not names then
    fail('%s: class = "%s": the classes have no names; give the number, from 0, or class_names = { ... }', who, v)
  end
  local near = core.suggest(v, names)
  fail('%s: there is no class "%s"%s', who, v, near and ('; did you mean "%s"?'):format(near)
    or "; there are " .. table.concat(names, ", ", 1, math.min(#names, LISTED)) .. (#names > LISTED and ", ..." or ""))
end

return classes
