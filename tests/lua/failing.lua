-- Memory fails at one place of a session at the prompt, of Lua's allocations and of the core's, a session for each
-- place: an error and the prompt again, and what is typed afterwards gives what it gives without the failure.
-- SONDE_FAIL (src/app/heap.c) makes it fail. MEMORY_PLACES is how many places of each kind are tried, MEMORY_FROM and
-- MEMORY_TO in which part of the session: `make check-memory` tries many, under AddressSanitizer.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local program = arg[-1]
for i = -1, -100, -1 do
  if not arg[i] then break end
  program = arg[i]
end
if not program:find "^/" then program = io.popen("pwd"):read "l" .. "/" .. program end
local slow = tonumber(os.getenv "SLOW" or "") or 1
local places = tonumber(os.getenv "MEMORY_PLACES" or "") or math.max(6, 24 // slow)

local folder = check.folder()
local typed = [=[
x = tensor.randn { 24, 6, 6, 1, seed = 1 }
y = {}
for i = 1, 24 do
  y[i] = i % 3
end
data, val = tensors { x = x, y = y }:split(0.75)
m = sequential {
  conv2d { 3, 3, input_shape = { 6, 6, 1 }, kernel_regularizer = function(w) return 1e-3 * sum(abs(w)) end },
  batch_norm {}, activation(function(v) return v * sigmoid(v) end), max_pool2d { 2 }, dropout { 0.1 },
  flatten {}, dense { 3, activation = "softmax", name = "prediction" },
}
focal = function(t, p) return -mean(square(1 - p) * log(p + 1e-7) * reshape(one_hot(t, 3), { -1, 3 })) end
m:compile { loss = focal, optimizer = adam { 1e-2 }, metrics = { "accuracy" } }
m:summary()
r = m:run(data, { validation_data = val, batch_size = 6, epochs = 4, seed = 1, verbose = 0 })
r:step()
r:gradients()
r:activations()
w = r:watch "loss > 100"
r:step(2)
r:delete(1)
r:epoch()
r:loss_terms()
r:history()
r.layers.conv2d.kernel
r:save("r.sonde")
q = resume("r.sonde", data, { validation_data = val, verbose = 0 })
q:step()
m:save("m.sonde")
n = load_model("m.sonde")
n:evaluate(val)
m:replace("prediction", dense { 3, activation = "softmax", name = "head" })
m:insert("head", dense { 5, activation = "relu", name = "middle" })
m:remove "middle"
m:freeze "conv2d"
r:compile { loss = "sparse_categorical_crossentropy", optimizer = sgd { 0.1 } }
r:step()
m:unfreeze "conv2d"
r:finish()
r:plot("loss"):render "gp"
picture(x[1]:reshape { 6, 6 }):save("x.png")
npz.save("w.npz", m:get_weights())
npz.load "w.npz"
r:report("r.html", { plots = false })
?conv2d
help "adam"
require "sonde.complete".at("", "conv2d { pad", 1)
who()
grad(function(v) return sum(v ^ 2) end)(tensor { 1, 2, 3 })
error "mine"
]=]
-- What must come out the same whatever failed before: a run of its own, and the model that stands.
local closing = [=[
sonde.seed(3)
sound = sequential { dense { 4, activation = "tanh", input_shape = { 2 } }, dense { 1 } }
sound:compile { loss = "mse", optimizer = adam { 0.05 } }
sure = sound:run({ { 0, 1 }, { 1, 0 }, { 1, 1 } }, { 1, 2, 3 }, { epochs = 3, batch_size = 2, seed = 1, verbose = 0 })
sure:finish();
print("the end: " .. ("%.9g"):format(sure:history().loss[3]))
print("the model: " .. (not (m and x) and "none" or pcall(m.predict, m, x) and "whole" or "broken"))
]=]
local function write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end
write(folder .. "/counted", typed)
write(folder .. "/typed", typed .. closing .. closing) -- twice: the last place may be in the first

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "a"
  f:close()
  return text
end

local function session(fail, lines)
  local ok, how, status = os.execute(("cd '%s' && rm -f *.sonde *.npz *.png && SONDE_FAIL='%s' SONDE_THREADS=1 '%s' "
    .. "-i -q --no-rc <%s >printed 2>complained"):format(folder, fail, program, lines or "typed"))
  return read(folder .. "/printed"), read(folder .. "/complained"), how == "exit" and status or -1
end

local function ending(printed) return printed:match ".*the end: (%S+)" end

local whole = ending((session ""))
local _, complained, status = session("count", "counted")
local lua, core = complained:match "allocations: lua (%d+) core (%d+)"
check.ok(status == 0 and whole and lua, "the session ends with %d:\n%s", status, complained)
local errors = {}
for line in complained:gmatch "[^\n]*error: [^\n]*" do errors[#errors + 1] = line end
check.ok(#errors == 1 and errors[1]:find "mine", "without a failure there are errors:\n%s", table.concat(errors, "\n"))

local function names_memory(text)
  return text:find "not enough memory" or text:find "out of memory" or text:find "needs"
end

local tried, told, started = 0, 0, 0
local function try(kind, k)
  local out, err, code = session(("%s:%d"):format(kind, k))
  local where = ("%s allocation %d"):format(kind, k)
  tried = tried + 1
  if names_memory(err) then told = told + 1 end
  check.ok(not err:find "Sanitizer" and not err:find "runtime error", "%s:\n%s", where, err)
  if code == 1 and not out:find "sonde> " then -- there was no prompt yet to come back to
    check.ok(names_memory(err), "%s ends the start without a word: %s", where, err)
    return
  end
  started = started + 1
  check.ok(code == 0, "%s: the session ends with status %d:\n%s", where, code, err)
  check.ok(ending(out) == whole, "%s: later numbers are %s, expected %s:\n%s", where, tostring(ending(out)), whole, err)
  check.ok(out:match ".*the model: (%w+)" ~= "broken", "%s: the model is broken:\n%s", where, err)
end

-- From the first one on in equal steps.
local first, last = tonumber(os.getenv "MEMORY_FROM" or "0"), tonumber(os.getenv "MEMORY_TO" or "1")
for _, kind in ipairs { "core", "lua" } do
  local total = tonumber(kind == "lua" and lua or core)
  for i = 0, places - 1 do try(kind, math.floor(total * (first + (last - first) * i / places))) end
end
-- A tensor that finds no memory collects garbage and asks again, so not every failure is seen. A part of the session
-- may lie before its first prompt.
local all = first == 0 and last == 1
check.ok(told > tried // 4 and (started > tried // 2 or not all), "of %d failures %d were told, %d at the prompt", tried, told,
  started)
check.done()
