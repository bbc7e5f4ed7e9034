// Encoders of text beyond BERT's own names.
import type { ConfigFile } from "../config.js";
import type { Family } from "../family.js";
import { typed } from "../layerTypes.js";
import { bert, roberta } from "./bert.js";
import { context } from "./llama.js";

/** ELECTRA (Clark et al. 2020): embeddings of another width. */
export const electra: Family = {
  ...bert,
  prefix: ["electra."],
  embedWidth: (config) => config.count("embedding_size", 128),
  project: { name: "embeddings_project", place: "after norm", bias: true },
};

/** ALBERT (Lan et al. 2020): groups of blocks whose weights several layers share. */
export const albert: Family = {
  ...bert,
  prefix: ["albert."],
  embedWidth: (config) => config.count("embedding_size", 128),
  project: { name: "encoder.embedding_hidden_mapping_in", place: "after norm", bias: true, always: true },
  blocks: (config, layers) => layers * config.count("inner_group_num", 1),
  layer: (config, block) => {
    const inner = config.count("inner_group_num", 1);
    const share = config.count("num_hidden_groups", 1) / config.count("num_hidden_layers");
    const group = Math.floor(Math.floor(block / inner) * share);
    return `encoder.albert_layer_groups.${group}.albert_layers.${block % inner}.`;
  },
  norms: ["attention.LayerNorm", "full_layer_layer_norm"],
  qkv: "attention.{}",
  output: "attention.dense",
  bothSides: true,
  feedForward: [undefined, "ffn", "ffn_output"],
  activation: { key: "hidden_act", absent: "gelu_new" },
};

/** MPNet (Song et al. 2020): distances in buckets, 32 of them up to 128 whatever the key says, which sizes the table. */
export const mpnet: Family = {
  ...roberta,
  prefix: ["mpnet."],
  positions: { name: "embeddings.position_embeddings", padding: () => 1 },
  types: undefined,
  distances: { name: "encoder.relative_attention_bias.weight", buckets: () => 32, distance: () => 128 },
  norms: ["attention.LayerNorm", "output.LayerNorm"],
  qkv: "attention.attn.{}",
  words: ["q", "k", "v"],
  output: "attention.attn.o",
  bothSides: true,
};

/** ModernBERT (Warner et al. 2024): gates, rotary positions, windows in two layers of three. */
export const modernbert: Family = {
  ...bert,
  prefix: ["model."],
  embed: "embeddings.tok_embeddings",
  layer: "layers.{}.",
  final: "final_norm",
  positions: undefined,
  types: undefined,
  embedNorm: "embeddings.norm",
  context: context(8192),
  normBias: (config) => config.flag("norm_bias", false),
  epsilon: { key: "norm_eps", absent: 1e-5 },
  order: "sequential",
  norms: (_, layer) => [layer === 0 ? undefined : "attn_norm", "mlp_norm"],
  qkv: "attn.Wqkv",
  fusion: "joined",
  output: "attn.Wo",
  bias: undefined,
  rope: { theta: 160000, thetaKeys: ["global_rope_theta"], windowed: { key: "local_rope_theta", theta: 10000 } },
  window: { key: "local_attention", absent: 128 },
  windowed: typed((config, layer) => layer % config.count("global_attn_every_n_layers", 3) !== 0),
  windowKind: "half",
  bothSides: true,
  feedForward: ["mlp.Wi", "mlp.Wi", "mlp.Wo"],
  activation: { key: "hidden_activation", absent: "gelu" },
};

/** Nomic's BERT (Nussbaum et al. 2024): gates, rotary positions, no biases. */
export const nomicBert: Family = {
  ...bert,
  prefix: ["bert.", "model."],
  layer: "encoder.layers.{}.",
  positions: undefined,
  embedNorm: "emb_ln",
  context: { keys: ["max_position_embeddings", "n_positions"], absent: 2048 },
  inner: { keys: ["intermediate_size", "n_inner"] },
  norms: ["norm1", "norm2"],
  qkv: "attn.Wqkv",
  fusion: "joined",
  output: "attn.out_proj",
  bias: undefined,
  rope: { theta: 1000, thetaKeys: ["rope_theta", "rotary_emb_base"] },
  bothSides: true,
  feedForward: ["mlp.fc12", "mlp.fc11", "mlp.fc2"],
  activation: { key: "hidden_act", absent: "silu" },
};

/** Jina's embeddings (Sturua et al. 2024): XLM-R with rotary positions. */
export const jina: Family = {
  ...nomicBert,
  prefix: ["roberta.", "model."],
  qkv: "mixer.Wqkv",
  output: "mixer.out_proj",
  rope: { theta: 20000, thetaKeys: ["rope_theta", "rotary_emb_base"] },
  feedForward: [undefined, "mlp.fc1", "mlp.fc2"],
  activation: { key: "hidden_act", absent: "gelu" },
};

/** GTE (Zhang et al. 2024): gates whose first half is the factor. */
export const gte: Family = {
  ...nomicBert,
  prefix: ["new.", "model."],
  layer: "encoder.layer.{}.",
  embedNorm: "embeddings.LayerNorm",
  context: context(8192),
  norms: ["attn_ln", "mlp_ln"],
  qkv: "attention.qkv_proj",
  output: "attention.o_proj",
  rope: { theta: 160000 },
  feedForward: ["mlp.up_gate_proj", "mlp.up_gate_proj", "mlp.down_proj"],
  upFirst: true,
  activation: { key: "hidden_act", absent: "gelu" },
};

const isRotary = (config: ConfigFile) =>
  config.oneOf("position_embedding_type", { absolute: false, rotary: true }, "absolute");

/** ESM (Lin et al. 2023), of proteins: norms in front, rotary positions or absolute ones. */
export const esm: Family = {
  ...bert,
  prefix: ["esm."],
  types: undefined,
  positions: (config) =>
    isRotary(config)
      ? undefined
      : { name: "embeddings.position_embeddings", padding: () => config.index("pad_token_id", 1) },
  masked: (config) =>
    config.flag("token_dropout", false) ? { token: config.index("mask_token_id", 32), keep: 0.88 } : undefined,
  embedNorm: (config) => (config.flag("emb_layer_norm_before", false) ? "embeddings.layer_norm" : undefined),
  context: context(1026),
  order: "sequential",
  norms: ["attention.LayerNorm", "LayerNorm"],
  final: "encoder.emb_layer_norm_after",
  rope: (config) => (isRotary(config) ? { single: true } : undefined),
  activation: { absent: "gelu" },
};
