// Commands on vectors in panels, which stay in memory between the steps of a solver (MATH 10). Norms and dot products are
// accumulated in f64 whatever the type. Panels' unused lanes are zero in every vector.
//
// Of a team (base/team.ts) every member runs a command: each takes every norm for itself, over the whole vector, one
// coefficient is wholly one member's, and vectors change chunk by chunk, each chunk by one member, between barriers.
import { PAIR, read } from "./base/doubles";
import { splat, WORD } from "./base/simd";
import { barrier, shareEnd, shareStart } from "./base/team";

/** Lengths below this are multiplied by a power of 2 before they are divided by. */
const LEAST: f64 = sizeof<Real>() == 4 ? 1e-37 : 1e-307;
const LIFT: f64 = 18446744073709551616.0;

/** Numbers of a vector that are handled at a time, so that they stay in the first-level cache. */
const CHUNK: i32 = 2048;
/** A remainder below this share of the vector it was taken from is rounding, not a direction. */
export const NEGLIGIBLE: f64 = sizeof<Real>() == 4 ? 1e-6 : 1e-14;

// @ts-ignore: decorator
@inline
export function vector(table: usize, k: i32): usize {
  return load<u32>(table + (<usize>k << 2));
}

export function dot(n: i32, x: usize, y: usize): f64 {
  let sum0 = f64x2.splat(0), sum1 = sum0;
  let i = 0;
  if (sizeof<Real>() == 4) {
    for (; i + 4 <= n; i += 4) {
      const a = v128.load(x), b = v128.load(y);
      const aHigh = i8x16.shuffle(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
      const bHigh = i8x16.shuffle(b, b, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
      sum0 = f64x2.add(sum0, f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)));
      sum1 = f64x2.add(sum1, f64x2.mul(f64x2.promote_low_f32x4(aHigh), f64x2.promote_low_f32x4(bHigh)));
      x += 16;
      y += 16;
    }
  } else {
    for (; i + 4 <= n; i += 4) {
      sum0 = f64x2.add(sum0, f64x2.mul(v128.load(x), v128.load(y)));
      sum1 = f64x2.add(sum1, f64x2.mul(v128.load(x, 16), v128.load(y, 16)));
      x += 32;
      y += 32;
    }
  }
  const sum = f64x2.add(sum0, sum1);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** ‖x‖, also where its square is no double. */
export function norm(n: i32, x: usize): f64 {
  const square = dot(n, x, x);
  if (sizeof<Real>() == 4 || (square > 1e-260 && square < Infinity)) return Math.sqrt(square);
  const factor = square < 1 ? 3.273390607896142e150 : 3.054936363499605e-151; // 2^±500
  let sum: f64 = 0;
  for (const end = x + <usize>n * WORD; x < end; x += WORD) {
    const value = factor * <f64>load<Real>(x);
    sum += value * value;
  }
  return Math.sqrt(sum) / factor;
}

/** x += a·y. Vectors in panels are whole registers long. */
export function axpy(n: i32, a: Real, y: usize, x: usize): void {
  const factor = splat(a);
  for (const end = x + <usize>n * WORD; x < end; x += 16) {
    v128.store(x, v128.add<Real>(v128.load(x), v128.mul<Real>(factor, v128.load(y))));
    y += 16;
  }
}

export function scale(n: i32, a: Real, x: usize): void {
  const factor = splat(a);
  for (const end = x + <usize>n * WORD; x < end; x += 16) v128.store(x, v128.mul<Real>(factor, v128.load(x)));
}

/** The first number of this member's share of a vector, and the end of it. */
export function shareStartOf(n: i32): i32 {
  return shareStart((n + CHUNK - 1) / CHUNK) * CHUNK;
}

export function shareEndOf(n: i32): i32 {
  return min(n, shareEnd((n + CHUNK - 1) / CHUNK) * CHUNK);
}

/** w −= Q Qᵀ w for the first k vectors of a table, as two block products. */
export function project(n: i32, table: usize, k: i32, w: usize, coefficients: usize): void {
  const first = shareStart(k), end = shareEnd(k);
  memory.fill(coefficients + (<usize>first << 3), 0, <usize>(end - first) << 3);
  for (let at = 0; at < n; at += CHUNK) {
    const size = min(CHUNK, n - at);
    const offset = <usize>at * WORD;
    for (let i = first; i < end; i++) {
      const h = coefficients + (<usize>i << 3);
      store<f64>(h, load<f64>(h) + dot(size, vector(table, i) + offset, w + offset));
    }
  }
  barrier();
  for (let at = shareStartOf(n), end = shareEndOf(n); at < end; at += CHUNK) {
    const size = min(CHUNK, n - at);
    const offset = <usize>at * WORD;
    for (let i = 0; i < k; i++) {
      axpy(size, <Real>-load<f64>(coefficients + (<usize>i << 3)), vector(table, i) + offset, w + offset);
    }
  }
  barrier();
}

/** Kahan and Parlett's "twice is enough": a second pass only where the first has taken this share of the vector away. */
export const ENOUGH: f64 = 0.7;

/**
 * Makes w orthogonal to the first k vectors of a table and to unit length, and returns the length it had left. The
 * recurrence says that only the last of them, times `along`, is a part of w worth the name, so that one goes first.
 * A remainder below what rounding leaves of w becomes zero.
 */
export function orthonormalize(n: i32, table: usize, k: i32, along: f64, w: usize, coefficients: usize): f64 {
  const floor = NEGLIGIBLE * norm(n, w);
  if (k > 0) {
    const offset = <usize>shareStartOf(n) * WORD;
    barrier();
    axpy(shareEndOf(n) - shareStartOf(n), <Real>-along, vector(table, k - 1) + offset, w + offset);
    barrier();
    const before = norm(n, w);
    project(n, table, k, w, coefficients);
    if (norm(n, w) < ENOUGH * before) project(n, table, k, w, coefficients);
  }
  return normalize(n, w, floor);
}

/** Makes w a unit vector and returns its norm; a norm of `floor` or less makes it zero. */
export function normalize(n: i32, w: usize, floor: f64): f64 {
  const length = norm(n, w);
  const size = shareEndOf(n) - shareStartOf(n), share = w + <usize>shareStartOf(n) * WORD;
  barrier();
  // A number that is not finite fails this test and is returned as it is, for the host to refuse.
  if (length <= floor) {
    memory.fill(share, 0, <usize>size * WORD);
    barrier();
    return 0;
  }
  // The inverse of a subnormal norm has no place in the type: then in two steps.
  const small = length < LEAST;
  if (small) scale(size, <Real>LIFT, share);
  scale(size, <Real>(1.0 / (small ? length * LIFT : length)), share);
  barrier();
  return length;
}

/** ‖x − a·y‖, summed difference by difference. */
export function distance(n: i32, x: usize, y: usize, a: f64): f64 {
  const factor = f64x2.splat(a);
  let sum = f64x2.splat(0);
  for (const end = x + <usize>n * WORD; x < end; x += PAIR) {
    const difference = f64x2.sub(read(x), f64x2.mul(factor, read(y)));
    sum = f64x2.add(sum, f64x2.mul(difference, difference));
    y += PAIR;
  }
  return Math.sqrt(f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
}

/** V ← V(I − g gᵀ) for the first k vectors of a table and g in f64; `work` is room for CHUNK numbers. */
export function reflect(n: i32, table: usize, k: i32, g: usize, work: usize): void {
  for (let at = 0; at < n; at += CHUNK) {
    const size = min(CHUNK, n - at);
    const offset = <usize>at * WORD;
    memory.fill(work, 0, <usize>size * WORD);
    for (let i = 0; i < k; i++) axpy(size, <Real>load<f64>(g + (<usize>i << 3)), vector(table, i) + offset, work);
    for (let i = 0; i < k; i++) axpy(size, <Real>-load<f64>(g + (<usize>i << 3)), work, vector(table, i) + offset);
  }
}

/** to = Σ of the first k vectors of a table, each times its f64 coefficient. */
export function combine(n: i32, table: usize, k: i32, coefficients: usize, to: usize): void {
  for (let at = shareStartOf(n), end = shareEndOf(n); at < end; at += CHUNK) {
    const size = min(CHUNK, n - at);
    const offset = <usize>at * WORD;
    memory.fill(to + offset, 0, <usize>size * WORD);
    for (let i = 0; i < k; i++) {
      axpy(size, <Real>load<f64>(coefficients + (<usize>i << 3)), vector(table, i) + offset, to + offset);
    }
  }
}
