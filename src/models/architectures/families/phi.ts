// Phi, StableLM, StarCoder 2, Cohere, Nemotron and Persimmon: Llama's names, with layer norms or parallel branches.
import type { Family } from "../family.js";
import { allButEach } from "../layerTypes.js";
import { context, llamaLike } from "./llama.js";

const layerNorms: Family = { ...llamaLike, norm: "layer", epsilon: { key: "layer_norm_eps", absent: 1e-5 } };

/** Phi (Li et al. 2023): both branches read the same norm; half of a head turns. */
export const phi: Family = {
  ...layerNorms,
  final: "final_layernorm",
  order: "parallel",
  norms: ["input_layernorm", undefined],
  output: "self_attn.dense",
  rope: { share: 0.5 },
  queryKeyNorms: (config) =>
    config.flag("qk_layernorm", false) ? { over: "head", name: "self_attn.{}_layernorm", bias: true } : undefined,
  feedForward: [undefined, "mlp.fc1", "mlp.fc2"],
  activation: { key: "hidden_act", absent: "gelu_new" },
};

/** Phi-3 (Abdin et al. 2024): fused maps, positions stretched by LongRoPE. */
export const phi3: Family = {
  ...llamaLike,
  context: context(4096),
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  qkv: "self_attn.qkv_proj",
  fusion: "joined",
  rope: { share: 1, original: 4096, longrope: ["su", "yarn"] },
  window: { key: "sliding_window" },
  windowed: () => true,
  feedForward: ["mlp.gate_up_proj", "mlp.gate_up_proj", "mlp.down_proj"],
};

/** Persimmon: one map by heads; half of a head turns. */
export const persimmon: Family = {
  ...phi,
  order: "sequential",
  norms: ["input_layernorm", "post_attention_layernorm"],
  context: context(16384),
  qkv: "self_attn.query_key_value",
  fusion: "heads",
  queryKeyNorms: (config) =>
    config.flag("qk_layernorm", true) ? { over: "head", name: "self_attn.{}_layernorm", bias: true } : undefined,
  feedForward: [undefined, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"],
  activation: { key: "hidden_act", absent: "relu2" },
};

/** StableLM: a quarter of a head turns; a norm without bias for each head. */
export const stablelm: Family = {
  ...layerNorms,
  kvHeads: 32,
  context: context(4096),
  order: (config) => (config.flag("use_parallel_residual", false) ? "parallel" : "sequential"),
  norms: (config) => [
    "input_layernorm",
    config.flag("use_parallel_residual", false) ? undefined : "post_attention_layernorm",
  ],
  rope: { share: 0.25 },
  queryKeyNorms: (config) =>
    config.flag("qk_layernorm", false) ? { over: "each-head", name: "self_attn.{}_layernorm.norms.{head}" } : undefined,
};

/** StarCoder 2 (Lozhkov et al. 2024): no gate. */
export const starcoder2: Family = {
  ...layerNorms,
  tied: true,
  kvHeads: 2,
  context: context(4096),
  epsilon: { key: "norm_epsilon", absent: 1e-5 },
  window: { key: "sliding_window" },
  windowed: () => true,
  feedForward: [undefined, "mlp.c_fc", "mlp.c_proj"],
  activation: { key: "hidden_act", absent: "gelu_pytorch_tanh" },
};

/** Command R: layer norms without bias, both branches read the same; pairs are neighbours. */
export const cohere: Family = {
  ...layerNorms,
  tied: true,
  context: context(8192),
  normBias: false,
  order: "parallel",
  norms: ["input_layernorm", undefined],
  rope: { theta: 5e5, neighbours: true },
  queryKeyNorms: (config) =>
    config.flag("use_qk_norm", false) ? { over: "each-head", name: "self_attn.{}_norm" } : undefined,
};

/** Command R7B: windows in three layers of four, which alone have rotary positions. */
export const cohere2: Family = {
  ...cohere,
  queryKeyNorms: undefined,
  rope: { neighbours: true },
  window: { key: "sliding_window", absent: 4096 },
  windowed: allButEach("sliding_window_pattern", 4),
  rotates: (_config, _layer, windowed) => windowed,
};

/** Nemotron: gains are stored less 1; half of a head turns; no gate. */
export const nemotron: Family = {
  ...layerNorms,
  gainOffset: 1,
  context: context(4096),
  epsilon: { key: "norm_eps", absent: 1e-5 },
  rope: { share: 0.5 },
  feedForward: [undefined, "mlp.up_proj", "mlp.down_proj"],
  activation: { key: "hidden_act", absent: "relu2" },
};

/** EXAONE 3: Llama under other names. */
export const exaone: Family = {
  ...llamaLike,
  prefix: ["transformer."],
  embed: "wte",
  layer: "h.{}.",
  final: "ln_f",
  kvHeads: 8,
  epsilon: { key: "layer_norm_epsilon", absent: 1e-5 },
  norms: ["ln_1", "ln_2"],
  qkv: "attn.attention.{}_proj",
  output: "attn.attention.out_proj",
  rope: { theta: 5e5 },
  feedForward: ["mlp.c_fc_0", "mlp.c_fc_1", "mlp.c_proj"],
  activation: { key: "activation_function", absent: "silu" },
};
