-- The reference manual, made of the tables and pages that help shows.
--   sonde scripts/manual/main.lua DIR        writes DIR/index.html, a page for each chapter, the same as .md, sonde.1
--   sonde scripts/manual/main.lua --readme   brings the table of names in README.md up to date
local core = require "sonde.core"

local here = arg[0]:match "^(.*)/" or "."
local function part(name, ...) return assert(loadfile(("%s/%s.lua"):format(here, name)))(...) end

local manual = { blocks = part "blocks" }
manual.markdown = part("markdown", manual.blocks)
manual.html = part("html", manual.blocks)
local first = 0
while arg[first - 1] do first = first - 1 end -- the program; options may stand before the script
manual.man = part("man", manual.blocks, arg[first])

local BEGIN, END = "<!-- made by scripts/manual: begin -->\n", "<!-- end -->"

-- README's text with its table as it should be.
function manual.readme(text)
  local _, first = text:find(BEGIN, 1, true)
  local last = first and text:find(END, first, true)
  assert(last, "README.md has no place for the table of names")
  return text:sub(1, first) .. manual.markdown.contents() .. "\n" .. text:sub(last)
end

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read "a"
end

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  assert(f:write(text) and f:close())
end

function manual.write(folder)
  for _, kind in ipairs { manual.html, manual.markdown } do
    write(folder .. "/index" .. kind.suffix, kind.index(core.version))
    for _, group in ipairs(manual.blocks.groups) do
      write(folder .. "/" .. group.name .. kind.suffix, kind.page(manual.blocks.chapter(group), group))
    end
  end
  write(folder .. "/sonde.1", manual.man.page())
end

if arg[1] == "--readme" then
  local path = here .. "/../../README.md"
  write(path, manual.readme(read(path)))
elseif arg[1] then
  manual.write(arg[1])
else
  io.stderr:write "usage: sonde scripts/manual/main.lua DIR | --readme\n"
  os.exit(2)
end
return manual
