// Qwen2 (Yang et al. 2024): Llama with biases on query, key and value; later layers may have a sliding window.

import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { llamaLike } from "./llama.js";
import { slidingMasks } from "./slidingWindow.js";

/**
 * @param config Hugging Face's Qwen2Config; with use_sliding_window, layers from max_window_layers on have the window
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function qwen2(config: ConfigFile, weights: WeightSource): Architecture {
  const full = config.index("max_window_layers", 28);
  return llamaLike(config, weights, {
    architecture: "qwen2",
    context: 32768,
    queryKeyValueBias: true,
    activation: config.activation("hidden_act", "silu"),
    mask: slidingMasks(config, { inUse: false, slides: (layer) => layer >= full }),
  });
}
