// GPT-2 (Radford et al. 2019) and its descendants.
import type { Family } from "../family.js";
import { kinds } from "./gptNeoLayers.js";

export const gpt2: Family = {
  prefix: ["transformer."],
  embed: "wte",
  tied: true,
  layer: "h.{}.",
  final: "ln_f",
  positions: { name: "wpe" },
  keys: ["n_embd", "n_head", "n_layer"],
  context: { keys: ["n_positions", "max_position_embeddings", "n_ctx"], absent: 1024 },
  inner: { keys: ["n_inner", "intermediate_size"], absent: (width) => 4 * width },
  norm: "layer",
  epsilon: { key: "layer_norm_epsilon", absent: 1e-5 },
  order: "sequential",
  norms: ["ln_1", "ln_2"],
  transposed: true,
  qkv: "attn.c_attn",
  fusion: "joined",
  output: "attn.c_proj",
  bias: () => true,
  scale: (config, layer, headSize) =>
    (config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(headSize) : 1) /
    (config.flag("scale_attn_by_inverse_layer_idx", false) ? layer + 1 : 1),
  feedForward: [undefined, "mlp.c_fc", "mlp.c_proj"],
  activation: { key: "activation_function", absent: "gelu_new" },
};

/** GPT-Neo (Black et al. 2021): unscaled scores, no biases on query, key and value, windows in every other layer. */
export const gptNeo: Family = {
  ...gpt2,
  keys: ["hidden_size", "num_heads", "num_layers"],
  context: { keys: ["max_position_embeddings"], absent: 2048 },
  inner: { keys: ["intermediate_size"], absent: (width) => 4 * width },
  transposed: false,
  qkv: "attn.attention.{}_proj",
  fusion: undefined,
  output: "attn.attention.out_proj",
  bias: (_, map) => map !== "query",
  scale: () => 1,
  window: { key: "window_size", absent: 256 },
  windowed: (config, layer) => kinds(config)[layer] === "local",
  ignores: ["is_causal"],
};
