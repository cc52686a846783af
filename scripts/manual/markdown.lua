-- Blocks as Markdown.
local blocks = ...

local markdown = { suffix = ".md" }

local LEVEL = { title = "# ", heading = "## ", item = "### " }

-- A text that Markdown shows as it is; "?NAME" becomes a link.
local function prose(text)
  text = text:gsub("[\\`*<%[|]", "\\%0"):gsub("%f[%w_]_", "\\_")
  return (text:gsub("%?([%a_][%w_]*)", function(name)
    local at = blocks.where[name]
    return at and ("[?%s](%s.md#%s)"):format(name, at.group, at.id)
  end))
end

-- In a cell a bar must be escaped even in code.
local function code(text)
  if text == "" then return "" end
  local ticks = text:find "`" and "``" or "`"
  return ticks .. text:gsub("|", "\\|") .. ticks
end

local function table_text(rows)
  local columns = #rows[1]
  local lines = { "| " .. table.concat(rows.head or { "", "" }, " | ") .. " |", "|" .. (" --- |"):rep(columns) }
  for _, row in ipairs(rows) do
    local cells = {}
    for c, cell in ipairs(row) do cells[c] = c < columns and code(cell) or prose(cell) end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  return table.concat(lines, "\n")
end

function markdown.page(list)
  local out = {}
  for i, b in ipairs(list) do
    if b.kind == "rows" then out[i] = table_text(b)
    elseif b.kind == "code" then out[i] = "```lua\n" .. b.text .. "\n```"
    elseif b.kind == "text" then out[i] = prose(b.text)
    elseif b.kind == "label" then out[i] = "**" .. b.text .. "**"
    else out[i] = (b.id and ('<a id="%s"></a>\n\n'):format(b.id) or "") .. LEVEL[b.kind] .. b.text end
  end
  return table.concat(out, "\n\n") .. "\n"
end

-- The table of chapters, which README shows too. linked: names lead to the pages beside this one.
function markdown.contents(linked)
  local lines = { "| chapter | kind | names |", "| --- | --- | --- |" }
  for _, group in ipairs(blocks.groups) do
    lines[#lines + 1] = ("| **%s** | | *%s* |"):format(
      linked and ("[%s](%s.md)"):format(group.name, group.name) or group.name, group.brief)
    for _, section in ipairs(blocks.names(group)) do
      local names = {}
      for i, name in ipairs(section) do
        names[i] = linked and ("[%s](%s.md#%s)"):format(name.text, group.name, name.id) or name.text
      end
      local all = linked and table.concat(names, ", ") or "`" .. table.concat(names, " ") .. "`"
      lines[#lines + 1] = ("| | %s | %s |"):format(section.label, all)
    end
  end
  return table.concat(lines, "\n")
end

function markdown.index(version)
  return ("# sonde %s: reference manual\n\nThe same as `help()` at the prompt. `?NAME` is `help \"NAME\"`.\n\n%s\n")
    :format(version, markdown.contents(true))
end

return markdown
