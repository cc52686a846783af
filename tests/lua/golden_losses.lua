-- Every loss with label smoothing and from_logits, value and gradient, and every metric over two batches: against Keras
-- in float64 (top_k: NumPy). A dense layer of identity kernel carries the predictions.
local U = dofile(((arg and arg[0] or ""):match("^(.*/)[^/]*$") or "") .. "golden_util.lua")

local function carry(n, activation, opts)
  local eye = {}
  for i = 1, n do
    eye[i] = {}
    for j = 1, n do eye[i][j] = i == j and 1 or 0 end
  end
  local m = sequential { dense { n, use_bias = false, activation = activation, input_shape = { n } } }
  m:compile(opts)
  m:set_weights { tensor(eye) }
  return m
end

local data = U.load "losses"
local cce, sparse, bce = categorical_crossentropy, sparse_categorical_crossentropy, binary_crossentropy
for _, row in ipairs {
  { "cce", cce {} },
  { "cce_unnormalized", cce {} },
  { "cce_smoothed", cce { label_smoothing = 0.1 } },
  { "cce_softmax", cce {}, "softmax" },
  { "cce_softmax_smoothed", cce { label_smoothing = 0.2 }, "softmax" },
  { "cce_logits", cce { from_logits = true } },
  { "cce_logits_smoothed", cce { from_logits = true, label_smoothing = 0.3 } },
  { "sparse_softmax", sparse {}, "softmax" },
  { "sparse_logits", sparse { from_logits = true } },
  { "bce", bce {} },
  { "bce_clipped", bce {} },
  { "bce_smoothed", bce { label_smoothing = 0.1 } },
  { "bce_sigmoid", bce {}, "sigmoid" },
  { "bce_sigmoid_smoothed", bce { label_smoothing = 0.2 }, "sigmoid" },
  { "bce_logits", bce { from_logits = true } },
  { "bce_logits_smoothed", bce { from_logits = true, label_smoothing = 0.3 } },
  { "mse", mse {} },
  { "mae", mae {} },
  { "huber", huber {} },
  { "huber_half", huber { delta = 0.5 } },
  { "hinge_signs", hinge {} },
  { "hinge_bits", hinge {} },
} do
  local name, loss, activation = table.unpack(row, 1, 3)
  local m = carry(4, activation, { loss = loss, optimizer = "sgd" })
  local x, y = data[name .. ".x"], data[name .. ".y"]
  U.close("loss " .. name .. ": value", m:evaluate(x, y).loss, data[name .. ".loss"], 1e-5)
  U.close("loss " .. name .. ": gradient", m:gradients_on_batch(x, y)[1], data[name .. ".g"], 1e-5)
end

data = U.load "metrics"
local function metrics(group, n, loss, list)
  local m = carry(n, nil, { loss = loss, optimizer = "sgd", metrics = list.metrics })
  local got = m:evaluate(data[group .. ".x"], data[group .. ".y"], { batch_size = 16 })
  U.close("metrics, " .. group .. ": loss", got.loss, data[group .. ".loss"], 1e-5)
  for mine, reference in pairs(list.names) do
    U.close("metrics, " .. group .. ": " .. mine, got[mine], data[reference] or data[group .. "." .. reference], 1e-6)
  end
end
metrics("binary", 1, "binary_crossentropy", {
  metrics = { "accuracy", auc {}, precision {}, recall {} },
  names = { accuracy = "accuracy", auc = "auc", precision = "precision", recall = "recall" },
})
metrics("binary", 1, "binary_crossentropy", {
  metrics = { auc { curve = "PR" }, precision { thresholds = 0.7 }, recall { thresholds = 0.3 } },
  names = { auc = "auc_pr", precision = "precision_7", recall = "recall_3" },
})
metrics("binary", 1, "binary_crossentropy", { metrics = { auc { num_thresholds = 7 } }, names = { auc = "auc_7" } })
metrics("categorical", 7, "categorical_crossentropy", {
  metrics = { "accuracy", auc {}, precision {}, recall {}, top_k {} },
  names = { accuracy = "accuracy", auc = "auc", precision = "precision", recall = "recall", top_k = "top_5" },
})
metrics("categorical", 7, "categorical_crossentropy", { metrics = { top_k { k = 2 } }, names = { top_k = "top_2" } })
metrics("sparse", 7, "sparse_categorical_crossentropy", {
  metrics = { "accuracy", top_k { k = 3 } }, names = { accuracy = "accuracy", top_k = "top_3" },
})
U.done()
