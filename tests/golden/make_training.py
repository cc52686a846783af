"""Makes golden_optimizers, golden_losses, golden_metrics and golden_fit.npz with Keras 3 on TensorFlow in float64.
How to run, and what it needs: common.py. The tests that read them: tests/lua/golden_*.lua."""
from common import Store, f32, gradients, keras, np, tf, train_losses

L, R, O = keras.layers, keras.regularizers, keras.optimizers
S = O.schedules

OPTIMIZERS = {
    "sgd": lambda: O.SGD(),
    "sgd_momentum": lambda: O.SGD(0.1, momentum=0.9),
    "sgd_nesterov": lambda: O.SGD(0.1, momentum=0.8, nesterov=True),
    "sgd_weight_decay": lambda: O.SGD(0.1, weight_decay=0.05),
    "adam": lambda: O.Adam(),
    "adam_options": lambda: O.Adam(0.02, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
    "adam_amsgrad": lambda: O.Adam(0.05, beta_2=0.5, amsgrad=True),
    "adam_weight_decay": lambda: O.Adam(0.05, weight_decay=0.1),
    "adamw": lambda: O.AdamW(0.02),
    "adamw_options": lambda: O.AdamW(0.02, weight_decay=0.2),
    "rmsprop": lambda: O.RMSprop(),
    "rmsprop_momentum": lambda: O.RMSprop(0.01, rho=0.8, momentum=0.9),
    "rmsprop_centered": lambda: O.RMSprop(0.01, centered=True),
    "rmsprop_all": lambda: O.RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-4),
    "adagrad": lambda: O.Adagrad(0.1),
    "adagrad_options": lambda: O.Adagrad(0.1, initial_accumulator_value=0.01, epsilon=1e-3),
    "clipnorm": lambda: O.SGD(0.1, clipnorm=0.5),
    "clipvalue": lambda: O.SGD(0.1, clipvalue=0.1),
    "global_clipnorm": lambda: O.SGD(0.1, momentum=0.9, global_clipnorm=0.5),
    "clipnorm_adam_decay": lambda: O.Adam(0.02, clipnorm=0.3, weight_decay=0.1),
    # Gradients so small that epsilon, and where it stands, decides.
    "adam_epsilon": lambda: O.Adam(0.05, clipvalue=1e-7),
    "rmsprop_epsilon": lambda: O.RMSprop(0.05, clipvalue=1e-4),
    "adagrad_epsilon": lambda: O.Adagrad(0.05, initial_accumulator_value=0.0, clipvalue=1e-4),
    "exponential_decay": lambda: O.SGD(S.ExponentialDecay(0.5, 3, 0.5)),
    "exponential_decay_staircase": lambda: O.SGD(S.ExponentialDecay(0.5, 2, 0.5, staircase=True)),
    "piecewise_constant_decay": lambda: O.SGD(S.PiecewiseConstantDecay([1, 3], [0.5, 0.2, 0.05])),
    "polynomial_decay": lambda: O.SGD(S.PolynomialDecay(0.5, 3, end_learning_rate=0.1, power=2.0)),
    "polynomial_decay_cycle": lambda: O.SGD(S.PolynomialDecay(0.5, 2, end_learning_rate=0.1, cycle=True)),
    "inverse_time_decay": lambda: O.SGD(S.InverseTimeDecay(0.5, 2, 0.7)),
    "cosine_decay": lambda: O.SGD(S.CosineDecay(0.5, 4, alpha=0.1)),
    "cosine_decay_warmup": lambda: O.SGD(S.CosineDecay(0.1, 3, warmup_target=0.6, warmup_steps=2)),
    "cosine_decay_restarts": lambda: O.SGD(S.CosineDecayRestarts(0.5, 2, t_mul=1.5, m_mul=0.8, alpha=0.05)),
}


def optimizers():
    """The same small dense network and batches, five steps with each."""
    rng = np.random.default_rng(21)
    s = Store("optimizers")

    def fresh(optimizer):
        model = keras.Sequential([L.Input((5,)), L.Dense(4, activation="tanh"), L.Dense(3)])
        model.compile(loss="mse", optimizer=optimizer, jit_compile=False)
        return model

    w0 = [f32(rng.normal(size=v.shape) * 0.7) for v in fresh("sgd").weights]
    batches = [(f32(rng.normal(size=(6, 5))), f32(rng.normal(size=(6, 3)) * 2)) for _ in range(5)]
    s.givens("w0", w0)
    for i, (x, y) in enumerate(batches):
        s.given(f"x_{i}", x)
        s.given(f"y_{i}", y)
    probe = fresh("sgd")
    probe.set_weights(w0)
    norms = [float(np.linalg.norm(g)) for g in gradients(probe, *batches[0])[1]]
    assert min(norms) < 0.5 < max(norms), norms  # clipping by 0.5 acts on some tensors and not on others
    for name, make in OPTIMIZERS.items():
        model = fresh(make())
        model.set_weights(w0)
        s.answer(f"{name}.losses", train_losses(model, batches))
        s.answers(f"{name}.w5", model.get_weights())
    s.save()


def losses():
    """Every loss with label smoothing and from_logits. One dense layer of identity kernel carries the predictions, so
    the kernel's gradient is x^T times the loss's gradient."""
    rng = np.random.default_rng(22)
    K = keras.losses
    s = Store("losses")
    n = 7
    logits = f32(rng.normal(size=(n, 4)) * 2)
    probs = f32(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    each = f32(1 / (1 + np.exp(-logits)))
    onehot, index = np.eye(4)[rng.integers(0, 4, n)], rng.integers(0, 4, (n, 1)).astype(float)
    soft = f32(rng.dirichlet(np.ones(4), n))
    bits, signs = rng.integers(0, 2, (n, 4)).astype(float), rng.choice([-1.0, 1.0], (n, 4))
    real = f32(rng.normal(size=(n, 4)) * 2)
    # Beyond epsilon on both sides. Target 1 there: at p = 1, target 0 float32's own 1 - 1e-7 decides, not Keras.
    clipped, clipped_bits = np.array(each), np.array(bits)
    for i, p in enumerate([0.0, 1.0, 1e-9]):
        clipped[i, i], clipped_bits[i, i] = f32(p), 1.0
    # name, predictions, targets, activation, loss
    cases = [
        ("cce", probs, onehot, None, K.CategoricalCrossentropy()),
        ("cce_unnormalized", f32(probs * 1.5), soft, None, K.CategoricalCrossentropy()),
        ("cce_smoothed", probs, onehot, None, K.CategoricalCrossentropy(label_smoothing=0.1)),
        ("cce_softmax", logits, onehot, "softmax", K.CategoricalCrossentropy()),
        ("cce_softmax_smoothed", logits, onehot, "softmax", K.CategoricalCrossentropy(label_smoothing=0.2)),
        ("cce_logits", logits, soft, None, K.CategoricalCrossentropy(from_logits=True)),
        ("cce_logits_smoothed", logits, onehot, None,
         K.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)),
        ("sparse_softmax", logits, index, "softmax", K.SparseCategoricalCrossentropy()),
        ("sparse_logits", logits, index, None, K.SparseCategoricalCrossentropy(from_logits=True)),
        ("bce", each, bits, None, K.BinaryCrossentropy()),
        ("bce_clipped", clipped, clipped_bits, None, K.BinaryCrossentropy()),
        ("bce_smoothed", each, bits, None, K.BinaryCrossentropy(label_smoothing=0.1)),
        ("bce_sigmoid", logits, bits, "sigmoid", K.BinaryCrossentropy()),
        ("bce_sigmoid_smoothed", logits, bits, "sigmoid", K.BinaryCrossentropy(label_smoothing=0.2)),
        ("bce_logits", logits, bits, None, K.BinaryCrossentropy(from_logits=True)),
        ("bce_logits_smoothed", logits, bits, None, K.BinaryCrossentropy(from_logits=True, label_smoothing=0.3)),
        ("mse", logits, real, None, K.MeanSquaredError()),
        ("mae", logits, real, None, K.MeanAbsoluteError()),
        ("huber", logits, real, None, K.Huber()),
        ("huber_half", logits, real, None, K.Huber(delta=0.5)),
        ("hinge_signs", logits, signs, None, K.Hinge()),
        ("hinge_bits", logits, bits, None, K.Hinge()),
    ]
    for name, x, y, activation, loss in cases:
        model = keras.Sequential([L.Input((4,)), L.Dense(4, use_bias=False, activation=activation)])
        model.compile(loss=loss, optimizer="sgd", jit_compile=False)
        model.set_weights([np.eye(4)])
        s.given(f"{name}.x", x)
        s.given(f"{name}.y", y)
        s.answer(f"{name}.loss", model.evaluate(x, y, batch_size=n, verbose=0, return_dict=True)["loss"])
        s.answer(f"{name}.g", gradients(model, x, y)[1][0])
    s.save()


def metrics():
    """Predictions carried by an identity kernel, evaluated in two batches (the second one short). No prediction lies
    within 1e-4 of a threshold of auc, and none ties with another of its row."""
    rng = np.random.default_rng(23)
    M = keras.metrics
    s = Store("metrics")
    n, batch = 27, 16

    def clear_of_thresholds(p):
        t = np.concatenate([np.arange(200) / 199.0, np.arange(7) / 6.0])
        while True:
            near = np.abs(p[..., None] - t).min(-1) < 1e-4
            if not near.any() and not (np.abs(p - 0.5) < 1e-3).any():
                return f32(p)
            p = np.where(near | (np.abs(p - 0.5) < 1e-3), p + 1.7e-3, p)

    one = clear_of_thresholds(rng.uniform(0.02, 0.97, (n, 1)))
    yes = (rng.uniform(size=(n, 1)) < 0.2 + 0.6 * one).astype(float)
    many = clear_of_thresholds(rng.dirichlet(np.ones(7), n))
    index = rng.integers(0, 7, (n, 1)).astype(float)
    index[::3, 0] = many[::3].argmax(1)
    groups = [
        ("binary", one, yes, "binary_crossentropy",
         lambda: ["accuracy", M.AUC(name="auc"), M.AUC(name="auc_pr", curve="PR"),
                  M.AUC(num_thresholds=7, name="auc_7"), M.Precision(name="precision"), M.Recall(name="recall"),
                  M.Precision(thresholds=0.7, name="precision_7"), M.Recall(thresholds=0.3, name="recall_3")]),
        ("categorical", many, np.eye(7)[index[:, 0].astype(int)], "categorical_crossentropy",
         lambda: ["accuracy", M.AUC(name="auc"), M.Precision(name="precision"), M.Recall(name="recall")]),
        ("sparse", many, index, "sparse_categorical_crossentropy",
         lambda: ["accuracy"]),
    ]
    for name, p, y, loss, make in groups:
        model = keras.Sequential([L.Input((p.shape[1],)), L.Dense(p.shape[1], use_bias=False)])
        model.compile(loss=loss, optimizer="sgd", metrics=make(), jit_compile=False)
        model.set_weights([np.eye(p.shape[1])])
        s.given(f"{name}.x", p)
        s.given(f"{name}.y", y)
        for key, v in model.evaluate(p, y, batch_size=batch, verbose=0, return_dict=True).items():
            s.answer(f"{name}.{key}", v)
    # Keras's top_k runs in float32 only (tf.math.in_top_k): so by NumPy. The target is among the k largest.
    rank = (many > np.take_along_axis(many, index.astype(int), 1)).sum(1)
    for k in 2, 3, 5:
        s.answer(f"top_{k}", (rank < k).mean())
    s.save()


def put_history(store, key, history):
    for k, v in history.history.items():
        store.answer(f"{key}.{k}", v)


def fit():
    """A small dense network with batch_norm and L2: three epochs of 8 + 8 + 4 samples, no shuffle, validation data. No
    bias before batch_norm: Adam would move it by rounding noise, and moving_mean and val_loss with it."""
    rng = np.random.default_rng(24)
    s = Store("fit")
    model = keras.Sequential([
        L.Input((6,)), L.Dense(5, use_bias=False, kernel_regularizer=R.L2(0.02)), L.BatchNormalization(momentum=0.8),
        L.Activation("tanh"), L.Dense(3, activation="softmax", kernel_regularizer=R.L1(0.01)),
    ])
    model.compile(loss="categorical_crossentropy", optimizer=O.Adam(0.02), metrics=["accuracy"], jit_compile=False)
    shape = [v.shape for v in model.weights]
    w0 = [f32(rng.normal(size=q) * 0.6) for q in shape]
    w0[1], w0[2], w0[3], w0[4] = np.ones(5), np.zeros(5), np.zeros(5), np.ones(5)
    s.givens("w0", w0)
    x, xv = f32(rng.normal(size=(20, 6))), f32(rng.normal(size=(13, 6)))
    teach = rng.normal(size=(6, 3))
    y, yv = np.eye(3)[(x @ teach).argmax(1)], np.eye(3)[(xv @ teach).argmax(1)]
    for k, a in dict(x=x, y=y, xv=xv, yv=yv).items():
        s.given(k, a)
    model.set_weights(w0)
    h = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, validation_data=(xv, yv), verbose=0)
    put_history(s, "fit", h)
    s.answers("fit.w", model.get_weights())

    # Callbacks' counting on a loss that cannot move: the input is zero and there is no bias.
    def flat(*callbacks, epochs=12):
        m = keras.Sequential([L.Input((2,)), L.Dense(1, use_bias=False)])
        m.compile(loss="mse", optimizer=O.SGD(0.5), jit_compile=False)
        return m.fit(np.zeros((4, 2)), np.ones((4, 1)), epochs=epochs, verbose=0, callbacks=list(callbacks))

    C = keras.callbacks
    plateau = {
        "p2": dict(patience=2, factor=0.5), "p2_c1": dict(patience=2, factor=0.5, cooldown=1),
        "p2_c2": dict(patience=2, factor=0.5, cooldown=2), "p2_c3": dict(patience=2, factor=0.5, cooldown=3),
        "p10": dict(patience=10), "p1_min": dict(patience=1, factor=0.3, min_lr=0.02), "p0": dict(patience=0, factor=0.9),
    }
    for k, kw in plateau.items():
        h = flat(C.ReduceLROnPlateau(monitor="loss", **kw), epochs=24 if k == "p10" else 12)
        s.answer(f"plateau.{k}", h.history["learning_rate"])
    s.answer("stop_epochs", [len(flat(C.EarlyStopping(monitor="loss", patience=p)).history["loss"]) for p in range(4)])
    s.answer("stop_from", len(flat(C.EarlyStopping(monitor="loss", patience=2, start_from_epoch=3)).history["loss"]))
    h = flat(C.LearningRateScheduler(lambda epoch, lr: lr * 0.5 if epoch % 2 else lr), epochs=5)
    s.answer("scheduler", h.history["learning_rate"])

    # reduce_lr_on_plateau and early_stopping with restored weights on a loss that moves: sgd too large for the data.
    xs, ys = f32(rng.normal(size=(10, 3))), f32(rng.normal(size=(10, 1)))
    w1 = f32(rng.normal(size=(3, 1)))
    m = keras.Sequential([L.Input((3,)), L.Dense(1, use_bias=False)])
    m.compile(loss="mse", optimizer=O.SGD(0.62), jit_compile=False)
    m.set_weights([w1])
    h = m.fit(xs, ys, batch_size=5, epochs=20, shuffle=False, verbose=0, callbacks=[
        C.ReduceLROnPlateau(monitor="loss", factor=0.6, patience=2, min_delta=1e-2, cooldown=1),
        C.EarlyStopping(monitor="loss", patience=5, min_delta=0.05, restore_best_weights=True)])
    for k, a in dict(x=xs, y=ys, w0=w1).items():
        s.given(f"moving.{k}", a)
    put_history(s, "moving", h)
    s.answers("moving.w", m.get_weights())
    s.save()


if __name__ == "__main__":
    optimizers()
    losses()
    metrics()
    fit()
