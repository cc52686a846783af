-- Text for a terminal of any width: wrapped paragraphs, rows whose last column wraps, and the pages' notation.
local core = require "sonde.core"

local layout = {}

local width_of = core.text_width

local LEAST, MOST = 40, 110 -- longer lines than that are hard to read
local NARROW = 30           -- a last column of fewer characters goes below the others instead

-- Columns to write for: the terminal's, or 80.
function layout.width()
  return math.max(LEAST, math.min(core.terminal "stdout" or 80, MOST))
end

-- The text in lines of at most `width` characters, those after the first behind an indent. first: where the first line
-- begins. `name = value` stays together where a line can hold it.
function layout.wrap(text, width, indent, first)
  local lines, line, at = {}, "", first or indent
  local function put(word)
    if line ~= "" and at + width_of(line) + 1 + width_of(word) > width then
      lines[#lines + 1], line, at = line, word, indent
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  for word in text:gsub(" =", "\1="):gsub("= ", "=\1"):gmatch "%S+" do
    if indent + width_of(word) <= width then put(word)
    else
      for part in word:gmatch "[^\1]+" do put(part) end
    end
  end
  lines[#lines + 1] = line
  return (table.concat(lines, "\n" .. (" "):rep(indent)):gsub("\1", " "))
end

-- The text's lines as the terminal on stdout can hold them; all of them as they are where it is none. `name: value`
-- stays together.
function layout.fit(text)
  local columns = core.terminal "stdout"
  if not columns then return text end
  columns = math.max(columns, LEAST)
  return (text:gsub("[^\n]+", function(line)
    if width_of(line) <= columns then return nil end
    local spaces, rest = line:match "^(%s*)(.*)$"
    rest = rest:gsub("(%S:) (%S)", "%1\1%2"):gsub(" %- (%S)", " -\1%1")
    return spaces .. layout.wrap(rest, columns, #spaces + 2, #spaces)
  end))
end

-- What stands below a table: the heads of columns that a narrow screen has no room for.
function layout.no_room(heads, width)
  local list = table.concat(heads, ", "):gsub(" %%", "\1%%") -- "zero %" is one word
  return #heads > 0 and "\n" .. layout.wrap("no room for: " .. list, width, 2, 0) or ""
end

local function stacked(rows, width, indent)
  local lines, pad = {}, (" "):rep(indent)
  for _, row in ipairs(rows) do
    local left = table.concat(row, "  ", 1, #row - 1)
    if left:find "%S" then lines[#lines + 1] = pad .. layout.wrap(left, width, indent + 2, indent) end
    if row[#row] ~= "" then
      lines[#lines + 1] = pad .. "    " .. layout.wrap(row[#row], width, indent + 4)
    end
  end
  return table.concat(lines, "\n")
end

-- Rows of as many texts each as aligned columns, the last one wrapped under itself.
function layout.rows(rows, width, indent)
  local at, widths = indent, {}
  for c = 1, #rows[1] - 1 do
    widths[c] = 0
    for _, row in ipairs(rows) do widths[c] = math.max(widths[c], width_of(row[c])) end
    at = at + widths[c] + 2
  end
  if width - at < NARROW then return stacked(rows, width, indent) end
  local lines = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for c, w in ipairs(widths) do cells[c] = row[c] .. (" "):rep(w - width_of(row[c]) + 2) end
    lines[i] = ((" "):rep(indent) .. table.concat(cells) .. layout.wrap(row[#row], width, at)):gsub("%s+$", "")
  end
  return table.concat(lines, "\n")
end

-- ---- pages ----

-- A page's lines as a list of items:
--   { head = "run", ... }        a line without indent
--   { text = , indent = }        a paragraph; lines of the same indent belong together
--   { left = , right = , indent = }   two spaces stand between them; deeper lines below go on with the right side
--   { code = , indent = }        below "for example", as it is
function layout.parse(page)
  local items, code = {}, false
  for line in page:gmatch "[^\n]+" do
    local spaces, rest = line:match "^(%s*)(.-)%s*$"
    local indent, last = #spaces, items[#items]
    local left, right = rest:match "^(.-%S)%s%s+(%S.*)$"
    if indent == 0 then
      items[#items + 1] = { head = rest }
      code = rest == "for example"
    elseif code then
      items[#items + 1] = { code = line }
    elseif last and last.left and indent > last.indent then
      last.right = last.right .. " " .. rest
    elseif left then
      items[#items + 1] = { left = left, right = right, indent = indent }
    elseif last and last.text and last.indent == indent then
      last.text = last.text .. " " .. rest
    else
      items[#items + 1] = { text = rest, indent = indent }
    end
  end
  return items
end

-- Items as text.
function layout.items(items, width)
  local out, i = {}, 1
  while i <= #items do
    local item = items[i]
    if item.left then
      local rows, indent = {}, item.indent
      while items[i] and items[i].left and items[i].indent == indent do
        rows[#rows + 1] = { items[i].left, items[i].right }
        i = i + 1
      end
      out[#out + 1] = layout.rows(rows, width, indent)
    else
      if item.code then out[#out + 1] = item.code
      elseif item.head then out[#out + 1] = layout.wrap(item.head, width, 4, 0)
      else out[#out + 1] = (" "):rep(item.indent) .. layout.wrap(item.text, width, item.indent) end
      i = i + 1
    end
  end
  return table.concat(out, "\n")
end

return layout
