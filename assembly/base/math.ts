// exp and the sigmoid over SIMD registers of the build's own type. Those of two doubles are in doubles.ts.
import { exp as expF64 } from "./doubles";
import { splat } from "./simd";

/** exp by range reduction to |r| ≤ ln2/2 and its Taylor polynomial; NaN stays NaN, ±∞ is clamped to the normal range. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  return sizeof<Real>() == 4 ? expF32(x) : expF64(x);
}

// Constants are kept in memory, where one load fills a register with them: V8 builds a literal anew at every use.
const F32 = memory.data<f32>([
  88.02969, -87.33654, // the range
  1.4426950408889634, 12583039.0, // 1/ln2, and 1.5·2^23 + bias: adding it leaves an exponent's bits lowest
  -0.693359375, 2.12194440e-4, // −ln2 in two parts
  1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0,
]);
// @ts-ignore: decorator
@inline
function c32(index: i32): v128 {
  return v128.load_splat<f32>(F32 + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function expF32(x: v128): v128 {
  x = f32x4.pmax(f32x4.pmin(x, c32(0)), c32(1));
  const t = f32x4.add(f32x4.mul(x, c32(2)), c32(3));
  const n = f32x4.sub(t, c32(3));
  const r = madd32(n, c32(5), madd32(n, c32(4), x));
  let p = madd32(c32(6), r, c32(7));
  p = madd32(p, r, c32(8));
  p = madd32(p, r, c32(9));
  p = madd32(p, r, c32(10));
  p = madd32(p, r, c32(11));
  p = madd32(p, r, c32(12));
  p = madd32(p, r, c32(13));
  return f32x4.mul(p, i32x4.shl(t, 23));
}

// @ts-ignore: decorator
@inline
function madd32(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** 1/(1 + exp(−x)). */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = splat(1);
  return v128.div<Real>(one, v128.add<Real>(one, exp(v128.neg<Real>(x))));
}
