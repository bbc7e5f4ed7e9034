// CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023): a stack of text and one of images.
import type { Family, ImageRule } from "../family.js";
import { bert } from "./bert.js";
import { context } from "./llama.js";

/** What both halves share. */
const half: Family = {
  ...bert,
  types: undefined,
  embedNorm: undefined,
  layer: "encoder.layers.{}.",
  context: context(77),
  epsilon: { key: "layer_norm_eps", absent: 1e-5 },
  order: "sequential",
  norms: ["layer_norm1", "layer_norm2"],
  qkv: "self_attn.{}_proj",
  words: ["q", "k", "v"],
  output: "self_attn.out_proj",
  bothSides: true,
  feedForward: [undefined, "mlp.fc1", "mlp.fc2"],
  activation: { key: "hidden_act", absent: "quick_gelu" },
};

export const clipText: Family = {
  ...half,
  stack: "text",
  prefix: ["text_model."],
  embed: "embeddings.token_embedding",
  positions: { name: "embeddings.position_embedding" },
  final: "final_layer_norm",
  bothSides: false,
  defaults: {
    hidden_size: 512,
    num_attention_heads: 8,
    num_hidden_layers: 12,
    intermediate_size: 2048,
    vocab_size: 49408,
  },
};

const image: ImageRule = {
  kernel: "embeddings.patch_embedding",
  kernelBias: false,
  front: ["embeddings.class_embedding"],
  positions: "embeddings.position_embedding.weight",
  flat: true,
  patch: 32,
};

/** The norm behind the blocks is for the class token alone. */
export const clipVision: Family = {
  ...half,
  stack: "vision",
  prefix: ["vision_model."],
  image,
  embedNorm: "pre_layrnorm",
  defaults: { hidden_size: 768, num_attention_heads: 12, num_hidden_layers: 12, intermediate_size: 3072 },
};

export const siglipText: Family = {
  ...clipText,
  bothSides: true,
  context: context(64),
  epsilon: { key: "layer_norm_eps", absent: 1e-6 },
  activation: { key: "hidden_act", absent: "gelu_pytorch_tanh" },
  defaults: { ...clipVision.defaults, vocab_size: 32000 },
};

export const siglipVision: Family = {
  ...clipVision,
  image: { ...image, kernelBias: true, front: [], patch: 16 },
  embedNorm: undefined,
  final: "post_layernorm",
  epsilon: { key: "layer_norm_eps", absent: 1e-6 },
  activation: { key: "hidden_act", absent: "gelu_pytorch_tanh" },
};
