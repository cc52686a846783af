-- Help on batches of a dataset.
return {
  pages = {
    batch = [[
x, y, index = d:batch(i), d:batch{ index = 1, batch_size = 32 }
  One batch of a dataset as the tensors that training gets: x (samples, height, width, channels) or what shape the data
  have, y (samples, classes) or the numbers of the classes (samples,), nil where there are no labels; and the numbers of
  the samples, a tensor that d:pick takes. Samples that cannot be read are left out.
for x, y, index in d:batches{ batch_size = 32 } do ... end
  All of them, one after the other.
options
  index = 1  which batch, from 1; d:batch alone
  batch_size = 32  samples in it; the last batch has what is left
  shuffle = false  true: in a mixed order
  seed  of the mixing, which it turns on; absent: from sonde.seed, another in each call
  epoch = 1  each epoch is mixed in its own way: d:batch{ 3, seed = r.seed, epoch = 2 } is what the run r trains on in
    step 3 of its second epoch, with the same batch_size
for example
  x, y = val:batch(1)
  for x, y in train:batches{ batch_size = 16, shuffle = true } do
    print(m:train_on_batch(x, y))
  end]],
  },
  more = {
    dataset = [[
batches
  d:batch(1), d:batch{ index = 1, batch_size = 8 }  one batch as tensors x, y; ?batch
  d:batches{ batch_size = 8, shuffle = true }  in a for loop, all of them; ?batch]],
  },
}
