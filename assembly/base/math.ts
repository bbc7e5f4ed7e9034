// Elementary functions over SIMD registers, and the error function.
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
const F64 = memory.data<f64>([
  709.0895657128241, -708.3964185322641,
  1.4426950408889634, 6755399441056767.0, // 1.5·2^52 + bias
  -6.93147180369123816490e-1, -1.90821492927058770002e-10,
  1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,
  1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0,
]);

// @ts-ignore: decorator
@inline
function c32(index: i32): v128 {
  return v128.load_splat<f32>(F32 + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function c64(index: i32): v128 {
  return v128.load_splat<f64>(F64 + (<usize>index << 3));
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
function expF64(x: v128): v128 {
  x = f64x2.pmax(f64x2.pmin(x, c64(0)), c64(1));
  const t = f64x2.add(f64x2.mul(x, c64(2)), c64(3));
  const n = f64x2.sub(t, c64(3));
  const r = madd64(n, c64(5), madd64(n, c64(4), x));
  let p = madd64(c64(6), r, c64(7));
  p = madd64(p, r, c64(8));
  p = madd64(p, r, c64(9));
  p = madd64(p, r, c64(10));
  p = madd64(p, r, c64(11));
  p = madd64(p, r, c64(12));
  p = madd64(p, r, c64(13));
  p = madd64(p, r, c64(14));
  p = madd64(p, r, c64(15));
  p = madd64(p, r, c64(16));
  p = madd64(p, r, c64(17));
  p = madd64(p, r, c64(18));
  p = madd64(p, r, c64(19));
  return f64x2.mul(p, i64x2.shl(t, 52));
}

// @ts-ignore: decorator
@inline
function madd32(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline
function madd64(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}

/** 1/(1 + exp(−x)). */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = splat(1);
  return v128.div<Real>(one, v128.add<Real>(one, exp(v128.neg<Real>(x))));
}

/**
 * The complementary error function in f64: near 0 the Maclaurin series of erf, further out the continued fraction
 * of erfc (Abramowitz and Stegun 7.1.5 and 7.1.14, by Lentz's method); relative error below 1e-13 wherever it is a normal number.
 */
export function erfc(x: f64): f64 {
  const z = Math.abs(x);
  if (z < 2.0) {
    let term = z;
    let sum = z;
    for (let k = 1; k < 60; k++) {
      term *= (-z * z) / <f64>k;
      const next = term / <f64>(2 * k + 1);
      sum += next;
      if (Math.abs(next) < 1e-17 * sum) break;
    }
    return 1.0 - Math.sign(x) * 1.1283791670955126 * sum;
  }
  let tail = 0.0;
  if (z < 27.0) {
    let f = z;
    let c = z;
    let d = 0.0;
    for (let k = 1; k < 200; k++) {
      const a = 0.5 * <f64>k;
      d = 1.0 / (z + a * d);
      c = z + a / c;
      const ratio = c * d;
      f *= ratio;
      if (Math.abs(ratio - 1.0) < 1e-16) break;
    }
    tail = f64x2.extract_lane(expF64(f64x2.splat(-z * z)), 0) / (f * 1.7724538509055159);
  }
  return x < 0 ? 2.0 - tail : tail;
}
