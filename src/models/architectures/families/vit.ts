// Vision transformers (Dosovitskiy et al. 2021): norms in front of the attention and the feed-forward, images for input.
import type { ConfigFile } from "../config.js";
import type { Family, ImageRule } from "../family.js";
import { bert } from "./bert.js";

const image: ImageRule = {
  kernel: "embeddings.patch_embeddings.projection",
  front: ["embeddings.cls_token"],
  positions: "embeddings.position_embeddings",
};

export const vit: Family = {
  ...bert,
  prefix: ["vit."],
  image,
  embedNorm: undefined,
  final: "layernorm",
  order: "sequential",
  norms: ["layernorm_before", "layernorm_after"],
  qkv: "attention.attention.{}",
  bias: (config, map) => map !== "query" || config.flag("qkv_bias", true),
  bothSides: true,
};

/** DeiT (Touvron et al. 2021): a second token in front, for distillation. */
export const deit: Family = {
  ...vit,
  prefix: ["deit."],
  image: { ...image, front: ["embeddings.cls_token", "embeddings.distillation_token"] },
};

/** I-JEPA (Assran et al. 2023): no token in front. */
export const ijepa: Family = { ...vit, prefix: ["ijepa."], image: { ...image, front: [] } };

/** The encoder of a masked autoencoder (He et al. 2022), over all patches. */
export const vitMae: Family = { ...vit, prefix: ["vit."] };

/** BEiT (Bao et al. 2022): learned scores by distance, scaled branches. */
export const beit: Family = {
  ...vit,
  prefix: ["beit."],
  image: {
    ...image,
    positions: (config) =>
      config.flag("use_absolute_position_embeddings", false) ? "embeddings.position_embeddings" : undefined,
  },
  // With mean pooling the norm is the pooler's.
  final: (config) => (config.flag("use_mean_pooling", true) ? undefined : "layernorm"),
  bias: undefined,
  branchScales: ["lambda_1", "lambda_2"],
  patchDistances: (config) => {
    const name = "relative_position_bias.relative_position_bias_table";
    if (config.flag("use_relative_position_bias", false)) return `encoder.layer.{}.attention.attention.${name}`;
    return config.flag("use_shared_relative_position_bias", false) ? `encoder.${name}` : undefined;
  },
};

const gatedWidth = (width: number) => Math.floor((Math.floor((width * 2) / 3) + 7) / 8) * 8;
const isGated = (config: ConfigFile) => config.flag("use_swiglu_ffn", false);

/** DINOv2 (Oquab et al. 2024): scaled branches, images of any size. */
export const dinov2: Family = {
  ...vit,
  prefix: ["dinov2.", "dinov2_with_registers."],
  image: { ...image, patch: 14, resizes: true },
  norms: ["norm1", "norm2"],
  epsilon: { key: "layer_norm_eps", absent: 1e-6 },
  branchScales: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
  inner: {
    keys: [],
    absent: (width, config) => {
      const inner = Math.floor(width * config.number("mlp_ratio", 4));
      return isGated(config) ? gatedWidth(inner) : inner;
    },
  },
  feedForward: (config) =>
    isGated(config) ? ["mlp.weights_in", "mlp.weights_in", "mlp.weights_out"] : [undefined, "mlp.fc1", "mlp.fc2"],
  activation: (config) => (isGated(config) ? { absent: "silu" } : { key: "hidden_act", absent: "gelu" }),
};

/** DINOv2 with registers (Darcet et al. 2024). */
export const dinov2Registers: Family = {
  ...dinov2,
  image: { ...dinov2.image!, registers: { name: "embeddings.register_tokens", absent: 4 } },
};

/** DINOv3 (Siméoni et al. 2025): rotary positions of patches in two dimensions. */
export const dinov3: Family = {
  ...dinov2,
  prefix: ["dinov3_vit.", "model."],
  image: {
    kernel: "embeddings.patch_embeddings",
    front: ["embeddings.cls_token"],
    registers: { name: "embeddings.register_tokens", absent: 0 },
  },
  layer: "layer.{}.",
  final: "norm",
  epsilon: { key: "layer_norm_eps", absent: 1e-5 },
  qkv: "attention.{}_proj",
  words: ["q", "k", "v"],
  output: "attention.o_proj",
  bias: undefined,
  gridTheta: (config) => config.positive("rope_theta", 100),
  inner: { keys: ["intermediate_size"] },
  feedForward: (config) => [
    config.flag("use_gated_mlp", false) ? "mlp.gate_proj" : undefined,
    "mlp.up_proj",
    "mlp.down_proj",
  ],
  activation: { key: "hidden_act", absent: "gelu" },
};
