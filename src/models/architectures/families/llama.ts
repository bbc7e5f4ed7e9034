// Llama (Touvron et al. 2023) and those of its descendants whose blocks have its parts, in its order.
import type { ConfigFile } from "../config.js";
import type { Family, QueryKeyNorms } from "../family.js";
import { typed } from "../layerTypes.js";

export const llama: Family = {
  prefix: ["model.", "language_model.model.", "model.language_model."],
  embed: "embed_tokens",
  tied: false,
  layer: "layers.{}.",
  final: "norm",
  context: context(2048),
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

/** What most descendants share: maps have the biases that the file has. */
export const llamaLike: Family = { ...llama, bias: undefined };

/** Mistral (Jiang et al. 2023): a window, 4096 tokens where the key is absent and none where it is null. */
export const mistral: Family = {
  ...llamaLike,
  kvHeads: 8,
  context: context(4096 * 32),
  window: { key: "sliding_window", absent: 4096 },
  // Under "text_config" the library reads no layer_types.
  windowed: (config, layer) => config.path !== "" || typed(() => true)(config, layer),
};

/** Ministral 3: positions stretched by YaRN; queries grow with the position beyond the first context. */
export const ministral3: Family = {
  ...mistral,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  headSize: 128,
  window: { key: "sliding_window" },
  windowed: () => true,
  rope: {
    keys: ["llama_4_scaling_beta"],
    settings: {
      rope_type: "yarn",
      factor: 16,
      original_max_position_embeddings: 16384,
      rope_theta: 1e6,
      mscale: 1,
      mscale_all_dim: 1,
      llama_4_scaling_beta: 0.1,
    },
  },
  plainUpTo: (config) => {
    const settings = config.section("rope_scaling") ?? config.section("rope_parameters");
    const beta = settings ? settings.number("llama_4_scaling_beta", 0) : 0.1;
    return beta === 0 ? undefined : (settings?.count("original_max_position_embeddings", 16384) ?? 16384);
  },
};

/** Qwen2 (Yang et al. 2024): biases on query, key and value; later layers may have a window. */
export const qwen2: Family = {
  ...llama,
  kvHeads: 32,
  context: context(32768),
  bias: (_, map) => map === "query",
  window: { key: "sliding_window", absent: 4096 },
  windowed: whereUsed((config, layer) => layer >= config.index("max_window_layers", 28)),
};

/** Norms of each head's queries and keys. */
export const perHead: QueryKeyNorms = { over: "head", name: "self_attn.{}_norm" };

/** Qwen3 (Qwen Team 2025): norms of queries and keys. */
export const qwen3: Family = { ...qwen2, bias: undefined, headSize: 128, queryKeyNorms: perHead };

export const internlm3: Family = {
  ...llamaLike,
  kvHeads: 2,
  headSize: 128,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
};

export const seedOss: Family = { ...llamaLike, kvHeads: 8, headSize: 128 };

export const arcee: Family = {
  ...llamaLike,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  feedForward: [undefined, "mlp.up_proj", "mlp.down_proj"],
  activation: { key: "hidden_act", absent: "relu2" },
};

/** Ernie 4.5: pairs are neighbours. */
export const ernie: Family = {
  ...llamaLike,
  tied: true,
  kvHeads: 2,
  headSize: 128,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  rope: { theta: 5e5, neighbours: true },
};

/** Helium: pairs are neighbours. */
export const helium: Family = {
  ...llamaLike,
  kvHeads: 20,
  headSize: 128,
  epsilon: { key: "rms_norm_eps", absent: 1e-8 },
  rope: { theta: 1e5, neighbours: true },
};

/** Hunyuan: norms of queries and keys behind the rotation. */
export const hunyuan: Family = {
  ...llamaLike,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  queryKeyNorms: { over: "head", name: "self_attn.{}_layernorm", words: ["query", "key"], afterRope: true },
};

/** Apertus: an activation with tensors of its own. */
export const apertus: Family = {
  ...llamaLike,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  norms: ["attention_layernorm", "feedforward_layernorm"],
  queryKeyNorms: perHead,
  rope: {
    theta: 1.2e7,
    settings: {
      rope_type: "llama3",
      factor: 8,
      original_max_position_embeddings: 8192,
      low_freq_factor: 1,
      high_freq_factor: 4,
      rope_theta: 1.2e7,
    },
  },
  feedForward: [undefined, "mlp.up_proj", "mlp.down_proj"],
  activation: { key: "hidden_act", absent: "xielu" },
  xielu: "mlp.act_fn",
};

/** SmolLM3: every fourth layer has no rotary positions. */
export const smollm3: Family = {
  ...llamaLike,
  tied: true,
  kvHeads: 4,
  rope: { theta: 2e6 },
  rotates: rotated,
  window: { key: "sliding_window" },
  windowed: typed((config, layer) => config.flag("use_sliding_window", false) && !rotated(config, layer)),
};

/** Granite: factors on embeddings, scores and branches. */
export const granite: Family = {
  ...llamaLike,
  embedScale: (config) => config.number("embedding_multiplier", 1),
  scale: (config) => config.number("attention_multiplier", 1),
  residual: (config) => config.number("residual_multiplier", 1),
};

/** EuroBERT: tokens see those after them too. */
export const eurobert: Family = {
  ...llamaLike,
  stack: "encoder",
  bothSides: true,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
};

/** The layers of no_rope_layers that say 1, else all but each fourth. */
export function rotated(config: ConfigFile, layer: number): boolean {
  const layers = config.value("no_rope_layers") ?? [];
  if (!Array.isArray(layers)) throw config.wrong("no_rope_layers", "an array, or null");
  return layers.length > 0 ? Boolean(layers[layer]) : (layer + 1) % config.count("no_rope_layer_interval", 4) !== 0;
}

/** max_position_embeddings, and its default. */
export function context(absent: number): Family["context"] {
  return { keys: ["max_position_embeddings"], absent };
}

/** Windows in some layers where use_sliding_window says so. */
export function whereUsed(rule: NonNullable<Family["windowed"]>): NonNullable<Family["windowed"]> {
  return (config, layer) => {
    const slides = rule(config, layer);
    return config.flag("use_sliding_window", false) && typed(() => slides)(config, layer);
  };
}
