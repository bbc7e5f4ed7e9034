"""The largest singular value of an attention layer's Jacobian, in 80-bit arithmetic by complex steps.

Reads one layer a line from stdin as JSON, as main.ts writes it, and writes {"index", "sigma"} a line. It shares nothing
with the library but the definitions of docs/theory.md, section 1.
"""
import json
import math
import sys

import numpy as np

REAL, COMPLEX = np.longdouble, np.clongdouble
STEP = REAL(1e-300)


def array(tensor):
    return np.array(tensor["data"], dtype=REAL).reshape(tensor["shape"])


def affine(x, linear):
    y = x @ array(linear["weight"])
    return y + array(linear["bias"]) if linear.get("bias") else y


def split(x, parts):
    return x.reshape(*x.shape[:-1], parts, x.shape[-1] // parts)


def normalised(x, norm, heads):
    gain = array(norm["gain"])
    width = x.shape[-1]
    whole = gain.ndim == 1 and gain.size == width
    z = split(x, 1 if whole else heads)
    if norm["kind"] == "layer":
        z = z - z.mean(axis=-1, keepdims=True)
    z = (z / np.sqrt((z * z).mean(axis=-1, keepdims=True) + REAL(norm["epsilon"]))).reshape(x.shape)
    repeated = lambda t: np.resize(array(t).ravel(), width)
    return z * repeated(norm["gain"]) + (repeated(norm["bias"]) if norm.get("bias") else 0)


def rotated(x, rope, heads):
    if not rope:
        return x
    x = split(x, heads).copy()
    n, width = x.shape[-3], x.shape[-1]
    if "angles" in rope:
        angles = array(rope["angles"])
    else:
        pairs = len(rope["frequencies"]) if "frequencies" in rope else rope.get("pairs", width // 2)
        base = lambda c: math.pow(rope["base"], (-2 * c) / (2 * pairs))
        frequencies = rope.get("frequencies") or [base(c) for c in range(pairs)]
        # As the library does, angles are products of doubles; their sines are taken exactly enough.
        angles = np.array([[float(p) * f for f in frequencies] for p in range(n)], dtype=REAL)
    pairs = angles.shape[1]
    cos, sin = (np.array(f(angles.astype(np.float64)), dtype=REAL)[:, None, :] for f in (np.cos, np.sin))
    first = [2 * c for c in range(pairs)] if rope.get("interleaved") else list(range(pairs))
    second = [2 * c + 1 for c in range(pairs)] if rope.get("interleaved") else [c + pairs for c in range(pairs)]
    a, b = x[..., first].copy(), x[..., second].copy()
    x[..., first], x[..., second] = a * cos - b * sin, a * sin + b * cos
    return x.reshape(*x.shape[:-2], -1)


def side(x, spec, linear, norm, heads):
    y = affine(x, linear)
    if norm and not norm.get("afterRope"):
        y = normalised(y, norm, heads)
    y = rotated(y, spec.get("rope"), heads)
    return normalised(y, norm, heads) if norm and norm.get("afterRope") else y


def allows(mask, n):
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    far = lambda value: np.inf if value is None else value
    if mask == "none":
        return np.ones((n, n), bool)
    if mask == "causal":
        return j <= i
    if "window" in mask:
        return (i - j <= far(mask["window"]["left"])) & (j - i <= far(mask["window"]["right"]))
    if "chunk" in mask:
        chunk = mask["chunk"]
        ahead = j // chunk["size"] - i // chunk["size"]
        return (ahead >= -chunk.get("left", 0)) & (ahead <= chunk.get("right", 0))
    if "allowed" in mask:
        return np.array(mask["allowed"], bool).reshape(n, n)
    return np.logical_and.reduce([allows(part, n) for part in mask["all"]])


def slope_of(heads, h):
    power = 1
    while 2 * power <= heads:
        power *= 2
    return 2 ** (-8 * (h + 1) / power) if h < power else 2 ** (-8 * (2 * (h - power) + 1) / (2 * power))


def bucket(relative, buckets, most, bidirectional):
    first, count, far = 0, buckets, relative
    if bidirectional:
        count //= 2
        first, far = (count if far > 0 else 0), abs(far)
    else:
        far = max(-far, 0)
    exact = count // 2
    if far < exact:
        return first + far
    large = exact + int(math.log(far / exact) / math.log(most / exact) * (count - exact) + 1e-6)
    return first + min(large, count - 1)


def bias_of(spec, h, n):
    bias = spec.get("bias")
    if not bias:
        return REAL(0)
    distance = np.arange(n)[None, :] - np.arange(n)[:, None]
    if "matrix" in bias:
        matrix = array(bias["matrix"])
        return matrix[0 if matrix.shape[0] == 1 else h]
    if "alibi" in bias:
        return -REAL(slope_of(spec["heads"], h) if bias["alibi"] is True else bias["alibi"][h]) * np.abs(distance)
    table = array(bias["table"])
    at = lambda r: table[bucket(int(r), table.shape[0], bias["maxDistance"], bias["bidirectional"]), h]
    return np.array([[at(r) for r in row] for row in distance], dtype=REAL)


def forward(spec, x):
    heads = spec["heads"]
    kv = spec.get("kvHeads") or heads
    n = x.shape[-2]
    allowed = allows(spec.get("mask", "none"), n)
    queries = split(side(x, spec, spec["query"], spec.get("queryNorm"), heads), heads)
    keys = split(side(x, spec, spec.get("key") or spec["query"], spec.get("keyNorm"), kv), kv)
    width = queries.shape[-1]
    scale = REAL(spec.get("scale") or 1 / math.sqrt(width))
    values = split(affine(x, spec["value"]), kv)
    outputs = []
    for h in range(heads):
        g = h * kv // heads
        q, k, v = queries[..., h, :], keys[..., g, :], values[..., g, :]
        if spec.get("tiedValue"):
            w = array(spec["query"]["weight"])[:, h * width : (h + 1) * width]
            size = v.shape[-1]
            own = array(spec["value"]["weight"])[:, g * size : (g + 1) * size]
            v = x @ (scale * (w @ (w.T @ own)))
            if spec["value"].get("bias"):
                v = v + array(spec["value"]["bias"])[g * size : (g + 1) * size]
        if spec.get("kind") == "l2":
            difference = q[..., :, None, :] - k[..., None, :, :]
            s = -scale * (difference * difference).sum(axis=-1)
        else:
            s = scale * (q @ np.swapaxes(k, -1, -2))
        if spec.get("softcap"):
            cap = REAL(spec["softcap"])
            s = cap * np.tanh(s / cap)
        s = s + bias_of(spec, h, n)
        most = np.where(allowed, s.real, -np.inf).max(axis=-1, keepdims=True)
        sink = REAL(spec["sinks"]["data"][h]) if spec.get("sinks") else None
        if sink is not None:
            most = np.where(np.isfinite(most), np.maximum(most, sink), most)
        most = np.where(np.isfinite(most), most, 0)
        e = np.where(allowed, np.exp(np.where(allowed, s - most, 0)), 0)
        total = e.sum(axis=-1, keepdims=True)
        if sink is not None:
            total = total + np.exp(sink - most)
        rows = allowed.any(axis=-1)[:, None]
        p = np.where(rows, e / np.where(rows, total, 1), 0)
        outputs.append(p @ v)
    y = np.concatenate(outputs, axis=-1)
    if spec.get("gate"):
        y = y / (1 + np.exp(-affine(x, spec["gate"])))
    return affine(y, spec["output"]) if spec.get("output") else y


def largest(spec, x):
    n, d = x.shape
    steps = np.zeros((n * d, n, d), dtype=COMPLEX)
    steps[np.arange(n * d), np.repeat(np.arange(n), d), np.tile(np.arange(d), n)] = 1j * STEP
    columns = forward(spec, x.astype(COMPLEX) + steps).imag / STEP
    jacobian = columns.reshape(n * d, -1)
    scale = np.abs(jacobian).max()
    if scale == 0:
        return 0.0
    return float(np.linalg.svd((jacobian / scale).astype(np.float64), compute_uv=False)[0] * scale)


for line in sys.stdin:
    layer = json.loads(line)
    sigma = largest(layer["spec"], array(layer["x"]))
    print(json.dumps({"index": layer["index"], "sigma": sigma}), flush=True)
