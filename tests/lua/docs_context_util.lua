-- What the examples of the help pages may take for granted; help "help" says what the names mean.
--   train, val   datasets of pictures of cats and dogs, in the folder of the session; x, y the samples of train
--   m, r         a small network of two convolutions, compiled; a run of it over train and val, of
--                which one epoch is made
sonde.seed(1)
local function pets(part)
  return image_folder { "pets/" .. part, image_size = { 12, 12 }, color_mode = "grayscale", label_mode = "categorical",
    rescale = 1 / 255, seed = 1 }
end
train, val = pets "train", pets "val"
local images, labels = {}, {}
for i = 1, #train do images[i], labels[i] = train:sample(i) end
x, y = tensor.stack(images, 1), tensor.stack(labels, 1)
m = sequential {
  conv2d { 4, 3, padding = "same", activation = "relu", input_shape = { 12, 12, 1 }, kernel_regularizer = l2(1e-4) },
  max_pool2d { 2 },
  conv2d { 8, 3, padding = "same", activation = "relu" },
  flatten {},
  dense { 8, activation = "relu", kernel_regularizer = l2(1e-4) },
  dense { 2, activation = "softmax", name = "prediction" },
}
m:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
r = m:run(train, { validation_data = val, epochs = 3, batch_size = 2, seed = 1, verbose = 0 })
r:epoch()
