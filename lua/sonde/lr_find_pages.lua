-- Help on the learning rate range test.
return {
  pages = {
    lr_find = [[
m:lr_find(data, opts)
  The learning rate range test (Smith 2017): a copy of the model is trained with the compiled optimizer, begun anew,
  while the rate grows from step to step; it ends when the loss is lost. The model is not touched. The value prints as a
  table with suggestions.
options
  from = 1e-7  the first rate
  to = 10  the last one
  steps = 100  how many rates, evenly spread on a logarithmic scale; the data are gone through again where needed
  batch_size = 32  samples in a step: the one that training will have
  beta = 0.98  how much the smoothed loss remembers
  seed = 0  of the order of the data and of dropout
fields
  t.lr, t.loss, t.smoothed  the rates, the loss before the step made with each, and its running mean
  t.data, t.smoothed_data  the same without the penalty
  t.suggestions  three rates, as fastai makes them: valley is within the longest fall of the smoothed loss, steep where
    it falls fastest, minimum a tenth of the rate where it is lowest; fall is by how much of its size
    it fell until there
  t.learning_rate  the one in use
  t.stopped  why it ended before the last rate, or nil
  t:plot()  draws it, without what diverges at the end: losses above four times the best]],
  },

  more = {
    model = [[
  m:lr_find(data)  which learning rates work; ?lr_find]],
  },
}
