# Without a prompt: scripts, -e, standard input, statuses, and no control codes in pipes.
%case script arguments
$ echo 'print(arg[0], arg[1], #arg, ...)' > s.lua; sonde s.lua a "b c"
s.lua	a	2	a	b c
$ sonde -- s.lua -i
s.lua	-i	1	-i

%case -e and -l
$ sonde -e 'a = 1' -e 'print(a + 1)'
2
$ echo 'return { v = 5 }' > mod.lua; sonde -l mod -e 'print(mod.v)'
5
$ sonde -l m=mod -e 'print(m.v)'
5
$ sonde -e 'print(1)' -e 'error("no")' -e 'print(2)'
1
sonde: (command line):1: no
%status 1

%case standard input
$ printf 'print(1+1)\n' | sonde
2
$ printf 'x = 1\nprint(x)\n1;\n' | sonde
sonde: stdin:3: unexpected symbol near '1'
%status 1
$ printf '#!/usr/bin/sonde\nx = 1\nprint(x)\n' | sonde
1
$ echo 'print("dash", arg[0])' | sonde -
dash	-

%case statuses
$ sonde -e ''
$ sonde -e 'os.exit(3)'
%status 3
$ sonde -e 'os.exit(true)'
$ sonde missing.lua
sonde: cannot open missing.lua...
%status 1
$ echo 'x = = 1' > s.lua; sonde s.lua
sonde: s.lua:1: unexpected symbol near '='
%status 1
$ sonde --wrong
sonde: unknown option '--wrong'; sonde --help lists the options
%status 2
$ sonde -e
sonde: -e needs code behind it; ...
%status 2
$ sonde --threads 0 -e ''
sonde: --threads: '0' is not a number of threads from 1 to 256; ...
%status 2
$ sonde --version | grep -c '^sonde [0-9]'
1
$ sonde --help | head -n 1
usage: sonde [options] [script [args]]
$ sonde -e 'print(1)' > /dev/full
sonde: standard output: not all of it could be written
%status 1

%case errors of functions show the way, errors of the script do not
$ printf 'local function f()\n  error("in f")\nend\nfunction g()\n  f()\nend\ng()\n' > s.lua; sonde s.lua
sonde: s.lua:2: in f
    s.lua:2: in function 'f'
    s.lua:5: in function 'g'
    s.lua:7: in the main chunk
%status 1
$ printf 'x = 1\nerror("plain")\n' > s.lua; sonde s.lua
sonde: s.lua:2: plain
%status 1

%case an error in a coroutine has its place once
$ printf 'x = 1\ncoroutine.wrap(function()\n  error "inside"\nend)()\n' > s.lua; sonde s.lua
sonde: s.lua:3: inside
%status 1

%case a prompt on a pipe, by -i
$ printf '1 + 1\nfor i = 1, 1 do\nprint(i)\nend\n' | sonde -q -i | tr '> ' ']_'
sonde]_2
sonde]____..]____..]_1
sonde]_

%case no control codes in pipes
$ printf '1 + 1\nerror("x")\n' | TERM=xterm-256color sonde -i 2>&1 | tr -d '[:print:]\n' | wc -c
0
$ echo 'print(1) error("x")' | TERM=xterm sonde 2>&1 | tr -d '[:print:]\n' | wc -c
0

%case a reader that has had enough
$ sonde -e 'for i = 1, 1e6 do print(i) end' | head -n 1
1

%case threads are set before anything starts
$ sonde --threads 3 -e 'print(os.getenv "SONDE_THREADS")'
3

%case the rc file in batch mode
$ mkdir -p .config/sonde && echo 'from_rc = 5' > .config/sonde/init.lua; sonde -e 'print(from_rc)'
5
$ sonde --no-rc -e 'print(from_rc)'
nil
$ echo 'error("bad rc")' > .config/sonde/init.lua; sonde -e 'print(1)'
sonde: ...init.lua:1: bad rc
1

%case warn() as in lua
$ sonde -e 'warn("unseen") warn("@on") warn("se", "en") warn("@off") warn("unseen")'
warning: seen

%case signs that the locale can show
$ for l in C C.UTF-8 xx_YY.UTF-8 ''; do LC_ALL=$l sonde -e 'sequential { dense { 1, input_shape = { 1 } } }:summary() print(tensors { x = { 1, 2 } })' | tr -d '[:print:]\n' | wc -c | awk '{ print ($1 > 0) }'; done
0
1
1
1
