// Causal attention over the ball (MATH 5.5).
import { type Reach, rowFactor } from "./reach.js";

/**
 * T₂ + √(column sum)·(row factor): key 1 is seen by all, and P_i1 ≤ 1/(1 + (i − 1)e^(−2·logit)). Grows like √log n.
 * All of this file is relative to ‖V‖.
 */
export function causalSharp(reach: Reach, n: number): number {
  const ratio = Math.exp(-2 * reach.logit);
  let columnSum = 0;
  for (let i = 0; i < n; i++) columnSum += 1 / (1 + i * ratio);
  return reach.covariance + rowFactor(reach) * Math.sqrt(Math.min(n, columnSum));
}

/** For every n: P_ij ≤ e^(2·logit)/i, and the norm of the averages over prefixes is below 2 (Hardy's inequality). */
export function causalHardy(reach: Reach): number {
  return forEveryLength(reach, 2 * Math.exp(2 * reach.logit));
}

/** For every n: ‖P‖² ≤ (1 + e^logit)(1 + 2e^(2·logit)) by Schur's test with the weights j^(−1/2). */
export function causalSchur(reach: Reach): number {
  const exp = Math.exp(reach.logit);
  return forEveryLength(reach, Math.sqrt((1 + exp) * (1 + 2 * exp * exp)));
}

/** Tokens are at most 2R apart, so every block of T₁ + T₃ is at most P_ij(1 + 2·gradient). */
function forEveryLength({ covariance, gradient }: Reach, normP: number): number {
  return covariance + (1 + 2 * gradient) * normP;
}
