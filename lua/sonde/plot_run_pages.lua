-- Help on plots; the notation is that of sonde.pages.
return {
  pages = {
    plot = [[
plot{ x = xs, y = ys, title = "..." }, plot(t), r:plot "loss"
  A plot of the numbers: at the prompt it shows itself, as a picture where the terminal can show one, else as text. In a
  script p:show() does. Numbers are lists or tensors; nan and inf are gaps. gnuplot draws it (apt-get install
  gnuplot-nox).
what
  plot{ y = { a = list, b = list } }  curves with names; plot{ list, list, labels = { "a", "b" } } the same; a tensor
    of two axes has a curve in each column; absent x: 1, 2, 3
  plot.lines, plot.points  curves, or single points
  plot.bars{ { 3, 1 }, labels = { "cat", "dog" } }  a bar for each number
  plot.histogram(t)  how the numbers of a tensor are spread; plot.histogram{ t, u, bins = 40 } compares two
  plot.heatmap(t)  a matrix in colors, its first row on top
  plot.contour{ z, x =, y =, path = { x =, y = } }  a landscape from above, row i of z at y[i]; path is drawn in it
  plot.surface{ z, ... }  the same, seen aslant; the path wants its z too
  plot.panels{ p, q, columns = 2 }  several plots in one
  r:plot(), r:plot "loss"  the history of a run: all metrics, or that one with its val_ curve
  r:plot "loss_terms"  data loss and penalty, one on the other
  r:plot{ "loss", "accuracy", logy = true }  several, with options
  s:plot "norm"  what r:record keeps, over the steps; ?record
  c:plot()  also for what m:confusion, m:calibration, m:roc, m:precision_recall, m:confidence_histogram give
methods
  p:show()  draws it on the screen
  p:save("x.png", { width =, height = })  or x.svg, x.pdf, x.txt, or x.gp: the commands and data for gnuplot
  p:render("svg")  the same as the bytes of a file
options
  title, xlabel, ylabel  texts
  logx, logy = false  logarithmic axes; what is not above 0 is a gap
  xrange, yrange = { low, high }  what is shown; absent: all
  style = "lines"  or "points", "steps"
  labels  names of the curves or bars
  low, high  of one curve: a band around it
  bins, range  of a histogram: how many (at most 64), and from where to where
  xlabels, ylabels, values, zlabel  of a heat map: names of columns and rows; the numbers written into it; what they are
  columns  of panels
for example
  p = plot{ x = { 1, 2, 3 }, y = { loss = { 3, 2, 1.5 } }, logy = true }
  p:save "loss.png"
  plot.histogram(m.layers.conv2d.kernel)]],
  },
  more = {
    run = [[
plots
  r:plot(), r:plot "loss"  curves of the history; ?plot
  live = "loss"  of r:finish, m:run and m:fit: draws r:plot "loss" after each epoch in place; true: all; "curve.png"
    rewrites that file; { "loss", logy = true, file = "curve.png" } says both. Where the screen cannot be redrawn: once,
    at the end]],
  },
}
