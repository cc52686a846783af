"""golden_look.npz: outputs of layers, and gradients of layers and of the input, of a small network with a branch, by
PyTorch's autograd in float64. NHWC as sonde has it; PyTorch computes in NCHW.

Needs: pip install torch numpy
Only to make the numbers anew; tests/lua/golden_look.lua reads the committed file and needs no Python:

    python3 tests/golden/make_look.py
"""
import os

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
N, H, W, C, UNITS, L2 = 4, 6, 4, 2, 4, 1e-2


def draw(*shape, scale=1.0):
    """float64 values that float32 holds exactly."""
    return np.asarray(rng.normal(0, scale, shape), np.float32).astype(np.float64)


given = {
    "x": draw(N, H, W, C),
    "y": rng.integers(0, UNITS, N).astype(np.float64),
    "w_00": draw(3, 3, C, 5, scale=0.4), "w_01": draw(5, scale=0.2),  # stem, HWIO
    "w_02": 1 + draw(5, scale=0.2), "w_03": draw(5, scale=0.2),       # gamma, beta
    "w_04": draw(5, scale=0.2), "w_05": 1 + np.abs(draw(5, scale=0.3)),  # moving mean and variance
    "w_06": draw(3, 3, 5, 5, scale=0.2), "w_07": draw(5, scale=0.1),  # side
    "w_08": draw(H // 2 * (W // 2) * 5, UNITS, scale=0.2), "w_09": draw(UNITS, scale=0.1),  # head
    "weights": draw(H, W, 5),
}
given.update({key: given[key].astype(np.float32).astype(np.float64) for key in ("w_02", "w_05")})
LAYERS = ["stem", "bn", "act", "side", "add", "pool", "head"]


def conv(h, kernel, bias):
    return F.conv2d(h, kernel.permute(3, 2, 0, 1), bias, padding="same")


def network(train):
    """Leaves with gradients, and every layer's output in NHWC, kept for its gradient."""
    x = torch.tensor(given["x"], requires_grad=True)
    p = [torch.tensor(given[f"w_{i:02d}"], requires_grad=True) for i in range(10)]
    out = {}

    def keep(name, nchw):
        """The tensor that goes on is the one whose gradient is asked for."""
        out[name] = nchw.permute(0, 2, 3, 1) if nchw.dim() == 4 else nchw
        out[name].retain_grad()
        return out[name].permute(0, 3, 1, 2) if nchw.dim() == 4 else out[name]

    stem = keep("stem", torch.tanh(conv(x.permute(0, 3, 1, 2), p[0], p[1])))
    bn = keep("bn", F.batch_norm(stem, p[4].detach().clone(), p[5].detach().clone(), p[2], p[3], train, 0.01, 1e-3))
    act = keep("act", F.relu(bn))
    side = keep("side", conv(act, p[6], p[7]))
    add = keep("add", act + side)
    pool = keep("pool", F.max_pool2d(add, 2))
    logits = pool.permute(0, 2, 3, 1).reshape(N, -1) @ p[8] + p[9]
    out["logits"] = logits
    keep("head", torch.softmax(logits, 1))
    return x, p, out


def data_loss(out):
    """Keras's crossentropy of probabilities, which divides them by their sum: that is 1, and yet has a gradient."""
    p = out["head"] / out["head"].sum(1, keepdim=True)
    return F.nll_loss(torch.log(p), torch.tensor(given["y"], dtype=torch.int64))


answers = {}


def input_gradient(key, scalar):
    x, _, out = network(False)
    answers[key], = [g.numpy() for g in torch.autograd.grad(scalar(out), x)]


# any input, in inference mode
_, _, eval_out = network(False)
for name in LAYERS:
    answers[f"out_{name}"] = eval_out[name].detach().numpy()
input_gradient("dx_loss", data_loss)
input_gradient("dx_class", lambda o: o["head"][:, 1].sum())
input_gradient("dx_logits", lambda o: o["logits"][:, 1].sum())
input_gradient("dx_unit", lambda o: o["side"][..., 3].sum())
input_gradient("dx_weights", lambda o: (torch.tensor(given["weights"]) * o["bn"]).sum())
# what Grad-CAM needs: a class's score with respect to a layer
_, _, o = network(False)
answers["cam"], = [g.numpy() for g in torch.autograd.grad(o["logits"][:, 2].sum(), o["act"])]

# a training step
x, p, out = network(True)
loss = data_loss(out)
loss.backward()
for name in LAYERS:
    answers[f"train_{name}"] = out[name].detach().numpy()
    answers[f"grad_{name}"] = out[name].grad.numpy()
answers["grad_input"] = x.grad.numpy()
for i in (0, 1, 2, 3, 6, 7, 8, 9):
    answers[f"data_grad_{i:02d}"] = p[i].grad.numpy()
answers["penalty_grad_00"] = 2 * L2 * given["w_00"]
answers["loss"] = np.array([loss.item(), L2 * (given["w_00"] ** 2).sum()])

arrays = {k: v.astype(np.float32) for k, v in given.items()}
arrays.update({k: np.asarray(v, np.float64) for k, v in answers.items()})
path = os.path.join(HERE, "golden_look.npz")
np.savez_compressed(path, **arrays)
print(f"{os.path.basename(path)}: {len(arrays)} arrays, {os.path.getsize(path)} bytes")
