// BLOOM, MPT and Falcon, whose scores fall with the distance (ALiBi, Press et al. 2022) or may.
import type { ConfigFile } from "../config.js";
import type { Family } from "../family.js";
import { context, llamaLike } from "./llama.js";

const geometric = (count: number, power: number) =>
  Array.from({ length: count }, (_, h) => 2 ** ((-8 * (h + 1)) / power));

/** Those of the largest power of two of heads, then every second one of twice as many. */
function bloomSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const more = geometric(2 * power, 2 * power).filter((_, h) => h % 2 === 0);
  return [...geometric(power, power), ...more].slice(0, heads);
}

/** Those of the least power of two that is enough; where it is more, every second one first. */
function mptSlopes(heads: number): number[] {
  const power = 2 ** Math.ceil(Math.log2(heads));
  const all = geometric(power, power);
  if (power === heads) return all;
  return [...all.filter((_, h) => h % 2 === 1), ...all.filter((_, h) => h % 2 === 0)].slice(0, heads);
}

/** BLOOM (2022): norms of the embeddings; what is added to may be the normed input. */
export const bloom: Family = {
  ...llamaLike,
  prefix: ["transformer."],
  embed: "word_embeddings",
  tied: true,
  layer: "h.{}.",
  final: "ln_f",
  embedNorm: "word_embeddings_layernorm",
  context: { keys: [], absent: 2 ** 20 },
  inner: { keys: [], absent: (width) => 4 * width },
  norm: "layer",
  epsilon: { key: "layer_norm_epsilon", absent: 1e-5 },
  order: (config) => (config.flag("apply_residual_connection_post_layernorm", false) ? "normed" : "sequential"),
  qkv: "self_attention.query_key_value",
  fusion: "heads",
  output: "self_attention.dense",
  rope: undefined,
  slopes: (_, heads) => bloomSlopes(heads),
  feedForward: [undefined, "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"],
  activation: { absent: "gelu_new" },
};

/** MPT (MosaicML 2023): no biases at all. */
export const mpt: Family = {
  ...llamaLike,
  prefix: ["transformer."],
  embed: "wte",
  tied: true,
  layer: "blocks.{}.",
  final: "norm_f",
  keys: ["d_model", "n_heads", "n_layers"],
  context: { keys: ["max_seq_len"], absent: 2048 },
  inner: { keys: [], absent: (width) => 4 * width },
  norm: "layer",
  normBias: false,
  epsilon: { key: "layer_norm_epsilon", absent: 1e-5 },
  norms: ["norm_1", "norm_2"],
  qkv: "attn.Wqkv",
  fusion: "joined",
  output: "attn.out_proj",
  rope: undefined,
  scale: (config, _, headSize) => mptAttention(config)?.positive("softmax_scale", headSize ** -0.5) ?? headSize ** -0.5,
  slopes: (_, heads) => mptSlopes(heads),
  feedForward: [undefined, "ffn.up_proj", "ffn.down_proj"],
  activation: { absent: "gelu" },
  refuses: { expansion_ratio: [4], learned_pos_emb: [true] },
};

/** The section attn_config, without what isn't implemented or what the library ignores. */
function mptAttention(config: ConfigFile): ConfigFile | undefined {
  const section = config.section("attn_config");
  section?.refuse({ clip_qkv: [], qk_ln: [], prefix_lm: [], alibi_bias_max: [8] });
  if (section && !section.flag("alibi", true)) throw section.unsupported("alibi", "not implemented");
  if (!config.flag("no_bias", true)) throw config.unsupported("no_bias", "not implemented");
  return section;
}

const isNew = (config: ConfigFile) => config.flag("new_decoder_architecture", false);
const isParallel = (config: ConfigFile) => config.flag("parallel_attn", true) || isNew(config);
const hasTwoNorms = (config: ConfigFile) => isNew(config) && config.count("num_ln_in_parallel_attn", 2) === 2;

/** Falcon (Almazrouei et al. 2023): three layouts of one map; parallel branches; rotary positions or slopes. */
export const falcon: Family = {
  ...bloom,
  embedNorm: undefined,
  context: context(2048),
  inner: { keys: ["ffn_hidden_size"], absent: (width) => 4 * width },
  order: (config) => (isParallel(config) ? "parallel" : "sequential"),
  norms: (config) =>
    hasTwoNorms(config)
      ? ["ln_attn", "ln_mlp"]
      : ["input_layernorm", isParallel(config) ? undefined : "post_attention_layernorm"],
  fusion: (config) => (isNew(config) ? "groups" : config.flag("multi_query", true) ? "joined" : "heads"),
  kvHeads: (config, heads) =>
    isNew(config) ? config.count("num_kv_heads", heads) : config.flag("multi_query", true) ? 1 : heads,
  rope: (config) => (config.flag("alibi", false) ? undefined : {}),
  slopes: (config, heads, scale) =>
    config.flag("alibi", false) ? bloomSlopes(heads).map((slope) => scale * slope) : undefined,
  activation: { key: "activation", absent: "gelu" },
};
