-- Constructors: what they take, what they print, and what they say to mistakes.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

-- positions, names, single values, nothing
check.equal(tostring(conv2d { 32, 5 }), "conv2d{filters=32, kernel_size={5, 5}}")
check.equal(tostring(conv2d { filters = 8, kernel_size = { 3, 2 }, padding = "same" }),
  'conv2d{filters=8, kernel_size={3, 2}, padding="same"}')
check.equal(tostring(dropout(0.5)), tostring(dropout { rate = 0.5 }))
check.equal(tostring(activation "relu"), tostring(activation { relu {} }))
check.equal(tostring(l2(1e-4)), "l2{factor=0.0001}")
check.equal(tostring(adam()), "adam{}")
check.equal(tostring(adam { 1e-4 }), "adam{learning_rate=0.0001}")
check.list(input { 32, 32, 3 }.shape, { 32, 32, 3 })
check.list(input { shape = { 7 } }.shape, { 7 })
check.list(input { { 4, 5 } }.shape, { 4, 5 })
check.list(reshape { 2, 12 }.target_shape, { 2, 12 })
check.list(max_pool2d { 2 }.pool_size, { 2, 2 })
check.list(max_pool2d { { 3, 2 } }.pool_size, { 3, 2 })

-- fields
local c = conv2d { 4, 3, kernel_regularizer = l1_l2 { l1 = 0.1, l2 = 0.2 }, name = "stem" }
check.equal(c.filters, 4)
check.equal(c.name, "stem")
check.equal(c.type, "conv2d")
check.equal(c.kind, "layer")
check.equal(c.kernel_regularizer.l2, 0.2)
check.equal(c.kernel_initializer.type, "glorot_uniform")
check.equal(c.use_bias, true)
local mine = load("local c = ... return c.nonsense", "@sonde_mine.lua") -- a file of the user's
check.fails(function() mine(c) end, "sonde_mine.lua:1:", "has no nonsense")
check.fails(function() return c.nonsense end, "objects.lua:", "the layer conv2d has no nonsense")
local rate = function() return 0.1 end
check.equal(sgd { rate }.learning_rate, rate)
check.equal(sgd { learning_rate = rate }.learning_rate, rate)
check.equal(sgd { exponential_decay { 0.1, decay_steps = 10, decay_rate = 0.9 } }.learning_rate.type,
  "exponential_decay")
check.ok(adam { 1e-3 } == adam {})
check.ok(adam { 1e-2 } ~= adam {})

-- names shared by kinds: the first is the global, the others are by kind
check.equal(mse {}.kind, "loss")
check.equal(sonde.kinds.metric.mse {}.kind, "metric")
check.equal(activation "softmax".activation.type, "softmax")

-- every example runs, and every object prints as Lua that makes an equal object
local core = require "sonde.core"
for _, kind in ipairs(core.kinds) do
  for _, d in ipairs(kind) do
    local about = core.describe(kind.kind, d.name)
    check.ok(about.brief and about.example, "%s has no text", d.name)
    for _, f in ipairs(about.fields) do check.ok(f.doc, "%s.%s has no text", d.name, f.name) end
    if kind.kind ~= "dataset" then
      local chunk = load("return " .. about.example) or load(about.example)
      check.ok(chunk, "%s: its example is not Lua: %s", d.name, about.example)
      local made = chunk()
      if core.type(made) == "object" and not tostring(made):find '"function"' then
        local names = { [made.type] = sonde.kinds[made.kind][made.type] }
        for _, k in ipairs { "activation", "initializer", "regularizer", "schedule" } do
          for name, construct in pairs(sonde.kinds[k]) do names[name] = names[name] or construct end
        end
        local text = core.object_text -- as tostring gives it, but for what was recorded, which that only names
        check.equal(text(load("return " .. text(made), "printed", "t", names)()), text(made))
      end
    end
  end
end

-- mistakes
check.fails(function() conv2d { 32, 5, padd = "same" } end, "objects.lua:", 'conv2d: unknown option "padd"',
  'did you mean "padding"?')
check.fails(function() conv2d { 32, 5, padding = "sane" } end, 'padding = "sane"', '"same"')
check.fails(function() conv2d { 32, "5" } end, "kernel_size", "whole number", '"5"')
check.fails(function() conv2d { 32.5, 5 } end, "filters", "whole number", "32.5")
check.fails(function() conv2d { 0, 5 } end, "filters = 0 is outside")
check.fails(function() conv2d { -3, 5 } end, "filters")
check.fails(function() conv2d { 32, 0 } end, "kernel_size = 0")
check.fails(function() conv2d { 32, 3, strides = 0 } end, "strides = 0")
check.fails(function() conv2d { 32 } end, "kernel_size is missing")
check.fails(function() conv2d {} end, "filters is missing", "for example")
check.fails(function() conv2d { 32, 5, use_bias = 1 } end, "use_bias wants true or false")
check.fails(function() conv2d { 32, 5, kernel_initializer = "glorot" } end, "glorot")
check.fails(function() conv2d { 32, 5, kernel_regularizer = "l3" } end, 'there is no regularizer "l3"')
check.fails(function() conv2d { 32, 5, kernel_regularizer = adam {} } end, "kernel_regularizer wants", "adam")
check.fails(function() conv2d { 32, 5, name = {} } end, "name wants a text")
check.fails(function() conv2d { 32, 5, name = "a\0b" } end, "zero byte")
check.fails(function() conv2d { 32, 5, [true] = 1 } end, "option [true] is not a name")
check.fails(function() conv2d { 32, 5, [7] = 1 } end, "[7]")
check.fails(function() conv2d { 32, 5, kernel_initializer = { a = 1 } } end, "a table with names")
check.fails(function() conv2d(nil) end, "conv2d: argument 1 is nil; is a name misspelt?")
check.fails(function() conv2d(print) end, "filters wants", "a function")
check.fails(function() dropout { 1.5 } end, "rate = 1.5")
check.fails(function() dropout { 0 / 0 } end, "nan")
check.fails(function() dense { 3, 4, 5, 6, 7 } end, "dense: takes at most")
check.fails(function() dense { tensor { 1 } } end, "a tensor")
check.fails(function() dense { 1e30 } end, "units")
check.fails(function() input {} end, "shape is missing")
check.fails(function() input { 3, "a" } end, "shape")
check.fails(function() input { 3, 0 } end, "outside")
check.fails(function() input { 1, 2, 3, 4, 5, 6, 7, 8, 9 } end, "input")
check.fails(function() activation "rellu" end, 'did you mean "relu"?')
check.fails(function() adam { "fast" } end, "learning_rate wants a number, a schedule or a function")
check.fails(function() exponential_decay { print } end, "exponential_decay")
check.done()
