-- Help on what is no described object: functions and methods.
return {
  sequential = [[
sequential{ layer, layer, ..., name = "sequential" }
  A model whose layers follow one another. The first has input_shape = { ... }, or is input{ ... }. An activation may
  stand where a layer is wanted. The same layer twice shares its weights.
for example
  m = sequential{ dense{ 8, activation = "relu", input_shape = { 4 } }, dense{ 1 } }]],

  model = [[
model{ inputs = x, outputs = y, name = "model" }
  A model with branches: call layers on input{...} or on other calls' outputs; add{ a, b } and concat{ a, b } join.
for example
  x = input{ 32, 32, 3 }
  h = conv2d{ 3, 3, padding = "same" }(x)
  m = model{ inputs = x, outputs = add{ h, x } }
methods
  m:compile{ loss =, optimizer =, metrics = {} }   m:summary{ batch_size = 32 }   m:count_params()
  m:run(data, opts)   m:fit(data, opts)            m:evaluate(data)               m:predict(x)
  m:train_on_batch(x, y)   m:gradients_on_batch(x, y)   m:get_weights()   m:set_weights(list)
  m:save(path)   load_model(path)   m.layers.NAME.kernel]],

  compile = [[
m:compile{ loss =, optimizer =, metrics = {} }
  Each a name or an object: loss = "mse", optimizer = adam{ 1e-4 }, metrics = { "accuracy" }. The learning rate may be a
  schedule or function(step, epoch), both from 0. Compiling again keeps the weights and begins the optimizer anew.]],

  summary = [[
m:summary{ batch_size = 32 }
  Prints layers, output shapes, parameters, GFLOP and memory of a sample, and the memory of training with that batch.]],

  run = [[
r = m:run(data, opts), m:run(x, y, opts)
  A run is a model being trained on data: it can be stepped, stopped, looked at, saved, and gone on with.
options
  batch_size = 32, epochs = 1, shuffle = true, seed, validation_data, validation_split (the last part of x, y),
  validation_freq = 1, steps_per_epoch, initial_epoch = 0, callbacks = {}, verbose = 1 (0 silent, 2 no bar)
  callbacks: objects like early_stopping{}, and tables of functions: { on_epoch_end = function(epoch, logs, run) end },
  on_train_begin/end(logs, run), on_epoch_begin/end, on_batch_begin/end(batch, logs, run); epoch and batch from 0
methods
  r:step()   r:step(10)      one batch, ten batches; gives the losses of the last
  r:epoch()  r:epoch(5)      to the end of this epoch; five more
  r:finish()                 all epochs
  r:stop()                   no step after the present one (for callbacks)
  r:history()                { loss = {...}, val_loss = {...} }
  r:loss_terms()             data loss and each layer's penalty; r:loss_terms(1) of the first epoch, -1 of the last
  r:gradients()  r:weights() norm, mean, largest size and share of zeros of each parameter
  r:save(path)               resume(path, data, { validation_data = }) goes on to the same bits
fields
  r.layers.NAME.kernel, r.layers.NAME.kernel.grad, r.epoch_number, r.step_number, r.iterations, r.learning_rate (can be
  set), r.done, r.seed, r.model]],

  fit = [[
m:fit(data, opts), m:fit(x, y, opts)
  m:run(data, opts):finish(); gives the run. See help "run" for the options.]],

  resume = [[
resume(path, data, { validation_data =, callbacks =, learning_rate =, schedule =, verbose = })
  Goes on with a run saved by r:save(path): same data, same bits. Functions cannot be saved: the learning rate, a
  learning_rate_scheduler's schedule and callbacks written in Lua are given again.]],

  evaluate = [[
m:evaluate(data [, { batch_size = 32 }]), m:evaluate(x, y [, { batch_size = 32 }])
  { loss =, accuracy =, ... } in inference mode. Also .data and .penalty: what the loss is made of.]],

  predict = [[
m:predict(x or data [, { batch_size = 32 }])
  Outputs, one row for each sample.]],

  train_on_batch = [[
m:train_on_batch(x, y)
  One optimizer step. Gives the total loss, then data loss, penalty, activity penalty.]],

  gradients_on_batch = [[
m:gradients_on_batch(x, y)
  Gradients of the total loss (penalties included) in training mode: a list in the order of the trainable weights.]],

  loss_terms = [[
r:loss_terms([epoch])
  { train = { total, data, penalty, activity, layers = { NAME = penalty } }, validation = { ... } }: the present
  epoch so far, else the last one; before any step the penalties of the initial weights. Training terms are
  averages over the epoch; those of validation belong to the weights at its end.]],

  dataset = [[
datasets: image_folder{ "pets/train" }, idx{ ... }, tensors{ x =, y = }
  d:split(0.8, { shuffle = true })   two datasets        d:take(100)   the first 100
  d:labels()   a tensor             d:sample(3)  x, y and name of a sample
  d:pick{ 5, 7, 9 }   those samples           d:broken()   how many could not be read
  #d, d.class_names, d.x_shape, d.y_shape]],

  tensor = [[
tensor{ {1, 2}, {3, 4} }, tensor(list, "float64"), tensor.zeros{ 2, 3 }, tensor.ones{ 2, 3 }, tensor.full({ 2, 3 }, 0.5)
  t.shape, t.dtype, #t, t[1] (a row), t[{ 1, 2 }], t:rows(1, 10), t:tolist(), t:reshape{ 3, -1 }, t:copy("float64")
  + - * / ^ with tensors of the same shape and numbers; t:abs() exp log sqrt, t:maximum(0), t:minimum(1)
  t:sum() mean min max norm std, t:argmax() (last axis, from 1), t:equal(u)]],

  npz = [[
npz.load(path) -> table of tensors by name        npz.save(path, { x = t, ... })
  A list is saved as arr_0, arr_1, ... Compressed files are read too.]],

  npy = [[
npy.load(path) -> tensor        npy.save(path, t)]],

  load_model = [[
load_model(path)
  A model saved by m:save(path), compiled as it was.]],

  sonde = [[
sonde.seed(n)     makes what follows repeatable        sonde.seed()   the present seed
sonde.clock()     seconds, monotonic                   sonde.memory() bytes of the core: now, peak, limit
sonde.version     sonde.threads     sonde.isa          sonde.corename (OpenBLAS's kernels)
sonde.kinds.metric.mse: constructors by kind, where two kinds share a name]],
}
