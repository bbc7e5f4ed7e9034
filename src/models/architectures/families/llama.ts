// Llama (Touvron et al. 2023) and its descendants, whose blocks differ from its own in a few words.
import type { Family } from "../family.js";
import { typed } from "../layerTypes.js";

export const llama: Family = {
  prefix: ["model.", "language_model.model.", "model.language_model."],
  embed: "embed_tokens",
  tied: false,
  layer: "layers.{}.",
  final: "norm",
  context: { keys: ["max_position_embeddings"], absent: 2048 },
  norm: "rms",
  epsilon: { key: "rms_norm_eps", absent: 1e-6 },
  order: "sequential",
  norms: ["input_layernorm", "post_attention_layernorm"],
  qkv: "self_attn.{}_proj",
  output: "self_attn.o_proj",
  bias: (config, map) => config.flag(map === "inner" ? "mlp_bias" : "attention_bias", false),
  rope: {},
  feedForward: ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
  activation: { key: "hidden_act", absent: "silu" },
};

/** Mistral (Jiang et al. 2023): Llama with a window, 4096 tokens where the key is absent and none where it is null. */
export const mistral: Family = {
  ...llama,
  bias: undefined,
  kvHeads: 8,
  context: { keys: ["max_position_embeddings"], absent: 4096 * 32 },
  window: { key: "sliding_window", absent: 4096 },
  windowed: typed(() => true),
};

/** Qwen2 (Yang et al. 2024): biases on query, key and value; later layers may have a window. */
export const qwen2: Family = {
  ...llama,
  kvHeads: 32,
  context: { keys: ["max_position_embeddings"], absent: 32768 },
  bias: (_, map) => map === "query",
  window: { key: "sliding_window", absent: 4096 },
  windowed: whereUsed((config, layer) => layer >= config.index("max_window_layers", 28)),
};

/** Gemma (Gemma Team 2024): embeddings × √width, norms whose gain is stored less 1, a head size of its own. */
export const gemma: Family = {
  ...llama,
  tied: true,
  embedScale: (_, width) => Math.sqrt(width),
  kvHeads: 16,
  headSize: 256,
  context: { keys: ["max_position_embeddings"], absent: 8192 },
  gainOffset: 1,
  bias: (config, map) => map !== "inner" && config.flag("attention_bias", false),
  // Early files say "gelu" for models that were trained with its tanh form.
  activation: { key: "hidden_act", absent: "gelu_pytorch_tanh" },
  activations: { gelu: "gelu-tanh" },
  // Older versions of the library read it, newer ones don't.
  refuses: { hidden_activation: ["gelu_pytorch_tanh", "gelu_new", "gelu_fast"] },
};

/** Windows in some layers where use_sliding_window says so. */
function whereUsed(rule: NonNullable<Family["windowed"]>): NonNullable<Family["windowed"]> {
  return (config, layer) => {
    const slides = rule(config, layer);
    return config.flag("use_sliding_window", false) && typed(() => slides)(config, layer);
  };
}
