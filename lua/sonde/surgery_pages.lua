-- Help on changing a model while it stands.
return {
  pages = {
    replace = [[
m:replace(layer, new), m:replace(layer, new, { keep_weights = true })
  Puts another layer in a layer's place: it reads and feeds what that one did. The others keep their weights, a run
  that stands goes on. layer is a name, a number as m.layers has them (?model), or m.layers.NAME. Without a name of its
  own the new one takes the old one's, unless that tells another type (dense_1). An error leaves the model as it was.
  Layers behind it whose input has another shape now begin with new weights, and it says which. Callbacks stay, but
  forget what was best before; model_checkpoint does not. What r:record and r:keep_path were at ends, and it says so.
options
  keep_weights = false  true: parameters of the same name and shape go on with theirs
for example
  m:replace("prediction", dense{ 5, activation = "softmax" })
  m:freeze{ except = "prediction" }
  m:compile{ loss = "sparse_categorical_crossentropy", optimizer = "adam" }]],

    insert = [[
m:insert(layer, new), m:insert(layer, new, { after = true })
  Puts a layer before another one, or behind it: what read that one then reads the new one. Of a layer that is called
  several times, say before which call: m:insert(m.layers.NAME.calls[2], new). ?replace says what stays.
options
  after = false  true: behind the layer
for example
  m:insert("prediction", dropout{ 0.5 })]],

    remove = [[
m:remove(layer)
  Takes a layer out: what read it reads what it read. ?replace says what stays.]],

    freeze = [[
m:freeze(), m:freeze "conv2d", m:freeze{ "conv2d", "conv2d_1" }, m:freeze{ except = "prediction" }
  Keeps the weights of all layers, of these, or of all but these as they are, from the next step on; m:unfreeze takes
  the same and lets them learn again. Frozen weights have no gradient and no penalty, and what the optimizer keeps of
  them stays. A frozen batch_norm works as in inference: with its moving statistics, which stay (as in Keras).]],
  },

  more = {
    model = [[
surgery
  m:replace(layer, new)  another layer in its place; ?replace
  m:insert(layer, new)  one more; ?insert
  m:remove(layer)  one less
  m:freeze(), m:unfreeze()  do weights learn? ?freeze]],
    run = [[
surgery
  r:compile{ optimizer =, learning_rate =, loss =, metrics = }  in the middle: what is not given stays; ?compile]],
  },
}
