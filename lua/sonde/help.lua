-- help "conv2d": what the tables say; help "run": what the pages say; help "r:step": the lines about it.
local core = require "sonde.core"
local foreign = require "sonde.foreign"
local groups = require "sonde.groups"
local layout = require "sonde.layout"
local objects = require "sonde.objects"
local options = require "sonde.options"
local topics = require "sonde.topics"
local trace = require "sonde.trace"
local util = require "sonde.util"

local help = {}

-- Where each kind is used.
local use = {
  layer = "what sequential{ ... } and model{ ... } are made of",
  activation = 'activation = "relu" in a layer, or activation "relu" as a layer',
  loss = 'what training makes small: m:compile{ loss = "mse" }',
  optimizer = "how training goes down: m:compile{ optimizer = adam{ 1e-4 } }",
  schedule = "a learning rate that changes: adam{ learning_rate = cosine_decay{ ... } }",
  initializer = 'the first values of weights: dense{ 8, kernel_initializer = "he_normal" }',
  regularizer = "a penalty on weights or outputs: dense{ 8, kernel_regularizer = l2(1e-4) }",
  metric = 'what is measured beside the loss: m:compile{ metrics = { "accuracy" } }',
  callback = "what acts between steps: m:run(data, { callbacks = { ... } })",
  dataset = "samples and their labels: m:run(data)",
  probe = 'what is measured of a step: r:record{ "gradients", every = 10 }',
}

function help.use(kind) return use[kind] end

-- ---- described objects ----

-- conv2d{ filters, kernel_size, strides = 1, ... }
function help.signature(d, width)
  local placed, named = {}, {}
  for _, f in ipairs(d.fields) do
    if f.pos > 0 then placed[f.pos] = f.required and f.name or f.name .. " = " .. f.default
    else named[#named + 1] = f.name .. " = " .. f.default end
  end
  for _, s in ipairs(named) do placed[#placed + 1] = s end
  local inside = table.concat(placed, ", ")
  return layout.wrap(inside == "" and d.name .. "{}" or ("%s{ %s }"):format(d.name, inside), width, 4, 0)
end

-- 1048576, not 1.04858e+06
local function limit(v)
  if v == math.floor(v) and math.abs(v) < 2 ^ 53 then return ("%.0f"):format(v) end
  return ("%g"):format(v)
end

function help.field_type(f)
  if f.choices then
    local list = {}
    for i, c in ipairs(f.choices) do list[i] = ('"%s"'):format(c) end
    return table.concat(list, " or ")
  end
  if f.kind and f.type == "object" then return f.kind end
  if f.min then return ("%s, %s..%s"):format(f.type, limit(f.min), limit(f.max)) end
  return f.type
end

-- What an option is, in a few words: `"valid"  "valid" or "same"`.
function help.field_text(f) return ("%s  (%s)"):format(f.default, help.field_type(f)) end

-- A layer's other name belongs to Keras and cannot be written here; where a string stands for an object it can.
function help.other_name(d)
  if not d.alias or d.kind == "layer" then return "" end
  return ('; in a string also "%s"'):format(d.alias)
end

-- Rows of name and text of what a probe's table has.
function help.probe_columns(name)
  local rows = {}
  for i, c in ipairs(core.probe_columns(core.named("probe", name))) do rows[i] = { c.name, c.doc } end
  return rows
end

local function described(d, width)
  local lines = { help.signature(d, width),
    "  " .. layout.wrap(("%s: %s%s"):format(d.kind, d.brief, help.other_name(d)), width, 2) }
  local rows = {}
  for i, f in ipairs(d.fields) do
    rows[i] = { f.name, f.default, ("%s (%s)"):format(f.doc or "", help.field_type(f)) }
  end
  if #rows > 0 then lines[#lines + 1] = layout.rows(rows, width, 2) end
  if d.kind == "probe" then
    lines[#lines + 1] = "columns"
    lines[#lines + 1] = layout.rows(help.probe_columns(d.name), width, 2)
  end
  lines[#lines + 1] = "for example"
  lines[#lines + 1] = "  " .. layout.wrap(d.example, width, 4, 2)
  return table.concat(lines, "\n")
end

local function members(kind, width)
  local rows = {}
  for i, entry in ipairs(kind) do rows[i] = { entry.name, core.describe(kind.kind, entry.name).brief } end
  return layout.wrap(("%s: %s"):format(kind.kind, use[kind.kind] or ""), width, 4, 0) .. "\n"
    .. layout.rows(rows, width, 2)
end

-- ---- pages ----

local function page_text(name, width) return layout.items(topics.items[name], width) end

-- Rows from several pages, each page's below a line that says where the rest is.
local function rows_text(found, width)
  local out, page, items = {}, nil, nil
  local function flush()
    if page then
      out[#out + 1] = layout.items(items, width) .. "\n" .. ('help "%s" tells more'):format(page)
    end
  end
  for _, m in ipairs(found) do
    if m.page ~= page then
      flush()
      page, items = m.page, {}
    end
    items[#items + 1] = { left = m.item.left, right = m.item.right, indent = 2 }
  end
  flush()
  return table.concat(out, "\n")
end

-- ---- overviews ----

local function names_of(kind)
  local names = {}
  for j, d in ipairs(kind) do names[j] = d.name end
  return table.concat(names, ", ")
end

-- What there is and where to go on: within a screen of 80 x 24, for somebody who has seen nothing yet.
local function overview(width)
  local rows, last = {}, {}
  for i, group in ipairs(groups) do rows[i] = { ('help "%s"'):format(group.name), group.brief } end
  for i, row in ipairs {
    { "?conv2d", "one thing: its options, an example; ?batch_norm, ?adam" },
    { "?padding", "an option: whose it is; ?conv2d.padding" },
    { "?r:step", "a method: of a model (m), run (r), dataset (d), tensor (t)" },
    { "?layer", "a list of one kind" },
    { 'help "everything"', "all names" },
  } do last[i] = row end
  local all = layout.rows(table.move(last, 1, #last, #rows + 1, table.move(rows, 1, #rows, 1, {})), width, 2)
  return layout.wrap("Build a network from layers, make a run of it over data, stop the run anywhere and look inside.",
    width, 0) .. "\n" .. all .. "\n" .. layout.wrap("TAB completes names and options. Ctrl-C stops what runs, "
    .. "and loses nothing. Ctrl-D leaves.", width, 0)
end

local function everything(width)
  local rows = {}
  for i, kind in ipairs(topics.kinds) do rows[i] = { kind.kind, names_of(kind) } end
  rows[#rows + 1] = { "other pages", table.concat(topics.order, ", ") }
  return layout.rows(rows, width, 0) .. "\n"
    .. layout.wrap('help "conv2d" or ?conv2d explains one of them, ?layer lists a kind', width, 0)
end

-- A chapter: its own kind in full, other kinds by their names, and a line on each page.
local function chapter(group, width)
  local out, compact, pages = { layout.wrap(("%s: %s"):format(group.name, group.brief), width, 4, 0) }, {}, {}
  for _, name in ipairs(group.kinds) do
    local kind = topics.kind(name)
    if topics.kind(group.name) == kind then out[#out + 1] = members(kind, width)
    else compact[#compact + 1] = { "?" .. name, names_of(kind) } end
  end
  for i, name in ipairs(group.pages) do pages[i] = { "?" .. name, topics.brief(name) } end
  if #compact > 0 then out[#out + 1] = "constructors\n" .. layout.rows(compact, width, 2) end
  if #pages > 0 then out[#out + 1] = "pages\n" .. layout.rows(pages, width, 2) end
  return table.concat(out, "\n")
end

-- ---- finding ----

-- Pages by what stands before the name, as in r:step and tensor.zeros.
local owners = { m = "model", r = "run", d = "dataset", t = "tensor", p = "picture" }

local function owner_page(word)
  if word == "" then return nil end
  local v = rawget(_G, word)
  local t = core.type(v)
  if t == "run" or t == "model" or t == "dataset" or t == "tensor" or t == "picture" then return t end
  return owners[word] or topics.page(word)
end

-- What is described is a method of the same name too, or what another tool has that is called otherwise here: ?weights
-- is more often asked by who looks for m:get_weights() than for the probe.
local function elsewhere(word, width)
  local lines = {}
  for _, text in ipairs { foreign.method(word) or "", foreign.of("model", word) or "" } do
    if text ~= "" then lines[#lines + 1] = layout.wrap("also: " .. text, width, 2, 0) end
  end
  return #lines > 0 and table.concat(lines, "\n") or nil
end

-- Everything about a word, or nil.
local function about(word, width)
  local group = topics.group(word)
  if group then return chapter(group, width) end
  if word == "everything" then return everything(width) end
  if not trace.is_written(topics.plain(word)) then return page_text("functions", width) end
  local found, other = {}, true -- other: the word is written otherwise there, as top_k is when topk is asked for
  for _, d in ipairs(topics.described(word)) do
    found[#found + 1] = described(d, width)
    other = other and d.name ~= word and d.alias ~= word
  end
  local kind, page = topics.kind(word), topics.page(word)
  if kind then found[#found + 1] = members(kind, width) end
  if page then found[#found + 1] = page_text(page, width) end
  if #found == 0 or (kind and word ~= kind.kind) or (other and not kind and not page) then -- "layers" is also m.layers
    local rows = topics.rows(word)
    found[#found + 1] = options.text(word, width, help.field_type)
    for i = #rows, 1, -1 do
      if rows[i].item.option then table.remove(rows, i) end
    end
    if #rows > 0 then found[#found + 1] = rows_text(rows, width) end
  else
    found[#found + 1] = options.also(word, width)
    if not page and not kind then found[#found + 1] = elsewhere(word, width) end
  end
  return #found > 0 and table.concat(found, "\n\n") or nil
end

-- The same for a word behind that of a page, as in r:step: what has no page of its own is a row there.
local function about_member(owner, word, width)
  local rows = owner and not topics.page(word) and topics.rows(word, owner) or {}
  if #rows > 0 then return rows_text(rows, width) end
  return about(word, width)
end

-- The method or function that a Lua function is: "run", "step".
local function function_name(fn)
  for _, owner in ipairs { "model", "run", "dataset", "tensor", "picture" } do
    for name, method in pairs(core.meta[owner].methods) do
      if method == fn then return owner, name end
    end
  end
  for name, v in pairs(require "sonde") do
    if v == fn then return nil, name end
  end
end

-- conv2d.padding, m:run.batch_size: an option of a constructor or of what has a page.
local function about_option(before, word, width)
  local owner = before:match "[%w_]+$"
  if not owner then return nil end
  if not trace.is_written(topics.plain(owner)) then return page_text("functions", width) end
  local text = options.text(word, width, help.field_type, owner)
  local known = topics.page(word) or topics.kind(word) or #topics.described(word) > 0
  for _, row in ipairs(topics.rows(word)) do known = known or not row.item.option end
  if text or known or #topics.described(owner) == 0 then return text end
  local near = core.suggest(word, topics.options(owner))
  util.fail("help: %s has no option %s; %s", owner, word,
    near and ("did you mean %s?"):format(near) or ("?%s lists them"):format(owner))
end

local function about_name(topic, width)
  topic = topic:gsub("%b()%s*$", ""):gsub("%b{}%s*$", ""):match "^%s*(.-)[%s{}()]*$"
  local before, word = topic:match "^(.-)[.:]?([%w_]+)$"
  if not word then return nil end
  if before ~= "" then
    local option = about_option(before, word, width)
    if option then return option end
    local owner = owner_page(before:match "^[%w_]*")
    if owner and owner == topics.page(before) and not topics.page(word) and #topics.rows(word, owner) == 0
      and #topics.described(word) == 0 then
      return page_text(owner, width) -- npz.load: its page says it in its first line; picture.load is another
    end
    return about_member(owner, word, width) or (owner == topics.page(before) and owner and page_text(owner, width))
  end
  local t = core.type(rawget(_G, word)) -- a variable: what it holds
  local held = owner_page(word) == t and page_text(t, width) or nil
  if held and #word == 1 then return held end -- t is more often a variable than the method of a tensor
  return about(word, width) or held
end

-- The text about a topic: a name, a constructor, an object, or nothing for the overview; nil when there is none.
function help.text(topic, width)
  width = width or layout.width()
  if topic == nil or topic == "" then return overview(width) end
  local made = objects.constructor_of[topic]
  if made then return described(core.describe(made.kind, made.name), width) end
  local t = core.type(topic)
  if t == "object" and not trace.is_written(topic.type) then return page_text("functions", width) end
  if t == "object" then return described(core.describe(topic.kind, topic.type), width) end
  if t == "string" then return about_name(topic, width) end
  if t == "function" then
    local owner, name = function_name(topic)
    return name and about_member(owner, name, width)
  end
  for _, name in ipairs { "tensor", "npz", "npy", "picture", "plot", "sonde" } do
    if topic == rawget(_G, name) then return page_text(name, width) end
  end
  return topics.items[t] and page_text(t, width) or nil
end

-- One line on a function that is ours, for the prompt; nil for others.
function help.brief(fn)
  local made = objects.constructor_of[fn]
  if made then return ("%s: %s; ?%s explains it"):format(made.name, core.describe(made.kind, made.name).brief, made.name) end
  local owner, name = function_name(fn)
  if owner then return ("method %s of a %s, to be called with a colon; ?%s explains it"):format(name, owner, name) end
  if name then return ("function %s; ?%s explains it"):format(name, name) end
end

-- On a terminal that has colors: what stands at the left margin, up to a second column, is bold.
local function colored(text)
  if not util.colors() then return text end
  return (("\n" .. text):gsub("\n(%S[^\n]*)", function(line)
    local left, right = line:match "^(.-%S)(%s%s+.*)$"
    return ("\n\27[1m%s\27[0m%s"):format(left or line, right or "")
  end):sub(2))
end

function help.help(topic)
  local text = help.text(topic)
  if not text then
    local word = type(topic) == "string" and topic:match "([%w_]+)[%s%(%){}]*$"
    local known = word and foreign.anywhere(word)
    local near = type(topic) == "string" and core.suggest(topic, topics.all())
    util.fail("help: there is nothing about %s%s", type(topic) == "string" and ('"%s"'):format(topic) or util.a(topic),
      known and "; " .. known or near and ('; did you mean "%s"?'):format(near) or "; help() lists what there is")
  end
  require "sonde.prompt".page(colored(text) .. "\n")
end

return help
