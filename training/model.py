"""GPT-2 in plain torch modules, named so that the state dict has the Hugging Face tensor names and layouts."""
import math

import torch
from torch import nn
from torch.nn import functional as F


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class Conv1D(nn.Module):
    """y = x · weight + bias, weight [in, out]."""

    def __init__(self, inputs, outputs, deviation):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """Causal self-attention, [..., n, width] → [..., n, width]."""

    def __init__(self, width, heads, deviation):
        super().__init__()
        self.heads = heads
        self.c_attn = Conv1D(width, 3 * width, 0.02)
        self.c_proj = Conv1D(width, width, deviation)

    def forward(self, x):
        n = x.shape[-2]
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(-2, -3) for part in self.c_attn(x).chunk(3, dim=-1)
        )
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        future = torch.ones(n, n, dtype=torch.bool).triu(1)
        probabilities = scores.masked_fill(future, -math.inf).softmax(-1)
        return self.c_proj((probabilities @ value).transpose(-2, -3).flatten(-2))


class MLP(nn.Module):
    def __init__(self, width, deviation):
        super().__init__()
        self.c_fc = Conv1D(width, 4 * width, 0.02)
        self.c_proj = Conv1D(4 * width, width, deviation)

    def forward(self, x):
        return self.c_proj(gelu_new(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, config, dropout):
        super().__init__()
        width, epsilon = config["n_embd"], config["layer_norm_epsilon"]
        deviation = 0.02 / math.sqrt(2 * config["n_layer"])
        self.ln_1 = nn.LayerNorm(width, eps=epsilon)
        self.attn = Attention(width, config["n_head"], deviation)
        self.ln_2 = nn.LayerNorm(width, eps=epsilon)
        self.mlp = MLP(width, deviation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attn(self.ln_1(x)))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class GPT2(nn.Module):
    """Tokens [..., n] → logits [..., n, vocabulary], the head tied to the embedding."""

    def __init__(self, config, dropout=0.0):
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config["vocab_size"], config["n_embd"]),
                "wpe": nn.Embedding(config["n_positions"], config["n_embd"]),
                "h": nn.ModuleList(Block(config, dropout) for _ in range(config["n_layer"])),
                "ln_f": nn.LayerNorm(config["n_embd"], eps=config["layer_norm_epsilon"]),
            }
        )
        for embedding in (self.transformer.wte, self.transformer.wpe):
            nn.init.normal_(embedding.weight, std=0.02)

    def hidden(self, tokens):
        """The input of every block and, last, the output of the final one."""
        parts = self.transformer
        states = [parts.wte(tokens) + parts.wpe(torch.arange(tokens.shape[-1]))]
        for block in parts.h:
            states.append(block(states[-1]))
        return states

    def forward(self, tokens):
        return self.transformer.ln_f(self.hidden(tokens)[-1]) @ self.transformer.wte.weight.T

    def loss(self, tokens):
        """Mean cross entropy of the next token, in nats."""
        logits = self(tokens[..., :-1])
        return F.cross_entropy(logits.flatten(0, -2), tokens[..., 1:].flatten())
