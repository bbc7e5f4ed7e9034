// What a device is to everything above it: vectors, and commands on them. WebAssembly executes a command at once; WebGPU
// appends it to a batch that the next `results` or `read` sends in one submit; the host device is plain JavaScript, for
// operators that a user brings. Operators (operator.ts) and the Krylov space (src/spectral/krylovSpace.ts) are written
// on these commands once, for every device.
import type { Disposable } from "../base/disposable.js";
import type { RealArray } from "../base/tensor.js";

/** Numbers of tokens [n, d] that live on a device until their lease ends. */
export interface Vector {
  readonly shape: readonly number[];
}

/** Numbers of doubles on a device that commands write and read, each by its index. */
export interface Scalars {
  readonly count: number;
}

/** Vectors of one shape, made as they are asked for. */
export interface Basis<V extends Vector = Vector> {
  readonly shape: readonly number[];
  /** Vectors that there are. */
  readonly size: number;
  /** Vector k, k ≤ size; makes room for it where k = size. */
  at(k: number): V;
  /** Exchanges two vectors. */
  swap(i: number, k: number): void;
  /** Gives all vectors up, and their memory. */
  clear(): void;
}

/**
 * The one owner of device memory: what is taken from a lease lives until the lease is disposed of, once, and until
 * what was recorded on it has run.
 */
export interface Lease<V extends Vector = Vector> extends Disposable {
  /** A vector of zeros. @throws OutOfMemoryError that names `what` */
  vector(shape: readonly number[], what: string): V;
  /** An empty basis of at most `most` vectors. */
  basis(shape: readonly number[], most: number, what: string): Basis<V>;
  /** Zeros. */
  scalars(count: number, what: string): Scalars;
  /** Calls `end` when the lease is disposed of: what is in it may need something else to live as long. */
  atEnd(end: () => void): void;
}

export interface Device<V extends Vector = Vector> {
  readonly name: "wasm" | "webgpu" | "host";
  /** Of the vectors. Norms and dot products are accumulated in f64, or in many short sums of f32 (WebGPU). */
  readonly dtype: "f32" | "f64";
  /** Bytes of a vector of that shape. */
  bytesOf(shape: readonly number[]): number;
  /** An empty lease. */
  lease(): Lease<V>;

  /** to ← factor·data, row-major. */
  write(to: V, data: ArrayLike<number>, factor?: number): void;
  /** Runs what was recorded, and copies a vector out, row-major. */
  read(from: V): Promise<RealArray>;
  /** Runs what was recorded, and copies the scalars out. */
  results(scalars: Scalars): Promise<Float64Array>;

  /** to ← 0. */
  clear(to: V): void;
  /** to ← from, of as many numbers. */
  copy(from: V, to: V): void;
  /** to ← to + factor·from. */
  add(factor: number, from: V, to: V): void;
  /** to ← a ∘ b, elementwise. */
  multiply(a: V, b: V, to: V): void;
  /**
   * Makes w orthogonal to the first `count` vectors of a basis, twice where that is needed, and a unit vector; its length
   * before it was divided goes to scalars[slot]. A remainder that is rounding makes w and the length zero. `along`, the
   * index of a scalar, says that w holds at least that multiple of the last of them, which is taken away first.
   */
  orthonormalize(basis: Basis<V>, count: number, along: number | undefined, w: V, scalars: Scalars, slot: number): void;
  /** Makes w a unit vector unless it is zero; its length goes to scalars[slot]. */
  normalize(w: V, scalars: Scalars, slot: number): void;
  /** scalars[slot] ← ‖x − scalars[factor]·y‖, summed difference by difference. */
  distance(x: V, factor: number, y: V, scalars: Scalars, slot: number): void;
  /** to ← Σ coefficients[k]·(vector k of the basis). */
  combine(basis: Basis<V>, coefficients: Float64Array, to: V): void;
  /** V ← V(I − g gᵀ) for V the first g.length vectors of a basis. */
  reflect(basis: Basis<V>, g: Float64Array): void;
}
