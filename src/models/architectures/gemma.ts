// Gemma (Gemma Team 2024): Llama with embeddings × √width, norms whose gain is stored less 1, a head size of its own
// and GELU in its gate.

import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { llamaLike } from "./llama.js";
import { refuseSlidingWindows } from "./slidingWindow.js";

/**
 * @param config Hugging Face's GemmaConfig. As there, hidden_activation names the activation and hidden_act doesn't:
 *   early files say "gelu" for a model that was trained with its tanh form.
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function gemma(config: ConfigFile, weights: WeightSource): Architecture {
  const biased = config.flag("attention_bias", false);
  refuseSlidingWindows(config);
  return llamaLike(config, weights, {
    architecture: "gemma",
    context: 8192,
    headSize: 256,
    queryKeyValueBias: biased,
    outputBias: biased,
    activation: config.activation("hidden_activation", "gelu_pytorch_tanh"),
    tied: true,
    embeddingScale: Math.sqrt(config.count("hidden_size")),
    gainOffset: 1,
  });
}
