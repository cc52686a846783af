-- Help on what is no described object: functions and methods. The notation is that of layout.parse: two spaces divide a
-- row, and what stands left of them (options, methods, fields) is found by help under its name.
return {
  sequential = [[
sequential{ layer, layer, ..., name = "sequential" }
  A model whose layers follow one another. The first has input_shape = { ... }, or is input{ ... }. An activation may
  stand where a layer is wanted. The same layer twice shares its weights. The initial weights come from sonde.seed(n).
  help "model" lists what a model can do.
for example
  m = sequential{
    dense{ 8, activation = "relu", input_shape = { 4 } },
    dense{ 1 },
  }]],

  model = [[
model{ inputs = x, outputs = y, name = "model" }
  A model with branches: call layers on input{...} or on other calls' outputs; add{ a, b } and concat{ a, b } join.
  The initial weights come from sonde.seed(n).
for example
  x = input{ 32, 32, 3 }
  h = conv2d{ 3, 3, padding = "same" }(x)
  m = model{ inputs = x, outputs = add{ h, x } }
methods
  m:compile{ loss =, optimizer = }  what to minimize and how; ?compile
  m:summary()  shapes, parameters, cost, memory; ?summary
  m:run(data, opts)  a run: training that can be stepped and looked at; ?run
  m:fit(data, opts)  a run, taken to its end; ?fit
  m:evaluate(data)  loss and metrics; ?evaluate
  m:predict(x)  the outputs; ?predict
  m:train_on_batch(x, y)  one optimizer step; ?train_on_batch
  m:gradients_on_batch(x, y)  the gradients, and no step; ?gradients_on_batch
  m:get_weights()  copies of all weights, a list of tensors in Keras's order: layer by layer, in a batch_norm gamma,
    beta, moving_mean, moving_variance
  m:set_weights(list)  sets them from such a list
  m:count_params()  number of parameters: total, trainable, not trainable
  m:memory(batch_size)  bytes that training with that batch will hold
  m:save(path)  writes model, weights and how it is compiled; load_model(path) reads them
fields
  m.layers  the layers by number and name: m.layers[1], m.layers.conv2d_1. The numbers are those of m:summary()'s rows:
    where layers follow one another, 1 is the first behind the input, which has a name alone, m.layers.input; -1 is the
    last
  m.layers.NAME.kernel  a copy of a parameter's values, a tensor; after a step also .grad. Written, it sets them:
    m.layers.dense.kernel = t, of the same shape. Of elements: k = m.layers.dense.kernel; k[1] = 0;
    m.layers.dense.kernel = k. Without the last step only the copy is changed
  m.layers.NAME.trainable  can be set: false keeps the layer's weights as they are, from the next step on
  m.last_run  the run that was made last, m:fit's too
  m.name, m.input_shape, m.output_shape, m.loss, m.optimizer  what it was made of]],

  compile = [[
m:compile{ loss =, optimizer =, metrics = {} }, r:compile{ ... }
  Says what to minimize, how, and what to measure. Each is a name or an object. Compiling again keeps the weights and
  begins the optimizer anew. A run that stands goes on with it: its history has nan where a metric was not there yet. In
  the middle of an epoch a new loss's average begins there.
  r:compile changes what is given and keeps the rest: the steps made, the rate of an optimizer that stays, the state of
  one that has another of its type in its place. A schedule that comes in the middle begins there, at its step 0; a
  function is asked with the run's own step and epoch.
options
  loss  "mse", huber{ delta = 2 }, ...; ?loss lists them
  optimizer  "adam", adam{ 1e-4 }, sgd{ learning_rate = cosine_decay{ ... } }, ...; ?optimizer lists them. The learning
    rate may be a number, a schedule, or function(step, epoch), both from 0
  metrics  { "accuracy", auc{}, ... }; ?metric lists them. One with a name of its own: { "accuracy", f1 = function(y, p)
    ... end }
  learning_rate  r:compile only: the same optimizer at another rate, schedule or function
functions of one's own
  loss, metrics  function(y, p): targets and outputs of a whole batch, (samples, outputs) each, as in Keras. Class
    numbers come as (samples, 1): one_hot(y, 10) is (samples, 1, 10), reshape(one_hot(y, 10), { -1, 10 }) is as p. Of
    outputs with more axes each position is a row: (samples x height x width, channels). What they give is a number for
    each row, or one for all; numbers for further axes are averaged. A metric is averaged over the samples; one number
    of a batch (an F1 score) counts as often as the batch has samples. ?functions lists what may be computed
for example
  m:compile{ loss = "mse", optimizer = adam{ 1e-4 } }
  function f1(y, p)                                  -- one sigmoid unit, labels 0 and 1
    local q = ge(p, 0.5)
    return 2 * sum(y * q) / maximum(sum(y) + sum(q), 1)
  end
  m:compile{ loss = "binary_crossentropy", optimizer = "adam", metrics = { "accuracy", f1 = f1 } }]],

  summary = [[
m:summary{ batch_size = 32, engine = false }
  Prints layers, output shapes, parameters, GFLOP and memory of a sample, and the memory of training with that
  batch_size. m:memory(batch_size) gives the latter in bytes.
  engine = true adds what a training step of that batch is computed by, layer by layer, as shapes and the instruction
  set decide. Of a convolution: "winograd 4x4" (tiles of 4x4 outputs), "direct", "im2col" or "col2im" (for a data
  gradient of few channels); conv2d{ algorithm = } overrides. Of a dense layer: "gemm 32x64/4" (tiles of 32x64 outputs,
  4 cells for the threads, kernels of sonde's) or "blas 128x128/16" (OpenBLAS). "with conv2d": in one pass over memory
  with that layer. "-": plain loops, or not run. GFLOP: of the sums as they are defined, all passes. Workspace: scratch
  memory, which the layers share.]],

  run = [[
r = m:run(data, opts), m:run(x, y, opts)
  A run is a model being trained on data: it can be stepped, stopped, looked at, saved, and gone on with. data is a
  dataset (?dataset), { x, y } or { x =, y = } of tensors.
options
  batch_size = 32  samples in a step
  epochs = 1  how many r:finish() makes
  shuffle = true  mix the samples anew in each epoch
  seed  of the mixing and of dropout; absent: from sonde.seed. The initial weights were made before, by sequential{}
    or model{}: they depend on sonde.seed(n) alone
  validation_data  a dataset, or { x, y }
  validation_split  instead: this fraction of x and y, the last part
  validation_freq = 1  epochs from one validation to the next
  steps_per_epoch  absent: all samples
  initial_epoch = 0  where counting begins
  callbacks = {}  objects like early_stopping{} and tables of functions; ?callback
  verbose = 1  0 silent, 1 a bar and a line for each epoch, 2 no bar
  live  what is drawn after each epoch: true, "loss", "curve.png"; ?plot
methods
  r:step(), r:step(10)  one batch, ten batches; gives the losses of the last
  r:epoch(), r:epoch(5)  to the end of this epoch; five epochs, also beyond the planned end
  r:finish(), r:finish{ live = "loss" }  all epochs; Ctrl-C interrupts and r:finish() goes on; live draws meanwhile
  r:stop()  no step after the present one, for callbacks; r:stop("why") says so
  r:history()  { loss = {...}, val_loss = {...} }, one number for each epoch
  r:loss_terms()  data loss and each layer's penalty; ?loss_terms
  r:save(path)  writes everything; resume(path, data) goes on to the same bits; ?resume
fields
  r.layers.NAME.kernel  a parameter's values as a tensor
  r.layers.NAME.kernel.grad  its gradient in the last batch; beside it what the optimizer keeps: .m, .v, ...
  r.learning_rate  of the next step; can be set at any time: to a number, a schedule or a function, whichever it was
  r.verbose  as the option; can be set
  r.epoch_number, r.step_number  epochs complete, steps made in the next
  r.epochs, r.steps_per_epoch, r.batch_size  as planned
  r.iterations  optimizer steps so far
  r.done  true after the last epoch
  r.seed, r.model, r.train, r.validation  what it was made of]],

  callback = [[
callbacks = { early_stopping{ patience = 3 }, { on_epoch_end = function(epoch, logs, run) ... end } }
  What acts between steps: objects, and tables of functions. epoch and batch count from 0; logs is a table of the
  logged values by name. csv_logger and model_checkpoint make the folders of their files.
functions
  on_train_begin, on_train_end  (logs, run)
  on_epoch_begin, on_epoch_end  (epoch, logs, run)
  on_batch_begin, on_batch_end  (batch, logs, run); also as on_train_batch_begin, on_train_batch_end
for example
  m:fit(x, y, { epochs = 9, callbacks = { {
    on_epoch_end = function(epoch, logs, run)
      if logs.loss < 0.1 then run:stop("good enough") end
    end } } })]],

  fit = [[
m:fit(data, opts), m:fit(x, y, opts)
  m:run(data, opts):finish(); gives the run. help "run" has the options.]],

  resume = [[
resume(path, data, opts), resume(path, x, y, opts)
  Goes on with a run saved by r:save(path): the same data give the same bits. Functions cannot be saved and are given
  again. data is a dataset, { x, y } or { x =, y = }, as for m:run, and may be given in another of these forms
  than there. The model comes along: r.model.
options
  validation_data, validation_split  as m:run got them
  callbacks  the callbacks written in Lua
  learning_rate  the optimizer's, where that was a function; where it was a number, another one
  schedule  a learning_rate_scheduler's, where that was a function
  verbose = 1  as in m:run]],

  evaluate = [[
m:evaluate(data, { batch_size = 32 }), m:evaluate(x, y, { batch_size = 32 })
  Loss and metrics over all the data: { loss =, accuracy =, ... }, in inference mode. Also .data and .penalty: what the
  loss is made of.]],

  predict = [[
m:predict(x, { batch_size = 32 })
  The outputs, one row for each sample. x is a tensor or a dataset.]],

  train_on_batch = [[
m:train_on_batch(x, y), m:train_on_batch(data, { index = 1 })
  One optimizer step. Gives the total loss, then data loss, penalty, activity penalty. Of a dataset it takes one batch,
  the first unless options say another one, and says so once.
options
  index, batch_size, shuffle, seed, epoch  which batch of a dataset; ?batch
for example
  for x, y in train:batches{ shuffle = true } do m:train_on_batch(x, y) end]],

  gradients_on_batch = [[
m:gradients_on_batch(x, y), m:gradients_on_batch(data, { index = 1 })
  Gradients of the total loss (penalties included) in training mode: a list in the order of the trainable weights. Of a
  dataset it takes one batch, the first unless options say another one, and says so once.
options
  index, batch_size, shuffle, seed, epoch  which batch of a dataset; ?batch]],

  loss_terms = [[
r:loss_terms(), r:loss_terms(epoch)
  What the loss is made of, printed as a table: of the present epoch so far, else the last one; before any step the
  penalties of the initial weights. r:loss_terms(1) is the first epoch, -1 the last. Training terms are averages over
  the epoch; those of validation belong to the weights at its end.
fields
  total  data + penalty + activity: the loss that a log prints
  data  the loss function on the predictions, averaged over the samples
  penalty  what the regularizers of weights add
  activity  what the regularizers of outputs add
  layers  each layer's share of the penalty
for example
  r:loss_terms().train.layers.dense
  r:loss_terms().validation.data]],

  dataset = [[
image_folder{ "pets/train" }, idx{ ... }, tensors{ x =, y = }
  A dataset: samples and their labels. Where data are wanted, { x, y } or { x =, y = } of tensors do too.
  image_folder{ shuffle = true } and d:split mix by their seed; without one by sonde.seed(n), if it was called.
methods
  d:split(0.8)  two datasets: the first 80 %, the rest; d:split(0.8, { shuffle = true, seed = 1 }) mixes before
  d:take(100)  the first 100
  d:pick{ 5, 7, 9 }  those samples
  d:labels()  a tensor
  d:sample(3)  x, y and name of a sample
  d:broken()  how many could not be read so far
fields
  #d  how many samples; also d.count
  d.class_names, d.classes  names and number of the classes
  d.x_shape, d.y_shape  of one sample]],

  tensor = [[
tensor{ {1, 2}, {3, 4} }, tensor{ 1, 2, dtype = "int64" }, tensor(list, "float64")
  Numbers in any number of dimensions, in float32 unless said otherwise; the types are float32, float64, int64, int32,
  uint8. Axes and places count from 1, and from -1 backwards. ?slices, ?dtypes tell more.
making
  tensor.zeros{ 2, 3 }, tensor.ones{ 2, 3 }, tensor.full({ 2, 3 }, 0.5)  all the same. A type may stand behind, as in
    tensor.zeros({ 2, 3 }, "int64"), or in the shape, as in tensor.rand{ 2, 3, dtype = "float64" }. Sizes may also
    stand without braces: tensor.zeros(2, 3), in random ones too
  tensor.random{ 2, 3 }, tensor.rand{ 2, 3 }  evenly spread over 0 to 1
  tensor.randn{ 2, 3 }  normal, of mean 0 and variance 1. { 2, 3, seed = 7 } gives the same again in all three
  tensor.arange(5), tensor.arange(1, 9, 2)  0 1 2 3 4; from 1 in steps of 2, without 9. Whole numbers give int64
  tensor.linspace(0, 1, 5)  5 numbers from 0 to 1, both included
  tensor.eye(3)  1 where row = column
  tensor.load(path)  a file of numpy's, as npy.load
  t:copy(), t:copy("float64"), t:astype("float64")  a copy, of another type
looking
  t.shape, t.dtype, #t  sizes of the axes; type; size of the first axis
  t[1], t[{ 1, 2 }], t[{ {}, 3 }], t[{ 1, { 2, 5 } }]  a row, an element, a column, a slice; ?slices
  ipairs(t), t:values()  for i, row in ipairs(t) goes over the first axis, for v in t:values() over all numbers. ipairs
    ends behind the last row; t[3] of two rows is an error
  t:tolist(), t:unpack(), t:item()  a table of tables; the rows as results; the number of a tensor that has but one
  print(t)  shape, type, statistics of the finite values, how many are NaN and inf, then the values, shortened. Of more
    than four million elements the statistics are of so many, spread evenly, and say so
of all numbers or along axes
  t:sum(), t:sum(1), t:sum{ 1, 2, keepdims = true }  without an axis one number of them all; keepdims leaves the axes
    with size 1. Also prod, mean, min, max, norm, var, std; the last two divide by n - ddof, as in t:std{ 1, ddof = 1 }
  t:prod(), t:mean(), t:min(), t:max(), t:norm(), t:var(), t:std()  as sum
  t:any(), t:all()  is one, is each of them not zero
  t:argmax(), t:argmin()  places of the largest, the smallest along the last axis, from 1; t:argmax(1) along the first
  t:cumsum(1)  running sums, along the last axis unless said
  t:sort(), t:argsort()  values in order, and as a second result their places; the places alone. Along the last axis
    unless said: t:sort{ 1, descending = true }
  t:topk(5)  the 5 largest along the last axis, and their places; t:topk(5, { largest = false }) the smallest
arithmetic
  + - * / ^ // %  element by element, with tensors and numbers. Shapes broadcast as numpy's: aligned at their ends, a
    size of 1 is repeated
  t:pow(2), t:maximum(0), t:minimum(1), t:clip(0, 1)  power; the larger; the smaller; both, of which one may be nil
  t:abs(), t:sign(), t:sqrt(), t:exp(), t:expm1(), t:log(), t:log1p()  of each number
  t:sin(), t:cos(), t:tan(), t:tanh(), t:sigmoid(), t:relu(), t:floor(), t:ceil(), t:round()  of each number
  t:dot(u), t:matmul(u)  of two vectors, a number; of matrices, and of stacks of them: (..., m, k) times (..., k, n)
comparing
  t:eq(u), t:ne(u), t:lt(u), t:le(u), t:gt(u), t:ge(u)  1 where it is so, 0 elsewhere, in uint8: a mask. The signs < <=
    cannot do this in Lua, they give one boolean
  t == u, t:equal(u)  one boolean: the same shape and numbers? nan equals nan here, 0 equals -0
  t:isnan(), t:isinf(), t:isfinite(), t:logical_not(), t:logical_and(u), t:logical_or(u)  masks too
  tensor.where(mask, a, b)  a where the mask is not zero, b elsewhere; tensors and numbers
  t[mask], t:masked(mask)  the elements where the mask is not zero; t[mask] = 0 sets them
  t:nonzero()  the places of what is not zero, a row for each
  t:index(1, { 3, 1 })  the third and the first row; along axis 2 columns
shape
  t:reshape{ 3, -1 }, t:reshape(3, -1), t:flatten()  the same numbers in another shape; share them
  t:unsqueeze(1), t:squeeze()  a new axis of size 1 there; without the axes of size 1, or without that one; share
  t:rows(1, 10)  the first ten along the first axis; shares
  t:transpose(), t:transpose(1, 2), t:t(), t:permute{ 3, 1, 2 }  axes reversed, two swapped, of a matrix, in that
    order, as t:transpose{ 3, 1, 2 } does too
  tensor.concat({ a, b }, 1), tensor.stack({ a, b }, 1)  along an axis that is there; along a new one
memory
  local t <close> = ...  its memory is free when the block ends, unless others share it; else Lua's collector sees to it
for example
  t = tensor.arange(12):reshape{ 3, 4 }
  t[{ {}, 2 }] = 0
  u = (t - t:mean(1)) / t:std(1)]],

  slices = [[
t[i], t[{ i, j, ... }]
  An entry for each axis, from the first; axes that are not named are taken whole.
entries
  3, -1  that place, and the axis is gone; -1 is the last
  { 2, 5 }  places 2 to 5, both included; { 2, 5, 2 } every second; { -1, 1, -1 } backwards; { 3 } is { 3, 3 }
  {}  all
shared or copied
  t[2], t[{ 2, 1 }], t[{ 2, { 3, 5 } }]  whole numbers, and behind them at most one range of step 1, share the numbers:
    what is written into them is written into t
  t[{ {}, 2 }], t[{ { 1, 3 }, { 1, 3 } }], t[mask]  all others are copies
setting
  t[{ 1, { 2, 5 } }] = 0, t[2] = { 1, 2, 3 }, t[mask] = u  a number, a list or a tensor, repeated where its shape fits
    as in arithmetic; converted to the type of t: into integers it is rounded and kept within their range
for example
  t = tensor.arange(12):reshape{ 3, 4 }
  u = t[{ { 1, -1, 2 }, { 2, 3 } }]
  t[{ {}, -1 }] = t[{ {}, 1 }] * 2]],

  dtypes = [[
float32, float64, int64, int32, uint8
  The types of a tensor's numbers, and what comes of two.
rules
  float64  with a float64 tensor, whatever the other is
  float32  with a float32 tensor else, or with a number that has a fraction (0.5, and 2.0 too); and of / ^ exp log ...,
    mean, std, var of integers
  int64  of integers with integers and whole numbers: + - * // %, sum, prod, cumsum, matmul. A uint8 does not wrap
    around; int64 does, as Lua's integers do
  uint8  of comparisons, isnan and the like: 1 or 0
  the same  maximum, minimum, clip, where, concat keep a type that both have, a whole number fits in; sort, abs of
    floats, round, floor, sign keep theirs
  a number  never makes a float32 tensor float64: t + 0.1 is float32
  one result  t:sum() without an axis gives Lua's own number, computed in float64 or int64]],

  picture = [[
picture(t, { range = { 0, 255 }, scale = 4, colormap = "viridis" })
  A picture of numbers. t has shape (height, width), (height, width, 1) or (height, width, 3); one of shape
  (n, height, width, channels) becomes a grid. At the prompt a picture draws itself; elsewhere p:show() does. Pixels
  that are not finite are magenta, and counted.
options
  range  { lowest, highest } of the values: black and white. Absent: bytes and values within 0..255 from 0 to 255, those
    within 0..1 from 0 to 1, others from the smallest to the largest, which is said. "auto": smallest to largest
  scale = 1  pixels for each value, a whole number
  colormap = "gray"  colors of a single channel; also "viridis", and "coolwarm", whose middle is 0
  columns  of a grid; absent: as many as rows
  captions  a list of texts, one for each picture
making
  picture.grid({ p, q, ... }, { columns = 2 })  pictures and tensors beside and below one another
  picture.load(path)  from a file: JPEG, PNG, BMP, GIF
methods
  p:show()  draws it in the terminal; into a pipe one line of text
  p:save("x.png")  writes it as PNG; p:save("x.png", { scale = 4 }) as large as said. A grid of small pictures is written
    larger than it is, unless scale says otherwise
  p:tensor()  its bytes, of shape (height, width, 3)
  p:resize(width, height)  one of another size
  p:overlay(t, { alpha = 0.5, colormap = "viridis" })  with a map of numbers over it, stretched to its size
fields
  p.width, p.height  in pixels
terminals
  picture.graphics()  what this one gets: "kitty", "iterm" or "sixel" (real pixels), symbols in "truecolor", "256", "16"
    or "8" colors, "mono" or "ascii" (none), "none" (no terminal)
  picture.pixels()  true for real pixels
  SONDE_GRAPHICS  the environment variable that decides instead: one of these names (iterm2 too), or symbols. Inside
    tmux and screen there are symbols unless it says otherwise
for example
  picture(tensor.random{ 28, 28 }):save("noise.png")]],

  npz = [[
npz.load(path), npz.save(path, { x = t, ... })
  A table of tensors by name, from and to numpy's archives. A list is saved as arr_0, arr_1, ... Compressed files are
  read too.]],

  npy = [[
npy.load(path), npy.save(path, t)
  A tensor from and to numpy's format.]],

  functions = [[
mean((y - p)^2), where(gt(x, 0), x, 0), grad(f)
  Functions of numbers, tensors and symbols. Wherever a loss, metric, regularizer or activation is wanted, a Lua
  function does too: it is called once with symbols, and what it computes is recorded as operations that run and are
  differentiated in C. A symbol stands for numbers that come later, so Lua's `if`, `while`, `and`, `or` and `not`
  cannot ask for its value; where(condition, a, b) can. A comparison that the result does not depend on is an error:
  an `if` was meant. Lua answers == and ~= with a number itself, without asking: where the function's text shows that
  an argument is compared so (p == 0) it is an error too, unless it asks for type(p) as well; of what is computed
  from one (q == 0) it is false, and nobody can tell. A loss that uses the predictions only through round, a
  comparison and their like, whose gradient is 0, is an error. A symbol lives as long as its function is recorded.
  What holds a recording is called traced, where it is printed, with the name and the place of the function; its
  program is text that is saved with the model. Such a function gives one value.
  Tensors keep the type that their methods give: sum(t) is t:sum(). Names of layers and activations are constructors too,
  with options in braces: elu(0.5) is a number, elu{ 0.5 } an activation, and relu(h) of a layer's output h the layer.
what such a function is given
  loss, metric  y, p: targets and outputs of the batch, (samples, outputs); class numbers as (samples, 1); ?compile
  kernel_regularizer, bias_regularizer  w: the layer's weights as one list, (weights,); gives one number, once for
    each step
  activity_regularizer  the layer's output (samples, ...); gives one number, which is divided by the samples
  activation, lambda  x: the layer's output (samples, ...), and gives one of the same shape (lambda: of any)
of each number
  abs(x), sign(x), floor(x), round(x), square(x), sqrt(x)  as they say
  exp(x), expm1(x), log(x), log1p(x), sin(x), cos(x), erf(x)  as they say
  tanh(x), sigmoid(x), relu(x), softplus(x), swish(x), gelu(x), elu(x, alpha), leaky_relu(x, slope)  activations
  clip(x, low, high)  not below low, not above high
  maximum(a, b), minimum(a, b)  the larger, the smaller of two
  lt(a, b), le(a, b), gt(a, b), ge(a, b), eq(a, b), ne(a, b)  1 where it holds, else 0
  where(c, a, b)  a where c is not 0, else b; both are computed, and a gradient that is nan stays nan beside the choice:
    where(gt(x, 0), sqrt(x), 0) wants where(gt(x, 0), sqrt(where(gt(x, 0), x, 1)), 0), as in PyTorch
  a // b, a % b  the quotient rounded down and what remains, of the sign of b, as Lua's and NumPy's; the gradient of
    a % b is 1 for a and -(a // b) for b
  stop_gradient(x)  x, which counts as a constant in gradients
along axes
  sum(x, axis, keepdims), mean, max, min, prod, variance, logsumexp  axis from 1, or -1 for the last; a list for several;
    absent: all. keepdims: the axis stays, of size 1
  softmax(x, axis), log_softmax(x, axis)  along the last axis if not said
of shapes
  matmul(a, b), transpose(x, { 2, 1 }), reshape(x, { -1, 4 }), concat({ a, b }, axis), slice(x, axis, from, to)  the batch
    is axis 1
  one_hot(x, depth), gather(x, index)  indices are class numbers, from 0. Others are an error, and so they are in the
    targets that a loss uses as they come; elsewhere in a recorded function, and where where(c, a, b) or a comparison
    may leave it out, they give nan
gradients
  grad(f)  the gradient function of f: gx, gy = grad(f)(x, y). f gives one number. Gradients are computed, not recorded:
    there are no second derivatives
operators
  + - * / ^ // %  of symbols, tensors, numbers and outputs of layers
for example
  m:compile{ loss = function(y, p) return mean((y - p)^2) end, optimizer = "adam" }
  conv2d{ 8, 3, kernel_regularizer = function(w) return 1e-4 * sum(abs(w)) end }
  a = input{ 28, 28, 8 }
  h = relu(a + conv2d{ 8, 3, padding = "same" }(a))   -- on outputs of layers: a residual block
  grad(function(x) return sum(x^2) end)(tensor{ 1, 2 })]],

  load_model = [[
load_model(path)
  A model saved by m:save(path), compiled as it was.]],

  help = [[
help(), help "NAME", ?NAME
  Explains a layer, loss, method, ...: help "conv2d", ?r:step, ?optimizer. help() lists what there is. Of an option it
  tells whose it is, its default, its type: ?padding, ?batch_size; ?conv2d.padding and ?m:run.batch_size name the owner.
  ?prompt tells what else can be typed: !COMMAND, ??NAME, keys, names like _ and _err.
  Ctrl-C interrupts what runs; the run stands at its last step, r:finish() goes on. Where a pcall swallows it, the
  second Ctrl-C ends the chunk, at the prompt a second of waiting too.
names in examples
  train, val  datasets of pictures of two classes; x, y the samples of train as tensors
  m, r  a small network of two convolutions, compiled; its run over train and val, of which an epoch is made
  d, t, p  a dataset, a tensor, a picture; s a series, c and w what a method gave
for example
  help "conv2d"
  help(adam)
  help(r.step)]],

  sonde = [[
sonde
  The table of everything; its names are globals too.
functions
  sonde.seed(n)  makes what follows repeatable: initial weights, then runs and datasets that are given no seed
  sonde.seed()  the present seed
  sonde.clock()  seconds, monotonic
  sonde.memory()  bytes of the core: now, peak, limit
  sonde.print(v)  prints as the prompt does
  sonde.who(), sonde.time(f), sonde.edit()  also without sonde; ?who, ?time, ?edit
fields
  sonde.version  of this program
  sonde.pager  shows what is longer than the screen: a command, or false for nothing; ?prompt. It alone can be set
  sonde.threads  how many compute; the results do not depend on it
  sonde.isa, sonde.corename  instruction sets of our kernels, and of OpenBLAS's
  sonde.kinds.metric.mse  constructors by kind, where two kinds share a name]],
}
