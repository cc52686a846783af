-- Help on sonde.watch.
return {
  pages = {
    watch = [[
r:watch "loss > 2", r:watch "nan", r:watch(function(s) ... end), r:watch{ "gradients.norm > 10", layer = "conv2d_1" }
  Stops the run at the prompt as soon as the condition holds, in that very state, as a debugger's watchpoint does;
  r:continue() goes on. It stops again each time that it holds: once = true and ignore = n make that less. Gives a
  handle with its number; in a script r.stopped is the handle of what stopped the run. Functions cannot be saved: r:save
  leaves watchpoints out, and resume(...) begins without any. Watching changes no bit of the training.
conditions
  "loss > 2"  also data, penalty, activity, learning_rate: of each step, with the losses of its batch. Comparisons are
    > >= < <= == ~=
  "val_loss > 1"  and "accuracy < 0.5", any value that an epoch logs: at the end of each epoch that has it
  "gradients.norm > 10"  a column of a table (gradients, weights, updates, activations, ...; ?probe lists them): after
    each step, if one of its rows is like that
  "nan"  the first number of a step that is NaN or infinite: names layer, tensor, sample and element. The step is not
    made, so the weights are still good; unless it is the update that made them bad. r:continue() makes the step. At the
    end of an epoch val_loss is looked at too. Reading all those numbers takes 2 to 3 % of a step
  function(s)  asked after each step and at the end of each epoch, with the fields below. It holds when it gives true
options
  once = false  true: disabled after it has stopped the run
  ignore = 0  how often it is passed over
  condition  function(s) that must give true too
  name  a text of yours, shown with it
  layer  only for tables: "conv2d_1", "conv2d_1/kernel", or "model" for the row of all together
  every = 1  only for tables: looked at in every k-th step, which costs less
fields
  s.epoch, s.step, s.steps_per_epoch, s.iterations  where the run stands
  s.loss, s.data, s.penalty, s.activity  of the last batch; at the end of an epoch its averages
  s.accuracy, s.NAME  a metric of this epoch so far
  s.val_loss, s.val_NAME  of the last epoch that was validated
  s.learning_rate, s.run  the present rate; the run
  s.previous  the same at the end of the epoch before. Where a function reads what is not there yet, it does not hold
for example
  r:watch(function(s) return s.val_loss > s.previous.val_loss end)
  r:watch{ "loss > 2", ignore = 3, condition = function(s) return s.epoch > 1 end }
  r:watch{ "gradients.norm > 10", layer = "conv2d_1", every = 10 }
  r:watch "nan"
  r:finish()]],

    break_at = [[
r:break_at{ epoch = 3, step = 17 }
  Stops the run when 17 steps of epoch 3 are made. r:break_at{ epoch = 3 }: at the end of that epoch;
  r:break_at{ step = 17 }: in each epoch. Options and the rest are those of r:watch.
options
  epoch  from 1, as "Epoch 3/10" counts
  step  from 1
  once, ignore, condition, name  as in r:watch
for example
  r:break_at{ epoch = 3, step = 17, once = true }]],
  },

  more = {
    run = [[
watchpoints
  r:watch "nan", r:watch{ ... }  stop when something happens; ?watch
  r:break_at{ epoch = 3, step = 17 }  stop there; ?break_at
  r:continue()  goes on with what a watchpoint, Ctrl-C or an error interrupted: the rest of r:step(10), r:epoch(),
    r:finish()
  r:info()  lists watchpoints and breakpoints: number, what, hits, enabled, condition
  r:disable(1), r:enable(1)  the one of that number stops the run no more, or again; without a number all do
  r:delete(1)  takes it away; without a number all
  r:ignore(1, 5)  the next five times that it holds, the run goes on
  r.stopped  what stopped the run, a handle with number, hits, enabled, name, condition, and found: what there was to
    see; nil when nothing did]],
  },
}
