"""PyTorch, one thread, both ways: the released method of Castin, Ablin and Peyré as it was meant (MATH 13.1), by
functorch's jvp and vjp, and the Jacobian linearised by hand (MATH 2.1, 2.2). Same line protocol as serve.mjs."""
import json
import math
import sys
import time
import traceback

import numpy as np
import torch

try:
    from torch.func import jvp, vjp
except ImportError:  # before PyTorch 2
    from functorch import jvp, vjp

torch.set_num_threads(1)
torch.set_grad_enabled(False)
NAMES = ["query", "key", "value", "output"]


def blas():
    """The file that matrix products come from, once one has been asked for."""
    torch.ones(64, 64) @ torch.ones(64, 64)
    with open("/proc/self/maps") as maps:
        files = {line.split("/")[-1].strip() for line in maps if "blas" in line}
    return " ".join(sorted(name for name in files if "openblas" in name or "mkl" in name)) or "reference BLAS, which is slow"


def milliseconds(start):
    return 1000 * (time.perf_counter() - start)


class Contestant:
    python = sys.version.split()[0]
    info = {"version": torch.__version__, "on": f"Python {python}, {torch.get_num_threads()} thread, {blas()}"}

    def load(self, problem):
        n, d, self.heads = problem["n"], problem["d"], problem["heads"]
        read = lambda name, rows: torch.from_numpy(
            np.fromfile(f"{problem['folder']}/{name}.f32", dtype="<f4").reshape(rows, d).copy()
        )
        self.wq, self.wk, self.wv, self.wo = (read(name, d) for name in NAMES)
        self.x, self.u = read("x", n), read("u", n)
        self.scale = 1 / math.sqrt(d // self.heads)
        self.hidden = torch.ones(n, n, dtype=torch.bool).triu(1) if problem["causal"] else None
        # By hand: the scale in W_Q, the three maps side by side, keys and values also transposed.
        self.stacked = torch.cat([self.wq * self.scale, self.wk, self.wv], 1).contiguous()
        self.stacked_t, self.wo_t = self.stacked.t().contiguous(), self.wo.t().contiguous()
        self.q, self.k, self.v = self.split3(self.x @ self.stacked)
        self.p = self.softmax(self.q @ self.k.transpose(1, 2))

    def split(self, y):
        return y.view(len(y), self.heads, -1).transpose(0, 1)

    def merge(self, y):
        return y.transpose(0, 1).reshape(y.shape[1], -1)

    def split3(self, y):
        return y.view(len(y), 3, self.heads, -1).permute(1, 2, 0, 3).contiguous()

    def softmax(self, scores):
        if self.hidden is not None:
            scores = scores.masked_fill(self.hidden, -math.inf)
        return torch.softmax(scores, -1)

    def attention(self, x):
        q, k, v = (self.split(x @ w) for w in (self.wq, self.wk, self.wv))
        p = self.softmax((q @ k.transpose(1, 2)) * self.scale)
        return self.merge(p @ v) @ self.wo

    def forward(self):
        return self.attention(self.x)

    def normal(self, u):
        """Jᵀ J u, the paper's way."""
        pushed = jvp(self.attention, (self.x,), (u,))[1]
        return vjp(self.attention, self.x)[1](pushed)[0]

    def automatic(self):
        return self.normal(self.u)

    def centre(self, e):
        e *= self.p
        return e.addcmul_(self.p, e.sum(-1, keepdim=True), value=-1)

    def formulas(self):
        dq, dk, dv = self.split3(self.u @ self.stacked)
        e = torch.baddbmm(dq @ self.k.transpose(1, 2), self.q, dk.transpose(1, 2))
        out = torch.baddbmm(self.p @ dv, self.centre(e), self.v)
        g = self.split((self.merge(out) @ self.wo) @ self.wo_t).contiguous()
        gs = self.centre(g @ self.v.transpose(1, 2))
        rows = [self.merge(gs @ self.k), self.merge(gs.transpose(1, 2) @ self.q), self.merge(self.p.transpose(1, 2) @ g)]
        return torch.cat(rows, 1) @ self.stacked_t

    def sigma(self, budget, threshold=1e-4, max_steps=100, **_):
        """The loop of paperMethod.mjs."""
        start, u, mu, end, steps = time.perf_counter(), self.u, 0.0, "limit", 0
        while steps < max_steps:
            before = mu
            image = self.normal(u)
            mu = float((u * image).sum())
            u = image / image.norm()
            steps += 1
            if abs(mu - before) <= threshold:
                end = "threshold"
                break
            if steps < max_steps and milliseconds(start) > budget:
                end = "cut"
                break
        return {"sigma": math.sqrt(mu), "steps": steps, "end": end, "ms": milliseconds(start)}

    def time(self, what, out=None):
        start = time.perf_counter()
        result = getattr(self, what)()
        ms = milliseconds(start)
        if out:
            result.contiguous().numpy().tofile(out)
        return {"ms": ms}


contestant = Contestant()
for line in sys.stdin:
    request = json.loads(line)
    op = request.pop("op")
    try:
        answer = contestant.info if op == "info" else getattr(contestant, op)(**request) or {}
    except Exception:
        answer = {"failed": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
