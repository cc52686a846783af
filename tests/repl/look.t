# Looking into steps at the prompt: what the pieces show, and Ctrl-C in the midst of them.
%case a step in pieces
%run -q -i $TESTS/net.lua
sonde> r = net:run(data, { batch_size = 16, seed = 1 })
sonde> r:forward()
forward, epoch 1/1, step 1/4: 16 samples
layer       shape ...  mean ...  std ...  min ...  max  zero %
conv2d      (16, 16, 16) ...
...
loss: ...
sonde> r:step_layer()
backward 1/6, epoch 1/1, step 1/4: 16 samples
gradient of ...  norm ...  mean ...  std ...  min ...  max  zero %
dense ...
  kernel ...
  bias ...
sonde> r:backward();
sonde> r:update()
update, epoch 1/1, step 1/4: 16 samples
parameter ...
...
loss: ...
sonde> r.layers.conv2d.output.grad.shape[4]
16
sonde> net.layers.conv2d.output
error: layer conv2d: output is of a step of a run, r.layers.conv2d.output; m:output("conv2d", x) computes it for any x
sonde>

%case Ctrl-C while layers are stepped through: the run goes on as if nothing had been
%run -q -i $TESTS/net.lua
sonde> r = net:run(data, { batch_size = 16, epochs = 1000000, seed = 1, verbose = 0 })
sonde> while true do r:step_layer() end
%pause 0.5
%key C-c
...
...interrupted...
sonde> while true do r:forward() u = r.layers.conv2d.output r:backward() u = u.grad r:update() end
%pause 0.5
%key C-c
...
...interrupted...
sonde> while true do r:forward() u = net:output("conv2d", data) end
%pause 0.3
%key C-c
...
...interrupted...
sonde> while true do u = net:input_gradient(data, { class = 1 }) end
%pause 0.3
%key C-c
...
...interrupted...
sonde> r:update();
sonde> n = r.iterations
sonde> n > 3
true
sonde> w = net:get_weights()
sonde> dofile(arg[0])
sonde> r = net:run(data, { batch_size = 16, epochs = 1000000, seed = 1, verbose = 0 })
sonde> r:step(n);
sonde> v = net:get_weights()
sonde> for i = 1, #w do assert(v[i]:equal(w[i])) end
sonde> #v
8
sonde>

%case Ctrl-C within one explanation, and in a loop of them
%run -q -i $TESTS/net.lua
sonde> big = sequential { conv2d { 64, 5, input_shape = { 128, 128, 3 } }, global_avg_pool2d {}, dense { 2 } }
sonde> e = big:explain(tensor.zeros { 128, 128, 3 }, { method = "occlusion", patch = 2 })
%pause 0.5
%key C-c
...
interrupted
sonde> while true do e = net:explain(data, { index = 1 }) end
%pause 0.5
%key C-c
...
interrupted
sonde> #e.methods
3
sonde>
