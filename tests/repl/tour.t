# The tour is the prompt itself: Enter goes on, what is typed between the steps runs there, and the prompt has all of it.
%case through some steps, with a look around
%run -q -i $TESTS/../../scripts/tour.lua
%until [1/11] Data first.
%until    ..>   return tensors { x = x, y = y }
%until (Enter goes on to step 2 of 11; whatever else is typed
...
sonde> #train;
sonde> _
480
sonde> !echo {#val}
120
sonde> for i = 1, 2 do
   ..>   print(i * 11)
   ..> end
11
22
sonde> nobody.there
error: attempt to index a nil value (global 'nobody')
sonde> ?dropout
dropout{ rate, ...
...
sonde>
%type \r
%until [2/11] A network is layers in a row.
%until sonde> fresh = m:clone()
%until (Enter goes on to step 3 of 11)
...
sonde> #train, fresh.name
480
sequential
sonde>

%case it begins at any step, with what the steps before it make; a prompt follows without -i too
%env TERM=dumb
%run -q $TESTS/../../scripts/tour.lua 9
(steps 1 to 8 run first, unseen)

[9/11] The loss falls ...
...
...> rate = f.suggestions.valley
...
(Enter goes on to step 10 of 11)
sonde> rate
0.0...
sonde> tour(12)
error: tour: step = 12, but there are 11
sonde> tour "x"
error: tour: step = "x" must be a whole number of at least 1
sonde> tour(4)
(steps 1 to 3 run first, unseen)

[4/11] That failed: ...
...
(Enter goes on to step 5 of 11)
sonde>
%key ENTER
%until [5/11] No penalty.
...
sonde>
%key C-d
%exit 0

%case Ctrl-C ends the line that runs
$ printf '%s\n' 'walk = require "sonde.guide" { name = "walk", { "One.", "a = 1\nwhile true do end\na = 2" }, { "Two.", "a" } }' > g.lua
%run -q g.lua
%until while true do end
%key C-c
...
interrupted
(the rest of this step did not run; walk(1) begins it again, Enter goes on to the next)
sonde> a
1
sonde>
%type \r


[2/2] Two.

...> a
1
sonde>
%key C-c
...
sonde> a
1
sonde>

%case Ctrl-D leaves, empty lines and the history are the prompt's
%env SONDE_HISTORY=$HOME/h
$ printf '%s\n' 'walk = require "sonde.guide" { name = "walk", start = arg[1], { "One.", "for i = 1, 2 do\n  a = i\nend" }, { "Two.", "" } }' > g.lua
%run -q g.lua 2
(step 1 runs first, unseen)

[2/2] Two.

sonde> a
2
sonde>
%key ENTER

sonde>
%type \r
%until sonde>
%key C-d
%exit 0
$ grep -v '^#' h
a

%case without a terminal all steps follow one another; what fails ends it
$ printf '%s\n' 'walk = require "sonde.guide" { name = "walk", { "One.", "1 + 1\nfor i = 1, 2 do\nend" }, { "Two.", "a.b" }, { "3.", "" } }' > g.lua
$ sonde g.lua 2>&1
[1/3] One.

...> 1 + 1
2
...> for i = 1, 2 do
...> end

[2/3] Two.

...> a.b
sonde: attempt to index a nil value (global 'a')
%status 1

%case exit leaves, and what is queued behind it does not run
sonde> later = require "sonde.prompt".later
sonde> later { text = "exit" } later { text = "print(22)" }
...exit
%exit 0
