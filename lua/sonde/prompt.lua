-- What only a person at the prompt needs: ?NAME, ??NAME, !COMMAND, and the pager.
local core = require "sonde.core"
local util = require "sonde.util"

local prompt = {}

-- What the program gives to the Lua half (src/app/queue.h) while there is a prompt; nil elsewhere.
function prompt.app()
  local app = package.loaded["sonde.app"]
  return app and app.history and app
end

-- What is done when the chunk that runs is over: a function f(ok), or a text that is run as if it had been typed,
-- { text = , whole = , quiet = }.
function prompt.later(item)
  local queue = package.loaded["sonde.app"].queue
  queue[#queue + 1] = item
end

-- ---- the pager ----

-- Lines that a text takes on a screen of so many columns.
local function height(text, columns)
  local n = 0
  for line in text:gmatch "[^\n]*" do n = n + math.max(1, math.ceil(util.width(line) / columns)) end
  return n
end

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- The program to read with, or nil: sonde.pager, $PAGER, less where it is installed.
local function pager()
  local wanted = sonde.pager
  if wanted == false then return nil end
  if type(wanted) == "string" then return wanted end
  wanted = os.getenv "PAGER"
  if wanted then return wanted:find "%S" and wanted ~= "cat" and wanted or nil end
  return os.execute "command -v less >/dev/null 2>&1" and "less -FRX" or nil
end

-- A file, and not a pipe: what the person does not read to its end is of no interest to us.
local function read_with(command, text)
  local name = os.tmpname()
  local file = io.open(name, "w")
  local done = file and file:write(text) and file:close()
  if done then
    io.stdout:flush()
    local _, how, code = os.execute(("LESS=${LESS-FRX} LESSCHARSET=%s; export LESS LESSCHARSET; %s < %s"):format(
      core.utf8 and "utf-8" or "latin1", command, quoted(name)))
    done = not (how == "exit" and (code == 126 or code == 127))
  end
  os.remove(name)
  return done
end

-- Writes the text, of whole lines; what is longer than the screen goes through the pager.
function prompt.page(text)
  local columns, rows = core.terminal "stdout"
  local term = os.getenv "TERM"
  local command = prompt.app() and columns and term and term ~= "dumb" and core.terminal "stdin"
    and height(text, columns) > rows and pager()
  if not command or not read_with(command, text) then io.stdout:write(text) end
end

-- ---- !COMMAND ----

-- {expression} in a command stands for its value, where it is a Lua expression that gives a text or number; all other
-- braces belong to the shell.
local function expand(command)
  return (command:gsub("(%$?)(%b{})", function(dollar, braces)
    local fn = dollar == "" and load("return (" .. braces:sub(2, -2) .. ")", "=!")
    local ok, v = false, nil
    if fn then ok, v = pcall(fn) end
    return ok and (type(v) == "string" or type(v) == "number") and tostring(v) or nil
  end))
end

local function tell_status(how, code)
  if how == "signal" and code == 2 or code == 130 then io.stdout:write "\n" -- below the ^C
  elseif how == "signal" then io.stderr:write(("ended by signal %d\n"):format(code))
  elseif code ~= 0 then io.stderr:write(("exit status %d\n"):format(code)) end
end

-- !cd FOLDER alone is meant for sonde itself: a shell's own folder ends with it. The folder, or nil.
local function folder(command)
  local rest = command:match "^%s*cd%s*$" and "" or command:match "^%s*cd%s+([^;&|<>]-)%s*$"
  if not rest then return nil end
  local home = os.getenv "HOME" or "/"
  if rest == "" then return home end
  rest = expand(rest):gsub("^~%f[/\0]", function() return home end)
  return rest:match "^'(.*)'$" or rest:match '^"(.*)"$' or rest
end

local function go_to(path)
  local ok, why = prompt.app().chdir(path)
  if not ok then util.fail("!cd: %s", why) end
end

-- The command has the terminal, and Ctrl-C is its own.
local function shell(command)
  if not command:find "%S" then util.fail "!: a command goes behind it, as in !ls" end
  io.stdout:flush()
  local path = folder(command)
  if path then return go_to(path) end
  local _, how, code = os.execute(expand(command))
  tell_status(how, code)
end

-- What a command wrote: a list of its lines that prints as they are.
local Lines = {}
function Lines.__tostring(t) return table.concat(t, "\n") end
Lines.__index = { text = Lines.__tostring }

local function capture(command)
  io.stdout:flush()
  local pipe <close> = assert(io.popen(expand(command)))
  local lines = setmetatable({}, Lines)
  for line in pipe:lines() do lines[#lines + 1] = line end
  local _, how, code = pipe:close()
  tell_status(how, code)
  lines.status = code
  return lines
end

-- ---- what a chunk did that its writer may not have meant ----

local MOST = 10000 -- characters of a chunk that are looked through

-- local x = 3 is gone when the line has run, which nobody wants who typed no more than that.
local function of_locals(text)
  local names = text:match "^%s*local%s+function%s+([%a_][%w_]*)" or text:match "^%s*local%s+([%a_][^=\n]*)=[^=]"
  local first
  for name in (names or ""):gsub("<%a+>", ""):gmatch "[%a_][%w_]*" do
    local _, n = text:gsub("%f[%w_]" .. name .. "%f[^%w_]", "")
    if n > 1 then return nil end -- it was used there
    if name ~= "_" then first = first or name end -- local _ = f() shows nothing, and is meant to
  end
  return first and ("a local variable ends with what was typed together with it; without local, %s stays"):format(first)
end

-- t == 1 asks whether t and 1 are the same thing, which Lua answers without asking t.
local function of_equality(text)
  local name, op, v = text:match "^%s*=?%s*([%a_][%w_]*)%s*([=~]=)%s*(-?[%d.]+)%s*$"
  if not name or require("sonde.core").type(rawget(_G, name)) ~= "tensor" then return nil end
  return ("%s and %s are different things; %s:%s(%s) compares each number"):format(name, v, name,
    op == "==" and "eq" or "ne", v)
end

-- Called with each chunk that ran.
function prompt.note(text)
  if #text > MOST then return end
  local note = text:find "=" and (text:find "layers" or text:find "get_weights" or text:find "[%])]%s*%[")
  note = note and require "sonde.copies".note(text) or require "sonde.names".alone(text) or of_locals(text)
    or of_equality(text)
  if note then io.stderr:write(require "sonde.layout".fit("note: " .. note), "\n") end
end

-- ---- lines that are no Lua ----

-- A line that begins with ? or !, or assigns what a command writes.
function prompt.line(line)
  local before, topic, behind = line:match "^%s*(%?*)%s*(.-)%s*(%?*)%s*$"
  if before ~= "" or (behind ~= "" and not line:find "[!=]") then
    if topic == "" then return help() end
    if #before > 1 or #behind > 1 then return require("sonde.source").show(topic) end
    return help(topic)
  end
  local name, command = line:match "^%s*([%a_][%w_]*)%s*=%s*!(.*)$"
  if name then _G[name] = capture(command) else shell(line:match "^%s*!(.*)$") end
end

return prompt
