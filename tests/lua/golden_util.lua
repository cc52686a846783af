-- What the golden_*.lua tests share: the reference arrays (tests/golden, made by Keras in float64) and comparisons
-- whose failures name the network, the quantity and the layer. All failures of a script are shown, then it ends with 1.
local U = { failed = 0, passed = 0 }
local here = (arg and arg[0] or ""):match("^(.*)/[^/]*$") or "."

function U.load(name)
  return npz.load(here .. "/../golden/golden_" .. name .. ".npz")
end

-- Values of a tensor, number or nested list in row-major order.
local function flat(v, out)
  out = out or {}
  if type(v) == "number" then
    out[#out + 1] = v
  elseif type(v) == "table" then
    for _, e in ipairs(v) do flat(e, out) end
  else
    return flat(v:tolist(), out)
  end
  return out
end
U.flat = flat

-- data.PREFIX_00, data.PREFIX_01, ... as a list.
function U.list(data, prefix)
  local out = {}
  while data[("%s_%02d"):format(prefix, #out)] do out[#out + 1] = data[("%s_%02d"):format(prefix, #out)] end
  assert(#out > 0, prefix .. ": no such arrays in the reference")
  return out
end

function U.number(data, key)
  return flat(assert(data[key], key .. ": not in the reference"))[1]
end

local function result(ok, what, ...)
  if ok then
    U.passed = U.passed + 1
  else
    U.failed = U.failed + 1
    io.stderr:write("FAIL ", what, ": ", string.format(...), "\n")
  end
  return ok
end

local function shape_text(t)
  return type(t) == "userdata" and table.concat(t.shape, "x") or "(list)"
end

-- ||got - want|| / ||want|| <= tol, shapes equal. NaN fails.
function U.close(what, got, want, tol)
  if got == nil then return result(false, what, "missing") end
  if type(got) == "userdata" and type(want) == "userdata" and shape_text(got) ~= shape_text(want) then
    return result(false, what, "shape %s, reference %s", shape_text(got), shape_text(want))
  end
  local g, w = flat(got), flat(want)
  if #g ~= #w then return result(false, what, "%d values, reference has %d", #g, #w) end
  local diff, norm, worst, at = 0, 0, -1, 0
  for i = 1, #w do
    local d = math.abs(g[i] - w[i])
    diff, norm = diff + d * d, norm + w[i] * w[i]
    if not (d <= worst) then worst, at = d, i end
  end
  local rel = math.sqrt(diff) / math.max(math.sqrt(norm), 1e-30)
  return result(rel <= tol, what, "off by %.3g relative (allowed %.3g); element %d is %.9g, reference %.9g", rel, tol,
    at, g[at], w[at])
end

-- Every weight of a list by its name; except[name] = true leaves one out.
function U.close_list(what, got, want, names, tol, except)
  if not result(#got == #want and #want == #names, what, "%d arrays, reference has %d, names %d", #got, #want, #names)
  then
    return
  end
  for i, name in ipairs(names) do
    if not (except and except[name]) then U.close(what .. ", " .. name, got[i], want[i], tol) end
  end
end

-- Largest absolute value <= limit: for what is exactly zero in the reference.
function U.tiny(what, got, limit)
  local worst = 0
  for _, v in ipairs(flat(got)) do
    if not (math.abs(v) <= worst) then worst = math.abs(v) end
  end
  return result(worst <= limit, what, "%.3g is not zero (allowed %.3g)", worst, limit)
end

-- A whole network against its reference file: forward, loss, gradients, steps on data.x_0, x_1, ..., weights, loss.
-- opts.zero: names of biases whose true gradient is zero because a batch_norm behind them subtracts the mean. What a
-- program in float32 finds there is rounding noise, which Adam's division blows up to steps of full size: so their
-- gradient is checked to be noise, and they are left out of the comparison after the steps.
function U.network(what, m, data, opts)
  local zero = {}
  for _, name in ipairs(opts.zero or {}) do zero[name] = true end
  m:set_weights(U.list(data, "w0"))
  U.close_list(what .. ": set_weights then get_weights", m:get_weights(), U.list(data, "w0"), opts.weights, 0)
  U.close(what .. ": predict", m:predict(data.x_0), data.out_infer, 1e-5)
  U.close(what .. ": evaluate before training", m:evaluate(data.x_0, data.y_0).loss, data.eval0, 1e-5)

  local grads, want = m:gradients_on_batch(data.x_0, data.y_0), U.list(data, "g")
  U.close_list(what .. ": gradient", grads, want, opts.trainable, 1e-4, zero)
  for i, name in ipairs(opts.trainable) do
    if zero[name] then U.tiny(what .. ": gradient, " .. name, grads[i], 1e-6) end
  end
  U.close_list(what .. ": weights after gradients_on_batch", m:get_weights(), U.list(data, "w0"), opts.weights, 0)

  for i, loss in ipairs(flat(data.losses)) do
    U.close(what .. ": loss of step " .. i, m:train_on_batch(data["x_" .. i - 1], data["y_" .. i - 1]), loss, 1e-5)
  end
  U.close_list(what .. ": weights after the steps", m:get_weights(), U.list(data, "w5"), opts.weights, 1e-4, zero)
  m:set_weights(U.list(data, "w5")) -- so that the noise above does not enter the last comparison
  local last = #flat(data.losses) - 1
  U.close(what .. ": evaluate after training", m:evaluate(data["x_" .. last], data["y_" .. last]).loss, data.eval5, 1e-5)
end

U.result = result

function U.done()
  local name = (arg and arg[0] or "golden"):match("([^/]*)%.lua$") or "golden"
  print(("%s: %d passed, %d failed"):format(name, U.passed, U.failed))
  if U.failed > 0 then os.exit(1) end
end

return U
