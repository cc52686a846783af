-- Help on outputs of layers and gradients for any input.
return {
  pages = {
    output = [[
m:output(layer, x, { train = false })
  The output of any layer for any input, behind the layer's own activation: a tensor, one row for each sample. layer is
  a name, a number or m.layers.NAME; a list of them gives a list. Of a layer that is called twice
  m.layers.NAME.calls[2].
  x is a tensor or a dataset. Nothing of the model changes.
options
  train = false  true: dropout and batch_norm as in training, in batches of batch_size
  batch_size = 32  samples at a time
for example
  h = m:output("conv2d", x)
  a, b = table.unpack(m:output({ "conv2d", "dense" }, x))]],

    input_gradient = [[
m:input_gradient(x, { class = 1 })
  The gradient of one number with respect to the input: a tensor of the shape of x, in inference mode unless train is
  true. x is a tensor, of a batch or of one sample, or a dataset. The number is that of each sample (their sum, where
  batch_norm in training mode joins them), but for the loss, which is the mean over all samples.
options
  y  the loss for these targets (penalties of weights do not depend on the input); a dataset brings its own
  class  a class by its number, from 0 as labels count, or its name: its output unit. One sigmoid unit is class 1, its
    negative class 0
  logits = false  true: of the unit before the last softmax or sigmoid
  class_names  for class by name, where x is no dataset that has them
  layer  with unit: a unit (channel, summed over all positions) of that layer's output
  unit  its number, from 1
  weights  with layer instead of unit: the sum of weights times the layer's output; of the layer's shape, or with a row
    for each sample
  train = false  true: dropout and batch_norm as in training
  batch_size = 32  samples at a time
for example
  s = m:input_gradient(x, { class = 1, logits = true }):abs()
  g = m:input_gradient(x, { y = y })
  m:input_gradient(x, { layer = "conv2d", unit = 3 })]],
  },
  more = {
    model = [[
looking inside
  m:output(layer, x)  a layer's output for any input; ?output
  m:input_gradient(x, opts)  the gradient of the loss, a class or a unit with respect to the input; ?input_gradient]],
  },
}
