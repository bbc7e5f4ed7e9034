// Gram matrices from above, and the spectral norms that they certify.
import { largestEigenvalueAbove } from "./cholesky.js";

/**
 * G ⪰ A Aᵀ, [m, m], for A [m, k]: inner products of k terms round by at most k + 2 units of |A||A|ᵀ, whose norm is at
 * most ‖A‖²_F; that is added on the diagonal.
 */
export function gramAbove(a: Float64Array, m: number, k: number): Float64Array {
  const g = new Float64Array(m * m);
  let trace = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0, p = i * k, q = j * k; c < k; c++) sum += a[p++] * a[q++];
      g[i * m + j] = sum;
      g[j * m + i] = sum;
    }
    trace += g[i * m + i];
  }
  for (let i = 0; i < m; i++) g[i * m + i] += (k + 2) * Number.EPSILON * trace;
  return g;
}

/** At least ‖A‖₂, above it by rounding only. @param a [m, k] row-major */
export function normAbove(a: Float64Array, m: number, k: number): number {
  let size = 0;
  for (const entry of a) size = Math.max(size, Math.abs(entry));
  if (size === 0) return 0;
  const scaled = (m <= k ? a : transposed(a, m, k)).map((entry) => entry / size);
  const [short, long] = m <= k ? [m, k] : [k, m];
  return size * Math.sqrt(largestEigenvalueAbove(gramAbove(scaled, short, long), short)) * (1 + 4 * Number.EPSILON);
}

/** Aᵀ, [k, m]. */
export function transposed(a: Float64Array, m: number, k: number): Float64Array {
  const t = new Float64Array(a.length);
  for (let i = 0; i < m; i++) for (let c = 0; c < k; c++) t[c * m + i] = a[i * k + c];
  return t;
}

/** Rᵀ A R, [m, m], for a symmetric A [k, k] and R [k, m]. */
export function congruence(a: Float64Array, r: Float64Array, k: number, m: number): Float64Array {
  const c = new Float64Array(m * m);
  const row = new Float64Array(m);
  for (let i = 0; i < k; i++) {
    row.fill(0);
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l];
      if (factor !== 0) for (let j = 0, at = l * m; j < m; j++) row[j] += factor * r[at++];
    }
    for (let p = 0; p < m; p++) {
      const factor = r[i * m + p];
      if (factor !== 0) for (let j = 0, at = p * m; j < m; j++) c[at++] += factor * row[j];
    }
  }
  return c;
}
