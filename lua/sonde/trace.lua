-- Recording Lua functions: called once with symbols, what they compute becomes a program of the core (src/nn/expr.h),
-- which runs and is differentiated there. The same symbols stand for outputs of layers in model{ ... }, where a
-- computation becomes a lambda layer.
local core = require "sonde.core"
local util = require "sonde.util"

local trace = {}
local fail = util.fail

local MOST_INPUTS = 8 -- SN_EXPR_MAXIN

-- A node: { op =, args = {...}, attributes = text } or a leaf: { leaf = number of the input, or a graph's symbol }.
local Node = { __name = "symbol" }
trace.Node = Node

function trace.is_node(v) return getmetatable(v) == Node end

-- What else counts as a symbol, and how it becomes a leaf; the graph says so.
local lifted = setmetatable({}, { __mode = "k" })
trace.symbol = function() return nil end
-- The graph's symbol of a node that a layer has read already, or nil.
trace.made = function() return nil end
function trace.is_symbol(v) return trace.symbol(v) ~= nil end

local function new_node(op, args, attributes) return setmetatable({ op = op, args = args, attributes = attributes }, Node) end

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

-- A symbol, a number or a small tensor as a node. What is a layer's input already is read from there, so that in a
-- chain of residual blocks each computes its own sum alone.
function trace.node(v, who)
  local symbol = getmetatable(v) == Node and trace.made(v)
  if getmetatable(v) == Node and not symbol then return v end
  if type(v) == "number" then return new_node("const", {}, number_text(v)) end
  symbol = symbol or trace.symbol(v)
  if symbol then
    lifted[symbol] = lifted[symbol] or setmetatable({ leaf = symbol }, Node)
    return lifted[symbol]
  end
  if core.type(v) == "tensor" then return tensor_node(v) end
  fail("%s: wants symbols, numbers and tensors, got %s", who, util.a(v))
end

function trace.op(name, args, attributes)
  local nodes = {}
  for i, v in ipairs(args) do nodes[i] = trace.node(v, name) end
  return new_node(name, nodes, attributes)
end

-- ---- operators ----

local function binary(name)
  return function(a, b)
    if rawequal(a, nil) or rawequal(b, nil) then fail("%s: one side is nil; is a name misspelt?", name) end
    return trace.op(name, { a, b })
  end
end

local function no_value(what)
  return function()
    fail("%s of a symbol has no value while a function is recorded, so `if` cannot ask for it; use where(gt(a, b), x, y), "
      .. "with lt le gt ge eq ne", what)
  end
end

-- Put into the metatables of nodes and of a graph's symbols alike.
trace.operators = {
  __add = binary "add", __sub = binary "sub", __mul = binary "mul", __div = binary "div", __pow = binary "pow",
  __unm = function(a) return trace.op("neg", { a }) end,
  __lt = no_value "a comparison", __le = no_value "a comparison", __eq = no_value "a comparison",
  __len = function() fail "a symbol has no length while a function is recorded" end,
}
for event, fn in pairs(trace.operators) do Node[event] = fn end

function Node.__tostring(n)
  return n.op and ("symbol: %s of %d"):format(n.op, #n.args) or "symbol"
end

-- x:sum(-1): the functions as methods; sonde.functional fills this.
trace.methods = {}
function trace.index(_, k)
  if trace.methods[k] then return trace.methods[k] end
  if k == "shape" or k == "dtype" then
    fail("a symbol has no %s while a function is recorded: the program serves every shape", k)
  end
  if type(k) == "number" then fail "a symbol has no elements while a function is recorded; use slice(x, axis, from, to)" end
  return nil
end
Node.__index = trace.index

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
-- What is computed twice is written once.
function trace.program(root, count)
  local leaves, order, lines, number, seen = {}, in_order(root), {}, {}, {}
  for _, n in ipairs(order) do
    if not count and math.type(n.leaf) == "integer" then
      fail "a function that is recorded cannot call layers; in model{ ... } they are called on input{ ... } and outputs"
    end
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
        lines[#lines + 1], seen[line] = line, at
        at = at + 1
      end
      number[n] = seen[line]
    end
  end
  if root.leaf then lines[1] = ("reshape %d dims"):format(number[root]) end
  return ("inputs %d%s%s"):format(inputs, #lines > 0 and "; " or "", table.concat(lines, "; ")), leaves
end

-- ---- recording ----

-- Calls fn with count symbols; gives what it computes from them as a node. what: "y and p".
function trace.record(who, fn, count, what)
  local args = {}
  for i = 1, count do args[i] = setmetatable({ leaf = i }, Node) end
  local result = util.call(who, fn, table.unpack(args))
  if type(result) == "number" then result = trace.node(result, who) end
  if getmetatable(result) ~= Node then
    fail("%s: its function gave %s; it must give what it computes from %s", who, util.a(result), what)
  end
  return result
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

-- A described object of that kind from a Lua function.
function trace.object(kind, fn, who)
  local count, what = table.unpack(arguments[kind])
  local root = trace.record(who, fn, count, what)
  local inner = count == 2 and mean_of(root)
  local program = trace.program(inner and new_node("mean", { inner }) or root, count)
  return require("sonde.objects").by_kind[kind].traced { program }
end

return trace
