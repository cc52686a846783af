-- Help on the sharpness.
return {
  pages = {
    sharpness = [[
r:sharpness(opts), r:sharpness(data, opts), m:sharpness(data, opts)
  The largest eigenvalue of the loss's Hessian in the trainable weights, by power iteration on differences of gradients,
  and the rates that it allows: plain gradient descent is stable below 2 / sharpness (Cohen et al. 2021). For optimizers
  that scale steps (adam, ...) also the sharpness after scaling, which is to be compared (Cohen et al. 2022). Nothing is
  changed. r:sharpness takes the run's training data unless others are given.
options
  batches = 1  of data, chosen by the seed; more of them give the sharpness of more samples
  batch_size  samples in a batch; 32, or the run's
  mode = "train"  "train" has batch statistics and dropout as in training, with fixed masks; "eval" is inference
  iterations = 20  products with the Hessian at most; each takes two gradients of every batch
  tolerance = 0.01  of the residual: it ends there
  penalty = true  with the regularizers' part
  seed = 0  of the batches, masks and first vector
fields
  t.eigenvalue  the largest
  t.residual, t.iterations, t.converged  ||H v - value v|| / |value|: an eigenvalue is that near
  t.lowest  the smallest, where its size is larger
  t.stable_rate  2 / eigenvalue; inf where nothing is curved upwards
  t.learning_rate  in use; t.limit is what the sharpness must stay below with it
  t.preconditioned  eigenvalue, residual, ... after scaling; nil where the optimizer does not scale or made no step]],
  },

  more = {
    model = [[
  m:sharpness(data)  largest eigenvalue of the Hessian; ?sharpness]],
    run = [[
  r:sharpness()  largest eigenvalue of the Hessian, and the rates it allows; ?sharpness]],
  },
}
