"""Resized pictures from Pillow and colors from Matplotlib, for tests/lua/picture.lua.

    python3 -m venv v; v/bin/pip install pillow matplotlib; v/bin/python make_pictures.py
"""
import matplotlib
import numpy as np
import os
from PIL import Image

out = {}
rng = np.random.default_rng(1)
image = rng.integers(0, 256, (11, 17, 3), dtype=np.uint8)
out["image"] = image
for w, h in ((17, 11), (5, 4), (40, 23), (17, 3), (1, 1), (6, 30)):
    out["%dx%d" % (w, h)] = np.asarray(Image.fromarray(image).resize((w, h), Image.BILINEAR))
for name in ("viridis", "coolwarm"):
    out[name] = np.round(matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).astype(np.uint8)
np.savez_compressed(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden_picture.npz"), **out)
