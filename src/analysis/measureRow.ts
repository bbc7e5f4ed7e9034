// One row of a sweep: one part, or one head of an attention layer, at one window.

import { throwIfAborted } from "../base/check.js";
import { deriveSeed } from "../base/random.js";
import type { Tensor } from "../base/tensor.js";
import type { LinearizableLayer } from "../device/linearization.js";
import type { SpectralNormOptions } from "../spectral/result.js";
import type { Cell, LayerSource } from "./cells.js";
import { hashOf } from "./digest.js";
import { keepMeasured, type Measured } from "./measured.js";
import type { Part, Row } from "./report.js";

/** Measures one layer at one input; `measureLayer` unless another is given. */
export type Measure = (
  layer: LinearizableLayer,
  x: Tensor,
  options: SpectralNormOptions,
  source: LayerSource,
) => Promise<Measured>;

/** The seed of a row's random start. Those of attention have been the same since version 0.1.0. */
export function rowSeed(seed: number, { layer, part, head, n, sample }: Part & { n: number; sample: number }): number {
  const names = [layer, n, sample, ...(head === null ? [] : [head]), ...(part === "attention" ? [] : [part])];
  return deriveSeed(seed, ...names);
}

/** The content key of a cell's row. */
export type KeyOf = (cell: Cell, seed: number) => Promise<string | null>;

/**
 * Hashes all that a row's true value and its measurement depend on; weights once for all rows that share them. Null
 * where they cannot be read, which the row's measurement then says.
 */
export function keysOfRows({ rtol = null, bracket = null }: { rtol?: number | null; bracket?: number | null }): KeyOf {
  const hashes = new WeakMap<() => Promise<unknown>, Promise<string | null>>();
  const hashOfWeights = ({ spec, weights }: LayerSource) => {
    const from = spec ?? weights;
    if (!from) return null;
    const hashing = hashes.get(from) ?? (weights ?? (() => spec!().then(hashOf)))().catch(() => null);
    hashes.set(from, hashing);
    return hashing;
  };
  return async ({ source, x: { data, shape } }, seed) => {
    const { part, head } = source;
    const weights = await hashOfWeights(source);
    if (weights === null) return null;
    return hashOf({ part, head, weights, input: { data, shape }, settings: { rtol, bracket, seed } });
  };
}

/** Measures a cell; a failure becomes a row of status "failed", except an abort, which is thrown. */
export async function measureRow(
  measure: Measure,
  cell: Cell,
  options: SpectralNormOptions & { seed: number },
  keyOf: KeyOf,
): Promise<Row> {
  const { source, x } = cell;
  const { n, sample, start } = cell.window;
  const { layer, part, head } = source;
  const seed = rowSeed(options.seed, { layer, part, head, n, sample });
  const radius = largestTokenNorm(x);
  const key = await keyOf(cell, seed);
  const place = { layer, part, head, n, sample, start, key, radius: Number.isFinite(radius) ? radius : null, seed };
  try {
    const result = await measure(cell.layer, x, { ...options, seed }, source);
    return { ...place, ...keepMeasured(result) };
  } catch (error) {
    throwIfAborted(options.signal);
    return {
      ...place,
      sigma: null,
      accuracy: null,
      lower: null,
      upper: null,
      relative: null,
      failureProbability: null,
      certified: null,
      status: "failed",
      steps: null,
      applications: null,
      error: error instanceof Error ? error.message : String(error),
    };
  }
}

/** The largest Euclidean norm of a row of x [n, d]. */
function largestTokenNorm({ data, shape: [n, d] }: Tensor): number {
  let largest = 0;
  for (let token = 0; token < n; token++) {
    let sum = 0;
    for (let c = token * d; c < (token + 1) * d; c++) sum += data[c] * data[c];
    largest = Math.max(largest, sum);
  }
  return Math.sqrt(largest);
}
