-- Lua that is still being typed, as far as TAB must understand it: tokens, and the brackets that are open at its end.
local scan = {}

local BLOCK = { ["function"] = "end", ["if"] = "end", ["do"] = "end", ["repeat"] = "until" }
scan.opens, scan.closes = BLOCK, { ["end"] = true, ["until"] = true } -- words that begin and end a block
local CLOSE = { [")"] = "(", ["}"] = "{", ["]"] = "[" }

scan.keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
while]]):gmatch "%a+" do scan.keywords[word] = true end

-- A text in quotes from `at` on: the place behind it, or nil where it has no end; long brackets too.
local function quoted_end(text, at)
  local quote = text:sub(at, at)
  if quote == "[" then
    local level = text:match("^%[(=*)%[", at)
    return select(2, text:find("]" .. level .. "]", at, true))
  end
  local i = at + 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == "\\" then i = i + 1
    elseif c == quote then return i
    elseif c == "\n" then return nil end
    i = i + 1
  end
end

-- The text's tokens: { type = "name" | "keyword" | "number" | "string" | "op", text =, at = }. A text in quotes that
-- has no end is a last token { type = "open", text = what stands in it so far }; in a comment without end nothing is
-- given.
function scan.tokens(text)
  local list, at = {}, 1
  local function put(type, s, value)
    list[#list + 1] = { type = type, text = value or s, at = at }
    at = at + #s
  end
  while true do
    at = text:match("^%s*()", at)
    local c = text:sub(at, at)
    if c == "" then return list end
    local word = text:match("^[%a_][%w_]*", at)
    if word then
      put(scan.keywords[word] and "keyword" or "name", word)
    elseif text:find("^%-%-", at) then
      local stop = text:find("^%-%-%[=*%[", at) and quoted_end(text, at + 2) or text:find("\n", at, true)
      if not stop then return nil end
      at = stop + 1
    elseif text:find("^%.?%d", at) then
      put("number", text:match("^0[xX][%x.]*", at) or text:match("^[%d.]+[eE][+-]?%d+", at)
        or text:match("^[%d.]+", at))
    elseif c == '"' or c == "'" or text:find("^%[=*%[", at) then
      local stop = quoted_end(text, at)
      local inner = c == "[" and #text:match("^%[=*%[", at) or 1
      if not stop then
        put("open", text:sub(at), text:sub(at + inner))
        return list
      end
      put("string", text:sub(at, stop), text:sub(at + inner, stop - inner))
    else
      put("op", text:match("^%.%.%.?", at) or text:match("^[=~<>]=", at) or text:match("^::", at) or c)
    end
  end
end

-- The chain that ends at token i, as its parts: m.layers["a"]:output is { "m", { ".", "layers" }, { ".", "a" },
-- { ":", "output" } }. nil where something stands in it that would have to run.
function scan.chain(tokens, i)
  local parts, at = {}, i
  while at >= 1 do
    local t, before = tokens[at], tokens[at - 1]
    if t.type == "name" then
      local sep = before and before.type == "op" and (before.text == "." or before.text == ":") and before.text
      if not sep then
        table.insert(parts, 1, t.text)
        return parts
      end
      table.insert(parts, 1, { sep, t.text })
      at = at - 2
    elseif t.type == "op" and t.text == "]" then
      local key, open = tokens[at - 1], tokens[at - 2]
      if not open or open.text ~= "[" or (key.type ~= "number" and key.type ~= "string") then return nil end
      table.insert(parts, 1, { ".", key.type == "number" and tonumber(key.text) or key.text })
      at = at - 3
    else
      return nil
    end
  end
end

-- The last name of a chain, as what a call is known by: "conv2d", "run".
local function last_name(parts)
  local last = parts and parts[#parts]
  return type(last) == "table" and last[2] or last
end

-- What the bracket at token i belongs to.
local function callee(tokens, i)
  local before = tokens[i - 1]
  if not before or (before.type ~= "name" and before.text ~= "]") then return nil end
  local parts = scan.chain(tokens, i - 1)
  return parts and { name = last_name(parts), parts = parts }
end

-- The brackets open at the end, outermost first: { open = "{", callee = { name =, parts = } or nil, pos = the place
-- among its values, from 1, key = the option that is being given, seen = { the options so far } }.
function scan.frames(tokens)
  local frames = {}
  for i, t in ipairs(tokens) do
    local top = frames[#frames]
    if t.type == "op" then
      if t.text == "(" or t.text == "{" or t.text == "[" then
        frames[#frames + 1] = { open = t.text, callee = callee(tokens, i), pos = 1, seen = {} }
      elseif CLOSE[t.text] then
        if top and top.open == CLOSE[t.text] then frames[#frames] = nil end
      elseif top and (t.text == "," or (t.text == ";" and top.open == "{")) then
        if not top.key then top.pos = top.pos + 1 end
        top.key = nil
      elseif top and t.text == "=" and top.open == "{" and tokens[i - 1].type == "name" then
        top.key = tokens[i - 1].text
        top.seen[top.key] = true
      end
    elseif BLOCK[t.text] and t.type == "keyword" then
      frames[#frames + 1] = { open = BLOCK[t.text], pos = 1, seen = {} } -- what stands in a body is no option
    elseif t.type == "keyword" and top and top.open == t.text then
      frames[#frames] = nil
    end
  end
  return frames
end

return scan
