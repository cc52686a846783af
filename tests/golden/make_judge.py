"""Makes golden_judge.npz: judging of saved predictions by scikit-learn, scipy and NumPy (expected calibration error).

Needs: pip install numpy scipy scikit-learn (1.7 or later)
Only to make the numbers anew; tests/lua/golden_judge.lua reads the committed file and needs no Python:

    python3 tests/golden/make_judge.py
"""
import os
import warnings

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_softmax, softmax
from scipy.stats import binomtest, norm
from sklearn import metrics as M

warnings.filterwarnings("ignore", category=UserWarning)  # on classes that no sample has
HERE = os.path.dirname(os.path.abspath(__file__))
EPS = 1e-7  # what the losses clip probabilities to
out = {}


def binned(confidence, hit, bins):
    """Means of (low, high] bins, ECE, MCE; ECE of bins of equal counts."""
    n, ece, mce, rows = len(hit), 0.0, 0.0, []
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = (confidence > low) & (confidence <= high)
        if b == 0:
            inside |= confidence == 0
        k = int(inside.sum())
        if k == 0:
            rows.append([low, high, 0, 0, 0, 0, 1])
            continue
        acc, conf = hit[inside].mean(), confidence[inside].mean()
        ci = binomtest(int(hit[inside].sum()), k).proportion_ci(0.95, method="wilson")
        rows.append([low, high, k, conf, acc, ci.low, ci.high])
        ece += k / n * abs(acc - conf)
        mce = max(mce, abs(acc - conf))
    order = np.argsort(confidence, kind="stable")
    adaptive = sum(len(part) / n * abs(hit[part].mean() - confidence[part].mean())
                   for part in np.array_split(order, bins) if len(part))
    return np.array(rows), ece, mce, adaptive


def temperature(z, y):
    """T* as the root of the mean NLL's derivative by 1 / T, NLL at it."""
    rows = np.arange(len(y))

    def slope(log_beta):
        p = softmax(np.exp(log_beta) * z, axis=1)
        return np.mean((p * z).sum(1) - z[rows, y])

    log_beta = brentq(slope, np.log(1e-2), np.log(1e2), xtol=1e-14, rtol=1e-15)
    after = -log_softmax(np.exp(log_beta) * z, axis=1)[rows, y]
    return np.exp(-log_beta), after


def rates(name, y, score, ap_only=False):
    """Curves of one binary problem."""
    if not ap_only:
        for drop in (True, False):
            fpr, tpr, thresholds = M.roc_curve(y, score, drop_intermediate=drop)
            out[f"{name}.roc_{'drop' if drop else 'all'}"] = np.array([fpr, tpr, thresholds])
    precision, recall, thresholds = M.precision_recall_curve(y, score)
    out[f"{name}.pr"] = np.array([precision, recall])
    out[f"{name}.pr_thresholds"] = thresholds


def case(name, outputs, y, kind, curves):
    """outputs (n, units) float32, y (n). kind: probabilities or logits."""
    outputs = np.asarray(outputs, np.float32)
    y = np.asarray(y)
    n, units = outputs.shape
    c = max(units, 2)
    out[f"{name}.x"], out[f"{name}.y"] = outputs, y.astype(np.float32)
    v = outputs.astype(np.float64)
    if kind == "logits":
        z = np.hstack([np.zeros_like(v), v]) if units == 1 else v
        p, lp = softmax(z, axis=1), log_softmax(z, axis=1)
        clipped = saturated = 0
    else:
        p = np.hstack([1 - v, v]) if units == 1 else v
        q = np.clip(p, EPS, 1 - EPS)
        lp = np.log(q)
        moved = q != p
        clipped, saturated = moved[np.arange(n), y].sum(), moved.any(1).sum()
    # np.argmax takes the first of equals; of one unit, p = 0.5 is class 0
    predicted = np.argmax(outputs, 1) if units > 1 else (v[:, 0] > (0 if kind == "logits" else 0.5)).astype(int)
    hit = predicted == y

    out[f"{name}.counts"] = M.confusion_matrix(y, predicted, labels=np.arange(c))
    out[f"{name}.by_class"] = np.array(M.precision_recall_fscore_support(
        y, predicted, labels=np.arange(c), zero_division=0)).T
    report = M.classification_report(y, predicted, output_dict=True, zero_division=0)
    for average in ("macro avg", "weighted avg"):
        r = report[average]
        out[f"{name}.{average[:-4]}"] = np.array([r["precision"], r["recall"], r["f1-score"]])
    ci = binomtest(int(hit.sum()), n).proportion_ci(0.95, method="wilson")
    out[f"{name}.accuracy"] = np.array([M.accuracy_score(y, predicted), ci.low, ci.high])
    if units > 2:
        larger = (outputs > outputs[np.arange(n), y][:, None]).sum(1)
        out[f"{name}.top_3"] = (larger < 3).mean()
        if kind == "logits":  # without ties scikit-learn agrees
            assert abs(M.top_k_accuracy_score(y, outputs, k=3, labels=np.arange(c)) - (larger < 3).mean()) < 1e-12

    confidence = p[np.arange(n), predicted]
    for bins in (15, 10):
        rows, ece, mce, adaptive = binned(confidence, hit, bins)
        out[f"{name}.bins_{bins}"], out[f"{name}.ece_{bins}"] = rows, np.array([ece, mce, adaptive])
    q = np.exp(lp)
    nll = -lp[np.arange(n), y]
    assert abs(nll.mean() - M.log_loss(y, q / q.sum(1, keepdims=True), labels=np.arange(c))) < 1e-5
    brier = M.brier_score_loss(y, p / p.sum(1, keepdims=True), scale_by_half=False, labels=np.arange(c)) \
        if c > 2 else 2 * M.brier_score_loss(y, p[:, 1], labels=[0, 1], scale_by_half=True)
    t, after = temperature(lp, y)
    gain = nll - after
    half = norm.ppf(0.975) * gain.std(ddof=1) / np.sqrt(n)
    out[f"{name}.calibration"] = np.array([nll.mean(), brier, t, after.mean(), gain.mean(), gain.mean() - half,
                                           gain.mean() + half, clipped, saturated])
    out[f"{name}.histogram"] = np.array([
        [((confidence[h] > b / 8) & (confidence[h] <= (b + 1) / 8)).sum() for b in range(8)] for h in (hit, ~hit)])
    areas = []
    for k in range(c):
        positive = y == k
        # as the outputs order the samples: no rounding of probabilities to 1
        score = outputs[:, k] if units > 1 and (kind == "probabilities") else p[:, k]
        both = 0 < positive.sum() < n
        areas.append([M.roc_auc_score(positive, score) if both else np.nan,
                      M.average_precision_score(positive, score) if positive.any() else np.nan])
        if k in curves:
            rates(f"{name}.class_{k}", positive, score)
    out[f"{name}.areas"] = np.array(areas)
    loss = nll
    if units == 1 and kind == "probabilities":  # binary_crossentropy clips in float32, where 1 - 1e-7 is 1 - 1.19e-7
        c32 = np.clip(outputs[:, 0], np.float32(EPS), np.float32(1 - EPS))
        loss = -np.log(np.where(y == 1, c32, 1 - c32).astype(np.float64))
    out[f"{name}.largest_losses"] = np.sort(loss)[::-1][:5]
    wrong = np.sort(confidence[~hit])[::-1][:5]
    out[f"{name}.surest_wrong"] = wrong


def f32_softmax(z):
    z = np.asarray(z, np.float32)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def main():
    rng = np.random.default_rng(31)
    # One unit: ties of 0.05, exact 0 and 1, samples at 0.5.
    y = rng.integers(0, 2, 300)
    p = np.round(expit(rng.normal(size=300) * 1.5 + (2 * y - 1)) * 20) / 20
    p[:8] = [0, 0, 1, 1, 0.5, 0.5, 1, 0]
    y[:8] = [0, 1, 1, 0, 0, 1, 1, 0]
    p = p.astype(np.float32)
    case("binary", p[:, None], y, "probabilities", [0, 1])
    # The same as two units.
    case("two", np.stack([1 - p, p], 1), y, "probabilities", [1])
    z = np.round((rng.normal(size=250) * 3 + (2 * (np.arange(250) % 2) - 1)) * 4) / 4
    z[:4] = [90, -90, 90, -90]
    yz = np.arange(250) % 2
    yz[:4] = [1, 0, 1, 0]
    case("binary_logits", z[:, None], yz, "logits", [1])
    case("two_logits", np.stack([np.zeros(250), z], 1), yz, "logits", [1])
    # Seven classes, of which nothing is class 5, and nothing is ever taken for class 6.
    y = rng.choice([0, 1, 2, 3, 4, 6], 400, p=[0.3, 0.2, 0.2, 0.1, 0.15, 0.05])
    z = np.round(rng.normal(size=(400, 7)) * 2 + 2.5 * np.eye(7)[y], 1)
    z[:, 6] -= 30
    p = f32_softmax(z)
    p[:3] = np.eye(7, dtype=np.float32)[[0, 1, 2]]  # saturated: right or wrong as it comes
    p[3] = [0.25, 0.25, 0.25, 0.25, 0, 0, 0]
    case("seven", p, y, "probabilities", [2])
    case("seven_logits", rng.normal(size=(400, 7)) * 3 + 2 * np.eye(7)[y], y, "logits", [2])
    # A hundred classes, many without a sample.
    y = rng.integers(0, 80, 120)
    case("hundred", f32_softmax(rng.normal(size=(120, 100)) * 1.5 + 4 * np.eye(100)[y]), y, "probabilities", [])
    path = os.path.join(HERE, "golden_judge.npz")
    np.savez_compressed(path, **{k: v if np.asarray(v).dtype == np.float32 else np.asarray(v, np.float64)
                                 for k, v in out.items()})
    print(f"{os.path.basename(path)}: {len(out)} arrays, {os.path.getsize(path)} bytes")


main()
