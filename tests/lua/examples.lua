-- scripts/tour.lua and scripts/examples: each runs by itself, says what it is about, and draws where it is told to.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local here = arg[0]:match "^(.*)/" or "."
local program, scripts = arg[-1], here .. "/../../scripts"
local folder = check.folder()

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- What a script prints; it must end well and complain of nothing.
local function output(script, ...)
  local words = { quoted(program), "--no-rc", quoted(scripts .. "/" .. script), ... }
  local complaints = folder .. "/complaints"
  local pipe = io.popen(table.concat(words, " ") .. " 2>" .. quoted(complaints) .. " </dev/null")
  local text = pipe:read "a"
  local ok = pipe:close()
  local f <close> = assert(io.open(complaints))
  local complained = f:read "a"
  check.ok(ok and complained == "", "%s ends badly: %s", script, complained)
  return text
end

local has_gnuplot = os.execute "command -v gnuplot >/dev/null 2>&1"
local drawn = 0
local function example(name)
  local image = folder .. "/" .. name .. ".png"
  local text = output("examples/" .. name .. ".lua", has_gnuplot and quoted(image) or nil)
  if has_gnuplot then
    local f <close> = assert(io.open(image, "rb"))
    check.equal(f:read(8), "\137PNG\r\n\26\n", name)
    drawn = drawn + 1
  end
  return text
end

local function numbers(text, pattern)
  local found = text:match(pattern)
  check.ok(found, "no line like %s in:\n%s", pattern, text)
  local list = {}
  for n in found:gmatch "%-?%d[%d.e+-]*" do list[#list + 1] = tonumber(n) end
  return list
end

-- what each claims is so
local text = example "lr_schedules"
check.ok(numbers(text, "\n(constant[^\n]+)")[4] > 0.9)
check.ok(numbers(text, "\n(warmup and cosine[^\n]+)")[2] < 1e-4)
check.ok(numbers(text, "\na function of the epoch([^\n]+)")[2] == 0.002)

text = example "custom_loss"
local gradient = numbers(text, "gradient at (p = 0.3[^\n]+)")
check.near(gradient[2], gradient[3], 1e-7)
local usual, focal = numbers(text, "\nbinary_crossentropy([^\n]+)"), numbers(text, "\nfocal, gamma 4([^\n]+)")
check.ok(focal[2] > usual[2] and focal[1] < usual[1], "more recall, less precision")
check.near(focal[3], usual[3], 0.02, "auc")

text = example "custom_layer"
check.ok(numbers(text, "x1, x2   [^\n]*accuracy ([^\n]+)")[1] < 0.8)
check.ok(numbers(text, "x1x2  accuracy ([^\n]+)")[1] > 0.95)
check.near(numbers(text, "radius^2: ([%d.]+)")[1], 1.8, 0.1)
check.has(text, "predictions: true")

text = example "residual"
local deep = numbers(text, "\n    24 ([^\n]+)")
check.ok(deep[1] > 5 * deep[3] and deep[4] > 10 * deep[2], "24 blocks learn only with residuals")

text = example "gradients"
check.ok(numbers(text, "sigmoid [^\n]+step: ([^\n]+)")[1] < 1e-3)
check.ok(numbers(text, "tanh [^\n]+step: ([^\n]+)")[1] > 1e-2)

-- none is forgotten
local count = 0
for path in io.popen("ls " .. quoted(scripts .. "/examples")):lines() do
  if path:find "%.lua$" then count = count + 1 end
end
check.equal(count, 5)
if drawn == 0 then check.skip "gnuplot is not there" end

-- ---- the tour ----

text = output "tour.lua"
check.has(text, "[1/11] Data first.")
check.has(text, "[11/11] That was it")
local first, last = text:match "done %- .-val_accuracy: ([%d.]+)\n.*done %- .-val_accuracy: ([%d.]+)\n"
check.near(tonumber(first), 0.5, 0.05, "the run that fails")
check.ok(tonumber(last) > 0.85, "the run that learns: %s", last)
-- what it says of its numbers
local zero = text:match "gradients, epoch 4/4\n.-\n(conv2d/kernel[^\n]+)"
check.ok(zero:find "conv2d/kernel%s+0%s+0%s+0", "the gradients are 0: %s", zero)
check.ok(tonumber(text:match "updates, epoch 1/4, step 1/15\n.-\nconv2d/kernel%s+[%d.]+%s+([%d.]+)") > 1)
check.ok(numbers(text, "suggestions: valley ([%d.]+)")[1] < 0.1)
for line in text:gmatch "[^\n]+" do
  local code = line:find "^sonde> " or line:find "^   %.%.> "
  check.ok(utf8.len(line) <= 80 or code or line:find "^run of" or line:find "^%d+/%d+ ", "%s", line)
end
check.done()
