# Watchpoints at the prompt: the run stops there, is looked at, and goes on.
%case a breakpoint, the table of them, and going on
%run -q -i $TESTS/net.lua
sonde> r = net:run(data, { epochs = 3, batch_size = 16, seed = 3, verbose = 2 })
sonde> r:break_at { epoch = 2, step = 3 }
breakpoint 1: epoch 2, step 3
sonde> r:watch { "loss > 100", name = "too far" }
watchpoint 2: too far: loss > 100
sonde> r:finish();
Epoch 1/3
4/4 - ...
Epoch 2/3
breakpoint 1: epoch 2, step 3 (epoch 2/3, step 3/4); r:continue() goes on
sonde> r.stopped
breakpoint 1: epoch 2, step 3
sonde> r.step_number, r.iterations
3
7
sonde> r:info()
number  what        hits  enabled  condition
     1  breakpoint     1  yes      epoch 2, step 3
     2  watchpoint     0  yes      too far: loss > 100
sonde> r:continue();
4/4 - ...
Epoch 3/3
4/4 - ...
sonde> r:continue()
error: continue: nothing was interrupted; r:step(), r:epoch() and r:finish() make the run go on
sonde>

%case the first NaN, before it does any harm
%run -q -i $TESTS/net.lua
sonde> k = net.layers.conv2d.bias
sonde> k[7] = 0 / 0
sonde> net.layers.conv2d.bias = k
sonde> r = net:run(data, { epochs = 2, batch_size = 16, seed = 3, verbose = 0 })
sonde> r:watch "nan";
sonde> r:finish();
watchpoint 1: nan: first in conv2d/bias, element (7,): nan; step 1 of epoch 1 is not made (epoch 0/2); r:continue() ...goes on
sonde> r.stopped.found.layer, r.iterations
conv2d
0
sonde> k[7] = 0 net.layers.conv2d.bias = k
sonde> r:continue();
sonde> r.done, r.stopped
true
nil
sonde>

%case Ctrl-C, and r:continue() to the same bits as a run left alone
%run -q -i $TESTS/net.lua
sonde> w = net:get_weights()
sonde> function total() local s = 0 for _, t in ipairs(net:get_weights()) do s = s + t:sum() end return s end
sonde> r = net:run(data, { epochs = 120, batch_size = 16, seed = 3, verbose = 0 })
sonde> r:watch "nan";
sonde> r:watch(function(s) return s.loss > 1e9 end);
sonde> r:epoch(120);
%pause 0.1
%key C-c
...
sonde> if not r.done then r:continue() end
sonde> r.done
true
sonde> a = total()
sonde> net:set_weights(w)
sonde> net:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
sonde> net:run(data, { epochs = 120, batch_size = 16, seed = 3, verbose = 0 }):finish();
sonde> a == total()
true
sonde>

%case an error in a function names its watchpoint, and nothing is lost
%run -q -i $TESTS/net.lua
sonde> r = net:run(data, { epochs = 2, batch_size = 16, seed = 3, verbose = 0 })
sonde> r:watch(function(s) return s.los > 1 end);
sonde> r:finish()
error: watchpoint 1: what a watchpoint sees has no los; did you mean loss?
    1 | r:watch(function(s) return s.los > 1 end);
sonde> r.iterations
1
sonde> r:delete()
sonde> r:continue();
sonde> r.done
true
sonde>

%case TAB and help
%env TERM=xterm
%run -q -i $TESTS/net.lua
sonde> r = net:run(data, {})
%until sonde>
%type r:break
%pause 0.2
%key TAB
%pause 0.2
%type { step = 2 }
%key ENTER
...
breakpoint 1: step 2
sonde> ?break_at
r:break_at{ epoch = 3, step = 17 }
...
sonde>

%case in a pipe
$ sonde -e "dofile '$TESTS/net.lua'" -e 'r = net:run(data, { verbose = 2 }) r:break_at { step = 1 } r:finish() print(r.stopped.hits)' | cat -A
breakpoint 1: step 1 (epoch 1/1, step 1/2); r:continue() goes on$
1$
