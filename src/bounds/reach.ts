// What the theorems on the ball are made of: how far tokens of a ball can push one head's scores.
import { checkKeys, checkNumber, wrongKind } from "../base/check.js";

/** Norms of one head, in the terms of MATH 1: A = scale·W_K·W_Qᵀ, g0 = scale·W_K·b_Q, V the value (and output) map. */
export interface HeadNorms {
  /** ‖A‖₂; with rope an upper bound of it for all rotations, scale·‖W_K‖₂‖W_Q‖₂. */
  normA: number;
  /** ‖V‖₂, or ‖V W_O‖₂. */
  normV: number;
  /** ‖g0‖₂, of the query bias; with rope scale·‖W_K‖₂‖b_Q‖₂. Default 0. */
  normG0?: number;
  /** Rotary positions: `true`, or the key bias's part, which without rotation would not matter. */
  rope?: boolean | RopeNorms;
}

/** What key biases add to the norms of a head with rotary positions. */
export interface RopeNorms {
  /** scale·‖W_Q‖₂‖b_K‖₂. Default 0. */
  normK0?: number;
  /** scale·‖b_Q‖₂‖b_K‖₂. Default 0. */
  biasLogit?: number;
}

/** Over all inputs whose tokens lie in the ball of radius R. */
export interface Reach {
  /** R²‖A‖, which bounds the block diagonal part T₂ of the Jacobian (relative to ‖V‖, as all of these). */
  readonly covariance: number;
  /** R·max ‖g_ij‖, which bounds the part T₃. */
  readonly gradient: number;
  /** Every row of scores lies in an interval [c − logit, c + logit]. */
  readonly logit: number;
  readonly rope: boolean;
}

export const headNormNames = ["normA", "normV", "normG0", "rope"] as const;

/** Checks the norms (not negative, finite) and the radius. */
export function reachOf({ normA, normV, normG0 = 0, rope = false }: HeadNorms, radius: number): Reach {
  const R = checkNumber("radius", radius, 0, undefined, true);
  checkNumber("normA", normA, 0, undefined, true);
  checkNumber("normV", normV, 0, undefined, true);
  checkNumber("normG0", normG0, 0, undefined, true);
  const a = normA * R * R;
  const gradient = a + normG0 * R;
  if (rope === false) return { covariance: a, gradient, logit: gradient, rope };
  const { normK0 = 0, biasLogit = 0 } = ropeNorms(rope);
  const key = checkNumber("rope.normK0", normK0, 0, undefined, true) * R;
  checkNumber("rope.biasLogit", biasLogit, 0, undefined, true);
  return { covariance: a + key, gradient, logit: gradient + key + biasLogit, rope: true };
}

function ropeNorms(rope: unknown): RopeNorms {
  if (rope === true) return {};
  if (rope === null || typeof rope !== "object") {
    throw wrongKind("rope", "a boolean or { normK0, biasLogit }", rope);
  }
  checkKeys("rope", rope, ["normK0", "biasLogit"]);
  return rope;
}

/**
 * ‖T₁ + T₃‖ ≤ √(largest column sum of P)·rowFactor, by Cauchy–Schwarz within each row of P (MATH 5.3); with rope the
 * gradient of a score differs from key to key and only Minkowski's inequality is left (MATH 5.7).
 */
export function rowFactor({ gradient, rope }: Reach): number {
  return rope ? 1 + gradient : Math.hypot(1, gradient);
}
