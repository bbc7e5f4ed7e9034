// Vectors of doubles on the host.

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The Euclidean norm; neither overflows nor underflows before its result does. */
export function norm(a: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]));
  if (largest === 0) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** a/divisor, a new vector. */
export function divided(a: Float64Array, divisor: number): Float64Array {
  return a.map((entry) => entry / divisor);
}

/** target ← target + factor·a */
export function addScaled(target: Float64Array, factor: number, a: ArrayLike<number>): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * a[i];
}
