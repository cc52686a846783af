# Training at the prompt: Ctrl-C comes back with the run intact; wrong input is an error and the prompt again.
%case Ctrl-C during fit, and the network is still of use
%run -q -i $TESTS/net.lua
sonde> net:fit(data, { epochs = 100000, batch_size = 16 })
%until Epoch 3/
%key C-c
...
...interrupted: epoch ...; m.last_run:finish() goes on
sonde> #net:get_weights()
8
sonde> net:fit(data, { epochs = 1, batch_size = 16, verbose = 0 });
sonde>

%case Ctrl-C during a run, which goes on to the same bits as one left alone
%run -q -i $TESTS/net.lua
sonde> w = net:get_weights()
sonde> function total() local s = 0 for _, t in ipairs(net:get_weights()) do s = s + t:sum() end return s end
sonde> r = net:run(data, { epochs = 120, batch_size = 16, seed = 3, verbose = 0 })
sonde> r:finish();
%pause 0.1
%key C-c
...
sonde> r:finish();
sonde> a = total()
sonde> net:set_weights(w)
sonde> net:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
sonde> net:run(data, { epochs = 120, batch_size = 16, seed = 3, verbose = 0 }):finish();
sonde> a == total()
true
sonde>

%case an interrupt that is caught is one error
%run -q -i $TESTS/net.lua
sonde> ok, why = pcall(net.fit, net, data, { epochs = 100000, batch_size = 16, verbose = 0 }) l = net:evaluate(data).loss
%pause 0.3
%key C-c
...
sonde> ok, why
false
interrupted
sonde> l == l
true
sonde>

%case training in batch mode: 130
$ timeout --preserve-status -s INT 2 "$SONDE" -e "dofile '$TESTS/net.lua'" -e 'net:fit(data, { epochs = 1000000, verbose = 0 })'
interrupted
%status 130

%case no control codes of the progress in a pipe
$ sonde -e "dofile '$TESTS/net.lua'" -e 'net:fit(data, { epochs = 3 })' 2>&1 | tr -d '[:print:]\n' | wc -c
0
$ sonde -e "dofile '$TESTS/net.lua'" -e 'net:fit(data, { epochs = 2, batch_size = 32 })' 2>&1 | sed -E 's/[0-9.]+(s|ms|us)/T/g; s/: [0-9.e-]+/: N/g'
Epoch 1/2
2/2 - T - T/step - loss: N - accuracy: N
Epoch 2/2
2/2 - T - T/step - loss: N - accuracy: N

%case wrong input is an error and the prompt again
%run -q -i $TESTS/net.lua
sonde> conv2d { 32, 5, padd = "same" }
error: conv2d: unknown option...padding...
sonde> dense {}
error: dense: ...
sonde> dense { "a" }
error: dense: ...
sonde> sequential { dense { 2, input_shape = { 0 } } }
error: ...
sonde> net:predict(tensor { 1, 2 })
error: ...
sonde> image_folder "no/such/folder"
error: ...no/such/folder...
sonde> 1
1
sonde>

%case TAB knows the methods and fields of models and runs
%env TERM=xterm
%run -q -i $TESTS/net.lua
%until sonde>
%type net:count_p
%pause 0.2
%key TAB
%pause 0.2
%type ()
%key ENTER
...
2530
2498
32
sonde> r = net:run(data, {})
%until sonde>
%type r.don
%pause 0.2
%key TAB
%pause 0.2
%key ENTER
...
false
sonde>

%case help
%run -q
sonde> ?conv2d
conv2d...
...
sonde> help "no such thing"
...
sonde>

%case where an interrupt leaves a run is said once
%run -q -i $TESTS/net.lua
sonde> r = net:run(data, { epochs = 100000, batch_size = 16, verbose = 0 })
sonde> r:finish()
%pause 0.3
%key C-c
...interrupted: epoch ...; r:finish() goes on
sonde> r.iterations > 0
true
sonde> ok, why = pcall(r.finish, r) while true do end
%pause 0.3
%key C-c
%until goes on
%key C-c
...
interrupted
sonde> ok, why
false
interrupted
sonde>
$ timeout --preserve-status -s INT 2 "$SONDE" -e "dofile '$TESTS/net.lua'" -e 'net:fit(data, { epochs = 1000000, verbose = 2 })' 2>&1 | tail -n 1
interrupted: epoch ...; m.last_run:finish() goes on
