// RoBERTa (Liu et al. 2019): BERT whose positions begin behind the padding token's id.

import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import { bertLike } from "./bert.js";
import type { ConfigFile } from "./config.js";

/**
 * @param config Hugging Face's RobertaConfig
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function roberta(config: ConfigFile, weights: WeightSource): Architecture {
  const padding = config.index("pad_token_id", 1);
  return bertLike(config, weights, {
    architecture: "roberta",
    firstPosition: padding + 1,
    positions: (window) => positionsBehind(padding, window),
  });
}

/** Tokens count from padding + 1 on; a padding token has the position `padding` and doesn't count. */
function positionsBehind(padding: number, window: readonly number[]): number[] {
  let position = padding;
  return window.map((token) => (token === padding ? padding : ++position));
}
