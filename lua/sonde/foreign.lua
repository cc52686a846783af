-- What Keras, PyTorch, numpy and IPython call things that are called otherwise here. Messages about names that are not
-- there ask for the way in which it is written in sonde.
local core = require "sonde.core"

local foreign = {}

-- ---- the lists: "names  how it is done here", as a message says it behind a semicolon; a line that begins with
-- spaces goes on ----

local lists = {}

-- Fields and methods that a tensor has not.
lists.tensor = [[
size  t.shape is the list of its sizes, #t the first of them
ndim, dim, rank  #t.shape is the number of axes
numel  t.shape is the list of sizes, whose product it is
len, length  #t is the size of the first axis
type  t.dtype is its type
float  t:astype("float32") is one of that type
double  t:astype("float64") is one of that type
int  t:astype("int32") is one of that type
long  t:astype("int64") is one of that type
view, resize  t:reshape{ 3, -1 } gives the same numbers in another shape
ravel  t:flatten() has them in one axis
swapaxes  t:transpose(1, 2) swaps two axes
T  t:t() is the transpose of a matrix, t:transpose() reverses all axes
clone  t:copy() is one of its own
contiguous  tensors are contiguous
detach  tensors carry no graph; t:copy() is one of its own
numpy  t:tolist() is a table of tables; npy.save(path, t) writes it for numpy
cpu, cuda, device  tensors are in the processor's memory already
to  t:astype("float64") is one of another type; tensors are in the processor's memory already
requires_grad, backward  grad(f) gives the gradient function of a function
clamp  t:clip(0, 1) keeps within limits
masked_fill  t[mask] = 0 sets, tensor.where(mask, 0, t) makes another
nan_to_num  t[t:isnan()] = 0 sets them
where  tensor.where(mask, a, b) chooses
mm, bmm  t:matmul(u) is the product
add  it is t + u
sub  it is t - u
mul  it is t * u
div  it is t / u
expand, expand_as  arithmetic repeats axes of size 1 by itself
expand_dims  t:unsqueeze(1) has a new axis there
median  t:sort() has it in the middle
unique  t:sort() has the same ones side by side
fill, fill_, zero_  t[{}] = 0 sets all
cat, concat, append  tensor.concat({ a, b }, 1) joins
save  npy.save(path, t) writes it
show, imshow  picture(t) draws it
plot  plot{ y = t } draws it
hist  plot.histogram(t) draws it
head  t:rows(1, 5) are the first rows]]

lists.model = [[
weights, parameters, named_parameters, params, variables, trainable_weights, state_dict  m:get_weights() lists all,
  m.layers.NAME.kernel is one, r:weights() of a run tells about them in numbers
load_state_dict  m:set_weights(list) sets them
load_weights  load_model(path) reads a model with its weights; m:set_weights(list) sets them
save_weights  m:save(path) writes the model with its weights
train  m:fit(data) trains, r = m:run(data) steps; there is no mode to set: training steps run in training mode
eval  there is no mode to set: training steps run in training mode, predict and evaluate in inference mode
add  layers come with sequential{ ... }; m:insert(2, dense{ 8 }) puts one into a model that stands
pop  m:remove("dense_1") takes a layer out
get_layer  m.layers.NAME is a layer
modules, children, apply  m.layers lists them
forward, call, predict_on_batch, transform  m:predict(x) gives the outputs
test_on_batch, score  m:evaluate(x, y) gives loss and metrics
predict_classes  m:predict(x):argmax() are the classes, from 1
predict_proba  m:predict(x) gives the outputs
backward  m:gradients_on_batch(x, y) gives the gradients, r:backward() of a run those of its step
zero_grad  gradients are cleared at each step
history  r = m:fit(data) gives a run, r:history() its epochs; m.last_run is the last one
step, epoch, finish, gradients, updates  a run has it: r = m:run(data)
lr, learning_rate  r.learning_rate of a run can be read and set
metrics  m:evaluate(data) gives them; m:compile{ metrics = { ... } } chooses
plot  r = m:fit(data), then r:plot()
plot_model  m:summary() shows the layers
input  m.input_shape is its shape
output_layer  m.layers[#m.layers] is the last layer
cpu, cuda, to  models are in the processor's memory already
1  m.layers[1] is a layer, m.layers.NAME too]]

lists.run = [[
loss, losses  r:history().loss has one for each epoch, r:loss_terms() says what it is made of
accuracy, val_loss, val_accuracy, metrics, log, logs  r:history() has one for each epoch
lr  r.learning_rate can be read and set
optimizer  r.model.optimizer is it
run, fit  r:epoch() and r:finish() go on
start  r:finish() goes on to the end
resume  r:finish() goes on to the end; resume(path) reads a saved one
next  r:step() makes the next step
pause  Ctrl-C stops it at a completed step
evaluate  r.model:evaluate(data)
predict  r.model:predict(x)
summary  r.model:summary()
grad, grads  r.layers.NAME.kernel.grad is a gradient, r:gradients() a table of all
1  r:history() has the epochs]]

lists.dataset = [[
shuffle  m:run(d, { shuffle = true }) mixes anew in each epoch; d:split(0.8, { shuffle = true }) mixes before
map  for x, y in d:batches() do ... end goes over the batches; a rescaling{} layer scales
filter, select  d:pick{ 3, 5 } chooses samples by number
skip, drop  d:pick{ ... } chooses samples, a, b = d:split(0.2) parts them
prefetch, cache, repeat  batches are prepared ahead, no file is decoded twice, runs begin anew each epoch
size, len, cardinality, length  #d is the number of samples
shape  d.x_shape and d.y_shape are those of one sample
x, y, data, get, item, 1  d:sample(1) is a sample, d:batch(1) a batch, d:take(8) the first ones; #d counts them
targets, y_true  d:labels() is a tensor of them
head  d:take(5) has the first ones]]

lists.layer = [[
weight  its weights are called kernel and bias
W, w  it is called kernel
b  it is called bias
weights, get_weights, parameters, trainable_weights, variables  each has a name, as kernel; .params lists them
set_weights  each is set by its name: m.layers.NAME.kernel = t
grad  r.layers.NAME.kernel.grad of a run is one
output_shape  it is called shape
requires_grad  it is called trainable
out_features  it is called units
out_channels  it is called filters
in_features, in_channels  m:summary() shows the shapes
running_mean  it is called moving_mean
running_var  it is called moving_variance]]

lists.optimizer = [[
lr  it is called learning_rate
betas  they are called beta_1 and beta_2
eps  it is called epsilon]]

-- Of the table tensor.
lists.maker = [[
array, tensor, new, as_tensor  tensor{ { 1, 2 }, { 3, 4 } } makes one
from_numpy  npy.load(path) reads numpy's files
empty  tensor.zeros{ 2, 3 } makes one
range  tensor.arange(5) is 0 1 2 3 4
cat, concatenate, vstack  tensor.concat({ a, b }, 1) joins
hstack  tensor.concat({ a, b }, 2) joins
save  npy.save(path, t) writes one
randint  (tensor.rand{ 2, 3 } * 10):floor() has whole numbers of 0 to 9
normal  tensor.randn{ 2, 3 } makes one
uniform  tensor.rand{ 2, 3 } makes one
manual_seed, seed  sonde.seed(1) makes random numbers repeatable
zeros_like  tensor.zeros(t.shape) makes one
ones_like  tensor.ones(t.shape) makes one
identity  tensor.eye(3) makes one]]

-- Of a table of Lua's, and of a text.
lists.list = [[
append, push, add  table.insert(t, v) puts v at the end, as t[#t + 1] = v does
extend, concat  table.move(b, 1, #b, #a + 1, a) puts the list b behind a
pop  table.remove(t) takes the last one out
insert, remove, sort, unpack  it is a function of table's: table.%s(t)
join  table.concat(t, ", ") is its text
items, keys, values  for k, v in pairs(t) do ... end goes over it
get  t[k] is nil where there is none
len, length, size  #t is the length of a list
copy  table.move(t, 1, #t, 1, {}) copies a list
index, count, map, filter, forEach  for i, v in ipairs(t) do ... end goes over it]]

lists.string = [[
split  for word in s:gmatch "[^,]+" do ... end goes over the parts
strip, trim  s:match "^%%s*(.-)%%s*$" is it without spaces
join  table.concat(list, ", ") joins
replace  s:gsub("a", "b") replaces
startswith, startsWith  s:find "^abc" tells
endswith, endsWith  s:find "abc$" tells
contains, includes, index  s:find("abc", 1, true) tells the place
append, concat  s .. t joins two
length, size, len  #s is the length
title, capitalize  s:upper() and s:lower() change all letters]]

lists.global = [[
len  #x is the length, #t.shape the number of axes
range, xrange  for i = 1, 10 do ... end counts; tensor.arange(10) is a tensor
enumerate, map, filter  for i, v in ipairs(list) do ... end goes over a list
zip  for i, v in ipairs(a) do ... b[i] ... end goes over two lists
reversed  for i = #list, 1, -1 do ... end goes backwards
sorted  table.sort(list) sorts in place, t:sort() a tensor
str, repr  tostring(x) is its text
int  math.tointeger(x) of a whole number, x // 1 of any
float  tonumber(text) is a number; t:astype("float32") a tensor
list, tuple  { 1, 2 } is a list
dict  { a = 1, b = 2 } is a table by name
isinstance  type(x) == "number" asks for the type
hasattr, getattr, setattr  x[name] is the field of that name
open  io.open(path) opens a file; npy.load, npz.load and idx{} read data
dir, vars  x. and TAB lists what x has, who() your names
globals, locals, whos  who() lists your names
pprint, display, echo, puts  a value alone on a line shows itself; print(v) in a script
printf  print(("%d"):format(x)) prints in a format
show  a value alone on a line shows itself; d:show(9) and p:show() draw pictures
imshow  picture(t) draws it
raise  error("text") raises one
exec, eval  load(text)() runs a text
raw_input  io.read() reads a line
source, include, reload  dofile "file.lua" runs a file
run  r = m:run(data) begins one; dofile "file.lua" runs a file
clear, cls  Ctrl-L clears the screen
timeit, tic, toc  time(f) and time "expression" measure; ?time
np, numpy, torch, nn, tf, tensorflow, keras, jax, optim, optimizers, losses, torchvision, F, K  there are no such
  modules: dense{ 8 }, adam{}, tensor.zeros{ 2, 3 } are names of their own; help() lists them
loss, criterion  m:compile{ loss = ... } says it; m:train_on_batch(x, y) and r:step() make a step
optimizer, opt, scheduler  m:compile{ optimizer = adam{ 1e-3 } } says it; m:train_on_batch(x, y) and r:step() make a step
layers  m.layers are those of a model; ?layer lists all kinds
callbacks  m:fit(data, { callbacks = { early_stopping{} } }) takes them; ?callback
callback  a callback is a table of functions: callbacks = { { on_epoch_end = function(epoch, logs, run) ... end } };
  ?callback
plt, matplotlib  plot{ y = t }, r:plot() and picture(t) draw; ?plot
pd, pandas  npy.load, npz.load and idx{} read data
Linear  it is called dense
BatchNorm1d, BatchNorm2d  it is called batch_norm
AdaptiveAvgPool2d  it is called global_avg_pool2d
LSTM, GRU, RNN  there are no recurrent layers; ?layer lists those that are there
Embedding  there is none; one_hot(x, depth) and a dense layer do the same
CrossEntropyLoss, NLLLoss  m:compile{ loss = "sparse_categorical_crossentropy" } is that for class numbers; ?loss
BCELoss, BCEWithLogitsLoss  m:compile{ loss = "binary_crossentropy" } is that; ?loss
MSELoss  m:compile{ loss = "mse" } is that; ?loss
L1Loss  m:compile{ loss = "mae" } is that; ?loss
DataLoader  m:run(d, { batch_size = 32 }) makes batches; for x, y in d:batches() do ... end goes over them
Dataset, TensorDataset, dataset  tensors{ x =, y = }, image_folder{} and idx{} make one; ?dataset
image_dataset_from_directory, ImageDataGenerator  image_folder{} reads folders of pictures
to_categorical  one_hot(y, 10) is it
train_test_split  train, val = d:split(0.8, { shuffle = true })
seed, set_seed, manual_seed, random_seed, set_random_seed  sonde.seed(1) makes all repeatable
cat  concat({ a, b }, axis) joins; !cat FILE shows a file
stack  tensor.stack({ a, b }, 1) joins along a new axis
array  tensor{ { 1, 2 }, { 3, 4 } } makes one
shape, size  t.shape is the list of a tensor's sizes
argmax, argmin  t:argmax() has the places along the last axis, t:argmin() too
dot  matmul(a, b) is the product
ceil, tan  t:ceil() of a tensor, math.ceil(x) of a number; tan too
isnan  t:isnan() of a tensor; of a number x ~= x
pi  it is math.pi
inf  it is math.huge
save  m:save(path), r:save(path), npz.save(path, table) write files]]

-- Options of m:fit and m:run.
lists.option = [[
lr, learning_rate  the optimizer has it: m:compile{ optimizer = adam{ 1e-3 } }; r.learning_rate can be set
loss, optimizer, metrics  m:compile{ loss =, optimizer =, metrics = } takes it
x, y, data, dataset, train_data  the data come first: m:fit(data, { ... }), m:fit(x, y, { ... })
n_epochs, nb_epoch, num_epochs, max_epochs, iterations, steps  it is called epochs
bs, batch  it is called batch_size
val, val_data, validation, valid_data, eval_set  it is called validation_data
workers, num_workers, use_multiprocessing, device, accelerator  all threads are used; sonde --threads N sets how many
generator, random_state  it is called seed
drop_last  the last batch of an epoch may be smaller
progress, progress_bar  it is called verbose]]

-- What IPython has behind a %.
lists.magic = [[
timeit, time  time "expression" or time(f) measures; ?time
prun  m:profile(x, y) says where the time of a step goes
who, whos  who() lists your names
run  dofile "file.lua" runs a file
edit, load  edit "file.lua" opens a file, and runs it
paste, cpaste  a paste works as it is
cd  !cd FOLDER goes there
history, hist  the arrows and Ctrl-R search the history
reset  a name that is set to nil is free; who() lists them
debug  _err is the last error
pdb  r:watch and r:break_at stop a run; ?watch
matplotlib  plots need no setting; ?plot
pinfo  ?NAME explains
magic, lsmagic, quickref  ?prompt tells what can be typed]]

-- Commands that a shell has.
foreign.commands = {}
for word in ("ls cd pwd cat head tail less mkdir rm cp mv git vi vim nano grep pip apt make man"):gmatch "%a+" do
  foreign.commands[word] = true
end

-- { what Lua's message has in it, a pattern of the chunk, the hint }: of what other languages write, which Lua does not
-- read. The first that fits is told.
foreign.syntax = {
  { "", "^%s*import%s", 'names are there without an import; require "module" loads a Lua file' },
  { "", "^%s*from%s+[%w_.]+%s+import", 'names are there without an import; require "module" loads a Lua file' },
  { "", "^%s*def%s+[%a_]", "Lua writes function f(x) return x + 1 end" },
  { "'then' expected near '='", "", "Lua compares by ==" },
  { "near '=", "===", "Lua compares by ==" },
  { "near '<'", "<>", "Lua writes ~= for not equal" },
  { "near '='", "=>", "Lua writes function(x) return x + 1 end" },
  { "near '{'", "function%s*[%w_.:]*%s*%b()%s*{", "Lua writes function f(x) ... end" },
  { "", '^[^\n]*"""', "Lua writes long texts as [[ ... ]]" },
  { "malformed number", "%d%.%.", "for i = 1, 10 do ... end counts; a .. b joins texts" },
  { "", "^%s*const%s+[%a_][%w_]*%s*=", "Lua writes x = 3" },
  { "", "^%s*let%s+[%a_][%w_]*%s*=", "Lua writes x = 3" },
  { "", "^%s*var%s+[%a_][%w_]*%s*=", "Lua writes x = 3" },
  { "", "^%s*[%a_][%w_]*%s*:=", "Lua writes x = 3" },
  { "", "^%s*for%s[^\n]*%f[%w_]in%s+range%(", "Lua writes for i = 1, 3 do ... end" },
  { "", "^%s*for%s[^\n]*:%f[%s\0]", "Lua writes for i = 1, 3 do ... end, for i, v in ipairs(list) do ... end" },
  { "'do' expected near ':'", "^%s*for%s", "Lua writes for i = 1, 3 do ... end, for i, v in ipairs(list) do ... end" },
  { "", "^%s*while%s[^\n]*:%f[%s\0]", "Lua writes while x < 3 do ... end" },
  { "near ':'", "^%s*while%s", "Lua writes while x < 3 do ... end" },
  { "", "^%s*if%s[^\n]*:%f[%s\0]", "Lua writes if x == 1 then ... elseif ... else ... end" },
  { "'then' expected near ':'", "^%s*if%s", "Lua writes if x == 1 then ... elseif ... else ... end" },
  { "", "^%s*try%s*:", "Lua writes ok, err = pcall(f)" },
  { "", "^%s*with%s[^\n]*:%f[%s\0]", "Lua writes local f <close> = ... in a do ... end" },
  { "", "^%s*class%s+[%a_]", "Lua has tables and functions instead of classes; ?lambda is a layer of one's own" },
  { "", "%f[%w_]lambda%s+[%w_, ]*:", "Lua writes function(x) return x + 1 end" },
  { "", "^%s*del%s+[%a_]", "Lua writes x = nil" },
  { "", "^%s*print%s+[%w_]", "print(x) has parentheses; x alone shows itself" },
  { "", "^%s*assert%s+[%w_]", "assert(x) has parentheses" },
  { "", "^%s*raise%s+[%a_]", 'Lua writes error("text")' },
  { "", "^%s*#", "a comment begins with --" },
  { "", "^%s*//", "a comment begins with --" },
  { "", "[=(<>].*%?[^:]*:", "Lua has no a ? b : c, write a and b or c" },
  { "", "=.*%sif%s.*%selse%s", "Lua has no a if b else c, write b and a or c" },
  { "near '='", "^%s*[%a_][%w_]*%s*=%s*[%a_][%w_]*%s*=[^=]", "Lua writes y = 3; x = y" },
  { "", "%*%*", "Lua writes x ^ 2 for a power" },
  { "near '!'", "!=", "Lua writes ~= for not equal" },
  { "near '!'", "![%w_(]", "Lua writes not x" },
  { "near '+'", "%+%+", "Lua has no ++, write x = x + 1" },
  { "near '+'", "%+=", "Lua has no +=, write x = x + 1" },
  { "near '-'", "%-=", "Lua has no -=, write x = x - 1" },
  { "near '*'", "%*=", "Lua has no *=, write x = x * 2" },
  { "near '/'", "/=", "Lua has no /=, write x = x / 2" },
  { "near '&'", "&&", "Lua writes a and b" },
  { "near '|'", "||", "Lua writes a or b" },
  { "near '@'", "^%s*@%a", "Lua has no decorators, write f = g(f)" },
  { "near '@'", "@", "a:matmul(b) is the product of matrices" },
  { "near ':'", "%[[%d%s-]*:[%d%s-]*%]", "a range is a list: t[{ { 1, 3 } }], counted from 1; ?slices" },
  { "near ':'", "%[[^%]]*:", "ranges are lists, and {} is all: t[{ {}, { 1, 3 } }]; ?slices" },
  { "')' expected near ','", "%(%s*%d+%s*,%s*%d+%s*%)", "a pair of numbers is a list: { 3, 3 }" },
  { "function arguments expected", "%a:[%a_]+", "a colon calls a method, t:sum(); a field has a dot, t.shape" },
  { "", "^%s*help%s+[%a_]", "?NAME and help(NAME) explain" },
  { "']' expected near ','", "%[.*,", "the indices of several axes stand in one list: t[{ 1, 2 }]; ?slices" },
  { "unexpected symbol near '['", "%[", "Lua writes a list with braces: { 1, 2 }" },
  { "')' expected near '='", "%(.*=", "options stand in braces: dense{ units = 8 }, m:fit(data, { epochs = 4 })" },
  { "'}' expected near ':'", "{.*:", "Lua writes { name = value }" },
}

-- ---- asking ----

local read = {} -- owner -> { name = text }; made when first asked for

-- The list of an owner as a table: "tensor", "model", "run", "dataset", "layer", "maker", "global", "magic".
function foreign.list(owner)
  if read[owner] or not lists[owner] then return read[owner] or {} end
  local list = {}
  for line in (lists[owner]:gsub("\n%s+", " ") .. "\n"):gmatch "(.-)\n" do
    local names, text = line:match "^(.-)  (.*)$"
    for name in names:gmatch "[^%s,]+" do list[name] = text end
  end
  read[owner] = list
  return list
end

-- How the name k of that owner is written here, or nil. All numbers are one.
function foreign.of(owner, k)
  local text = foreign.list(owner)[math.type(k) == "integer" and "1" or k]
  return text and (text:gsub("%%(.)", { s = k, ["%"] = "%" }))
end

-- The same of whatever owner has the name first; and of a global.
function foreign.anywhere(k)
  for _, owner in ipairs { "global", "model", "run", "tensor", "dataset", "layer", "maker" } do
    if foreign.of(owner, k) then return foreign.of(owner, k) end
  end
end

local LETTERS = { { "model", "m" }, { "run", "r" }, { "dataset", "d" }, { "tensor", "t" }, { "picture", "p" } }

-- What a name is a method of, as a hint; nil where it is none. owner: of that one only.
function foreign.method(name, owner)
  local list = {}
  for _, pair in ipairs(LETTERS) do
    local methods = (not owner or owner == pair[1]) and core.meta[pair[1]].methods or {}
    if methods[name] then list[#list + 1] = ("%s:%s(...)"):format(pair[2], name) end
  end
  if #list == 0 then return nil end
  return ("it is a method, written behind a colon: %s"):format(table.concat(list, ", "))
end

-- What Lua's message about a chunk that it cannot read leaves out, or nil.
function foreign.of_syntax(message, chunk)
  local magic, rest = chunk:match "^%s*%%+%s*(%a+)(.*)$"
  if magic then
    return foreign.list "magic"[magic] or (foreign.commands[magic] and ("!%s%s runs it"):format(magic, rest)
      or "there are no commands behind a %; ?prompt tells what can be typed")
  end
  local command, behind = chunk:match "^%s*(%a+)(%s+[^%s=(][^\n]*)$"
  if command and foreign.commands[command] then return ("!%s%s runs it in the shell"):format(command, behind) end
  local bare = chunk:gsub('"[^"\n]*"', '""'):gsub("'[^'\n]*'", "''") -- what texts say is no sign of anything
  for _, rule in ipairs(foreign.syntax) do
    if message:find(rule[1], 1, true) and bare:find(rule[2]) then return rule[3] end
  end
  local name, argument = chunk:match "^%s*([%a_][%w_]*)%s+([%a_][%w_]*)%s*$"
  if name and type(rawget(_G, name)) == "function" then
    return ("a call has parentheses: %s(%s)"):format(name, argument)
  end
end

return foreign
