#!/usr/bin/env python3
"""Writes activations.json: x, f, f' and f'' of every activation, from 50 digits (mpmath). The kink at 0 is left out."""
import json
import os
from mpmath import mp, mpf, diff, erfc, exp, expm1, log, pi, sqrt, tanh

mp.dps = 50
half = mpf(1) / 2


def sigmoid(x):
    return 1 / (1 + exp(-x))


def gelu(x):
    return x * erfc(-x / sqrt(mpf(2))) / 2


def xielu(x):
    a, b, c, e = mpf("0.8"), mpf("0.75"), mpf("0.5"), mpf("-1e-6")
    return a * x * x + c * x if x > 0 else b * (expm1(min(x, e)) - x) + c * x


functions = {
    "gelu": gelu,
    "gelu-tanh": lambda x: x * half * (1 + tanh(sqrt(2 / pi) * (x + mpf("0.044715") * x**3))),
    "quick-gelu": lambda x: x * sigmoid(mpf("1.702") * x),
    "silu": lambda x: x * sigmoid(x),
    "relu": lambda x: max(x, mpf(0)),
    "relu2": lambda x: max(x, mpf(0)) ** 2,
    "relu6": lambda x: min(max(x, mpf(0)), mpf(6)),
    "tanh": tanh,
    "mish": lambda x: x * tanh(log(1 + exp(x))),
    "sigmoid": sigmoid,
    "gelu-10": lambda x: min(gelu(x), mpf(10)),
    "laplace": lambda x: erfc(-(x - mpf("0.707107")) / (mpf("0.282095") * sqrt(mpf(2)))) / 2,
    "xielu": xielu,
}

size = ["1e-7", "0.0003", "0.03", "0.2", "0.5", "0.75", "1", "1.5", "2", "3", "4.5", "5.5", "7", "9", "11", "14", "20", "26", "30"]
points = [mpf(s) for s in ["-" + x for x in reversed(size)] + size]
rows = {}
for name, f in functions.items():
    rows[name] = []
    for x in points:
        x = mpf(float(x))
        mp.dps = 900 if abs(x) > 8 else 120  # tails are small differences
        rows[name].append([float(x), float(f(x)), float(diff(f, x, h=mpf(10) ** -25)), float(diff(f, x, 2, h=mpf(10) ** -25))])
        mp.dps = 50
path = os.path.join(os.path.dirname(__file__), "activations.json")
with open(path, "w") as file:
    file.write("{\n" + ",\n".join(f'  "{k}": [\n    ' + ",\n    ".join(json.dumps(r) for r in v) + "\n  ]" for k, v in rows.items()) + "\n}\n")
