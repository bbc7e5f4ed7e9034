// GPT-2 (Radford et al. 2019) and its descendants: layer norms, and feed-forward parts without a gate.
import type { Family } from "../family.js";
import { kinds } from "./gptNeoLayers.js";
import { context, llamaLike } from "./llama.js";

const fourfold = (width: number) => 4 * width;

export const gpt2: Family = {
  prefix: ["transformer."],
  embed: "wte",
  tied: true,
  layer: "h.{}.",
  final: "ln_f",
  positions: { name: "wpe" },
  keys: ["n_embd", "n_head", "n_layer"],
  context: { keys: ["n_positions", "max_position_embeddings", "n_ctx"], absent: 1024 },
  inner: { keys: ["n_inner", "intermediate_size"], absent: fourfold },
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

/** GPT (Radford et al. 2018): norms behind the sums. */
export const openaiGpt: Family = {
  ...gpt2,
  embed: "tokens_embed",
  positions: { name: "positions_embed" },
  context: { keys: ["n_positions", "max_position_embeddings"], absent: 512 },
  inner: { keys: [], absent: fourfold },
  final: undefined,
  order: "post",
  scale: undefined,
  activation: { key: "afn", absent: "gelu" },
  activations: { gelu: "gelu-tanh" },
  ignores: ["is_causal"],
};

/** GPT-Neo (Black et al. 2021): unscaled scores, no biases on query, key and value, windows in every other layer. */
export const gptNeo: Family = {
  ...gpt2,
  keys: ["hidden_size", "num_heads", "num_layers"],
  context: context(2048),
  inner: { keys: ["intermediate_size"], absent: fourfold },
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

/** GPT-BigCode (StarCoder): one head of keys and values. */
export const gptBigcode: Family = {
  ...gpt2,
  transposed: false,
  fusion: (config) => (config.flag("multi_query", true) ? "joined" : "heads"),
  kvHeads: (config, heads) => (config.flag("multi_query", true) ? 1 : heads),
  scale: (config, _, headSize) => (config.flag("scale_attn_weights", true) ? headSize ** -0.5 : 1),
  activation: { key: "activation_function", absent: "gelu_pytorch_tanh" },
};

/** GPT-J (Wang and Komatsuzaki 2021): both branches read the same norm; pairs are neighbours. */
export const gptj: Family = {
  ...gpt2,
  tied: false,
  positions: undefined,
  context: { keys: ["n_positions", "max_position_embeddings"], absent: 2048 },
  inner: { keys: ["n_inner"], absent: fourfold },
  order: "parallel",
  norms: ["ln_1", undefined],
  transposed: false,
  qkv: "attn.{}_proj",
  fusion: undefined,
  output: "attn.out_proj",
  bias: (_, map) => map === "inner",
  rope: { width: (config) => config.count("rotary_dim", 64), fixed: true, neighbours: true },
  scale: undefined,
  feedForward: [undefined, "mlp.fc_in", "mlp.fc_out"],
};

/** CodeGen: GPT-J with one map for query, value and key. */
export const codegen: Family = { ...gptj, qkv: "attn.qkv_proj", fusion: "shards" };

/** GPT-NeoX and Pythia: each branch reads a norm of its own; a quarter of a head turns. */
export const gptNeox: Family = {
  ...llamaLike,
  prefix: ["gpt_neox."],
  embed: "embed_in",
  tied: undefined,
  final: "final_layer_norm",
  norm: "layer",
  epsilon: { key: "layer_norm_eps", absent: 1e-5 },
  order: (config) => (config.flag("use_parallel_residual", true) ? "parallel" : "sequential"),
  qkv: "attention.query_key_value",
  fusion: "heads",
  output: "attention.dense",
  rope: { thetaKeys: ["rope_theta", "rotary_emb_base"], share: 0.25, shareKeys: ["rotary_pct"], odd: true },
  feedForward: [undefined, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"],
  activation: { key: "hidden_act", absent: "gelu" },
};

/** OPT (Zhang et al. 2022): positions begin at 2; the 350m model has its norms behind, and embeddings of another width. */
export const opt: Family = {
  ...llamaLike,
  prefix: ["model.decoder.", "decoder."],
  tied: true,
  positions: { name: "embed_positions", offset: 2 },
  embedWidth: (config, width) => config.count("word_embed_proj_dim", width),
  project: { name: "project_in", place: "before positions", bias: false },
  inner: { keys: ["ffn_dim"] },
  norm: "layer",
  normGain: (config) => config.flag("layer_norm_elementwise_affine", true),
  normBias: (config) => config.flag("layer_norm_elementwise_affine", true),
  epsilon: { absent: 1e-5 },
  order: (config) => (config.flag("do_layer_norm_before", true) ? "sequential" : "post"),
  norms: ["self_attn_layer_norm", "final_layer_norm"],
  final: (config) => (config.flag("do_layer_norm_before", true) ? "final_layer_norm" : undefined),
  output: "self_attn.out_proj",
  rope: undefined,
  feedForward: [undefined, "fc1", "fc2"],
  activation: { key: "activation_function", absent: "relu" },
};

/** BioGPT (Luo et al. 2022): embeddings × √width. */
export const biogpt: Family = {
  ...opt,
  prefix: ["biogpt."],
  embedWidth: undefined,
  project: undefined,
  embedScale: (config, width) => (config.flag("scale_embedding", true) ? Math.sqrt(width) : 1),
  context: context(1024),
  inner: { keys: ["intermediate_size"] },
  normGain: true,
  normBias: true,
  order: "sequential",
  final: "layer_norm",
  activation: { key: "hidden_act", absent: "gelu" },
};

/** XGLM (Lin et al. 2022): positions by sines, in no file. */
export const xglm: Family = {
  ...biogpt,
  prefix: ["model."],
  positions: { offset: 2, steps: (width) => width / 2 - 1 },
  context: context(2048),
  inner: { keys: ["ffn_dim"] },
  activation: { key: "activation_function", absent: "gelu" },
};
