// DistilBERT (Sanh et al. 2019) under Hugging Face's names: BERT without token types.

import { byPosition, byToken, tokenEmbedding } from "../forward/embedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { type BlockNames, encoderBlocks } from "./encoder.js";
import { layerNorm } from "./modules.js";

const names: BlockNames = {
  query: "attention.q_lin",
  key: "attention.k_lin",
  value: "attention.v_lin",
  output: "attention.out_lin",
  attentionNorm: "sa_layer_norm",
  up: "ffn.lin1",
  down: "ffn.lin2",
  feedForwardNorm: "output_layer_norm",
};

/** Fixed in the architecture, no key of the config. */
const epsilon = 1e-12;

/**
 * No special tokens are added; [CLS] is the model's `bosToken`.
 * @param config Hugging Face's DistilBertConfig. sinusoidal_pos_embds changes nothing: those positions are stored, too
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function distilbert(config: ConfigFile, weights: WeightSource): Architecture {
  const width = config.count("dim");
  const heads = config.count("n_heads");
  const vocabulary = config.count("vocab_size");
  const context = config.count("max_position_embeddings", 512);
  const layers = config.count("n_layers");
  const inner = config.count("hidden_dim");
  const headSize = config.headSize("dim", "n_heads");
  config.refuse({ quantization_config: false });

  const prefix = weights.has("embeddings.word_embeddings.weight") ? "" : "distilbert.";
  const embeddings = (part: string) => `${prefix}embeddings.${part}`;

  return {
    config: {
      architecture: "distilbert",
      layers,
      width,
      heads,
      kvHeads: heads,
      headSize,
      vocabulary,
      context,
      bosToken: config.token("bos_token_id", vocabulary),
    },
    embedding: tokenEmbedding(weights, {
      width,
      vocabulary,
      context,
      tables: [
        { name: embeddings("word_embeddings.weight"), size: vocabulary, rows: byToken },
        { name: embeddings("position_embeddings.weight"), size: context, rows: byPosition },
      ],
      norm: layerNorm(weights, embeddings("LayerNorm"), width, epsilon),
    }),
    normPlacement: "post",
    blocks: encoderBlocks(weights, {
      layers,
      heads,
      width,
      inner,
      epsilon,
      activation: config.activation("activation", "gelu"),
      prefix: (layer) => `${prefix}transformer.layer.${layer}.`,
      names,
    }),
  };
}
