-- Texts, numbers and blocks of data as gnuplot reads them. Texts are drawn with "noenhanced"; data are numbers only.
local util = require "sonde.util"

local text = {}

local MOST_LINE = 4000 -- points of a curve that more are reduced to, keeping each stretch's least and largest
local MOST_POINTS = 50000
local HUGE, TINY = 1e300, 1e-300 -- beyond these gnuplot's own arithmetic overflows

-- ---- texts and numbers ----

-- UTF-8 on one line: gnuplot ends at a line's end, pango at a byte that is none.
function text.clean(s, dev)
  s = tostring(s):gsub("[%z\1-\31\127]", " ")
  if not utf8.len(s) then s = s:gsub("[\128-\255]", "?") end
  s = s:gsub("\194[\128-\159]", " "):gsub("\239\191[\190\191]", "?") -- a terminal's controls, and what XML has not
  if dev.ascii then s = s:gsub(utf8.charpattern, function(c) return #c > 1 and "?" or nil end) end
  return util.cut(s, 200, "...")
end

-- In double quotes, where whatever gnuplot could take for more than a letter is an octal number: backquotes, quotes and
-- macros are replaced before it reads numbers. (Single quotes have no way to write a quote at the beginning.)
function text.quote(s, dev)
  return '"' .. text.clean(s, dev):gsub("[^%w .,:;()/=+*<>&%%\128-\255-]", function(c)
    return ("\\%03o"):format(c:byte())
  end) .. '"'
end

-- Labels of tics are formats.
function text.tic(s, dev) return (text.quote(s, dev):gsub("%%", "%%%%")) end

function text.number(v)
  if not v or v ~= v or v > HUGE or v < -HUGE then return "NaN" end
  if v < TINY and v > -TINY then return "0" end
  return ("%.9g"):format(v)
end

function text.finite(v) return v and v == v and v <= HUGE and v >= -HUGE end

-- ---- data ----

-- The places of at most MOST_LINE points: of each stretch the least and the largest, in their order.
local function envelope(y, n)
  local keep, buckets = { 1 }, MOST_LINE // 2
  for b = 0, buckets - 1 do
    local from, to = 2 + (n - 2) * b // buckets, 1 + (n - 2) * (b + 1) // buckets
    local low, high, gap
    for i = from, to do
      local v = y[i]
      if not text.finite(v) then gap = i
      else
        if not low or v < y[low] then low = i end
        if not high or v > y[high] then high = i end
      end
    end
    local list = { low, high ~= low and high or nil }
    if gap then list[#list + 1] = gap end
    table.sort(list)
    for _, i in ipairs(list) do keep[#keep + 1] = i end
  end
  keep[#keep + 1] = n
  return keep
end

local function rising(x, n)
  for i = 2, n do
    if not (x[i] >= x[i - 1]) then return false end
  end
  return true
end

-- Which points are written, and what the title then adds.
function text.chosen(s)
  local n = #s.x
  if s.kind == "points" and n > MOST_POINTS then
    local keep, every = {}, math.ceil(n / MOST_POINTS)
    for i = 1, n, every do keep[#keep + 1] = i end
    return keep, (" (each %dth of %s)"):format(every, util.thousands(n))
  elseif (s.kind == "line" or s.kind == "band" or s.kind == "steps") and n > 2 * MOST_LINE and rising(s.x, n) then
    return envelope(s.y or s.low, n), ""
  end
  local keep = {}
  for i = 1, n do keep[i] = i end
  return keep, ""
end

function text.block(out, name, columns, keep)
  out[#out + 1] = ("$%s << EOD"):format(name)
  for _, i in ipairs(keep) do
    local row = {}
    for c, list in ipairs(columns) do row[c] = text.number(list[i]) end
    out[#out + 1] = table.concat(row, " ")
  end
  out[#out + 1] = "EOD"
end

return text
