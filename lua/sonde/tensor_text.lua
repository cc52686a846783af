-- How a tensor prints: shape, dtype and statistics, then its values as numpy shows them, shortened and within the
-- terminal's width. What it costs does not grow with the tensor.
local core = require "sonde.core"
local layout = require "sonde.layout"
local util = require "sonde.util"

local EDGE, THRESHOLD, MAX_LINES = 3, 1000, 40
local LOOK = 1 << 22 -- the statistics are of all elements up to so many, else of so many spread evenly

-- How many items are shown at either end of each dimension: fewer of the outer ones where lines would be many.
local function edges(shape, cut)
  local edge = {}
  for d, n in ipairs(shape) do edge[d] = cut and EDGE or n end
  local function lines()
    local count = 1
    for d = 1, #shape - 1 do count = count * math.min(shape[d], 2 * edge[d]) end
    return count
  end
  for d = 1, #shape - 1 do
    if cut and lines() > MAX_LINES then edge[d] = 1 end
  end
  return edge
end

-- Calls fn(i) for the items of dimension d that are shown, and fn(nil) once where some are left out.
local function each(shape, d, edge, fn)
  local n, e = shape[d], edge[d]
  if n <= 2 * e then
    for i = 0, n - 1 do fn(i) end
    return
  end
  for i = 0, e - 1 do fn(i) end
  fn(nil)
  for i = n - e, n - 1 do fn(i) end
end

-- The flat numbers (from 0) of the elements that are shown.
local function shown(shape, d, offset, stride, edge, out)
  if d > #shape then
    out[#out + 1] = offset
    return out
  end
  each(shape, d, edge, function(i)
    if i then shown(shape, d + 1, offset + i * stride[d], stride, edge, out) end
  end)
  return out
end

local function is_float(dtype) return dtype == "float32" or dtype == "float64" end

-- A format that suits all the numbers: whole, fixed or scientific.
local function number_format(values, dtype)
  if not is_float(dtype) then return "%d" end
  local whole, least, most = true, math.huge, 0
  for _, v in ipairs(values) do
    local a = math.abs(v)
    if v == v and a ~= math.huge then
      whole = whole and v == math.floor(v)
      if a > 0 then least = math.min(least, a) end
      most = math.max(most, a)
    end
  end
  if whole and most < 1e8 then return "%.0f." end
  if most >= 1e6 or (least < 1e-4 and least < math.huge) then return "%.4e" end
  return "%.4f"
end

local function element_text(v, fmt)
  return v ~= v and "nan" or (v == math.huge and "inf") or (v == -math.huge and "-inf") or fmt:format(v)
end

-- By flat number, all of one width; and that width.
local function element_texts(t, offsets, dtype)
  local values, texts, width = {}, {}, 0
  for i, at in ipairs(offsets) do values[i] = core.tensor_at(t, at) end
  local fmt = number_format(values, dtype)
  for i, v in ipairs(values) do
    local s = element_text(v, fmt)
    texts[offsets[i]] = s
    width = math.max(width, #s)
  end
  for at, s in pairs(texts) do texts[at] = (" "):rep(width - #s) .. s end
  return texts
end

-- The items of the last dimension, wrapped behind an indent.
local function row_text(items, indent, width)
  local lines, line, at = {}, {}, indent
  for _, item in ipairs(items) do
    if #line > 0 and at + #item + 1 > width - indent then
      lines[#lines + 1], line, at = table.concat(line, " "), {}, indent
    end
    line[#line + 1] = item
    at = at + #item + 1
  end
  lines[#lines + 1] = table.concat(line, " ")
  return table.concat(lines, "\n" .. (" "):rep(indent))
end

local function body(shape, d, offset, stride, edge, texts, width)
  local parts, last = {}, d == #shape
  each(shape, d, edge, function(i)
    if not i then parts[#parts + 1] = "..."
    elseif last then parts[#parts + 1] = texts[offset + i]
    else parts[#parts + 1] = body(shape, d + 1, offset + i * stride[d], stride, edge, texts, width) end
  end)
  if last then return "[" .. row_text(parts, d, width) .. "]" end
  return "[" .. table.concat(parts, ("\n"):rep(#shape - d > 1 and 2 or 1) .. (" "):rep(d)) .. "]"
end

local function brief(v, dtype)
  if not is_float(dtype) and v == math.floor(v) and math.abs(v) < 2 ^ 63 then return ("%d"):format(v // 1 | 0) end
  return ("%.5g"):format(v)
end

-- min .. mean .. max of the finite values, and how many are not.
local function statistics(s, dtype)
  local text = ""
  if s.nans + s.infs < s.seen then
    text = ("  min %s  mean %s  max %s"):format(brief(s.min, dtype), ("%.5g"):format(s.mean), brief(s.max, dtype))
  end
  if s.nans > 0 then text = text .. ("  %d NaN"):format(s.nans) end
  if s.infs > 0 then text = text .. ("  %d inf"):format(s.infs) end
  if s.seen < s.count then text = text .. ("  (of 1 in %.0f)"):format(s.count / s.seen) end
  return text
end

local function scalar(t)
  local v = t:item()
  if not is_float(t.dtype) then return ("%d"):format(v) end
  return element_text(v, v == math.floor(v) and math.abs(v) < 1e8 and "%.0f" or "%.5g")
end

-- Shape, dtype and statistics; the latter on a line of their own where one is too narrow.
local function head(t, width)
  local shape, dtype = t.shape, t.dtype
  local first = ("tensor %s %s"):format(util.shape_text(shape), dtype)
  if #shape == 0 then return first .. "  " .. scalar(t), 0 end
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  if n == 0 then return first .. "  empty", 0 end
  local rest = statistics(core.tensor_digest(t, LOOK), dtype)
  return first .. (#first + #rest > width and "\n" or "") .. rest, n
end

return function(t)
  local shape, width = t.shape, layout.width()
  local first, n = head(t, width)
  if #shape == 0 or n == 0 then return first end
  local stride, step = {}, 1
  for d = #shape, 1, -1 do
    stride[d] = step
    step = step * shape[d]
  end
  local edge = edges(shape, n > THRESHOLD or (#shape > 1 and n // shape[#shape] > MAX_LINES))
  local texts = element_texts(t, shown(shape, 1, 0, stride, edge, {}), t.dtype)
  return first .. "\n" .. body(shape, 1, 0, stride, edge, texts, width)
end
