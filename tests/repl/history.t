# The history file: one entry a chunk, written at once, without duplicates.
%case entries are written as they are typed
%env SONDE_HISTORY=$HOME/h
%run -q
sonde> a = 1
sonde> for i = 1, 2 do
   ..>   a = a + i
   ..> end
sonde> a = 1
sonde> a = 1
sonde> error("x")
error: x
sonde>
%signal 9
%exit 137
$ grep -v '^#' h
a = 1
for i = 1, 2 do
  a = a + i
end
a = 1
error("x")
$ grep -c '^#' h
4
$ ls -l h | cut -c1-10
-rw-------

%case duplicates go when the next session begins, and a chunk comes back whole
%env SONDE_HISTORY=$HOME/h
$ printf '#1\nx = 1\n#2\nfor i = 1, 2 do\nprint(i)\nend\n#3\nx = 1\n' > h
%run -q
%until sonde>
%key UP
%key UP
%pause 0.2
%key ENTER
...
1
2
sonde>
%key C-d
%exit 0
$ grep -v '^#' h
for i = 1, 2 do
print(i)
end
x = 1
for i = 1, 2 do
print(i)
end

%case prefix search on the arrows
%env SONDE_HISTORY=$HOME/h
$ printf '#1\nalpha = "found"\n#2\nbeta = 2\n' > h
%run -q
%until sonde>
%type alp
%key UP
%pause 0.2
%key ENTER
...
sonde> alpha
found
sonde>

%case Ctrl-R
%env SONDE_HISTORY=$HOME/h
%env TERM=xterm
$ printf '#1\ngamma = "searched"\n#2\nbeta = 2\n' > h
%run -q
%until sonde>
%key C-r
%type amm
%pause 0.2
%key ENTER
...
sonde> gamma
searched
sonde>

%case the default place
sonde> 5
5
sonde>
%key C-d
%exit 0
$ grep -v '^#' .local/state/sonde/history
5

%case a history that cannot be kept is said once
%env SONDE_HISTORY=/dev/null/x
%run -q
sonde> 1
sonde: the history is not kept: ...
1
sonde> 2
2
sonde>

%case an empty SONDE_HISTORY keeps none
%env SONDE_HISTORY=
%run -q
sonde> 1
1
sonde>
%key C-d
%exit 0
$ find . -type f | wc -l
0
