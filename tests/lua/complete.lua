-- TAB: what is offered where, and that nothing of the user's runs.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local complete = require "sonde.complete"

-- Readline's words: its break characters (src/app/line.c), or a text in quotes that has no end.
local BREAKS = "[ \t\n\"'\\><=;+%-*/%%^~#{}()%[%],&|?]"
local function offered(line, before)
  local start, quote = 0, nil
  for i = 1, #line do
    local c = line:sub(i, i)
    if quote and c == quote then
      quote = nil
      start = i
    elseif not quote and (c == '"' or c == "'") then
      quote, start = c, i
    elseif not quote and c:find(BREAKS) then
      start = i
    end
  end
  return complete.at(before or "", line, start), line:sub(1, start)
end

-- The line with each candidate in it, sorted.
local function lines(line, before)
  local list, head = offered(line, before)
  local out = {}
  for i, c in ipairs(list) do out[i] = head .. c.text end
  table.sort(out)
  return out
end

local function has(line, wanted, before)
  local there, list = false, lines(line, before)
  for _, l in ipairs(list) do there = there or l == wanted end
  check.ok(there, "%s does not give %s but %s", line, wanted, table.concat(list, " | "))
end
local function only(line, ...) check.equal(table.concat(lines(line), " | "), table.concat({ ... }, " | ")) end
local function files(line) check.ok(offered(line).files, "%s wants files", line) end

local x, y = check.points(40)
net = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, batch_norm {}, dense { 1, name = "head" } }
net:compile { loss = "mse", optimizer = sgd { 0.1 }, metrics = { "mae" } }
d = tensors { x = x, y = y }
r = net:run(d, { verbose = 0, validation_data = d })
t = tensor.zeros { 2, 3 }
own = { first = 1, second = { third = print }, ["not a name"] = 1, [3] = { inner = 1 } }

-- the cost is bounded, and what is typed for a person is right all the same
do
  many = {}
  for i = 1, 5000 do many[("key_%05d"):format(i)] = i end
  many.key_other, many.kez = 1, 1
  local list, common = offered "many.k", nil
  check.ok(#list > 500 and #list < 1100, "%d candidates are listed", #list)
  for _, c in ipairs(list) do
    common = common or c.text
    while c.text:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  check.equal(common, "many.ke")
  only("many.kez", "many.kez")
  only("many.key_oth", "many.key_other")
  for i = 1, 200000 do many["x" .. i] = i end
  list = offered "many.x"
  local unsure = false
  for _, c in ipairs(list) do unsure = unsure or c.text == "many.x" end
  check.ok(#list < 1100 and unsure, "of too many keys nothing is typed")
  many = nil
  has("own.second.th", "own.second.third", ("x = 1 -- a line\n"):rep(1e5))
end

-- names, fields, methods
has("conv", "conv2d")
has("ret", "return")
only("net:count_p", "net:count_params")
only('net:freeze "hea', 'net:freeze "head')
only('net:freeze { except = "hea', 'net:freeze { except = "head')
only('net:replace("hea', 'net:replace("head')
only('net:remove("hea', 'net:remove("head')
only 'conv2d { 3, 3, padding = "same"'
only("r.learning_r", "r.learning_rate")
only("a = t:resh", "a = t:reshape")
has("t.", "t.shape")
has("t.", "t.dtype")
only("d.class_n", "d.class_names")
only("own.second.th", "own.second.third")
only("own.", "own.first", "own.second")
only('own["no', 'own["not a name')
only("own[3].in", "own[3].inner")
only("own:", "") -- no function in it
has("own.second:", "own.second:third")
only("string.rev", "string.reverse")
only("net.layers.he", "net.layers.head")
only('net.layers["he', 'net.layers["head')
has("net.layers.head.", "net.layers.head.kernel")
has("net.layers.head.", "net.layers.head.units")
only("net.layers[1].ker", "net.layers[1].kernel",
  "net.layers[1].kernel_initializer", "net.layers[1].kernel_regularizer")
has("net.layers.head.kernel:", "net.layers.head.kernel:reshape")
has("net.layers.head.config.", "net.layers.head.config.units")
only("net.optimizer.lear", "net.optimizer.learning_rate")
only("tensor.lin", "tensor.linspace")

-- options: those that are not there yet, also lines above
only("conv2d { 3, 5, padd", "conv2d { 3, 5, padding = ")
only('dense { 3, activation = "relu", activ', 'dense { 3, activation = "relu", activity_regularizer = ')
only("net:run(d, { batch_s", "net:run(d, { batch_size = ")
only("net:fit(d, { batch_s", "net:fit(d, { batch_size = ")
check.equal(lines("  padd", "m = sequential {\n  conv2d { 3, 5,")[1], "  padding = ")
has("sequential { den", "sequential { dense")
has("net:run(d, { callbacks = { { on_epoch_end = function(e) pri",
  "net:run(d, { callbacks = { { on_epoch_end = function(e) print")
only("dense { use_b", "dense { use_bias = ")
local list = offered "conv2d { 3, 5, padd"
check.has(list[1].shown, '"valid" or "same"')

-- values
only('conv2d { 3, 5, padding = "s', 'conv2d { 3, 5, padding = "same')
only("conv2d { 3, 5, padding = ", 'conv2d { 3, 5, padding = "same"', 'conv2d { 3, 5, padding = "valid"')
only("dense { 3, use_bias = ", "dense { 3, use_bias = false", "dense { 3, use_bias = true")
only('dense { 3, activation = "re', 'dense { 3, activation = "relu')
only('activation "re', 'activation "relu')
only('net:compile { loss = "cat', 'net:compile { loss = "categorical_crossentropy')
only('net:compile { optimizer = "ada', 'net:compile { optimizer = "adagrad', 'net:compile { optimizer = "adam',
  'net:compile { optimizer = "adamw')
has('net:compile { metrics = { "mse", "bin', 'net:compile { metrics = { "mse", "binary_accuracy')
only('early_stopping { monitor = "val_l', 'early_stopping { monitor = "val_loss')
only('net:output("he', 'net:output("head')
only('net:output({ "dense", "he', 'net:output({ "dense", "head')
only('net:input_gradient(x, { layer = "he', 'net:input_gradient(x, { layer = "head')
only('r:gradients "he', 'r:gradients "head')
only('r:watch "gradi', 'r:watch "gradients.')
check.ok(offered('r:watch "gradi').open)
only('r:watch "gradients.no', 'r:watch "gradients.norm')
check.ok(not offered('r:watch "gradients.no').open)
only('r:watch { "loss > 2", layer = "head/k', 'r:watch { "loss > 2", layer = "head/kernel')
only('r:watch "val_m', 'r:watch "val_mae')
only('r:plot "ma', 'r:plot "mae')
only('tensor.zeros({ 2 }, "flo', 'tensor.zeros({ 2 }, "float32', 'tensor.zeros({ 2 }, "float64')
only('picture(x, { colormap = "v', 'picture(x, { colormap = "viridis')
only('require "sonde.seed', 'require "sonde.seeds')
has('help "con', 'help "conv2d')
only("?reduce_l", "?reduce_lr_on_plateau")
only("?conv2d.padd", "?conv2d.padding")
only("?net:count_p", "?net:count_params")
files 'image_folder "pets/tr'
files 'image_folder "'
files "x = io.open('a"
files "!ls sr"
files "x = !ls sr"

-- nothing runs, whatever it is
hit = 0
local function count() hit = hit + 1 end
trap = setmetatable({ known = 1 }, { __index = count, __pairs = count, __len = count, __call = count,
  __tostring = count })
behind = setmetatable({}, { __index = { inherited = 1 } })
for _, line in ipairs { "trap.k", "trap.x.y", "trap:", "trap().x", "trap{}.", 'trap["k', "count().",
  "f(trap.", "trap[1]." } do
  lines(line)
end
check.equal(hit, 0)
only("trap.k", "trap.known")
only("behind.in", "behind.inherited")

-- text of any kind is no error
for _, line in ipairs { "", "'", '"', "[[", "--", "-- x", "--[[", "}", ")", "]", "...", "..", ":", "::", "a.b.", "1.", "0x",
  "[=[", "x = [[a]", "f(", "end", "function", "if x then", "\\",
  "\0", "é", "a['", "local x <", "?", "??", "!", "? ", "x = !" } do
  for _, before in ipairs { "", "f(", "x = [[", "-- c", "t = {", "function f(" } do
    check.equal(type(offered(line, before)), "table")
  end
end
-- what a Lua function is recorded as is nowhere offered; a symbol has the functions that can be recorded
for _, kind in ipairs { "loss", "metric", "regularizer", "activation" } do
  for _, line in ipairs(lines(("sonde.kinds.%s."):format(kind))) do check.ok(not line:find "traced", line) end
  check.ok(#lines(("sonde.kinds.%s."):format(kind)) > 2, kind)
end
check.equal(#lines "trace", 0)
check.equal(#lines('help "trace'), 0)
symbol = dense { 2 }(input { 2 })
only("symbol:logs", "symbol:logsumexp")
symbol = nil

check.done()
