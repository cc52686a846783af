-- A small network and data for the transcripts: half of the images are brighter in their lower half.
local x, y = {}, {}
for i = 1, 64 do
  local image = {}
  for row = 1, 16 do
    image[row] = {}
    for col = 1, 16 do
      image[row][col] = { (row * 7 + col * 13 + i * 5) % 17 / 17 + (row > 8 and i % 2 or 0) }
    end
  end
  x[i], y[i] = image, { i % 2, 1 - i % 2 }
end
data = tensors { x = tensor(x), y = tensor(y) }
sonde.seed(1)
net = sequential {
  conv2d { 16, 5, padding = "same", input_shape = { 16, 16, 1 } }, batch_norm {}, activation "relu", max_pool2d { 2 },
  flatten {}, dense { 2, activation = "softmax" },
}
net:compile { loss = "categorical_crossentropy", optimizer = adam {}, metrics = { "accuracy" } }
