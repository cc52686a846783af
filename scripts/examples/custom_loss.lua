-- A loss of one's own: the focal loss (Lin et al. 2017) as a Lua function, beside cross-entropy, on data of which one
-- sample in twenty is positive. The function is called once, with symbols; what it computes runs and is differentiated
-- in C.
--   sonde scripts/examples/custom_loss.lua [curves.png]
sonde.seed(1)

local function focal(gamma, alpha)
  return function(y, p)
    p = clip(p, 1e-7, 1 - 1e-7)
    local right = where(gt(y, 0.5), p, 1 - p)           -- the probability of the true class
    local weight = where(gt(y, 0.5), alpha, 1 - alpha)
    return mean(-weight * (1 - right)^gamma * log(right)) -- sure and right: costs next to nothing
  end
end

-- The gradient is exact: beside a difference quotient, in float64.
local f = focal(2, 0.75)
local y1, p1, h = tensor({ { 1 }, { 0 } }, "float64"), tensor({ { 0.3 }, { 0.6 } }, "float64"), 1e-6
local _, by_p = grad(f)(y1, p1)
local step = tensor({ { h }, { 0 } }, "float64")
local quotient = (f(y1, p1 + step) - f(y1, p1 - step)) / (2 * h)
print(("gradient at p = 0.3: %.9f, as a quotient of differences %.9f\n"):format(by_p[{ 1, 1 }], quotient))

-- Two overlapping clouds; 5 % of the points belong to the small one.
local function clouds(n, seed)
  local x, rare = tensor.randn { n, 2, seed = seed }, tensor.rand { n, 1, seed = seed + 1 }:lt(0.05):astype "float32"
  return x + rare * 1.7, rare
end
local x, y = clouds(4000, 1)
local x_val, y_val = clouds(4000, 3)

local start = sequential {
  dense { 16, activation = "relu", input_shape = { 2 } }, dense { 1, activation = "sigmoid" },
}
start:compile { loss = "mse", optimizer = "adam" }
local names, curves = { "precision", "recall", "auc" }, {}
print(("%-22s  %9s  %9s  %9s"):format("loss", table.unpack(names)))
for _, case in ipairs { { "binary_crossentropy", "binary_crossentropy" }, { "focal, gamma 2", focal(2, 0.75) },
  { "focal, gamma 4", focal(4, 0.9) } } do
  local m = start:clone()
  m:compile { loss = case[2], optimizer = adam { 0.01 }, metrics = names }
  local r = m:fit(x, y, { validation_data = { x_val, y_val }, epochs = 15, batch_size = 64, seed = 1, verbose = 0 })
  local e = m:evaluate(x_val, y_val)
  curves[case[1]] = r:history().val_recall
  print(("%-22s  %9.4f  %9.4f  %9.4f"):format(case[1], e.precision, e.recall, e.auc))
end
print "\nThe focal loss finds more of the rare class, at the price of false alarms; the ranking (auc) hardly changes."

if arg[1] then
  plot { y = curves, title = "recall on validation data", xlabel = "epoch" }:save(arg[1])
  print("curves: " .. arg[1])
end
