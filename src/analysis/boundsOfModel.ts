// The bounds of a model's attention layers beside their measured sigma, window by window.

import { throwIfAborted } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { deriveSeed } from "../base/random.js";
import { type Tensor, tensor } from "../base/tensor.js";
import { type Bound, bounds } from "../bounds/index.js";
import type { LocalBounds } from "../jacobian/upperBound.js";
import { upperBound } from "../jacobian/upperBoundOf.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import type { NormSpec } from "../layers/norm.js";
import { norm } from "../linalg/vector.js";
import type { Model } from "../models/model.js";
import { spectralNorm } from "../spectral/spectralNorm.js";
import { cutWindows } from "./windows.js";

export interface BoundsRow {
  readonly layer: number;
  readonly n: number;
  readonly sigma: number;
  readonly lower: number;
  readonly upper: number;
  /** The largest norm of a token of this window. */
  readonly largestToken: number;
  /** The largest norm that a token can have after the norm before the layer; of this window's where there is none. */
  readonly radius: Bound;
  /** At this input, by `upperBound`. */
  readonly local: LocalBounds;
  /** At this input, from distances of tokens alone; null for rotary positions. */
  readonly pointwise: Bound | null;
  /** Over all inputs that the norm before the layer can give, its gain and bias absorbed into the weights. */
  readonly normalized: Bound | null;
  /** Over the ball of that radius, by name. */
  readonly ball: Record<string, Bound>;
}

export interface BoundsOfModelOptions {
  tokens: readonly number[];
  layers: readonly number[];
  /** One window each, from the beginning of the tokens. */
  lengths: readonly number[];
  seed?: number;
  signal?: AbortSignalLike;
  onRow?: (row: BoundsRow) => void;
}

/**
 * In ascending order of layers.
 * @example
 * const rows = await boundsOfModel(model, { tokens: [1, 2, 3, 4], layers: [0], lengths: [2, 4] });
 */
export async function boundsOfModel(
  model: Model,
  { tokens, layers, lengths, seed = 0, signal, onRow }: BoundsOfModelOptions,
): Promise<BoundsRow[]> {
  const windows = cutWindows(tokens, { lengths, samples: 1, rule: "first", seed });
  const rows: BoundsRow[] = [];
  for await (const { layer, attention, specFor, inputNorm, inputs } of model.walk(
    windows.map((window) => window.tokens),
    { layers, signal },
  )) {
    const before = await inputNorm?.();
    for (const [at, { n }] of windows.entries()) {
      throwIfAborted(signal);
      const x = inputs[at];
      const linearization = await attention.linearize(x);
      try {
        const { sigma, lower, upper } = await spectralNorm(linearization, { seed: deriveSeed(seed, layer, n), signal });
        const local = await upperBound(linearization);
        const row = { layer, n, sigma, lower, upper, local, ...(await theory(await specFor(n)(), before, x, signal)) };
        rows.push(row);
        onRow?.(row);
      } finally {
        linearization.dispose();
      }
    }
  }
  return rows;
}

async function theory(
  spec: AttentionSpec,
  before: NormSpec | undefined,
  x: Tensor,
  signal?: AbortSignalLike,
): Promise<Pick<BoundsRow, "largestToken" | "radius" | "pointwise" | "normalized" | "ball">> {
  const [n, width] = x.shape;
  const largestToken = Math.max(
    ...Array.from({ length: n }, (_, i) => norm(x.data.subarray(i * width, (i + 1) * width))),
  );
  const normalization = before && {
    kind: before.kind,
    gain: before.gain ?? tensor(new Float64Array(width).fill(1), [width]),
    ...(before.bias === undefined ? {} : { bias: before.bias }),
  };
  const radius = normalization ? radiusOf(normalization) : windowRadius(largestToken);
  const { best, ...ball } = await bounds.ofLayer(spec, { n, radius: radius.value, signal });
  const absorbed = normalization && (await bounds.ofLayer(spec, { n, normalization, signal }));
  return {
    largestToken,
    radius,
    pointwise: spec.rope ? null : await bounds.pointwise(spec, x, { signal }),
    normalized: absorbed?.best ?? null,
    ball: ball as Record<string, Bound>,
  };
}

function radiusOf({ kind, gain, bias }: Omit<Required<NormSpec>, "epsilon" | "bias"> & Pick<NormSpec, "bias">): Bound {
  if (kind === "rms") return bounds.radius.rmsNorm({ gain });
  return bounds.radius.layerNorm(bias === undefined ? { gain } : { gain, bias });
}

function windowRadius(value: number): Bound {
  return { value, kind: "upper", scope: "ball", source: "the tokens of this window", assumptions: ["no others"] };
}
