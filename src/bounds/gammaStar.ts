// The pair of tokens in the ball whose scores differ most: γ* of MATH 6.6, found by projected gradient ascent.
import { Random } from "../base/random.js";
import { apply, applyTransposed, type Matrix } from "../linalg/matrix.js";
import { addScaled, divided, dot, norm } from "../linalg/vector.js";
import { type Affinity, scoreGap, scoreGradient } from "./affinity.js";

/** One odd token, and another that all the rest are copies of. */
export interface TokenPair {
  readonly odd: Float64Array;
  readonly other: Float64Array;
}

/**
 * Tokens a, b of the ball that maximise ⟨A b + g0, a − b⟩ (locally: the best of several ascents, every one of whose
 * points is feasible). Without offset the maximum is 2γ*R², ‖A‖/8 ≤ γ* ≤ ‖A‖.
 * @param guesses directions to start from besides the singular vectors, the ends of the symmetric part and random ones
 */
export function widestPair(affinity: Affinity, radius: number, guesses: readonly Float64Array[] = []): TokenPair {
  let best: TokenPair | undefined;
  let largest = Number.NEGATIVE_INFINITY;
  for (const start of starts(affinity, guesses)) {
    const pair = ascend(
      affinity,
      radius,
      start.map((entry) => radius * entry),
    );
    const gap = scoreGap(scoreGradient(affinity, pair.other), pair.odd, pair.other);
    if (gap > largest) [best, largest] = [pair, gap];
  }
  return best as TokenPair;
}

/** The odd token that b's scores favour most: on the sphere, along the gradient. */
export function oddTokenFor(gradient: Float64Array, radius: number): Float64Array {
  const length = norm(gradient);
  return length === 0 ? new Float64Array(gradient.length) : gradient.map((entry) => (radius * entry) / length);
}

function ascend(affinity: Affinity, radius: number, start: Float64Array): TokenPair {
  const value = (b: Float64Array) => {
    const gradient = scoreGradient(affinity, b);
    return radius * norm(gradient) - dot(gradient, b);
  };
  let b = intoBall(start, radius);
  let height = value(b);
  let step = radius / 2;
  for (let round = 0; round < 200 && step > 1e-14 * radius; round++) {
    const uphill = slope(affinity, radius, b);
    const length = norm(uphill);
    if (length === 0) break;
    const next = b.slice();
    addScaled(next, step / length, uphill);
    const candidate = intoBall(next, radius);
    const higher = value(candidate);
    if (higher > height) {
      [b, height] = [candidate, higher];
      step *= 1.3;
    } else step /= 2;
  }
  return { odd: oddTokenFor(scoreGradient(affinity, b), radius), other: b };
}

/** The gradient in b of R‖A b + g0‖ − ⟨A b + g0, b⟩. */
function slope(affinity: Affinity, radius: number, b: Float64Array): Float64Array {
  const gradient = scoreGradient(affinity, b);
  const length = norm(gradient);
  const pull = b.map((entry, i) => (length === 0 ? 0 : (radius * gradient[i]) / length) - entry);
  const uphill = affinity.applyTransposed(pull);
  addScaled(uphill, -1, gradient);
  return uphill;
}

/** The nearest point of the ball. */
export function intoBall(b: Float64Array, radius: number): Float64Array {
  const length = norm(b);
  return length <= radius ? b : b.map((entry) => (radius * entry) / length);
}

/** At unit length, and half of it: the singular vectors, the ends of the symmetric part, some at random. */
function starts(affinity: Affinity, guesses: readonly Float64Array[]): Float64Array[] {
  const { size } = affinity;
  const random = new Random(size);
  const singular = leadingRightVectors(affinity, 3);
  const length = norm(affinity.apply(singular[0]));
  const ends = [1, -1].map((sign) =>
    orthogonalIteration(size, 1, (x) => {
      const symmetric = affinity.apply(x);
      addScaled(symmetric, 1, affinity.applyTransposed(x));
      return x.map((entry, i) => 2 * length * entry + sign * symmetric[i]);
    }),
  );
  const directions = [...guesses, ...singular, ...ends.flat()];
  const randoms = [1, 2, 3].map(() => unit(random.fillGaussian(new Float64Array(size))));
  const signed = [...directions, ...randoms].flatMap((x) => (affinity.offset ? [x, x.map((entry) => -entry)] : [x]));
  return [...signed, ...signed.map((x) => x.map((entry) => entry / 2))];
}

/** Approximate leading right singular vectors of A, at most `count`. */
export function leadingRightVectors(affinity: Affinity, count: number): Float64Array[] {
  const gram = (x: Float64Array) => affinity.applyTransposed(affinity.apply(x));
  return orthogonalIteration(affinity.size, Math.min(count, affinity.size), gram);
}

/** Approximate right singular vector of the norm of a matrix. */
export function leadingRightVector(matrix: Matrix): Float64Array {
  return orthogonalIteration(matrix.columns, 1, (x) => applyTransposed(matrix, apply(matrix, x)))[0];
}

/** Approximate leading eigenvectors of a symmetric map without negative eigenvalues. */
export function orthogonalIteration(
  size: number,
  count: number,
  map: (x: Float64Array) => Float64Array,
): Float64Array[] {
  const random = new Random([size, count]);
  const draw = () => random.fillGaussian(new Float64Array(size));
  let basis = orthonormal(Array.from({ length: count }, draw), draw);
  for (let round = 0; round < 40; round++) basis = orthonormal(basis.map(map), draw);
  return basis;
}

function orthonormal(vectors: readonly Float64Array[], draw: () => Float64Array): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    for (let next = vector; ; next = draw()) {
      const length = norm(next);
      if (length === 0) continue;
      const rest = divided(next, length);
      for (let pass = 0; pass < 2; pass++) for (const other of basis) addScaled(rest, -dot(other, rest), other);
      const left = norm(rest);
      if (left < 1e-10) continue;
      basis.push(divided(rest, left));
      break;
    }
  }
  return basis;
}

function unit(x: Float64Array): Float64Array {
  return divided(x, norm(x));
}
