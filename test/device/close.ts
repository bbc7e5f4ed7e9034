// Closeness of tensors in the sense of MATH 10.4: the largest error relative to the largest entry.

export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) throw new Error(`lengths differ: ${got.length} and ${want.length}`);
  let error = 0;
  let size = 0;
  for (let i = 0; i < want.length; i++) {
    if (Number.isNaN(got[i])) return Number.NaN;
    error = Math.max(error, Math.abs(got[i] - want[i]));
    size = Math.max(size, Math.abs(want[i]));
  }
  return size === 0 ? error : error / size;
}

/** The largest |score| of dot-product fixtures decides what f32 can reach. */
export function tolerance(dtype: "f32" | "f64", largestScore: number): number {
  return dtype === "f64" ? 1e-9 : Math.max(1e-5, largestScore * 1e-7);
}
