// The commands of a device on vectors in panels (src/device/device.ts), as the host calls them. Lengths go to f64 scalars
// in memory, so that a command can read what another has left there.
import { WORD } from "./base/simd";
import { axpy, combine, distance, normalize, orthonormalize, reflect, shareEndOf, shareStartOf } from "./vectors";

/** Vectors of one size: pointers (u32) to them, and as many f64 of work space. */
@unmanaged export class Basis {
  size: i32;
  vectors: usize;
  coefficients: usize;
}

export function clear(n: i32, to: usize): void {
  memory.fill(to, 0, <usize>n * WORD);
}

export function copy(n: i32, from: usize, to: usize): void {
  memory.copy(to, from, <usize>n * WORD);
}

/** to += factor·from. */
export function add(n: i32, factor: f64, from: usize, to: usize): void {
  const share = shareStartOf(n), offset = <usize>share * WORD;
  axpy(shareEndOf(n) - share, <Real>factor, from + offset, to + offset);
}

/** to = a ∘ b; `to` may be either. */
export function multiplyElements(n: i32, a: usize, b: usize, to: usize): void {
  const end = <usize>shareEndOf(n) * WORD;
  for (let at = <usize>shareStartOf(n) * WORD; at < end; at += 16) {
    v128.store(to + at, v128.mul<Real>(v128.load(a + at), v128.load(b + at)));
  }
}

/** Makes w orthogonal to the first k vectors and a unit vector; `along` and `length` are scalars, `along` 0 if unknown. */
export function orthonormalizeAgainst(b: Basis, k: i32, along: usize, w: usize, length: usize): void {
  const factor = along ? load<f64>(along) : 0;
  store<f64>(length, orthonormalize(b.size, b.vectors, k, factor, w, b.coefficients));
}

/** Makes w a unit vector unless it is zero. */
export function normalizeInto(n: i32, w: usize, length: usize): void {
  store<f64>(length, normalize(n, w, 0));
}

/** ‖x − factor·y‖ for a scalar `factor`. */
export function distanceInto(n: i32, x: usize, factor: usize, y: usize, length: usize): void {
  store<f64>(length, distance(n, x, y, load<f64>(factor)));
}

/** to = Σ of the first k vectors, each times its coefficient. */
export function combineBasis(b: Basis, k: i32, to: usize): void {
  combine(b.size, b.vectors, k, b.coefficients, to);
}

/** V ← V(I − g gᵀ) for the first k vectors, with g in the coefficients; `work` is room for CHUNK numbers. */
export function reflectBasis(b: Basis, k: i32, work: usize): void {
  reflect(b.size, b.vectors, k, b.coefficients, work);
}
