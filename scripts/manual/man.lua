-- The man page sonde(1). Its options are those that sonde --help prints.
local blocks, program = ...
local core = require "sonde.core"

local man = {}

-- Text as troff reads it: no request at a line's begin, and signs that people copy stay what they are.
local function text(s)
  s = s:gsub("\\", "\\(rs"):gsub("%-", "\\-"):gsub("'", "\\(aq"):gsub("%^", "\\(ha"):gsub("~", "\\(ti")
  s = s:gsub("`", "\\(ga"):gsub('"', "\\(dq")
  return (("\n" .. s):gsub("\n([.'])", "\n\\&%1"):sub(2))
end

local function rows(list)
  local out = {}
  for _, row in ipairs(list) do out[#out + 1] = (".TP\n.B %s\n%s"):format(text(row[1]), text(row[2])) end
  return table.concat(out, "\n")
end

local function code(s) return (".PP\n.RS 4\n.nf\n%s\n.fi\n.RE"):format(text(s)) end

-- What --help says: rows of options, and the sentence on the exit status.
local function usage()
  local pipe = assert(io.popen(("'%s' --help"):format(program:gsub("'", "'\\''"))))
  local options, status = {}, nil
  for line in pipe:lines() do
    local left, right = line:match "^  (%-.-)%s%s+(.*)$"
    if left then options[#options + 1] = { left, (right:gsub("^%l", string.upper)) .. "." } end
    status = line:match "^Exit status: (.*)$" or status
  end
  assert(pipe:close() and #options > 0 and status, "sonde --help prints no options")
  return options, status
end

local function prompt()
  local list, out = {}, {}
  blocks.page_body(list, "prompt")
  for _, b in ipairs(list) do
    if b.kind == "label" then out[#out + 1] = ".SS " .. text(b.text:gsub("^%l", string.upper))
    elseif b.kind == "text" then out[#out + 1] = (#out > 0 and ".PP\n" or "") .. text(b.text)
    elseif b.kind == "code" then out[#out + 1] = code(b.text)
    else out[#out + 1] = rows(b) end
  end
  return table.concat(out, "\n")
end

local function chapters()
  local out = {}
  for _, group in ipairs(blocks.groups) do
    local list = {}
    for i, section in ipairs(blocks.names(group)) do
      local names = {}
      for k, name in ipairs(section) do names[k] = name.text end
      list[i] = { section.label, table.concat(names, ", ") }
    end
    out[#out + 1] = (".SS %s: %s\n%s"):format(text(group.name), text(group.brief), rows(list))
  end
  return table.concat(out, "\n")
end

local PAGE = [==[
.\" Made by scripts/manual; not to be edited.
.TH SONDE 1 "" "sonde VERSION" "User Commands"
.nh
.ad l
.SH NAME
sonde \- build neural networks and look inside them while they train
.SH SYNOPSIS
.B sonde
.RI [ options ]
.RI [ script
.RI [ args ]]
.SH DESCRIPTION
An interactive shell: Lua 5.4 is the language, layers, optimizers and data are a core in C.
Without a script there is a prompt when standard input is a terminal; else standard input is the script.
.SH OPTIONS
OPTIONS
.SH AT THE PROMPT
PROMPT
.SH WHAT THERE IS
Each name has a page at the prompt:
.B ?conv2d
or
.BR "help \(dqconv2d\(dq" ;
.B help \(dqlayers\(dq
lists a chapter.
The same pages as HTML and Markdown are installed in
.IR share/doc/sonde .
CHAPTERS
.SH ENVIRONMENT
.TP
.B SONDE_THREADS
Threads to compute with; the results do not depend on it.
.TP
.B SONDE_ISA
Instruction sets of the kernels: base, v3 or v4.
.TP
.B SONDE_HISTORY
The file of the history; empty: none is kept.
.TP
.B SONDE_GRAPHICS
How pictures are drawn in the terminal; ?picture lists the values.
.TP
.B NO_COLOR
If not empty, nothing is colored.
.TP
.B PAGER, VISUAL, EDITOR
What shows long texts; what edit() opens.
.SH FILES
.TP
.I ~/.config/sonde/init.lua
Runs first (under $XDG_CONFIG_HOME).
.TP
.I ~/.local/state/sonde/history
The history (under $XDG_STATE_HOME).
.TP
.I ~/.inputrc
Keys; lines between $if sonde and $endif are for sonde alone.
.SH EXIT STATUS
STATUS
.SH EXAMPLES
A network that learns to add, at the prompt:
EXAMPLE
.PP
In a pipe:
PIPE
.SH SEE ALSO
.BR lua (1),
.BR readline (3),
.BR gnuplot (1)
]==]

man.example = [[
x = tensor.rand{ 200, 2 }
y = x:sum{ 2, keepdims = true }
m = sequential{ dense{ 1, input_shape = { 2 } } }
m:compile{ loss = "mse", optimizer = adam{ 0.05 } }
r = m:run(x, y, { epochs = 20 })
r:step(10)
r:gradients()
r:finish()]]

function man.page()
  local options, status = usage()
  local parts = { VERSION = text(core.version), OPTIONS = rows(options), PROMPT = prompt(), CHAPTERS = chapters(),
    STATUS = text(status), EXAMPLE = code(man.example), PIPE = code "printf 'print(1 + 1)\\n' | sonde" }
  return (PAGE:gsub("%f[%w_]%u+%f[^%w_]", function(word) -- alone on its line, or the version in its quotes
    return word == "VERSION" and parts[word] or nil
  end):gsub("\n(%u+)%f[\n]", function(word) return parts[word] and "\n" .. parts[word] end))
end

return man
