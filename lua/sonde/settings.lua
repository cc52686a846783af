-- The table sonde as others see it: all of it can be read, and what is a setting can be set.
local core = require "sonde.core"
local util = require "sonde.util"

-- What can be set: name -> the check of a value, which gives what is wanted where it is not that.
local settings = {}
function settings.pager(v)
  return v == nil or v == false or type(v) == "string" or "a command, or false for none"
end

local remedy = {
  threads = "; sonde --threads N or SONDE_THREADS=N sets it at the start",
  isa = "; SONDE_ISA sets it at the start",
}

local function cannot(names, k)
  if type(names[k]) == "function" then util.fail("sonde.%s is a function; it is called: sonde.%s(...)", k, k) end
  if names[k] ~= nil then util.fail("sonde.%s cannot be set%s", k, remedy[k] or "") end
  local list, own = {}, {}
  for name in pairs(names) do list[#list + 1] = name end
  for name in pairs(settings) do list[#list + 1], own[#own + 1] = name, name end
  table.sort(list)
  table.sort(own)
  local near = type(k) == "string" and core.suggest(k, list)
  util.fail("sonde has no setting %s; %s", util.quoted(k), near and ("did you mean sonde.%s?%s"):format(near,
    settings[near] and "" or " That cannot be set" .. (remedy[near] or "")) or "there is " .. table.concat(own, ", "))
end

-- names: everything that can be read. A name that is not there reads as nil, as in any table.
return function(names)
  return setmetatable({}, {
    __index = names,
    __tostring = function() return ("sonde %s: the table of all its names; ?sonde"):format(names.version) end,
    __pairs = function() return pairs(names) end,
    __newindex = function(_, k, v)
      if not settings[k] then cannot(names, k) end
      local wanted = settings[k](v)
      if wanted ~= true then util.fail("sonde.%s: wants %s, got %s", k, wanted, util.quoted(v)) end
      names[k] = v
    end,
  })
end
