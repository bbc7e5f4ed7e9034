// One dot-product head over all inputs whose tokens lie in a ball: every upper bound of MATH 5.

import { checkInteger, checkKeys } from "../base/check.js";
import type { Mask } from "../layers/attention/mask.js";
import { checkMask, resolveMask } from "../layers/attention/mask.js";
import { type Bound, scaled, type WithBest, withSmallest } from "./bound.js";
import { causalHardy, causalSchur, causalSharp } from "./causal.js";
import { largestColumnSum, largestProbability } from "./columnSum.js";
import { meanFieldOf } from "./meanField.js";
import { type HeadNorms, headNormNames, type Reach, reachOf, rowFactor } from "./reach.js";

/** Arguments of `bounds.ball`: norms of a head, and the ball. */
export interface BallQuestion extends HeadNorms {
  /** Tokens. */
  n: number;
  /** Every token lies in the ball of this radius. */
  radius: number;
  /** Default "none". */
  mask?: Mask;
}

/** With a = ‖A‖R², all times ‖V‖; those that do not apply are absent. */
export interface BallBounds {
  /** √3·(a²(4n + 1) + n)^½, any mask; Castin et al. */
  castin?: Bound;
  /** √3·(a²(n + 1) + n)^½, any mask. */
  castinVariance?: Bound;
  /** a + √n·√(1 + a²), any mask. */
  anyMask: Bound;
  /** a + √(1 + a²)·√(n/(1 + (n − 1)e^(−2a))), no mask. */
  unmasked?: Bound;
  /** a + √(1 + a²)·√min(n, Σ 1/(1 + i·e^(−2a))), causal. */
  causal?: Bound;
  /** a + (1 + 2a)·2e^(2a), causal, any n. */
  causalHardy?: Bound;
  /** a + (1 + 2a)·√((1 + eᵃ)(1 + 2e^(2a))), causal, any n. */
  causalSchur?: Bound;
  /** a + √(1 + a²)·√(max over keys of Σ over the queries that see it of 1/(1 + (keys seen − 1)e^(−2a))), other masks. */
  masked?: Bound;
  /** ‖V‖(1 + 3a)e^(2a), no mask, any n; Castin et al. */
  castinMeanField?: Bound;
  /** ‖V‖(a + √(1 + a²)eᵃ), no mask, any n. */
  meanField?: Bound;
}

/**
 * Upper bounds of the Lipschitz constant (Frobenius norms) of one head over inputs of n tokens in the ball of `radius`:
 * the paper's (Castin, Ablin and Peyré 2024) and MATH 5.2–5.7; `best` is the smallest. A query bias enters by `normG0`
 * (MATH 5.6), rotary positions by `rope` (MATH 5.7, where only the bounds derived for them are returned). Values beyond
 * the doubles are Infinity.
 * @param question.mask an { allowed } mask must be of n·n entries
 * @throws TypeError and RangeError for arguments of a wrong kind or value
 * @example
 * bounds.ball({ n: 168, radius: 1.6, normA: 1, normV: 1 }).best.value; // 27.76…
 */
export function ball(question: BallQuestion): WithBest<BallBounds> {
  checkKeys("question", question, ["n", "radius", "mask", ...headNormNames]);
  const { n, radius, mask = "none", ...norms } = question;
  checkInteger("n", n, 1);
  checkMask("mask", mask);
  return withSmallest(ballOf(reachOf(norms, radius), norms.normV, n, mask));
}

export function ballOf(reach: Reach, normV: number, n: number, mask: Mask): BallBounds {
  const bound = ballBound(reach, normV);
  const columns = (sum: number) => reach.covariance + rowFactor(reach) * Math.sqrt(sum);
  return {
    ...(reach.rope ? {} : castinOf(reach, n, bound)),
    anyMask: bound(columns(n), "MATH 5.3", "any mask"),
    ...forMask(),
  };

  function forMask(): Partial<BallBounds> {
    if (mask === "none") {
      const unmasked = bound(columns(n * largestProbability(n, reach.logit)), "MATH 5.4", "no mask");
      if (reach.rope) return { unmasked };
      const { castin, sharp } = meanFieldOf(reach, normV);
      return { unmasked, ...(castin ? { castinMeanField: castin } : {}), meanField: sharp };
    }
    if (mask === "causal") {
      return {
        causal: bound(causalSharp(reach, n), "MATH 5.5", "causal mask"),
        causalHardy: bound(causalHardy(reach), "MATH 5.5, by Hardy's inequality", "causal mask", "any n"),
        causalSchur: bound(causalSchur(reach), "MATH 5.5, by Schur's test", "causal mask", "any n"),
      };
    }
    const sum = largestColumnSum(resolveMask(mask, n), reach.logit);
    return { masked: bound(columns(sum), "MATH 5.3 (*), with the largest column sum of this mask", "this mask") };
  }
}

type MakeBound = (value: number, source: string, ...assumptions: string[]) => Bound;

/** T₁ ≤ √n, T₂ ≤ a and T₃ ≤ 2a√n, or a√n by the variance in place of the diameter, summed as (p + q + r)² ≤ 3(…). */
function castinOf({ covariance, gradient }: Reach, n: number, bound: MakeBound): Partial<BallBounds> {
  const sum = (t3: number) => Math.sqrt(3 * (covariance ** 2 + t3 ** 2 + n));
  return {
    castin: bound(sum(2 * gradient * Math.sqrt(n)), "Castin, Ablin and Peyré 2024 (MATH 5.1)", "any mask"),
    castinVariance: bound(sum(gradient * Math.sqrt(n)), "MATH 5.2", "any mask"),
  };
}

function ballBound(reach: Reach, normV: number): MakeBound {
  const section = reach.rope
    ? ", for rotary positions by 5.7"
    : reach.gradient > reach.covariance
      ? ", query bias by 5.6"
      : "";
  return (value, source, ...assumptions) => ({
    value: scaled(normV, value),
    kind: "upper",
    scope: "ball",
    source: source + section,
    assumptions: ["every token in the ball", ...assumptions],
  });
}
