-- Blocks as HTML: pages that need nothing but themselves.
local blocks = ...
local html = require "sonde.html"

local out = { suffix = ".html" }
local escape, raw, element = html.escape, html.raw, html.element

local STYLE = [[
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --paper: #fdfdfc; --code: #f2f4f6; --line: #d9dde2;
  --link: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa4b0; --paper: #16191d; --code: #23282e;
  --line: #363c44; --link: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 0 1.2rem 5rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
nav { padding: .8rem 0; border-bottom: 1px solid var(--line); line-height: 1.9; }
nav a { margin-right: 1rem; } nav a[aria-current] { color: var(--ink); font-weight: 600; }
.names { color: var(--soft); line-height: 1.9; } .names a { margin-right: .7rem; white-space: nowrap; }
.names div { padding-left: 7rem; text-indent: -7rem; } .names a, .names b { text-indent: 0; }
.names b { display: inline-block; width: 7rem; font-weight: 600; font-size: .95rem; }
h1 { margin: 1.6rem 0 .4rem; } h2 { margin: 3.2rem 0 .4rem; }
h3 { margin: 2.6rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); font-size: 1.25rem; }
h4 { margin: 1.1rem 0 .3rem; color: var(--soft); font-size: .95rem; font-weight: 600; }
pre, code { font: .9em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre { margin: .4rem 0; padding: .6rem .8rem; overflow-x: auto; background: var(--code); border-radius: 6px; }
table { width: 100%; border-collapse: collapse; } .wide { overflow-x: auto; }
td, th { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-size: .9rem; font-weight: 600; } tr > :last-child { padding-right: 0; width: 60%; }
td code { overflow-wrap: anywhere; }
@media (max-width: 40rem) { tr { display: block; padding: .3rem 0; border-bottom: 1px solid var(--line); }
  thead { display: none; } td { display: block; padding: 0; border: 0; } tr > :last-child { width: auto; } }
]]

local LEVEL = { title = "h1", heading = "h2", item = "h3", label = "h4" }

local function link(at, text) return element("a", { href = ("%s.html#%s"):format(at.group, at.id) }, text) end

-- Escaped text in which "?NAME" is a link.
local function prose(text)
  return raw((escape(text):gsub("%?([%a_][%w_]*)", function(name)
    local at = blocks.where[name]
    return at and link(at, "?" .. name)
  end)))
end

local function code(text) return raw(text == "" and "" or element("code", nil, text)) end

local function table_html(rows)
  local lines, columns = {}, #rows[1]
  if rows.head then
    local cells = {}
    for c, cell in ipairs(rows.head) do cells[c] = element("th", nil, cell) end
    lines[1] = element("thead", nil, raw(element("tr", nil, raw(table.concat(cells)))))
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for c, cell in ipairs(row) do cells[c] = element("td", nil, c < columns and code(cell) or prose(cell)) end
    lines[#lines + 1] = element("tr", nil, raw(table.concat(cells)))
  end
  return element("div", { class = "wide" }, raw(element("table", nil, raw(table.concat(lines, "\n")))))
end

local function document(title, current, body)
  local links = { element("a", { href = "index.html", ["aria-current"] = not current and "page" }, "sonde") }
  for i, group in ipairs(blocks.groups) do
    links[i + 1] = element("a", { href = group.name .. ".html", ["aria-current"] = group == current and "page" },
      group.name)
  end
  return ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    .. "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<style>\n%s"
    .. "</style></head><body id=\"top\">\n%s\n<main>\n%s\n</main></body></html>\n"):format(escape(title), STYLE,
    element("nav", nil, raw(table.concat(links, "\n"))), table.concat(body, "\n"))
end

local function names(group)
  local lines = {}
  for i, section in ipairs(blocks.names(group)) do
    local links = { element("b", nil, section.label) }
    for k, name in ipairs(section) do links[k + 1] = link({ group = group.name, id = name.id }, name.text) end
    lines[i] = element("div", nil, raw(table.concat(links, "\n")))
  end
  return element("div", { class = "names" }, raw(table.concat(lines, "\n")))
end

function out.page(list, group)
  local body = {}
  for _, b in ipairs(list) do
    if b.kind == "rows" then body[#body + 1] = table_html(b)
    elseif b.kind == "code" then body[#body + 1] = element("pre", nil, raw(element("code", nil, b.text)))
    elseif b.kind == "text" then body[#body + 1] = element("p", nil, prose(b.text))
    else body[#body + 1] = element(LEVEL[b.kind], { id = b.id }, b.text) end
    if #body == 2 then body[3] = names(group) end -- behind the title and its sentence
  end
  return document("sonde: " .. group.name, group, body)
end

function out.index(version)
  local body = { element("h1", nil, "sonde " .. version .. ": reference manual"),
    html.paragraph(raw("The same as <code>help()</code> at the prompt. <code>?NAME</code> stands for "
      .. "<code>help \"NAME\"</code>.")) }
  for _, group in ipairs(blocks.groups) do
    body[#body + 1] = element("h3", nil, raw(element("a", { href = group.name .. ".html" }, group.name)))
    body[#body + 1] = html.paragraph(group.brief)
    body[#body + 1] = names(group)
  end
  return document("sonde: reference manual", nil, body)
end

return out
