-- Help on series over time; the rows of the page "run".
return {
  pages = {
    record = [[
s = r:record{ "gradients", "activations", every = 10, layers = nil }
  Measures probes at every k-th step from now on and keeps a row of each. It only reads: the training has the same bits,
  and other steps cost nothing. Probes are names or objects like gradients{ part = "data" }; ?probe lists them and what
  they measure. It ends with the run, and is not saved with it.
options
  every = 10  steps from one row to the next; those whose number is a multiple of it
  layers  names of layers; absent: all
methods
  s:stop()  ends it; what is there stays. r:record(false) ends all of the run
  s:tensors(), s:tensors "NAME/kernel"  tensors by name, of all rows or of one, for npz.save("x.npz", s:tensors())
  s:plot(), s:plot "norm"  curves over the steps, of each probe's first column or of that one;
    s:plot{ "norm", "std", layers = "dense", logy = true } says more
  r:recorded(), r:recorded(1)  the series of the last r:record, of the first
fields
  s["NAME/kernel"].norm, s.NAME.kernel.norm  a list: one number for each recorded step
  s.activations.NAME.std  the same where two probes have a column of that name
  s.steps  the numbers of the recorded steps of the optimizer
  #s, s.every, s.stopped  how many, how often, has it ended?
for example
  s = r:record{ "updates", "activations", noise_scale{ window = 20 }, every = 5 }
  r:epoch()
  s.updates.dense.kernel.ratio]],
  },
  more = {
    run = [[
looking over time
  r:record{ "gradients", every = 10 }, r:recorded()  series of what probes measure; ?record]],
  },
}
