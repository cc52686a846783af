-- A guided tour, from data to finding out why a run fails: `sonde -i scripts/tour.lua`. Enter goes on; whatever else is
-- typed runs too, so one can look around between the steps. `q` ends it; with -i the prompt keeps what was made.
-- Where standing input is no terminal, it goes through by itself.
local core = require "sonde.core"
local layout = require "sonde.layout"

local steps = {
  { [[
Data first. Real pictures come from image_folder{ "DIR" } or idx{ ... }; here a function draws some: bars in noise that
stand or lie. Samples and labels together are a dataset.]], [[
function bars(n, seed)
  local x, y = tensor.randn { n, 12, 12, 1, seed = seed } * 0.5, tensor.zeros { n, 2 }
  local place = tensor.rand { n, seed = seed + 1 }
  for i = 1, n do
    local at, standing = 1 + place[i] * 12 // 1, i % 2 == 1
    local bar = standing and { i, {}, at } or { i, at }
    x[bar] = x[bar] + 1
    y[{ i, standing and 1 or 2 }] = 1
  end
  return tensors { x = x, y = y }
end
train, val = bars(480, 1), bars(120, 3)
train
val:show(4)]] },
  { [[
A network is layers in a row. Shapes, parameters and memory are known before any data are seen. sonde.seed makes the
initial weights, and all that follows, repeatable.]], [[
sonde.seed(1)
m = sequential {
  conv2d { 8, 3, activation = "relu", input_shape = { 12, 12, 1 } }, max_pool2d { 2 },
  flatten {}, dense { 32, activation = "relu" },
  dense { 2, activation = "softmax", name = "prediction" },
}
m:compile { loss = "categorical_crossentropy", optimizer = adam { 0.5 }, metrics = { "accuracy" } }
m:summary()
fresh = m:clone()                  -- for later: the same weights]] },
  { [[
A run is a model being trained. It goes as far as it is told: steps, epochs, or to its end. Ctrl-C stops it at any time,
r:finish() goes on.]], [[
r = m:run(train, { validation_data = val, epochs = 4, seed = 1 })
r:step(5)
r:finish()]] },
  { [[
That failed: two classes, and an accuracy of a half. The loss is far above ln 2 = 0.693, the cost of saying 50 : 50. So
the network does not guess, it is sure and wrong. What is the loss made of: is it a penalty?]], [[
r:loss_terms()]] },
  { [[
No penalty. Then the gradients of the last step, a row for each parameter:]], [[
r:gradients()]] },
  { [[
All of them are 0: nothing is learned any more. Where do they vanish? What do the layers give, from the input on?]], [[
r:activations { data = val }
m:predict(val)[{ { 1, 4 } }]] .. "]" },
  { [[
The values grow from layer to layer, into the hundreds, and the prediction is exactly 0 or 1: the softmax is saturated,
and there its gradient is 0. Big values come of big weights, and those of big steps. So: the first step again, from the
weights that were kept. Column upd/w is the step beside its weights; 0.001 is healthy.]], [[
m = fresh:clone()
m:compile { loss = "categorical_crossentropy", optimizer = adam { 0.5 }, metrics = { "accuracy" } }
r = m:run(train, { validation_data = val, epochs = 4, seed = 1, verbose = 0 })
r:step()
r:updates()]] },
  { [[
One step, and the weights have moved by several times their own size (biases
began at 0: inf). The learning rate, 0.5, is too large. Which one is
not? A test that tries rates from small to large on a copy:]], [[
m = fresh
m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
f = m:lr_find(train, { steps = 60 })
f]] },
  { [[
The loss falls until a rate of about 0.3 and is lost behind it. The suggestion called valley keeps its distance:]], [[
rate = f.suggestions.valley
m:compile { loss = "categorical_crossentropy", optimizer = adam { rate }, metrics = { "accuracy" } }
r = m:run(train, { validation_data = val, epochs = 6, seed = 1 })
r:watch "nan"                      -- would stop the run where a number breaks
r:finish()]] },
  { [[
It learns. How good is it, how sure of that can we be with so few samples, and which ones are wrong?]], [[
m:accuracy(val)
m:confusion(val)
m:worst(val, 4)]] },
  { [[
That was it: data, a network, a run, and the cause of a failure found in numbers. From here: help() is the list of
chapters, ?watch and ?record look on while a run goes, r:report("report.html") writes all of it down. More to read:
scripts/examples.]], "" },
}

local waits = core.terminal "stdin" and core.terminal "stdout"
local printed = function(...) io.stdout:write(string.format(...), "\n") end

-- A chunk that is whole, as a function; nil and true where more lines must follow; nil, nil and the error.
local function compile(text)
  local fn = load("return " .. text:gsub(";%s*$", ""), "=tour")
  if fn then return fn end
  local err
  fn, err = load(text, "=tour")
  if not fn and err:find "<eof>$" then return nil, true end
  return fn, false, err
end

local function show(text, ok, ...)
  if not ok then return io.stderr:write("error: ", tostring((...)), "\n") end
  if (select("#", ...) > 1 or ... ~= nil) and not text:find ";%s*$" then sonde.print(...) end
end

-- Runs lines as the prompt does, chunk by chunk. more: gives another line of a chunk that is not whole.
local function run(text, more)
  local fn, goes_on, err = compile(text)
  while goes_on do
    local line = more()
    if not line then return printed "(not whole)" end
    text = text .. "\n" .. line
    fn, goes_on, err = compile(text)
  end
  if fn then show(text, pcall(fn)) else show(text, false, err) end
end

local function run_step(code)
  local lines = code:gmatch "[^\n]+"
  for line in lines do
    printed("sonde> %s", line)
    run(line, function()
      local next_line = lines()
      if next_line then printed("     > %s", next_line) end
      return next_line
    end)
  end
end

local function ask(prompt)
  io.stdout:write(prompt)
  io.stdout:flush()
  return io.read "l"
end

-- What the person does before the next step; false: the end.
local function pause()
  while waits do
    local line = ask "\n(Enter goes on, q ends; or type) > "
    if not line or line:find "^%s*q%s*$" then return false end
    if not line:find "%S" then return true end
    if line:find "^%s*%?" then show("", pcall(help, line:match "^%s*%?+%s*(.-)%s*$"))
    else run(line, function() return ask "... " end) end
  end
  return true
end

for i, step in ipairs(steps) do
  printed("%s%s\n", i > 1 and "\n" or "",
    layout.wrap(("[%d/%d] %s"):format(i, #steps, step[1]), layout.width(), 0))
  run_step(step[2])
  if i < #steps and not pause() then break end
end
