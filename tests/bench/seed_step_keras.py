"""The twin of seed_step.lua in Keras: images/s and peak memory of the seed network's training step. By hand only.

Needs: pip install "keras>=3.9,<4" tensorflow-cpu numpy
Run:   python3 tests/bench/seed_step_keras.py [STEPS [BATCH [SIZE]]]      (CUDA_VISIBLE_DEVICES= for the processor alone)
"""
import os
import resource
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

steps, batch, size = (int(a) for a in (sys.argv[1:] + ["4", "32", "256"][len(sys.argv) - 1:])[:3])
L, l2 = keras.layers, lambda: keras.regularizers.L2(1e-4)


def block(filters, rate):
    return [L.Conv2D(filters, 5, padding="same", kernel_regularizer=l2()), L.BatchNormalization(),
            L.Activation("relu"), L.MaxPooling2D(2), L.Dropout(rate)]


model = keras.Sequential([
    L.Input((size, size, 3)), *block(32, 0.1), *block(64, 0.2), *block(128, 0.3), L.Flatten(),
    L.Dense(128, kernel_regularizer=l2()), L.BatchNormalization(), L.Activation("relu"), L.Dropout(0.5),
    L.Dense(2, activation="softmax", kernel_regularizer=l2()),
])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
rng = np.random.default_rng(1)
x = rng.uniform(size=(batch, size, size, 3)).astype("float32")
y = np.eye(2, dtype="float32")[rng.integers(0, 2, batch)]
model.train_on_batch(x, y)  # builds the graph
times = []
for _ in range(steps):
    t = time.perf_counter()
    model.train_on_batch(x, y)
    times.append(time.perf_counter() - t)
best, median = min(times), sorted(times)[len(times) // 2]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"keras {keras.__version__}  {size}x{size} batch {batch}  best {best:.3f} s/step  median {median:.3f} s/step  "
      f"{batch / best:.2f} images/s  peak {peak:.0f} MiB  cores {len(os.sched_getaffinity(0))}")
