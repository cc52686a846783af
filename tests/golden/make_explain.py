"""golden_explain.npz: Grad-CAM, saliency, input x gradient, integrated gradients and occlusion of a small
network with a branch, by PyTorch's autograd in float64. NHWC as sonde has it; PyTorch computes in NCHW.

Needs: pip install torch numpy
Only to make the numbers anew; tests/lua/golden_explain.lua reads the committed file and needs no Python:

    python3 tests/golden/make_explain.py
"""
import os

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(11)
N, H, W, C, UNITS = 3, 13, 10, 3, 4
STEPS = 9
PATCH, STRIDE = (4, 3), (3, 2)


def draw(*shape, scale=1.0):
    """float64 values that float32 holds exactly."""
    return np.asarray(rng.normal(0, scale, shape), np.float32).astype(np.float64)


given = {
    "x": draw(N, H, W, C),
    "w_00": draw(3, 3, C, 6, scale=0.4), "w_01": draw(6, scale=0.2),  # stem, HWIO
    "w_02": 1 + draw(6, scale=0.2), "w_03": draw(6, scale=0.2),       # gamma, beta
    "w_04": draw(6, scale=0.2), "w_05": 1 + np.abs(draw(6, scale=0.3)),  # moving mean and variance
    "w_06": draw(3, 3, 6, 6, scale=0.3), "w_07": draw(6, scale=0.1),  # side
    "w_08": draw(3 * 2 * 6, UNITS, scale=0.3), "w_09": draw(UNITS, scale=0.1),  # head
    "one_00": draw(3 * 2 * 6, 1, scale=0.3), "one_01": draw(1, scale=0.1),      # a head of one unit instead
}
given.update({key: given[key].astype(np.float32).astype(np.float64) for key in ("w_02", "w_05")})
p = {key: torch.tensor(value) for key, value in given.items()}


def conv(h, kernel, bias):
    return F.conv2d(h, kernel.permute(3, 2, 0, 1), bias, padding="same")


def scores(x, head="w"):
    """The score of each unit before softmax or sigmoid, and the outputs (NCHW) that Grad-CAM is about."""
    stem = torch.tanh(conv(x.permute(0, 3, 1, 2), p["w_00"], p["w_01"]))
    low = F.max_pool2d(stem, 2)  # 6 x 5
    bn = F.relu(F.batch_norm(low, p["w_04"], p["w_05"], p["w_02"], p["w_03"], False, 0, 1e-3))
    join = bn + F.relu(conv(bn, p["w_06"], p["w_07"]))
    pool = F.max_pool2d(join, 2)  # 3 x 2
    flat = pool.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
    kernel, bias = {"w": ("w_08", "w_09"), "one": ("one_00", "one_01")}[head]
    return flat @ p[kernel] + p[bias], {"stem": stem, "join": join}


def grad(x, unit):
    x = x.detach().clone().requires_grad_(True)
    z, _ = scores(x)
    g, = torch.autograd.grad(z[:, unit].sum(), x)
    return g


def cam(x, layer, unit, head="w", sign=1):
    """Selvaraju et al.: relu of the channels weighted by their mean gradients; at the layer's size, at the image's."""
    z, outs = scores(x, head)
    a = outs[layer]
    g, = torch.autograd.grad(sign * z[:, unit].sum(), a)
    raw = F.relu((g.mean((2, 3), keepdim=True) * a).sum(1, keepdim=True))
    big = F.interpolate(raw, size=(H, W), mode="bilinear", align_corners=False)
    return raw[0, 0].detach().numpy(), big[0, 0].detach().numpy()


answers = {}
for i in range(N):
    x = torch.tensor(given["x"][i:i + 1])
    x.requires_grad_(True)
    z, _ = scores(x)
    share = torch.softmax(z, 1)
    unit = int(z.argmax())
    answers[f"class_{i}"] = np.array([unit + 1, z[0, unit].item(), share[0, unit].item()])
    answers[f"cam_{i}"], answers[f"cam_map_{i}"] = cam(x, "join", unit)
    answers[f"stem_{i}"], answers[f"stem_map_{i}"] = cam(x, "stem", unit)
    g = grad(x, unit)
    answers[f"saliency_raw_{i}"] = g[0].numpy()
    answers[f"saliency_{i}"] = g[0].abs().amax(2).numpy()
    answers[f"ixg_{i}"] = (g * x)[0].sum(2).detach().numpy()

    # integrated gradients from black and from the channels' means, by the midpoint rule
    for name, base in (("black", torch.zeros_like(x)), ("mean", x.detach().mean((1, 2), keepdim=True).expand_as(x))):
        way, total = (x - base).detach(), torch.zeros_like(x)
        for k in range(STEPS):
            total += grad(base + way * (k + 0.5) / STEPS, unit)
        attributed = way * total / STEPS
        answers[f"ig_{name}_{i}"] = attributed[0].sum(2).detach().numpy()
        difference = (scores(x)[0][0, unit] - scores(base)[0][0, unit]).item()
        answers[f"ig_gap_{name}_{i}"] = np.array([difference, difference - attributed.sum().item()])

    # occlusion by the channels' means: the last patches end with the image
    base = x.detach().mean((1, 2), keepdim=True)
    tops = sorted({min(t, H - PATCH[0]) for t in range(0, H - PATCH[0] + STRIDE[0], STRIDE[0])})
    lefts = sorted({min(t, W - PATCH[1]) for t in range(0, W - PATCH[1] + STRIDE[1], STRIDE[1])})
    drops = np.zeros((len(tops), len(lefts)))
    covered, total = np.zeros((H, W)), np.zeros((H, W))
    for a, top in enumerate(tops):
        for b, left in enumerate(lefts):
            hidden = x.detach().clone()
            where = np.s_[0, top:top + PATCH[0], left:left + PATCH[1]]
            hidden[where] = base[0, 0, 0]
            drops[a, b] = (share[0, unit] - torch.softmax(scores(hidden)[0], 1)[0, unit]).item()
            covered[where[1:]] += 1
            total[where[1:]] += drops[a, b]
    answers[f"occlusion_raw_{i}"], answers[f"occlusion_{i}"] = drops, total / covered

# one unit: its score for one class (2), its negative for the other (1)
x = torch.tensor(given["x"][:1], requires_grad=True)
for number, sign in ((1, -1), (2, 1)):
    answers[f"one_cam_{number}"], answers[f"one_map_{number}"] = cam(x, "join", 0, "one", sign)
    z = sign * scores(x, "one")[0][0, 0]
    answers[f"one_class_{number}"] = np.array([z.item(), torch.sigmoid(z).item()])

arrays = {k: v.astype(np.float32) for k, v in given.items()}
arrays.update({k: np.asarray(v, np.float64) for k, v in answers.items()})
path = os.path.join(HERE, "golden_explain.npz")
np.savez_compressed(path, **arrays)
print(f"{os.path.basename(path)}: {len(arrays)} arrays, {os.path.getsize(path)} bytes")
