-- edit(): the last chunk, a file or a function in the person's editor; what was saved is run.
local prompt = require "sonde.prompt"
local util = require "sonde.util"

local edit = {}

local function read(path)
  local file <close> = io.open(path)
  return file and file:read "a"
end

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local function editor()
  for _, name in ipairs { "VISUAL", "EDITOR" } do
    local v = os.getenv(name)
    if v and v:find "%S" then return v end
  end
  return "vi"
end

-- Opens the file; its text afterwards, or nil where nothing was changed.
local function change(path, line)
  local before, command = read(path), editor()
  io.stdout:flush()
  local _, how, code = os.execute(("%s %s%s"):format(command, line and "+" .. line .. " " or "", quoted(path)))
  if how ~= "exit" or code ~= 0 then
    util.fail("edit: %s ended with %s %d; nothing is run ($VISUAL or $EDITOR names another editor)", command,
      how == "exit" and "status" or "signal", code)
  end
  local after = read(path)
  if after ~= before then return after end
  io.stdout:write "edit: nothing was changed, so nothing is run\n"
end

-- Text that has no file: what is saved of it is run as if it had been typed.
local function edit_text(text)
  local base = os.tmpname()
  local path = base .. ".lua" -- by which editors know the language
  local file = io.open(path, "w")
  local ok, after = false, "edit: cannot write " .. path
  if file then
    file:write(text, "\n")
    file:close()
    ok, after = pcall(change, path)
  end
  os.remove(path)
  os.remove(base)
  if not ok then error(after, 0) end
  if after and after:find "%S" then prompt.later { text = (after:gsub("%s+$", "")), whole = true } end
end

-- The last chunk that was no call of edit, help or a command.
local function last_chunk(app)
  local n = 1
  while true do
    local chunk = app.history(n)
    if not chunk or not chunk:find "^%s*[?!]" and not chunk:find "^%s*edit%f[^%w_]" then return chunk end
    n = n + 1
  end
end

function edit.edit(what)
  local app = prompt.app()
  if not app then util.fail "edit: works at the prompt only" end
  if what == nil then return edit_text(last_chunk(app) or "") end
  if type(what) == "function" then
    local info = debug.getinfo(what, "S")
    if info.source:sub(1, 1) ~= "@" then
      local text, why = require "sonde.source".of(what)
      if not text or info.source ~= "=input" then
        util.fail("edit: the function %s", text and "is sonde's own" or why)
      end
      return edit_text(text)
    end
    if change(info.source:sub(2), info.linedefined) then return dofile(info.source:sub(2)) end
  elseif type(what) == "string" then
    if change(what) then return dofile(what) end
  else
    util.fail('edit: wants nothing (the last chunk), the name of a file or a function, got %s', util.a(what))
  end
end

return edit
