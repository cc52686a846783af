-- Help on the sharpness.
return {
  pages = {
    sharpness = [[
r:sharpness(opts), r:sharpness(data, opts), m:sharpness(data, opts)
  The largest eigenvalue of the loss's Hessian in the trainable weights, by iteration on differences of gradients, and
  the rates that it allows: plain gradient descent is stable below 2 / sharpness (Cohen et al. 2021). For optimizers
  that scale steps (adam, ...) also the sharpness after scaling, which is to be compared (Cohen et al. 2022). Nothing is
  changed. r:sharpness takes the run's training data unless others are given.
options
  batches = 1  of data, chosen by the seed; more of them give the sharpness of more samples
  batch_size  samples in a batch; 32, or the run's
  mode = "train"  "train" has batch statistics and dropout as in training, with fixed masks; "eval" is inference
  iterations = 20  products with the Hessian at most, each of two gradients of every batch
  tolerance = 0.01  of the residual: it ends there
  smallest = false  true: the smallest eigenvalue too; where it is negative the weights are at no minimum
  penalty = true  with the regularizers' part
  seed = 0  of the batches, masks and first vector
fields
  t.eigenvalue  the largest
  t.residual, t.iterations, t.converged  ||H v - value v|| / |value|: an eigenvalue is that near
  t.smallest  eigenvalue, residual, ... of the smallest, if it was asked for
  t.stable_rate  2 / eigenvalue; inf where nothing is curved upwards
  t.learning_rate  in use; t.limit is what the sharpness must stay below with it
  t.preconditioned  eigenvalue, residual, ... after scaling; in training mode, once the optimizer made a
    step; nil where it does not scale]],
  },

  more = {
    model = [[
  m:sharpness(data)  largest eigenvalue of the Hessian; ?sharpness]],
    run = [[
  r:sharpness()  largest eigenvalue of the Hessian, and the rates it allows; ?sharpness]],
  },
}
