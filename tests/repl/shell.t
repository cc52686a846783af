# What is typed at the prompt beside Lua: !COMMAND, ??NAME, _1, who(), time(), edit(), the pager; and completion in a
# terminal.
%case the last values
sonde> 1, 2
1
2
sonde> "two"
two
sonde> 3;
sonde> _, _1, _2, _3
3
3
two
1
sonde> _ + _3:len()
6
sonde>

%case commands of the shell
$ touch b.txt a.txt 'c d.txt'
%run -q
sonde> !printf '%s\n' *.txt
a.txt
b.txt
c d.txt
sonde>   !echo one; echo two
one
two
sonde> !exit 3
exit status 3
sonde> !kill -9 $$
ended by signal 9
sonde> name = "a.txt"
sonde> !echo {name} {1 + 1} {no_such} ${HOME:+set} {a,b} {name.x.y}
a.txt 2 {no_such} set {a,b} {name.x.y}
sonde> !
error: !: a command goes behind it, as in !ls
sonde> files = !printf '%s\n' *.txt
sonde> files
a.txt
b.txt
c d.txt
sonde> #files, files[3], files.status
3
c d.txt
0
sonde> x=!echo out; echo err >&2; exit 4
err
exit status 4
sonde> x.status, x:text()
4
out
sonde> not_a_capture = not true
sonde> if x ~= nil then print "a ! in a text" end
a ! in a text
sonde>
%key C-d
%exit 0
$ grep -v '^#' .local/state/sonde/history | head -n 3
!printf '%s\n' *.txt
  !echo one; echo two
!exit 3

%case !cd is sonde's own
$ mkdir -p sub 'a b'; echo 'return 5' > sub/f.lua; echo 'return 6' > 'a b/g.lua'
%run -q
sonde> !cd sub
sonde> dofile "f.lua"
5
sonde> !cd '../a b'
sonde> !basename "$PWD"
a b
sonde> dofile "g.lua"
6
sonde> !cd no_such
error: !cd: no_such: No such file or directory
sonde> !cd ~/sub
sonde> where = "sub"
sonde> !cd
sonde> !cd {where}
sonde> !cd .. && ls -d sub; cd sub; ls
sub
f.lua
sonde> dofile "f.lua"
5
sonde>

%case Ctrl-C goes to the command
sonde> !sleep 100
%pause 0.3
%key C-c
...
sonde> x = !sleep 100
%pause 0.3
%key C-c
...
interrupted
sonde> 1
1
sonde>

%case the command has the terminal
sonde> !read line; echo "got $line"
%pause 0.3
%type some words\r
%until got
...
sonde>

%case the source of what was typed, and of others
sonde> function add(a)
   ..>   return a + 1 -- one more
   ..> end
sonde> two = function() return 2 end
sonde> ??add
-- input:1
function add(a)
  return a + 1 -- one more
end
sonde> ?? two
-- input:1
two = function() return 2 end
sonde> ??print
print is written in C
sonde> ??no_such
error: ??: there is no no_such
sonde> relu??
relu{...
...
  activation relu: src/nn/activations/relu.c
sonde> dense?
dense{...
...
sonde>

%case who
sonde> who()
there are no names of your own yet
sonde> t = tensor.zeros { 100, 10 }
sonde> n = 5
sonde> who()
n  number  5
t  tensor  (100, 10) float32  3.91 KiB
sonde>

%case time
sonde> time(function() end)
... ns  (best of 5 runs of ... calls; mean ...s)
sonde> time("1 + 1", { calls = 1 })
...s  (one call)
sonde> time "1 +"
error: time: ...
sonde>

%case edit runs what was saved, and it is one entry of the history
%env EDITOR=$HOME/editor
$ printf '#!/bin/sh\nsed s/1/2/ "$1" > e && cat e > "$1"\n' > editor; chmod +x editor
%run -q
sonde> for i = 1, 3 do
   ..>   print("line", i)
   ..> end
line	1
line	2
line	3
sonde> edit()
...
line	2
line	3
sonde> edit()
edit: nothing was changed, so nothing is run
sonde>
%key C-d
%exit 0
$ grep -v '^#' .local/state/sonde/history
for i = 1, 3 do
  print("line", i)
end
edit()
for i = 2, 3 do
  print("line", i)
end
edit()

%case edit of files and functions, and editors that fail
%env VISUAL=$HOME/editor
$ printf '#!/bin/sh\nfor f; do :; done; sed s/1/2/ "$f" > e && cat e > "$f"\n' > editor; chmod +x editor
$ printf 'function from_file() return 1 end\nprint(from_file())\n' > f.lua
%run -q
sonde> edit "f.lua"
2
sonde> typed = function() return 1 end
sonde> edit(typed)
...
sonde> typed()
2
sonde> edit(print)
error: edit: the function is written in C
sonde> edit(5)
error: edit: wants nothing (the last chunk), the name of a file or a function, got a number
sonde>
%key C-d
%exit 0
%env VISUAL=false
%run -q
sonde> edit()
error: edit: false ended with status 1; nothing is run ($VISUAL or $EDITOR names another editor)
sonde>

%case what was edited may be wrong
%env EDITOR=$HOME/editor
$ printf '#!/bin/sh\necho "for i = 1, 2 do" > "$1"\n' > editor; chmod +x editor
%run -q
sonde> 1
1
sonde> edit()
...
error: the text ends in the middle of something; edit() opens it again
sonde> 2
2
sonde>

%case what is longer than the screen goes through the pager, what is not does not
%env TERM=xterm
%env PAGER=sed s/^/=/
%run -q
sonde> ("x\n"):rep(60) .. "end"
=x
...
=end
sonde> ("x\n"):rep(3)
x
x
x

sonde> ?run
=r = m:run(data, opts), m:run(x, y, opts)
...
sonde> sonde.pager = false
sonde> ("x\n"):rep(60) .. "end"
x
...
end
sonde> sonde.pager = "sed s/^/+/"
sonde> ("x\n"):rep(60) .. "end"
+x
...
+end
sonde> sonde.pager = "no-such-pager 2>/dev/null"
sonde> ("x\n"):rep(60) .. "end"
x
...
end
sonde>

%case no pager on a dumb terminal
%env PAGER=sed s/^/=/
%run -q
sonde> ("x\n"):rep(60) .. "end"
x
...
end
sonde>

%case options, values and layers by TAB
%env TERM=xterm
%run -q
sonde> m = sequential { dense { 1, input_shape = { 1 }, name = "the_first" } }
%until sonde>
%type conv2d { 3, 5, padding = "s
%pause 0.2
%key TAB
%pause 0.2
%type  }.padding
%pause 0.2
%key ENTER
...
same
sonde> f = function(t) return t[1] end
%until sonde>
%type m:output("the
%pause 0.2
%key TAB
%pause 0.2
%type , tensor.zeros { 2, 1 }).shape[1]
%pause 0.2
%key ENTER
...
2
sonde> 1
1
sonde>
%type conv2d { 3, 5, kernel_
%pause 0.2
%key TAB
%key TAB
%until kernel_initializer    "glorot_uniform"  (initializer)
%key C-u
%type !echo edi
%pause 0.2
%key C-u
%type 2
%pause 0.2
%key ENTER
...
2
sonde>

%case options by TAB in the lines of a chunk, and names of files
%env TERM=xterm
$ echo 'x = 5' > a_file_of_mine.lua
%run -q
sonde> c = conv2d {
%until ..>
%type 3, 5, padd
%pause 0.2
%key TAB
%pause 0.2
%type "same" }
%pause 0.2
%key ENTER
...
sonde> c.padding
same
sonde> 1
1
sonde>
%type dofile "a_file
%pause 0.2
%key TAB
%pause 0.2
%key ENTER
...
sonde> x
5
sonde>

%case names of files in folders
%env TERM=xterm
$ mkdir -p sub/folder && echo 'return 5' > sub/folder/only_one.lua
%run -q
%until sonde>
%type dofile "sub/fol
%pause 0.2
%key TAB
%pause 0.2
%type on
%pause 0.2
%key TAB
%pause 0.2
%key ENTER
...
5
sonde> 1
1
sonde>
%type !cat sub/folder/on
%pause 0.2
%key TAB
%pause 0.2
%key ENTER
...
return 5
sonde> io.open("/dev/nul", "r")
nil
/dev/nul: No such file or directory
2
sonde>
%type #io.open("/dev/nul
%pause 0.2
%key TAB
%pause 0.2
%type ):read "a"
%pause 0.2
%key ENTER
...
0
sonde>

%case the window changes its size
%env TERM=xterm
%run -q
sonde> function widest(t) local n = 0 for l in tostring(t):gmatch "[^\n]+" do n = math.max(n, #l) end return n end
sonde> before = widest(tensor.arange(60))
sonde>
%size 30 60
%pause 0.2
sonde> before > 60, widest(tensor.arange(60)) <= 60
true
true
sonde> !stty size; echo "$LINES$COLUMNS."
30 60
.
sonde> while true do end
%pause 0.2
%size 40 80
%key C-c
...
interrupted
sonde> !stty size
40 80
sonde>
%type 40 +
%size 40 50
%pause 0.2
%type  2
%pause 0.2
%key ENTER
...
42
sonde>

%case what is taken away from the globals is missed by the person alone
sonde> m = sequential { dense { 1, input_shape = { 2 } } }
sonde> tostring, pairs, ipairs, type, string, table, io, math = nil
sonde> 1, { 2, a = { 3 } }
1
{ 2, a = { 3 } }
sonde> tensor.zeros { 2 }
tensor (2,) float32  min 0  mean 0  max 0
[0. 0.]
sonde> m
model sequential: ...
sonde> ?l2
l2{ factor = 0.01 }
...
sonde> tostring(5)
error: attempt to call a nil value (global 'tostring')...
sonde> error({})
error: (the error is a table)
sonde> x = setmetatable({}, { __tostring = function() return x.y.z end })
sonde> x
error: attempt to index a nil value (field 'y')...
...
sonde> error(x)
error: ...
...
sonde>

%case a module that is not there
sonde> require "no_such"
error: module 'no_such' not found; package.path and package.cpath say where it is looked for
sonde>
$ sonde -l no_such 2>&1
sonde: module 'no_such' not found; package.path and package.cpath say where it is looked for
%status 1
