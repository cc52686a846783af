-- Resuming: the same numbers are the same data however they are given, in another process too.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local dir = check.folder()
local path = dir .. "/run.sonde"
local x, y = check.points(100)

local function network()
  local m = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, dense { 1, activation = "sigmoid" } }
  m:compile { loss = "binary_crossentropy", optimizer = adam { 0.01 } }
  return m
end

-- Saves a run after 3 steps; gives its weights at the end.
local function save(...)
  local r = network():run(...)
  r:step(3)
  r:save(path)
  return r:finish().model:get_weights()
end
local function goes_on(w, what, ...)
  local opts = select(select("#", ...), ...)
  if type(opts) == "table" and opts.verbose then check.same_weights(resume(path, ...):finish().model:get_weights(), w, what)
  else error "verbose is missing" end
end

local quiet = { verbose = 0 }
local opts = { batch_size = 8, epochs = 2, verbose = 0 }
local given = { { x, y }, { tensors { x = x, y = y } }, { { x, y } }, { { x = x, y = y } },
  { x:copy "float64", y:copy "uint8" } }
for i, how in ipairs(given) do
  local n = #how
  how[n + 1] = opts
  local w = save(table.unpack(how))
  how[n + 1] = nil
  for k, other in ipairs(given) do
    local n2 = #other
    other[n2 + 1] = quiet
    goes_on(w, ("made as %d, resumed as %d"):format(i, k), table.unpack(other))
    other[n2 + 1] = nil
  end
end

-- validation_split, views of rows
local w = save(x, y, { batch_size = 8, epochs = 2, verbose = 0, validation_split = 0.2 })
local first, rest = tensors { x = x, y = y }:split(0.8)
goes_on(w, "validation_split", x, y, { validation_split = 0.2, verbose = 0 })
goes_on(w, "views", first, { validation_data = rest, verbose = 0 })
goes_on(w, "rows", x:rows(1, 80), y:rows(1, 80), { validation_data = { x:rows(81), y:rows(81) }, verbose = 0 })
goes_on(w, "picked", tensors { x = x, y = y }:take(80), { validation_data = rest, verbose = 0 })
check.fails(function() resume(path, x, y) end, "100", "resume(path, x, y, { validation_split = ... })")
check.fails(function() resume(path, first) end, "validation data; give them", "validation_split = ...")
check.fails(function() resume(path, rest, { validation_data = first }) end, "resume.lua:", "data are given as m:run got")
local other = x:copy()
other[{ 3, 1 }] = 0.125
check.fails(function() resume(path, other, y, { validation_split = 0.2 }) end, "are not those")
local labels = y:copy()
labels[{ 99, 1 }] = 1 - labels[{ 99, 1 }]
check.fails(function() resume(path, x, labels, { validation_split = 0.2 }) end, "validation data are not those")

-- The order of data is the same in every process where no seed was given, and depends on the seed where one was.
local program = 0
while arg[program - 1] do program = program - 1 end
local pictures = dir .. "/pictures"
for i = 1, 6 do
  for _, class in ipairs { "a", "b" } do
    os.execute(("mkdir -p '%s/%s'"):format(pictures, class))
    check.bmp(("%s/%s/%d.bmp"):format(pictures, class, i), 4, 4, 20 * i, class == "a" and 200 or 0, 90)
  end
end
local script = ([[
local d = image_folder { %q, image_size = { 4, 4 }, verbose = false }
local m = sequential { flatten { input_shape = { 4, 4, 3 } }, dense { 2, activation = "softmax" } }
m:compile { loss = %q, optimizer = sgd { 0.01 } }
local train, val = d:split(0.5, { shuffle = true })
if %%s then
  local r = m:run(train, { batch_size = 2, epochs = 2, verbose = 0, validation_data = val })
  r:step(1)
  r:save %q
else
  resume(%q, train, { validation_data = val, verbose = 0 }):finish()
end
local _, _, name = d:sample(3)
local _, _, other = train:sample(2)
io.stderr:write(name, " ", other, "\n")
]]):format(pictures, "sparse_categorical_crossentropy", path, path)
script = script:gsub(", verbose = false", "")
local function process(text)
  local file = assert(io.open(dir .. "/script.lua", "w"))
  file:write(text)
  file:close()
  local pipe = assert(io.popen(("'%s' '%s/script.lua' 2>&1 >/dev/null"):format(arg[program], dir)))
  local out = pipe:read "a"
  check.ok(pipe:close(), "another process: %s", out)
  return out
end
local saved = process(script:format "true")
check.equal(process(script:format "false"), saved)
local seeded = process("sonde.seed(5)\n" .. script:format "true")
check.ok(seeded ~= saved, "a seed makes no difference: %s", seeded)
check.equal(process("sonde.seed(5)\n" .. script:format "false"), seeded)
check.fails(function() error(process(script:format "false")) end, "are not those")

check.done()
