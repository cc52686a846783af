-- Recording Lua functions: called once with symbols, what they compute becomes a program of the core (src/nn/expr.h),
-- which runs and is differentiated there. The same symbols stand for outputs of layers in model{ ... }, where a
-- computation becomes a lambda layer.
local core = require "sonde.core"
local util = require "sonde.util"

local trace = {}
local fail = util.fail

local MOST_INPUTS = 8 -- SN_EXPR_MAXIN

-- A symbol is a userdata: nothing that wants a list or a table can take it for one. What it stands for is its node, a
-- table: { op =, args = nodes, attributes = text } or { leaf = number of the input, or what the graph says of a layer's
-- output }. recording: the call of a function of the user's in which it was made, or trace.GRAPH.
local meta = core.meta.symbol

function trace.is_symbol(v) return core.type(v) == "symbol" end

-- What the symbol v stands for; symbol_of(node) is it again.
local node_of = core.state
local function symbol_of(node)
  node.symbol = node.symbol or core.symbol(node)
  return node.symbol
end
trace.symbol_of = symbol_of

-- What else counts as the output of a layer: an input{}. The graph says so: what it says of v, or nil.
trace.output = function() return nil end
-- The graph's output of a node that a layer has read already, or nil.
trace.made = function() return nil end
local lifted = setmetatable({}, { __mode = "k" }) -- output -> its leaf

-- ---- recordings ----

local MOST_NODES = 20000 -- what a function may compute while it is recorded, used or not

trace.GRAPH = {} -- what is computed from outputs of layers belongs to no call

local innermost -- recording; .outer is the one around it

-- The recording that goes on.
local function recording()
  while innermost and innermost.over do innermost = innermost.outer end
  return innermost
end

local function new_node(op, args, attributes, of)
  return { op = op, args = args, attributes = attributes, recording = of }
end

-- Comparisons that the result does not need were asked for by an if.
local function unused_comparison(rec, needed)
  for _, n in ipairs(rec.comparisons) do
    if not needed[n] then return n end
  end
end

local NO_IF = "Lua's if, while, and, or, not see no value in a symbol and take it for true; "
  .. "where(%s(a, b), x, y) chooses for each number"

local function count_node(rec)
  rec.count = rec.count + 1
  if rec.count <= MOST_NODES then return end
  local n = unused_comparison(rec, {})
  fail("the function computed %d times and has not ended%s", MOST_NODES, n and
    ("; is %s(...) at %s the condition of a loop? %s"):format(n.op, n.place, NO_IF:format(n.op)) or
    ", and a recorded function has up to 1000 operations; is there a loop without an end?")
end

-- The symbol's node, where it may be used: in the call that made it, or among outputs of layers.
local function usable(v, who)
  local n, now = node_of(v), recording()
  local of = n.recording
  if of == now or of == nil or of == trace.GRAPH and not now then return n end
  if of == trace.GRAPH then
    fail("%s: a function that is recorded cannot use what layers gave outside of it; call it on them", who)
  end
  if of.over then
    fail("%s: this symbol is from a recording that is over, that of %s; it stood for numbers only there. Keep numbers "
      .. "or tensors, and give a recorded function what it needs as arguments", who, of.who)
  end
  fail("%s: this symbol belongs to the recording of %s, and another function is recorded within it; give it to that "
    .. "function as an argument", who, of.who)
end

-- What a symbol is, also for messages, behind "a ".
function trace.text(v)
  local n = node_of(v)
  if n.layer then return ("symbol: output of %s, for model{ inputs = ..., outputs = ... }"):format(n.layer.type) end
  if n.recording and n.recording.over then return "symbol of a recording that is over, which has no numbers" end
  return "symbol of numbers that come later" .. (n.op and (": %s of %d"):format(n.op, #n.args) or "")
end

-- ---- nodes ----

local function number_text(v)
  if v ~= v then return "nan" end
  if v == math.huge or v == -math.huge then return v > 0 and "inf" or "-inf" end
  for digits = 15, 17 do
    local text = ("%%.%dg"):format(digits):format(v)
    if tonumber(text) == v then return text end
  end
end
trace.number_text = number_text

local function tensor_node(t)
  local values, shape = {}, t.shape
  local n = 1
  for _, d in ipairs(shape) do n = n * d end
  if n > 65536 then
    fail("a recorded function holds tensors of up to 65536 numbers, got %s; give it as an argument",
      util.shape_text(shape))
  end
  for i = 1, n do values[i] = number_text(core.tensor_at(t, i - 1)) end
  return new_node("tensor", {}, table.concat(shape, " ") .. " : " .. table.concat(values, " "))
end

-- The node of a symbol, a number or a small tensor. What is a layer's input already is read from there, so that in a
-- chain of residual blocks each computes its own sum alone.
function trace.node(v, who)
  if type(v) == "number" then return new_node("const", {}, number_text(v)) end
  local output = trace.output(v)
  local node = not output and trace.is_symbol(v) and usable(v, who)
  if node and not trace.made(node) then return node end
  output = output or node and trace.made(node)
  if output then
    if recording() then
      fail("%s: a function that is recorded cannot use what layers gave outside of it; call it on them", who)
    end
    lifted[output] = lifted[output] or { leaf = output, recording = trace.GRAPH }
    return lifted[output]
  end
  if core.type(v) == "tensor" then return tensor_node(v) end
  fail("%s: wants symbols, numbers and tensors, got %s", who, util.a(v))
end

-- The user's line, for a message later on. Of a function that ends in `return mean(...)` nothing is left by then: where
-- it begins.
local function place(rec)
  local level = 3
  while true do
    local at = debug.getinfo(level, "Slf")
    if not at or at.func == trace.record then
      at = debug.getinfo(rec.fn, "S")
      return ("%s:%d"):format(at.short_src, at.linedefined)
    end
    if at.what ~= "C" and not util.is_own(at) then return ("%s:%d"):format(at.short_src, at.currentline) end
    level = level + 1
  end
end

local function new_op(name, args, attributes)
  local nodes, of = {}, nil
  for i, v in ipairs(args) do
    nodes[i] = trace.node(v, name)
    of = of or nodes[i].recording
  end
  local now = recording()
  local n = new_node(name, nodes, attributes, of)
  if now and of == now then
    count_node(now)
    n.place = place(now)
  end
  return n
end

function trace.op(name, args, attributes) return symbol_of(new_op(name, args, attributes)) end

-- The same for a comparison that the user wrote: the result must depend on it.
function trace.comparison(name, args)
  local n = new_op(name, args)
  local now = recording()
  if now then
    n.place = n.place or place(now)
    table.insert(now.comparisons, n)
  end
  return symbol_of(n)
end

-- ---- operators ----

local function check_sides(name, a, b)
  if rawequal(a, nil) or rawequal(b, nil) then fail("%s: one side is nil; is a name misspelt?", name) end
end

local function binary(name)
  return function(a, b)
    check_sides(name, a, b)
    return trace.op(name, { a, b })
  end
end

local function no_value(what)
  return function(a, b)
    for _, v in ipairs { a, b } do -- of an input{} any described object has these
      if core.type(v) == "object" and not trace.output(v) then fail("%s is not there for %s", what, util.a(v)) end
    end
    fail("%s of a symbol has no value: it stands for numbers that come later, so `if` cannot ask for it; use "
      .. "where(gt(a, b), x, y), with lt le gt ge eq ne", what)
  end
end

-- Of symbols, and of tensors and inputs beside them.
trace.operators = {
  __add = binary "add", __sub = binary "sub", __mul = binary "mul", __div = binary "div", __pow = binary "pow",
  __unm = function(a) return trace.op("neg", { a }) end,
  __idiv = function(a, b)
    check_sides("//", a, b)
    return trace.op("floor", { trace.op("div", { a, b }) })
  end,
  __mod = binary "mod",
  __lt = no_value "a comparison", __le = no_value "a comparison",
}
for event, fn in pairs(trace.operators) do meta[event] = fn end
local compared = no_value "a comparison"
function meta.__eq(a, b)
  local outputs = trace.output(a) or trace.output(b) -- these may be told apart, as any values
  return not outputs and compared(a, b)
end
trace.equal = compared
function meta.__len() fail "a symbol has no length: it stands for numbers that come later, in any shape" end
function meta.__concat()
  fail "a symbol cannot be joined to a text: it stands for numbers that come later; tostring(x) names it"
end
function meta.__call() fail "a symbol is called like a function; is a * missing, or is a name used twice?" end
function meta.__pairs() fail "a symbol has no elements; use slice(x, axis, from, to), or sum(x, axis) over all" end
function meta.__newindex(_, k)
  fail("a symbol's %s cannot be set; compute another, as with where(c, a, b) or concat({ a, b }, axis)",
    type(k) == "number" and "elements" or util.quoted(k))
end
meta.__tostring = trace.text

-- x:sum(-1): the functions as methods; sonde.functional fills this.
trace.methods = {}
meta.methods = trace.methods
function meta.__index(_, k)
  if trace.methods[k] then return trace.methods[k] end
  if k == "shape" or k == "dtype" then
    fail("a symbol has no %s: what is recorded serves every shape", k)
  end
  if type(k) == "number" or type(k) == "table" then
    fail "a symbol has no elements: it stands for numbers that come later; use slice(x, axis, from, to)"
  end
  if core.meta.tensor.methods[k] then
    fail("%s needs numbers, and a symbol stands for numbers that come later; ?functions lists what can be recorded", k)
  end
  util.unknown("a symbol", k, trace.methods)
end

-- ---- programs ----

local function leaf_number(n, leaves)
  if math.type(n.leaf) == "integer" then return n.leaf end
  for i, v in ipairs(leaves) do
    if rawequal(v, n.leaf) then return i end
  end
  leaves[#leaves + 1] = n.leaf
  return #leaves
end

-- Nodes below root, each after what it needs; leaves apart. Deep programs must not use up the stack.
local function in_order(root)
  local order, state, todo = {}, {}, { root }
  while #todo > 0 do
    local n = todo[#todo]
    if state[n] then
      table.remove(todo)
      if state[n] ~= "done" then order[#order + 1], state[n] = n, "done" end
    else
      state[n] = "entered"
      for i = #(n.args or {}), 1, -1 do
        if not state[n.args[i]] then todo[#todo + 1] = n.args[i] end
      end
    end
  end
  return order
end

-- The program of a node, and the graph's symbols that are its inputs. count: how many inputs a recorded function has.
-- What is computed twice is written once. Third comes where each operation was written, a line each.
function trace.program(root, count)
  local leaves, order, lines, places, number, seen = {}, in_order(root), {}, {}, {}, {}
  for _, n in ipairs(order) do
    if n.leaf then number[n] = leaf_number(n, leaves) - 1 end
  end
  local inputs = count or #leaves
  if inputs > MOST_INPUTS then
    fail("what is computed here reads %d outputs of layers, and a recorded function up to %d; add{ a, b, ... } and "
      .. "concat{ a, b, ... } take any number", inputs, MOST_INPUTS)
  end
  if #order > 1000 then fail("a recorded function has %d operations, more than 1000", #order) end
  local at = inputs
  for _, n in ipairs(order) do
    if not n.leaf then
      local words = { n.op }
      for _, a in ipairs(n.args) do words[#words + 1] = tostring(number[a]) end
      words[#words + 1] = n.attributes
      local line = table.concat(words, " ")
      if not seen[line] or rawequal(n, root) then
        lines[#lines + 1], places[#places + 1], seen[line] = line, n.place or "", at
        at = at + 1
      end
      number[n] = seen[line]
    end
  end
  if root.leaf then lines = { "const 1", ("mul %d %d"):format(number[root], inputs) } end -- itself
  return ("inputs %d%s%s"):format(inputs, #lines > 0 and "; " or "", table.concat(lines, "; ")), leaves,
    table.concat(places, "\n")
end

-- ---- recording ----

-- Is v a symbol of the call of a function that is recorded? Layers cannot take it.
function trace.check_output(v, who)
  if node_of(v).recording == trace.GRAPH then return end
  usable(v, who)
  fail "a function that is recorded cannot call layers; in model{ ... } they are called on input{ ... } and outputs"
end

local function check_used(rec, root)
  if #rec.comparisons == 0 then return end
  local needed = {}
  for _, n in ipairs(in_order(root)) do needed[n] = true end
  local n = unused_comparison(rec, needed)
  if n then
    fail("%s: its function asks %s(...) at %s, and what it gives does not depend on the answer: %s", rec.who, n.op,
      n.place, NO_IF:format(n.op))
  end
end

-- Functions of ours that take options behind their operands -> how many operands.
trace.operands = setmetatable({}, { __mode = "k" })

-- The node that fn computes from the recording's symbols. what: "y and p".
local function result_of(rec, fn, args, what)
  local results = table.pack(util.call(rec.who, fn, table.unpack(args)))
  local result = results[1]
  if results.n > 1 then
    fail("%s: the %s gave %d values; it must give one, what it computes from %s", rec.who, util.function_at(fn),
      results.n, what)
  end
  if type(result) ~= "number" and not trace.is_symbol(result) then
    fail("%s: the %s gave %s; it must give what it computes from %s", rec.who, util.function_at(fn), util.a(result),
      what)
  end
  local root = trace.node(result, rec.who)
  check_used(rec, root)
  local asked, at = require("sonde.compared").with_number(fn, #args)
  if asked then
    local a, op, b = asked:match "^(%S+) (%S+) (%S+)$"
    fail("%s: its function asks %s at %s, which is %s of a symbol whatever it stands for; where(%s(%s, %s), x, y) "
      .. "chooses for each number", rec.who, asked, at, op == "==" and "false" or "true", op == "==" and "eq" or "ne",
      a, b)
  end
  return root
end

-- Calls fn with count symbols; gives what it computes from them as a node.
function trace.record(who, fn, count, what)
  local args = {}
  local rec = { who = who, fn = fn, outer = recording(), thread = coroutine.running(), comparisons = {}, count = 0 }
  for i = 1, count do args[i] = symbol_of { leaf = i, recording = rec } end
  innermost = rec
  -- A coroutine that waited in there, or died, would leave the recording open.
  local ok, root = pcall(core.call, result_of, rec, fn, args, what)
  rec.over = true
  if not ok then error(root, 0) end
  return root
end

-- What a function of that kind is given.
local arguments = {
  loss = { 2, "y and p, the targets and the predictions" }, metric = { 2, "y and p, the targets and the predictions" },
  regularizer = { 1, "w, the weights" }, activation = { 1, "x" },
}
function trace.takes(kind) return arguments[kind] ~= nil end

-- A mean over everything, negated or scaled, is the mean of what is negated or scaled: so that a loss has a value for
-- each sample. The node whose mean it is, or nil.
local function mean_of(n)
  if n.op == "mean" and not n.attributes then return n.args[1] end
  if n.op == "neg" then
    local inner = mean_of(n.args[1])
    return inner and new_node("neg", { inner })
  end
  if n.op == "mul" or n.op == "div" then
    for i = 1, n.op == "mul" and 2 or 1 do
      local inner = n.args[3 - i].op == "const" and mean_of(n.args[i])
      if inner then return new_node(n.op, i == 1 and { inner, n.args[2] } or { n.args[1], inner }) end
    end
  end
end

-- What holds a recording is called traced; a user writes the function instead, so that lists leave the name out.
function trace.is_written(name) return name ~= "traced" end

-- A loss that counts what is right has the slope 0 everywhere: mean(ne(round(p), y)). Of gather's places and of where's
-- condition there is none either.
local function check_slope(order, last, fn, who)
  local slopes, flat = {}, nil -- nodes that the last argument reaches with a slope; the last one that has lost it
  for _, n in ipairs(order) do
    slopes[n] = n.leaf == last
    for i, a in ipairs(n.args or {}) do
      local lost = core.flat_ops[n.op] or n.op == "gather" and i == 2 or n.op == "where" and i == 1
      slopes[n] = slopes[n] or slopes[a] and not lost
      if slopes[a] and lost then flat = n end
    end
  end
  if slopes[order[#order]] or not flat then return end
  fail("%s: the %s uses p, the predictions, only through %s, whose gradient is 0 everywhere, and nothing would be "
    .. "learned; as a metric it can be had: metrics = { ... }", who, util.function_at(fn), flat.op)
end

-- What is trained by it must depend on its last argument, or nothing would be learned, without a word.
local function check_learns(kind, root, last, fn, who)
  if kind == "metric" then return end
  local order = in_order(root)
  for _, n in ipairs(order) do
    if n.leaf == last then return kind == "loss" and check_slope(order, last, fn, who) end
  end
  fail("%s: what the %s gives does not depend on %s: its gradient would be 0 everywhere", who, util.function_at(fn),
    kind == "loss" and "p, the predictions (its second argument)" or arguments[kind][2])
end

-- What a recording is shown as: the function that it was made of, for as long as that is known.
local origins = {} -- program -> "focal (loss.lua:12)"

function trace.remember(program, fn)
  local info, name = debug.getinfo(fn, "S"), nil
  for k, v in next, _G do
    if v == fn and type(k) == "string" and not (name and name < k) then name = k end
  end
  origins[program] = ("%s(%s:%d)"):format(name and name .. " " or "", info.short_src, info.linedefined)
  return program
end

local function function_text(program)
  return "traced function" .. (origins[program] and " " .. origins[program] or "")
end

-- An object's text, in which recordings are named and not written out; core.object_text has them in full.
function core.meta.object.__tostring(o)
  local text = core.object_text(o)
  if not text:find 'program="inputs ' then return text end
  return (text:gsub('%f[%w_]traced{program="(inputs [^"]*)"}', function_text)
    :gsub('%f[%w_]lambda{program="(inputs [^"]*)"', function(program) return "lambda{" .. function_text(program) end))
end

-- A described object of that kind from a Lua function.
function trace.object(kind, fn, who)
  local count, what = table.unpack(arguments[kind])
  local root = trace.record(who, fn, count, what)
  check_learns(kind, root, count, fn, who)
  local inner = count == 2 and mean_of(root)
  local whole = inner and new_node("mean", { inner }) or root
  whole.place = root.place
  local program, _, places = trace.program(whole, count)
  local object = require("sonde.objects").by_kind[kind].traced { trace.remember(program, fn) }
  core.set_places(object, places)
  return object
end

return trace
