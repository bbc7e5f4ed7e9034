"""PyTorch on a GPU, f32 without TF32, against scripts/gpuCheck.mjs: attention linearised by hand, and Golub-Kahan with full
reorthogonalisation and our stopping rule at rtol 1e-2. python3 torch_gpu.py FOLDER N,N,… [cpu]; FOLDER has the layer's f32
arrays [768, 768] query, key, value, output and x [n, 768]."""
import math
import sys
import time

import numpy as np
import torch

torch.set_grad_enabled(False)
torch.backends.cuda.matmul.allow_tf32 = False
folder, sizes = sys.argv[1], [int(n) for n in sys.argv[2].split(",")]
device = torch.device("cpu" if sys.argv[3:] == ["cpu"] else "cuda")
WIDTH, HEADS = 768, 12


def milliseconds(run, times=7):
    taken = []
    for _ in range(times + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(1e3 * (time.perf_counter() - start))
    return sorted(taken[2:])[times // 2]


class Layer:
    def __init__(self, n):
        def read(name, rows):
            numbers = np.fromfile(f"{folder}/{name}.f32", dtype="<f4", count=rows * WIDTH)
            return torch.from_numpy(numbers.reshape(rows, WIDTH).copy()).to(device)

        query, key, value, self.output = (read(name, WIDTH) for name in ["query", "key", "value", "output"])
        self.x = read("x", n)
        self.stacked = torch.cat([query / math.sqrt(WIDTH // HEADS), key, value], 1).contiguous()
        self.stacked_t, self.output_t = self.stacked.t().contiguous(), self.output.t().contiguous()
        self.hidden = torch.ones(n, n, dtype=torch.bool, device=device).triu(1)

    def split(self, y):
        return y.view(len(y), -1, HEADS, WIDTH // HEADS).permute(1, 2, 0, 3).contiguous()

    def merge(self, y):
        return y.transpose(0, 1).reshape(y.shape[1], -1)

    def linearize(self):
        self.q, self.k, self.v = self.split(self.x @ self.stacked)
        self.p = torch.softmax((self.q @ self.k.transpose(1, 2)).masked_fill_(self.hidden, -math.inf), -1)

    def centred(self, e):
        e *= self.p
        return e.addcmul_(self.p, e.sum(-1, keepdim=True), value=-1)

    def jvp(self, u):
        dq, dk, dv = self.split(u @ self.stacked)
        e = torch.baddbmm(dq @ self.k.transpose(1, 2), self.q, dk.transpose(1, 2))
        return self.merge(torch.baddbmm(self.p @ dv, self.centred(e), self.v)) @ self.output

    def vjp(self, y):
        (g,) = self.split(y @ self.output_t)
        s = self.centred(g @ self.v.transpose(1, 2))
        parts = [s @ self.k, s.transpose(1, 2) @ self.q, self.p.transpose(1, 2) @ g]
        return torch.cat([self.merge(part) for part in parts], 1) @ self.stacked_t


def upper_end(values, products, dimension, failure=0.05):
    """The largest sigma with P(sigma^2) <= prod b_j / |<v_0, w>|, P the characteristic polynomial of the projected JᵀJ."""
    most = np.log(products).sum() + 0.5 * math.log(2 * dimension / math.pi) - math.log(failure)
    low, high = values[0] ** 2, 4 * values[0] ** 2
    while np.log(high - values**2).sum() < most:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.log(middle - values**2).sum() < most else (low, middle)
    return math.sqrt(high)


def golub_kahan(layer, n, rtol=1e-2, most=60):
    """sigma and steps; it is settled when an upper end that holds for 95 of 100 starts is within rtol of it."""
    torch.manual_seed(0)
    layer.linearize()
    vs = torch.empty(most + 1, n * WIDTH, device=device)
    us = torch.empty(most, n * WIDTH, device=device)
    v = torch.randn(n * WIDTH, device=device)
    vs[0] = v / v.norm()
    alphas, betas = [], []
    for k in range(most):
        u = layer.jvp(vs[k].view(n, WIDTH)).reshape(-1)
        u = u - us[:k].t() @ (us[:k] @ u) if k else u
        us[k] = u / u.norm()
        w = layer.vjp(us[k].view(n, WIDTH)).reshape(-1)
        w = w - vs[: k + 1].t() @ (vs[: k + 1] @ w)
        vs[k + 1] = w / w.norm()
        alpha, beta = torch.stack([u.norm(), w.norm()]).tolist()
        alphas.append(alpha)
        betas.append(beta)
        values = np.linalg.svd(np.diag(alphas) + np.diag(betas[:-1], 1), compute_uv=False)
        if upper_end(values, np.multiply(alphas, betas), n * WIDTH) <= (1 + rtol) * values[0]:
            break
    return values[0], k + 1


print(torch.cuda.get_device_name() if device.type == "cuda" else "CPU", "torch", torch.__version__)
print("     n   linearize ms    JᵀJ ms   sigma: ms   steps        sigma")
for n in sizes:
    layer = Layer(n)
    layer.linearize()
    u = layer.x / layer.x.norm()
    ours = golub_kahan(layer, n)
    cells = [milliseconds(layer.linearize), milliseconds(lambda: layer.vjp(layer.jvp(u)))]
    cells.append(milliseconds(lambda: golub_kahan(layer, n), 3))
    print(f"{n:6d} {cells[0]:14.2f} {cells[1]:9.3f} {cells[2]:11.1f} {ours[1]:7d} {ours[0]:12.6f}", flush=True)
