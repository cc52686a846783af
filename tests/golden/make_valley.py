"""References for the valley: eigenvalues of Hessians (NumPy; PyTorch's autograd in float64), principal components of a
path, the learning rate range test with fastai's smoothing and suggestions written down once more.

Needs: pip install numpy torch
Only to make the numbers anew: python3 tests/golden/make_valley.py
"""
import os

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
out = {}


def f32(a):
    return np.asarray(a, np.float32).astype(np.float64)


# ---- a linear model with MSE: the Hessian is 2/n [X 1]' [X 1], whatever the weights are ----
x, y = f32(rng.normal(size=(48, 5)) * [3, 1, 1, 0.5, 0.2]), f32(rng.normal(size=(48, 1)))
x1 = np.hstack([x, np.ones((48, 1))])
h = 2 / 48 * x1.T @ x1
out["lin_x"], out["lin_y"] = x, y
out["lin_top"] = np.linalg.eigvalsh(h)[-1]
out["lin_top_l2"] = np.linalg.eigvalsh(h + np.diag([2 * 0.5] * 5 + [0]))[-1]  # kernel_regularizer = l2(0.5)


# ---- networks: the whole Hessian by autograd ----
def forward(w, x, act):
    hidden = act(x @ w[0] + w[1])
    return hidden @ w[2] + w[3]


def cross_entropy(w, x, label):
    return torch.nn.functional.cross_entropy(forward(w, x, torch.tanh), label)


def hessian(loss, w):
    shapes = [v.shape for v in w]
    sizes = [v.numel() for v in w]

    def flat(v):
        return loss([p.reshape(s) for p, s in zip(v.split(sizes), shapes)])

    return torch.autograd.functional.hessian(flat, torch.cat([v.reshape(-1) for v in w])).numpy()


x = torch.tensor(f32(rng.normal(size=(40, 4))))
label = torch.tensor(rng.integers(0, 3, 40))
w = [torch.tensor(f32(rng.normal(size=s) * 0.6)) for s in ((4, 6), (6,), (6, 3), (3,))]
out["net_x"], out["net_y"] = x.numpy(), label.numpy().astype(np.float64)
for i, v in enumerate(w):
    out[f"net_w_{i:02d}"] = v.numpy()
e = np.linalg.eigvalsh(hessian(lambda v: cross_entropy(v, x, label), w))
out["net_top"] = e[-1]

# A convolutional network on images that are black in part, its first biases zero: pixels stand exactly at the ReLU's
# kink, where autograd takes one side.
F = torch.nn.functional
image = f32(np.maximum(rng.normal(size=(24, 8, 8, 1)), 0))
image[:, :3] = 0
kind = torch.tensor(rng.integers(0, 3, 24))
sizes = ((3, 3, 1, 4), (4,), (4,), (4,), (36, 3), (3,))
cnn = [torch.tensor(f32(rng.normal(size=s) * 0.5)) for s in sizes]
cnn[1], cnn[2] = torch.zeros(4).double(), cnn[2].abs() + 0.5
mean, var = torch.tensor(f32(rng.normal(size=4) * 0.3)), torch.tensor(f32(np.abs(rng.normal(size=4)) + 0.3))


def cnn_loss(w, train):
    h = F.relu(F.conv2d(torch.tensor(image).permute(0, 3, 1, 2), w[0].permute(3, 2, 0, 1), w[1]))
    h = F.batch_norm(h, None if train else mean, None if train else var, w[2], w[3], train, 0, 1e-3)
    h = F.max_pool2d(h, 2).permute(0, 2, 3, 1).reshape(24, -1)
    return F.cross_entropy(h @ w[4] + w[5], kind)


out["cnn_x"], out["cnn_y"] = image, kind.numpy().astype(np.float64)
for i, v in enumerate(cnn[:4] + [mean, var] + cnn[4:]):
    out[f"cnn_w_{i:02d}"] = v.numpy()
for name, train in (("train", True), ("eval", False)):
    e = np.linalg.eigvalsh(hessian(lambda v: cnn_loss(v, train), cnn))
    out[f"cnn_{name}"] = np.array([e[-1], e[0]])

# Adam as Keras has it (nn/optimizers/adam.c), three steps on all of the data, then P^-1/2 H P^-1/2 with
# P = (1 - beta_1^t) (sqrt(v) + epsilon) / sqrt(1 - beta_2^t)
b1, b2, eps, lr = 0.9, 0.999, 1e-3, 0.05
m, s = [torch.zeros_like(v) for v in w], [torch.zeros_like(v) for v in w]
for t in range(1, 4):
    leaf = [v.clone().requires_grad_() for v in w]
    grads = torch.autograd.grad(cross_entropy(leaf, x, label), leaf)
    step = lr * np.sqrt(1 - b2**t) / (1 - b1**t)
    m = [a + (g - a) * (1 - b1) for a, g in zip(m, grads)]
    s = [a + (g * g - a) * (1 - b2) for a, g in zip(s, grads)]
    w = [v - a * step / (c.sqrt() + eps) for v, a, c in zip(w, m, s)]
p = torch.cat([((1 - b1**3) * (c.sqrt() + eps) / np.sqrt(1 - b2**3)).reshape(-1) for c in s]).numpy()
h = hessian(lambda v: cross_entropy(v, x, label), w)
out["adam_top"] = np.linalg.eigvalsh(h)[-1]
out["adam_scaled_top"] = np.linalg.eigvalsh(h / np.sqrt(np.outer(p, p)))[-1]

# One sigmoid unit with MSE that is wrong about all samples: the loss is bent downwards.
x = torch.tensor(f32(np.abs(rng.normal(size=(30, 3))) + 0.2))
w = [torch.tensor(f32(np.array([[1.0], [0.7], [0.4]])))]
e = np.linalg.eigvalsh(hessian(lambda v: (torch.sigmoid(x @ v[0]) ** 2).mean(), w))
assert abs(e[0]) > 2 * abs(e[-1])
out["down_x"], out["down_w_00"], out["down_low"], out["down_top"] = x.numpy(), w[0].numpy(), e[0], e[-1]

# ---- principal components of a path of six points of a dense{3} with bias on 4 features ----
path = f32(np.cumsum(rng.normal(size=(6, 15)) * 2, axis=0) + np.outer(np.arange(6), rng.normal(size=15)) * 3)
out["path"] = path
c = path - path.mean(0)
_, sv, vt = np.linalg.svd(c, full_matrices=False)
out["path_share"] = sv[:2] ** 2 / np.sum(sv**2)
out["path_coordinates"] = (path - path[-1]) @ vt[:2].T  # relative to the last point; signs are free

# ---- the range test on the linear model with all data in each batch, so that their order does not matter ----
x, y = out["lin_x"], out["lin_y"]


def range_test(first, last, steps, beta, x, y, w, momentum=0.0):
    lrs, raw, smooth, val, best, moved = [], [], [], 0.0, np.inf, np.zeros_like(w)
    for i in range(steps):
        rate = first * (last / first) ** (i / (steps - 1))
        r = x @ w - y
        loss = np.mean(r**2)
        val = val * beta + loss * (1 - beta)
        s = val / (1 - beta ** (i + 1))
        lrs.append(rate), raw.append(loss), smooth.append(s)
        if i > 0 and s > 4 * best:
            break
        best = min(best, s)
        moved = momentum * moved - rate * (2 / len(x) * x.T @ r)
        w = w + moved
    return np.array(lrs), np.array(raw), np.array(smooth)


def fastai(lrs, losses, num_it):
    """fastai/callback/schedule.py: lr_find, valley, steep, minimum."""
    lrs, losses = lrs[num_it // 10:-5], losses[num_it // 10:-5]
    n, max_start, max_end = len(losses), 0, 0
    lds = [1] * n
    for i in range(1, n):
        for j in range(0, i):
            if losses[i] < losses[j] and lds[i] < lds[j] + 1:
                lds[i] = lds[j] + 1
            if lds[max_end] < lds[i]:
                max_end = i
                max_start = max_end - lds[max_end]
    sections = (max_end - max_start) / 3
    idx = max_start + int(sections) + int(sections / 2)
    grads = (losses[1:] - losses[:-1]) / (np.log(lrs[1:]) - np.log(lrs[:-1]))
    return np.array([lrs[idx], lrs[grads.argmin()], lrs[losses.argmin()] / 10])


w = f32(rng.normal(size=(5, 1)) * 3)
out["find_w_00"] = w
lrs, raw, smooth = range_test(1e-5, 10, 80, 0.9, x, y, w, 0.5)
assert len(lrs) < 80
out["find_lr"], out["find_loss"], out["find_smooth"] = lrs, raw, smooth
out["find_suggestions"] = fastai(lrs, smooth, 80)

GIVEN = ("lin_x", "lin_y", "net_x", "net_y", "net_w", "down_x", "down_w", "cnn_x", "cnn_y", "cnn_w", "path", "find_w")
for k, v in out.items():
    given = k.startswith(GIVEN) and k not in ("path_share", "path_coordinates")
    out[k] = np.array(v, np.float32 if given else np.float64)
name = os.path.join(HERE, "golden_valley.npz")
np.savez_compressed(name, **out)
print(f"golden_valley.npz: {len(out)} arrays, {os.path.getsize(name)} bytes")
