// One row of a sweep: one layer, or one head of it, at one window.

import { throwIfAborted } from "../base/check.js";
import { deriveSeed } from "../base/random.js";
import type { Tensor } from "../base/tensor.js";
import type { LinearizableLayer } from "../device/linearization.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import type { Attention } from "../measure/createRuntime.js";
import type { SpectralNorm, SpectralNormOptions } from "../spectral/result.js";
import type { Row } from "./report.js";
import type { Window } from "./windows.js";

/** What a row keeps of a spectral norm. */
export type Measured = Pick<
  SpectralNorm,
  "sigma" | "lower" | "upper" | "failureProbability" | "status" | "steps" | "applications"
>;

/** Where a layer comes from, to make it on another runtime: in a worker, say. */
export interface LayerSource {
  readonly layer: number;
  /** null: the whole layer. */
  readonly head: number | null;
  /** The whole layer's weights; the same function for all rows of a layer, heads too. */
  readonly spec: () => Promise<AttentionSpec>;
}

/** Measures one layer at one input; `localLipschitz` unless another is given. */
export type Measure = (
  layer: LinearizableLayer,
  x: Tensor,
  options: SpectralNormOptions,
  source: LayerSource,
) => Promise<Measured>;

/** A row to be: the layer or head, where it comes from, the window and the layer's input there. */
export interface Cell {
  attention: Attention;
  source: LayerSource;
  window: Window;
  x: Tensor;
}

/** The seed of a row's random start. */
export function rowSeed(seed: number, { layer, head, n, sample }: Pick<Row, "layer" | "head" | "n" | "sample">) {
  return head === null ? deriveSeed(seed, layer, n, sample) : deriveSeed(seed, layer, n, sample, head);
}

/** Measures a cell; a failure becomes a row of status "failed", except an abort, which is thrown. */
export async function measureRow(
  measure: Measure,
  { attention, source, window: { n, sample, start }, x }: Cell,
  options: SpectralNormOptions & { seed: number },
): Promise<Row> {
  const { layer, head } = source;
  const seed = rowSeed(options.seed, { layer, head, n, sample });
  const radius = largestTokenNorm(x);
  const place = { layer, head, n, sample, start, radius: Number.isFinite(radius) ? radius : null, seed };
  try {
    const measured = await measure(attention, x, { ...options, seed }, source);
    const { sigma, lower, upper, failureProbability, status, steps, applications } = measured;
    return { ...place, sigma, lower, upper, failureProbability, status, steps, applications };
  } catch (error) {
    throwIfAborted(options.signal);
    return {
      ...place,
      sigma: null,
      lower: null,
      upper: null,
      failureProbability: null,
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
