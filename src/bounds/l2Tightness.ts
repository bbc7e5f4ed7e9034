// How close the ∞-norm bound of L2 attention comes to the truth, for one head of width one and unit weights (MATH 9.4).
import { checkInteger } from "../base/check.js";
import { type Tensor, tensor } from "../base/tensor.js";
import { inversePhi } from "../linalg/lambertW.js";
import type { Bound } from "./bound.js";

/** The bracket of `bounds.l2Tightness`, with the input that shows its lower end. */
export interface L2Tightness {
  readonly lower: Bound;
  /** 4φ⁻¹(n − 1) + 1. */
  readonly upper: Bound;
  /** The input that shows `lower`, [n, 1]. */
  readonly x: Tensor;
}

/**
 * The Lipschitz constant in the ∞-norm of tied L2 attention over n ≥ 2 scalar tokens, W_Q = W_V = W_O = scale = 1, from
 * both sides. Below: one token at 0 and the others at ±t in equal parts (for even n, one more at +t),
 * t² = 1 + φ⁻¹(n − 1), whose row of the Jacobian is summed. The gap stays below 2 as both grow like 4 log n.
 * @throws TypeError, RangeError for an n that is no integer of at least 2
 * @example
 * bounds.l2Tightness({ n: 101 }); // 10.094 … 11.544
 */
export function l2Tightness({ n }: { n: number }): L2Tightness {
  checkInteger("n", n, 2);
  const spread = inversePhi(n - 1);
  const t = Math.sqrt(1 + spread);
  const right = Math.ceil((n - 1) / 2);
  const x = Float64Array.from({ length: n }, (_, i) => (i === 0 ? 0 : i <= right ? t : -t));
  const assumptions = ["one head of width one", "unit weights and scale", "norm ∞", "no mask"];
  const common = { scope: "ball", assumptions } as const;
  return {
    lower: { ...common, value: rowSum(n, t, right), kind: "lower", source: "MATH 9.4" },
    upper: { ...common, value: 4 * spread + 1, kind: "upper", source: "Kim et al. 2021 (MATH 9.1)" },
    x: tensor(x, [n, 1]),
  };
}

/** Σ_j |J_0j|, J_0j = P_j(1 − 2x_j(x_j − m)) for j ≠ 0 and J_00 = P_0 + 2·variance (MATH 2.4). */
function rowSum(n: number, t: number, right: number): number {
  const far = Math.exp(-t * t);
  const total = 1 + (n - 1) * far;
  const left = n - 1 - right;
  const mean = ((right - left) * far * t) / total;
  const variance = ((n - 1) * far * t * t) / total - mean * mean;
  const block = (token: number) => (far / total) * Math.abs(1 - 2 * token * (token - mean));
  return Math.abs(1 / total + 2 * variance) + right * block(t) + left * block(-t);
}
