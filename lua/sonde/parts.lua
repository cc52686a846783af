-- Methods that live in files of their own, which are read when one of them is first called: a prompt is there in
-- milliseconds because nothing is loaded before it is needed. By owner: file -> the names it holds in its table of
-- that owner; file_pages.lua beside it has the help.
local parts = {
  model = {
    judge = { "confusion", "classification_report", "accuracy", "worst", "most_confident_wrong", "calibration",
      "confidence_histogram", "roc", "precision_recall" },
    outputs = { "output", "input_gradient" },
    valley = { "clone", "landscape" },
    lr_find = { "lr_find" },
    gradcheck = { "gradcheck" },
    sharpness = { "sharpness" },
    pictures = { "filters", "feature_maps" },
    report_html = { "report" },
    explain = { "explain" },
    profile = { "profile" },
    surgery = { "replace", "insert", "remove", "freeze", "unfreeze" },
  },
  run = {
    record = { "record", "recorded" },
    probes = { "gradients", "weights", "updates", "activations", "output_gradients" },
    pieces = { "forward", "backward", "update", "step_layer" },
    watch = { "watch", "break_at", "info", "disable", "enable", "delete", "ignore", "continue" },
    valley = { "landscape", "keep_path" },
    sharpness = { "sharpness" },
    profile = { "profile" },
    plot_run = { "plot" },
    report_html = { "report" },
    surgery = { "compile" },
    pictures = { "show_batch", "batch_picture" },
  },
  dataset = {
    batch = { "batch", "batches" },
    pictures = { "show", "picture" },
  },
  prompt = { prompt = {} }, -- pages alone
}

local add = {}

-- Puts the owner's methods into the table that its own file makes.
function add.methods(owner, methods)
  for file, names in pairs(parts[owner]) do
    for _, name in ipairs(names) do
      methods[name] = function(...) return require("sonde." .. file)[owner][name](...) end
    end
  end
end

local merged

-- All pages of help by name: those of sonde.pages, what the parts add to them (`more`, sections), and their own.
function add.pages()
  if merged then return merged end
  local files, names = {}, {}
  for _, owner in pairs(parts) do
    for file in pairs(owner) do files[file] = true end
  end
  for file in pairs(files) do names[#names + 1] = file end
  table.sort(names)
  local pages = require "sonde.pages"
  for _, file in ipairs(names) do
    local own = require("sonde." .. file .. "_pages")
    for name, text in pairs(own.pages or {}) do pages[name] = text end
    for name, text in pairs(own.more or {}) do pages[name] = pages[name] .. "\n" .. text end
  end
  merged = pages
  return pages
end

return add
