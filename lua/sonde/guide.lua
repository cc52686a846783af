-- A guide: text, and lines that run as if they had been typed, step by step at the prompt.
--
--   tour = require "sonde.guide" { name = "tour", start = 1, { TEXT, CODE }, { TEXT, CODE }, ... }
--
-- It begins when the script that calls this is over. An empty line goes on to the next step, all else is the prompt's;
-- Ctrl-C ends the line that runs. tour(5) goes to a step, after the code of those before it has run unseen. Without a
-- terminal all steps follow one another.
local core = require "sonde.core"
local layout = require "sonde.layout"
local prompt = require "sonde.prompt"
local util = require "sonde.util"

local function write(fmt, ...) io.stdout:write(fmt:format(...), "\n") end

local function paragraph(fmt, ...) write("%s", layout.wrap(fmt:format(...), layout.width(), 0)) end

local function goes_on(steps, i)
  local more = i == 1 and ("; whatever else is typed runs as ever; %s(5) goes to a step"):format(steps.name) or ""
  if i == #steps then return end
  write ""
  paragraph("(Enter goes on to step %d of %d%s)", i + 1, #steps, more)
end

local function stopped(steps, i)
  paragraph("(the rest of this step did not run; %s(%d) begins it again, Enter goes on to the next)", steps.name, i)
end

-- Queues a step; waits: for the person, behind it.
local function show(steps, i, waits)
  prompt.later(function()
    if i > 1 then write "" end
    paragraph("[%d/%d] %s", i, #steps, steps[i][1])
    write ""
  end)
  if steps[i][2] ~= "" then prompt.later { text = steps[i][2] } end
  if not waits then return end
  prompt.later(function(ok)
    if ok then goes_on(steps, i) else stopped(steps, i) end
  end)
end

local function prepare(steps, last)
  prompt.later(function() write("(%s first, unseen)", last == 1 and "step 1 runs" or ("steps 1 to %d run"):format(last)) end)
  for i = 1, last do prompt.later { text = steps[i][2], quiet = true } end
end

local function check(steps)
  if core.type(steps) ~= "table" or #steps == 0 then
    util.fail('guide: wants { name = "tour", { TEXT, CODE }, ... }, got %s', core.type(steps) == "table"
      and "no steps" or util.a(steps))
  end
  if type(steps.name) ~= "string" then util.fail("guide: name = %s is no text", util.quoted(steps.name)) end
  for i, step in ipairs(steps) do
    if core.type(step) ~= "table" or type(step[1]) ~= "string" or type(step[2]) ~= "string" then
      util.fail('guide: step %d is no { TEXT, CODE }; CODE may be ""', i)
    end
  end
end

return function(steps)
  check(steps)
  local app = package.loaded["sonde.app"]
  local waits = core.terminal "stdin" and core.terminal "stdout"
  local at = 0

  local function enter()
    at = at + 1
    if at == #steps then app.enter = nil end
    show(steps, at, waits)
  end

  local function go_to(n)
    local i = util.whole(steps.name, "step", tonumber(n) or n, 1, 1)
    if i > #steps then util.fail("%s: step = %d, but there are %d", steps.name, i, #steps) end
    if i > 1 then prepare(steps, i - 1) end
    at = i - 1
    app.enter = enter
    enter()
  end

  go_to(steps.start)
  app.stay = waits
  while not waits and at < #steps do enter() end
  return go_to
end
