"""Makes golden_a, golden_b, golden_branch, golden_layers and golden_activations.npz with Keras 3 on TensorFlow
in float64. How to run, and what it needs: common.py. The tests that read them: tests/lua/golden_*.lua."""
from common import Store, f32, gradients, keras, network, np, random_weights, tf

L, R = keras.layers, keras.regularizers


def compile_(model, **kw):
    model.compile(jit_compile=False, **kw)
    return model


def network_a():
    """The blocks of the seed's network, small: conv, batch norm, relu, max pool, dense, L2, Adam."""
    rng = np.random.default_rng(11)
    l2 = lambda: R.L2(1e-2)
    model = compile_(
        keras.Sequential([
            L.Input((12, 10, 3)),
            L.Conv2D(4, 5, padding="same", kernel_regularizer=l2()), L.BatchNormalization(), L.Activation("relu"),
            L.MaxPooling2D(2),
            L.Conv2D(6, 3, padding="same", kernel_regularizer=l2()), L.BatchNormalization(), L.Activation("relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(8, kernel_regularizer=l2()), L.BatchNormalization(), L.Activation("relu"),
            L.Dense(2, activation="softmax", kernel_regularizer=l2()),
        ]), loss="categorical_crossentropy", optimizer=keras.optimizers.Adam())
    batches = [(f32(rng.normal(size=(8, 12, 10, 3))), np.eye(2)[rng.integers(0, 2, 8)]) for _ in range(5)]
    s = Store("a")
    network(s, model, batches, rng)
    s.save()


def network_b():
    """Strides, non-square, even kernels, dilation, every regularizer, Nesterov, clipnorm, logits with class indices."""
    rng = np.random.default_rng(12)
    model = compile_(
        keras.Sequential([
            L.Input((11, 14, 2)),
            L.Conv2D(5, (2, 4), strides=(2, 1), padding="same", kernel_regularizer=R.L1L2(1e-3, 1e-2),
                     bias_regularizer=R.L2(1e-2)),
            L.Activation("leaky_relu"),
            L.AveragePooling2D((2, 3), strides=(2, 2), padding="same"),
            L.Conv2D(4, (2, 3), dilation_rate=2, padding="valid", activation="elu",
                     activity_regularizer=R.L2(1e-1)),
            L.GlobalAveragePooling2D(),
            L.Dense(3, bias_regularizer=R.L1(1e-2)),
        ]), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=0.6))
    batches = [(f32(rng.normal(size=(6, 11, 14, 2))), rng.integers(0, 3, 6).astype(float)) for _ in range(5)]
    s = Store("b")
    network(s, model, batches, rng)
    norms = [float(np.linalg.norm(s.arrays[k])) for k in s.arrays if k.startswith("g_")]
    assert min(norms) < 0.6 < max(norms), norms  # clipnorm acts on some tensors and not on others
    s.save()


def network_branch():
    """A functional model: a layer called twice (with an activity penalty on each call), add, concat, a frozen layer."""
    rng = np.random.default_rng(13)
    x = L.Input((7, 6, 2))
    h = L.Conv2D(3, 3, padding="same", activation="tanh", name="stem")(x)
    shared = L.Conv2D(3, 3, padding="same", activation="elu", kernel_regularizer=R.L2(1e-2),
                      activity_regularizer=R.L2(1e-3), name="shared")
    a = shared(h)
    b = shared(a)
    c = L.Add(name="sum")([h, b])
    d = L.Conv2D(2, 1, kernel_regularizer=R.L2(1.0), trainable=False, name="frozen")(c)
    e = L.Concatenate(name="joined")([c, d, a])
    out = L.Dense(1, activation="sigmoid", name="head")(L.GlobalAveragePooling2D()(e))
    model = compile_(keras.Model(x, out), loss="binary_crossentropy",
                     optimizer=keras.optimizers.RMSprop(1e-2, momentum=0.5, centered=True))
    batches = [(f32(rng.normal(size=(5, 7, 6, 2))), rng.integers(0, 2, (5, 1)).astype(float)) for _ in range(3)]
    s = Store("branch")
    network(s, model, batches, rng)
    size = lambda weights: sum(int(np.prod(w.shape)) for w in weights)
    s.answer("count", [model.count_params(), size(model.trainable_weights), size(model.non_trainable_weights)])
    s.save()


# name, input (H, W, C), layer. A 1x1 convolution stands before each, so its kernel's gradient tests the layer's dx.
SAME, VALID = dict(padding="same"), dict(padding="valid")
LAYERS = [
    ("conv_5_s2_same", (11, 8, 2), lambda: L.Conv2D(3, 5, strides=2, **SAME)),
    ("conv_4_s1_same", (9, 6, 3), lambda: L.Conv2D(2, 4, **SAME)),
    ("conv_3x2_s1x3_same", (5, 10, 2), lambda: L.Conv2D(4, (3, 2), strides=(1, 3), **SAME)),
    ("conv_2_s2_same", (7, 8, 1), lambda: L.Conv2D(2, 2, strides=2, **SAME)),
    ("conv_1_s2_valid", (6, 7, 3), lambda: L.Conv2D(2, 1, strides=2, **VALID)),
    ("conv_3_s2_valid", (8, 7, 2), lambda: L.Conv2D(3, 3, strides=2, use_bias=False, **VALID)),
    ("conv_7_same_small", (3, 4, 2), lambda: L.Conv2D(2, 7, **SAME)),
    ("conv_3_d2_same", (8, 9, 2), lambda: L.Conv2D(3, 3, dilation_rate=2, **SAME)),
    ("conv_2x3_d3x2_same", (9, 8, 2), lambda: L.Conv2D(2, (2, 3), dilation_rate=(3, 2), **SAME)),
    ("conv_3x5_s3_same", (10, 13, 2), lambda: L.Conv2D(2, (3, 5), strides=3, **SAME)),
    ("max_3_s2_same", (7, 8, 2), lambda: L.MaxPooling2D(3, strides=2, **SAME)),
    ("max_2_valid_odd", (7, 5, 3), lambda: L.MaxPooling2D(2)),
    ("max_3x2_s1_same", (5, 6, 2), lambda: L.MaxPooling2D((3, 2), strides=1, **SAME)),
    ("avg_3_s2_same", (8, 7, 2), lambda: L.AveragePooling2D(3, strides=2, **SAME)),
    ("avg_2_valid_odd", (5, 7, 2), lambda: L.AveragePooling2D(2)),
    ("avg_2x3_s1_same", (4, 5, 2), lambda: L.AveragePooling2D((2, 3), strides=1, **SAME)),
    ("global_avg", (5, 3, 4), lambda: L.GlobalAveragePooling2D()),
    ("batch_norm", (4, 3, 3), lambda: L.BatchNormalization(momentum=0.8, epsilon=1e-2)),
    ("batch_norm_plain", (4, 3, 3), lambda: L.BatchNormalization(center=False, scale=False)),
    ("rescaling", (3, 2, 2), lambda: L.Rescaling(0.5, offset=-1.0)),
    ("reshape", (3, 4, 2), lambda: L.Reshape((2, 12))),
]


def single_layers():
    """Each layer alone behind a 1x1 convolution, loss mse against random targets: output, and gradients of a step."""
    rng = np.random.default_rng(14)
    s = Store("layers")
    for name, shape, layer in LAYERS:
        model = keras.Sequential([L.Input(shape), L.Conv2D(shape[2], 1, name="front"), layer(), L.Flatten()])
        compile_(model, loss="mse", optimizer="sgd")
        s.givens(f"{name}.w", random_weights(model, rng))
        x = f32(rng.normal(size=(3, *shape)))
        out = model(tf.constant(x), training=False)
        y = f32(rng.normal(size=out.shape))
        s.given(f"{name}.x", x)
        s.given(f"{name}.y", y)
        s.answer(f"{name}.out", out)
        loss, g = gradients(model, x, y)
        s.answer(f"{name}.loss", loss)
        s.answers(f"{name}.g", g)
        model.train_on_batch(x, y)
        s.answers(f"{name}.w1", model.get_weights())
    s.save()


ACTIVATIONS = ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax", "linear", "softplus", "gelu", "swish"]


def activations():
    """dense (identity kernel at first) with each activation: output and gradient, over -6 .. 6 and small values."""
    rng = np.random.default_rng(15)
    s = Store("activations")
    x = np.concatenate([np.linspace(-6, 6, 61), np.linspace(-0.01, 0.01, 14)]).reshape(15, 5)
    x = f32(rng.permutation(x.ravel()).reshape(15, 5))
    y = f32(rng.normal(size=(15, 5)))
    s.given("x", x)
    s.given("y", y)
    for name in ACTIVATIONS:
        model = compile_(keras.Sequential([L.Input((5,)), L.Dense(5, activation=name)]), loss="mse", optimizer="sgd")
        model.set_weights([np.eye(5), np.zeros(5)])
        s.answer(f"{name}.out", model(tf.constant(x)))
        s.answers(f"{name}.g", gradients(model, x, y)[1])
    s.save()


if __name__ == "__main__":
    network_a()
    network_b()
    network_branch()
    single_layers()
    activations()
