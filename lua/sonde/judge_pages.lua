-- Help on judging a model; the notation is that of sonde.pages.
return {
  pages = {
    confusion = [[
m:confusion(data, { batch_size = 32 }), m:confusion(x, y, opts)
  Which classes are taken for which, and precision, recall and F1 of each: scikit-learn's numbers, in inference mode.
  More than 20 classes: the pairs most confused, and the lowest F1. Labels may be class indices, one-hot rows or, for
  one unit, 0 and 1; of smoothed labels the largest share counts. The last layer may have softmax, sigmoid (one unit
  works as two do), or none if the loss has from_logits = true.
options
  threshold  class 1 where its probability is over this number (two classes; absent: 0.5)
  level = 0.95  of the confidence interval
  batch_size = 32  samples at once
fields
  counts  list of rows: counts[i][k] samples of class i were taken for class k
  classes  the names
  accuracy, lower, upper, correct, n  share of right predictions, its Wilson interval, and of how many
  by_class  by number and name: .precision .recall .f1 .support .predicted .correct .name .class; 0 where there is
    nothing to divide by
  macro, weighted  the averages: over the classes that occur; by their samples
  most_confused  list of .true_class .predicted_class .count .share
methods
  c:plot()  draws it; ?plot
for example
  c = m:confusion(val)
  c.by_class[1].recall]],

    classification_report = [[
m:classification_report(data, opts)
  The table of precision, recall, F1 and support of every class, as scikit-learn prints it. Options and fields are
  those of m:confusion.]],

    accuracy = [[
m:accuracy(data, { top_k = 1, level = 0.95 }), m:accuracy(x, y, opts)
  Share of right predictions, with the Wilson interval that chance in drawing these samples leaves (Wilson 1927).
options
  top_k = 1  right when the true class is among the k largest; a tie counts
  threshold  as in m:confusion: of the probability, also where Keras's binary_accuracy would take that of the score
  level = 0.95  of the interval
  batch_size = 32  samples at once
fields
  accuracy, lower, upper, correct, n, top_k, level]],

    worst = [[
m:worst(data, n), m:worst(x, y, n), m:worst(data, { n = 10, batch_size = 32 })
  The n samples of the largest data loss, without penalties; first those whose loss is nan. The model must be compiled.
fields
  [1], [2], ...  rows of .index .name .label .predicted .true_class .predicted_class .probability (of the true class)
    .confidence (of the predicted one) .loss
  indices  the samples' numbers, for data:pick(t.indices)
  data  the dataset
methods
  w:show(), w:picture()  draws the samples, where they are pictures; gives the picture, for :save("x.png")
  w:explain(1)  which parts of the first one made the model predict what it does, and which speak for the true class;
    ?explain
for example
  w = m:worst(val, 9)
  w:show()
  val:pick(w.indices)]],

    most_confident_wrong = [[
m:most_confident_wrong(data, n)
  The n wrong predictions of the highest confidence: ?worst has the fields. .wrong is how many there are in all.]],

    calibration = [[
m:calibration(data, { bins = 15, level = 0.95 }), m:calibration(x, y, opts)
  Does a confidence of 0.8 mean being right in 8 of 10? The confidence is the probability of the predicted class.
  Logits come from log p, of logits by their loss (from_logits) exactly; probabilities are clipped to 1e-7 .. 1 - 1e-7
  in logarithms, as the loss does.
options
  bins = 15  of equal width over 0..1
  level = 0.95  of the intervals
  batch_size = 32  samples at once
fields
  bins  list of { low, high, count, correct, confidence, accuracy, lower, upper }: mean confidence and accuracy of the
    samples in (low, high], nan when empty, and the accuracy's Wilson interval
  ece  sum over bins of count / n * |accuracy - confidence| (Guo et al. 2017)
  mce  the largest of these differences
  adaptive_ece  ece with bins of equal counts
  confidence, accuracy, n  means over all samples
  nll  mean of -log p of the true class
  brier  mean over samples of the sum over classes of (p - y)^2: 0..2 (Brier 1950)
  brier_binary  two classes: mean of (p - y)^2 of class 1, half of it: scikit-learn's brier_score_loss
  temperature  T* that minimizes the NLL of softmax(logits / T); sought in 0.01..100. Over 1: too sure
  temperature_at_limit  true: the minimum lies beyond that range
  temperature_nll  NLL at T*; found on these very samples, so a little too good
  gain, gain_lower, gain_upper  nll less that: mean of the samples' differences with its interval (normal)
  clipped, saturated  samples of which the true class's probability, or any, was clipped
methods
  c:plot()  draws it; ?plot
for example
  m:calibration(val).ece]],

    confidence_histogram = [[
m:confidence_histogram(data, { bins = 10 })
  How sure the right predictions are, and how sure the wrong ones.
options
  bins = 10  of equal width over 0..1
  batch_size = 32  samples at once
fields
  bins  list of { low, high, right, wrong }: counts of the confidences in (low, high]
  right, wrong, n  counts in all
methods
  c:plot()  draws it; ?plot]],

    roc = [[
m:roc(data, { class = 1 }), m:roc(x, y, opts)
  True over false positive rate at every threshold, as of scikit-learn's roc_curve. Two classes: of class 1. More: each
  against the rest, or of one class.
options
  class  name or number (from 0) of the class that is positive
  drop_intermediate = true  leave out points on a straight line; the area is of all
  batch_size = 32  samples at once
fields
  auc  the area; of all classes the mean over those that have one (others have no sample: nan)
  fpr, tpr, thresholds  lists of one class's curve; the first threshold is inf
  positives, negatives, class, name  of that class
  by_class  of all classes: the curves by number and name; .macro and .weighted are means of their areas
methods
  c:plot()  draws it; ?plot
for example
  c = m:roc(val)
  c.auc]],

    precision_recall = [[
m:precision_recall(data, { class = 1 }), m:precision_recall(x, y, opts)
  Precision and recall at every threshold, as of scikit-learn's precision_recall_curve. Classes as in m:roc.
options
  class  name or number (from 0) of the class that is positive
  batch_size = 32  samples at once
fields
  average_precision  sum of the steps in recall times precision; of all classes the mean
  precision, recall, thresholds  lists of one class's curve; thresholds has one fewer: the last point is 1 at 0
  positives, negatives, class, name  of that class
  by_class  of all classes: the curves by number and name; .macro and .weighted are means of their areas
methods
  c:plot()  draws it; ?plot]],
  },
  more = {
    model = [[
judging
  m:confusion(data)  which class is taken for which; precision, recall, F1; ?confusion
  m:classification_report(data)  the latter alone; ?classification_report
  m:accuracy(data)  with a confidence interval, also top-k; ?accuracy
  m:worst(data, n)  the samples of the largest loss; ?worst
  m:most_confident_wrong(data, n)  the surest of the wrong predictions; ?most_confident_wrong
  m:calibration(data)  ECE, NLL, Brier, best temperature; ?calibration
  m:confidence_histogram(data)  of right and wrong predictions; ?confidence_histogram
  m:roc(data)  ROC curve and its area; ?roc
  m:precision_recall(data)  that curve and average precision; ?precision_recall]],
  },
}
