// The largest eigenvalue of a symmetric matrix from above: estimated by tridiagonalization, then certified by a Cholesky
// factorization of μI − A. Where one succeeds in floating point, its backward error, at most (n + 2)·u·tr(μI − A) in
// norm (Higham 2002, Theorem 10.3), is all that A may have above μ.

/** Below this, products of entries underflow, and rounding is no longer relative. */
const TINY = 1e-250;

/** At least λ_max(A) and at least 0, above it by no more than some n²·2⁻⁵². @param a [n, n], symmetric, row-major */
export function largestEigenvalueAbove(a: Float64Array, n: number): number {
  let size = 0;
  let trace = 0;
  for (let i = 0; i < n * n; i++) size = Math.max(size, Math.abs(a[i]));
  if (!Number.isFinite(size)) return Number.POSITIVE_INFINITY;
  if (size < TINY) return n * size;
  for (let i = 0; i < n; i++) trace += a[i * n + i];
  const scaled = a.map((entry) => entry / size);
  const estimate = size * Math.max(0, largestOfTridiagonal(...tridiagonalize(scaled, n)));
  for (let slack = n * Number.EPSILON * Math.max(estimate, size); slack < Number.MAX_VALUE; slack *= 4) {
    const mu = estimate + slack;
    if (!isDefinite(a, n, mu)) continue;
    return mu + (n + 2) * Number.EPSILON * (n * mu - trace + n * size);
  }
  return Number.POSITIVE_INFINITY;
}

/** L, lower triangular and row-major, with L Lᵀ ⪰ A for a symmetric A that is positive semidefinite up to rounding. */
export function factorAbove(a: Float64Array, n: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += a[i * n + i];
  // trace(A)·I ⪰ A; past the range of doubles there is nothing better.
  if (!(trace >= TINY && Number.isFinite(trace))) {
    return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? Math.sqrt(Math.max(trace, 0)) : 0));
  }
  for (let shift = 4 * (n + 2) * Number.EPSILON * trace; shift < Number.MAX_VALUE; shift *= 4) {
    const factor = cholesky(n, (i, j) => a[i * n + j] + (i === j ? shift : 0));
    if (factor) return factor;
  }
  return new Float64Array(n * n).fill(Number.POSITIVE_INFINITY);
}

function isDefinite(a: Float64Array, n: number, mu: number): boolean {
  return cholesky(n, (i, j) => (i === j ? mu : 0) - a[i * n + j]) !== undefined;
}

/** The lower Cholesky factor of a symmetric matrix given by its entries, or undefined where a pivot is not positive. */
function cholesky(n: number, entry: (i: number, j: number) => number): Float64Array | undefined {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = entry(i, j);
      for (let c = 0, p = i * n, q = j * n; c < j; c++) sum -= l[p++] * l[q++];
      if (j < i) l[i * n + j] = sum / l[j * n + j];
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return l;
}

/** Diagonal and off-diagonal of an orthogonally similar tridiagonal matrix, by Householder reflections; overwrites a. */
function tridiagonalize(a: Float64Array, n: number): [diagonal: Float64Array, offDiagonal: Float64Array] {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k];
    let squares = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k];
      squares += v[i] * v[i];
    }
    const norm = Math.sqrt(squares);
    // Far below rounding: what is dropped here the certificate puts right.
    if (norm < 1e-100) continue;
    offDiagonal[k] = norm;
    v[k + 1] += v[k + 1] < 0 ? -norm : norm;
    const factor = 1 / (norm * Math.abs(v[k + 1]));
    let inner = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1, at = i * n + k + 1; j < n; j++) sum += a[at++] * v[j];
      w[i] = factor * sum;
      inner += w[i] * v[i];
    }
    const half = (factor * inner) / 2;
    for (let i = k + 1; i < n; i++) w[i] -= half * v[i];
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1, at = i * n + k + 1; j < n; j++) a[at++] -= v[i] * w[j] + w[i] * v[j];
    }
  }
  diagonal[n - 1] = a[n * n - 1];
  return [diagonal, offDiagonal];
}

/** By bisection on Sturm counts, between Gershgorin's limits. */
function largestOfTridiagonal(diagonal: Float64Array, offDiagonal: Float64Array): number {
  const n = diagonal.length;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < n; i++) {
    const radius = (i > 0 ? Math.abs(offDiagonal[i - 1]) : 0) + (i < n - 1 ? Math.abs(offDiagonal[i]) : 0);
    low = Math.min(low, diagonal[i] - radius);
    high = Math.max(high, diagonal[i] + radius);
  }
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (allBelow(diagonal, offDiagonal, middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Whether every eigenvalue lies below x: all pivots of T − x·I are negative. */
function allBelow(diagonal: Float64Array, offDiagonal: Float64Array, x: number): boolean {
  let pivot = diagonal[0] - x;
  for (let i = 1; i < diagonal.length; i++) {
    if (!(pivot < 0)) return false;
    pivot = diagonal[i] - x - (offDiagonal[i - 1] * offDiagonal[i - 1]) / pivot;
  }
  return pivot < 0;
}
