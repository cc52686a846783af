# The twin of seed_step.lua in PyTorch, with channels_last: python tests/bench/seed_step_torch.py [STEPS [BATCH [SIZE]]]
import sys, time, resource
import torch
from torch import nn

steps, batch, size = [int(a) for a in sys.argv[1:]] + [4, 32, 256][len(sys.argv) - 1:]
torch.manual_seed(1)


def block(i, o, p):
    return [nn.Conv2d(i, o, 5, padding=2), nn.BatchNorm2d(o, eps=1e-3, momentum=0.01), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(p)]


net = nn.Sequential(*block(3, 32, 0.1), *block(32, 64, 0.2), *block(64, 128, 0.3), nn.Flatten(),
                    nn.Linear(128 * (size // 8) ** 2, 128), nn.BatchNorm1d(128, eps=1e-3, momentum=0.01), nn.ReLU(), nn.Dropout(0.5),
                    nn.Linear(128, 2)).to(memory_format=torch.channels_last)
kernels = [m.weight for m in net if isinstance(m, (nn.Conv2d, nn.Linear))]
opt = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-7)
x = torch.rand(batch, 3, size, size).to(memory_format=torch.channels_last)
y = torch.randint(2, (batch,))


def step():
    opt.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(net(x), y) + sum(1e-4 * (w * w).sum() for w in kernels)
    loss.backward()
    opt.step()
    return loss.item()


step()
times = []
for _ in range(steps):
    t = time.perf_counter()
    step()
    times.append(time.perf_counter() - t)
times.sort()
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"torch {torch.__version__}  {size}x{size} batch {batch}  best {times[0]:.3f} s/step  median {times[steps // 2]:.3f} s/step  "
      f"{batch / times[0]:.2f} images/s  memory at most {rss:.0f} MiB  threads {torch.get_num_threads()}")
