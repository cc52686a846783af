# Ctrl-C: back to the prompt with everything there; 130 where no prompt follows.
%case a Lua loop
sonde> n = 0
sonde> while true do n = n + 1 end
%pause 0.2
%key C-c
...
interrupted
sonde> n > 0
true
sonde>

%case a loop that catches errors ends after a second
sonde> while true do pcall(function() while true do end end) end
%pause 0.2
%key C-c
...
interrupted
sonde> n = 0
sonde> coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()
%pause 0.2
%key C-c
...
interrupted
sonde>

%case so does one that catches the core's
sonde> t = tensor.zeros { 300, 300 }
sonde> while true do pcall(function() while true do u = t + t end end) end
%pause 0.2
%key C-c
...
interrupted
sonde> u = t + t
sonde>

%case a matrix product, and what else takes long
sonde> a = tensor.rand { 3000, 3000, seed = 1 }
sonde> sum = a:sum()
sonde> while true do b = a:matmul(a) end
%pause 0.3
%key C-c
...
interrupted
sonde> while true do b = a:flatten():sort() end
%pause 0.3
%key C-c
...
interrupted
sonde> while true do b = (a:exp():t() + 1):std(1) end
%pause 0.3
%key C-c
...
interrupted
sonde> while true do b = a:tolist() b = tensor(b) end
%pause 0.3
%key C-c
...
interrupted
sonde> a:sum() == sum
true
sonde>

%case what catches an interrupt may go on
sonde> pcall(function() while true do end end) print(tensor.ones { 2 }:sum())
%pause 0.2
%key C-c
...2.0
...
sonde>
$ timeout --foreground --preserve-status -s INT $SOON "$SONDE" -e 'pcall(function() while true do end end) t = os.time() while os.time() < t + 3 do end print(2)'
2

%case a loop that catches errors ends by a second one at once
sonde> while true do pcall(function() while true do end end) end
%pause 0.2
%key C-c
%pause 0.2
%key C-c
...
sonde> 1
1
sonde>

%case a coroutine
sonde> coroutine.wrap(function() while true do end end)()
%pause 0.2
%key C-c
...
interrupted
sonde>

%case at the prompt it clears the line, and the chunk
%run -q
sonde> for i = 1, 2 do
%until ..>
%type print("never
%pause 0.2
%key C-c
...
sonde> 1
1
sonde>
%type 4 +
%pause 0.2
%key C-c
...
sonde> 2
2
sonde>

%case reading from the terminal
sonde> io.read()
%pause 0.2
%key C-c
...
interrupted
sonde> 1
1
sonde>

%case many of them do not kill
sonde> while true do end
%pause 0.2
%key C-c
%key C-c
%key C-c
%key C-c
%pause 0.2
...
sonde> 1
1
sonde>

%case batch mode ends with 130
$ timeout --foreground --preserve-status -s INT $SOON "$SONDE" -e 'while true do end'
interrupted
%status 130
$ echo 'while true do end' > s.lua; timeout --foreground --preserve-status -s INT $SOON "$SONDE" s.lua
interrupted
%status 130
$ echo 'while true do end' | timeout --foreground --preserve-status -s INT $SOON "$SONDE"
interrupted
%status 130
$ timeout --foreground --preserve-status -s INT $SOON "$SONDE" -e 'print(pcall(function() while true do end end))'
false	interrupted

%case a Ctrl-C that is held down comes again before the last was over, and yet ends a batch program
$ echo 'os.execute("p=$PPID; (while kill -INT $p; do sleep 0.005; done) > /dev/null 2>&1 &") while true do pcall(function() while true do end end) end' > s.lua
$ timeout --foreground 20 "$SONDE" s.lua 2> /dev/null
%status 130

%case -i stays after an interrupted script
$ echo 'v = 1 while true do end' > s.lua
%run -q -i s.lua
%pause 0.5
%key C-c
...
interrupted
sonde> v
1
sonde>

%case Ctrl-Z while something runs
sonde> n = 0
sonde> while n < 1e12 do n = n + 1 end
%pause 0.2
%key C-z
%until cooked
%pause 0.2
%key C-c
...
interrupted
sonde> n > 0
true
sonde>

%case judging a model
sonde> m = sequential { conv2d { 16, 5, input_shape = { 40, 40, 3 } }, flatten {}, dense { 2, activation = "softmax" } }
sonde> x = tensor.random { 96, 40, 40, 3 }
sonde> y = tensor.zeros { 96 }
sonde> while true do m:confusion(x, y) m:calibration(x, y) end
%pause 0.3
%key C-c
...
interrupted
sonde> m:confusion(x, y, { batch_size = 7 }).n
96
sonde>

%case at the prompt, with a chunk of several lines there: its last line is gone to before the new prompt
%env TERM=xterm
%env SONDE_HISTORY=$HOME/h
$ printf '#1\nfor i = 1, 3 do\n  found = i\nend\n' > h
%run -q
%until sonde>
%key UP
%until end
%type \e[H
%key C-c


^C
sonde>
%key C-r
%type fou
%until found
%key C-c
...
fou...
^C
sonde> found
nil
sonde>
%key UP
%key UP
%until end
%type \e[H
%key C-z
%until [stopped, cooked]
%until end
%type found = 7 
%key ENTER
...
sonde> found
3
sonde>
