-- The way to an error in a function that the user gave: its calls, with the lines of the user's own that made them.
-- Read only where there is such an error.
local layout = require "sonde.layout"
local prompt = require "sonde.prompt"
local util = require "sonde.util"

local way = {}

local MAX_FRAMES = 8

local function is_users(at) return at.what ~= "C" and not util.is_own(at) end

-- The line of that number where the function stands; nil where the text is gone, or is what was typed just now.
local function line_of(fn, number)
  local ok, text, where, first = pcall(function() return require("sonde.source").of(fn) end)
  if not ok or not text then return nil end
  local app = prompt.app()
  local typed = where == "input" and app and app.history(1)
  if typed and not typed:find "\n" and typed:find(text, 1, true) then return nil end
  local n = first
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if n == number then return util.plain(line:match "^%s*(.-)%s*$") end
    n = n + 1
  end
end

-- "\n    12 | local x = logs.acc * 2", cut where the screen ends; "" where there is no line.
local function shown(at, indent)
  local line = line_of(at.func, at.currentline)
  if not line or line == "" then return "" end
  local text = ("%s%d | %s"):format(indent, at.currentline, line)
  return "\n" .. util.cut(text, layout.width(), "...")
end

-- Frames of the user's from that level up to util.call, innermost first; then the function that was given, where a call
-- at its end has taken its place.
local function frames(level, fn)
  local list, given = {}, false
  while true do
    local at = debug.getinfo(level, "Slnf")
    if not at or at.func == util.call then break end
    if is_users(at) then
      given = given or at.func == fn
      list[#list + 1] = at
    end
    level = level + 1
  end
  local at = debug.getinfo(fn, "Slf")
  if not given and #list > 0 and is_users(at) then
    at.currentline, at.tail = at.linedefined, true
    list[#list + 1] = at
  end
  return list
end

local function frame_text(at)
  local name = at.tail and "the function that was given" or at.name and ("function '%s'"):format(at.name)
    or "the function at line " .. at.linedefined
  return ("%s:%d: in %s%s"):format(at.short_src, at.currentline, name, shown(at, "      "))
end

-- "loss.lua:12: " of the innermost line of the user's, or "". level: of what calls this, as debug.getinfo counts.
function way.place(level)
  for i = level + 1, math.huge do
    local at = debug.getinfo(i, "Slf")
    if not at or at.func == util.call then return "" end
    if is_users(at) then return ("%s:%d: "):format(at.short_src, at.currentline) end
  end
end

-- Lines to stand below the message. fn: what util.call was given; level: of what calls this, as debug.getinfo counts.
function way.text(level, fn)
  local list = frames(level + 2, fn)
  if #list == 1 then return shown(list[1], "    ") end -- the message has its place
  local out = {}
  for i, at in ipairs(list) do out[i] = i <= MAX_FRAMES and frame_text(at) or i == MAX_FRAMES + 1 and "..." or nil end
  return #out > 0 and "\n    " .. table.concat(out, "\n    ") or ""
end

return way
