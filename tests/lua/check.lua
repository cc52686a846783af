-- What the test scripts share. A failure raises an error at the line of the check; done() prints how many passed.
local check = { count = 0 }

local function failed(what, ...) error("check failed: " .. what:format(...), 3) end

function check.ok(v, what, ...)
  check.count = check.count + 1
  if not v then failed((what or "not true"):format(...)) end
end

function check.equal(a, b, what)
  check.count = check.count + 1
  if a ~= b then failed("%s%s, expected %s", what and what .. ": " or "", tostring(a), tostring(b)) end
end

function check.near(a, b, tolerance, what)
  check.count = check.count + 1
  if not (math.abs(a - b) <= tolerance) then
    failed("%s%.9g, expected %.9g within %g", what and what .. ": " or "", a, b, tolerance)
  end
end

-- Two lists of the same values.
function check.list(a, b, what)
  check.count = check.count + 1
  local same = #a == #b
  for i = 1, #b do same = same and a[i] == b[i] end
  if not same then
    local function text(t)
      local out = {}
      for i, v in ipairs(t) do out[i] = tostring(v) end
      return "{" .. table.concat(out, ", ") .. "}"
    end
    failed("%s%s, expected %s", what and what .. ": " or "", text(a), text(b))
  end
end

-- fn must raise an error that contains each of the texts.
function check.fails(fn, ...)
  check.count = check.count + 1
  local ok, err = pcall(fn)
  if ok then failed("no error, expected %q", (...)) end
  for _, text in ipairs { ... } do
    if not tostring(err):find(text, 1, true) then failed("the error is %q, expected %q in it", tostring(err), text) end
  end
end

function check.has(text, part)
  check.count = check.count + 1
  if not text:find(part, 1, true) then failed("%q is not in:\n%s", part, text) end
end

-- Same number, shapes and bits of all tensors of two lists.
function check.same_weights(a, b, what)
  check.count = check.count + 1
  if #a ~= #b then failed("%s: %d tensors, expected %d", what or "weights", #a, #b) end
  for i = 1, #a do
    if not a[i]:equal(b[i]) then
      failed("%s: tensor %d differs by %g", what or "weights", i, (a[i] - b[i]):abs():max())
    end
  end
end

-- Columns of the letters that tests use, reckoned by other means than the program's: CJK, kana and emoji take two,
-- combining accents none.
function check.width(s)
  local n = 0
  for _, c in utf8.codes(s) do
    local wide = c >= 0x2e80 and c <= 0xd7a3 or c >= 0xff01 and c <= 0xff60 or c >= 0x1f300 and c <= 0x1faff
    n = n + (wide and 2 or c >= 0x300 and c <= 0x36f and 0 or 1)
  end
  return n
end

-- What fn writes to stdout, or to stderr.
function check.output(fn, stream)
  stream = stream or "stdout"
  local path = os.tmpname()
  local file, before = assert(io.open(path, "w")), io[stream]
  local print_before = print
  print = function(...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
    file:write(table.concat(out, "\t"), "\n")
  end
  io[stream] = file
  local ok, err = pcall(fn)
  io[stream], print = before, print_before
  file:close()
  file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  os.remove(path)
  if not ok then error(err, 0) end
  return text
end

-- A new empty folder, removed by done().
local folders = {}
function check.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute(("mkdir -p '%s'"):format(path)))
  folders[#folders + 1] = path
  return path
end

-- A BMP file of one color: what a test needs of pictures.
function check.bmp(path, width, height, r, g, b)
  local row = string.char(b, g, r):rep(width)
  row = row .. ("\0"):rep(-#row % 4)
  local head = string.pack("<c2 I4 I2 I2 I4 I4 i4 i4 I2 I2 I4 I4 i4 i4 I4 I4", "BM", 54 + #row * height, 0, 0, 54, 40,
    width, height, 1, 24, 0, #row * height, 2835, 2835, 0, 0)
  local f = assert(io.open(path, "wb"))
  f:write(head, row:rep(height))
  f:close()
end

-- Points of two classes that a small network can part.
function check.points(n)
  local x, y = {}, {}
  for i = 1, n do
    local a, b = math.sin(i * 1.7), math.cos(i * 2.3)
    x[i], y[i] = { a, b }, { a * b > 0 and 1 or 0 }
  end
  return tensor(x), tensor(y)
end

-- What this machine lacks the means for.
local skips = 0
function check.skip(why)
  skips = skips + 1
  print(why .. ": skipped")
end

function check.done()
  for _, path in ipairs(folders) do os.execute(("rm -rf '%s'"):format(path)) end
  print(("ok %d: %d passed, 0 failed%s"):format(check.count, check.count,
    skips > 0 and (", %d skipped"):format(skips) or ""))
end

return check
