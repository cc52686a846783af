"""Makes golden_traced.npz: what PyTorch says about operations of recorded functions at places where formulas that are
right elsewhere are not: remainders near multiples and with infinite divisors, sums of exponentials with infinite terms.
Values and gradients, in float64. tests/lua/golden_traced.lua reads it and needs no Python:

    python3 tests/golden/make_traced.py
"""
import os

import numpy as np
import torch

inf = float("inf")
out = {}


def gradients(name, fn, *inputs):
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in inputs]
    y = fn(*tensors)
    y.sum().backward()
    out[name] = y.detach().numpy()
    for i, t in enumerate(tensors):
        out[f"{name}_{i}"] = np.array(inputs[i], np.float64)
        out[f"{name}_d{i}"] = t.grad.numpy()


u = [-1e6 - 0.1, -7.5, -6, -5, -0.7, -0.3, -0.1, 0, 0.1, 0.3, 0.5, 0.6, 0.7, 3, 5, 6, 7.5, 1e6 + 0.1]
v = [0.1, -0.1, 0.3, 0.7, 2, -2, 3, -3, inf, -inf]
gradients("mod", torch.remainder, [[a] * len(v) for a in u], [v] * len(u))

rows = [[-inf, -inf, -inf], [1, 2, 3], [-inf, 0, 1], [inf, 0, 1], [inf, inf, 0], [inf, -inf, 0], [1000, 1000, -1000],
        [-1000, -1001, -inf], [5, 5, 5]]
gradients("logsumexp", lambda x: torch.logsumexp(x, 1), rows)
gradients("log_softmax", lambda x: torch.log_softmax(x, 1)[:, 1:], rows[1:3] + rows[6:])

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden_traced.npz")
np.savez_compressed(path, **out)
print(len(out), "arrays,", os.path.getsize(path), "bytes")
