// BERT (Devlin et al. 2019) under Hugging Face's names. Norms stand behind the attention and the feed-forward, so that
// the input of an attention layer is the hidden states as they are.

import { byPosition, byToken, type Table, tokenEmbedding } from "../forward/embedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { ModelConfig } from "../model.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { type BlockNames, encoderBlocks } from "./encoder.js";
import { layerNorm } from "./modules.js";

const names: BlockNames = {
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  output: "attention.output.dense",
  attentionNorm: "attention.output.LayerNorm",
  up: "intermediate.dense",
  down: "output.dense",
  feedForwardNorm: "output.LayerNorm",
};

/**
 * All tokens are of the first type (sentence A). As `trace` adds no special tokens, there is no [CLS] and no [SEP];
 * [CLS] is the model's `bosToken`.
 * @param config Hugging Face's BertConfig
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function bert(config: ConfigFile, weights: WeightSource): Architecture {
  return bertLike(config, weights, { architecture: "bert", firstPosition: 0, positions: byPosition });
}

/** How a descendant of BERT counts positions. */
export interface BertVariant {
  /** Its prefix of names, too. */
  architecture: ModelConfig["architecture"];
  /** Rows of the position table in front of the first token's. */
  firstPosition: number;
  positions: Table["rows"];
}

/** @throws ModelError, as `bert` does */
export function bertLike(config: ConfigFile, weights: WeightSource, variant: BertVariant): Architecture {
  const { architecture, firstPosition, positions } = variant;
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const vocabulary = config.count("vocab_size");
  const places = config.count("max_position_embeddings", 512);
  const layers = config.count("num_hidden_layers");
  const inner = config.count("intermediate_size");
  const epsilon = config.positive("layer_norm_eps", 1e-12);
  const headSize = config.headSize("hidden_size", "num_attention_heads");
  const context = places - firstPosition;
  if (context < 1) throw config.wrong("max_position_embeddings", `more than ${firstPosition}`, places);
  config.refuse({
    position_embedding_type: "absolute",
    is_decoder: false,
    add_cross_attention: false,
    quantization_config: false,
  });

  const prefix = weights.has("embeddings.word_embeddings.weight") ? "" : `${architecture}.`;
  const embeddings = (part: string) => `${prefix}embeddings.${part}`;
  const firstType: Table["rows"] = (window) => window.map(() => 0);

  return {
    config: {
      architecture,
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
        { name: embeddings("position_embeddings.weight"), size: places, rows: positions },
        {
          name: embeddings("token_type_embeddings.weight"),
          size: config.count("type_vocab_size", 2),
          rows: firstType,
        },
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
      activation: config.activation("hidden_act", "gelu"),
      prefix: (layer) => `${prefix}encoder.layer.${layer}.`,
      names,
    }),
  };
}
