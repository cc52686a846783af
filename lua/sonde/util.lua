-- What the other files share: failing, options, text tables.
local core = require "sonde.core"

local util = {}

-- Raises with the position of the user's line. C's raise() adds it.
function util.fail(fmt, ...)
  local text = select("#", ...) > 0 and fmt:format(...) or fmt
  core.fail((text:gsub("%z", "\\0"))) -- C ends texts at a zero byte
end

-- "a tensor", "an optimizer"
function util.article(noun) return (noun:find "^[aeiou]" and "an " or "a ") .. noun end

-- A value's type for a message: "a tensor", "nil".
function util.a(v)
  local t = core.type(v)
  if t == "nil" then return t end
  if t == "symbol" then return "a " .. tostring(v) end
  if t == "object" then t = v.kind end
  return util.article(t)
end

-- Is a function sonde's own, by what debug.getinfo says of it? A script of the user's may be called sonde_try.lua.
function util.is_own(info) return info.source:find "^=sonde/" ~= nil end

-- Columns that a text takes on the screen: wide characters count twice, marks on a letter not at all.
util.width = core.text_width

-- The text in at most so many columns, cut between characters: its beginning, or with from_end its end, and a mark
-- (".." where none is given) for what is missing, where there is room for one.
function util.cut(s, most, mark, from_end)
  if util.width(s) <= most then return s end
  mark = mark or ".."
  if most < 2 * #mark then mark = "" end
  local part = core.text_cut(s, most - #mark, from_end)
  return from_end and mark .. part or part .. mark
end

-- The same for what may be a parameter's path: conv2d_transpose/kernel as conv2d_t../kernel, so that what it ends with
-- is there in part at least.
function util.cut_path(name, most, mark)
  mark = mark or ".."
  if util.width(name) <= most then return name end
  local layer, param = name:match "^(.*)(/[%w_]+)$"
  if not layer then return util.cut(name, most, mark) end
  layer = util.cut(layer, math.max(2 + #mark, most - util.width(param)), mark)
  return layer .. util.cut(param, most - util.width(layer), mark)
end

-- The text with spaces up to that width, before it where it stands to the right.
function util.pad(s, columns, right)
  local fill = (" "):rep(columns - util.width(s))
  return right and fill .. s or s .. fill
end

-- The beginning of a text that may be anything, for a message.
local LONGEST = 60
function util.brief(text) return util.cut(util.plain((text:gsub("%z", "\\0"))), LONGEST, "...") end

local says_itself = { number = true, boolean = true, object = true, ["nil"] = true }

-- A value as a message shows it: texts in quotes, so that epochs = "3" is not taken for a number; of what is large, or
-- says no more than its address, the type.
function util.quoted(v)
  if type(v) == "string" then return '"' .. v .. '"' end
  if v ~= v then return "nan" end -- some machines print a sign
  local t = core.type(v)
  if t == "tensor" then return ("a %s tensor of shape %s"):format(v.dtype, util.shape_text(v.shape)) end
  return says_itself[t] and tostring(v) or util.a(v)
end

-- ---- functions of the user's ----

-- "function at loss.lua:12"
function util.function_at(fn)
  local info = debug.getinfo(fn, "S")
  return info.what == "C" and "function" or ("function at %s:%d"):format(info.short_src, info.linedefined)
end

-- What was said of an error that is no text, where it passed util.call: the value itself stays as it is.
local said = setmetatable({}, { __mode = "k" })

-- For its report, once: the same value may be raised again from elsewhere.
function util.said(err)
  local text = said[err]
  said[err] = nil
  return text
end

-- An error that is no text, level: of the error's handler. A table keeps what is said of it beside it; what can have
-- nothing beside it becomes the text.
local function of_no_text(who, err, fn, level)
  local way = require "sonde.way"
  local mt = debug.getmetatable(err)
  local text = type(mt) == "table" and rawget(mt, "__tostring") and tostring(err)
    or "the error is " .. (err == nil and "nil" or util.quoted(err))
  text = way.place(level + 1) .. who .. ": " .. text .. way.text(level + 1, fn)
  if type(err) ~= "table" and type(err) ~= "userdata" then return text end
  said[err] = said[err] or text
  return err
end

-- Calls a function that the user gave. An error in it says whose function it is and, below, the way to its place: where
-- it is caught the stack is gone.
function util.call(who, fn, ...)
  local results = table.pack(xpcall(fn, function(err)
    if err == "interrupted" then return err end
    if type(err) ~= "string" then return of_no_text(who, err, fn, 2) end
    local place, text = err:match "^([^\n]-:%d+: )(.*)$"
    if err:find "^attempt to yield" then text = "it yields (coroutine.yield), and must come to its end at once" end
    return (place or "") .. who .. ": " .. (text or err) .. require("sonde.way").text(2, fn)
  end, ...))
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local function key_text(k) return says_itself[core.type(k)] and tostring(k) or util.a(k) end

-- Checks that opts (nil or a table) has only the allowed names; returns it or an empty table.
function util.options(who, opts, allowed)
  if opts == nil then return {} end
  if core.type(opts) ~= "table" then util.fail("%s: wants options in a table, got %s", who, util.a(opts)) end
  for k in pairs(opts) do
    local known = false
    if #allowed == 0 then util.fail("%s: takes no options here, got %s", who, util.quoted(k)) end
    for _, name in ipairs(allowed) do known = known or name == k end
    if not known then
      if type(k) ~= "string" then
        util.fail("%s: option [%s] has no name; it has: %s", who, key_text(k), table.concat(allowed, ", "))
      end
      local known = (who == "fit" or who == "run") and require "sonde.foreign".of("option", k)
      if known then util.fail('%s: unknown option "%s"; %s', who, k, known) end
      local near = core.suggest(k, allowed)
      if near then util.fail('%s: unknown option "%s"; did you mean "%s"?', who, k, near) end
      util.fail('%s: unknown option "%s"; it has: %s', who, k, table.concat(allowed, ", "))
    end
  end
  return opts
end

-- For what takes no arguments: fails where there is one. remedy: what is meant instead.
function util.nothing(who, remedy, ...)
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if v ~= nil then util.fail("%s: takes no arguments, got %s; %s", who, util.quoted(v), remedy) end
  end
end

-- Methods that say what is wrong when they are called with a dot. letter: what such a value is called in examples.
function util.methods(kind, letter, methods)
  for name, fn in pairs(methods) do
    methods[name] = function(self, ...)
      if core.type(self) ~= kind then util.fail("write %s:%s(...) with a colon", letter, name) end
      return fn(self, ...)
    end
  end
end

-- There is no field k of what ("a tensor", "layer NAME"); lists: tables whose keys, or whose texts in a
-- list, are the names that there are.
function util.unknown(what, k, ...)
  local names = {}
  for _, list in ipairs { ... } do
    for name, v in pairs(list) do names[#names + 1] = type(name) == "string" and name or v end
  end
  table.sort(names)
  local kind = what:match "^an? (%w+)$" or what:match "^the (%w+) [%w_]+$" or what:match "^layer"
  local known = kind and require "sonde.foreign".of(kind, k)
  local near = type(k) == "string" and not known and core.suggest(k, names)
  util.fail("%s has no %s%s", what, type(k) == "string" and k or "[" .. key_text(k) .. "]",
    known and "; " .. known or near and ("; did you mean %s?"):format(near) or "")
end

-- A whole number of at least min, or def where v is nil.
function util.whole(who, name, v, def, min)
  if v == nil then return def end
  local n = type(v) == "number" and math.tointeger(v)
  if not n or n < min then
    util.fail("%s: %s = %s must be a whole number%s", who, name, util.quoted(v),
      min > math.mininteger and " of at least " .. min or "")
  end
  return n
end

-- true or false, or def where v is nil.
function util.boolean(who, name, v, def)
  if v == nil then return def end
  if type(v) ~= "boolean" then util.fail("%s: %s = %s must be true or false", who, name, util.quoted(v)) end
  return v
end

function util.is_tensor(v) return core.type(v) == "tensor" end

-- Tensors stay, lists and numbers become tensors.
function util.as_tensor(v, who, name)
  if util.is_tensor(v) then return v end
  if type(v) ~= "table" then util.fail("%s: %s wants a tensor or a list of numbers, got %s", who, name, util.a(v)) end
  return core.tensor(v)
end

-- 17037634 -> 17,037,634
function util.thousands(n)
  local s = ("%d"):format(n)
  local k
  repeat
    s, k = s:gsub("^(-?%d+)(%d%d%d)", "%1,%2")
  until k == 0
  return s
end

function util.shape_text(shape, batch)
  local t = table.move(shape, 1, #shape, batch and 2 or 1, batch and { "None" } or {})
  return "(" .. table.concat(t, ", ") .. (#t == 1 and ",)" or ")")
end

-- The number in that format; what is no number is "nan", whatever its sign bit.
function util.fixed(fmt, v) return v ~= v and "nan" or fmt:format(v) end

-- A number for a table: four significant places where that reads well.
function util.number(v)
  if v == nil or v ~= v then return v == nil and "-" or "nan" end
  if math.type(v) == "integer" then return tostring(v) end
  local a = math.abs(v)
  if v == 0 then return "0" end
  if a >= 1e-3 and a < 1e5 then return ("%.4f"):format(v) end
  return ("%.3e"):format(v)
end

local ascii = { ["─"] = "-", ["·"] = "-" }

-- Our own signs as the person's locale can show them.
function util.screen(s)
  return core.utf8 and s or (s:gsub(utf8.charpattern, ascii))
end

-- The name of a file or a class, which may be anything, as letters on one line of that screen.
function util.plain(s)
  s = tostring(s):gsub("%c", "?")
  if not utf8.len(s) then return (s:gsub("[\128-\255]", "?")) end
  s = s:gsub("\194[\128-\159]", "?") -- a terminal's controls too
  return core.utf8 and s or (s:gsub("[\194-\244][\128-\191]+", "?"))
end

-- May colors be written to stdout?
function util.colors()
  local term, no = os.getenv "TERM", os.getenv "NO_COLOR"
  return core.terminal "stdout" and term and term ~= "dumb" and term ~= "" and not (no and no ~= "")
end

local NARROWEST = 40         -- terminals that are narrower get lines of so many characters
local GAP, SHORTEST = 2, 12  -- between columns; a text that is shortened keeps so many columns

local function total(widths, list)
  local sum = -GAP
  for _, c in ipairs(list) do sum = sum + GAP + widths[c] end
  return math.max(sum, 0)
end

-- Takes from the widest column of texts until the line fits: true; or each has but SHORTEST columns left: false.
local function squeeze(widths, all, align, limit)
  for _ = limit, total(widths, all) - 1 do
    local widest
    for c, w in ipairs(widths) do
      if align:sub(c, c) ~= "r" and w > SHORTEST and w > (widest and widths[widest] or 0) then widest = c end
    end
    if not widest then return false end
    widths[widest] = widths[widest] - 1
  end
  return true
end

-- Lists of columns, each of which fits; all begin with the first column, which says what a row is about. Where several
-- are needed, texts are shortened only as far as it takes one of them to stand beside the first column.
local function blocks(widths, align, limit)
  local all, whole = {}, {}
  for c, w in ipairs(widths) do all[c], whole[c] = c, w end
  if squeeze(widths, all, align, limit) then return { all } end
  for c, w in ipairs(whole) do
    local most = c == 1 and math.max(SHORTEST, limit // 3) or limit - GAP - widths[1]
    widths[c] = align:sub(c, c) == "r" and w or math.min(w, most)
  end
  local list = { { 1 } }
  for c = 2, #widths do
    local last = list[#list]
    last[#last + 1] = c
    if total(widths, last) > limit and #last > 2 then
      last[#last] = nil
      list[#list + 1] = { 1, c }
    end
  end
  return list
end

-- Characters of a line of the table that util.columns makes of the rows where there is room.
function util.widest(rows)
  local widths, all = {}, {}
  for _, row in ipairs(rows) do
    for c, cell in ipairs(type(row) == "table" and row or {}) do
      widths[c], all[c] = math.max(widths[c] or 0, util.width(cell)), c
    end
  end
  return total(widths, all)
end

-- Names of layers, files and classes may be anything.
local function in_ascii(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = row
    if type(row) == "table" then
      list[i] = {}
      for c, cell in ipairs(row) do list[i][c] = util.plain(cell) end
    end
  end
  return list
end

local function block_text(rows, widths, list, align)
  local lines = {}
  for i, row in ipairs(rows) do
    if type(row) == "table" then
      local cells = {}
      for k, c in ipairs(list) do
        local cut = c == 1 and util.cut_path or util.cut
        cells[k] = util.pad(cut(row[c] or "", widths[c]), widths[c], align:sub(c, c) == "r")
      end
      lines[i] = table.concat(cells, "  "):gsub("%s+$", "")
    else
      lines[i] = util.screen(row):rep(total(widths, list))
    end
  end
  return table.concat(lines, "\n")
end

-- Rows of texts as aligned lines. align: a text of l and r, one letter for each column. A row that is a text stands
-- for a line of that character. On a terminal that is too narrow texts are shortened, and if that is not enough the
-- columns that find no room follow below, behind the first once more.
function util.columns(rows, align)
  local widths, limit = {}, core.terminal "stdout"
  if not core.utf8 then rows = in_ascii(rows) end
  for _, row in ipairs(rows) do
    if type(row) == "table" then
      for c, cell in ipairs(row) do widths[c] = math.max(widths[c] or 0, util.width(cell)) end
    end
  end
  limit = limit and math.max(limit, NARROWEST) or math.maxinteger
  local texts = {}
  for i, list in ipairs(blocks(widths, align, limit)) do
    texts[i] = block_text(rows, widths, list, align)
  end
  return table.concat(texts, "\n\n")
end

return util
