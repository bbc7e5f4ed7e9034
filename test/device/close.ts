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

/** As `relativeError`, but relative to `floor` where all entries are smaller: what cancels to nothing has no digits. */
export function scaledError(got: ArrayLike<number>, want: ArrayLike<number>, floor: number): number {
  const largest = Array.from(want).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return relativeError(got, want) * (largest === 0 ? 1 / floor : largest / Math.max(largest, floor));
}

/** The largest |score| of dot-product fixtures decides what f32 can reach. */
export function tolerance(dtype: "f32" | "f64", largestScore: number): number {
  return dtype === "f64" ? 1e-9 : Math.max(1e-5, largestScore * 1e-7);
}
