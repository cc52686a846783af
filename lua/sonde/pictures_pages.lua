-- Help on pictures of samples and layers; the notation is that of sonde.pages.
return {
  pages = {
    show = [[
d:show(9), d:show{ 5, 7 }, d:show(9, { columns = 3, scale = 2 })
  Draws the first 9 samples, or those of the list, in one picture, and their numbers and classes below. One range holds
  for all of them (?picture). Files that are broken are left out of the first 9. Tables of m:worst and
  m:most_confident_wrong have :show() too.
options
  columns, scale, range, colormap  as ?picture has them
for example
  train:show(12)
  train:picture(12):save("train.png")]],

    show_batch = [[
r:show_batch(16), r:show_batch(16, { columns = 4 })
  Draws the first 16 samples of the batch that the last step saw, as the network got them: resized, rescaled,
  augmented. Below: their numbers in the data, their labels, and what the model predicts for them with the weights as
  they are now. Options are those of ?picture.]],

    filters = [[
m:filters("conv2d", { n = 64 })
  A picture of a layer's kernels, on one scale with 0 in its middle: in color where the input has three channels, in
  blue and red where it has one; else a row for each filter and a column for each input channel, eight of each.
options
  n = 64  at most so many filters; 8 where there is a row for each
  columns, scale, range, colormap  as ?picture has them
for example
  m:filters("conv2d"):save("kernels.png")]],

    feature_maps = [[
m:feature_maps("conv2d_1", x, { n = 64 })
  A picture of a layer's output for one sample, channel by channel, on one scale. x is a sample, or a batch of which the
  first is taken. Below it says how many channels are 0 everywhere.
options
  n = 64  at most so many channels
  columns, scale, range, colormap  as ?picture has them
for example
  m:feature_maps("conv2d", (val:sample(3)))]],
  },
  more = {
    dataset = [[
pictures
  d:show(9)  draws samples, with their classes; ?show
  d:picture(9)  gives that picture, for :save("x.png")]],
    run = [[
pictures
  r:show_batch(16)  draws the batch that the last step saw; ?show_batch
  r:batch_picture(16)  gives that picture, for :save("x.png")]],
    model = [[
pictures
  m:filters("conv2d")  a layer's kernels; ?filters
  m:feature_maps("conv2d", x)  a layer's output for a sample; ?feature_maps]],
  },
}
