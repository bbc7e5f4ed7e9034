"""Trains the checkpoint `tiny`: GPT-2 architecture, single bytes as tokens, on the text of this folder.

  python3 train.py [--minutes 12] [--steps 1800] [--seed 1] [--threads 1] [--out ../models/tiny]

Writes config.json, model.safetensors (F16) and tokenizer.json; prints losses in nats per byte and a sample.
The last tenth of each file of prose is held out of the training and never chosen from.
"""
import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch

import sentences
from files import write_safetensors, write_tokenizer
from model import GPT2

HERE = Path(__file__).resolve().parent
END = 256
CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 64,
    "n_inner": None,
    "n_positions": 256,
    "n_ctx": 256,
    "vocab_size": 257,
    "layer_norm_epsilon": 1e-5,
    "initializer_range": 0.02,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "tie_word_embeddings": True,
    "bos_token_id": END,
    "eos_token_id": END,
    "torch_dtype": "float16",
}
GENERATED_CHARACTERS = 60_000
PROSE_REPEATS = 2


def corpus(seed):
    """Training and held-out token streams; END stands between texts."""
    train, held_out = [], []
    for path in sorted((HERE / "text").glob("*.txt")):
        tokens = list(path.read_bytes())
        cut = len(tokens) * 9 // 10
        train += (tokens[:cut] + [END]) * PROSE_REPEATS
        held_out += [END] + tokens[cut:]
    train += list(sentences.text(GENERATED_CHARACTERS, seed).encode()) + [END]
    return torch.tensor([END, *train]), torch.tensor(held_out)


def batch(tokens, size, length):
    starts = torch.randint(len(tokens) - length, (size, 1))
    return tokens[starts + torch.arange(length + 1)]


@torch.no_grad()
def mean_loss(model, tokens, length):
    """Over consecutive windows of `length` predictions, dropout off."""
    count = (len(tokens) - 1) // length
    windows = torch.stack([tokens[k * length : (k + 1) * length + 1] for k in range(count)])
    model.eval()
    loss = torch.stack([model.loss(window) for window in windows]).mean().item()
    model.train()
    return loss


def learning_rate(progress, peak=4e-3, warmup=0.04):
    """Linear warm-up, then a half cosine down to a hundredth of the peak; progress in [0, 1]."""
    if progress < warmup:
        return peak * progress / warmup
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))))


@torch.no_grad()
def continuation(model, prompt, count, generator, temperature=0.7):
    """`prompt` and `count` sampled bytes."""
    model.eval()
    tokens = [END, *prompt.encode()]
    for _ in range(count):
        logits = model(torch.tensor(tokens[-CONFIG["n_positions"] :]))[-1, :END]
        tokens.append(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).item())
    return bytes(tokens[1:]).decode(errors="replace")


def save(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.numpy().astype(np.float16) for name, value in model.state_dict().items()}
    write_safetensors(folder / "model.safetensors", tensors)
    write_tokenizer(folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=12, help="stop before this, whatever the step")
    options.add_argument("--steps", type=int, default=1800)
    options.add_argument("--batch", type=int, default=12)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, default=HERE.parent / "models" / "tiny")
    args = options.parse_args()
    os.nice(10)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    length = CONFIG["n_positions"]
    train, held_out = corpus(args.seed)
    model = GPT2(CONFIG, dropout=0.1)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(train)} + {len(held_out)} tokens", flush=True)

    began = time.monotonic()
    minutes = lambda: (time.monotonic() - began) / 60
    for step in range(args.steps):
        # A slow machine runs out of minutes before it runs out of steps; the schedule follows whichever is ahead.
        progress = max(step / args.steps, minutes() / args.minutes)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress)
        loss = model.loss(batch(train, args.batch, length))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            held = mean_loss(model, held_out, length)
            print(f"step {step:5d}  {minutes():5.2f} min  batch {loss.item():.3f}  held out {held:.3f}", flush=True)

    save(model, args.out)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    print(f"after {step + 1} steps, {minutes():.1f} min: "
          f"train {mean_loss(model, train, length):.3f}, held out {mean_loss(model, held_out, length):.3f} nats per byte")
    for prompt in ("The river ", "\"Why is "):
        print("---\n" + continuation(model, prompt, 300, torch.Generator().manual_seed(args.seed)))


if __name__ == "__main__":
    main()
