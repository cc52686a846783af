-- help: every name of the tables, everything that the pages mention, at any width.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local core = require "sonde.core"
local function text_of(topic) return check.output(function() help(topic) end) end
local topics = require "sonde.topics"
for _, kind in ipairs(topics.kinds) do
  for _, d in ipairs(kind) do
    local text = text_of(d.name)
    check.has(text, d.name .. "{")
    for _, f in ipairs(core.describe(kind.kind, d.name).fields) do check.has(text, f.name) end
  end
end
for name in pairs(require "sonde.parts".pages()) do check.ok(#text_of(name) > 20) end
check.has(text_of "conv2d", 'padding = "valid"')
check.has(text_of "conv2d", "for example")
check.has(text_of(conv2d), "conv2d{ filters, kernel_size")
check.has(text_of(adam {}), "learning_rate")
check.has(text_of "mse", "metric")
check.has(text_of "r:loss_terms", "penalty")
check.has(text_of "m:fit()", "fit")
check.has(text_of(), "batch_norm")
check.has(text_of "everything", "global_avg_pool2d")
check.has(text_of(tensor { 1 }), "tensor")
check.fails(function() help "con2d" end, "help.lua:", 'did you mean "conv2d"?')
check.fails(function() help "qqqqqqqq" end, "help() lists")

-- kinds list their members, in one or many
for _, kind in ipairs(topics.kinds) do
  for _, word in ipairs { kind.kind, kind.kind .. (kind.kind:find "s$" and "es" or "s") } do
    local text = text_of(word)
    for _, d in ipairs(kind) do check.has(text, "\n  " .. d.name) end
  end
end

-- what a Lua function was recorded as has a name that nobody writes: in no list, and help leads to functions
local listed, all = 0, 0
for i, kind in ipairs(core.kinds) do
  listed, all = listed + #topics.kinds[i], all + #kind
  check.ok(not text_of(kind.kind):find "\n  traced", kind.kind)
end
check.equal(all - listed, 4)
check.ok(not text_of "everything":find "traced" and not text_of "layers":find "traced")
check.equal(rawget(_G, "traced"), nil)
for _, word in ipairs(topics.all()) do check.ok(word ~= "traced") end
check.has(text_of "traced", "grad(f)")
check.ok(not (text_of "traced" .. text_of "lambda"):find("inputs 1;", 1, true))
check.has(text_of "lambda", "lambda { function(x) return x * sigmoid(x) end }")
check.equal(text_of(sonde.kinds.loss.traced { "inputs 2; sub 0 1" }), text_of "functions")

-- chapters: the overview names them within a screen; each kind and each page is in exactly one
local _, lines = require "sonde.help".text(nil, 80):gsub("\n", "\n")
check.ok(lines + 1 <= 22, "help() has %d lines", lines + 1)
local chapter_of = {}
local function one_chapter(what, name, group)
  local key = what .. " " .. name
  check.ok(not chapter_of[key], "%s is in two chapters of lua/sonde/groups.lua", key)
  chapter_of[key] = group.name
  check.has(text_of(group.name), what == "kind" and name or "?" .. name)
end
for _, group in ipairs(require "sonde.groups") do
  check.has(text_of(), ('help "%s"'):format(group.name))
  check.ok(not require "sonde.topics".page(group.name), "a page and a chapter are called %s", group.name)
  check.equal(#require "sonde.topics".described(group.name), 0, group.name)
  for _, kind in ipairs(group.kinds) do one_chapter("kind", kind, group) end
  for _, page in ipairs(group.pages) do one_chapter("page", page, group) end
end
for _, kind in ipairs(core.kinds) do check.ok(chapter_of["kind " .. kind.kind], "add %s to groups.lua", kind.kind) end
for name in pairs(require "sonde.parts".pages()) do
  check.ok(chapter_of["page " .. name], "the page %s is in no chapter: add it to lua/sonde/groups.lua", name)
end

-- names as Keras spells them; what cannot be called is not offered
for _, name in ipairs { "Conv2D", "conv_2d", "CONV2D" } do check.equal(text_of(name), text_of "conv2d") end
check.equal(text_of "BatchNormalization", text_of "batch_norm")
check.equal(text_of "MaxPooling2D", text_of "max_pool2d")
check.equal(text_of "ReduceLROnPlateau", text_of "reduce_lr_on_plateau")
check.ok(not text_of("batch_norm"):find "batch_normalization")
check.has(text_of "mae", '"mean_absolute_error"')
check.has(text_of "conv2d", "1..1048576")

-- what is mentioned is known, and the right page is named
check.has(text_of "r:step", 'help "run" tells more')
check.has(text_of "get_weights", 'help "model" tells more')
check.has(text_of "set_weights", 'help "model" tells more')
check.has(text_of "split", 'help "dataset" tells more')
check.has(text_of "d:take(5)", 'help "dataset" tells more')
check.has(text_of "history", 'help "run" tells more')
check.has(text_of "epochs", 'help "run" tells more')
check.has(text_of "sonde.seed", "initial weights")
check.has(text_of "seed", 'help "sonde" tells more')
check.has(text_of "on_epoch_end", "(epoch, logs, run)")
check.has(text_of "save", "m:save(path)")
check.has(text_of "save", "r:save(path)")
check.ok(not text_of("r:save"):find("m:save", 1, true))
check.has(text_of "npz.load", "archives")
check.has(text_of "sonde.conv2d", "conv2d{ filters")
check.has(text_of "validation_split", "last part")
for _, owner in ipairs { "model", "run", "dataset", "tensor", "picture" } do
  for _, list in ipairs { core.meta[owner].methods, core.meta[owner].fields or {} } do
    for name in pairs(list) do
      check.has(text_of(owner .. ":" .. name), name)
      check.has(text_of(name), name)
    end
  end
end
for name in pairs(sonde) do check.ok(#text_of("sonde." .. name) > 20, "sonde.%s", name) end

-- what can be written, and what is made otherwise
check.has(text_of "m.last_run", "the run that was made last")
check.has(text_of "trainable", "can be set")
check.has(text_of "m.layers.NAME.kernel", "m.layers.dense.kernel = t")
check.has(text_of "random", "evenly spread")
check.has(text_of "randn", "variance 1")
check.has(text_of "resume", "{ x =, y = }")
for name in pairs { random = 1, randn = 1, zeros = 1, ones = 1, full = 1 } do
  check.has(text_of "tensor", "tensor." .. name)
  check.equal(type(tensor[name]), "function")
end

-- an option: whose it is, its type, default and text; in full where the owner is named
for _, kind in ipairs(require "sonde.topics".kinds) do
  for _, entry in ipairs(kind) do
    local d = core.describe(kind.kind, entry.name)
    for _, f in ipairs(d.fields) do
      local text = text_of(f.name)
      check.ok(text:find("option of ", 1, true) or text:find("an option, too", 1, true), "?%s: %s", f.name, text)
      text = text_of(d.name .. "." .. f.name):gsub("%s+", " ")
      check.has(text, f.required and f.name .. " (must be given)" or ("%s = %s"):format(f.name, f.default))
      check.has(text, (f.doc or ""):gsub("%s+", " "))
      check.has(text, ("of %s %s"):format(kind.kind, d.name))
    end
  end
end
check.has(text_of "padding", "option of layers max_pool2d, avg_pool2d")
check.has(text_of "name", "option of every layer")
check.has(text_of "patience", "epochs without improvement before stopping (whole number, 0..1000000000)")
check.ok(not text_of("early_stopping.patience"):find "reducing")
check.has(text_of "batch_size", 'help "input_gradient", "output" tell more')
check.equal(text_of "m:fit.batch_size", text_of "run.batch_size")
check.ok(not text_of("run.batch_size"):find "accuracy")
check.fails(function() help "conv2d.pading" end, "conv2d has no option pading; did you mean padding?")
check.fails(function() help "conv2d.patience" end, "conv2d has no option patience; ?conv2d lists them")
check.has(text_of "program", "option of layer lambda")
check.equal(text_of "traced.program", text_of "functions")
check.ok(not text_of "program":find "traced", "?program names what nobody writes")
check.has(text_of "batch_size", '"gradients_on_batch", "train_on_batch" tell more')
check.fails(function() help "pading" end, 'did you mean "padding"?')
check.has(text_of "activation.relu", "max(x, 0)")
check.has(text_of "help", "?conv2d.padding")

-- values
local m = sequential { dense { 1, input_shape = { 1 } } }
m:compile { loss = "mse", optimizer = "sgd" }
local r = m:run({ tensor { { 1 } }, tensor { { 1 } } }, { verbose = 0 })
check.equal(text_of(m), text_of "model")
check.equal(text_of(r), text_of "run")
check.equal(text_of(r.step), text_of "r:step")
check.equal(text_of(m.run), text_of "run")
check.equal(text_of(resume), text_of "resume")
my_run = r
check.equal(text_of "my_run", text_of "run")
check.equal(text_of "my_run:step", text_of "r:step")
check.fails(function() help(print) end, "a function")
check.fails(function() help {} end, "a table")
check.fails(function() help "r:stepp" end, 'did you mean "step"?')

-- no line is longer than the terminal, but for examples and single words
local help_text = require "sonde.help".text
local topics = require "sonde.topics"
for _, width in ipairs { 60, 80, 100 } do
  local all = topics.all()
  all[#all + 1] = ""
  for _, name in ipairs(all) do
    local example = false
    for line in help_text(name, width):gmatch "[^\n]+" do
      if line:find "^%S" then example = line == "for example" end
      check.ok(example or #line <= width, "%s at %d columns: %s", name, width, line)
    end
  end
end

-- TAB asks for options
local function offers(name, option)
  for _, o in ipairs(topics.options(name)) do
    if o == option then return true end
  end
  return false
end
check.ok(offers("conv2d", "kernel_size"))
check.ok(offers("run", "batch_size") and offers("fit", "callbacks") and offers("compile", "loss"))
check.ok(offers("resume", "schedule") and not offers("print", "x"))
check.done()
