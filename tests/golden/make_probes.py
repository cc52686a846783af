"""Makes golden_probes.npz with NumPy alone, in float64: statistics and histograms of arrays, of what a relu lets through,
and of the gradients of a linear model with their cosines and noise scale.
Run: python3 tests/golden/make_probes.py. The test that reads it: tests/lua/golden_probes.lua."""
import os

import numpy as np

BINS = 16
out = {}


def describe(name, a):
    """Of the finite numbers; the others are counted beside."""
    a = np.asarray(a, np.float64).ravel()
    f = a[np.isfinite(a)]
    out[name + "_stats"] = np.array([np.sqrt(np.sum(f * f)), f.mean(), f.std(), f.min(), f.max(), np.mean(a == 0),
                                     np.isnan(a).sum(), np.isinf(a).sum()])
    counts, edges = np.histogram(f, bins=BINS)
    out[name + "_counts"], out[name + "_edges"] = counts.astype(np.float64), edges


rng = np.random.default_rng(33)
arrays = {
    "plain": rng.normal(size=(37, 41)),
    "far": 1000 + 1e-2 * rng.normal(size=(64, 50)),  # a mean that the spread is small beside
    "sparse": np.where(rng.random((30, 30)) < 0.7, 0.0, rng.normal(size=(30, 30))),
    "same": np.full((5, 7), 0.1),
    "edges": rng.integers(0, 17, size=(40, 40)),  # values on the edges of the bins
    "broken": np.where(rng.random((20, 25)) < 0.1, np.nan, np.where(rng.random((20, 25)) < 0.1, -np.inf,
                                                                    rng.normal(size=(20, 25)))),
    "wide": rng.normal(size=(30, 40)) * 10.0 ** rng.integers(-20, 20, size=(30, 40)),
}
for name, a in arrays.items():
    a = a.astype(np.float32)
    out["array_" + name] = a
    describe(name, a)

# what a relu lets through: units that never fire in 50 samples
x = rng.normal(size=(50, 12)).astype(np.float32)
x[:, [2, 7]] = -np.abs(x[:, [2, 7]])
x[:49, 9] = -np.abs(x[:49, 9])
x[49, 9] = 0.5
out["relu_x"] = x
y = np.maximum(x, 0)
describe("relu", y)
out["relu_dead"] = np.array([np.sum(np.all(y == 0, axis=0)), y.shape[1], y.shape[0]], np.float64)

# a linear model, mean squared error, l2: gradients, their cosines, their noise scale over the last 4 steps
B, D, STEPS, LR, L2, WINDOW = 8, 20, 6, 0.01, 0.05, 4
w = rng.normal(size=(D, 1)).astype(np.float32)
xs = rng.normal(size=(STEPS * B, D)).astype(np.float32)
ys = (xs[:, :1] * 2 + rng.normal(size=(STEPS * B, 1))).astype(np.float32)
out["linear_w"], out["linear_x"], out["linear_y"] = w, xs, ys
v, grads, rows = w.astype(np.float64), [], []
for k in range(STEPS):
    bx, by = xs[k * B:(k + 1) * B].astype(np.float64), ys[k * B:(k + 1) * B].astype(np.float64)
    data = 2 / B * bx.T @ (bx @ v - by)
    g = data + 2 * L2 * v
    loss = np.mean((bx @ v - by) ** 2)
    penalty = L2 * np.sum(v * v)
    cosine = np.nan if not grads else np.sum(g * grads[-1]) / np.linalg.norm(g) / np.linalg.norm(grads[-1])
    rows.append([np.linalg.norm(g), np.linalg.norm(data), np.linalg.norm(2 * L2 * v), g.mean(), g.std(), g.min(), g.max(),
                 LR * np.linalg.norm(g) / np.linalg.norm(v), cosine, penalty, penalty / (loss + penalty)])
    grads.append(g)
    v = v - LR * g
out["linear_rows"] = np.array(rows)
sq = np.mean([np.sum(g * g) for g in grads[-WINDOW:]])
dot = np.mean([np.sum(a * b) for a, b in zip(grads[-WINDOW:], grads[-WINDOW - 1:])])
out["linear_noise"] = np.array([B * (sq - dot) / dot])

np.savez_compressed(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden_probes.npz"), **out)
