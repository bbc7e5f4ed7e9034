// Mistral (Jiang et al. 2023): Llama whose tokens see a sliding window of the tokens before.

import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { llamaLike } from "./llama.js";
import { slidingMasks } from "./slidingWindow.js";

/**
 * @param config Hugging Face's MistralConfig; sliding_window null or absent: no window
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function mistral(config: ConfigFile, weights: WeightSource): Architecture {
  return llamaLike(config, weights, {
    architecture: "mistral",
    context: 4096 * 32,
    activation: config.activation("hidden_act", "silu"),
    mask: slidingMasks(config, { inUse: true, slides: () => true }),
  });
}
