-- r:report: one page that holds all, well-formed, with what others named escaped, the numbers those of the API, and
-- no bit of the training changed.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local dir = check.folder()
local function read(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read "a"
  f:close()
  return s
end

-- Every element that is opened is closed, in its order.
local void = { meta = true, img = true, br = true, hr = true, link = true, input = true, path = false }
local function balanced(s)
  local open = {}
  s = s:gsub("<!%-%-.-%-%->", ""):gsub("<style.-</style>", ""):gsub("<!DOCTYPE[^>]*>", ""):gsub("<%?.-%?>", "")
  for slash, name, rest in s:gmatch "<(/?)([%a][%w:]*)([^>]*)>" do
    if slash == "/" then
      if open[#open] ~= name then return ("</%s> closes <%s>"):format(name, tostring(open[#open])) end
      open[#open] = nil
    elseif not void[name] and not rest:find "/%s*$" then
      open[#open + 1] = name
    end
  end
  return #open == 0 or ("<%s> is left open"):format(open[#open])
end

local function net()
  sonde.seed(2)
  local m = sequential { dense { 8, activation = "relu", input_shape = { 4 }, kernel_regularizer = l2(1e-3) },
    dense { 3, activation = "softmax", name = "a<b>&\"c" } }
  m:compile { loss = "categorical_crossentropy", optimizer = adam { 1e-2 }, metrics = { "accuracy" } }
  return m
end
local rows = {}
for i = 1, 60 do rows[i] = { i % 3 == 0 and 1 or 0, i % 3 == 1 and 1 or 0, i % 3 == 2 and 1 or 0 } end
local x, y = tensor.randn { 60, 4, seed = 1 }, tensor(rows)

local function run_of(m) return m:run(x, y, { epochs = 4, batch_size = 8, validation_data = { x, y }, seed = 1, verbose = 0 }) end

local plain = run_of(net())
plain:finish()

local m = net()
local r = run_of(m)
r:report(dir .. "/before.html")
check.equal(balanced(read(dir .. "/before.html")), true)
r:epoch(2)
r:step(3)
r:report(dir .. "/within.html")
r:finish()
local path = dir .. "/report.html"
r:report(path, { title = "a <title> & more" })
check.same_weights(m:get_weights(), plain.model:get_weights())

local page = read(path)
check.equal(balanced(page), true)
check.equal(balanced(read(dir .. "/within.html")), true)
check.has(page, "a &lt;title&gt; &amp; more")
check.ok(not page:find("a<b>", 1, true), "a name is not escaped")
check.has(page, "a&lt;b&gt;&amp;")
check.ok(not page:find 'src="http' and not page:find 'href="http' and not page:find "<script" and not page:find "url%(http",
  "the page needs something from outside")
check.has(page, ("%.4f"):format(r:history().val_loss[4]))
check.has(page, ("%.4f"):format(r:loss_terms().train.penalty))
check.has(page, ("%.4f"):format(m:calibration({ x, y }).ece))

check.fails(function() r:report(dir .. "/no/such/folder/x.html") end, "x.html")
check.fails(function() r:report() end, "report")
check.fails(function() r:report(path, { nonsense = 1 }) end, "nonsense")

-- a model that predicts numbers, without validation data
local q = sequential { dense { 1, input_shape = { 4 } } }
q:compile { loss = "mse", optimizer = "sgd" }
local s = q:run(x, tensor.randn { 60, 1, seed = 3 }, { epochs = 2, verbose = 0 })
s:finish()
s:report(dir .. "/numbers.html")
check.equal(balanced(read(dir .. "/numbers.html")), true)
check.done()
