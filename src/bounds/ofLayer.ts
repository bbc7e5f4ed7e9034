// The bounds of a whole layer, its norms computed from the weights.

import { checkInteger, checkKeys, checkNumber, checkOneOf, wrongValue } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { refuseModifiers } from "../layers/attention/modifiers.js";
import { type AttentionSpec, type ResolvedSpec, resolveSpec } from "../layers/attention/spec.js";
import type { Matrix } from "../linalg/matrix.js";
import { absorbNormalization, type Normalization } from "./absorbNormalization.js";
import { type BallBounds, ballOf } from "./ball.js";
import { type Bound, type WithBest, withSmallest } from "./bound.js";
import { infinityOfLayer } from "./infinityBall.js";
import type { L2Bounds } from "./l2.js";
import { l2OfLayer } from "./l2OfLayer.js";
import { headNorms } from "./layerHeads.js";
import { reachOf } from "./reach.js";
import { WeightNorms } from "./weightNorms.js";

/** Arguments of `bounds.ofLayer`: how many tokens, and where they lie. */
export interface LayerQuestion {
  /** Tokens. */
  n: number;
  /** Every token lies in the ball of this radius; dot-product attention needs this or `normalization`. */
  radius?: number;
  /**
   * Every token is an output of this normalisation. The bounds are then of z ↦ attention(gain·z + bias) for the
   * normalised z before gain and bias, on the ball of radius √dIn: often far below those on the ball around gain·z + bias.
   */
  normalization?: Normalization;
  /** How heads are put together (MATH 5.8); default whichever is smaller for each bound. */
  heads?: "sum" | "stacked";
  /** Of the spaces of inputs and outputs; default 2. With Infinity there is one bound, `infinity`, but for l2. */
  norm?: 2 | typeof Infinity;
  /** Of all norms of weights together, where those are too large to be computed exactly. Default 1e-6. */
  failureProbability?: number;
  /** Of the solver for those; default 0. */
  seed?: number;
  signal?: AbortSignalLike;
}

/** Those of `bounds.ball` for dot-product attention, or in the ∞-norm that of `bounds.infinity`; those of `bounds.l2` for l2. */
export type LayerBounds = Partial<BallBounds> & Partial<L2Bounds> & { infinity?: Bound };

/**
 * Upper bounds of the Lipschitz constant of a layer over inputs of n tokens in the ball of `radius`: those of
 * `bounds.ball` for each head, put together as Σ ‖W_V,h W_O,h‖·L_h or as ‖W_O‖·(Σ (‖W_V,h‖·L_h)²)^½ (MATH 5.8). Query
 * biases, rotary positions with key biases, grouped heads and every mask are taken in. For the L2-MHA (kind "l2",
 * `tiedValue`) those of `bounds.l2`. Norms of matrices wider than 256 on both sides come from `spectralNorm`; the kind
 * is then "probable".
 * @throws TypeError and RangeError for arguments of a wrong kind or value, and for l2 attention that is not tied
 * @example
 * const { best } = await bounds.ofLayer(spec, { n: 64, radius: 2 });
 */
export async function ofLayer(spec: AttentionSpec, question: LayerQuestion): Promise<WithBest<LayerBounds>> {
  checkKeys("question", question, [
    "n",
    "radius",
    "normalization",
    "heads",
    "norm",
    "failureProbability",
    "seed",
    "signal",
  ]);
  const { failureProbability = 1e-6, seed, signal } = question;
  const n = checkInteger("n", question.n, 1);
  checkNumber("failureProbability", failureProbability, 0, 1);
  const heads = checkInteger("spec.heads", spec?.heads, 1);
  const way = question.heads === undefined ? undefined : checkOneOf("heads", question.heads, ["sum", "stacked"]);
  const norms = new WeightNorms({ failureProbability, count: 5 * heads + 1, seed, signal });
  const { normalization } = question;
  if (normalization !== undefined && (question.radius !== undefined || spec.kind === "l2")) {
    throw new RangeError('"normalization": expected dot-product attention and no radius with it, which is then √dIn');
  }
  if (spec.kind === "l2") return l2OfLayer(spec, n, question.norm ?? 2, norms);

  const resolved = resolveSpec(normalization ? absorbNormalization(spec, normalization) : spec);
  refuseModifiers("the bound over a ball", resolved);
  const radius = normalization ? Math.sqrt(resolved.dIn) : checkNumber("radius", question.radius, 0, undefined, true);
  const norm = question.norm ?? 2;
  if (norm !== 2 && norm !== Number.POSITIVE_INFINITY) throw wrongValue("norm", "2 or Infinity", norm);
  if (norm !== 2) return withSmallest({ infinity: infinityOfLayer(resolved, radius) });
  const stackedNorm = resolved.output ? await norms.norm(outputMatrix(resolved)) : 1;
  const parts: HeadBounds[] = [];
  for (let h = 0; h < heads; h++) {
    const { value, valueOutput, ...rest } = await headNorms(resolved, h, norms);
    parts.push({ value, valueOutput, bounds: ballOf(reachOf(rest, radius), 1, n, resolved.mask) });
  }
  return withSmallest(together(parts, stackedNorm, way, norms.assumption));
}

interface HeadBounds {
  value: number;
  valueOutput: number;
  /** For ‖V‖ = 1. */
  bounds: BallBounds;
}

function together(
  heads: readonly HeadBounds[],
  stackedNorm: number,
  way: "sum" | "stacked" | undefined,
  probable: string | undefined,
): LayerBounds {
  const names = Object.keys(heads[0].bounds) as (keyof BallBounds)[];
  const shared = names.filter((name) => heads.every(({ bounds }) => bounds[name]));
  const entries = shared.map((name): [string, Bound] => {
    const parts = heads.map(({ bounds }) => (bounds[name] as Bound).value);
    const sum = parts.reduce((total, part, h) => total + heads[h].valueOutput * part, 0);
    const stacked = stackedNorm * Math.hypot(...parts.map((part, h) => heads[h].value * part));
    const chosen = way ?? (stacked < sum ? "stacked" : "sum");
    const bound = heads[0].bounds[name] as Bound;
    return [
      name,
      {
        ...bound,
        value: chosen === "sum" ? sum : stacked,
        kind: probable ? "probable" : bound.kind,
        source: `${bound.source}; heads ${chosen === "sum" ? "summed" : "stacked"} by MATH 5.8`,
        assumptions: probable ? [...bound.assumptions, probable] : bound.assumptions,
      },
    ];
  });
  return Object.fromEntries(entries);
}

function outputMatrix({ output }: ResolvedSpec): Matrix {
  const { dIn, dOut, weight } = output as NonNullable<ResolvedSpec["output"]>;
  return { rows: dIn, columns: dOut, data: Float64Array.from(weight) };
}
