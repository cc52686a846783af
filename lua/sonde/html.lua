-- HTML as text: escaping, elements, tables, pictures and plots that are in the page itself. No element here names
-- anything outside of the page.
local core = require "sonde.core"

local html = {}

-- ---- texts ----

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local UNKNOWN = "\u{FFFD}"

-- Bytes that are no UTF-8 are marked, one by one.
local function as_utf8(s)
  local out, at = {}, 1
  while true do
    local _, bad = utf8.len(s, at)
    if not bad then break end
    out[#out + 1] = s:sub(at, bad - 1)
    out[#out + 1] = UNKNOWN
    at = bad + 1
  end
  return at == 1 and s or table.concat(out) .. s:sub(at)
end

-- Any value as text of a page or of an attribute. Controls, which no page may hold, are marked; line ends stay.
function html.escape(v)
  local s = as_utf8(tostring(v)):gsub("[%z\1-\8\11-\31\127]", UNKNOWN)
  s = s:gsub("\194[\128-\159]", UNKNOWN):gsub("\239\191[\190\191]", UNKNOWN)
  return (s:gsub("[&<>\"']", ENTITIES))
end
local escape = html.escape

-- A name that others gave: whatever its letters do, they do it within.
function html.name(v) return "<bdi>" .. escape(v) .. "</bdi>" end

-- What is HTML already, where a text could stand.
function html.raw(s) return { html = s } end

local function content(v)
  if type(v) == "table" then return v.html end
  return v == nil and "" or escape(v)
end

-- ---- elements ----

-- An element of texts and { html = } pieces, each of which may be nil. attributes: { class = "x", ... } or nil.
function html.element(name, attributes, ...)
  local out, names = {}, {}
  for k, v in pairs(attributes or {}) do
    if v then names[#names + 1] = k end
  end
  table.sort(names)
  for i, k in ipairs(names) do out[i] = (' %s="%s"'):format(k, escape(attributes[k])) end
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = content((select(i, ...))) end
  return ("<%s%s>%s</%s>"):format(name, table.concat(out), table.concat(parts), name)
end
local element = html.element

function html.paragraph(...) return element("p", nil, ...) end
function html.note(...) return element("p", { class = "note" }, ...) end
function html.code(s) return element("pre", { tabindex = "0" }, html.raw(element("code", nil, s))) end

-- What is shown when one asks for it.
function html.details(summary, inner, open)
  return ("<details%s><summary>%s</summary>\n%s\n</details>"):format(open and " open" or "", escape(summary), inner)
end

local CLASS = { r = "num", c = "mid" }

local function cell(tag, v, align, attributes)
  local a = { class = CLASS[align] }
  if type(v) == "table" then
    if v.class then a.class = a.class and a.class .. " " .. v.class or v.class end
    a.style, a.title = v.style, v.title
  end
  for k, x in pairs(attributes or {}) do a[k] = x end
  return element(tag, a, type(v) == "table" and html.raw(v.html or escape(v.text)) or v)
end

-- t: { caption =, head = { ... }, align = "lrr", rows = { { ... }, ... }, foot = rows, class =, label = }. A cell is a
-- text, or { text = or html =, class =, style =, title = }. The first of a row is its head.
function html.table(t)
  local out = { t.caption and element("p", { class = "caption" }, t.caption) or "",
    ('<div class="scroll" tabindex="0" role="region" aria-label="%s">'):format(
    escape(t.label or t.caption or t.head[1])), ("<table%s>"):format(t.class and ' class="' .. t.class .. '"' or "") }
  local function align(c) return t.align and t.align:sub(c, c) or "l" end
  local heads = {}
  for c, v in ipairs(t.head) do heads[c] = cell("th", v, align(c), { scope = "col" }) end
  out[#out + 1] = "<thead><tr>" .. table.concat(heads) .. "</tr></thead>"
  for _, part in ipairs { "rows", "foot" } do
    if t[part] and #t[part] > 0 then
      local tag = part == "rows" and "tbody" or "tfoot"
      out[#out + 1] = "<" .. tag .. ">"
      for _, row in ipairs(t[part]) do
        local cells = {}
        for c = 1, #t.head do
          local v = row[c]
          if v == nil then v = "" end
          cells[c] = c == 1 and cell("th", v, align(c), { scope = "row" }) or cell("td", v, align(c))
        end
        out[#out + 1] = "<tr>" .. table.concat(cells) .. "</tr>"
      end
      out[#out + 1] = "</" .. tag .. ">"
    end
  end
  out[#out + 1] = "</table></div>"
  return table.concat(out, "\n")
end

-- ---- pictures and plots ----

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local pairs_of_digits -- 12 bits -> two digits

-- RFC 4648
function html.base64(s)
  if not pairs_of_digits then
    pairs_of_digits = {}
    for i = 0, 4095 do
      pairs_of_digits[i] = DIGITS:sub((i >> 6) + 1, (i >> 6) + 1) .. DIGITS:sub((i & 63) + 1, (i & 63) + 1)
    end
  end
  local out, n, whole = {}, 0, #s - #s % 3
  for at = 1, whole, 3 do
    local a, b, c = s:byte(at, at + 2)
    n = n + 1
    out[n] = pairs_of_digits[a << 4 | b >> 4] .. pairs_of_digits[(b & 15) << 8 | c]
  end
  local a, b = s:byte(whole + 1, #s)
  if b then
    out[n + 1] = pairs_of_digits[a << 4 | b >> 4] .. pairs_of_digits[(b & 15) << 8]:sub(1, 1) .. "="
  elseif a then
    out[n + 1] = pairs_of_digits[a << 4] .. "=="
  end
  return table.concat(out)
end

-- A picture, its bytes in the page.
function html.picture(p, alt, class)
  local w, h = core.picture_size(p)
  return ('<img src="data:image/png;base64,%s" width="%d" height="%d" alt="%s"%s>'):format(
    html.base64(core.picture_png(p)), w, h, escape(alt), class and ' class="' .. class .. '"' or "")
end

-- What gnuplot draws as SVG, as part of the page: without a paper of its own, so that the page's colors shine through;
-- with names (prefix) that no other plot of the page has.
function html.svg(svg, label, prefix)
  local box, body = svg:match '<svg[^>]-viewBox="([^"]*)"[^>]*>(.*)</svg>'
  body = body:gsub("<title>Gnuplot</title>%s*", "", 1):gsub("<desc>.-</desc>%s*", "", 1)
  body = body:gsub('<rect x="0" y="0" width="%d+" height="%d+" fill="#[fF]+"/>%s*', "", 1)
  body = body:gsub("(%sid=['\"])", "%1" .. prefix):gsub("(href=['\"]#)", "%1" .. prefix)
  body = body:gsub("(url%(['\"]?#)", "%1" .. prefix)
  local found
  repeat -- groups that gnuplot opens for nothing
    body, found = body:gsub("<g[^>]*>%s*</g>%s*", "")
  until found == 0
  return ('<svg role="img" aria-label="%s" viewBox="%s">%s</svg>'):format(escape(label), escape(box),
    (body:gsub("\n%s+", "\n")))
end

function html.figure(inner, caption, class)
  return ("<figure%s>%s<figcaption>%s</figcaption></figure>"):format(class and ' class="' .. class .. '"' or "", inner,
    content(caption))
end

return html
