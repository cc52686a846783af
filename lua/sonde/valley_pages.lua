-- Help on looking around the weights.
return {
  pages = {
    clone = [[
m:clone(), m:clone{ optimizer = true }
  A model of its own: the same layers, weights and statistics, compiled in the same way, the same layers frozen. What
  happens to one does not touch the other. The optimizer begins anew, or with its state and rate.]],

    landscape = [[
m:landscape(data, opts), r:landscape(opts), r:landscape(data, opts)
  The loss at other weights than the model's: along a line through them, or on a plane. The model is not touched. The
  value prints as a table or a map. r:landscape takes the run's training data unless others are given, and draws the
  path that r:keep_path() has kept.
options
  dimensions = 1  1 or 2; with a kept path 2
  points = 21  how many along a line; 11 along each side of a plane; { 15, 9 } makes the sides differ
  directions = "random"  "random" is normal, each filter as long as the weights' (Li et al. 2018; biases and batch norms
    stay). "updates" is the last step: alpha 0 is after it, -1 before, 1 as far again; in two dimensions the last two
    moves of the kept path. "pca" is the plane in which the kept path is spread most, its unit the weights' distance;
    r:landscape takes it when three snapshots are there
  span = 1  from -span to span; with "updates" 5, or 2 on a plane; with "pca" so that the path is inside
  batches = 8  of data, chosen by the seed
  batch_size = 32  samples in a batch; the run's own in r:landscape
  seed = 0  of the choice of batches, of directions and of dropout: the same again each time
  train = false  true: batch statistics and dropout as in training
fields
  t.alphas, t.betas  where
  t.loss, t.data, t.penalty, t.accuracy  what: t.loss[i], on a plane t.loss[j][i] at betas[j] and alphas[i]; nan and inf
    stay what they are
  t.here  loss, data, penalty and accuracy of the weights themselves
  t.path  alphas, betas, labels of the snapshots, and their distance from the plane
  t.explained  shares of the path's variance, with "pca"
  t:plot()  draws it
for example
  r:keep_path()
  r:epoch(5)
  r:landscape{ points = 15 }]],

    keep_path = [[
r:keep_path{ every = "epoch", snapshots = 20 }
  Keeps the weights as they are now and at each epoch's end from now on, for r:landscape. r:keep_path(false) lets go of
  them. It says how much memory that is, and takes it at once.
options
  every = "epoch"  or a number of steps
  snapshots = 20  at most as many, 4 to 64; when they are full every other one goes, and only every other one of those
    that follow is kept]],
  },

  more = {
    model = [[
looking around
  m:clone()  a model of its own with the same weights; ?clone
  m:landscape(data)  the loss around the weights; ?landscape]],
    run = [[
looking around
  r:landscape()  the loss around the weights, with the path; ?landscape
  r:keep_path()  keeps weights for that path; ?keep_path]],
  },
}
