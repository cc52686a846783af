-- Maps of explanations against PyTorch in float64 (tests/golden/make_explain.py).
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")
local data = U.load "explain"
local TOLERANCE = 2e-5

local function network(head)
  local i = input { 13, 10, 3, name = "x" }
  local low = max_pool2d { 2 } (conv2d { 6, 3, padding = "same", activation = "tanh", name = "stem" } (i))
  local act = activation { "relu", name = "act" } (batch_norm { name = "bn" } (low))
  local side = conv2d { 6, 3, padding = "same", activation = "relu", name = "side" } (act)
  local pool = dropout { 0.5 } (max_pool2d { 2 } (add { act, side, name = "join" }))
  return model { inputs = i, outputs = head(flatten {} (pool)) }
end

local m = network(dense { 4, activation = "softmax", name = "head" })
m:set_weights(U.list(data, "w"))

local all = m:explain(data.x, { method = { "grad_cam", "saliency", "input_x_gradient", "integrated_gradients",
  "occlusion" }, steps = 9, patch = { 4, 3 }, stride = { 3, 2 }, baseline = "mean", batch_size = 4 })
for k = 1, 3 do
  local e, function_of = all[k], function(name) return data[("%s_%d"):format(name, k - 1)] end
  local function close(what, got, name) U.close(("%s, image %d"):format(what, k), got, function_of(name), TOLERANCE) end
  close("class, score, probability", { e.class + 1, e.score, e.probability }, "class")
  U.result(e.grad_cam.layer == "join", "layer", "is %s", e.grad_cam.layer)
  close("Grad-CAM at the layer's size", e.grad_cam.raw, "cam")
  close("Grad-CAM at the image's size", e.grad_cam.map, "cam_map")
  close("gradient", e.saliency.raw, "saliency_raw")
  close("saliency", e.saliency.map, "saliency")
  close("input x gradient", e.input_x_gradient.map, "ixg")
  local mean = e.integrated_gradients
  close("integrated gradients from the mean", mean.map, "ig_mean")
  U.close("its gap", { mean.difference, mean.gap + 1 }, function_of "ig_gap_mean" + tensor { 0, 1 }, TOLERANCE)
  close("occlusion by place", e.occlusion.raw, "occlusion_raw")
  close("occlusion", e.occlusion.map, "occlusion")

  local x = data.x[k]
  local stem = m:explain(x, { method = "grad_cam", layer = "stem" })
  close("Grad-CAM of the first layer", stem.raw, "stem")
  close("and at the image's size", stem.map, "stem_map")
  local black = m:explain(x, { method = "integrated_gradients", steps = 9 })
  close("integrated gradients from black", black.map, "ig_black")
  U.close("its gap", { black.difference, black.gap + 1 }, function_of "ig_gap_black" + tensor { 0, 1 }, TOLERANCE)
end

-- one unit
local w = U.list(data, "w")
w[9], w[10] = data.one_00, data.one_01
for _, way in ipairs { "sigmoid", "logits" } do
  m = network(dense { 1, activation = way == "sigmoid" and "sigmoid" or nil, name = "head" })
  m:set_weights(w)
  if way == "logits" then
    m:compile { loss = binary_crossentropy { from_logits = true }, optimizer = sgd { 0.1 } }
  end
  for class = 1, 2 do
    local e = m:explain(data.x[1], { class = class - 1, method = "grad_cam" })
    local function close(what, got, name) U.close(way .. ", " .. what, got, data[name .. class], TOLERANCE) end
    close("score, probability", { e.score, e.probability }, "one_class_")
    close("Grad-CAM at the layer's size", e.raw, "one_cam_")
    close("Grad-CAM at the image's size", e.map, "one_map_")
  end
end
U.done()
