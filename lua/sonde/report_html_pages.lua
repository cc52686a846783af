-- Help on reports; the notation is that of sonde.pages.
return {
  pages = {
    report = [[
r:report("report.html"), r:report(path, { data = test, title = "..." }), m:report(path, data, opts)
  One page that holds everything it shows, for any browser, without network: findings, curves, loss terms, the layers'
  gradients and outputs, recorded series, confusion, calibration, the worst samples, configuration, model. It can be
  made at any moment of a run, which goes on to the same bits. A model alone has no curves and no layers. Plots want
  gnuplot (apt-get install gnuplot-nox); without it there are the numbers. Ctrl-C leaves no half file.
options
  data  to judge on; absent: the validation data, else the training data
  title  absent: "Run of NAME"
  worst = 16  so many samples of the largest loss are shown; 0: none
  plots = true  draws them
  batch_size = 32  samples at once, in judging
fields
  path, bytes  of the file
  findings  list of .text .proof .section: what the numbers say beyond their noise
for example
  r = m:fit(train, { validation_data = val, epochs = 10 })
  r:report("report.html", { title = "first try" })]],
  },
  more = {
    run = [[
reports
  r:report("report.html")  a page for a browser with everything that is known of the run; ?report]],
    model = [[
reports
  m:report("report.html", data)  the same of a model alone; ?report]],
  },
}
