// One lane type per build: asc's `--use Real=f32` or `--use Real=f64`. Relaxed builds fuse multiply and add.

/** Bytes of one number. */
export const WORD: usize = sizeof<Real>();
/** Numbers in one SIMD register. */
export const LANES: i32 = 16 / sizeof<Real>();
/** Rows of a register tile, and of a strip. Plain builds hold each product too: V8 would keep a third of six rows on the stack. */
export const MR: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
/** Columns of a register tile (two registers), and tokens of a panel: 8 in f32, 4 in f64. */
export const NR: i32 = 2 * LANES;
/** Bytes of one row of a panel, in either type. */
export const ROW: usize = 32;

/** Sizes for `offsetof`, so that a distance between rows can be an immediate of the load. */
@unmanaged export class Packed { value: Real; }
@unmanaged export class PanelRow { a: u64; b: u64; c: u64; d: u64; }

/** a·b + c. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<Real>(a, b, c);
  return v128.add<Real>(v128.mul<Real>(a, b), c);
}

// @ts-ignore: decorator
@inline
export function splat(x: Real): v128 {
  return v128.splat<Real>(x);
}

/** Sum of the lanes, in f64. */
// @ts-ignore: decorator
@inline
export function laneSum(x: v128): f64 {
  if (sizeof<Real>() == 4) {
    return (
      <f64>f32x4.extract_lane(x, 0) + <f64>f32x4.extract_lane(x, 1) +
      (<f64>f32x4.extract_lane(x, 2) + <f64>f32x4.extract_lane(x, 3))
    );
  }
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

/** The largest of the lanes. */
export function largestLane(x: v128): f64 {
  if (sizeof<Real>() == 8) return max(f64x2.extract_lane(x, 0), f64x2.extract_lane(x, 1));
  return max(
    max(<f64>f32x4.extract_lane(x, 0), <f64>f32x4.extract_lane(x, 1)),
    max(<f64>f32x4.extract_lane(x, 2), <f64>f32x4.extract_lane(x, 3)),
  );
}
