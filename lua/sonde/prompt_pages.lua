-- Help on what is typed at the prompt beside Lua.
return {
  pages = {
    prompt = [[
sonde> 
  An expression shows its value, also as the last thing of a line (x = 5; x); a ; behind it keeps quiet. A chunk goes on
  over several lines until it is whole, and is one entry of the history. Pasted sessions lose their prompts, those of
  Python and IPython too.
lines that are no Lua
  ?NAME, NAME?  help; ?r:step is about a method
  ??NAME  the source: of a function its text, of a layer, loss, ... the file it is in
  !COMMAND  runs it in the shell, with the terminal; {name} in it stands for the value of a Lua expression that is a
    text or a number
  !cd FOLDER  goes there: files are read and written in it from then on
  x = !COMMAND  what it writes, as a list of lines; also x.status, x:text()
names
  _, _1, _2, _3  the last value; the same, the one before, and the one before that
  _err  the last error
functions
  who()  the names that you have made; ?who
  time(f), time "expression"  how long it takes; ?time
  edit(), edit "file.lua"  in your editor, then runs it; ?edit
  exit, exit(), quit, quit()  leaves, as Ctrl-D does; exit(3) with that status, in a script too
  require "sonde.guide" { name = "tour", { text, code }, ... }  a tour of your own, as in scripts/tour.lua: a step shows
    its text and runs its code as if it had been typed, Enter on an empty line goes on; gives tour(n), which goes to a
    step
keys
  TAB  completes names, fields, methods, options, values of options and names of layers in quotes, names of files; a
    second TAB lists them
  Ctrl-R, up, down  search the history; the arrows for what begins like the line
  Ctrl-C  clears the line; interrupts what runs
  Ctrl-D  leaves; drops an unfinished chunk first
settings
  sonde.pager  what shows help and values that are longer than the screen: a command, or false for nothing; absent:
    $PAGER, else less
  $XDG_CONFIG_HOME/sonde/init.lua  runs first, by default ~/.config/sonde/init.lua
  ~/.inputrc  keys of the line editor; lines between `$if sonde` and `$endif` are sonde's alone
  $SONDE_HISTORY  the file of the history, by default ~/.local/state/sonde/history; empty: none is kept
  $NO_COLOR  if not empty, nothing is colored
for example
  files = !ls *.png
  path = "pets/train"
  !ls {path} | head]],

    who = [[
who()
  The names that you have made: type, shape or value, and the memory of their tensors, weights and texts. A list, too.
fields
  [i].name, [i].type, [i].text, [i].bytes  of the i-th, in the order of their names]],

    time = [[
time(f), time "expression", time(f, { calls = 10 })
  How long a call takes: the best of several runs; what takes long is called just once. It is called many times
  otherwise, so calls = 1 is for what changes something.
options
  calls  so many, each timed
fields
  seconds, mean  the best, the mean
  runs, calls  how often
  value  what the first call gave
for example
  t = tensor.random{ 200, 200 }
  time(function() return t:matmul(t) end)
  time "t:sum()"]],

    edit = [[
edit(), edit "file.lua", edit(f)
  Opens the last chunk, a file, or the file of a function in $VISUAL, $EDITOR or vi, and runs what was saved; nothing
  where nothing was changed or the editor ended with an error.]],
  },
}
