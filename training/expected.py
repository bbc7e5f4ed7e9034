"""What a correct reader of the checkpoint `tiny` must compute, in float64 from the F16 weights on disk.

  python3 expected.py [folder] [out.json]

For one short text: its tokens and, for every layer, the input of the attention [n, width] and sigma, the largest
singular value of the dense Jacobian of that attention (output projection included) there. Numbers have 9 digits.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch

from files import read_safetensors
from model import GPT2

ROOT = Path(__file__).resolve().parent.parent
TEXT = "The smooth road."


def load(folder):
    """The checkpoint as a float64 model, dropout off."""
    model = GPT2(json.loads((folder / "config.json").read_text())).double().eval()
    tensors = read_safetensors(folder / "model.safetensors")
    model.load_state_dict({name: torch.tensor(array.astype(np.float64)) for name, array in tensors.items()})
    return model


def sigma(layer, x):
    """The largest singular value of the Jacobian of `layer` at x [n, width], from the dense matrix."""
    dense = torch.autograd.functional.jacobian(layer, x).reshape(x.numel(), x.numel())
    return np.linalg.norm(dense.numpy(), 2)


def rounded(value):
    return float(f"{value:.9g}")


def expected(model, text):
    tokens = list(text.encode())
    layers = []
    for block, state in zip(model.transformer.h, model.hidden(torch.tensor(tokens))):
        x = block.ln_1(state).detach()
        layers.append({"input": [[rounded(v) for v in row] for row in x.tolist()], "sigma": rounded(sigma(block.attn, x))})
    return {"text": text, "tokens": tokens, "layers": layers}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models" / "tiny"
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "test" / "models" / "tiny.expected.json"
    result = expected(load(folder), TEXT)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result) + "\n")
    print(out.name, [layer["sigma"] for layer in result["layers"]])
