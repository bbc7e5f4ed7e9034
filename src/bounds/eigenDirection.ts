// The real eigenpair that Castin, Ablin and Peyré 2024 build their adversarial tokens from (MATH 6.2).

import { apply, type Matrix } from "../linalg/matrix.js";
import { eigenvector, realEigenvalues } from "../linalg/realEigen.js";
import { divided, norm } from "../linalg/vector.js";
import type { TokenPair } from "./gammaStar.js";

export interface EigenDirection {
  /** max(−γ_min, γ_max/8) over the real eigenvalues; not negative. */
  readonly gamma: number;
  readonly eigenvalue: number;
  /** Of unit length. */
  readonly vector: Float64Array;
}

/**
 * The pair of the largest γ whose eigenvector inverse iteration confirms; undefined where no eigenvalue is real.
 * @param A [d, d], scores ⟨A x_i, x_j⟩
 */
export function eigenDirection(A: Matrix): EigenDirection | undefined {
  const scale = norm(A.data);
  const rated = realEigenvalues(A).map((eigenvalue) => ({ eigenvalue, gamma: gammaOf(eigenvalue) }));
  rated.sort((one, other) => other.gamma - one.gamma);
  for (const { eigenvalue, gamma } of rated) {
    const { vector, residual } = eigenvector(A, eigenvalue);
    if (residual <= 1e-10 * scale) return { gamma, eigenvalue, vector };
  }
  return undefined;
}

/** The same for A = left·rightᵀ of low rank, from the small matrix rightᵀ·left, for eigenvalues other than zero. */
export function eigenDirectionOfProduct(left: Matrix, small: Matrix): EigenDirection | undefined {
  const direction = eigenDirection(small);
  if (!direction || direction.gamma === 0) return undefined;
  const image = apply(left, direction.vector);
  return { ...direction, vector: divided(image, norm(image)) };
}

/** R(−u, u, …, u) for a negative eigenvalue, R(u, u/2, …, u/2) for a positive one. */
export function eigenPair({ eigenvalue, vector }: EigenDirection, radius: number): TokenPair {
  const [odd, other] = eigenvalue < 0 ? [-radius, radius] : [radius, radius / 2];
  return { odd: vector.map((entry) => odd * entry), other: vector.map((entry) => other * entry) };
}

function gammaOf(eigenvalue: number): number {
  return eigenvalue < 0 ? -eigenvalue : eigenvalue / 8;
}
