-- A guided tour, from data to finding out why a run fails: `sonde scripts/tour.lua`, or `sonde scripts/tour.lua 5` to
-- begin at the fifth step. It is the prompt itself: Enter goes on, whatever else is typed runs as ever, and what the
-- steps made is there. Where standing input is no terminal, it goes through by itself.
tour = require "sonde.guide" {
  name = "tour",
  start = arg[1],
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
All of them are 0: nothing is learned any more. (The weights still move a little, see upd/w: that is Adam's memory of
earlier gradients.) Where do the gradients vanish? What does each layer put out, from the first to the last?]], [[
r:activations { data = val }
m:predict(val)[{ { 1, 4 } }]] .. "]" },
  { [[
From layer to layer the outputs grow, see the columns mean and max, and the prediction is exactly 0 or 1: the softmax is
saturated, and where it is, its gradient is 0. Large outputs come from large weights, and large weights from large
steps. So look at the very first step: the weights of before are still in `fresh`; a run from there takes one step and
stands. In its table the column upd/w tells how far the step moved a parameter, as a part of its size. About 0.001 is
healthy.]], [[
m = fresh:clone()
m:compile { loss = "categorical_crossentropy", optimizer = adam { 0.5 }, metrics = { "accuracy" } }
r = m:run(train, { validation_data = val, epochs = 4, seed = 1, verbose = 0 })
r:step()
r:updates()]] },
  { [[
One step, and the weights have moved by several times their own size (inf: the biases began at 0). The learning rate of
0.5 is far too large. Which one is not? lr_find trains a copy with rates from small to large:]], [[
m = fresh
m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
f = m:lr_find(train, { steps = 60 })
f]] },
  { [[
The loss falls up to a rate of about 0.3; behind it, it is lost. The suggestion called valley keeps away from that edge:]], [[
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
