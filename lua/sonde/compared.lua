-- Comparisons of a recorded function's arguments with numbers: p == 0. Lua answers these without asking the symbol, so
-- that only the function's text shows them; where that is not there, or leaves a doubt, nothing is found.
local scan = require "sonde.scan"
local util = require "sonde.util"

local compared = {}

-- The names of fn's arguments, and of the first `count`, which are symbols: the others are nil when it is recorded.
local function arguments(fn, count)
  local list, symbols = {}, {}
  for i = 1, debug.getinfo(fn, "u").nparams do
    list[i] = debug.getlocal(fn, i)
    symbols[i] = i <= count and list[i] or nil
  end
  return list, symbols
end

-- Do the names stand in brackets behind the token `function` at i, maybe with its own name between? The place behind.
local function behind_arguments(tokens, i, names)
  while tokens[i] and tokens[i].text ~= "(" do i = i + 1 end
  for k, name in ipairs(names) do
    local t, comma = tokens[i + 2 * k - 1], tokens[i + 2 * k]
    if not t or t.type ~= "name" or t.text ~= name or not comma or comma.text ~= (k == #names and ")" or ",") then
      return nil
    end
  end
  return i + 2 * #names + 1
end

-- The tokens of the body of the one function in the text that has these arguments; nil where there is none or another.
local function body_of(tokens, names)
  local body
  for i, t in ipairs(tokens) do
    local from = t.type == "keyword" and t.text == "function" and behind_arguments(tokens, i, names)
    if from and body then return nil end
    if from then
      local depth
      body, depth = {}, 1
      for k = from, #tokens do
        local word = tokens[k].type == "keyword" and tokens[k].text
        depth = depth + (scan.opens[word] and 1 or scan.closes[word] and -1 or 0)
        if depth == 0 then break end
        body[#body + 1] = tokens[k]
      end
    end
  end
  return body
end

-- Is the name at i all of that side of the comparison at k: no field, nothing that it is computed with or asked for?
local function alone(body, i, k)
  local before, behind = body[i - 1], body[i + 1]
  return not (i < k and before and before.type == "op" and before.text:find "^[.:%-+*/%%^#<>~&|]")
    and not (i > k and behind and behind.type == "op" and behind.text:find "^[.:%[({%-+*/%%^<>~&|]")
end

-- Is the name at i one of those that a local or a for declares? local a, b; for k, v in; local function f
local function is_declared(body, i)
  i = i - 1
  while body[i] and body[i].text == "," and body[i - 1] and body[i - 1].type == "name" do i = i - 2 end
  local word = body[i] and body[i].type == "keyword" and body[i].text
  return word == "local" or word == "for" or word == "function"
end

-- May the name stand for something else somewhere in the body?
local function is_given_anew(body, name)
  for i, t in ipairs(body) do
    local before, behind = body[i - 1], body[i + 1]
    if t.type == "name" and t.text == name and not (before and (before.text == "." or before.text == ":")) then
      if is_declared(body, i) then return true end
      if behind and behind.type == "op" and (behind.text == "=" or behind.text == ",") then return true end
    elseif t.type == "keyword" and t.text == "function" then
      for k = i + 1, #body do -- its arguments
        if body[k].text == name then return true end
        if body[k].text == ")" then break end
      end
    end
  end
  return false
end

-- Does the body ask for the name's type, as one does that is also called with numbers? type(p) == "number" and p == 0
local function asks_type(body, name)
  for i, t in ipairs(body) do
    local argument = body[i + 2]
    if t.type == "name" and t.text == "type" and argument and body[i + 1].text == "(" and argument.text == name then
      return true
    end
  end
  return false
end

-- "p == 0" and its line within the text, or nil. names: all arguments; symbols: those that are symbols.
local function find(text, names, symbols)
  local tokens = scan.tokens(text)
  local body = tokens and #names > 0 and body_of(tokens, names)
  for i, t in ipairs(body or {}) do
    if t.type == "op" and (t.text == "==" or t.text == "~=") then
      local a, b = body[i - 1], body[i + 1]
      local at = a and b and (b.type == "number" and i - 1 or a.type == "number" and i + 1)
      for _, name in ipairs(at and symbols or {}) do
        local is_it = body[at].type == "name" and body[at].text == name and alone(body, at, i)
        if is_it and not is_given_anew(body, name) and not asks_type(body, name) then
          return ("%s %s %s"):format(a.text, t.text, b.text), select(2, text:sub(1, t.at):gsub("\n", "\n"))
        end
      end
    end
  end
end

-- The first such comparison in a function of the user's that was recorded with `count` symbols, and the place of its
-- line.
function compared.with_number(fn, count)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" or util.is_own(info) then return nil end
  local text, _, first = require("sonde.source").of(fn)
  if not text then return nil end
  local what, lines = find(text, arguments(fn, count))
  return what, what and ("%s:%d"):format(info.short_src, first + lines)
end

return compared
