# The prompt where lines cannot be edited: a terminal that can do nothing, or no terminal at all.
%case Ctrl-C and Ctrl-D inside of a chunk drop it
%env TERM=dumb
sonde> for i = 1, 2 do
   ..> x = 1
%key C-c
...
sonde> 1 + 1
2
sonde> for i = 1, 2 do
%until ..>
%key C-d
...
sonde> 2 + 2
4
sonde>

%case input that ends in the midst of a chunk
$ printf 'x = 3\nfor i = 1, 2 do\n' | sonde -i -q >/dev/null
%status 0
$ printf 'x = 3\nio.stderr:write(x, "\\n")' | sonde -i -q 2>&1 >/dev/null
3
