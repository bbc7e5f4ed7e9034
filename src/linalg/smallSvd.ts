// The leading singular triplet of an upper bidiagonal matrix, from its Golub–Kahan form: the symmetric tridiagonal
// matrix of size 2k with zero diagonal and off-diagonal α₀, β₀, α₁, β₁, …, whose eigenvalues are ±σ. It keeps high
// relative accuracy at any scale.
import { leadingPair } from "./tridiagonal.js";
import { divided, norm } from "./vector.js";

export interface LeadingTriplet {
  sigma: number;
  /** Unit vectors of length k with B·right = sigma·left. */
  left: Float64Array;
  right: Float64Array;
}

/**
 * The largest singular value of the k×k upper bidiagonal B and its vectors.
 * @param alphas the diagonal, length k ≥ 1
 * @param betas the superdiagonal, length at least k − 1 (the rest is not read)
 */
export function leadingTriplet(alphas: ArrayLike<number>, betas: ArrayLike<number>): LeadingTriplet {
  const size = alphas.length;
  const offDiagonal = new Float64Array(2 * size - 1);
  for (let i = 0; i < size; i++) {
    offDiagonal[2 * i] = alphas[i];
    if (i > 0) offDiagonal[2 * i - 1] = betas[i - 1];
  }
  const { value, vector } = leadingPair(new Float64Array(2 * size), offDiagonal);
  if (value === 0) return { sigma: 0, left: unitVector(size), right: unitVector(size) };
  return {
    sigma: value,
    left: everyOther(vector, 1),
    right: everyOther(vector, 0),
  };
}

function everyOther(vector: Float64Array, first: number): Float64Array {
  const half = new Float64Array(vector.length / 2);
  for (let i = 0; i < half.length; i++) half[i] = vector[2 * i + first];
  return divided(half, norm(half));
}

function unitVector(size: number): Float64Array {
  const vector = new Float64Array(size);
  vector[0] = 1;
  return vector;
}
