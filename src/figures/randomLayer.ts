// Randomly initialised attention, and tokens as a layer norm leaves them.

import { deriveSeed, Random } from "../base/random.js";
import { type Tensor, tensor } from "../base/tensor.js";
import type { AttentionSpec } from "../layers/attention/spec.js";

export interface RandomLayer {
  width: number;
  heads: number;
  /** Standard deviation of all weights. */
  std: number;
  /** Of the output map; default `std`. */
  outputStd?: number;
  mask: "none" | "causal";
  seed: number;
}

/** Weights from N(0, std²), no biases: a layer of GPT-2 (causal) or BERT (no mask) at its initialisation. */
export function randomLayer({ width, heads, std, outputStd = std, mask, seed }: RandomLayer): AttentionSpec {
  const weight = (name: string, deviation: number) => ({
    weight: tensor(new Random(deriveSeed(seed, name)).fillGaussian(new Float64Array(width * width), deviation), [
      width,
      width,
    ]),
  });
  return {
    heads,
    query: weight("query", std),
    key: weight("key", std),
    value: weight("value", std),
    output: weight("output", outputStd),
    mask,
  };
}

/** n independent Gaussian tokens of mean 0 and mean square 1, [n, width]. */
export function normalizedTokens(n: number, width: number, seed: number): Tensor {
  const x = new Random(deriveSeed(seed, "tokens")).fillGaussian(new Float64Array(n * width));
  for (let i = 0; i < n; i++) {
    const token = x.subarray(i * width, (i + 1) * width);
    const mean = token.reduce((sum, entry) => sum + entry, 0) / width;
    const variance = token.reduce((sum, entry) => sum + (entry - mean) ** 2, 0) / width;
    for (let c = 0; c < width; c++) token[c] = (token[c] - mean) / Math.sqrt(variance);
  }
  return tensor(x, [n, width]);
}
