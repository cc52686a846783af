# What is typed at the prompt, and what it answers.
%case expressions print
sonde> 1 + 1
2
sonde> 3, 4 == 5
3
false
sonde> nil
nil
sonde> x = 5
sonde> x * 2
10
sonde> print(1, 2)
1	2
sonde> string.format("%d-%d", 3, 4), true
3-4
true
sonde> = x, 6
5
6
sonde> = = 1
error: unexpected symbol near '='
sonde>

%case a semicolon silences, and the value is still there
sonde> 6 * 7;
sonde> _
42
sonde> _ + 1 ;
sonde> _
43
sonde>

%case a semicolon before a comment does too, one in it or in a text does not
sonde> 5; -- five
sonde> _
5
sonde> 6 -- six;
6
sonde> "a;"
a;
sonde> [[b;]]
b;
sonde> 7; --[[ seven ]]
sonde> 8 --[==[ ]] ;]==]
8
sonde> "a\";"
a";
sonde> require "sonde.app".queue[1] = { text = "12345 --", whole = true, quiet = true }
sonde> _
12345
sonde>

%case what other languages write otherwise
sonde> x = 1
sonde> x != 1
error: syntax error near '!'; Lua writes ~= for not equal
sonde> x += 1
error: syntax error near '+'; Lua has no +=, write x = x + 1
sonde> y = [1, 2]
error: unexpected symbol near '['; Lua writes a list with braces: { 1, 2 }
sonde> x + + 1
error: syntax error near '+'
sonde>

%case lines go on until they are whole
sonde> for i = 1, 2 do
   ..>   print(i)
   ..> end
1
2
sonde> t = {
   ..>   7, 8,
   ..> }
sonde> #t
2
sonde> 1 +
   ..> 2
3
sonde> x = [[a
   ..> b]]
sonde> #x
3
sonde>

%case only a missing end goes on, a mistake does not
sonde> x = = 1
error: unexpected symbol near '='
sonde> for i 1, 2 do
error: '=' or 'in' expected near '1'
sonde> "abc
error: unfinished string near '"abc'
sonde> )
error: unexpected symbol near ')'
sonde> goto nowhere
error: no visible label 'nowhere' for <goto> at line 1
sonde> 1
1
sonde>

%case an error, its value, and the prompt again
sonde> x = 1
sonde> error("boom")
error: boom
sonde> _err
boom
sonde> nothing.there
error: attempt to index a nil value (global 'nothing')
sonde> error({ code = 7 })
error: (the error is a table)
sonde> _err.code
7
sonde> x
1
sonde>

%case an error inside functions of one's own tells the way
sonde> function inner() error("deep") end
sonde> function outer() inner() end
sonde> outer()
error: deep
    input:1: in function 'inner'
...
sonde>

%case a pasted session loses its prompts
sonde> sonde> 1 + 1
2
sonde> sonde> for i = 1, 2 do
   ..>    ..> print(i)
   ..>    ..> end
1
2
sonde>

%case a bracketed paste of several lines
%env TERM=xterm
%run -q
%until sonde>
%type \e[200~a = 1\nb = a + 1\nb\e[201~
%pause 0.3
%key ENTER
...
2
sonde>

%case a pasted session with its output runs what was typed
%env TERM=xterm
%run -q
%until sonde>
%type \e[200~sonde> q = 20\nsonde> q\n20\nsonde> for i = 1, 1 do\n   ..> print(q + i)\n   ..> end\n21\e[201~
%pause 0.3
%key ENTER
...
20
21
sonde>

%case a paste with local variables is one chunk
%env TERM=xterm
%run -q
%until sonde>
%type \e[200~local a = 20\nprint(a + 1)\e[201~
%pause 0.3
%key ENTER
...
21
sonde>

%case Ctrl-D leaves; inside a chunk it drops that
sonde> for i = 1, 2 do
%until ..>
%key C-d
...
sonde> 1
1
sonde>
%key C-d
...
%exit 0

%case Ctrl-D ends its line once where pastes are bracketed too
%env TERM=xterm
%run -q
%until sonde>
%type for i = 1, 2 do\r
%until ..>
%key C-d

sonde>
%key C-d
%exit 0

%case exit and quit leave too
sonde> exit
%exit 0
%run -q
sonde> package.loaded.sonde = nil
sonde> exit
%exit 0
%run -q
sonde> package.loaded.sonde = 1
sonde> quit
%exit 0
%run -q
sonde>   quit ;
%exit 0
%run -q
sonde> exit()
%exit 0
%run -q
sonde> quit()
%exit 0
%run -q
sonde> for i = 1, 3 do print(i) if i == 2 then exit(3) end end
1
2
%exit 3
$ sonde -e 'print(1) exit() print(2)'
1
$ sonde -e 'quit(4)'
%status 4

%case exit and quit are names like others
sonde> help(exit)
  exit, exit(), ...
...
sonde> f = exit
sonde> type(f), #tostring(f) > 0
function
true
sonde> exit = 5
sonde> exit
5
sonde> exit = nil
sonde> exit
nil
sonde> sonde.exit()
%exit 0

%case os.exit keeps its status
sonde> os.exit(7)
%exit 7

%case the banner
%run
sonde ...
sonde>

%case -i after a script, also after an error in it
$ printf 'v = 3\nerror("late")\n' > s.lua
%run -q -i s.lua
error: s.lua:2: late
sonde> v
3
sonde>

%case -e, then -i
%run -q -e v=4 -i
sonde> v
4
sonde>

%case TAB completes globals, fields and methods without running anything
%env TERM=xterm
%run -q
sonde> abc = { defined = 1, fn = function() end }
%until sonde>
%type abc.defi
%pause 0.2
%key TAB
%pause 0.2
%key ENTER
...
1
sonde> hit = 0
sonde> setmetatable(abc, { __index = function() hit = hit + 1 end });
%until sonde>
%type abc.zz
%pause 0.2
%key TAB
%key TAB
%pause 0.2
%key C-u
%type hit
%pause 0.2
%key ENTER
...
0
sonde>

%case TAB indents a line of a chunk that is blank so far, and completes no word of the line before
%env TERM=xterm
%run -q
sonde> for i = 1, 2 do
%until   ..>
%key TAB
%type pri
%until pri
%key TAB
%until nt
%type (i * 7)
%key ENTER
%until   ..>
%key TAB
%type end
%key ENTER
...
7
14
sonde>

%case TAB completes options in braces, layers, and what help knows
%env TERM=xterm
%run -q
sonde> m = sequential { dense { 1, input_shape = { 1 }, name = "the_first" } }
%until sonde>
%type conv2d { 3, 5, dilat
%pause 0.2
%key TAB
%pause 0.2
%type 2 }.dilation_rate
%pause 0.2
%key ENTER
...
{ 2, 2 }
...
sonde> run = function(_, t) return t.validation_split end
%until sonde>
%type run(1, { seed = 1, validation_sp
%pause 0.2
%key TAB
%pause 0.2
%type 5 })
%pause 0.2
%key ENTER
...
5
sonde> 1
1
sonde>
%type m.layers.the_f
%pause 0.2
%key TAB
%pause 0.2
%type .type
%pause 0.2
%key ENTER
...
dense
sonde> 1
1
sonde>
%type ?reduce_l
%pause 0.2
%key TAB
%pause 0.2
%key ENTER
...
reduce_lr_on_plateau{ ...
...
sonde>

%case help by a question mark
sonde> help = function(topic) print("topic", topic) end
sonde> ?dense
topic	dense
sonde> ? conv2d
topic	conv2d
sonde> ?
topic	nil
sonde>

%case the rc file runs first, and its errors are not fatal
$ mkdir -p .config/sonde && echo 'from_rc = 5 error("in rc")' > .config/sonde/init.lua
%run -q
error: ...init.lua:1: in rc
sonde> from_rc
5
sonde>

%case --no-rc
$ mkdir -p .config/sonde && echo 'from_rc = 5' > .config/sonde/init.lua
%run -q --no-rc
sonde> from_rc
nil
sonde>

%case the terminal is in order after Ctrl-Z
%env TERM=xterm
%run -q
sonde> z = 11
%until sonde>
%type z
%pause 0.2
%key C-z
%until [stopped, cooked]
%pause 0.2
%key ENTER
...
11
sonde>

%case Ctrl-\ at the prompt is nothing
%env TERM=xterm
sonde> x = 1
%until sonde>
%signal 3
%pause 0.2
sonde> x
1
sonde>

%case a signal that ends it leaves the terminal in order
%env TERM=xterm
%run -q
%until sonde>
%signal 15
...
%exit 143

%case the nearest name where there is none
sonde> m = sequential { dense { 1, input_shape = { 1 }, name = "first" } }
sonde> m.layers.frist.kernel
error: layers: the model has no layer "frist"; did you mean "first"?
sonde> s = "abc"
sonde> s:uper()
error: attempt to call a nil value (method 'uper'); did you mean s:upper?
sonde> string.formt("x")
error: attempt to call a nil value (field 'formt'); did you mean string.format?
sonde>

%case an error in a function that sonde calls says which, and is said once
sonde> m = sequential { dense { 1, input_shape = { 4 } } }
sonde> x, y = tensor.zeros { 4, 4 }, tensor.zeros { 4, 1 }
sonde> m:compile { loss = function(y, p) return mean((y - nix)^2) end, optimizer = sgd {} }
error: compile: loss: sub: one side is nil; is a name misspelt?
sonde> m:compile { loss = "mse", optimizer = sgd {} }
sonde> function f() local function g() return nix.y end
   ..>   local v = g() return v end
sonde> m:fit(x, y, { verbose = 0, callbacks = { { on_epoch_end = function() f() end } } })
error: on_epoch_end: attempt to index a nil value (global 'nix')
    input:1: in function 'g'
      1 | function f() local function g() return nix.y end
    input:2: in function 'f'
      2 | local v = g() return v end
    input:1: in the function at line 1
sonde> m:fit(x, y, { verbose = 0, callbacks = {
   ..>   { on_epoch_end = function()
   ..>     error "mine"
   ..>   end } } })
error: input:3: on_epoch_end: mine
    3 | error "mine"
sonde> error()
error: (the error is nil)
sonde> error(nil)
error: (the error is nil)
sonde> _err
nil
sonde>

%case memory that runs out is an error, with a remedy, and the prompt again
sonde> ok, why = pcall(tensor.zeros, { 2000000, 2000000 })
sonde> ok, why:match "use a smaller"
false
use a smaller
sonde> error("not enough memory", 0)
error: not enough memory: Lua's values take ... MiB; set what is not needed to nil (who() lists it)
sonde> _err
not enough memory
sonde>

%case keys of one's own for sonde alone
%env TERM=xterm
%env INPUTRC=$HOME/inputrc
$ printf '$if sonde\n"\\C-t": "6 * 7"\n$endif\n$if bash\n"\\C-t": "bash"\n$endif\n' > inputrc
%run -q
%until sonde>
%key C-t
%pause 0.2
%key ENTER
...
42
sonde>

%case Ctrl-C twice at the prompt is no more than once
%env TERM=xterm
%run -q
%until sonde>
%type abc
%key C-c
%key C-c
%pause 0.2
...
sonde> 1
1
sonde>
