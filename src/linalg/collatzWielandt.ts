// A certified upper bound on the spectral norm of a matrix without negative entries (MATH 8.3).

/**
 * ‖B‖₂ ≤ √(max_i (BᵀB x)_i/x_i) for B ≥ 0 entrywise and any x > 0 (Collatz 1942, Wielandt 1950, applied to BᵀB); x comes
 * from power iteration, until the ratios agree to `rtol` or some 2·10⁸ multiply-adds are spent: the bound holds anyway.
 * Sums of non-negative numbers round by at most 2n units each, which is added.
 *
 * @param b [n, n] row-major, entries ≥ 0
 * @param rtol how closely to look for the norm itself
 */
export function collatzWielandt(b: Float64Array, n: number, rtol = 1e-10): number {
  const iterations = Math.max(30, Math.min(2000, Math.floor(1e8 / (n * n))));
  let x = new Float64Array(n).fill(1);
  let least = Number.POSITIVE_INFINITY;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const y = normal(b, n, x);
    let [low, high] = [Number.POSITIVE_INFINITY, 0];
    let largest = 0;
    for (let i = 0; i < n; i++) {
      largest = Math.max(largest, y[i]);
      // A column of zeros changes no product: its ratio is 0, and 1 stands for its part of x.
      if (y[i] === 0) continue;
      high = Math.max(high, y[i] / x[i]);
      low = Math.min(low, y[i] / x[i]);
    }
    least = Math.min(least, high);
    if (largest === 0 || high <= low * (1 + rtol)) break;
    x = y.map((value) => Math.max(value / largest, 1e-250));
  }
  return Math.sqrt(least) * (1 + 4 * n * Number.EPSILON);
}

/** BᵀB x */
function normal(b: Float64Array, n: number, x: Float64Array): Float64Array {
  const y = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0, at = i * n; j < n; j++) sum += b[at++] * x[j];
    if (sum === 0) continue;
    for (let j = 0, at = i * n; j < n; j++) y[j] += b[at++] * sum;
  }
  return y;
}
