-- What messages say of wrong values, and what is refused that was taken in silence.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local x, y = tensor.full({ 8, 2 }, 0.5), tensor.full({ 8, 1 }, 1)
local m = sequential { dense { 1, input_shape = { 2 } } }
m:compile { loss = "mse", optimizer = "sgd" }
local function fails(text, fn) check.fails(fn, "messages.lua:", text) end

-- texts are quoted, and are no numbers
fails('fit: epochs = "3" must be a whole number', function() m:fit(x, y, { epochs = "3" }) end)
fails('batch_size = "3" must be a whole number', function() m:fit(x, y, { batch_size = "3" }) end)
fails('validation_freq = "1"', function() m:fit(x, y, { validation_freq = "1" }) end)
fails('shuffle = "yes" must be true or false', function() m:fit(x, y, { shuffle = "yes" }) end)
fails('validation_split = "a"', function() m:fit(x, y, { validation_split = "a" }) end)
fails('verbose = "1"', function() m:fit(x, y, { verbose = "1" }) end)
fails('n = "a" must be a whole number', function() sonde.seed "a" end)
fails('got "a"', function() tensors { x = x, y = y }:split "a" end)

fails("fit: batch_size = 1.5 must be a whole number of at least 1", function() m:fit(x, y, { batch_size = 1.5 }) end)
fails("fit: shuffle = 3 must be true or false", function() m:fit(x, y, { shuffle = 3 }) end)
fails("run: steps_per_epoch = 1.5 must be", function() m:run(x, y, { steps_per_epoch = 1.5 }) end)
fails("tensors: takes options by name only, got a tensor without a name", function() tensors { x, y } end)
fails("dense: takes at most 1 value without a name, got a tensor as number 2", function() dense { 1, x } end)
fails("/dev/zero: not a regular file", function() load_model "/dev/zero" end)
fails("/dev/null: not a regular file", function() npz.load "/dev/null" end)

-- what is large, or says no more than its address, is named by its type
fails("fit: epochs = a table must be a whole number", function() m:fit(x, y, { epochs = {} }) end)
fails("fit: epochs = a float32 tensor of shape (8, 2) must be", function() m:fit(x, y, { epochs = x }) end)
fails("fit: shuffle = a function must be true or false", function() m:fit(x, y, { shuffle = print }) end)
fails("fit: shuffle = a model must be true or false", function() m:fit(x, y, { shuffle = m }) end)
fails("fit: option [a tensor] has no name", function() m:fit(x, y, { [x] = 1 }) end)
fails("a dataset has no [a table]", function() return tensors { x = x, y = y }[{}] end)

-- constructors where an object is wanted
check.equal(tostring(dense { 1, activation = relu }), "dense{units=1, activation=relu{}}")
check.equal(conv2d { 3, 3, activation = softmax }.activation.type, "softmax")
check.equal(conv2d { 3, 3, kernel_initializer = zeros, kernel_regularizer = l2 }.kernel_regularizer.type, "l2")
fails("conv2d: activation wants an activation, got the optimizer adam", function()
  local _ = conv2d { 3, 3, activation = adam }
end)
fails("dense: activation wants an activation or its name, got 3", function() local _ = dense { 3, activation = 3 } end)
fails("dense: activation: the function gave nil; it must give what it computes from x", function()
  local _ = dense { 3, activation = print }
end)
fails("wants an initializer or its name, got true", function() local _ = dense { 3, kernel_initializer = true } end)
fails("cosine_decay: initial_learning_rate is missing", function() local _ = adam { cosine_decay } end)
check.equal(type(adam { function() return 0.1 end }.learning_rate), "function")

-- functions of one's own: the place, whose function it is, and the way to the place
local function broken() local _ = nothing.there end
local function fit(callback) m:fit(x, y, { epochs = 1, verbose = 0, callbacks = { callback } }) end
fails(": on_epoch_end: attempt to index a nil value", function()
  fit { on_epoch_end = function() local _ = nothing.there end }
end)
fails("in function 'broken'\n      51 | local function broken() local _ = nothing.there end\n    ", function()
  fit { on_batch_end = function() broken() end }
end)
-- the user's own lines, that of the function itself too where its last call has taken its place
local function lines_of(fn)
  local ok, err = pcall(fn)
  check.ok(not ok)
  return (tostring(err):gsub("[^\n ]*messages%.lua", "F"):gsub(":%d+", ":N"):gsub("line %d+", "line N")
    :gsub("(\n +)%d+ |", "%1N |"))
end
check.equal(lines_of(function() fit { on_epoch_end = function(_, logs)
  local _ = logs.acc * 2
end } end), "F:N: on_epoch_end: attempt to perform arithmetic on a nil value (field 'acc')\n"
  .. "    N | local _ = logs.acc * 2")
check.equal(lines_of(function()
  fit { on_epoch_end = function()
    return broken()
  end }
end), "F:N: on_epoch_end: attempt to index a nil value (global 'nothing')\n    F:N: in the function at line N\n"
  .. "      N | local function broken() local _ = nothing.there end\n    F:N: in the function that was given\n"
  .. "      N | fit { on_epoch_end = function()")
check.equal(lines_of(load("local fit, f = ... return function() fit { on_train_begin = function() f() end } end",
  "=gone")(fit, broken)), "F:N: on_train_begin: attempt to index a nil value (global 'nothing')\n"
  .. "    F:N: in function 'f'\n      N | local function broken() local _ = nothing.there end\n"
  .. "    gone:N: in the function at line N")
check.fails(function() fit { on_train_begin = function() error("stop", 0) end } end, "on_train_begin: stop")
fails(": learning_rate_scheduler: attempt to index", function() fit(learning_rate_scheduler { broken }) end)
fails(": compile: metric f1: attempt to index", function()
  m:compile { loss = "mse", optimizer = "sgd", metrics = { f1 = broken } }
end)
fails(": compile: metric 2: attempt to index", function()
  m:compile { loss = "mse", optimizer = "sgd", metrics = { "mae", broken } }
end)
fails(": compile: loss: attempt to index", function() m:compile { loss = broken, optimizer = "sgd" } end)
fails(": compile: loss: sub: one side is nil; is a name misspelt?", function()
  m:compile { loss = function(a) return mean(a - nothing) end, optimizer = "sgd" }
end)
fails(": lambda: attempt to index", function()
  local _ = lambda { function(a) return a + nothing.there end }
end)
fails(": grad: attempt to index", function() grad(broken)(1) end)
do
  local ok, err = pcall(fit, { on_epoch_end = function() error { code = 7 } end })
  check.ok(not ok and err.code == 7, "what is no text stays as it is")
end

-- tensors
fails("tensor: rows differ: 3 where the first is a list of 2", function() local _ = tensor { { 1, 2 }, 3 } end)
fails("tensor: rows differ: a list where the first is a number", function() local _ = tensor { 1, { 2, 3 } } end)
fails("reshape: 4 values cannot be cut into parts of 3", function() tensor({ 1, 2, 3, 4 }):reshape { -1, 3 } end)
fails("sizes 1 and 2 are -1", function() tensor({ 1, 2, 3, 4 }):reshape { -1, -1 } end)
check.list(tensor({ 1, 2, 3, 4 }):reshape({ -1, 2 }).shape, { 2, 2 })
fails('shape: wants a list of sizes, as in { 2, 3 }, got "2"', function() x:reshape("2", 8) end)
fails("tensor.zeros: wants a shape, as in tensor.zeros{ 2, 3 }, got a string", function() tensor.zeros "3" end)
fails("shape: wants a list of sizes, as in { 2, 3 }, got 3", function() tensor.full(3, 1) end)
fails("tensor.full: wants a shape and a number", function() tensor.full { 3 } end)
fails("rows: wants the numbers of the first and the last row", function() x:rows() end)
fails('tensor: elements are set to a number, a tensor or a list, got "a"', function() x[{ 1, 1 }] = "a" end)
fails("pick: wants a list of numbers", function() tensors { x = x, y = y }:pick(3) end)
fails("npy.load: wants the path of a file", function() npy.load(3) end)
fails("no arrays to save", function() npz.save(os.tmpname(), {}) end)

-- texts that C would end at a zero byte
do
  local path = check.folder() .. "/a.npz"
  npz.save(path, { a = x })
  local r = m:run(x, y)
  fails("npz.load: the path has a zero byte", function() npz.load(path .. "\0junk") end)
  fails("npz.save: the path has a zero byte", function() npz.save(path .. "\0junk", { x }) end)
  fails("npz.save: a name has a zero byte", function() npz.save(path, { ["a\0b"] = x }) end)
  fails("npy.load: the path has a zero byte", function() npy.load(path .. "\0junk") end)
  fails("npy.save: the path has a zero byte", function() npy.save(path .. "\0junk", x) end)
  fails("save: the path has a zero byte", function() m:save(path .. "\0junk") end)
  fails("save: the path has a zero byte", function() r:save(path .. "\0junk") end)
  fails("load_model: the path has a zero byte", function() load_model(path .. "\0junk") end)
  fails("resume: the path has a zero byte", function() resume(path .. "\0junk", x, y) end)
  fails("image_folder: directory wants a text, got a text with a zero byte", function()
    image_folder { path .. "\0" }
  end)
  fails("model: the name has a zero byte", function()
    sequential { name = "a\0b", dense { 1, input_shape = { 2 } } }
  end)
  fails("stop: the reason has a zero byte", function() r:stop "a\0b" end)
  fails("the name of the loss has a zero byte", function() m:compile { loss = "mse\0", optimizer = "sgd" } end)
  fails("tensor: the type has a zero byte", function() tensor({ 1 }, "int64\0") end)
  fails("the layer dense has no units\\0; did you mean units?", function() return dense({ 3 })["units\0"] end)
  fails('a\\0b" must be a whole number', function() m:fit(x, y, { epochs = "a\0b" }) end)
  check.list(npz.load(path).a.shape, { 8, 2 })
end

-- random tensors
local a, b = tensor.random { 50, 20, seed = 3 }, tensor.random { 50, 20, seed = 3 }
check.ok(a:equal(b))
check.ok(a:min() >= 0 and a:max() < 1 and math.abs(a:mean() - 0.5) < 0.05)
check.ok(not a:equal(tensor.random { 50, 20, seed = 4 }))
local n = tensor.randn { 100, 30, seed = 3 }
check.ok(math.abs(n:mean()) < 0.06 and math.abs(n:std() - 1) < 0.06)
sonde.seed(8)
a, b = tensor.randn { 4 }, tensor.randn { 4 }
check.ok(not a:equal(b))
sonde.seed(8)
check.ok(a:equal(tensor.randn { 4 }) and b:equal(tensor.randn { 4 }))
check.equal(tensor.random({ 2 }, "float64").dtype, "float64")
fails('unknown option "sed"', function() tensor.random { 2, sed = 3 } end)
fails("tensor.random: wants a shape, as in tensor.random{ 2, 3 }, got a boolean", function() tensor.random(true) end)

-- options that are elsewhere, or nowhere
fails('adam: unknown option "lr"; did you mean "learning_rate"?', function() local _ = adam { lr = 0.1 } end)
fails('image_folder: unknown option "batch_size"; it belongs to m:fit and m:run', function()
  image_folder { "pets", batch_size = 3 }
end)
fails('there is no loss "MeanSquaredError"; its name is "mse"', function()
  m:compile { loss = "MeanSquaredError", optimizer = "sgd" }
end)
fails('there is no optimizer "Adam"; its name is "adam"', function() m:compile { loss = "mse", optimizer = "Adam" } end)
fails("fit: there is no class_weight; repeat samples", function() m:fit(x, y, { class_weight = { 1, 2 } }) end)

-- contradictions
fails("dense: units is given twice", function() local _ = dense { 1, units = 3 } end)
fails("conv2d: kernel_size is given twice", function() local _ = conv2d { 4, 3, kernel_size = 5 } end)
fails("input: shape is given twice", function() input { 3, 4, shape = { 3 } } end)
check.equal(tostring(dense { units = 3 }), tostring(dense { 3 }))
check.equal(tostring(conv2d { 4, kernel_size = 5 }), tostring(conv2d { 4, 5 }))
fails("dense: the name of an option has a zero byte", function() local _ = dense { ["units\0"] = 3 } end)
fails("sequential: layer 2, dense_1: its input_shape (7,) is not what the layer before it gives, (4,)", function()
  sequential { dense { 4, input_shape = { 3 } }, dense { 2, input_shape = { 7 } } }
end)
fails("sequential: layer 1, dense: its input_shape (7,)", function()
  sequential { input { 3 }, dense { 2, input_shape = { 7 } } }
end)
check.ok(sequential { dense { 4, input_shape = { 3 } }, dense { 2, input_shape = { 4 } } })
fails("steps_per_epoch = 0 must be a whole number of at least 1", function() m:fit(x, y, { steps_per_epoch = 0 }) end)
fails("finish: goes to the planned end", function() m:run(x, y):finish(3) end)
local function said(units, act)
  return check.output(function()
    local s = sequential { dense { units, input_shape = { 2 } }, act }
    s:compile { loss = "mse", optimizer = "sgd" }
  end, "stderr")
end
check.has(said(1, softmax {}), "warning: compile: activation has one unit with softmax, which is always 1")
check.has(said(1, dense { 1, activation = "softmax", name = "head" }), "head has one unit")
check.equal(said(2, softmax {}), "")
check.equal(said(1, sigmoid {}), "")

-- resume, rates
local path = check.folder() .. "/r.sonde"
local r = m:run(x, y, { epochs = 2, verbose = 0, callbacks = { learning_rate_scheduler { function() return 1e-5 end } } })
r:epoch()
r:save(path)
fails('learning_rate = "a" must be a number >= 0', function()
  resume(path, x, y, { learning_rate = "a", schedule = print })
end)
fails("learning_rate = nan must be", function() r.learning_rate = -(0 / 0) end)
check.has(tostring(r), "learning_rate: 1.0000e-05")

-- the time of an epoch is that of its steps
r = m:run(x, y, { epochs = 1, batch_size = 4, verbose = 2 })
local began = sonde.clock()
r:step()
local steps = sonde.clock() - began
while sonde.clock() < began + steps + 1.2 do end
began = sonde.clock()
local seconds = check.output(function() r:finish() end):match "2/2 %- (%d+)s %- "
steps = steps + sonde.clock() - began
check.ok(tonumber(seconds) <= steps + 0.5, "%s s of steps that took %g s", seconds, steps)

-- summaries fit into 80 columns
local wide = sequential { conv2d { 4, 3, input_shape = { 32, 32, 3 } }, batch_norm {}, flatten {}, dense { 10 } }
wide:compile { loss = "mse", optimizer = adam {} }
for line in check.output(function() wide:summary() end):gmatch "[^\n]+" do
  check.ok(utf8.len(line) <= 80, "%s", line)
end

for _, name in ipairs { "exit", "quit" } do
  for _, status in ipairs { "x", 1.5, 256, -1, {} } do
    check.fails(function() _G[name](status) end, name .. ": the status is a whole number within 0..255, got ")
  end
end
for what, steps in pairs { ["got nil"] = false, ["got no steps"] = {}, ["name = nil is no text"] = { { "a", "b" } },
  ["step 1 is no { TEXT, CODE }"] = { name = "t", "a" }, ["step 2 is no"] = { name = "t", { "a", "" }, { "b" } } } do
  check.fails(function() require "sonde.guide"(steps or nil) end, "guide: ", what)
end
check.done()
