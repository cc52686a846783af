-- m.layers.dense.kernel[1] = 0 sets an element of a copy that nobody holds. That is seen in the text alone: the same
-- assignment to a variable is how weights are changed.
local complete = require "sonde.complete"
local core = require "sonde.core"
local layers = require "sonde.layers"
local scan = require "sonde.scan"

local copies = {}

local OPEN = { ["]"] = "[", [")"] = "(", ["}"] = "{" }

-- The token of the bracket that the one at i closes.
local function opening(tokens, i)
  local depth = 0
  for k = i, 1, -1 do
    local t = tokens[k]
    if t.type == "op" then
      if OPEN[t.text] then depth = depth + 1 end
      if t.text == "(" or t.text == "[" or t.text == "{" then depth = depth - 1 end
      if depth == 0 then return k end
    end
  end
end

local function is_op(t, text) return t and t.type == "op" and t.text == text end

-- The links of the chain that ends at token i, the last one first: { kind = "name" | "index" | "call", text = the name
-- or the key that is a text, from, to = its tokens }; the last of the list is what the chain begins with.
local function links(tokens, i)
  local list = {}
  while i and i >= 1 do
    local t, from, link = tokens[i], i, nil
    if t.type == "name" then
      link = { kind = "name", text = t.text }
    elseif t.type == "string" then
      link = { kind = "call" }
    elseif t.type == "op" and OPEN[t.text] then
      from = opening(tokens, i)
      local key = from and tokens[from + 1]
      local string = key and i == from + 2 and key.type == "string"
      link = { kind = t.text == "]" and "index" or "call", text = string and t.text == "]" and key.text or nil }
    end
    if not link or not from then return nil end
    link.from, link.to = from, i
    list[#list + 1] = link
    local before = tokens[from - 1]
    if link.kind == "name" and (is_op(before, ".") or is_op(before, ":")) then
      i = from - 2
    elseif link.kind ~= "name" and before and (before.type == "name" or before.type == "string"
      or before.type == "op" and OPEN[before.text]) then
      i = from - 1
    else
      return list
    end
  end
end

-- The chain's text up to its link number `last`.
local function text_of(text, tokens, list, last)
  local behind = tokens[list[last].to + 1]
  return (text:sub(tokens[list[#list].from].at, behind.at - 1):gsub("%s+$", ""))
end

-- What the chain up to link number `last` holds is a model or a run; no function is run to learn it.
local function is_ours(tokens, list, last)
  if not list[last] then return false end
  local at = complete.resolve(scan.chain(tokens, list[last].to))
  local kind = at and core.type(at.value)
  return kind == "model" or kind == "run"
end

-- What the layer that the chain holds up to link number `last` has under that name: "weights", "tensor" (of a step) or
-- nil.
local function member(tokens, list, last, name)
  local at = complete.resolve(scan.chain(tokens, list[last].to))
  local v = at and at.value
  if not layers.about(v) then return nil end
  for _, param in ipairs(v.params) do
    if param == name then return "weights" end
  end
  return (name == "output" or name == "input") and "tensor" or nil
end

-- m.layers.dense.kernel[1]: `elements` links are indices of elements, before them stands the tensor.
local function of_parameter(text, tokens, list, elements)
  for p = elements + 3, #list - 1 do
    if list[p].text == "layers" and is_ours(tokens, list, p + 1) then
      local what = member(tokens, list, p - 1, list[p - 2].text)
      if not what then return nil end
      local path = text_of(text, tokens, list, elements + 1)
      local remark = ("%s is a copy, and only that was changed"):format(path)
      if what == "tensor" or p > elements + 3 then return remark end -- or a gradient
      return ("%s; k = %s; k[1] = 0; %s = k changes the weights"):format(remark, path, path)
    end
  end
end

-- m:get_weights()[1][2]
local function of_list(text, tokens, list, elements)
  local call, name = list[elements + 1], list[elements + 2]
  if not call or call.kind ~= "call" or not name or name.text ~= "get_weights" then return nil end
  if not is_ours(tokens, list, elements + 3) then return nil end
  local owner = text_of(text, tokens, list, elements + 3)
  return ("%s:get_weights() gives copies, and only those were changed; w = %s:get_weights(); w[1][1] = 0; "
    .. "%s:set_weights(w) changes the weights"):format(owner, owner, owner)
end

-- A list of places, tokens from .. to being { ... } or one name: does t[...] give a copy, as ?slices says? Whole numbers,
-- and behind them at most one range of step 1, share the numbers; what a tensor selects is a copy.
local function selects_copy(tokens, from, to)
  if from == to then
    local at = tokens[from].type == "name" and complete.resolve(scan.chain(tokens, from))
    return at and core.type(at.value) == "tensor"
  end
  if not is_op(tokens[from], "{") or opening(tokens, to) ~= from then return false end
  local depth, ranges, entry, items = 0, 0, "number", 1
  local function close_entry()
    if entry == "range" then ranges = ranges + 1 elseif ranges > 0 then ranges = ranges + 1 end
  end
  for i = from + 1, to - 1 do
    local t = tokens[i]
    if is_op(t, "{") then
      depth, entry, items = depth + 1, "range", 1
    elseif is_op(t, "}") then
      depth = depth - 1
      if items > 2 then return true end -- a step
    elseif is_op(t, ",") and depth == 0 then
      close_entry()
      entry = "number"
    elseif is_op(t, ",") then
      items = items + 1
    end
  end
  close_entry()
  return ranges > 1
end

-- x[{ {}, 2 }][1], x:t()[1] of a tensor x
local SHUFFLING = { t = true, transpose = true, copy = true }
local function of_selection(text, tokens, list, elements)
  local at = complete.resolve(scan.chain(tokens, list[elements + 1].to))
  if at and core.type(at.value) == "tensor" then
    for k = elements, 2, -1 do
      if selects_copy(tokens, list[k].from + 1, list[k].to - 1) then
        return ("%s is a copy, and only that was changed; all places in one pair of brackets set there: t[{ i, j }] = v")
          :format(text_of(text, tokens, list, k))
      end
    end
    return nil
  end
  local call, name, owner = list[elements + 1], list[elements + 2], list[elements + 3]
  if call.kind ~= "call" or not name or not SHUFFLING[name.text] or not owner then return nil end
  at = complete.resolve(scan.chain(tokens, owner.to))
  if not at or core.type(at.value) ~= "tensor" then return nil end
  return ("%s is a copy, and only that was changed"):format(text_of(text, tokens, list, elements + 1))
end

-- What is said of an assignment whose target is that chain.
local function remark(text, tokens, list)
  local elements = 0
  while list[elements + 1] and list[elements + 1].kind == "index" and not list[elements + 1].text do
    elements = elements + 1
  end
  if elements == 0 then return nil end
  if not list[elements + 1] then return nil end
  return of_parameter(text, tokens, list, elements) or of_list(text, tokens, list, elements)
    or of_selection(text, tokens, list, elements)
end

-- A line about the first such assignment in a chunk, or nil. One in a function has not happened yet.
function copies.note(text)
  local tokens, depth, outermost = scan.tokens(text) or {}, 0, nil
  for i, t in ipairs(tokens) do
    local word = t.type == "keyword" and t.text
    depth = depth + (scan.opens[word] and 1 or scan.closes[word] and -1 or 0)
    if word == "function" then outermost = outermost or depth end
    if outermost and depth < outermost then outermost = nil end
    if not outermost and is_op(t, "=") and is_op(tokens[i - 1], "]") then
      local list = links(tokens, i - 1)
      local note = list and remark(text, tokens, list)
      if note then return note end
    end
  end
end

return copies
