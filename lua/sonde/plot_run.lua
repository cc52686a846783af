-- r:plot(what), and plots that are drawn while a run goes on.
local core = require "sonde.core"
local plot = require "sonde.plot"
local plots = require "sonde.plots"
local util = require "sonde.util"

local plot_run = { run = {} }

function plot_run.run.plot(r, what) return plots.run(r, what) end

-- ---- live ----

local SECONDS = 1      -- from one drawing on the screen to the next
local ROOM = 5         -- lines of the screen that it leaves free
local LEAST_PANEL = 14 -- lines
local FILES = { png = true, svg = true, pdf = true, gp = true, txt = true }

local Live = {}
Live.__index = Live

local function is_file(v) return type(v) == "string" and FILES[(v:match "%.(%w+)$" or ""):lower()] or false end

-- What `live` says: true, "loss", "curve.png", or { "loss", "accuracy", logy = true, file = "curve.png" }.
local function understood(who, live)
  if live == true then return nil, nil end
  if type(live) == "string" then
    if is_file(live) then return nil, live end
    return live, nil
  end
  if core.type(live) ~= "table" then
    util.fail('%s: live wants true, a name like "loss", or a file like "curve.png", got %s', who, util.a(live))
  end
  local what, file = {}, live.file
  for k, v in pairs(live) do
    if k ~= "file" then what[k] = v end
  end
  if file ~= nil and not is_file(file) then
    util.fail("%s: live: file = %s must end in .png, .svg, .pdf, .txt or .gp", who, util.quoted(file))
  end
  return what, file
end

-- A drawer for r:finish{ live = ... }. Wrong names, and a gnuplot that is not there, are said at once.
function plot_run.live(who, r, live)
  local what, file = understood(who, live)
  require "sonde.gnuplot".want(who)
  plots.check(r, what, who .. ": live")
  local term = os.getenv "TERM"
  local place = not file and core.terminal "stdout" and term and term ~= "dumb"
  return setmetatable({ what = what, file = file, in_place = place, lines = 0, last = -math.huge }, Live)
end

-- Takes the drawing off the screen, so that lines can be written where it was.
function Live:clear()
  if self.lines == 0 then return end
  io.stdout:write(("\27[%dA\r\27[J"):format(self.lines))
  io.stdout:flush()
  self.lines = 0
end

-- Puts it back.
function Live:restore()
  if not self.text or self.lines > 0 or not self.in_place then return end
  io.stdout:write(self.text)
  io.stdout:flush()
  self.lines = select(2, self.text:gsub("\n", ""))
end

-- As many panels as there is room for.
function Live:draw(r)
  local p, room = plots.run(r, self.what), nil
  if self.in_place then
    room = select(2, core.terminal "stdout") - ROOM
    for i = #p.panels, math.max(1, room // LEAST_PANEL) + 1, -1 do p.panels[i] = nil end
  end
  local text = plot.on_screen("live", p, room)
  self:clear()
  self.text, self.last = text, core.clock()
  if self.in_place then return self:restore() end
  io.stdout:write(text)
  io.stdout:flush()
end

-- After an epoch.
function Live:update(r)
  self.fresh = false
  if self.file then return plots.run(r, self.what):save(self.file) end
  if self.in_place and core.clock() - self.last >= SECONDS then
    self:draw(r)
    self.fresh = true
  end
  self:restore()
end

-- The task is over: what stays on the screen is how the run stands. Where nothing is drawn in place, it is drawn now.
function Live:finish(r)
  if self.fresh == false and not self.file then self:draw(r) end
  self:leave()
end

-- What is on the screen stays there.
function Live:leave() self.lines, self.text, self.fresh = 0, nil, nil end

return plot_run
