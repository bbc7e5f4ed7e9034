// Lower bounds of the Lipschitz constant of one head over a ball: inputs at which the Jacobian is at least so large
// (MATH 6).

import { checkInteger, checkKeys, checkNumber } from "../base/check.js";
import type { TensorLike } from "../base/tensor.js";
import type { Mask } from "../layers/attention/mask.js";
import { checkMatrix, type Matrix } from "../linalg/matrix.js";
import { matrixNorm } from "../linalg/matrixNorm.js";
import { dot } from "../linalg/vector.js";
import { denseAffinity, scoreGradient } from "./affinity.js";
import { type Bound, refused, type WithBest, withLargest } from "./bound.js";
import { type EigenDirection, eigenDirection, eigenPair } from "./eigenDirection.js";
import { leadingRightVector, type TokenPair, widestPair } from "./gammaStar.js";
import { causalInfluence, type Influence, shareOfAttention, unmaskedInfluence } from "./influence.js";
import { type Evaluate, searchTwoPoints } from "./searchTwoPoints.js";

/** Arguments of `bounds.lower`: the matrices of a head, and the ball. */
export interface LowerQuestion {
  /** Tokens. */
  n: number;
  /** Every token lies in the ball of this radius. */
  radius: number;
  /** [d, d], with scores s_ij = ⟨A x_i, x_j⟩: A = scale·W_K·W_Qᵀ. No biases. */
  A: TensorLike;
  /** [dOut, d], with f_i = V·Σ_j P_ij x_j: V = (W_V·W_O)ᵀ. */
  V: TensorLike;
  /** "none" (the default) or "causal". */
  mask?: Mask;
}

/** A lower bound, with the input that shows it. */
export interface LowerBound extends Bound {
  /** `copies` copies of `odd`, then copies of `other` up to n tokens; [d] each. */
  readonly tokens: { readonly odd: Float64Array; readonly other: Float64Array; readonly copies: number };
}

/** Lower bounds of the Lipschitz constant on the ball, by name (MATH 6). */
export interface LowerBounds {
  /** ‖V‖, at equal tokens: every row of probabilities sums to one. */
  origin: LowerBound;
  /** ‖V‖√(n − 1)/(1 + (n − 1)e^(−2R²γ)), γ = max(−γ_min, γ_max/8) over the real eigenvalues of A; Castin et al. */
  castin?: LowerBound;
  /** The same tokens, with the stretch along the eigenvector, and over numbers of copies where there is no mask. */
  eigenpair?: LowerBound;
  /** The tokens of the largest gap of scores, 2γ*R². */
  gammaStar?: LowerBound;
  /** The best two tokens found. */
  twoPoint?: LowerBound;
}

/**
 * Lower bounds of the Lipschitz constant (Frobenius norms) of one head without biases or rotary positions over inputs
 * of n tokens in the ball of `radius`: Castin, Ablin and Peyré 2024, and MATH 6.1–6.6; `best` is the largest. Those of
 * a real eigenvalue are absent where A has none, and all but `origin` where n is 1.
 * @throws TypeError and RangeError for arguments of a wrong kind or value, and for masks other than "causal"
 * @example
 * const minus = { data: new Float64Array([-1, 0, 0, -1]), shape: [2, 2] };
 * const V = { data: new Float64Array([1, 0, 0, 1]), shape: [2, 2] };
 * bounds.lower({ n: 168, radius: 1.6, A: minus, V }).best.value; // 23.0…
 */
export function lower(question: LowerQuestion): WithBest<LowerBounds> {
  checkKeys("question", question, ["n", "radius", "A", "V", "mask"]);
  const n = checkInteger("n", question.n, 1);
  const radius = checkNumber("radius", question.radius, 0, undefined, true);
  const A = checkMatrix("A", question.A);
  checkMatrix("A", question.A, [A.rows, A.rows]);
  const V = checkMatrix("V", question.V, [-1, A.rows]);
  const { mask = "none" } = question;
  if (mask !== "none" && mask !== "causal") {
    throw refused("the lower bounds of MATH 6", 'mask "none" or "causal"', "measure inputs of your own instead");
  }
  return withLargest(lowerBounds(A, V, n, radius, mask));
}

/**
 * γ* of MATH 6.6: no two tokens of the unit ball have scores further apart than 2γ* as seen from one of them; by ascent,
 * so from below. γ* lies in [‖A‖/8, ‖A‖] and is at least the γ of Castin et al.
 * @param A [d, d], scores ⟨A x_i, x_j⟩
 * @example
 * const A = { data: new Float64Array([1, 0, 0, 1]), shape: [2, 2] };
 * bounds.gammaStar(A); // 0.125
 */
export function gammaStar(A: TensorLike): number {
  const matrix = checkMatrix("A", A);
  checkMatrix("A", A, [matrix.rows, matrix.rows]);
  const affinity = denseAffinity(matrix);
  const direction = eigenDirection(matrix);
  const { odd, other } = widestPair(affinity, 1, direction ? [direction.vector] : []);
  const t = scoreGradient(affinity, other);
  return (dot(t, odd) - dot(t, other)) / 2;
}

function lowerBounds(A: Matrix, V: Matrix, n: number, radius: number, mask: "none" | "causal"): LowerBounds {
  const affinity = denseAffinity(A);
  const normV = matrixNorm(V);
  const origin = equalTokens(A.rows, n, normV);
  if (n === 1) return { origin };
  const value = { V, leading: leadingRightVector(V) };
  const evaluate: Evaluate = (pair) =>
    mask === "causal" ? causalInfluence(affinity, value, pair, n) : unmaskedInfluence(affinity, value, pair, n);
  const direction = eigenDirection(A);
  const eigen = direction && eigenBounds(direction, radius, n, normV, evaluate);
  const widest = widestPair(affinity, radius, direction ? [direction.vector] : []);
  const known = eigen ? [widest, eigen.eigenpair.tokens] : [widest];
  const best = searchTwoPoints(affinity, radius, known, evaluate);
  return {
    origin,
    ...eigen,
    gammaStar: shown("MATH 6.6", widest, evaluate(widest)),
    twoPoint: shown(mask === "causal" ? "MATH 6.1 and 6.5" : "MATH 6.1", best, evaluate(best)),
  };
}

function equalTokens(size: number, n: number, normV: number): LowerBound {
  const zero = new Float64Array(size);
  return lowerBound("MATH 6.7, at equal tokens", normV, { odd: zero, other: zero, copies: n });
}

function eigenBounds(direction: EigenDirection, radius: number, n: number, normV: number, evaluate: Evaluate) {
  const pair = eigenPair(direction, radius);
  const exponent = 2 * radius * radius * direction.gamma;
  const value = normV * Math.sqrt(n - 1) * shareOfAttention(n - 1, exponent);
  const assumption = "A has a real eigenvalue";
  return {
    castin: lowerBound("Castin, Ablin and Peyré 2024 (MATH 6.2)", value, { ...pair, copies: 1 }, assumption),
    eigenpair: shown("MATH 6.3 and 6.5", pair, evaluate(pair), assumption),
  };
}

function shown(source: string, pair: TokenPair, influence: Influence, ...assumptions: string[]): LowerBound {
  return lowerBound(source, influence.largest(), { ...pair, copies: influence.copies }, ...assumptions);
}

function lowerBound(source: string, value: number, tokens: LowerBound["tokens"], ...more: string[]): LowerBound {
  const assumptions = ["no biases", "no rotary positions", "mask none or causal", ...more];
  return { value, kind: "lower", scope: "ball", source, assumptions, tokens };
}
