-- Help on profiles; the notation is that of sonde.pages.
return {
  pages = {
    profile = [[
m:profile(data), m:profile(data, opts), m:profile(x), r:profile(), r:profile(n)
  Where the time of a step goes: each layer forward and backward, the loss, the penalties, the update, the data; beside
  each the least that the machine needs for it. m:profile trains a copy (two steps first that do not count), so that the
  model stays as it is; with data that have no labels, or mode = "eval", it measures inference. r:profile(n) makes the
  next n steps of the run (10) and measures them: they count as any others. The value prints as a table.
options
  steps = 10  how many
  batch_size = 32  samples in a step; of m:profile only
  mode  "train" or "eval"; absent: "train" where there are labels; of m:profile only
  floors = true  false: the machine is not measured (once in a session, a third of a second)
columns
  forward, backward, ms, %  milliseconds of a step, and their share
  floor  the longest of: operations over the measured peak of multiply-adds, bytes (each array read or written once)
    over the measured bandwidth
  of floor  floor / time: 100 % is a perfect loop. More than that: a fast algorithm (Winograd) did fewer operations
    than the sum as it is defined, or the arrays were in the caches
  GFLOP/s  operations of the sum as it is defined, per second
  memory  the layer's output and what it keeps for backward; nothing where it writes over its input
  A + before a layer: it ran in one pass over memory with the one above, which has the time of all. Normalization,
    relu, max_pool2d and dropout do, where they follow one another
rows after the layers
  gradients = 0, loss, penalties, update, statistics (moving averages), metrics, data (waiting for the batch), rest
fields
  t[i]  rows, by their names too: name, type, forward, backward, time (seconds of a step), share, flops, bytes, floor,
    activations (bytes), within (the name of the layer that it ran with)
  t.seconds, t.samples_per_second, t.steps, t.batch_size, t.mode  of whole steps
  t.flops, t.floor  sums of the rows
  t.peak  what the machine did at best: flops, read, update (bytes per second)]],
  },

  more = {
    model = [[
  m:profile(data)  where the time of a step goes, layer by layer; ?profile]],
    run = [[
  r:profile(n)  the next n steps, and where their time goes; ?profile]],
  },
}
