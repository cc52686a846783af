"""What the make_*.py scripts share: Keras in float64, numbers that float32 holds exactly, one .npz per test.

Needs: pip install "keras>=3.9,<4" tensorflow-cpu numpy
Only to make the numbers anew; the tests read the committed .npz files and need no Python:

    python3 tests/golden/make_networks.py && python3 tests/golden/make_training.py
"""
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(1)

# ops.cast(0.999, "float64") goes through float32 on TensorFlow, so Adam's beta powers, and with them its steps,
# would be off by 6e-6: hand it the double.
_cast = keras.src.ops.cast
keras.src.ops.cast = lambda x, dtype: _cast(np.float64(x) if isinstance(x, float) else x, dtype)

HERE = os.path.dirname(os.path.abspath(__file__))


def f32(a):
    """float64 values that float32 holds exactly: both programs start from the same numbers."""
    return np.asarray(a, np.float32).astype(np.float64)


class Store:
    """Collects arrays and writes golden_NAME.npz; inputs in float32 (exact), answers in float64."""

    def __init__(self, name):
        self.path, self.arrays = os.path.join(HERE, f"golden_{name}.npz"), {}

    def given(self, key, a):
        a = np.asarray(a)
        assert np.array_equal(a, f32(a)), key
        self.arrays[key] = np.array(a, np.float32)

    def answer(self, key, a):
        self.arrays[key] = np.array(a, np.float64)

    def answers(self, key, arrays):
        for i, a in enumerate(arrays):
            self.answer(f"{key}_{i:02d}", a)

    def givens(self, key, arrays):
        for i, a in enumerate(arrays):
            self.given(f"{key}_{i:02d}", a)

    def save(self):
        np.savez_compressed(self.path, **self.arrays)
        print(f"{os.path.basename(self.path)}: {len(self.arrays)} arrays, {os.path.getsize(self.path)} bytes")


def random_weights(model, rng):
    """Weights of the size that training meets: kernels scaled by fan-in, everything else away from 0 and 1."""
    out = []
    for v in model.weights:
        n = v.path.split("/")[-1]
        if n == "kernel":
            a = rng.normal(size=v.shape) / np.sqrt(np.prod(v.shape[:-1]))
        elif n == "gamma":
            a = rng.uniform(0.7, 1.4, v.shape)
        elif n == "moving_variance":
            a = rng.uniform(0.5, 1.5, v.shape)
        else:
            a = rng.normal(size=v.shape) * 0.2
        out.append(f32(a))
    model.set_weights(out)
    return out


def gradients(model, x, y):
    """Of the training-mode total loss (penalties included), in the order of model.trainable_weights."""
    before = model.get_weights()
    x, y = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        p = model(x, training=True)
        loss = model.compute_loss(x, y, p, training=True)
    g = [t.numpy() for t in tape.gradient(loss, [v.value for v in model.trainable_weights])]
    model.set_weights(before)  # the training-mode pass moved the statistics of batch_norm
    return float(loss), g


def train_losses(model, batches):
    """Keras's train_on_batch returns a running mean over the calls: reset, so that a value is its batch's own."""
    out = []
    for x, y in batches:
        model.reset_metrics()
        r = model.train_on_batch(x, y)
        out.append(float(r[0] if isinstance(r, (list, tuple)) else r))
    return np.array(out)


def network(store, model, batches, rng):
    """The whole comparison of one compiled model; batches = [(x, y), ...]."""
    store.givens("w0", random_weights(model, rng))
    for i, (x, y) in enumerate(batches):
        store.given(f"x_{i}", x)
        store.given(f"y_{i}", y)
    x, y = batches[0]
    store.answer("out_infer", model(tf.constant(x), training=False))
    before = model.get_weights()
    store.answer("out_train", model(tf.constant(x), training=True))
    model.set_weights(before)
    store.answer("eval0", model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)["loss"])
    loss, g = gradients(model, x, y)
    store.answer("loss0", loss)
    store.answers("g", g)
    store.answer("losses", train_losses(model, batches))
    store.answers("w5", model.get_weights())
    x, y = batches[-1]
    store.answer("eval5", model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)["loss"])
