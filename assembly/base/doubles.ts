// Functions of two doubles in a register, whatever the type of the build, to a few units in the last place. Layers that are
// read once at an input (activations, norms) compute in them, so that derivatives keep their digits in the tails.
import { WORD } from "./simd";

/** Two numbers of the build's type, as doubles. */
// @ts-ignore: decorator
@inline
export function read(at: usize): v128 {
  return WORD == 4 ? f64x2.promote_low_f32x4(v128.load_zero<u64>(at)) : v128.load(at);
}

/** Rounds two doubles to the build's type. */
// @ts-ignore: decorator
@inline
export function write(at: usize, x: v128): void {
  if (WORD == 4) v128.store_lane<u64>(at, f32x4.demote_f64x2_zero(x), 0);
  else v128.store(at, x);
}

/** Bytes of two numbers. */
export const PAIR: usize = 2 * WORD;

/** One number of the build's type, as two doubles. */
// @ts-ignore: decorator
@inline
export function readBoth(at: usize): v128 {
  return f64x2.splat(<f64>load<Real>(at));
}

// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}

// Constants are kept in memory, where one load fills a register with them: V8 builds a literal anew at every use.
const F64 = memory.data<f64>([
  709.0895657128241, -708.3964185322641,
  1.4426950408889634, 6755399441056767.0, // 1.5·2^52 + bias
  -6.93147180369123816490e-1, -1.90821492927058770002e-10,
  1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,
  1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0,
]);

/**
 * Coefficients of (1 + 2x)·exp(x²)·erfc(x) as a polynomial in y = (x − 3.5)/(x + 3.5), from its Chebyshev expansion in
 * 60 digits; M. M. Shepherd and J. G. Laframboise, "Chebyshev approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞",
 * Mathematics of Computation 36 (1981).
 */
const ERFC = memory.data<f64>([
  1.2423492448711544, -0.1400091801376197, -0.010555596332221669, 0.09751909515328706,
  -0.11508959816003075, 0.08798315382403678, -0.04882332583088402, 0.019099330953271165,
  -0.004215019879774186, -0.0003022679534333239, 0.0005643842668705102, -0.00012151212091980101,
  -4.2781739959539994e-05, 2.4260300984917994e-05, 2.3273309537791425e-06, -3.814012584490695e-06,
  -4.309237398316666e-08, 6.014823849950426e-07, -8.611571571113718e-09, -9.64004253144383e-08,
  6.651894382376532e-10, 1.3624442778701048e-08, 6.040390099342991e-11, -1.1656687889203665e-09,
]);

// @ts-ignore: decorator
@inline
function c64(index: i32): v128 {
  return v128.load_splat<f64>(F64 + (<usize>index << 3));
}

/** exp; NaN stays NaN, ±∞ is clamped to the normal range. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  x = f64x2.pmax(f64x2.pmin(x, c64(0)), c64(1));
  const t = f64x2.add(f64x2.mul(x, c64(2)), c64(3));
  const n = f64x2.sub(t, c64(3));
  const r = madd(n, c64(5), madd(n, c64(4), x));
  let p = madd(c64(6), r, c64(7));
  p = madd(p, r, c64(8));
  p = madd(p, r, c64(9));
  p = madd(p, r, c64(10));
  p = madd(p, r, c64(11));
  p = madd(p, r, c64(12));
  p = madd(p, r, c64(13));
  p = madd(p, r, c64(14));
  p = madd(p, r, c64(15));
  p = madd(p, r, c64(16));
  p = madd(p, r, c64(17));
  p = madd(p, r, c64(18));
  p = madd(p, r, c64(19));
  return f64x2.mul(p, i64x2.shl(t, 52));
}

/** exp(x) − 1 for x ≤ 0, with all its digits near 0. */
export function expm1(x: v128): v128 {
  x = f64x2.pmax(x, c64(1));
  const t = f64x2.add(f64x2.mul(x, c64(2)), c64(3));
  const n = f64x2.sub(t, c64(3));
  const r = madd(n, c64(5), madd(n, c64(4), x));
  let p = c64(6);
  for (let i = 7; i < 19; i++) p = madd(p, r, c64(i));
  const power = i64x2.shl(t, 52);
  return f64x2.add(f64x2.mul(power, f64x2.mul(p, r)), f64x2.sub(power, f64x2.splat(1)));
}

/** exp(x²)·erfc(x) for x ≥ 0. */
export function erfcx(x: v128): v128 {
  const y = f64x2.div(f64x2.sub(x, f64x2.splat(3.5)), f64x2.add(x, f64x2.splat(3.5)));
  let p = v128.load_splat<f64>(ERFC + 23 * 8);
  for (let at = ERFC + 22 * 8; at >= ERFC; at -= 8) p = madd(p, y, v128.load_splat<f64>(at));
  return f64x2.div(p, madd(f64x2.splat(2), x, f64x2.splat(1)));
}

/** exp(−x²/2) for |x| ≤ 1e150: what rounding takes from x² is put back, since in the tails a digit of it is one of the result. */
export function gaussian(x: v128): v128 {
  const split = f64x2.mul(f64x2.splat(134217729), x);
  const high = f64x2.sub(split, f64x2.sub(split, x));
  const low = f64x2.sub(x, high);
  const square = f64x2.mul(x, x);
  const twice = f64x2.mul(f64x2.add(high, high), low);
  const rest = f64x2.add(f64x2.add(f64x2.sub(f64x2.mul(high, high), square), twice), f64x2.mul(low, low));
  const half = f64x2.splat(-0.5);
  return f64x2.mul(exp(f64x2.mul(half, square)), f64x2.add(f64x2.splat(1), f64x2.mul(half, rest)));
}
