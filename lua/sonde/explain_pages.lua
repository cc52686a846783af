-- Help on maps that explain a prediction; the notation is that of sonde.pages.
return {
  pages = {
    explain = [[
m:explain(x), m:explain(data, 3), m:explain(data, { index = 3 }), m:explain("cat.jpg")
  Which parts of an image speak for a class: by default Grad-CAM, saliency and occlusion of the class that the model
  predicts, side by side with the image. In inference mode; nothing of the model changes. x is one image or a batch of
  them (a tensor), a dataset, what d:sample(3) gives, or the path of an image file. Several samples give a list.
options
  class  a class by its name or its number, from 0 as labels count; absent: the predicted one
  method  one name, or a list of them, of: grad_cam saliency input_x_gradient integrated_gradients smooth_grad occlusion
  index  which samples of the dataset: a number or a list; absent: all, at most 64
  class_names  where the data have none; absent: those of the dataset, or of the last run's
  data  the dataset in whose way a file is read (rescale, interpolation, crop or pad) and whose class names are used;
    absent: the last run's
  rescale  factor on a file's pixels, as 1/255, where no dataset says it
  batch_size = 32  images at a time
methods of explaining
  The score is that of the class before the last softmax or sigmoid; one sigmoid unit speaks for class 1, its negative
  for class 0.
  grad_cam  relu of the channels of a layer, each times the mean gradient of the score over it (Selvaraju et al. 2017);
    layer = "conv2d_1": absent, the last one with (height, width, channels), before the pooling behind it
  saliency  the gradient's largest size over the channels (Simonyan et al. 2013)
  input_x_gradient  the gradient times the image, summed over the channels
  integrated_gradients  the mean gradient on the way from baseline = 0 in steps = 32 (midpoints), times that way
    (Sundararajan et al. 2017); .gap is what is missing to .difference, the difference of the two scores
  smooth_grad  saliency of the mean gradient of n = 16 images with noise = 0.15 of the image's range, seed = 1 (Smilkov
    et al. 2017); image i has that times tensor.randn{ ..., seed = seed + i - 1 }
  occlusion  how much the class's probability (of outputs that are none: the output) falls when a patch is covered by
    baseline = "mean" of each channel (Zeiler and Fergus 2014); patch (a sixth of the longer side) and stride (half a
    patch) are a number or { height, width }; the map is the mean over the patches that cover a pixel
  baseline  a number, "mean" or a tensor like x
what it gives
  map  (height, width) as the image; of a flat input (features)
  raw  as computed: grad_cam at the layer's size, occlusion by place, the others by channel
  score, probability  of the class; no probability where the outputs are none
  class, name  what is explained; class from 0, the name where it is known
  predicted, predicted_name, predicted_probability, label  what the model says; what the data say; from 0
  layer, image, method  what it is of
  Of several methods e.grad_cam, e.saliency, ... have these. Of several samples it is a list.
methods
  e:show()  draws it over the image in gray: red for the class, blue against it; full color at the largest size, of
    single pixels at their 99th percentile
  e:picture(opts)  that picture; scale = n, alpha = 0.85, columns = n
  e:save("x.png")  writes it
  e:plot()  bars, for flat inputs, whose largest features stand in a table instead of a picture
for example
  m:explain(val, { index = 3 })
  e = m:explain((val:sample(3)), { class = "cat", method = "grad_cam" })
  e:save("why.png")
  w = m:most_confident_wrong(val)
  w:explain(1)]],
  },
  more = {
    model = [[
explaining
  m:explain(x)  which parts of an image speak for a class: Grad-CAM, saliency, occlusion; ?explain]],
  },
}
