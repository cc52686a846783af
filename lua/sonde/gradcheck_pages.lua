-- Help on the check of gradients.
return {
  pages = {
    gradcheck = [[
m:gradcheck(x, y, opts), m:gradcheck(data, opts)
  Whether the gradients of the model are the derivatives of its loss, penalties included: each is compared with
  central differences in float64, in training mode with fixed dropout masks. One row for each parameter that learns:
  the worst relative error, where it is (elements count from 1 there), both values, and the verdict. Gradients below
  a thousandth of the parameter's largest are compared with that. At a corner of the loss (relu at 0, ties of
  max_pool2d) the two sides have different derivatives: such elements are counted and not judged. Nothing is changed;
  Ctrl-C ends it. Of a dataset it takes the first batch, and says so. What stop_gradient holds back is an error here,
  as it is no derivative.
options
  elements = 20  of each parameter at most, spread evenly; each takes two passes over the batch
  tolerance = 1e-5  relative
  index, batch_size, shuffle, seed, epoch  which batch of a dataset; ?batch
fields
  t.ok  true when no gradient is wrong
  t["dense/kernel"]  checked, wrong, kinks (corners), error, worst (from 0), analytic, numeric, ok; t[i] in order]],
  },

  more = {
    model = [[
  m:gradcheck(x, y)  are the gradients the derivatives of the loss? ?gradcheck]],
  },
}
