// The encoder of a vision transformer (Dosovitskiy et al. 2021) under Hugging Face's names: norms in front of the
// attention and the feed-forward, images for input.

import { patchEmbedding, tokensOfImage } from "../forward/patchEmbedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { type BlockNames, encoderBlocks } from "./encoder.js";

const names: BlockNames = {
  query: "attention.attention.query",
  key: "attention.attention.key",
  value: "attention.attention.value",
  output: "attention.output.dense",
  attentionNorm: "layernorm_before",
  up: "intermediate.dense",
  down: "output.dense",
  feedForwardNorm: "layernorm_after",
};

/**
 * @param config Hugging Face's ViTConfig; images have its image_size
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function vit(config: ConfigFile, weights: WeightSource): Architecture {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const layers = config.count("num_hidden_layers");
  const inner = config.count("intermediate_size");
  const headSize = config.headSize("hidden_size", "num_attention_heads");
  const image = { channels: config.count("num_channels", 3), ...config.extent("image_size", 224) };
  const patch = config.extent("patch_size", 16);
  if (patch.height > image.height || patch.width > image.width) {
    throw config.wrong("patch_size", `at most the image_size of ${image.height} × ${image.width}`);
  }
  config.refuse({ quantization_config: false });

  const prefix = weights.has("embeddings.cls_token") ? "" : "vit.";
  const patches = { width, image, patch };

  return {
    config: {
      architecture: "vit",
      layers,
      width,
      heads,
      kvHeads: heads,
      headSize,
      vocabulary: 0,
      context: tokensOfImage(patches),
      image,
    },
    embedding: patchEmbedding(weights, `${prefix}embeddings.`, patches),
    normPlacement: "pre",
    blocks: encoderBlocks(weights, {
      layers,
      heads,
      width,
      inner,
      epsilon: config.positive("layer_norm_eps", 1e-12),
      activation: config.activation("hidden_act", "gelu"),
      queryKeyValueBias: config.flag("qkv_bias", true),
      prefix: (layer) => `${prefix}encoder.layer.${layer}.`,
      names,
    }),
  };
}
