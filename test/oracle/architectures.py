"""Random checkpoints of each architecture under its Hugging Face names, with the attention inputs and sigma that a
correct reader finds: forwards in float64 NumPy, written from the published definitions; numpy is all it needs.

  python3 architectures.py [folder [name …]]      default: the folder architectures/ beside this file, all of them

<folder>/<name>/: config.json, model.safetensors (F32), expected.json {tokens | pixels, positions, layers: [{input, sigma}]}.
Input is the exact input of each attention layer, [n, width], to 9 digits; sigma is the largest singular value there of
the layer's dense Jacobian, output map included, by complex steps.
"""
import json, math, os, struct, sys
import numpy as np

N, WIDTH, HEADS, INNER, VOCABULARY, CONTEXT = 12, 24, 4, 40, 40, 24
EPSILON = 1e-30                                    # a complex step: no cancellation, so no step is too small


# ---------------------------------------------------------------- rows, norms, activations
def layer_norm(x, gain, bias, eps):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True) + eps) * gain + bias
def rms_norm(x, gain, eps): return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * gain
def silu(x): return x / (1 + np.exp(-x))
def gelu_erf(x): return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
def gelu_tanh(x): return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# ---------------------------------------------------------------- attention
def everything(n): return np.ones((n, n), bool)
def causal(n): return np.tril(everything(n))
def causal_window(n, size): return causal(n) & ~np.tril(everything(n), -size)      # the token and size − 1 before it

def frequencies(head_size, base, scaling=None):
    """Angle per position of each rotated pair."""
    f = base ** (-np.arange(0, head_size, 2) / head_size)
    if scaling is None: return f
    if scaling["rope_type"] == "linear": return f / scaling["factor"]
    assert scaling["rope_type"] == "llama3"
    low, high, old = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["original_max_position_embeddings"]
    turns = old * f / (2 * np.pi)                  # turns over the original context
    keep = np.clip((turns - low) / (high - low), 0, 1)
    return (1 - keep) * f / scaling["factor"] + keep * f

def rotate(x, angles):
    """x [n, head size]: pairs (c, c + pairs) of token p turn by p · angles[c]; channels behind the pairs stay."""
    pairs = len(angles)
    a = np.arange(len(x))[:, None] * angles
    left, right, rest = x[:, :pairs], x[:, pairs:2 * pairs], x[:, 2 * pairs:]
    return np.concatenate([left * np.cos(a) - right * np.sin(a), right * np.cos(a) + left * np.sin(a), rest], -1)

def attention(q, k, v, o, mask, heads, kv_heads=None, scale=None, angles=None):
    """q, k, v, o: (weight [in, out], bias). Returns the layer as a function of x [n, width]."""
    size = q[0].shape[1] // heads
    scale = size**-0.5 if scale is None else scale
    group = heads // (kv_heads or heads)
    def layer(x):
        queries, keys, values = (x @ w + b for w, b in (q, k, v))
        outputs = []
        for h in range(heads):
            part = lambda y, at: y[:, at * size:(at + 1) * size]
            qh, kh, vh = part(queries, h), part(keys, h // group), part(values, h // group)
            if angles is not None: qh, kh = rotate(qh, angles), rotate(kh, angles)
            s = scale * qh @ kh.T
            e = np.where(mask, np.exp(s - np.where(mask, s.real, -np.inf).max(1, keepdims=True)), 0)
            outputs.append(e / e.sum(1, keepdims=True) @ vh)
        return np.concatenate(outputs, 1) @ o[0] + o[1]
    return layer

def sigma(layer, x):
    columns = []
    for at in range(x.size):
        z = x.astype(complex)
        z.flat[at] += 1j * EPSILON
        columns.append(layer(z).imag.ravel() / EPSILON)
    return np.linalg.norm(np.array(columns).T, 2)


# ---------------------------------------------------------------- checkpoints
class Checkpoint:
    """Seeded tensors, remembered under their names in the order of their making, as float32."""
    def __init__(self, seed): self.random, self.tensors = np.random.default_rng(seed), {}
    def make(self, name, *shape, mean=0.0):
        self.tensors[name] = (mean + 0.3 * self.random.standard_normal(shape)).astype("<f4")
        return self.tensors[name].astype(float)
    def dense(self, name, inputs, outputs, bias=True):         # torch's Linear: [out, in]
        w = self.make(name + ".weight", outputs, inputs).T
        return w, (self.make(name + ".bias", outputs) if bias else 0.0)
    def conv1d(self, name, inputs, outputs):                   # GPT-2's Conv1D: [in, out]
        return self.make(name + ".weight", inputs, outputs), self.make(name + ".bias", outputs)
    def norm(self, name, weight="weight", bias="bias"):
        return self.make(f"{name}.{weight}", WIDTH, mean=1), self.make(f"{name}.{bias}", WIDTH)
    def write(self, path):
        header, offset = {}, 0
        for name, t in self.tensors.items():
            header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + t.nbytes]}
            offset += t.nbytes
        text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as f: f.write(struct.pack("<Q", len(text)) + text + b"".join(t.tobytes() for t in self.tensors.values()))

def affine(x, map): return x @ map[0] + map[1]


# ---------------------------------------------------------------- architectures: (checkpoint, input) → config, [(input, layer)]
def gpt2(c, tokens):
    """Names as on the hub: no `transformer.` prefix, and the buffer attn.bias, which is no weight."""
    h = c.make("wte.weight", VOCABULARY, WIDTH)[tokens] + c.make("wpe.weight", CONTEXT, WIDTH)[:N]
    found = []
    for l in range(2):
        p = f"h.{l}."
        norm1, (w, b), out = c.norm(p + "ln_1"), c.conv1d(p + "attn.c_attn", WIDTH, 3 * WIDTH), c.conv1d(p + "attn.c_proj", WIDTH, WIDTH)
        c.tensors[p + "attn.bias"] = np.tril(np.ones((1, 1, CONTEXT, CONTEXT), "<f4"))
        norm2, up, down = c.norm(p + "ln_2"), c.conv1d(p + "mlp.c_fc", WIDTH, INNER), c.conv1d(p + "mlp.c_proj", INNER, WIDTH)
        layer = attention(*((w[:, k:k + WIDTH], b[k:k + WIDTH]) for k in (0, WIDTH, 2 * WIDTH)), out, causal(N), HEADS)
        x = layer_norm(h, *norm1, 1e-5)
        found.append((x, layer))
        h = h + layer(x)
        h = h + affine(gelu_tanh(affine(layer_norm(h, *norm2, 1e-5), up)), down)
    c.norm("ln_f")
    return dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", vocab_size=VOCABULARY, n_positions=CONTEXT, n_ctx=CONTEXT, n_embd=WIDTH,
                n_layer=2, n_head=HEADS, n_inner=INNER, activation_function="gelu_new", layer_norm_epsilon=1e-5), found

def gpt_neo(c, tokens):
    """Torch's Linear everywhere, no bias on query, key and value, unscaled logits, global and local layers in turn."""
    window = 5
    h = c.make("transformer.wte.weight", VOCABULARY, WIDTH)[tokens] + c.make("transformer.wpe.weight", CONTEXT, WIDTH)[:N]
    found = []
    for l, mask in enumerate((causal(N), causal_window(N, window))):
        p = f"transformer.h.{l}."
        norm1 = c.norm(p + "ln_1")
        q, k, v = (c.dense(p + f"attn.attention.{m}_proj", WIDTH, WIDTH, bias=False) for m in "qkv")
        out, norm2 = c.dense(p + "attn.attention.out_proj", WIDTH, WIDTH), c.norm(p + "ln_2")
        up, down = c.dense(p + "mlp.c_fc", WIDTH, INNER), c.dense(p + "mlp.c_proj", INNER, WIDTH)
        layer = attention(q, k, v, out, mask, HEADS, scale=1.0)
        x = layer_norm(h, *norm1, 1e-5)
        found.append((x, layer))
        h = h + layer(x)
        h = h + affine(gelu_tanh(affine(layer_norm(h, *norm2, 1e-5), up)), down)
    c.norm("transformer.ln_f")
    return dict(architectures=["GPTNeoForCausalLM"], model_type="gpt_neo", vocab_size=VOCABULARY, max_position_embeddings=CONTEXT,
                hidden_size=WIDTH, num_layers=2, num_heads=HEADS, intermediate_size=INNER, attention_types=[[["global", "local"], 1]],
                attention_layers=["global", "local"], window_size=window, activation_function="gelu_new", layer_norm_epsilon=1e-5), found

def llama_like(c, tokens, kv_heads=2, head_size=WIDTH // HEADS, qkv_bias=False, mask=None, angles=None, eps=1e-5,
               gain=lambda w: w, mean=1.0, embedding_scale=1.0, activation=silu, tied=False):
    h = c.make("model.embed_tokens.weight", VOCABULARY, WIDTH)[tokens] * embedding_scale
    mask = causal(N) if mask is None else mask
    found = []
    for l in range(2):
        p = f"model.layers.{l}."
        q = c.dense(p + "self_attn.q_proj", WIDTH, HEADS * head_size, qkv_bias)
        k, v = (c.dense(p + f"self_attn.{m}_proj", WIDTH, kv_heads * head_size, qkv_bias) for m in "kv")
        out = c.dense(p + "self_attn.o_proj", HEADS * head_size, WIDTH, False)
        gate, up, down = (c.dense(p + f"mlp.{m}_proj", *shape, False) for m, shape in
                          (("gate", (WIDTH, INNER)), ("up", (WIDTH, INNER)), ("down", (INNER, WIDTH))))
        norm1, norm2 = (gain(c.make(p + f"{m}_layernorm.weight", WIDTH, mean=mean)) for m in ("input", "post_attention"))
        layer = attention(q, k, v, out, mask, HEADS, kv_heads, angles=angles)
        x = rms_norm(h, norm1, eps)
        found.append((x, layer))
        h = h + layer(x)
        x = rms_norm(h, norm2, eps)
        h = h + affine(activation(affine(x, gate)) * affine(x, up), down)
    c.make("model.norm.weight", WIDTH, mean=mean)
    if not tied: c.make("lm_head.weight", VOCABULARY, WIDTH)
    return found

def llama_config(architecture, family, **more):
    return dict(architectures=[architecture], model_type=family, vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, hidden_size=WIDTH,
                intermediate_size=INNER, num_hidden_layers=2, num_attention_heads=HEADS, num_key_value_heads=2, hidden_act="silu",
                rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2) | more

def llama(c, tokens, scaling=None, base=10000.0):
    found = llama_like(c, tokens, angles=frequencies(WIDTH // HEADS, base, scaling))
    return llama_config("LlamaForCausalLM", "llama", rope_theta=base, attention_bias=False, mlp_bias=False, pretraining_tp=1, rope_scaling=scaling), found

def llama_linear(c, tokens): return llama(c, tokens, dict(rope_type="linear", factor=4.0))

def llama3(c, tokens):
    """One pair keeps its frequency, one is slowed, one lies between."""
    scaling = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=48)
    return llama(c, tokens, scaling, base=100.0)

def mistral(c, tokens):
    window = 5
    found = llama_like(c, tokens, mask=causal_window(N, window), angles=frequencies(WIDTH // HEADS, 10000.0))
    return llama_config("MistralForCausalLM", "mistral", sliding_window=window), found

def qwen2(c, tokens):
    found = llama_like(c, tokens, qkv_bias=True, angles=frequencies(WIDTH // HEADS, 1e6), eps=1e-6, tied=True)
    return llama_config("Qwen2ForCausalLM", "qwen2", rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=True,
                        use_sliding_window=False, sliding_window=CONTEXT, max_window_layers=2), found

def gemma(c, tokens):
    head_size = 10
    found = llama_like(c, tokens, kv_heads=1, head_size=head_size, angles=frequencies(head_size, 10000.0), eps=1e-6, tied=True,
                       gain=lambda w: 1 + w, mean=0.0, embedding_scale=math.sqrt(WIDTH), activation=gelu_tanh)
    return llama_config("GemmaForCausalLM", "gemma", num_key_value_heads=1, head_dim=head_size, rms_norm_eps=1e-6, tie_word_embeddings=True,
                        hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh", attention_bias=False), found

def encoder(c, h, names, eps):
    """Post-norm layers of BERT; `names` maps the roles to tensor names after the layer's own prefix."""
    found = []
    for l in range(2):
        p = names["layer"].format(l)
        q, k, v = (c.dense(p + names[m], WIDTH, WIDTH) for m in "qkv")
        out, norm1 = c.dense(p + names["out"], WIDTH, WIDTH), c.norm(p + names["norm1"], *names.get("norm_parts", ()))
        up, down = c.dense(p + names["up"], WIDTH, INNER), c.dense(p + names["down"], INNER, WIDTH)
        norm2 = c.norm(p + names["norm2"], *names.get("norm_parts", ()))
        layer = attention(q, k, v, out, everything(N), HEADS)
        found.append((h, layer))
        h = layer_norm(h + layer(h), *norm1, eps)
        h = layer_norm(h + affine(gelu_erf(affine(h, up)), down), *norm2, eps)
    return found

BERT = dict(q="attention.self.query", k="attention.self.key", v="attention.self.value", out="attention.output.dense",
            norm1="attention.output.LayerNorm", up="intermediate.dense", down="output.dense", norm2="output.LayerNorm")

def bert_config(architecture, family, **more):
    return dict(architectures=[architecture], model_type=family, vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=2,
                num_attention_heads=HEADS, intermediate_size=INNER, hidden_act="gelu", max_position_embeddings=CONTEXT, type_vocab_size=2,
                layer_norm_eps=1e-12, pad_token_id=0, position_embedding_type="absolute") | more

def bert(c, tokens):
    """Norms under their first names gamma and beta, as in the original checkpoints."""
    e, parts = "bert.embeddings.", ("gamma", "beta")
    h = c.make(e + "word_embeddings.weight", VOCABULARY, WIDTH)[tokens] + c.make(e + "position_embeddings.weight", CONTEXT, WIDTH)[:N]
    h = h + c.make(e + "token_type_embeddings.weight", 2, WIDTH)[0]
    h = layer_norm(h, *c.norm(e + "LayerNorm", *parts), 1e-12)
    found = encoder(c, h, BERT | dict(layer="bert.encoder.layer.{}.", norm_parts=parts), 1e-12)
    return bert_config("BertForMaskedLM", "bert"), found

def roberta(c, tokens):
    """Positions begin after the padding id: token p has position p + pad + 1."""
    e, pad = "roberta.embeddings.", 1
    h = c.make(e + "word_embeddings.weight", VOCABULARY, WIDTH)[tokens]
    h = h + c.make(e + "position_embeddings.weight", CONTEXT + pad + 1, WIDTH)[pad + 1:pad + 1 + N]
    h = h + c.make(e + "token_type_embeddings.weight", 1, WIDTH)[0]
    h = layer_norm(h, *c.norm(e + "LayerNorm"), 1e-5)
    found = encoder(c, h, BERT | dict(layer="roberta.encoder.layer.{}."), 1e-5)
    return bert_config("RobertaForMaskedLM", "roberta", max_position_embeddings=CONTEXT + pad + 1, type_vocab_size=1, layer_norm_eps=1e-5,
                       pad_token_id=pad, bos_token_id=0, eos_token_id=2), found

def distilbert(c, tokens):
    e = "distilbert.embeddings."
    h = c.make(e + "word_embeddings.weight", VOCABULARY, WIDTH)[tokens] + c.make(e + "position_embeddings.weight", CONTEXT, WIDTH)[:N]
    h = layer_norm(h, *c.norm(e + "LayerNorm"), 1e-12)
    names = dict(layer="distilbert.transformer.layer.{}.", q="attention.q_lin", k="attention.k_lin", v="attention.v_lin", out="attention.out_lin",
                 norm1="sa_layer_norm", up="ffn.lin1", down="ffn.lin2", norm2="output_layer_norm")
    return dict(architectures=["DistilBertForMaskedLM"], model_type="distilbert", vocab_size=VOCABULARY, max_position_embeddings=CONTEXT,
                sinusoidal_pos_embds=False, n_layers=2, n_heads=HEADS, dim=WIDTH, hidden_dim=INNER, activation="gelu",
                pad_token_id=0), encoder(c, h, names, 1e-12)

def vit(c, pixels):
    """pixels [3, 12, 12] in patches of 4 × 4, row by row, behind the class token: 10 tokens; pre-norm layers."""
    e, patch, n = "vit.embeddings.", 4, 10
    grid = pixels.shape[-1] // patch
    cls, positions = c.make(e + "cls_token", 1, 1, WIDTH), c.make(e + "position_embeddings", 1, n, WIDTH)
    kernel, bias = c.make(e + "patch_embeddings.projection.weight", WIDTH, 3, patch, patch), c.make(e + "patch_embeddings.projection.bias", WIDTH)
    cut = lambda r, s: pixels[:, r * patch:(r + 1) * patch, s * patch:(s + 1) * patch]
    patches = [np.einsum("oyxz,yxz->o", kernel, cut(r, s)) + bias for r in range(grid) for s in range(grid)]
    h = np.vstack([cls[0], patches]) + positions[0]
    found = []
    for l in range(2):
        p = f"vit.encoder.layer.{l}."
        q, k, v = (c.dense(p + f"attention.attention.{m}", WIDTH, WIDTH) for m in ("query", "key", "value"))
        out = c.dense(p + "attention.output.dense", WIDTH, WIDTH)
        up, down = c.dense(p + "intermediate.dense", WIDTH, INNER), c.dense(p + "output.dense", INNER, WIDTH)
        norm1, norm2 = c.norm(p + "layernorm_before"), c.norm(p + "layernorm_after")
        layer = attention(q, k, v, out, everything(n), HEADS)
        x = layer_norm(h, *norm1, 1e-12)
        found.append((x, layer))
        h = h + layer(x)
        h = h + affine(gelu_erf(affine(layer_norm(h, *norm2, 1e-12), up)), down)
    c.norm("vit.layernorm")
    return dict(architectures=["ViTModel"], model_type="vit", hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=HEADS,
                intermediate_size=INNER, hidden_act="gelu", layer_norm_eps=1e-12, image_size=12, patch_size=patch, num_channels=3,
                qkv_bias=True), found


# ---------------------------------------------------------------- files
ARCHITECTURES = {"gpt2": gpt2, "gpt-neo": gpt_neo, "llama": llama, "llama-linear": llama_linear, "llama3": llama3, "mistral": mistral,
                 "qwen2": qwen2, "gemma": gemma, "bert": bert, "roberta": roberta, "distilbert": distilbert, "vit": vit}

def rounded(values): return [[float(f"{v:.9g}") for v in row] for row in values]

def generate(folder, name, seed):
    build, checkpoint = ARCHITECTURES[name], Checkpoint(seed)
    if name == "vit":
        given = np.random.default_rng(seed + 1000).standard_normal((3, 12, 12)).round(3)
        record = {"pixels": given.tolist()}
    else:
        given = np.random.default_rng(seed + 1000).integers(3, VOCABULARY, N)      # no padding or special ids
        record = {"tokens": given.tolist()}
    config, found = build(checkpoint, given)
    record["layers"] = [{"input": rounded(x), "sigma": float(f"{sigma(layer, x):.9g}")} for x, layer in found]
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    checkpoint.write(os.path.join(folder, name, "model.safetensors"))
    with open(os.path.join(folder, name, "config.json"), "w") as f: json.dump(config, f, indent=1); f.write("\n")
    with open(os.path.join(folder, name, "expected.json"), "w") as f: json.dump(record, f); f.write("\n")
    print(name, [layer["sigma"] for layer in record["layers"]])

def check():
    """What the pieces must satisfy whatever they are used for."""
    r = np.random.default_rng(0)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    q, k = (np.tile(r.standard_normal(8), (N, 1)) for _ in "qk")
    for angles in (frequencies(8, 100.0), frequencies(4, 100.0)):
        a, b = rotate(q, angles), rotate(k, angles)
        close((a * a).sum(1), (q * q).sum(1))                          # a rotation
        close(a[:, 2 * len(angles):], q[:, 2 * len(angles):])          # of the pairs alone
        scores = a @ b.T                                               # by which scores know the distance only
        for shift in range(-3, 4): close(np.diagonal(scores, shift), np.diagonal(scores, shift)[0])
    plain = frequencies(6, 100.0)
    close(frequencies(6, 100.0, dict(rope_type="linear", factor=4.0)), plain / 4)
    ratio = frequencies(6, 100.0, dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                       original_max_position_embeddings=48)) / plain
    assert ratio[0] == 1 and 1 / 8 < ratio[1] < 1 and ratio[2] == 1 / 8, ratio
    window = causal_window(N, 5)
    assert [row.sum() for row in window] == [min(i + 1, 5) for i in range(N)] and window[-1, -1] and not np.triu(window, 1).any()
    layer = attention(*((0.3 * r.standard_normal((4, 4)), r.standard_normal(4)) for _ in range(4)), causal(3), 2)
    x, h = r.standard_normal((3, 4)), 1e-6
    columns = [(layer(x + h * e.reshape(3, 4)) - layer(x - h * e.reshape(3, 4))).ravel() / (2 * h) for e in np.eye(12)]
    np.testing.assert_allclose(sigma(layer, x), np.linalg.norm(np.array(columns).T, 2), rtol=1e-7)

if __name__ == "__main__":
    check()
    where = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "architectures")
    for k, name in enumerate(ARCHITECTURES):
        if name in sys.argv[2:] or len(sys.argv) < 3: generate(where, name, 300 + k)
