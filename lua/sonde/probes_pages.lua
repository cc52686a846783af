-- Help on tables of what is inside a run's steps; the rows of the page "run".
return {
  pages = {
    gradients = [[
r:gradients(), r:weights(), r:updates(), r:activations(), r:output_gradients()
  Tables of numbers inside of a run: a row for each parameter, or for each layer's output and its gradient. Without
  options of the last step; of the next one when it was halted or r:forward() has opened it. In the terminal as many
  columns as there is room for.
options
  layers  names: r:gradients "conv2d_1", r:gradients{ "conv2d", "dense" }, r:gradients{ layers = "dense" }
  batch  x or { x, y } instead of the step: at the present weights
  data  a dataset: a whole pass, for activations and output_gradients
  batch_size = 32  of that pass
  train  mode for batch and data: true for gradients, false for activations unless said
  part = "total"  of gradients: "data" without the regularizers' part, "penalty" that part alone
  histogram = true  false leaves it out; with data it takes a second pass and is made when asked for
fields
  t["NAME/kernel"], t.NAME.kernel, t[1]  a row; of activations t.NAME
  name, layer, param, shape, count  what it is of
  norm, mean, std, min, max  of the finite numbers; std of the population
  zero  share that is exactly 0, from 0 to 1
  nan, inf, bad  how many are NaN, infinite, one of both
  data_norm, penalty_norm  of gradients: norms of its two parts, where the weights before the step were kept
  ratio  norm of the update / norm of the weights before it
  units, dead, samples  of activations: units that were 0 in every sample and place, of how many, over how many samples
  histogram.counts, histogram.edges  of 16 equal bins from min to max, as numpy.histogram has them
for example
  r:step()
  r:gradients()
  r:activations{ data = val }.conv2d_1.dead]],
  },
  more = {
    run = [[
looking into a step
  r:gradients(), r:weights(), r:updates()  a row for each parameter: norm, mean, update/weight, histogram; ?gradients
  r:activations(), r:output_gradients()  a row for each layer: mean, std, dead units; ?gradients]],
  },
}
