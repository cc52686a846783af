-- What other tools call otherwise: that the hints name what there is, and where they are told.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"
local foreign = require "sonde.foreign"
local help = require "sonde.help"
local names = require "sonde.names"

local x, y = check.points(16)
local d = tensors { x = x, y = y }
local m = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, batch_norm {}, dense { 1, name = "head" } }
m:compile { loss = "mse", optimizer = sgd { 0.1 } }
local r = m:run(d, { batch_size = 8, verbose = 0 })
local values = { model = m, run = r, dataset = d, tensor = x, layer = m.layers.dense, maker = tensor,
  optimizer = adam {} }

-- ---- the lists ----

-- Every method, function and page that a hint names is there.
local letters = { m = m, r = r, d = d, t = x, p = picture(x) }
local libraries = { tensor = tensor, sonde = sonde, npy = npy, npz = npz, math = math, table = table, io = io, plot = plot }
local function check_hint(where, text)
  for letter, method in text:gmatch "%f[%w_]([mrdtp]):([%a_]+)%(" do
    check.ok(type(letters[letter][method]) == "function", "%s: %s:%s", where, letter, method)
  end
  for library, name in text:gmatch "%f[%w_]([%a]+)%.([%a_]+)%f[^%w_]" do
    local t = libraries[library]
    check.ok(not t or t[name] ~= nil, "%s: %s.%s", where, library, name)
  end
  for page in text:gmatch "%?([%l_]+)" do check.ok(help.text(page), "%s: ?%s", where, page) end
  local called = text:match "^it is called ([%w_]+)$"
  if called then
    local known = rawget(_G, called) ~= nil
    for _, layer in ipairs { "dense", "conv2d", "batch_norm" } do
      for _, f in ipairs(core.describe("layer", layer).fields) do known = known or f.name == called end
    end
    for _, field in ipairs { "learning_rate", "epsilon", "epochs", "batch_size", "validation_data", "seed", "verbose",
      "kernel", "bias", "moving_mean", "moving_variance", "shape" } do
      known = known or field == called
    end
    check.ok(known, "%s: %s", where, called)
  end
end

for _, owner in ipairs { "tensor", "model", "run", "dataset", "layer", "maker", "global", "magic", "option", "list",
  "string", "optimizer" } do
  local n = 0
  for name, text in pairs(foreign.list(owner)) do
    n = n + 1
    check_hint(owner .. " " .. name, text)
    check.ok(#text > 4 and not text:find "%.$", "%s %s", owner, name)
    if owner == "global" then
      check.equal(rawget(_G, name), nil, "a name of ours: " .. name)
    elseif values[owner] and name ~= "1" then
      local ok, err = pcall(function() return values[owner][name] end)
      if owner == "maker" then check.ok(err == nil, "a name of ours: tensor.%s", name)
      else check.ok(not ok and err:find("; " .. text, 1, true), "%s %s: %s", owner, name, err) end
    end
  end
  check.ok(n > 2, "%s has a list", owner)
end
for _, owner in ipairs { "model", "run", "dataset" } do
  check.fails(function() return values[owner][1] end, "foreign.lua:", "has no [1]; " .. foreign.of(owner, 1))
end

-- ---- messages ----

check.fails(function() return x.softmax end, "a tensor has no softmax; the function softmax(t) computes it")
check.fails(function() return x:log_softmax(1) end, "the function log_softmax(t) computes it")
check.fails(function() return x.shap end, "did you mean shape?")
check.fails(function() return x:mean { axis = 1 } end, "mean: the axis has no name: t:mean(1)")
check.fails(function() return x:argmax { dim = 1 } end, "argmax: the axis has no name: t:argmax(1)")
check.fails(function() m:compile("adam", "mse") end, 'm:compile{ loss = "mse", optimizer = "adam" }')
check.fails(function() m:compile(adam {}) end, 'm:compile{ loss = "mse", optimizer = "adam" }')
check.fails(function() help.help "state_dict" end, 'nothing about "state_dict"; m:get_weights() lists all')
check.has(help.text "weights", "also: it is a method, written behind a colon: r:weights(...)")
check.has(help.text "weights", "also: m:get_weights() lists all")

check.fails(function() m:fit(d, { lr = 0.1 }) end, 'fit: unknown option "lr"; the optimizer has it')
check.fails(function() m:run(d, { n_epochs = 2 }) end, 'run: unknown option "n_epochs"; it is called epochs')
check.fails(function() m:predict(d:sample(1)) end, "predict: wants a batch alone", "m:predict(d:take(1))")
check.fails(function() return m.optimizer.learning_rat end, "the optimizer sgd has no learning_rat; did you mean "
  .. "learning_rate?")
check.fails(function() return m.layers.dense.config.unit end, "the layer dense has no unit; did you mean units?")
check.fails(function() m.optimizer.learning_rate = 1 end, "foreign.lua:", "sgd: learning_rate cannot be set",
  "r.learning_rate = 1e-4")
check.equal(m.layers.dense.config.kernel_regularizer, nil)

check.fails(function() m:fit(x, y, 10) end, "foreign.lua:", "fit: options have names, as in m:fit(data, { epochs = 10")
check.fails(function() m:run(x, y, 32, 10) end, "run: takes data and one table of options", "got also 10")
check.fails(function() m:fit(x, y, { epochs = 2 }, { verbose = 0 }) end, "fit: takes data and one table", "got also a table")
check.fails(function() local _ = sequential(dense { 4 }, dense { 1 }) end, "sequential: its layers stand in braces")
for theirs, ours in pairs { input_dim = "input_shape", bias = "use_bias", out_features = "units" } do
  check.fails(function() local _ = dense { 4, [theirs] = 1 } end,
    ('unknown option "%s"; did you mean "%s"?'):format(theirs, ours))
end
check.fails(function() local _ = dropout { p = 0.5 } end, 'did you mean "rate"?')

check.fails(function() m:replace(dense { 3 }) end, 'replace: the layer of the model comes first, by its name: '
  .. 'm:replace("head", dense{ ... }); got the layer dense')
check.fails(function() m:remove(dense { 3 }) end, 'm:remove("head"); got')
check.equal(tostring(sonde), ("sonde %s: the table of all its names; ?sonde"):format(sonde.version))

-- of the text of a message of Lua's; what was typed is there beside it
local function hint(fn, chunk)
  local ok, err = pcall(fn)
  check.ok(not ok)
  return names.hint(err, chunk) or ""
end
check.has(hint(function() lr_find(m, d) end), "it is a method, written behind a colon: m:lr_find(...)")
check.has(hint(function() landscape() end), "m:landscape(...), r:landscape(...)")
check.has(hint(function() return len(x) end), "#x is the length")
check.has(hint(function() return np.zeros(3) end), "there are no such modules")
check.has(hint(function() return ls - l end), "!ls runs it in the shell")
check.equal(hint(function() return sequentiall {} end), "; did you mean sequential?")
check.equal(hint(function() return randn { 2 } end), "; did you mean tensor.randn?")
check.equal(hint(function() return qqqqq() end), "")
check.equal(hint(load("return tensor.exp(1)", "=input"), "return tensor.exp(1)"), "; exp(t) is a function by itself")
check.has(hint(function() for _ in pairs(tensor { 1 }) do break end end), "for i, v in ipairs(t)")
check.has(hint(function() return loss.backward() end), "r:step() make a step")
check.fails(function() return tensor { 1 } + { 1 } end, "got a table (+); tensor{ 1, 2 } makes a tensor of a list")
_G.run_of_names = r
check.equal(hint(load("return run_of_names.history.loss", "=input"), "return run_of_names.history.loss"),
  "; it is a method: run_of_names:history().loss")
check.has(hint(load("return model.summary()", "=input"), "return model.summary()"), "m:summary(...)")
check.equal(hint(load("return sequential.x", "=input"), "return sequential.x"),
  "; sequential is a function; ?sequential explains it")
check.has(hint(load("return tensor.array { 1 }", "=input"), "return tensor.array { 1 }"),
  "tensor{ { 1, 2 }, { 3, 4 } } makes one")

check.has(hint(load("return run_of_names.done()", "=input"), "return run_of_names.done()"),
  "it is a field, without parentheses: run_of_names.done")
check.has(hint(load("local t = tensor { 1 } return t:sum():item()", "=input"), "t:sum():item()"), "a number already")
check.equal(hint(load("local t = tensor { 1 } return t:sum():x()", "=input"), "t:sum():x()"), "")
check.has(hint(function() for _ in m.layers do break end end), "ipairs(list)")
check.has(hint(function() for _ in d do break end end), "d:batches()")
check.has(hint(function() return m(x) end), "m:predict(x)")
check.has(hint(function() return d(1) end), "d:batch(1)")
check.fails(function() for _ in ipairs(d:batches()) do break end end, "goes over them, without ipairs")
_G.plain_list, _G.plain_text = {}, "a"
for code, said in pairs { ["plain_list.append(3)"] = "table.insert(t, v)", ["plain_list:sort()"] = "table.sort(t)",
  ["plain_list.items()"] = "pairs(t)", ["plain_text:split(',')"] = "s:gmatch", ["plain_text:strip()"] = 's:match "^%s*(.-)%s*$"',
  ['f"loss {x}"'] = '("loss %.4f"):format(x)', ['"%d" % 3'] = "format(x)" } do
  check.has(hint(load("return " .. code, "=input"), "return " .. code), said)
end
check.equal(hint(load("return plain_list.qqqq()", "=input"), "return plain_list.qqqq()"), "")
check.has(hint(function() return "a" + "b" end), "joined by ..")
check.has(hint(function() return math.sqrt(x) end), "the function sqrt(t), without math")
check.equal(hint(function() return math.sqrt "x" end), "")
check.equal(hint(function() return math.modf(x) end), "")

-- what cannot be read
local function syntax(chunk)
  local fn, message = load("return " .. chunk, "=input")
  if not fn then fn, message = load(chunk, "=input") end
  check.ok(not fn, "%s is no Lua", chunk)
  return names.syntax(message, chunk) or ""
end
for chunk, said in pairs { ["import numpy as np"] = "without an import", ["from a import b"] = "without an import",
  ["def f(x): return x"] = "function f(x)", ["lambda x: x + 1"] = "function(x) return", ["print x"] = "print(x)",
  ["y == 3 ? 1 : 0"] = "and b or c", ["x ** 2"] = "x ^ 2", ["x != 1"] = "~=", ["x += 1"] = "x = x + 1",
  ["x++"] = "no ++", ["a && b"] = "a and b", ["a || b"] = "a or b", ["!x"] = "not x", ["a @ b"] = "a:matmul(b)",
  ["x[0:2]"] = "a range is a list", ["x[:, 1]"] = "{} is all", ["x[1, 2]"] = "one list: t[{ 1, 2 }]",
  ["y = [1, 2]"] = "with braces", ["m:fit(x, y, epochs = 3)"] = "options stand in braces", ["x = { 'a': 1 }"] = "name = value",
  ["%timeit f(x)"] = 'time "expression"', ["%who"] = "who()", ["%cd /tmp"] = "!cd FOLDER", ["%ls -l"] = "!ls -l runs it",
  ["%nothing"] = "no commands behind a %", ["git log -1"] = "!git log -1 runs it", ["# a comment"] = "begins with --",
  ["conv2d(32, (3, 3))"] = "a pair of numbers is a list",
  ["t:shape[1]"] = "a field has a dot", ["print(t:shape)"] = "a field has a dot", ["help dense"] = "?NAME",
  ["type x"] = "a call has parentheses: type(x)", ["if x = 3 then x() end"] = "by ==",
  ["x === y"] = "by ==", ["x <> y"] = "~=", ['"""a"""'] = "[[ ... ]]", ["f = (x) => x + 1"] = "function(x)",
  ["function f(x) { return x }"] = "... end",
  ["for i in 1..10 do end"] = "for i = 1, 10", ["let q = 3"] = "x = 3", ["q := 3"] = "x = 3",
  ["for i in range(3):"] = "for i = 1, 3 do", ["for x in list:"] = "ipairs(list)", ["if x == 1:"] = "then",
  ["while x < 3:"] = "while x < 3 do", ["try:"] = "pcall", ["// a comment"] = "begins with --", ["del x"] = "x = nil",
  ["raise ValueError"] = "error(", ["@tf.function"] = "no decorators", ["x = 3 if c else 4"] = "b and a or c",
  ["x = y = 3"] = "y = 3; x = y", ["2 ** 10"] = "x ^ 2", ["while True: pass"] = "while x < 3 do",
  ["with open(f) as g: pass"] = "<close>" } do
  check.has(syntax(chunk), said)
end
for _, chunk in ipairs { "x = = 1", "for i 1, 2 do", ")", "x + * 2", "f(", "x = { 1, 2", 'x = "a', "goto nowhere", "1 2",
  "for i, v in a:b( do", "if x:y() do", "x = a.", 'x = = "a ? b : c"', "x = = '+= && @ [1:2]'" } do
  check.equal(syntax(chunk), "", chunk)
end

-- one name alone whose value is nil
for name, said in pairs { ls = "!ls runs it", dir = "TAB lists", clear = "Ctrl-L", summary = "m:summary(...)" } do
  check.has(names.alone(name), said)
end
check.equal(names.alone "conv2", nil)
check.equal(names.alone "x + 1", nil)
dir = 3
check.equal(names.alone "dir", nil)

-- ---- both ways of writing sizes and axes ----

local t = tensor.arange(12)
for _, u in ipairs { t:reshape(3, 4), t:reshape { 3, 4 }, t:reshape(3, -1), reshape(t, 3, 4) } do
  check.list(u.shape, { 3, 4 })
  check.equal(u[{ 2, 1 }], 4)
end
check.list(t:reshape(-1).shape, { 12 })
check.fails(function() t:reshape(5, 4) end, "foreign.lua:", "reshape")
local u = t:reshape(2, 3, 2)
check.list(u:transpose({ 3, 1, 2 }).shape, { 2, 2, 3 })
check.ok(u:transpose({ 3, 1, 2 }):equal(u:permute(3, 1, 2)))
check.ok(u:transpose(1, 2):equal(u:permute { 2, 1, 3 }))
check.fails(function() u:transpose { 1, 2 } end, "order of all 3 axes")
for _, name in ipairs { "zeros", "ones", "rand", "randn", "random" } do
  check.list(tensor[name](2, 3).shape, { 2, 3 })
  check.equal(tensor[name](2, 3, "float64").dtype, "float64")
  check.list(tensor[name](4).shape, { 4 })
end
check.equal(tensor.zeros(3, "int64").dtype, "int64")
check.equal(tensor.zeros({ 3 }, "int64").dtype, "int64")
check.fails(function() tensor.zeros(2, {}) end, "foreign.lua:", "size 2 is a table")
check.list(grad(function(v) return sum(tensor.where(gt(v, 1), v * 2, 0)) end)(tensor { 1, 2, 3 }):tolist(), { 0, 2, 2 })
check.list(grad(function(v) return sum(v:reshape(3, 1) * 2) end)(tensor { 1, 2, 3 }):tolist(), { 2, 2, 2 })

-- constructors without their braces
check.equal(tostring(flatten()), "flatten{}")
check.equal(tostring(adam()), tostring(adam {}))
check.equal(tostring(concat()), "concat{}")
check.equal(tostring(relu()), "relu{}")
check.equal(tostring(softmax()), "softmax{}")
check.list(sequential({ dense { 4, input_shape = { 2 } }, relu(), dense { 2 }, softmax }).output_shape, { 2 })
check.fails(function() return relu(nothing) end, "relu: wants a number, a tensor or a symbol")
check.equal(tostring(l2()), tostring(l2 {}))
check.fails(function() local _ = dense() end, "foreign.lua:", "dense: units is missing")
check.fails(function() return flatten(nothing) end, "flatten: argument 1 is nil; is a name misspelt?")
check.fails(function() return tensors(nothing) end, "tensors: argument 1 is nil; is a name misspelt?")
check.fails(function() return concat({ 1, 2 }, 1) end, "concat: wants a list of tensors or symbols", "tensor{ 1, 2 } makes")
check.fails(function() return concat { x, "a" } end, "concat: wants")

-- files that are not there: whose message it is
for name, load_file in pairs { load_model = load_model, ["npz.load"] = npz.load, ["npy.load"] = npy.load,
  ["picture.load"] = picture.load, resume = function(path) return resume(path, d) end } do
  check.fails(function() local _ = load_file "nope" end, "foreign.lua:", name .. ": nope: No such file or directory")
end
check.fails(function() m:save "/nope/x.sonde" end, "save: /nope/x.sonde: ")
check.fails(function() r:save "/nope/x.sonde" end, "save: /nope/x.sonde: ")

-- ---- layers by number ----

check.equal(m.layers[-1].name, "head")
check.equal(m.layers[-3].name, "dense")
for _, k in ipairs { 0, 5, -4, 99 } do
  check.fails(function() return m.layers[k] end, "foreign.lua:", ("there is no layer %d; the model has 3"):format(k))
end
local n = 0
for i, layer in ipairs(m.layers) do n = n + (layer.name == m.layers[i].name and 1 or 0) end
check.equal(n, 3)

-- ---- settings ----

check.fails(function() sonde.thread = 3 end, "foreign.lua:", 'no setting "thread"; did you mean sonde.threads? That cannot be')
check.fails(function() sonde.threads = 3 end, "sonde.threads cannot be set; sonde --threads N")
check.fails(function() sonde.seed = 3 end, "sonde.seed is a function; it is called: sonde.seed(...)")
check.fails(function() sonde.pagr = false end, "did you mean sonde.pager?")
check.fails(function() sonde.qqqq = 1 end, "there is pager")
check.fails(function() sonde.pager = 3 end, "sonde.pager: wants a command, or false for none, got 3")
sonde.pager = "cat"
check.equal(sonde.pager, "cat")
sonde.pager = nil
check.equal(sonde.pager, nil)
check.equal(sonde.thread, nil) -- as of any table
local found = false
for k, v in pairs(sonde) do found = found or k == "seed" and v == sonde.seed end
check.ok(found)

-- ---- assignments into copies, seen in the text ----

net_of_copies = m
nets = { m }
plain = { layers = { a = { b = {} } } }
local note = require "sonde.copies".note
for _, text in ipairs { "net_of_copies.layers.dense.kernel[1] = 0", "net_of_copies.layers.dense.kernel[{ 1, 2 }] = 0",
  "net_of_copies.layers[1].kernel[1] = 0", 'net_of_copies.layers["dense"].kernel[1][2] = 0',
  'net_of_copies.layers["dense"]["kernel"][1] = 0', "nets[1].layers.head.bias[1] = 2",
  "x = 3 net_of_copies.layers.head.bias [1]= 2", "net_of_copies.last_run.layers.dense.kernel[1] = 0" } do
  check.has(note(text) or "no note", "is a copy, and only that was changed; k = ")
end
check.equal(note "run_of_names.layers.dense.kernel.grad[1] = 0", "run_of_names.layers.dense.kernel.grad is a copy, and "
  .. "only that was changed")
check.equal(note "run_of_names.layers.dense.output[1] = 0", "run_of_names.layers.dense.output is a copy, and "
  .. "only that was changed")
check.has(note "function f() return 1 end for i = 1, 2 do net_of_copies.layers.dense.kernel[i] = 0 end" or "no note",
  "is a copy")
grid_of_copies, mask_of_copies = tensor.zeros { 3, 3, 2 }, tensor.zeros { 3, 3, 2 }:eq(0)
for text, said in pairs {
  ["grid_of_copies[{ {}, 2 }][1] = 5"] = "grid_of_copies[{ {}, 2 }] is a copy, and only that was changed",
  ["grid_of_copies[{ 1, { 1, 2 }, 1 }][1] = 5"] = "is a copy", ["grid_of_copies[{ { 1, 3, 2 } }][1] = 5"] = "is a copy",
  ["grid_of_copies[{ { 1, 2 }, { 1, 2 } }][1][1] = 5"] = "is a copy", ["grid_of_copies[mask_of_copies][1] = 5"] = "is a copy",
  ["grid_of_copies:t()[1] = 7"] = "grid_of_copies:t() is a copy", ["grid_of_copies:copy()[1] = 7"] = "is a copy",
} do check.has(note(text) or "no note", said) end
for _, text in ipairs { "grid_of_copies[1][2] = 5", "grid_of_copies[{ 1, 2 }][1] = 5", "grid_of_copies[{ { 1, 2 } }][1] = 5",
  "grid_of_copies[{ 2, { 1, 2 } }][1] = 5", "grid_of_copies[{ {}, 2 }] = 5", "grid_of_copies[mask_of_copies] = 5",
  "grid_of_copies[-1][2][1] = 5", "k = grid_of_copies[{ {}, 2 }] k[1] = 5", "grid_of_copies[{ {}, 2 }][1] == 5" } do
  check.equal(note(text), nil, text)
end
do -- it is so: what the text says is what the tensor does
  local i = 0
  for text, shared in pairs { ["t[{ {}, 2 }][1] = 5"] = false, ["t[{ { 1, 2 } }][1] = 5"] = true, ["t[1][2] = 5"] = true,
    ["t[{ 2, { 1, 2 } }][1] = 5"] = true, ["t[{ { 1, 3, 2 } }][1] = 5"] = false, ["t:t()[1] = 7"] = false } do
    local t = tensor.zeros { 3, 3 }
    load("local t = ... " .. text)(t)
    check.equal(t:max() > 0, shared, text)
    i = i + 1
  end
  check.equal(i, 6)
end
do -- what a layer says of itself can be changed without harm
  local shape = net_of_copies.layers.dense.shape
  local size = shape[1]
  shape[1] = size + 5
  check.equal(net_of_copies.layers.dense.shape[1], size)
end
for _, text in ipairs { "net_of_copies:get_weights()[1][2] = 3", "net_of_copies:get_weights()[1] = t" } do
  check.has(note(text) or "no note", "w = net_of_copies:get_weights(); w[1][1] = 0; net_of_copies:set_weights(w)")
end
for _, text in ipairs { "k = net_of_copies.layers.dense.kernel; k[1] = 0; net_of_copies.layers.dense.kernel = k",
  "net_of_copies.layers.dense.kernel[1] == 0", 'x = "net_of_copies.layers.dense.kernel[1] = 0"',
  "-- net_of_copies.layers.dense.kernel[1] = 0\nx = 1", "--[[ net_of_copies.layers.dense.kernel[1] = 0 ]] x = 1",
  "x = { [net_of_copies.layers.dense.kernel[1]] = 1 }", 'net_of_copies.layers["dense"].kernel = 3',
  "x[net_of_copies.layers.dense.kernel[1]] = 3", "w = net_of_copies:get_weights(); w[1][1] = 2",
  "net_of_copies.layers.dense.trainable = false", "plain.layers.a.b[1] = 3", "plain.layers.a[1] = 3", "= = [ ] =", "]=",
  "function f() net_of_copies.layers.dense.kernel[1] = 0 end",
  "local function f() for i = 1, 2 do net_of_copies.layers.dense.kernel[i] = 0 end end x = 1",
  "net_of_copies.layers.dense.shape[1] = 5", "net_of_copies.layers[1].params[1] = 5",
  "net_of_copies.layers.dense.config[1] = 5",
  "net_of_copies.layers.dense.kernel[1] = 0 --[[", "f(net_of_copies).layers.a.b[1] = 2" } do
  check.equal(note(text), nil, text)
end

-- of a long chunk the line with the mistake is looked at, and no more: the longest of a paste's would take for ever
do
  local long = "x = {\n" .. ("{ a = (1), [3] = 4 },\n"):rep(100000)
  check.equal(names.syntax("input:7: '}' expected near 'y'", long), nil)
  check.has(names.syntax("input:100002: unexpected symbol near '!'", long .. "!x }") or "no hint", "Lua writes not x")
  check.equal(names.syntax("input:1: '}' expected near 'y'", long:gsub("\n", " ")), nil)
  local hex = ("0123456789abcdef"):rep(100000)
  check.equal(names.hint("input:1: attempt to call a nil value (field 'decode')", "y = '" .. hex .. "'"), nil)
end

-- whatever was typed, nothing here raises
do
  local bits = { "net_of_copies", ".", "layers", "dense", "kernel", "[", "]", "1", "=", "(", ")", "{", "}", '"a"', "'", '"', ":",
    "get_weights", " ", "\n", "--", "[[", "]]", "local", "x", ",", "?", "%", "for", "in", "range(", "!", "#", "\0", "\u{e9}" }
  math.randomseed(7)
  for _ = 1, 3000 do
    local t = {}
    for k = 1, math.random(1, 14) do t[k] = bits[math.random(#bits)] end
    local s = table.concat(t)
    note(s)
    names.alone(s)
    names.syntax("input:1: syntax error near '='", s)
    for _, message in ipairs { "call a nil value (global 'x')", "index a function value (field 'kernel')",
      "call a table value (method 'kernel')", "call a nil value (method 'kernel')" } do
      names.hint("input:1: attempt to " .. message, s)
    end
  end
end
check.done()
