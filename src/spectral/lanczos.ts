// Golub–Kahan–Lanczos bidiagonalization with full reorthogonalization (Golub and Kahan 1965; MATH 10), and what becomes of
// it when its basis would outgrow the memory allowed: first one side of the basis is given up, then the other restarted.

import { leadingTriplet } from "../linalg/smallSvd.js";
import { leadingPair } from "../linalg/tridiagonal.js";
import { checkCoefficient } from "./coefficient.js";
import type { Iteration } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { type Lanczos, thickRestart } from "./thickRestart.js";

/** What a step found, in the basis as it is then. */
interface Step {
  alpha: number;
  beta: number;
  sigma: number;
  /** The second Ritz value, as a singular value. */
  second: number;
  residual: number;
  domain: Float64Array;
}

/** How the basis grows: on both sides, or on the domain's alone. */
interface Process {
  /** Basis vectors of the domain whose projection is known. */
  readonly size: number;
  readonly reorthogonalization: "full" | "one-sided";
  readonly restarts: number;
  step(): Promise<Step>;
  /** The projection of AᵀA, and what restarts took from it. */
  projection(sigma: number): Projection;
}

/** Lanczos on AᵀA as far as it has come (docs/theory.md 10.2). All values are shares of sigma². */
export interface Projection extends Lanczos {
  /** Ritz values that restarts let go. */
  discarded: readonly number[];
  /** The off-diagonal entry that every step found, those before a restart too. */
  products: readonly number[];
  /** Steps before the first restart. */
  unrestarted: number;
}

/**
 * A V_k = U_k B_k; the estimate after step k is the leading singular triplet of the bidiagonal B_k, a lower bound on
 * that of A (MATH 10.1). Where both bases would take more than `basisBudget` bytes, U is given up and Lanczos on AᵀA goes
 * on from V alone, with the same Ritz values; where V alone would, it is restarted.
 *
 * Its error is the larger of two estimates: the relative change of sigma in this step, and, with ρ = residual/sigma,
 * the smaller of ρ (some singular value lies that near, MATH 10.3) and ρ²/(2·(1 − (sigma₂/sigma)²)) (the same, to
 * second order, when the second Ritz value sigma₂ stands for the rest of the spectrum).
 */
export function lanczos(space: KrylovSpace, basisBudget: number): Iteration {
  const room = basisRoom(space, basisBudget);
  const longest = longestBidiagonalization(space);
  let process = twoSided(space);
  let before = 0;
  let steps = 0;
  return {
    async next() {
      if (process.reorthogonalization === "full" && steps >= room.twoSidedSteps) {
        process = oneSided(space, room.vectors, before, process.projection(before));
      }
      const { alpha, beta, sigma, second, residual, domain } = await process.step();
      steps++;
      const change = before === 0 ? Number.POSITIVE_INFINITY : Math.abs(sigma - before) / sigma;
      before = sigma;
      return {
        sigma,
        residual,
        error: Math.max(change, ritzError(residual / sigma, second / sigma)),
        invariant: Math.min(alpha, beta) <= space.roundoff * sigma || process.size >= longest,
        projection: () => process.projection(sigma),
        reorthogonalization: process.reorthogonalization,
        restarts: process.restarts,
        domain,
      };
    },
  };
}

/** As many steps as there can be orthogonal vectors: on the larger side one more is needed to close the space. */
export function longestBidiagonalization({ domainSize, rangeSize }: { domainSize: number; rangeSize: number }): number {
  return Math.min(domainSize, rangeSize + 1);
}

/** Vectors of the domain: fewer leave restarts so little that sigma creeps, and the stopping rule mistakes that for rest. */
const leastVectors = 5;

/** Steps whose vectors of both sides the budget holds, and vectors of the domain that it holds beside one of the range. */
function basisRoom({ vectorBytes, dtype }: KrylovSpace, budget: number): { twoSidedSteps: number; vectors: number } {
  const { domain, range } = vectorBytes;
  const least = leastVectors * domain + range;
  if (budget < least) {
    throw new RangeError(
      `"basisBudget": expected at least ${least} bytes, which is ${leastVectors} ${dtype} vectors of one side of the ` +
        `operator and 1 of the other, got ${budget}`,
    );
  }
  return {
    twoSidedSteps: Math.floor((budget - domain) / (domain + range)),
    vectors: Math.floor((budget - range) / domain),
  };
}

function twoSided(space: KrylovSpace): Process {
  const alphas: number[] = [];
  const betas: number[] = [];
  return {
    get size() {
      return alphas.length;
    },
    reorthogonalization: "full",
    restarts: 0,
    async step() {
      const k = alphas.length;
      const { alpha, beta } = await space.bidiagonalize(k);
      alphas.push(checkCoefficient("alpha", alpha, k + 1, space));
      betas.push(checkCoefficient("beta", beta, k + 1, space));
      const { sigma, second, left, right } = leadingTriplet(alphas, betas);
      return { alpha, beta, sigma, second, residual: beta * Math.abs(left[k]), domain: right };
    },
    projection(sigma) {
      const offDiagonal = alphas.map((alpha, j) => (alpha / sigma) * (betas[j] / sigma));
      const diagonal = alphas.map((alpha, j) => (alpha / sigma) ** 2 + (j > 0 ? (betas[j - 1] / sigma) ** 2 : 0));
      return { diagonal, offDiagonal, discarded: [], products: offDiagonal, unrestarted: alphas.length };
    },
  };
}

/** Lanczos on AᵀA, from a projection in units of scale², in at most so many vectors. */
function oneSided(space: KrylovSpace, vectors: number, scale: number, begun: Projection): Process {
  let { diagonal, offDiagonal }: Lanczos = begun;
  const products = [...begun.products];
  const discarded: number[] = [];
  let unrestarted = 0;
  let restarts = 0;
  return {
    get size() {
      return diagonal.length;
    },
    reorthogonalization: "one-sided",
    get restarts() {
      return restarts;
    },
    async step() {
      if (diagonal.length + 2 > vectors) {
        if (restarts++ === 0) unrestarted = products.length;
        const shorter = thickRestart({ diagonal, offDiagonal }, Math.floor(diagonal.length / 2));
        await space.restart(shorter.reflections, diagonal.length, shorter.projection.diagonal.length);
        discarded.push(...shorter.discarded);
        ({ diagonal, offDiagonal } = shorter.projection);
      }
      const k = diagonal.length;
      const { alpha, beta } = await space.tridiagonalize(k);
      const steps = products.length + 1;
      checkCoefficient("alpha", alpha, steps, space);
      checkCoefficient("beta", beta, steps, space);
      const product = (alpha / scale) * (beta / scale);
      diagonal.push((alpha / scale) ** 2);
      offDiagonal.push(product);
      products.push(product);
      const { value, second, vector } = leadingPair(diagonal, offDiagonal);
      const sigma = Math.sqrt(value);
      return {
        alpha,
        beta,
        sigma: sigma * scale,
        second: Math.sqrt(Math.max(0, second)) * scale,
        residual: ((product * Math.abs(vector[k])) / sigma) * scale,
        domain: vector,
      };
    },
    projection(sigma) {
      const shares = (values: readonly number[]) => values.map((value) => value * (scale / sigma) ** 2);
      return {
        diagonal: shares(diagonal),
        offDiagonal: shares(offDiagonal),
        discarded: shares(discarded),
        products: shares(products),
        unrestarted: restarts === 0 ? products.length : unrestarted,
      };
    },
  };
}

function ritzError(residual: number, second: number): number {
  return Math.min(residual, (residual * residual) / (2 * (1 - second) * (1 + second)));
}
