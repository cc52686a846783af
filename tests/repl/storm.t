# Ctrl-C at 200 random times of a training: the session lives, and the weights are those of a run left alone.
%case 200 interruptions
%run -q -i $TESTS/net.lua
sonde> w = net:get_weights()
sonde> function begin() sonde.seed(1) net:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } } end
sonde> function new() begin() return net:run(data, { epochs = 1500, batch_size = 16, seed = 3, verbose = 0, validation_data = data }) end
sonde> r, n = new(), 0
sonde> function go() n = n + 1 if r.done then return elseif n % 3 == 0 then r:epoch() elseif n % 3 == 1 then r:finish() else r:step(40) end end
%storm 200 0.02 go();
...
sonde> n > 50, r.iterations > 0
true
true
sonde> r:finish();
sonde> r.done, r.iterations, #r:history().val_loss
true
6000
1500
sonde> a, loss = net:get_weights(), r:history().val_loss
sonde> net:set_weights(w)
sonde> q = new()
sonde> q:finish();
sonde> for i, t in ipairs(net:get_weights()) do if not t:equal(a[i]) then print("weights differ", i) end end
sonde> for i, v in ipairs(q:history().val_loss) do if v ~= loss[i] then print("losses differ", i) break end end
sonde>

%case 200 of them while the model is changed and the run saved in between
%run -q -i $TESTS/storm.lua
sonde> new()
%storm 200 0.02 go()
...
sonde> calls > 50, r.iterations > 0
true
true
sonde> go()
sonde> w, losses = net:get_weights(), r:history().val_loss
sonde> #losses, r.iterations, at
500
2000
666
sonde> s = resume("storm.sonde", data, { validation_data = data })
sonde> s.iterations % 3
0
sonde> new() go()
sonde> differ(w, net:get_weights()), differ(losses, r:history().val_loss)
0
0
sonde> !ls *.tmp* *.sonde.* 2>/dev/null | wc -l
0
sonde>

%case 60 of them while pictures are read
%run -q -i $TESTS/storm.lua
sonde> d = folder()
Found 24 files belonging to 2 classes.
sonde> opts = { epochs = 40, batch_size = 4, seed = 3, verbose = 0 }
sonde> new(d, opts)
%storm 60 0.03 r:finish();
...
sonde> r:finish();
sonde> w, losses = net:get_weights(), r:history().val_loss
sonde> new(d, opts) r:finish();
sonde> #losses, differ(w, net:get_weights()), differ(losses, r:history().val_loss)
40
0
0
sonde>

%case 40 of them while something is printed: what is lost of it is no failure of the session
%run -q
sonde> line = ("x"):rep(3000)
%storm 40 0.02 while true do print(line) end
...
sonde> 1
1
sonde>
%key C-d
%exit 0
