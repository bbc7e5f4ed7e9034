// One head at a large multiple of an input, where attention has become a choice of one key per query (MATH 7).
import { checkMask, mayAttend, resolveMask } from "../attention/mask.js";
import type { Mask } from "../attention/spec.js";
import { checkKeys, checkNumber } from "../check.js";
import { dot, norm } from "../spectral/vector.js";
import type { TensorLike } from "../tensor.js";
import { type Bound, refused } from "./bound.js";
import { apply, checkMatrix, type Matrix, rowOf } from "./matrix.js";
import { matrixNorm, matrixNormAbove } from "./matrixNorm.js";

export interface LargeRadiusQuestion {
  /** [d, d], with scores s_ij = ⟨A x_i, x_j⟩. No biases, no rotary positions. */
  A: TensorLike;
  /** [dOut, d], with f_i = V·Σ_j P_ij x_j. */
  V: TensorLike;
  /** [n, d] */
  x: TensorLike;
  /** R: the Jacobian is that at R·x. */
  scale: number;
  /** Default "none". */
  mask?: Mask;
}

export interface LargeRadius {
  /** ‖V‖·√(the number of queries that choose the most chosen key), the norm of the Jacobian as R → ∞. */
  readonly limit: number;
  /** Around the limit, at this R. */
  readonly lower: Bound;
  readonly upper: Bound;
  /** The smallest difference between a query's two largest scores, at R = 1. */
  readonly gap: number;
}

/**
 * The norm of the Jacobian of one head at R·x, between ‖V‖√(most chosen) ± ‖V‖(2η√n + 4a(1 + √n)η), where
 * η = (n − 1)e^(−R²·gap) and a = ‖A‖R²·max|x_i|².
 * @throws TypeError and RangeError for arguments of a wrong kind, shape or value, and where a query has no unique
 *   largest score (which happens on a set of inputs of measure zero, if A ≠ 0)
 */
export function largeRadius(question: LargeRadiusQuestion): LargeRadius {
  checkKeys("question", question, ["A", "V", "x", "scale", "mask"]);
  const x = checkMatrix("x", question.x);
  const A = checkMatrix("A", question.A, [x.columns, x.columns]);
  const V = checkMatrix("V", question.V, [-1, x.columns]);
  const R = checkNumber("scale", question.scale, 0);
  const { mask = "none" } = question;
  checkMask("mask", mask);
  const { gap, mostChosen } = choices(A, x, mask);

  const n = x.rows;
  const limit = matrixNorm(V) * Math.sqrt(mostChosen);
  const largest = Math.max(...Array.from({ length: n }, (_, i) => norm(rowOf(x, i))));
  const missed = n === 1 ? 0 : (n - 1) * Math.exp(-R * R * gap);
  const a = matrixNormAbove(A) * R * R * largest * largest;
  const distance = missed === 0 ? 0 : (2 * Math.sqrt(n) + 4 * a * (1 + Math.sqrt(n))) * missed;
  const normV = matrixNormAbove(V);
  const common = {
    scope: "point",
    source: "MATH 7",
    assumptions: ["every query has one largest score", "no biases", "no rotary positions"],
  } as const;
  return {
    limit,
    lower: { ...common, kind: "lower", value: Math.max(0, limit - normV * distance) },
    upper: { ...common, kind: "upper", value: normV * (Math.sqrt(mostChosen) + distance) },
    gap,
  };
}

/** The smallest gap over queries that see two keys or more, and how often the most chosen key is chosen. */
function choices(A: Matrix, x: Matrix, mask: Mask): { gap: number; mostChosen: number } {
  const visible = resolveMask(mask, x.rows);
  const chosen = new Int32Array(x.rows);
  let gap = Number.POSITIVE_INFINITY;
  for (let i = 0; i < x.rows; i++) {
    const gradient = apply(A, rowOf(x, i));
    let key = -1;
    let first = Number.NEGATIVE_INFINITY;
    let second = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < x.rows; j++) {
      if (!mayAttend(visible, i, j)) continue;
      const score = dot(gradient, rowOf(x, j));
      if (score > first) [key, first, second] = [j, score, first];
      else second = Math.max(second, score);
    }
    if (key < 0) continue;
    if (first === second) {
      throw refused(
        "the large-radius limit",
        "that every query has one largest score",
        `query ${i} has two; move the tokens a little, or take away duplicates`,
      );
    }
    chosen[key]++;
    gap = Math.min(gap, first - second);
  }
  return { gap, mostChosen: chosen.reduce((most, count) => Math.max(most, count), 0) };
}
