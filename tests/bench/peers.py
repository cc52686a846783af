"""The networks of models.lua in Keras and PyTorch, as processes that peers.lua drives (worker.lua is sonde's).

  python peers.py keras|torch serve MODEL VARIANT     says "begin" before and "ready" after its first step, then obeys:
                                                      train K, infer K, memory
  python peers.py keras|torch check MODEL FILE.npz    takes weights and batch from there, prints the losses of 3 steps

Variants of keras: batch (train_on_batch), function (a tf.function), xla (the same, jit_compile); of torch: plain
(channels_last), nchw, compile (torch.compile, channels_last), frozen (channels_last; inference with the weights as
constants, batch normalization folded into them). Environment: THREADS, SIZE, BATCH.
"""
import os
import sys
import time

framework, what, name, extra = sys.argv[1:5]
threads = int(os.environ.get("THREADS", os.cpu_count()))
size = int(os.environ.get("SIZE", 256))
os.environ.update(OMP_NUM_THREADS=str(threads), TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="",
                  KERAS_BACKEND="tensorflow", TF_ENABLE_ONEDNN_OPTS="1")
import numpy as np

SHAPES = {"seed": ((size, size, 3), 2), "resnet": ((32, 32, 3), 10), "lenet": ((28, 28, 1), 10), "mlp": ((784,), 10)}
shape, classes = SHAPES[name]
batch = int(os.environ.get("BATCH", 32)) if name == "seed" else 32
dropped = 0.0 if what == "check" else 1.0


class Keras:
    def __init__(self, variant):
        import tensorflow as tf
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        import keras
        self.tf, self.keras, self.variant = tf, keras, variant
        self.about = f"Keras {keras.__version__}, TensorFlow {tf.__version__}"
        self.model = getattr(self, name)()
        self.loss = keras.losses.CategoricalCrossentropy()
        self.model.compile(loss=self.loss, optimizer="adam", metrics=["accuracy"], jit_compile=variant == "xla")
        self.optimizer = self.model.optimizer
        self.accuracy = keras.metrics.CategoricalAccuracy()

    def seed(self):
        L, l2 = self.keras.layers, lambda: self.keras.regularizers.L2(1e-4)

        def block(filters, rate):
            return [L.Conv2D(filters, 5, padding="same", kernel_regularizer=l2()), L.BatchNormalization(),
                    L.Activation("relu"), L.MaxPooling2D(2), L.Dropout(rate * dropped)]
        return self.keras.Sequential([
            L.Input(shape), *block(32, 0.1), *block(64, 0.2), *block(128, 0.3), L.Flatten(),
            L.Dense(128, kernel_regularizer=l2()), L.BatchNormalization(), L.Activation("relu"),
            L.Dropout(0.5 * dropped), L.Dense(2, activation="softmax", kernel_regularizer=l2())])

    def resnet(self):
        L = self.keras.layers

        def conv(h, filters):
            return L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(h))
        x = L.Input(shape)
        h = L.Activation("relu")(conv(x, 16))
        for stage, filters in enumerate((16, 32, 64)):
            if stage:
                h = L.MaxPooling2D(2)(h)
            for i in range(3):
                short = L.Conv2D(filters, 1)(h) if stage and i == 0 else h
                h = conv(L.Activation("relu")(conv(h, filters)), filters)
                h = L.Activation("relu")(L.Add()([h, short]))
        return self.keras.Model(x, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(h)))

    def lenet(self):
        L = self.keras.layers
        return self.keras.Sequential([
            L.Input(shape), L.Conv2D(6, 5, padding="same", activation="relu"), L.MaxPooling2D(2),
            L.Conv2D(16, 5, activation="relu"), L.MaxPooling2D(2), L.Flatten(), L.Dense(120, activation="relu"),
            L.Dense(84, activation="relu"), L.Dense(10, activation="softmax")])

    def mlp(self):
        L = self.keras.layers
        return self.keras.Sequential([L.Input(shape), L.Dense(128, activation="relu"),
                                      L.Dense(10, activation="softmax")])

    def set_data(self, x, y):
        tf, model = self.tf, self.model
        self.x, self.y = tf.constant(x), tf.constant(y)

        def step(x, y):
            with tf.GradientTape() as tape:
                p = model(x, training=True)
                total = self.loss(y, p)
                if model.losses:
                    total += tf.add_n(model.losses)
            self.optimizer.apply(tape.gradient(total, model.trainable_variables), model.trainable_variables)
            self.accuracy.update_state(y, p)
            return total
        xla = self.variant == "xla"
        self.optimizer.build(model.trainable_variables)
        self.function = tf.function(step, jit_compile=xla, reduce_retracing=True)
        self.predict = tf.function(lambda x: model(x, training=False), jit_compile=xla)

    def train(self, steps):
        if self.variant == "batch":
            for _ in range(steps):
                loss = self.model.train_on_batch(self.x, self.y)
            return float(loss[0])
        for _ in range(steps):
            loss = self.function(self.x, self.y)
        return float(loss)

    def infer(self, steps):
        if self.variant == "batch":
            for _ in range(steps):
                self.model.predict_on_batch(self.x)
            return
        for _ in range(steps):
            p = self.predict(self.x)
        p.numpy()

    def params(self):
        total = self.model.count_params()
        return total, sum(int(np.prod(w.shape)) for w in self.model.trainable_weights)

    def set_weights(self, weights):
        at = 0
        for layer in self.model.layers:
            n = len(layer.weights)
            layer.set_weights(weights[at:at + n])
            at += n
        assert at == len(weights)


class Torch:
    def __init__(self, variant):
        import torch
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        self.torch, self.variant = torch, variant
        self.about = f"PyTorch {torch.__version__}"
        self.last = variant != "nchw"
        self.net = getattr(self, name)()
        if self.last:
            self.net = self.net.to(memory_format=torch.channels_last)
        kernels = [m.weight for m in self.net.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
        self.kernels = kernels if name == "seed" else []
        chosen = {id(w) for w in self.kernels}
        rest = [w for w in self.net.parameters() if id(w) not in chosen]
        # Adam's weight_decay is the gradient of 1/2 decay w^2: the penalty 1e-4 w^2 at less cost.
        groups = [{"params": self.kernels, "weight_decay": 2e-4}] if self.kernels else []
        self.optimizer = torch.optim.Adam([*groups, {"params": rest}], lr=1e-3, eps=1e-7, fused=True)
        self.run = torch.compile(self.net) if variant == "compile" else self.net
        self.frozen = None

    def freeze(self):
        jit = self.torch.jit
        with self.torch.no_grad():
            return jit.optimize_for_inference(jit.freeze(jit.trace(self.net, self.x)))

    def norm(self, channels):
        return self.torch.nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)

    def seed(self):
        nn = self.torch.nn

        def block(ci, co, rate):
            return [nn.Conv2d(ci, co, 5, padding=2), self.norm(co), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Dropout(rate * dropped)]
        return nn.Sequential(*block(3, 32, 0.1), *block(32, 64, 0.2), *block(64, 128, 0.3), nn.Flatten(),
                             nn.Linear(128 * (size // 8) ** 2, 128), nn.BatchNorm1d(128, eps=1e-3, momentum=0.01),
                             nn.ReLU(), nn.Dropout(0.5 * dropped), nn.Linear(128, 2))

    def resnet(self):
        nn, norm = self.torch.nn, self.norm
        relu = nn.functional.relu

        class Block(nn.Module):
            def __init__(self, ci, co):
                super().__init__()
                self.conv1, self.norm1 = nn.Conv2d(ci, co, 3, padding=1), norm(co)
                self.conv2, self.norm2 = nn.Conv2d(co, co, 3, padding=1), norm(co)
                self.short = nn.Conv2d(ci, co, 1) if ci != co else None

            def forward(self, h):
                short = self.short(h) if self.short is not None else h
                return relu(self.norm2(self.conv2(relu(self.norm1(self.conv1(h))))) + short)
        layers, before = [nn.Conv2d(3, 16, 3, padding=1), norm(16), nn.ReLU()], 16
        for stage, filters in enumerate((16, 32, 64)):
            layers += [nn.MaxPool2d(2)] if stage else []
            for _ in range(3):
                layers.append(Block(before, filters))
                before = filters
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    def lenet(self):
        nn = self.torch.nn
        return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
                             nn.ReLU(), nn.Linear(84, 10))

    def mlp(self):
        nn = self.torch.nn
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    def set_data(self, x, y):
        torch = self.torch
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y.argmax(1))
        if x.ndim == 4:
            self.x = self.x.permute(0, 3, 1, 2).contiguous(
                memory_format=torch.channels_last if self.last else torch.contiguous_format)
        self.right = torch.zeros(())

    def train(self, steps):
        self.net.train()
        self.frozen = None
        for _ in range(steps):
            self.optimizer.zero_grad(set_to_none=True)
            p = self.run(self.x)
            loss = self.torch.nn.functional.cross_entropy(p, self.y)
            penalty = sum(1e-4 * float((w.detach() ** 2).sum()) for w in self.kernels) if what == "check" else 0
            loss.backward()
            self.optimizer.step()
            with self.torch.no_grad():
                self.right += (p.argmax(1) == self.y).sum()
            value = loss.item() + penalty
        return value

    def infer(self, steps):
        self.net.eval()
        if self.variant == "frozen" and not self.frozen:
            self.frozen = self.freeze()
        run = self.frozen or self.run
        with self.torch.inference_mode():
            for _ in range(steps):
                self.torch.softmax(run(self.x), 1)

    def params(self):
        trainable = sum(w.numel() for w in self.net.parameters())
        statistics = sum(b.numel() for b in self.net.buffers() if b.is_floating_point())
        return trainable + statistics, trainable

    def set_weights(self, weights):
        torch, nn, weights = self.torch, self.torch.nn, [torch_of(self.torch, w) for w in weights]
        maps = None  # (height, width, channels) in front of the first dense layer
        if name in ("seed", "lenet"):
            maps = {"seed": (size // 8, size // 8, 128), "lenet": (5, 5, 16)}[name]
        with torch.no_grad():
            for m in self.net.modules():
                if isinstance(m, nn.Conv2d):
                    m.weight.copy_(weights.pop(0).permute(3, 2, 0, 1))
                    m.bias.copy_(weights.pop(0))
                elif isinstance(m, nn.Linear):
                    w = weights.pop(0)
                    if maps:  # rows in the order of channels, height, width
                        w = w.reshape(*maps, -1).permute(2, 0, 1, 3).reshape(w.shape)
                        maps = None
                    m.weight.copy_(w.t())
                    m.bias.copy_(weights.pop(0))
                elif isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    for to in (m.weight, m.bias, m.running_mean, m.running_var):
                        to.copy_(weights.pop(0))
        assert not weights


def torch_of(torch, array):
    return torch.from_numpy(np.ascontiguousarray(array))


def peak():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))


def say(text):
    print(text, flush=True)


variant = extra if what == "serve" else {"keras": "function", "torch": "nchw"}[framework]
peer = {"keras": Keras, "torch": Torch}[framework](variant)
if what == "check":
    with np.load(extra) as f:
        peer.set_weights([f[k] for k in sorted(f.files) if k.startswith("w")])
        peer.set_data(f["x"], f["y"])
    total, trainable = peer.params()
    say(f"{total} {trainable} " + " ".join(f"{peer.train(1):.9g}" for _ in range(3)))
    sys.exit()
rng = np.random.default_rng(1)
peer.set_data(rng.uniform(size=(batch, *shape)).astype("float32"),
              np.eye(classes, dtype="float32")[np.arange(batch) * 7 % classes])
say("begin")
loss = peer.train(1)
say(f"ready {peer.about}; loss {loss:.4f}")
for line in sys.stdin:
    command, *count = line.split()
    if command == "memory":
        say(f"{peak():.1f}")
        continue
    start = time.perf_counter()
    getattr(peer, command)(int(count[0]))
    say(f"{time.perf_counter() - start:.9f}")
