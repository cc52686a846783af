-- Help on the tensors inside of a step, and on stepping in pieces.
return {
  pages = {
    pieces = [[
r:forward(), r:backward(), r:update(); r:step_layer()
  A step in pieces, each showing what it has computed. r:forward() takes the next batch through the network; nothing of
  the training changes by it. r:backward() computes the gradients (and goes forward first, if need be). r:update() makes
  the step, with the very bits of r:step(). In between r.layers.NAME.output and the like are those of this step.
  r:step_layer() does one layer at a time: forward, then the loss, then backward from the last layer, then the update.
  r:step(), r:epoch() and r:finish() simply go on from there. Where weights were changed by hand in between, what was
  computed is computed anew.
fields
  loss, data, penalty, activity, samples  of the batch; in what r:forward(), r:backward() and r:update() give
  [i], NAME  a row for each layer (a parameter, as "dense/kernel"): name, shape, norm, mean, std, min, max, zero
    (share), nan, inf (how many); of an update also weights (their norm) and ratio
for example
  f = r:forward()
  f.dense.mean
  r:backward()
  r.layers.dense.kernel.grad
  r:update()]],

    inside = [[
r.layers.NAME.output, r.layers.NAME.input
  What the layer gave (after its own activation) and read in the last step, as tensors, batch first: copies that one can
  compute with. .output.grad and .input.grad are the gradients of the loss with respect to them. The step is computed
  again for that, with the weights that it saw and the same dropout: to the same bits. r:step() keeps those weights, and
  so does the last step of an epoch; else r:forward() looks into the next step. After r:forward(), r:backward(),
  r:step_layer(), and when a step was halted, they are of that pending step.
  A layer that reads several has a list of inputs. A layer that is called more than once has its tensors in
  r.layers.NAME.calls[1], [2], ...
fields
  output  what the layer gave
  input  what it read
  output.grad, input.grad  their gradients, of the whole batch's loss
  kernel.grad  of a parameter, as the optimizer gets it (before clipping); after r:backward() that of the pending step
  kernel.data_grad  without its penalty's part
  kernel.penalty_grad  that part alone
  calls  the calls of the layer, each with output and input
for example
  r:step()
  r.layers.conv2d.output.grad:norm()
  m:output("conv2d", x)]],
  },
  more = {
    run = [[
a step in pieces
  r:forward()  the next step's forward pass: what each layer gives, and the loss; ?pieces
  r:backward()  its gradients
  r:update()  the step itself, with the bits of r:step()
  r:step_layer()  the same, one layer at a time
tensors of a step
  r.layers.NAME.output, r.layers.NAME.input  what a layer gave and read in the last step, or in the one that r:forward()
    went through; with .grad their gradients; ?inside
  r.layers.NAME.kernel.data_grad, .penalty_grad  the parts of a gradient]],
  },
}
