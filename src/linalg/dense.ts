// Products of row-major arrays of doubles.

/** A·B for row-major A [m, k] and B [k, n]. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l];
      if (factor === 0) continue;
      for (let j = 0, from = l * n, to = i * n; j < n; j++) c[to++] += factor * b[from++];
    }
  }
  return c;
}
