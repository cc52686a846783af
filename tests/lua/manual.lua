-- The reference manual: everything has its place, every link leads somewhere, README's table is what the tables say.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"
local groups = require "sonde.groups"

local tests = arg[0]:match "^(.*)/" or "."
local program = arg[-1]
local folder = check.folder()
arg = { [0] = tests .. "/../../scripts/manual/main.lua", [-1] = program, folder }
local manual = dofile(arg[0])

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read "a"
end

-- ---- HTML and Markdown ----

local pages, markdown = { index = read(folder .. "/index.html") }, { index = read(folder .. "/index.md") }
for _, group in ipairs(groups) do
  pages[group.name], markdown[group.name] = read(folder .. "/" .. group.name .. ".html"),
    read(folder .. "/" .. group.name .. ".md")
end

local function has_id(page, id) return pages[page]:find(('id="%s"'):format(id), 1, true) end

local links = 0
for name, page in pairs(pages) do
  for target in page:gmatch 'href="(.-)"' do
    local file, id = target:match "^(%l+)%.html#?(.*)$"
    check.ok(pages[file] and (id == "" or has_id(file, id)), "%s.html: the link to %s leads nowhere", name, target)
    links = links + 1
  end
  local seen = {}
  for id in page:gmatch ' id="(.-)"' do
    check.ok(not seen[id], "%s.html has two places called %s", name, id)
    seen[id] = true
  end
  -- what is opened is closed, in that order
  local open = {}
  for close, tag in page:gsub("<!DOCTYPE html>", ""):gsub("<meta.->", ""):gmatch "<(/?)(%w+)[^>]*>" do
    if close == "" then open[#open + 1] = tag else check.equal(table.remove(open), tag, name) end
  end
  check.equal(#open, 0, name)
end
check.ok(links > 500)
for name, page in pairs(markdown) do
  for file, id in page:gmatch "%]%((%l+)%.md#?([%w_-]*)%)" do
    check.ok(markdown[file] and (id == "" or markdown[file]:find(('<a id="%s">'):format(id), 1, true) or id == "top"),
      "%s.md: the link to %s#%s leads nowhere", name, file, id)
  end
end

-- every constructor with each of its options and its example, every page
local escape = require "sonde.html".escape
for _, group in ipairs(groups) do
  local html, md = pages[group.name], markdown[group.name]
  for _, kind in ipairs(group.kinds) do
    for _, entry in ipairs(require "sonde.topics".kind(kind)) do
      local d = core.describe(kind, entry.name)
      check.ok(has_id(group.name, kind .. "-" .. d.name), "%s %s is not in the manual", kind, d.name)
      check.has(html, escape(d.example))
      check.has(md, d.example)
      for _, f in ipairs(d.fields) do check.has(html, "<code>" .. f.name .. "</code>") end
    end
  end
  for _, page in ipairs(group.pages) do
    check.ok(has_id(group.name, page), "the page %s is not in the manual", page)
    check.has(md, "\n### " .. page .. "\n")
  end
end

-- ---- the man page ----

local page = read(folder .. "/sonde.1")
for _, option in ipairs { "\\-e CODE", "\\-l MOD", "\\-\\-no\\-rc", "\\-\\-threads N", "\\-\\-version" } do
  check.has(page, "\n.B " .. option .. "\n")
end
for _, section in ipairs { "NAME", "SYNOPSIS", "OPTIONS", "AT THE PROMPT", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES" } do
  check.has(page, "\n.SH " .. section .. "\n")
end
for _, group in ipairs(groups) do check.has(page, "\n.SS " .. group.name .. ": ") end
check.ok(not page:find "\n%u+\n", "a place of the man page was not filled")
sonde.seed(1)
check.output(function() assert(load(manual.man.example))() end)
check.ok(r:history().loss[20] < 0.1, "the man page's network learns to add")
if os.execute "command -v groff >/dev/null 2>&1" then
  local pipe <close> = io.popen(("groff -man -ww -Tascii '%s/sonde.1' 2>&1 >/dev/null"):format(folder))
  check.equal(pipe:read "a", "")
else
  check.skip "groff is not there"
end

-- ---- README ----

local readme = read(tests .. "/../../README.md")
check.ok(manual.readme(readme) == readme,
  "README's table of names is not up to date: build/sonde scripts/manual/main.lua --readme writes it")
check.done()
