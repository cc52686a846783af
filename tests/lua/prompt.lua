-- who(), time(), sources, suggestions for names, and that pagers and colors stay out of pipes.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

-- who: only what the person made
local function row(name)
  for _, v in ipairs(who()) do
    if v.name == name then return v end
  end
end
check.equal(row "print", nil)
check.equal(row "conv2d", nil)
check.equal(row "sonde", nil)
a_tensor, a_number, a_text = tensor.zeros({ 3, 4 }, "float64"), 5, "five\nlines"
a_model = sequential { dense { 4, input_shape = { 2 } } }
a_list = { tensor.zeros { 10 }, a_tensor, a_tensor }
a_loss = huber {}
function a_function() end
check.equal(row("a_tensor").text, "(3, 4) float64")
check.equal(row("a_tensor").bytes, 96)
check.equal(row("a_model").text, "(None, 2) -> (None, 4)")
check.equal(row("a_model").bytes, 48)
check.equal(row("a_list").text, "3 entries")
check.equal(row("a_list").bytes, 136) -- the same tensor counts once
check.equal(row("a_number").text, "5")
check.equal(row("a_text").text, '"five lines"')
check.equal(row("a_loss").type, "loss")
check.has(row("a_function").text, "prompt.lua:")
dense_before = dense
dense = nil
dense = 3
check.equal(row("dense").type, "number") -- what was ours is the user's, once it is another
dense = dense_before
check.equal(row "dense", nil)
a_tensor, a_number, a_text, a_model, a_list, a_loss, a_function, dense_before = nil
check.equal(row "a_tensor", nil)
local hit = 0
trap = setmetatable({}, { __index = function() hit = hit + 1 end, __len = function() hit = hit + 1 end })
check.has(tostring(who()), "trap")
check.equal(hit, 0)
trap = nil

-- time: often where it is short, once where it is long or that is asked for
local calls = 0
local t = time(function()
  calls = calls + 1
  return "value"
end)
check.equal(calls, t.calls + 1) -- the first call says how long it takes
check.ok(t.runs == 5 and t.calls >= 5 and t.seconds <= t.mean and t.seconds > 0)
check.equal(t.value, "value")
check.has(tostring(t), "best of 5 runs of")
calls = 0
t = time(function() calls = calls + 1 end, { calls = 1 })
check.equal(calls, 1)
check.equal(t.calls, 1)
check.has(tostring(t), "(one call)")
t = time(function() calls = calls + 1 end, { calls = 7 })
check.equal(calls, 8)
check.equal(t.calls, 7)
local slow = 0
t = time(function()
  slow = slow + 1
  local stop = sonde.clock() + 0.51
  repeat until sonde.clock() > stop
end)
check.equal(slow, 1)
check.ok(t.seconds >= 0.51)
check.equal(time("6 * 7", { calls = 1 }).value, 42)
check.fails(function() time "6 *" end, "prompt.lua:", "time: ")
check.fails(function() time(5) end, "wants a function or an expression in quotes, got a number")
check.fails(function() time(print, { call = 1 }) end, 'did you mean "calls"?')
check.fails(function() time(function() error "inside" end) end, "inside")

-- sources
local source = require "sonde.source"
local path = check.folder() .. "/own.lua"
local file = io.open(path, "w")
file:write "-- first\nfunction from_file(x)\n  return x + 1\nend\n"
file:close()
dofile(path)
check.equal(source.text "from_file", ("-- %s:2\nfunction from_file(x)\n  return x + 1\nend"):format(path))
check.has(source.text "time", "lua/sonde/")
a_model = sequential { dense { 4, input_shape = { 2 } } }
check.has(source.text "a_model:compile", "-- lua/sonde/model.lua:")
check.has(source.text "a_model:compile", "function methods.compile(m, opts)")
check.has(source.text "a_model:confusion", "-- lua/sonde/judge.lua:")
check.has(source.text "print", "is written in C")
check.has(source.text "conv2d", "src/nn/layers/conv2d.c")
check.has(source.text "mse", "src/nn/metrics/mse.c")
check.fails(function() source.text "no_such_name" end, "there is no no_such_name")
a_number = 5
check.equal(source.text "a_number", "a_number is a number: 5")
os.remove(path)
check.has(source.text "from_file", "whose text is not there any more")
for _, kind in ipairs(require "sonde.core".kinds) do
  for _, d in ipairs(kind) do
    local c = io.open(source.file(kind.kind, d.name))
    check.ok(c, "%s", source.file(kind.kind, d.name))
    if c then c:close() end
  end
end

-- names that are nil
local hint = require "sonde.names".hint
check.equal(hint("attempt to call a nil value (global 'con2d')", "con2d{}"), "; did you mean conv2d?")
check.equal(hint("attempt to index a nil value (global 'nothing')", "nothing.x"), nil)
check.equal(hint("attempt to index a nil value (global 'x')", "x.y"), nil)
check.equal(hint("input:2: attempt to call a nil value (field 'fromat')", "a = 1\nstring.fromat()"),
  "; did you mean string.format?")
check.equal(hint("attempt to call a nil value (field 'zeros_')", "a = tensor.zeros_{ 2 }"),
  "; did you mean tensor.zeros?")
check.equal(hint("attempt to call a nil value (field 'q')", "own.q()"), nil)
check.equal(hint("attempt to call a nil value (field '?')", "own[1]()"), nil)

-- in a pipe help is plain text
check.ok(not check.output(function() help "conv2d" end):find "\27")
check.fails(function() edit() end, "works at the prompt only")
check.done()
