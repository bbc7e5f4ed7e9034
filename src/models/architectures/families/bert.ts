// BERT (Devlin et al. 2019) and its descendants. Norms stand behind the attention and the feed-forward, so that the
// input of an attention layer is the hidden states as they are. As `trace` adds no special tokens, there is no [CLS] and
// no [SEP]; [CLS] is the model's `bosToken`. All tokens are of the first type (sentence A).
import type { ConfigFile } from "../config.js";
import type { Family } from "../family.js";

export const bert: Family = {
  stack: "encoder",
  prefix: ["bert."],
  embed: "embeddings.word_embeddings",
  layer: "encoder.layer.{}.",
  positions: { name: "embeddings.position_embeddings" },
  types: { name: "embeddings.token_type_embeddings.weight", key: "type_vocab_size", absent: 2 },
  embedNorm: "embeddings.LayerNorm",
  context: { keys: ["max_position_embeddings"], absent: 512 },
  inner: { keys: ["intermediate_size"] },
  norm: "layer",
  epsilon: { key: "layer_norm_eps", absent: 1e-12 },
  order: "post",
  norms: ["attention.output.LayerNorm", "output.LayerNorm"],
  qkv: "attention.self.{}",
  words: ["query", "key", "value"],
  output: "attention.output.dense",
  bias: () => true,
  bothSides: (config) => !config.flag("is_decoder", false),
  feedForward: [undefined, "intermediate.dense", "output.dense"],
  activation: { key: "hidden_act", absent: "gelu" },
  ignores: ["is_causal"],
};

/** RoBERTa (Liu et al. 2019): positions begin behind the padding token's id. */
export const roberta: Family = {
  ...bert,
  prefix: ["roberta."],
  positions: {
    name: "embeddings.position_embeddings",
    padding: (config: ConfigFile) => config.index("pad_token_id", 1),
  },
};

/** DistilBERT (Sanh et al. 2019): no token types. */
export const distilbert: Family = {
  ...bert,
  prefix: ["distilbert."],
  layer: "transformer.layer.{}.",
  types: undefined,
  keys: ["dim", "n_heads", "n_layers"],
  inner: { keys: ["hidden_dim", "intermediate_size"] },
  epsilon: { absent: 1e-12 },
  norms: ["sa_layer_norm", "output_layer_norm"],
  qkv: "attention.{}_lin",
  words: ["q", "k", "v"],
  output: "attention.out_lin",
  bothSides: true,
  feedForward: [undefined, "ffn.lin1", "ffn.lin2"],
  activation: { key: "activation", absent: "gelu" },
};
