// The solvers' step body on WebGPU: one submit a step, vectors that stay on the GPU, a few scalars read back.
import { checkFinite, throwIfDisposed } from "../../base/check.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import type { KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { Basis } from "./basis.js";
import type { Batch } from "./batch.js";
import type { Gpu } from "./gpu.js";
import { type Region, type View, write } from "./memory.js";
import type { Primal } from "./primal.js";
import { normOf, VECTOR_KERNELS, VectorWork } from "./vectors.js";

export const KRYLOV_KERNELS = VECTOR_KERNELS;

/** A remainder below this share of the vector it was taken from is rounding, not a direction. */
const NEGLIGIBLE = 1e-6;

export interface KrylovOwner {
  /** A lower bound of ‖A v‖/‖v‖ computed in f64, if that is quickly done. */
  certify(v: Tensor): Promise<number | undefined> | undefined;
  /** Called once, when this space is no longer in use. */
  release(): void;
}

export class WebGpuKrylovSpace implements KrylovSpace {
  readonly dtype = "f32";
  readonly domainSize: number;
  readonly rangeSize: number;
  readonly vectorBytes: { readonly domain: number; readonly range: number };
  readonly #gpu: Gpu;
  readonly #region: Region;
  readonly #primal: Primal;
  readonly #transposed: boolean;
  readonly #owner: KrylovOwner;
  readonly #vs: Basis;
  readonly #us: Basis;
  /** Work space: a vector of the domain and of the range. */
  readonly #v: View;
  readonly #u: View;
  readonly #domain: VectorWork;
  readonly #range: VectorWork;
  readonly #scalars: View;
  readonly #coefficients: View;
  /** The vector that power iteration goes on from, once there is one. */
  readonly #next: View;
  #iterated = false;
  #disposed = false;

  constructor(
    gpu: Gpu,
    primal: Primal,
    options: KrylovOptions,
    readonly roundoff: number,
    owner: KrylovOwner,
  ) {
    const { n, sizes } = primal;
    const { transposed, maxSteps } = options;
    this.#gpu = gpu;
    this.#region = gpu.region();
    this.#primal = primal;
    this.#transposed = transposed;
    this.#owner = owner;
    [this.#v, this.#u] = transposed ? [primal.range, primal.domain] : [primal.domain, primal.range];
    [this.domainSize, this.rangeSize] = transposed ? [n * sizes.dOut, n * sizes.dIn] : [n * sizes.dIn, n * sizes.dOut];
    this.vectorBytes = { domain: 4 * this.domainSize, range: 4 * this.rangeSize };
    try {
      const region = this.#region;
      const most = maxSteps + 1;
      this.#vs = new Basis(region, this.domainSize, most);
      this.#us = new Basis(region, this.rangeSize, most);
      this.#scalars = region.words(6, "a Krylov space");
      this.#coefficients = region.words(most, "a Krylov space");
      this.#next = region.words(this.domainSize, "a Krylov space");
      this.#domain = new VectorWork(region, this.domainSize, most, this.#scalars);
      this.#range = new VectorWork(region, this.rangeSize, most, this.#scalars);
    } catch (error) {
      this.#region.free();
      throw error;
    }
  }

  async begin(start: Float64Array): Promise<void> {
    this.#throwIfDisposed();
    let squares = 0;
    for (const value of start) squares += value * value;
    const norm = Math.sqrt(squares);
    this.#iterated = false;
    write(
      this.#gpu.device,
      this.#vs.vector(0),
      Float32Array.from(start, (value) => value / norm),
    );
    await this.#region.ready();
  }

  async bidiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    return this.#advance(k, (batch) => this.#range.recordOrthogonalize(batch, this.#us.blocks(k), this.#u), true);
  }

  async tridiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    this.#us.free();
    return this.#advance(k, () => undefined, false);
  }

  async restart(reflections: readonly Float64Array[], size: number, kept: number): Promise<void> {
    this.#throwIfDisposed();
    for (const g of reflections) {
      const record = (batch: Batch) => {
        write(this.#gpu.device, this.#coefficients, g);
        this.#domain.recordCombine(batch, this.#vs.blocks(size), this.#coefficients, this.#v);
        for (let i = 0; i < size; i++) {
          this.#domain.recordSubtract(batch, this.#v, this.#coefficients, i, this.#vs.vector(i));
        }
      };
      await this.#gpu.run(record, [], this.#region);
    }
    const move = (batch: Batch) => {
      // By way of the work space: both may be in one buffer, which cannot be copied to itself.
      batch.copy(this.#vs.vector(size), this.#v);
      batch.copy(this.#v, this.#vs.vector(kept));
    };
    await this.#gpu.run(move, [], this.#region);
  }

  async iterate(): Promise<{ sigma: number; residual: number }> {
    this.#throwIfDisposed();
    const [v, u] = [this.#vs.vector(0), this.#us.vector(0)];
    const goesOn = this.#iterated;
    this.#iterated = true;
    const record = (batch: Batch) => {
      if (goesOn) batch.copy(this.#next, v);
      this.#apply(batch, v, this.#u);
      this.#range.recordNormalize(batch, this.#u, 0, 0);
      batch.copy(this.#u, u);
      this.#applyTransposed(batch, this.#u, this.#v);
      this.#domain.recordDifference(batch, this.#v, v);
      this.#domain.recordNormalize(batch, this.#v, 1, 0);
      batch.copy(this.#v, this.#next);
    };
    const results = [this.#scalars, this.#domain.differences];
    const [scalars, squares] = await this.#gpu.run(record, results, this.#region);
    const sigma = normOf(scalars.subarray(0, 3), 0);
    return { sigma, residual: sigma * Math.sqrt(squares.reduce((sum, part) => sum + part, 0)) };
  }

  async ritzPair(q: Float64Array): Promise<{ domain: Tensor; range: Tensor; stretch: number }> {
    this.#throwIfDisposed();
    const record = (batch: Batch) => {
      write(this.#gpu.device, this.#coefficients, q);
      this.#domain.recordCombine(batch, this.#vs.blocks(q.length), this.#coefficients, this.#v);
      this.#apply(batch, this.#v, this.#u);
    };
    const [x, y] = await this.#gpu.run(record, [this.#v, this.#u], this.#region);
    const { inShape, outShape } = this.#primal;
    const [domain, range] = this.#transposed ? [outShape, inShape] : [inShape, outShape];
    const length = norm(y);
    const left = length === 0 ? y : y.map((value) => value / length);
    checkFinite("a singular vector", x, domain);
    checkFinite("a singular vector", left, range);
    return { domain: tensor(x, [...domain]), range: tensor(left, [...range]), stretch: length / norm(x) };
  }

  async certifiedStretch(v: Tensor): Promise<number | undefined> {
    this.#throwIfDisposed();
    return this.#owner.certify(v);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#region.free();
    this.#owner.release();
  }

  /** Step k, in which `project` takes from A v_k what is known of it; its direction may be kept. */
  async #advance(k: number, project: (batch: Batch) => void, keep: boolean): Promise<{ alpha: number; beta: number }> {
    this.#throwIfDisposed();
    const [v, next] = [this.#vs.vector(k), this.#vs.vector(k + 1)];
    const record = (batch: Batch) => {
      // From the work space, so that every step uses the same bind groups.
      batch.copy(v, this.#v);
      this.#apply(batch, this.#v, this.#u);
      this.#range.recordNormalize(batch, this.#u, 0, keep ? NEGLIGIBLE : 0, () => project(batch));
      if (keep) batch.copy(this.#u, this.#us.vector(k));
      this.#applyTransposed(batch, this.#u, this.#v);
      this.#domain.recordNormalize(batch, this.#v, 1, NEGLIGIBLE, () =>
        this.#domain.recordOrthogonalize(batch, this.#vs.blocks(k + 1), this.#v),
      );
      batch.copy(this.#v, next);
    };
    const [scalars] = await this.#gpu.run(record, [this.#scalars], this.#region);
    const alpha = normOf(scalars.subarray(0, 3), keep ? NEGLIGIBLE : 0);
    return { alpha, beta: normOf(scalars.subarray(3), NEGLIGIBLE) };
  }

  #throwIfDisposed(): void {
    throwIfDisposed("Krylov space", this.#disposed);
  }

  #apply(batch: Batch, from: View, to: View): void {
    if (this.#transposed) this.#primal.recordVjp(batch, from, to);
    else this.#primal.recordJvp(batch, from, to);
  }

  #applyTransposed(batch: Batch, from: View, to: View): void {
    if (this.#transposed) this.#primal.recordJvp(batch, from, to);
    else this.#primal.recordVjp(batch, from, to);
  }
}

/** In f64. */
function norm(x: Float32Array): number {
  let squares = 0;
  for (const value of x) squares += value * value;
  return Math.sqrt(squares);
}
