"""References for surgery in the middle of a run: PyTorch in float64 swaps the head of a network, freezes and thaws its
first layer, and changes the learning rate, while the optimizer keeps the state of what stays. A frozen batch norm is
PyTorch's in eval mode.

Needs: pip install numpy torch
Only to make the numbers anew: python3 tests/golden/make_surgery.py
"""
import os

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(11)
torch.set_default_dtype(torch.float64)
out = {}


def f32(a):
    return np.asarray(a, np.float32).astype(np.float64)


def param(name, *shape):
    out[name] = f32(rng.normal(size=shape) * 0.5)
    return out[name]


STEPS = 14
x, y3, y4 = f32(rng.normal(size=(STEPS, 12, 5))), rng.integers(0, 3, (STEPS, 12)), rng.integers(0, 4, (STEPS, 12))
out["x"], out["y3"], out["y4"] = x, f32(y3), f32(y4)
start = [param("w1", 5, 8), param("b1", 8), param("w2", 8, 3), param("b2", 3)]
head = [param("w3", 8, 4), param("b3", 4)]
gamma, beta, mean, variance = param("gamma", 8), param("beta", 8), param("mean", 8), np.abs(param("variance", 8)) + 0.5
out["variance"] = variance = f32(variance)

OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-14),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, eps=1e-14, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-14),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05, initial_accumulator_value=0.1, eps=1e-14),
}


def train(make):
    w = [torch.tensor(a, requires_grad=True) for a in start]
    opt = make(w)
    for i in range(STEPS):
        if i == 4:  # the head makes room for one with four classes; the others' state stays
            new = [torch.tensor(a, requires_grad=True) for a in head]
            opt.param_groups[0]["params"] = w[:2] + new
            w = w[:2] + new
            for p in new:  # Adagrad makes its state when it is made
                if isinstance(opt, torch.optim.Adagrad):
                    opt.state[p] = {"step": torch.tensor(0.0), "sum": torch.full_like(p, 0.1)}
        if i in (7, 10):  # the first layer freezes, and thaws
            for p in w[:2]:
                p.requires_grad_(i == 10)
                p.grad = None
        if i == 12 and not isinstance(opt, torch.optim.SGD):  # whose momentum PyTorch multiplies by the new rate, Keras by
            # that of each gradient
            opt.param_groups[0]["lr"] /= 4
        opt.zero_grad(set_to_none=True)
        z = torch.relu(torch.tensor(x[i]) @ w[0] + w[1]) @ w[2] + w[3]
        torch.nn.functional.cross_entropy(z, torch.tensor(y3[i] if i < 4 else y4[i])).backward()
        opt.step()
    return w


for name, make in OPTIMIZERS.items():
    for k, p in enumerate(train(make)):
        out[f"{name}_{k:02d}"] = p.detach().numpy()

# A frozen batch norm between the two layers: the moving statistics are used, nothing of it moves.
w = [torch.tensor(a, requires_grad=True) for a in start]
opt = torch.optim.SGD(w, lr=0.05)
for i in range(6):
    opt.zero_grad()
    h = torch.nn.functional.batch_norm(torch.tensor(x[i]) @ w[0] + w[1], torch.tensor(mean), torch.tensor(variance),
                                       torch.tensor(gamma), torch.tensor(beta), training=False, eps=1e-3)
    torch.nn.functional.cross_entropy(torch.relu(h) @ w[2] + w[3], torch.tensor(y3[i])).backward()
    opt.step()
for k, p in enumerate(w):
    out[f"frozen_bn_{k:02d}"] = p.detach().numpy()

np.savez_compressed(os.path.join(HERE, "golden_surgery.npz"), **out)
