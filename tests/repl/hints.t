# What a newcomer types by habit, and what is said to it.
%case an element of a copy is set, and it is said; the way that works says nothing
sonde> m = sequential{ dense{ 2, input_shape = { 2 } } }
sonde> m.layers.dense.kernel[1] = 0
note: m.layers.dense.kernel is a copy, and only that was changed; k = m.layers.dense.kernel; k[1] = 0; m.layers.dense.kernel = k changes the weights
sonde> m:get_weights()[2][1] = 3
note: m:get_weights() gives copies, and only those were changed; w = m:get_weights(); w[1][1] = 0; m:set_weights(w) changes the weights
sonde> k = m.layers.dense.kernel; k[1] = 0; m.layers.dense.kernel = k
sonde> m.layers.dense.kernel[1]:abs():sum()
0.0
sonde> x = "m.layers.dense.kernel[1] = 0"
sonde> -- m.layers.dense.kernel[1] = 0
sonde> m.layers.dense.kernel[1] == 0
false
sonde>

%case what stands last is shown, as at other prompts; an assignment into a copy of a selection is noted
sonde> x = 5; x
5
sonde> x = 7; y = { z = 2 }; y.z + x
9
sonde> x = "a;b"; #x
3
sonde> x = 1; x;
error: syntax error near ';'
sonde> f = function() x = 3; return x end
sonde> t = { 1; 2; 3
   ..> }; #t
3
sonde> if x then y = 1; x = 2
   ..> end
sonde> x
2
sonde> g = tensor.zeros{ 2, 2 }
sonde> g[{ {}, 2 }][1] = 5
note: g[{ {}, 2 }] is a copy, and only that was changed; all places in one pair of brackets set there: t[{ i, j }] = v
sonde> g[1][2] = 5
sonde> g == 5
false
note: g and 5 are different things; g:eq(5) compares each number
sonde> while True: pass
error: function arguments expected near <eof>; Lua writes while x < 3 do ... end
sonde>

%case names of other tools
sonde> t = tensor.zeros(2, 3)
sonde> t.size
error: a tensor has no size; t.shape is the list of its sizes, #t the first of them
sonde> len(t)
error: attempt to call a nil value (global 'len'); #x is the length, #t.shape the number of axes
sonde> printf("%d", 3)
error: attempt to call a nil value (global 'printf'); print(("%d"):format(x)) prints in a format
sonde> lr_find(m, t)
error: attempt to call a nil value (global 'lr_find'); it is a method, written behind a colon: m:lr_find(...)
sonde> t[3]
error: tensor: index 3 of axis 1 is outside 1..2, or -1 and below from the end, in a tensor of shape (2, 3)
sonde> import numpy as np
error: syntax error near 'numpy'; names are there without an import; require "module" loads a Lua file
sonde> t.shape.mean.x
error: attempt to index a nil value (field 'mean')
sonde> function f()
   ..>   return len(t)
   ..> end
sonde> f()
error: attempt to call a nil value (global 'len'); #x is the length, #t.shape the number of axes
    input:2: in the function at line 1
sonde>

%case in a function of one's own the hint stands before the way
sonde> m = sequential{ dense{ 2, input_shape = { 2 } } }
sonde> function mine(y, p)
   ..>   return torch.mean(p)
   ..> end
sonde> m:compile{ loss = mine, optimizer = "sgd" }
error: compile: loss: attempt to index a nil value (global 'torch'); there are no such modules: dense{ 8 }, adam{}, tensor.zeros{ 2, 3 } are names of their own; help() lists them
    2 | return torch.mean(p)
sonde>

%case a name alone that is known elsewhere
sonde> ls
nil
note: !ls runs it in the shell
sonde> ls;
sonde> x
nil
sonde> ls = 1
sonde> ls
1
sonde>

%case a local variable that ends with its line
sonde> local z = 3
note: a local variable ends with what was typed together with it; without local, z stays
sonde> local z = 3; print(z + 1)
4
sonde> local function f() return 1 end
note: a local variable ends with what was typed together with it; without local, f stays
sonde> local _ = 3
sonde> local _, k = 3, 4
note: a local variable ends with what was typed together with it; without local, k stays
sonde>

%case blocks of Python's do not wait for more
sonde> for i in range(3):
error: <name> expected near <eof>; Lua writes for i = 1, 3 do ... end
sonde> for i in range(3): print(i)
error: 'do' expected near <eof>; Lua writes for i = 1, 3 do ... end
sonde> if x == 1:
error: 'then' expected near ':'; Lua writes if x == 1 then ... elseif ... else ... end
sonde> while true do
   ..>   break
   ..> end
sonde> for i in range(3): double(i)
error: 'do' expected near <eof>; Lua writes for i = 1, 3 do ... end
sonde> range = function(n) return { each = function() return ipairs{ n } end } end
sonde> for i, v in range(3):each() do
   ..>   print(i, v)
   ..> end
1	3
sonde>

%case prompts of Python and IPython are stripped
sonde> >>> 1 + 1
2
sonde> In [12]: 2 + 2
4
sonde> >>> for i = 1, 2 do
   ..> ...   print(i)
   ..> ... end
1
2
sonde> In [3]: f = function(...)
   ..>    ...:   return ...
   ..>    ...: end
sonde> f(7)
7
sonde> ... 3
error: unexpected symbol near '...'
sonde> select("#", ...)
0
sonde> In [x]: 3
error: <name> expected near '3'
sonde>

%case a pasted session of IPython runs what was typed
%env TERM=xterm
%run -q
%until sonde>
%type \e[200~In [1]: a = 20\n\nIn [2]: a + 1\nOut[2]: 21\n\nIn [3]: for i = 1, 2 do\n   ...:   a = a + i\n   ...: end\n\nIn [4]: a\e[201~
%pause 0.3
%key ENTER
...
23
sonde>

%case settings that are none
sonde> sonde.thread = 3
error: sonde has no setting "thread"; did you mean sonde.threads? That cannot be set; sonde --threads N or SONDE_THREADS=N sets it at the start
sonde> sonde.thread
nil
sonde>

%case a loss that gives two values, and an error that is no text
sonde> m = sequential{ dense{ 2, input_shape = { 2 } } }
sonde> m:compile{ loss = function(y, p) return mean(p), y end, optimizer = "sgd" }
error: compile: loss: the function at input:1 gave 2 values; it must give one, what it computes from y and p, the targets and the predictions
sonde> function mine(y, p)
   ..>   error({ code = 7 })
   ..> end
sonde> m:compile{ loss = mine, optimizer = "sgd" }
error: compile: loss: the error is a table
...
sonde> _err.code
7
sonde> E = setmetatable({}, { __tostring = function() return "mine" end })
sonde> m:compile{ loss = function(y, p) error(E) end, optimizer = "sgd" }
error: compile: loss: mine
sonde> error(E)
error: mine
sonde> function mine(y, p) return mean((y - p)^2) end
sonde> m:compile{ loss = mine, optimizer = "sgd" }
sonde> m.loss
traced function mine (input:1)
sonde>

%case losses are printed as the epoch's line prints them
sonde> m = sequential{ dense{ 1, input_shape = { 1 }, kernel_initializer = "zeros" } }
sonde> m:compile{ loss = "mse", optimizer = sgd{ 1e-9 } }
sonde> r = m:run(tensor{ { 0 }, { 0 } }, tensor{ { 1e-3 }, { 1e-3 } }, { verbose = 0 })
sonde> r:step()
loss: 1.0000e-06 = data 1.0000e-06 + penalty 0.0000
sonde> m:evaluate(tensor{ { 0 } }, tensor{ { 1e-3 } })
loss: 1.0000e-06
sonde> { 0/0, -(0/0), x = 0/0 }
{ nan, nan, x = nan }
sonde>
