// Vision transformers (Dosovitskiy et al. 2021): norms in front of the attention and the feed-forward, images for input.
import type { Family } from "../family.js";
import { bert } from "./bert.js";

export const vit: Family = {
  ...bert,
  prefix: ["vit."],
  image: { embeddings: "embeddings.", classToken: true },
  final: "layernorm",
  order: "sequential",
  norms: ["layernorm_before", "layernorm_after"],
  qkv: "attention.attention.{}",
  bias: (config, map) => map !== "query" || config.flag("qkv_bias", true),
  bothSides: true,
};
