// A bound at one input that needs no probabilities, only distances of tokens and gradients of scores (MATH 8.2).

import { checkKeys, checkNumber } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import type { TensorLike } from "../base/tensor.js";
import { refuseModifiers } from "../layers/attention/modifiers.js";
import { type AttentionSpec, resolveSpec } from "../layers/attention/spec.js";
import { checkMatrix, rowOf } from "../linalg/matrix.js";
import { norm } from "../linalg/vector.js";
import { headAffinity, scoreGradient } from "./affinity.js";
import { type Bound, refused } from "./bound.js";
import { headNorms, layerHead } from "./layerHeads.js";
import { WeightNorms } from "./weightNorms.js";

/** Options of `bounds.pointwise`. */
export interface PointwiseOptions {
  /** Of all norms of weights together, where those are too large to be computed exactly. Default 1e-6. */
  failureProbability?: number;
  /** Of the solver for those; default 0. */
  seed?: number;
  signal?: AbortSignalLike;
}

/**
 * An upper bound of the norm of the Jacobian at x: Σ_h ‖W_V,h W_O,h‖·(r·r_A/4 + √n·√(1 + r²R_h²/4)), r the diameter of
 * the tokens, r_A that of their images by Aᵀ and R_h the largest ‖A x_i + g0‖. (The formula of the released code of
 * Castin et al., without the first term, is no bound: MATH 8.1.) O(n²·d·heads).
 * @param spec dot-product attention without rotary positions; any mask, biases, grouped heads
 * @param x [n, dIn]
 * @throws TypeError and RangeError for arguments of a wrong kind or value, and for other kinds of attention
 * @example
 * const { value, kind } = await bounds.pointwise(spec, x); // kind is "upper", or "probable" for wide matrices
 */
export async function pointwise(spec: AttentionSpec, x: TensorLike, options: PointwiseOptions = {}): Promise<Bound> {
  checkKeys("options", options, ["failureProbability", "seed", "signal"]);
  const { failureProbability = 1e-6, seed, signal } = options;
  checkNumber("failureProbability", failureProbability, 0, 1);
  const theorem = "the bound by token distances (MATH 8.2)";
  const instead = "use linearize(x) and the bounds of its probabilities";
  if (spec?.kind === "l2") throw refused(theorem, "dot-product attention", instead);
  const resolved = resolveSpec(spec);
  refuseModifiers("the bound by token distances", resolved);
  if (resolved.frequencies) throw refused(theorem, "no rotary positions", instead);
  const matrix = checkMatrix("x", x, [-1, resolved.dIn]);
  const norms = new WeightNorms({ failureProbability, count: 3 * resolved.heads, seed, signal });
  const tokens = Array.from({ length: matrix.rows }, (_, i) => rowOf(matrix, i));
  const r = diameter(tokens);
  let value = 0;
  for (let h = 0; h < resolved.heads; h++) {
    const { query, key, queryBias } = layerHead(resolved, h);
    const { valueOutput } = await headNorms(resolved, h, norms);
    const affinity = headAffinity(query, key, resolved.scale, queryBias);
    const steepest = Math.max(...tokens.map((token) => norm(scoreGradient(affinity, token))));
    const pulled = diameter(tokens.map(affinity.applyTransposed));
    value += valueOutput * ((r * pulled) / 4 + Math.sqrt(tokens.length) * Math.hypot(1, (r * steepest) / 2));
  }
  return {
    value,
    kind: norms.assumption ? "probable" : "upper",
    scope: "point",
    source: "MATH 8.2",
    assumptions: ["no rotary positions", ...(norms.assumption ? [norms.assumption] : [])],
  };
}

function diameter(points: readonly Float64Array[]): number {
  let largest = 0;
  for (const [i, one] of points.entries()) {
    for (const other of points.slice(i + 1)) largest = Math.max(largest, norm(one.map((entry, c) => entry - other[c])));
  }
  return largest;
}
