# Plots at the prompt, with programs called gnuplot that are not.
%case it is interrupted, and its process ends
$ mkdir bin; printf '#!/bin/sh\necho $$ >%s/pid; exec sleep 1000\n' "$PWD" >bin/gnuplot; chmod +x bin/gnuplot
%env PATH=$HOME/bin:/usr/bin:/bin
sonde> p = plot { 1, 2 }
sonde> p
%pause 0.5
%key C-c
...
interrupted
sonde> 1
1
sonde>
$ kill -0 $(cat pid) 2>/dev/null || echo gone
gone

%case what it says of an error
$ mkdir bin; printf '#!/bin/sh\ncat >/dev/null; echo "line 3: bad" >&2; exit 1\n' >bin/gnuplot; chmod +x bin/gnuplot
%env PATH=$HOME/bin:/usr/bin:/bin
sonde> plot { 1, 2 }
error: plot: gnuplot: line 3: bad
sonde> _err
plot: gnuplot: line 3: bad
sonde>

%case it is not there
%env PATH=$HOME/bin
sonde> plot { 1, 2 }
error: plot: wants the program gnuplot, which is not there; apt-get install gnuplot-nox
sonde>

%case a live plot stays below the lines of the epochs
$ mkdir bin; printf '#!/bin/sh\ncat >/dev/null; printf "\\\\fTHE\\nPLOT\\n"\n' >bin/gnuplot; chmod +x bin/gnuplot
%env TERM=xterm
%env PATH=$HOME/bin:/usr/bin:/bin
sonde> m = sequential { dense { 1, input_shape = { 1 } } }
sonde> m:compile { loss = "mse", optimizer = "sgd" }
sonde> r = m:run({ tensor { { 1 } }, tensor { { 1 } } }, { epochs = 2, verbose = 2 });
sonde> r:finish { live = "loss" };
Epoch 1/2
1/1 - ...
THE
PLOT
Epoch 2/2
THE
PLOT
1/1 - ...
THE
PLOT
THE
PLOT
sonde>
