-- Watchpoints and breakpoints: they stop a run at the prompt, in the state in which what they wait for came true.
local core = require "sonde.core"
local drive = require "sonde.drive"
local layers = require "sonde.layers"
local moment = require "sonde.moment"
local probes = require "sonde.probes"
local tests = require "sonde.watch_tests"
local util = require "sonde.util"

local watch, run = {}, {}
local fail = util.fail

-- ---- handles ----

local Handle = {}
local about = setmetatable({}, { __mode = "k" }) -- handle -> what is known of it

local fields = { number = true, hits = true, enabled = true, name = true, condition = true, found = true }

-- All that makes it stop, in words.
local function words(w)
  local out = { (w.name and w.name .. ": " or "") .. w.condition }
  if w.layer then out[#out + 1] = "in " .. w.layer end
  if w.every then out[#out + 1] = "every " .. w.every end
  if w.extra then out[#out + 1] = "if " .. util.function_at(w.extra) end
  if w.once then out[#out + 1] = "once" end
  if w.ignore > 0 then out[#out + 1] = ("ignores %d more"):format(w.ignore) end
  return table.concat(out, ", ")
end

function Handle.__index(h, k)
  if fields[k] then return about[h][k] end
  util.unknown("a " .. about[h].what, k, fields)
end
function Handle.__newindex(h, k)
  fail("%s: %s cannot be set; r:disable(n), r:enable(n), r:ignore(n, count) and r:delete(n) change it",
    tests.title(about[h]), tostring(k))
end
function Handle.__tostring(h)
  local w = about[h]
  return ("%s: %s%s"):format(tests.title(w), words(w), w.enabled and "" or ", disabled")
end

-- ---- when a run is driven ----

-- Measuring begins, and ends, with the watchpoint: a disabled one costs nothing.
local function observe(r, w)
  local observed = probes.observe(r, w.probe, { layers = w.of, every = w.every })
  for _, row in ipairs(observed.rows) do
    if tests.belongs(w.layer, row) then
      w.observed = observed
      return
    end
  end
  observed:stop()
  fail("watch: %s has no row of %s", w.probe, w.layer or "this model")
end

local function enable(r, w, on)
  if w.probe and w.observed and not on then
    w.observed:stop()
    w.observed = nil
  elseif w.probe and not w.observed and on then
    observe(r, w)
  end
  w.enabled = on
end

-- After a change of the model: what they measure begins anew, by name. Gives a line for each that cannot.
function watch.renew(r)
  local lines = {}
  for _, w in ipairs(core.state(r).watches or {}) do
    if w.probe and w.observed then
      enable(r, w, false)
      local ok, err = pcall(enable, r, w, true)
      if not ok then
        lines[#lines + 1] = ("%s is disabled: %s"):format(tests.title(w), (tostring(err):gsub("^[^\n]-: watch: ", "")))
      end
    end
  end
  return lines
end

-- What a watchpoint found, on one line.
local Found = {}
function Found.__tostring(found)
  local copy = {}
  for k, v in pairs(found) do copy[k] = v end
  return (require "sonde.show".text(copy):gsub("%s*\n%s*", " "))
end

-- Does it stop the run now? What it says then.
local function stops(r, w, ask)
  local text, found = w.test(w, ask)
  if not text or (w.extra and not tests.call(w, w.extra, ask)) then return nil end
  w.hits = w.hits + 1
  if w.ignore > 0 then
    w.ignore = w.ignore - 1
    return nil
  end
  if w.once then enable(r, w, false) end
  w.found = found and setmetatable(found, Found)
  return text
end

local function tell(r, s, w, text)
  if s.verbose == 0 and not core.terminal "stdout" then return end
  drive.say(s, ("%s: %s%s (%s)%s"):format(tests.title(w), w.name and w.name .. ": " or "", text,
    drive.position(s, core.run_info(r)), s.task and ("; %s:continue() goes on"):format(s.called) or ""))
end

-- Before an event.
function watch.prepare(r, s)
  local on = false
  for _, w in ipairs(s.watches) do on = on or (w.test == tests.nan and w.enabled) end
  core.find_bad(r, on)
end

-- After an event and its callbacks: does the run stop?
function watch.ask(r, s, kind)
  if kind ~= "step" and kind ~= "epoch_end" and kind ~= "halt" then return false end
  local ask = tests.asking(r, s, kind)
  for _, w in ipairs(table.move(s.watches, 1, #s.watches, 1, {})) do -- a function may add and delete some
    local text = w.enabled and stops(r, w, ask)
    if text then
      s.stopped = s.stopped or w.self
      tell(r, s, w, text)
    end
  end
  if kind ~= "halt" then return s.stopped ~= nil end
  s.halted = s.stopped ~= nil or nil
  if not s.halted then core.pass_bad(r) end
  return s.halted
end

-- ---- making ----

-- A layer, or a parameter as conv2d/kernel; gives the layer's name too. The row "model" is of all together.
local function check_layer(r, name)
  if type(name) ~= "string" then fail("watch: layer wants a name, got %s", util.a(name)) end
  local names, owner = { "model" }, {}
  for _, layer in ipairs(layers.info(core.state(r).model).layers) do
    names[#names + 1], owner[layer.name] = layer.name, layer.name
    for _, p in ipairs(layer.params) do names[#names + 1], owner[p.path] = p.path, layer.name end
  end
  if owner[name] or name == "model" then return owner[name] end
  local alike = {} -- parameters where a parameter is meant
  for _, known in ipairs(names) do
    if (known:find "/" ~= nil) == (name:find "/" ~= nil) then alike[#alike + 1] = known end
  end
  local near = core.suggest(name, alike)
  fail('watch: there is no layer or parameter "%s"%s', name, near and ('; did you mean "%s"?'):format(near) or "")
end

local function parse_text(text)
  local name, op, limit = text:match "^%s*([^<>=~!]-)%s*([<>=~!]=?)%s*([^<>=~!]-)%s*$"
  if op == "!=" then op = "~=" end
  limit = limit == "inf" and math.huge or limit == "-inf" and -math.huge or tonumber(limit)
  if not name or not tests.compare[op] or not limit then
    fail('watch: "%s" is no condition; "loss > 2", "val_loss > 1", "gradients.norm > 10" and "nan" are',
      util.brief(text))
  end
  return name, op, limit
end

local NO_VALUES = { epoch = true, step = true, steps_per_epoch = true, iterations = true, run = true, previous = true }

-- The values of a run that a text can name.
local function value_names(r)
  local names = {}
  for _, name in ipairs(moment.names(r)) do
    if not NO_VALUES[name] then names[#names + 1] = name end
  end
  return names
end

local function is_in(list, v)
  for _, one in ipairs(list) do
    if one == v then return true end
  end
  return false
end

local function unknown(what, name, names)
  local near = core.suggest(name, names)
  fail('watch: there is no %s "%s"%s', what, util.brief(name), near and ('; did you mean "%s"?'):format(near)
    or "; there are: " .. table.concat(names, ", "))
end

local function probe_names()
  local names = {}
  for _, kind in ipairs(core.kinds) do
    for _, d in ipairs(kind.kind == "probe" and kind or {}) do names[#names + 1] = d.name end
  end
  return names
end

-- A number of each row of a probe's table: "gradients.norm".
local function set_probe(w, probe, column)
  local known = probe_names()
  if not is_in(known, probe) then unknown("table", probe, known) end
  local columns = probes.columns(probe)
  if not is_in(columns, column) then unknown("column of " .. probe, column, columns) end
  w.probe, w.column, w.test = probe, column, tests.probe
end

local function set_text(r, w, text)
  if text:match "^%s*nan%s*$" then
    w.condition, w.test = "nan", tests.nan
    return
  end
  local name, op, limit = parse_text(text)
  w.condition = ("%s %s %s"):format(name, op, tests.number_text(limit))
  w.op, w.compare, w.limit = op, tests.compare[op], limit
  local names = value_names(r)
  local probe, column = name:match "^([%w_]+)%.([%w_]+)$"
  if is_in(names, name) then
    w.value, w.test = name, tests.value
  elseif probe then
    set_probe(w, probe, column)
  elseif is_in(probe_names(), name) then
    local columns = probes.columns(name)
    fail('watch: %s is a table; "%s.%s %s %s" is of a column; it has: %s', name, name,
      is_in(columns, "norm") and "norm" or columns[1], op, tests.number_text(limit), table.concat(columns, ", "))
  else
    unknown("value", name, names)
  end
end

-- What watchpoints and breakpoints share.
local OPTIONS = { "once", "ignore", "condition", "name" }

local function check_common(who, w, opts)
  w.once = util.boolean(who, "once", opts.once, false)
  w.ignore = util.whole(who, "ignore", opts.ignore, 0, 0)
  w.name, w.extra = opts.name, opts.condition
  if w.name ~= nil and type(w.name) ~= "string" then fail("%s: name wants a text, got %s", who, util.a(w.name)) end
  if w.extra ~= nil and type(w.extra) ~= "function" then
    fail("%s: condition wants a function(s), got %s", who, util.a(w.extra))
  end
end

local function with_options(...)
  return table.move({ ... }, 1, select("#", ...), #OPTIONS + 1, table.move(OPTIONS, 1, #OPTIONS, 1, {}))
end

local function add(r, w)
  local s = core.state(r)
  s.watches, s.watch_count = s.watches or {}, (s.watch_count or 0) + 1
  w.number, w.hits, w.enabled = s.watch_count, 0, true
  w.self = setmetatable({}, Handle)
  about[w.self] = w
  s.watches[#s.watches + 1] = w
  core.run_keep(r, true)
  return w.self
end

-- r:watch "loss > 2", r:watch(function(s) ... end), r:watch{ either, layer =, every =, ... }
function run.watch(r, what, more)
  if more ~= nil then fail 'watch: options go into the table: r:watch{ "loss > 2", once = true }' end
  local opts = core.type(what) == "table" and what or { what }
  local condition, rest = opts[1], {}
  for k, v in pairs(opts) do
    if k ~= 1 then rest[k] = v end
  end
  util.options("watch", rest, with_options("layer", "every"))
  local w = { what = "watchpoint" }
  check_common("watch", w, rest)
  w.layer, w.every = rest.layer, util.whole("watch", "every", rest.every, nil, 1)
  if w.layer ~= nil then w.of = check_layer(r, w.layer) end
  if type(condition) == "string" then
    set_text(r, w, condition)
  elseif type(condition) == "function" then
    w.fn, w.condition, w.test = condition, util.function_at(condition), tests.function_
  else
    fail('watch: wants a condition like "loss > 2" or "nan", or a function(s), got %s', util.a(condition))
  end
  if w.test ~= tests.probe and (w.layer or w.every) then
    fail('watch: %s is for conditions on tables like "gradients.norm > 10"', w.layer and "layer" or "every")
  end
  if w.probe then observe(r, w) end
  return add(r, w)
end

local function check_place(r, place)
  local s, info = core.state(r), core.run_info(r)
  if not place.epoch and not place.step then
    fail "break_at: wants a place: { epoch = 3, step = 17 }, { epoch = 3 } (its end) or { step = 17 } (of each epoch)"
  end
  if place.step and place.step > info.steps then
    fail("break_at: step = %d never comes; an epoch has %d steps", place.step, info.steps)
  end
  local now = s.first + info.epoch + 1 -- the present epoch
  if place.epoch and (place.epoch < now or (place.epoch == now and place.step and place.step <= info.step)) then
    fail("break_at: %s is over; the run stands at %s", watch.place_text(place), drive.position(s, info))
  end
end

function watch.place_text(place)
  if not place.epoch then return ("step %d"):format(place.step) end
  return place.step and ("epoch %d, step %d"):format(place.epoch, place.step) or ("end of epoch %d"):format(place.epoch)
end

-- r:break_at{ epoch = 3, step = 17 }
function run.break_at(r, opts)
  opts = util.options("break_at", opts, with_options("epoch", "step"))
  local w = { what = "breakpoint", test = tests.break_ }
  check_common("break_at", w, opts)
  w.place = { epoch = util.whole("break_at", "epoch", opts.epoch, nil, 1),
    step = util.whole("break_at", "step", opts.step, nil, 1) }
  check_place(r, w.place)
  w.condition = watch.place_text(w.place)
  return add(r, w)
end

-- ---- listing and changing ----

-- Those that a number, a handle or nothing (all) means, with their places in the list.
local function chosen(r, who, n)
  local list = core.state(r).watches or {}
  if n == nil then return table.move(list, 1, #list, 1, {}) end
  if about[n] then n = about[n].number end
  n = util.whole(who, "n", n, nil, 1)
  for _, w in ipairs(list) do
    if w.number == n then return { w } end
  end
  fail("%s: there is no watchpoint or breakpoint %d; r:info() lists them", who, n)
end

function run.enable(r, n)
  for _, w in ipairs(chosen(r, "enable", n)) do enable(r, w, true) end
end

function run.disable(r, n)
  for _, w in ipairs(chosen(r, "disable", n)) do enable(r, w, false) end
end

function run.delete(r, n)
  local s, left, gone = core.state(r), {}, {}
  for _, w in ipairs(chosen(r, "delete", n)) do
    enable(r, w, false)
    gone[w] = true
  end
  for _, w in ipairs(s.watches or {}) do
    if not gone[w] then left[#left + 1] = w end
  end
  if s.watches then s.watches = left end
end

-- The next count times that it holds, the run goes on.
function run.ignore(r, n, count)
  if n == nil then fail "ignore: wants the number of a watchpoint and how often it is passed over: r:ignore(1, 5)" end
  local list = chosen(r, "ignore", n)
  count = util.whole("ignore", "count", count, nil, 0)
  if not count then fail "ignore: how often it is passed over is missing: r:ignore(1, 5)" end
  list[1].ignore = count
end

local Info = {}
function Info.__tostring(t)
  if #t == 0 then return "no watchpoints or breakpoints; r:watch and r:break_at set them" end
  local rows = { { "number", "what", "hits", "enabled", "condition" } }
  for i, w in ipairs(t) do
    rows[i + 1] = { tostring(w.number), w.what, tostring(w.hits), w.enabled and "yes" or "no", w.condition }
  end
  return util.columns(rows, "rlrll")
end

-- A table of all: number, what, condition, hits, enabled.
function run.info(r, ...)
  util.nothing("info", "r:info()[1] is the first watchpoint; r:enable(n), r:disable(n), r:delete(n) change it", ...)
  local t = {}
  for i, w in ipairs(core.state(r).watches or {}) do
    t[i] = { number = w.number, what = w.what, condition = words(w), hits = w.hits, enabled = w.enabled }
  end
  return setmetatable(t, Info)
end

-- ---- going on ----

-- The rest of what was interrupted: by a watchpoint, by Ctrl-C, by an error in a callback.
run["continue"] = function(r)
  local s = core.state(r)
  if not s.task or s.task() then
    fail "continue: nothing was interrupted; r:step(), r:epoch() and r:finish() make the run go on"
  end
  drive.go(r, s.task, s.keep)
  return r
end

watch.run = run
return watch
