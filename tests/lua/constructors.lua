-- Every constructor of every table: help, completion of its options, its documented example, and the way through a file
-- and back with each of its options changed. A loop, without exceptions by name. tests/lua/docs.lua types the examples
-- at the prompt.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")
local core = require "sonde.core"
local complete = require "sonde.complete"
local arguments = require "sonde.complete_arguments"
local help = require "sonde.help"

local folder = check.folder()
if not arg[1] then -- in that folder: loggers among the examples write files where they stand
  local here = io.popen("pwd"):read "l"
  local function absolute(path) return path:sub(1, 1) == "/" and path or here .. "/" .. path end
  local ok = os.execute(("cd '%s' && '%s' '%s' inside"):format(folder, absolute(arg[-1]), absolute(arg[0])))
  os.execute(("rm -rf '%s'"):format(folder))
  os.exit(ok and 0 or 1)
end

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read "a"
end

-- ---- help and TAB ----

local function has_help(kind, d)
  local text = help.text(sonde.kinds[kind][d.name], 100)
  check.has(text, d.name .. "{")
  check.has(text, d.brief:match "^%S+")
  check.has(text, "for example\n  " .. d.example:match "^%S+")
  for _, f in ipairs(d.fields) do
    check.ok(f.doc and #f.doc > 3, "%s.%s has no text", d.name, f.name)
    check.has(text, "\n  " .. f.name)
  end
end

local function offered(line)
  local start = #line:match "^(.*[%s{]).-$"
  local list = {}
  for _, c in ipairs(complete.at("", line, start)) do list[c.text] = c.shown end
  return list
end

-- What stands behind `option = `: every choice, true and false, the objects of its kind.
local function completes_values(line, f)
  local wanted = f.choices
  if f.type == "object" then wanted = arguments.objects(f.kind) end
  local list = offered(("%s { %s = "):format(line, f.name))
  for _, word in ipairs(wanted or {}) do
    check.ok(list['"' .. word .. '"'], "TAB behind %s { %s = does not give %s", line, f.name, word)
  end
  if f.type == "true or false" then check.ok(list["true"] and list["false"], "TAB: %s of %s", f.name, line) end
end

local function completes(kind, d)
  local line = ("sonde.kinds.%s.%s"):format(kind, d.name)
  local list = offered(line .. " { ")
  for _, f in ipairs(d.fields) do
    local shown = list[f.name .. " = "]
    check.ok(shown, "TAB behind %s { does not give %s", d.name, f.name)
    -- where two kinds share the name and the option, the first one's text stands there
    local texts = {}
    for _, other in ipairs(require "sonde.topics".described(d.name)) do
      for _, g in ipairs(other.fields) do
        if g.name == f.name then texts[("%-20s  %s"):format(g.name, help.field_text(g)):sub(1, 70)] = true end
      end
    end
    check.ok(texts[shown:sub(1, 70)], "TAB shows %q for %s of %s, without its type", shown, f.name, d.name)
    completes_values(line, f)
  end
end

-- ---- objects ----

-- The object of that type in what an example gives: itself, or one of its options.
local function within(v, kind, name)
  if core.type(v) ~= "object" then return nil end
  if v.kind == kind and v.type == name then return v end
  for _, f in ipairs(core.describe(v.kind, v.type).fields) do
    local found = within(v[f.name], kind, name)
    if found then return found end
  end
end

local function plain(v)
  if type(v) ~= "table" then return tostring(v) end
  local out = {}
  for i, item in ipairs(v) do out[i] = plain(item) end
  return "{" .. table.concat(out, ", ") .. "}"
end

-- Another value for an option, or nil.
local function another(f, v)
  if f.choices then return f.choices[1] == v and f.choices[2] or f.choices[1] end
  if f.type == "true or false" then return not v end
  if f.type == "text" then return "other" end
  if type(v) == "number" and f.min then
    for _, try in ipairs { v + 1, v / 2, (f.min + f.max) / 2 } do
      if try ~= v and try >= f.min and try <= f.max then return try end
    end
  elseif type(v) == "number" then
    return v + 1
  end
  if f.type == "object" then
    for _, name in ipairs(arguments.objects(f.kind)) do
      if not v or v.type ~= name then return core.named(f.kind, name) end
    end
  end
end

-- The object with one option changed, for each option where that is allowed.
local function variations(object, d)
  local list, construct = { object }, sonde.kinds[object.kind][object.type]
  for _, f in ipairs(d.fields) do
    local opts, changed = {}, another(f, object[f.name])
    for _, g in ipairs(d.fields) do opts[g.name] = object[g.name] end
    opts[f.name] = changed
    if changed ~= nil then
      local ok, made = pcall(construct, opts)
      if ok and core.type(made) == "object" and made ~= object then list[#list + 1] = made end
    end
  end
  return list
end

-- What an object prints is Lua that makes an equal one, but for recordings, which print as the functions they were.
local function reads_back(object)
  local kinds = { object.kind, "activation", "initializer", "regularizer", "schedule" }
  local names = setmetatable({}, { __index = function(_, name)
    for _, kind in ipairs(kinds) do
      if sonde.kinds[kind][name] then return sonde.kinds[kind][name] end
    end
  end })
  local text = core.object_text(object)
  check.ok(tostring(object) == text or text:find('program="inputs ', 1, true), "%s prints as %s", text, object)
  local again = load("return " .. text, "=printed", "t", names)()
  check.ok(again == object, "%s reads back as %s", object, again)
end

-- ---- through a file ----

-- A model with the layer in it: behind an input of the first shape that fits, alone or twice.
local function model_of(layer)
  if layer.type == "input" then return model { inputs = layer, outputs = flatten {}(layer) } end
  local why
  for _, shape in ipairs { { 8, 8, 4 }, { 4 }, { 784 } } do
    for times = 1, 2 do
      local x = input { shape = shape }
      local ok, m = pcall(function() return model { inputs = x, outputs = times == 1 and layer(x) or layer(x, x) } end)
      if ok then return m end
      why = m
    end
  end
  return nil, why
end

local function net(opts)
  opts[1], opts.input_shape, opts.name = 10, { 4 }, "place"
  return sequential { dense(opts) }
end

-- Saved, loaded, saved again: the same bytes.
local function same_files(save, load)
  save(folder .. "/one.sonde")
  local again = load(folder .. "/one.sonde")
  again.save(again.what, folder .. "/two.sonde")
  check.ok(read(folder .. "/one.sonde") == read(folder .. "/two.sonde"), "the second file has other bytes")
  return again.what
end

local function model_through(m)
  return same_files(function(path) m:save(path) end, function(path)
    local loaded = load_model(path)
    return { what = loaded, save = loaded.save }
  end)
end

local function compiled(opts)
  local m = net {}
  m:compile { loss = opts.loss or "mse", optimizer = opts.optimizer or "sgd", metrics = opts.metrics }
  return m
end

local function in_dense(option)
  return function(object) return model_through(net { [option] = object }).layers.place.config[option] end
end

local x, y = tensor.rand { 8, 4 }, tensor.rand { 8, 10 }

-- By kind: the object as it comes back from a file; false for what lives in none (data are given again to resume).
local through = {
  layer = function(object, d)
    local m, why = model_of(object)
    if not m then return nil, why end
    local loaded = model_through(m)
    local found
    for name, layer in pairs(m.layers) do
      local config = loaded.layers[name].config
      check.equal(core.object_text(config), core.object_text(layer.config))
      if config.type == object.type then found = config end -- an input comes before it
    end
    for _, f in ipairs(d.fields) do
      if f.name ~= "name" then check.equal(plain(found[f.name]), plain(object[f.name]), d.name .. "." .. f.name) end
    end
    return found
  end,
  activation = in_dense "activation", initializer = in_dense "kernel_initializer",
  regularizer = in_dense "kernel_regularizer",
  loss = function(object) return model_through(compiled { loss = object }).loss end,
  optimizer = function(object) return model_through(compiled { optimizer = object }).optimizer end,
  schedule = function(object)
    return model_through(compiled { optimizer = sgd { learning_rate = object } }).optimizer.learning_rate
  end,
  metric = function(object)
    model_through(compiled { metrics = { object } })
    check.has(read(folder .. "/two.sonde"), " = " .. core.object_text(object) .. "\n") -- a model does not show its metrics
    return object
  end,
  callback = function(object)
    local ok, r = pcall(function()
      return compiled {}:run(x, y, { validation_data = { x, y }, verbose = 0, callbacks = { object } })
    end)
    if not ok then return nil, r end
    local back = same_files(function(path) r:save(path) end, function(path)
      local again = resume(path, x, y, { validation_data = { x, y }, verbose = 0 })
      return { what = again, save = again.save }
    end)
    return core.run_callbacks(back)[1]
  end,
  dataset = false,
  probe = false,
}

local trips = 0
local function goes_through(kind, d, object)
  for i, o in ipairs(variations(object, d)) do
    reads_back(o)
    if through[kind] then
      local back, why = through[kind](o, d)
      check.ok(back or i > 1, "%s: %s", o, why) -- an option may want other data than there are
      if back then
        trips = trips + 1
        if kind ~= "layer" then check.equal(core.object_text(back), core.object_text(o)) end
      end
    end
  end
end

-- ---- the loop ----

check.ok(#core.kinds >= 11)
local count = 0
for _, kind in ipairs(core.kinds) do
  check.ok(through[kind.kind] ~= nil, "say how a %s goes through a file", kind.kind)
  for _, entry in ipairs(kind) do
    local d = core.describe(kind.kind, entry.name)
    count = count + 1
    check.ok(d.example and d.example:find(d.name, 1, true), "%s %s has no example", kind.kind, d.name)
    check.ok(d.brief and #d.brief > 5, "%s %s has no text", kind.kind, d.name)
    has_help(kind.kind, d)
    completes(kind.kind, d)
    if kind.kind ~= "dataset" then -- its example wants files: lua/docs makes them and types it
      local chunk = assert(load("return " .. d.example))
      goes_through(kind.kind, d, within(chunk(), kind.kind, d.name) or core.named(kind.kind, d.name))
    end
  end
end
check.ok(count >= 85, "%d constructors", count)
check.ok(trips > 2 * count, "%d ways through a file", trips)
check.done()
