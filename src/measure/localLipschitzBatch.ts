// The measurement of one layer at many inputs.
import { checkInteger, checkKeys, checkTensor, throwIfAborted, wrongKind } from "../base/check.js";
import type { Tensor, TensorLike } from "../base/tensor.js";
import { type LinearizableLayer, linearizedTogether } from "../device/linearization.js";
import { optionNames } from "../spectral/problem.js";
import type { SpectralNorm, SpectralNormOptions, SpectralNormProgress } from "../spectral/result.js";
import { localLipschitz } from "./localLipschitz.js";

/** Options of `localLipschitzBatch`: those of `spectralNorm`, but that every input starts from the default guess. */
export interface BatchOptions extends Omit<SpectralNormOptions, "seed" | "start" | "onProgress"> {
  /** One for all inputs, or one for each; default 0. */
  seed?: number | readonly number[];
  /** "random" starts without a guess. */
  start?: "random";
  onProgress?: (event: BatchProgress) => void;
}

/** What `onProgress` of `localLipschitzBatch` is told after each step of each input. */
export interface BatchProgress extends SpectralNormProgress {
  /** Place of the input among those given. */
  readonly input: number;
}

/** Tokens that are under way at a time: more would not make the products with the weights any faster. */
export const TOKENS_AT_ONCE = 256;

/**
 * The local Lipschitz constants of one layer at many inputs xs[i] [n_i, dIn], in their order; each result is what
 * `localLipschitz` gives for that input and seed, to the last bit.
 *
 * An attention layer on WebAssembly takes the steps of several inputs together, as many as have 256 tokens between them,
 * so that the products with its weights are shared: short inputs gain, and memory is what one input of 256 tokens takes
 * (or the longest input). Other layers, the power method and runtimes of several threads go input by input.
 * @throws TypeError, RangeError for wrong inputs, by their place ("xs[3]"), before any work; otherwise as
 *   `localLipschitz` does, once the inputs under way are done; the signal's reason on abort
 * @example
 * const results = await localLipschitzBatch(layer, [x, x], { seed: [1, 2] });
 * results[1].sigma / results[0].sigma; // close to 1: the same input from another start
 */
export async function localLipschitzBatch(
  layer: LinearizableLayer,
  xs: readonly TensorLike[],
  options: BatchOptions = {},
): Promise<SpectralNorm[]> {
  const inputs = checkInputs(layer, xs);
  checkKeys("options", options, optionNames);
  const { seed = 0, onProgress, signal, ...rest } = options;
  const seeds = checkSeeds(seed, inputs.length);
  if (rest.start !== undefined && rest.start !== "random") throw wrongKind("start", '"random"', rest.start);
  throwIfAborted(signal);

  const shared = linearizedTogether(layer);
  const linearizer = shared ?? layer;
  const results: SpectralNorm[] = new Array(inputs.length);
  const measure = async (input: number) => {
    const progress = onProgress && ((event: SpectralNormProgress) => onProgress({ ...event, input }));
    const own = { ...rest, ...(signal ? { signal } : {}), ...(progress ? { onProgress: progress } : {}) };
    results[input] = await localLipschitz(linearizer, inputs[input], { ...own, seed: seeds[input] });
  };
  const underWay = new Set<Promise<void>>();
  let tokens = 0;
  try {
    for (const [input, { shape }] of inputs.entries()) {
      while (underWay.size > 0 && tokens + shape[0] > (shared ? TOKENS_AT_ONCE : 0)) await Promise.race(underWay);
      tokens += shape[0];
      const done: Promise<void> = measure(input).finally(() => {
        tokens -= shape[0];
        underWay.delete(done);
      });
      underWay.add(done);
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
  }
  return results;
}

function checkInputs(layer: LinearizableLayer, xs: readonly TensorLike[]): Tensor[] {
  if (!Array.isArray(xs)) throw wrongKind("xs", "an array of tensors", xs);
  return xs.map((x, input) => checkTensor(`xs[${input}]`, x, [-1, layer.dIn]));
}

function checkSeeds(seed: number | readonly number[], count: number): readonly number[] {
  if (!Array.isArray(seed)) return new Array(count).fill(checkInteger("seed", seed, 0));
  if (seed.length !== count) {
    throw new RangeError(`"seed": expected one seed for each of the ${count} inputs, got ${seed.length}`);
  }
  return seed.map((one, input) => checkInteger(`seed[${input}]`, one, 0));
}
