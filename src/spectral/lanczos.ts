// Golub–Kahan–Lanczos bidiagonalization with full reorthogonalization (Golub and Kahan 1965; MATH 10).
import { checkCoefficient } from "./coefficient.js";
import type { Iteration } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { leadingTriplet } from "./smallSvd.js";

/**
 * A V_k = U_k B_k; the estimate after step k is the leading singular triplet of the bidiagonal B_k, a lower bound on
 * that of A (MATH 10.1).
 *
 * Its error is the larger of two estimates: the relative change of sigma in this step, and, with ρ = residual/sigma,
 * the smaller of ρ (some singular value lies that near, MATH 10.3) and ρ²/(2·(1 − (sigma₂/sigma)²)) (the same, to
 * second order, when the second Ritz value sigma₂ stands for the rest of the spectrum).
 */
export function lanczos(space: KrylovSpace): Iteration {
  const alphas: number[] = [];
  const betas: number[] = [];
  const longest = longestBidiagonalization(space);
  let before = 0;
  return {
    async next() {
      const { alpha, beta } = await space.bidiagonalize(alphas.length);
      alphas.push(alpha);
      betas.push(beta);
      checkCoefficient("alpha", alpha, alphas.length, space);
      checkCoefficient("beta", beta, alphas.length, space);
      const { sigma, second, left, right } = leadingTriplet(alphas, betas);
      const residual = beta * Math.abs(left[left.length - 1]);
      const change = before === 0 ? Number.POSITIVE_INFINITY : Math.abs(sigma - before) / sigma;
      before = sigma;
      return {
        sigma,
        residual,
        error: Math.max(change, ritzError(residual / sigma, second / sigma)),
        invariant: Math.min(alpha, beta) <= space.roundoff * sigma || alphas.length >= longest,
        bidiagonal: { alphas, betas },
        range: left,
        domain: right,
      };
    },
  };
}

/** As many steps as there can be orthogonal vectors: on the larger side one more is needed to close the space. */
export function longestBidiagonalization({ domainSize, rangeSize }: { domainSize: number; rangeSize: number }): number {
  return Math.min(domainSize, rangeSize + 1);
}

function ritzError(residual: number, second: number): number {
  return Math.min(residual, (residual * residual) / (2 * (1 - second) * (1 + second)));
}
