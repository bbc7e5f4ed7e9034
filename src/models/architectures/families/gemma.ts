// Gemma (Gemma Team 2024), whose norms' gains are stored less 1, and those with norms on their branches: OLMo, GLM, Exaone.
import type { Family } from "../family.js";
import { allButEach, typed } from "../layerTypes.js";
import { context, llamaLike, perHead } from "./llama.js";

/** Embeddings × √width, a head size of its own. */
export const gemma: Family = {
  ...llamaLike,
  tied: true,
  embedScale: (_, width) => Math.sqrt(width),
  kvHeads: 16,
  headSize: 256,
  context: context(8192),
  gainOffset: 1,
  bias: (config, map) => map !== "inner" && config.flag("attention_bias", false),
  // Early files say "gelu" for models that were trained with its tanh form.
  activation: { key: "hidden_act", absent: "gelu_pytorch_tanh" },
  activations: { gelu: "gelu-tanh" },
  // Older versions of the library read it, newer ones don't.
  refuses: { hidden_activation: ["gelu_pytorch_tanh", "gelu_new", "gelu_fast"] },
};

/** Norms on both sides of the branches, capped scores, a window in every other layer. */
export const gemma2: Family = {
  ...gemma,
  kvHeads: 4,
  bias: undefined,
  norms: ["input_layernorm", "pre_feedforward_layernorm"],
  branchNorms: ["post_attention_layernorm", "post_feedforward_layernorm"],
  activation: { key: "hidden_activation", absent: "gelu_pytorch_tanh" },
  activations: {},
  refuses: {},
  scale: (config) => config.positive("query_pre_attn_scalar", 256) ** -0.5,
  softcap: (config) =>
    config.value("attn_logit_softcapping") === null ? undefined : config.positive("attn_logit_softcapping", 50),
  window: { key: "sliding_window", absent: 4096 },
  windowed: typed((_, layer) => layer % 2 === 0),
};

/** Norms of queries and keys instead of the cap; layers with a window have a base of their own. */
export const gemma3: Family = {
  ...gemma2,
  // Files of models that read images too leave out what they have in common with the library's.
  defaults: { hidden_size: 2304, num_attention_heads: 8, num_hidden_layers: 26, vocab_size: 262_208 },
  softcap: undefined,
  ignores: ["attn_logit_softcapping"],
  context: context(131072),
  queryKeyNorms: perHead,
  rope: { theta: 1e6, windowed: { key: "rope_local_base_freq", theta: 1e4 } },
  windowed: allButEach("sliding_window_pattern", 6),
  // With text_config (images beside text) the key only halves the window.
  bothSides: (config) => config.flag("use_bidirectional_attention", false) && config.path === "",
  windowKind: (config) => (config.flag("use_bidirectional_attention", false) ? "half" : "before"),
};

/** OLMo (Groeneveld et al. 2024): layer norms without weights. */
export const olmo: Family = {
  ...llamaLike,
  norm: "layer",
  normGain: false,
  normBias: false,
  epsilon: { absent: 1e-5 },
};

/** OLMo 2: norms on the branches alone, and of queries and keys over all heads. */
export const olmo2: Family = {
  ...llamaLike,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  norms: [undefined, undefined],
  branchNorms: ["post_attention_layernorm", "post_feedforward_layernorm"],
  queryKeyNorms: { over: "width", name: "self_attn.{}_norm" },
};

/** OLMo 3: windows in three layers of four. */
export const olmo3: Family = {
  ...olmo2,
  rope: { theta: 5e5, windowed: { theta: 5e5 } },
  window: { key: "sliding_window", absent: 4096 },
  windowed: typed((_, layer) => (layer + 1) % 4 !== 0),
};

/** EXAONE 4: as OLMo 2; layers with a window have rotary positions, or all where there is none. */
export const exaone4: Family = {
  ...olmo2,
  kvHeads: 32,
  queryKeyNorms: perHead,
  window: { key: "sliding_window", absent: 4096 },
  windowed: allButEach("sliding_window_pattern", 4),
  rotates: (config, _, windowed) => windowed || config.value("sliding_window") === null,
};

/** GLM: pairs are neighbours in the first half of a head; gate and up in one tensor. */
export const glm: Family = {
  ...llamaLike,
  kvHeads: 2,
  headSize: 128,
  epsilon: { key: "rms_norm_eps", absent: 1.5625e-7 },
  rope: { share: 0.5, neighbours: true },
  feedForward: ["mlp.gate_up_proj", "mlp.gate_up_proj", "mlp.down_proj"],
};

/** GLM 4: norms on the branches too. */
export const glm4: Family = { ...glm, branchNorms: ["post_self_attn_layernorm", "post_mlp_layernorm"] };
