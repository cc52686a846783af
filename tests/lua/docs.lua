-- Every example of help and every block of Lua in the README, typed at the prompt as it stands there.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"
local layout = require "sonde.layout"

local function here() return io.popen("pwd"):read "l" end
local function absolute(path) return path:sub(1, 1) == "/" and path or here() .. "/" .. path end

local program = absolute(arg[-1])
local tests = absolute(arg[0]:match "^(.*)/" or ".")

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end

-- ---- files that examples name ----

local function make_files(folder)
  for _, class in ipairs { "cat", "dog" } do
    for part, count in pairs { train = 24, val = 6 } do
      local path = ("%s/pets/%s/%s"):format(folder, part, class)
      assert(os.execute(("mkdir -p '%s'"):format(path)))
      for i = 1, count do
        check.bmp(("%s/%02d.bmp"):format(path, i), 16, 16, i * 10, class == "cat" and 200 - i or 50 + i, 90)
      end
    end
  end
  check.bmp(folder .. "/cat.jpg", 20, 16, 200, 100, 50) -- what a file holds counts, not its name
  local images, labels = {}, {}
  for i = 0, 19 do
    images[#images + 1] = string.char(i * 12):rep(28 * 28)
    labels[#labels + 1] = string.char(i % 10)
  end
  write(folder .. "/train-images-idx3-ubyte.gz", string.pack(">I4I4I4I4", 0x803, 20, 28, 28) .. table.concat(images))
  write(folder .. "/train-labels-idx1-ubyte.gz", string.pack(">I4I4", 0x801, 20) .. table.concat(labels))
end

-- ---- a session at the prompt ----

local END = "the session came to its end"

-- Types the lines into a program that begins in a folder with nothing but those files. What it printed, and what it
-- complained about. A chunk that is never whole would swallow the last line.
local function session(lines, context)
  local folder = check.folder()
  make_files(folder)
  write(folder .. "/typed", lines .. ("\ndo print(%q) end\n"):format(END))
  local first = context and ("'%s/docs_context_util.lua'"):format(tests) or ""
  local ok, _, status = os.execute(("cd '%s' && '%s' -i -q --no-rc %s <typed >printed 2>complained"):format(folder,
    program, first))
  return read(folder .. "/printed"), read(folder .. "/complained"), ok and 0 or status
end

local function runs(what, lines, context)
  local printed, complained, status = session(lines, context)
  local whole = printed:find(END, 1, true)
  check.ok(status == 0 and whole and not complained:find "error: " and not complained:find "^interrupted",
    "%s does not run:\n%s\n%s%s", what, lines, complained, whole and "" or "(it is not whole)")
  return printed
end

-- The harness sees what goes wrong.
for _, wrong in ipairs { 'error "x"', "x = ", "for i = 1, 2 do", 'conv2d{ 1, 2, padd = "same" }', "nobody.there" } do
  check.fails(function() runs("this", wrong) end, "does not run")
end
check.equal(select(3, session "for i = 1, 2 do"), 0) -- input that ends in the midst of a chunk is no crash
check.has(runs("this", "for i = 1, 2 do\n  print(i * 11)\nend\n1 + 2"), "3")

-- ---- described objects ----

for _, kind in ipairs(core.kinds) do
  for _, entry in ipairs(kind) do
    local d = core.describe(kind.kind, entry.name)
    check.has(d.example, d.name)
    runs(("the example of %s %s"):format(kind.kind, d.name), d.example)
  end
end

-- ---- pages ----

local function examples(page)
  local lines = {}
  for _, item in ipairs(layout.parse(page)) do lines[#lines + 1] = item.code end
  return #lines > 0 and table.concat(lines, "\n") or nil
end

local count = 0
for name, page in pairs(require "sonde.parts".pages()) do
  local lines = examples(page)
  if lines then
    count = count + 1
    local printed = runs(("the example of help %q"):format(name), lines, true)
    check.ok(not ("\n" .. printed):find "[\n ]nil\n", "the example of help %q shows nothing:\n%s", name, printed)
  end
end
check.ok(count > 20)

-- ---- README ----

local readme = read(tests .. "/../../README.md")
local blocks = {}
for block in readme:gmatch "\n```lua\n(.-)\n```" do blocks[#blocks + 1] = block end
check.ok(#blocks >= 1)
local printed = runs("the README", table.concat(blocks, "\n"))

-- The table that it shows is the one that is printed; another processor may round differently.
local shown = readme:match "\n```\n(epoch.-)\n```"
local table_printed = printed:sub((printed:find(shown:match "^[^\n]+", 1, true)))
local next_line = table_printed:gmatch "[^\n]+"
for line in shown:gmatch "[^\n]+" do
  local other = next_line()
  check.equal(other:gsub("%d%.%d+", "#"), (line:gsub("%d%.%d+", "#")))
  local numbers = other:gmatch "%d%.%d%d%d%d"
  for n in line:gmatch "%d%.%d%d%d%d" do check.near(tonumber(numbers()), tonumber(n), 0.05, line) end
end
check.done()
