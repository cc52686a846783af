"""Makes golden_tensors.npz: what numpy says about indexing, broadcasting, reductions, functions, order and products of
tensors. Needs numpy alone; tests/lua/golden_tensors.lua reads it and needs no Python:

    python3 tests/golden/make_tensors.py

Inputs are stored as they are, answers in float64 (made from the very same inputs, cast up), int64 or uint8; places count
from 1, as they do in Lua.
"""
import os

import numpy as np

rng = np.random.default_rng(5)
out = {}


def given(name, a):
    out[name] = a
    return a if a.dtype.kind in "iu" else a.astype(np.float64)


def answer(name, a):
    a = np.asarray(a)
    if a.dtype == bool:
        a = a.astype(np.uint8)
    elif a.dtype.kind == "f":
        a = a.astype(np.float64)
    else:
        a = a.astype(np.int64)
    assert name not in out, name
    out[name] = a


f = given("f", rng.normal(size=(4, 3, 5)).astype(np.float32))
col = given("col", rng.normal(size=(3, 1)).astype(np.float32))
row = given("row", rng.normal(size=(5,)).astype(np.float32))
outer = given("outer", rng.normal(size=(4, 1, 1)).astype(np.float32))
d = given("d", rng.normal(size=(3, 5)))
i = given("i", rng.integers(-9, 10, size=(4, 3, 5)).astype(np.int64))
j = given("j", rng.choice([-4, -3, -1, 1, 2, 5], size=(3, 5)).astype(np.int32))
u = given("u", rng.integers(0, 256, size=(4, 3, 5)).astype(np.uint8))
bad = np.array([1.5, np.nan, -np.inf, 0.0, -0.0, np.inf, 1e-40, -2.5], np.float32)
bad = given("bad", bad)
ties = given("ties", rng.integers(0, 4, size=(6, 9)).astype(np.float32))

# arithmetic, broadcasting
with np.errstate(all="ignore"):
    pairs = {"f_col": (f, col), "f_row": (f, row), "outer_d": (outer, d), "row_col": (row, col), "f_number": (f, 0.75),
             "number_f": (0.75, f), "bad_number": (bad, 1.0)}
    for name, (a, b) in pairs.items():
        answer("add_" + name, a + b)
        answer("sub_" + name, a - b)
        answer("mul_" + name, a * b)
        answer("div_" + name, a / b)
        answer("pow_" + name, np.abs(a) ** b)
        answer("mod_" + name, np.mod(a, b))
        answer("idiv_" + name, np.floor(a / b))
        answer("maximum_" + name, np.maximum(a, b))
        answer("minimum_" + name, np.minimum(a, b))
        answer("lt_" + name, a < b)
        answer("le_" + name, a <= b)
        answer("gt_" + name, a > b)
        answer("ge_" + name, a >= b)
        answer("eq_" + name, a == b)
        answer("ne_" + name, a != b)
    big_u = u.astype(np.int64)
    for name, (a, b) in {"i_j": (i, j), "u_j": (big_u, j), "i_number": (i, 3), "number_j": (7, j)}.items():
        answer("add_" + name, a + b)
        answer("sub_" + name, a - b)
        answer("mul_" + name, a * b)
        answer("div_" + name, a / b)
        answer("mod_" + name, a % b)
        answer("idiv_" + name, a // b)
        answer("maximum_" + name, np.maximum(a, b))
        answer("lt_" + name, a < b)
        answer("eq_" + name, a == b)
    answer("and", np.logical_and(i, j))
    answer("or", np.logical_or(i, j))
    answer("not", np.logical_not(i))
    answer("where", np.where(f > 0, col, row))
    answer("where_number", np.where(i > 0, i, -1))
    answer("clip", np.clip(f, -0.5, 0.75))

    # functions of one
    for name in "abs sign sqrt exp expm1 log log1p sin cos tan tanh floor ceil round isnan isinf isfinite".split():
        fn = getattr(np, name)
        answer(name + "_f", fn(f))
        answer(name + "_bad", fn(bad))
        answer(name + "_i", fn(i.astype(np.float64)) if name in ("floor", "ceil", "round") else fn(i))
    answer("sigmoid_f", 1 / (1 + np.exp(-f)))
    answer("relu_f", np.where(f < 0, 0, f))
    answer("neg_u", -big_u)

    # reductions
    for name, a in {"f": f, "i": i, "u": big_u, "d": d, "bad": bad}.items():
        axes = [None] + [k for k in range(a.ndim)] + ([(0, 2), (1, 2)] if a.ndim == 3 else [])
        for axis in axes:
            tag = name + "_" + ("all" if axis is None else "".join(str(k + 1) for k in np.atleast_1d(axis)))
            answer("sum_" + tag, a.sum(axis))
            answer("mean_" + tag, a.mean(axis))
            answer("std_" + tag, a.std(axis))
            answer("min_" + tag, a.min(axis))
            answer("max_" + tag, a.max(axis))
            answer("any_" + tag, a.any(axis))
            answer("all_" + tag, a.all(axis))
            if name in ("f", "d"):
                answer("prod_" + tag, a.prod(axis))
                answer("var_" + tag, a.var(axis, ddof=1))
                answer("norm_" + tag, np.sqrt((a * a).sum(axis)))
            if axis is not None and np.ndim(axis) == 0:
                answer("argmax_" + tag, a.argmax(axis) + 1)
                answer("argmin_" + tag, a.argmin(axis) + 1)
                answer("cumsum_" + tag, a.cumsum(axis))
                answer("keep_" + tag, a.sum(axis, keepdims=True))

# order
for axis in (0, 1):
    answer(f"sort_{axis + 1}", np.sort(ties, axis))
    answer(f"argsort_{axis + 1}", np.argsort(ties, axis, kind="stable") + 1)
    down = np.argsort(-ties, axis, kind="stable")
    answer(f"down_{axis + 1}", down + 1)
    answer(f"topk_{axis + 1}", np.take_along_axis(ties, down, axis).take(range(4), axis))
answer("sort_bad", np.sort(bad))

# indexing
answer("slice_row", f[1, 1:3])
answer("slice_col", f[:, 2])
answer("slice_step", f[::2, 1:, ::-2])
answer("slice_back", f[-1, ::-1, 1:4])
answer("slice_last", f[..., -1])
answer("index_2", f[:, [2, 0, 2]])
answer("index_3", i[:, :, [-1, 0]])
answer("masked", i[i > 3])
answer("masked_rows", f[np.array([True, False, True, True])])
answer("nonzero", np.argwhere(i > 5) + 1)
t = i.copy()
t[1, 1:3] = 0
t[:, 2] = np.arange(5)
t[::2, 1:, ::-2] = t[0, 0, 0] + np.arange(3)[None, None, :]
t[t < -5] = 99
answer("set", t)

# shape
answer("transpose", f.transpose())
answer("swap", f.swapaxes(0, 2))
answer("permute", f.transpose(1, 2, 0))
wide = given("wide", (np.arange(37 * 3 * 70) * 7 % 251).astype(np.uint8).reshape(37, 3, 70))
answer("wide_permute", wide.transpose(2, 1, 0))
answer("wide_permute_2", wide.transpose(0, 2, 1))
answer("concat_1", np.concatenate([f, i.astype(np.float64)], 0))
answer("concat_3", np.concatenate([f, f[:, :, :2]], 2))
answer("stack_2", np.stack([d, d + 1], 1))

# products
a, b = given("a", rng.normal(size=(7, 4)).astype(np.float32)), given("b", rng.normal(size=(4, 6)).astype(np.float32))
answer("matmul", a @ b)
answer("matmul_vector", a @ b[:, 0])
answer("vector_matmul", a[0] @ b)
answer("dot", a[0] @ b[:, 0])
s1 = given("s1", rng.normal(size=(2, 1, 3, 4)).astype(np.float32))
s2 = given("s2", rng.normal(size=(5, 4, 2)).astype(np.float32))
answer("matmul_stack", s1 @ s2)
answer("matmul_whole", i[0] @ i[1].T)

# making
answer("arange", np.arange(3, 20, 4))
answer("arange_down", np.arange(5, -3, -2))
answer("arange_part", np.arange(0.5, 3, 0.25))
answer("linspace", np.linspace(-1, 2, 7))
answer("eye", np.eye(3, 4))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden_tensors.npz")
np.savez_compressed(path, **out)
print(len(out), "arrays,", os.path.getsize(path), "bytes")
