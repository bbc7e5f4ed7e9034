// The solvers' step body on WebGPU: one submit a step, vectors that stay on the GPU, a few scalars read back.
import { checkFinite, throwIfDisposed } from "../../check.js";
import type { KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { type Tensor, tensor } from "../../tensor.js";
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
  readonly #p: View;
  readonly #q: View;
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
    try {
      const region = this.#region;
      const most = maxSteps + 1;
      this.#vs = new Basis(region, this.domainSize, most);
      this.#us = new Basis(region, this.rangeSize, most);
      this.#scalars = region.words(6, "a Krylov space");
      this.#p = region.words(most, "a Krylov space");
      this.#q = region.words(most, "a Krylov space");
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
    this.#throwIfDisposed();
    const [v, u, next] = [this.#vs.vector(k), this.#us.vector(k), this.#vs.vector(k + 1)];
    const record = (batch: Batch) => {
      // From the work space, so that every step uses the same bind groups.
      batch.copy(v, this.#v);
      this.#apply(batch, this.#v, this.#u);
      this.#range.recordNormalize(batch, this.#u, 0, NEGLIGIBLE, () =>
        this.#range.recordOrthogonalize(batch, this.#us.blocks(k), this.#u),
      );
      batch.copy(this.#u, u);
      this.#applyTransposed(batch, this.#u, this.#v);
      this.#domain.recordNormalize(batch, this.#v, 1, NEGLIGIBLE, () =>
        this.#domain.recordOrthogonalize(batch, this.#vs.blocks(k + 1), this.#v),
      );
      batch.copy(this.#v, next);
    };
    const [scalars] = await this.#gpu.run(record, [this.#scalars], this.#region);
    return { alpha: normOf(scalars.subarray(0, 3), NEGLIGIBLE), beta: normOf(scalars.subarray(3), NEGLIGIBLE) };
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

  async combine(p: Float64Array, q: Float64Array): Promise<{ range: Tensor; domain: Tensor }> {
    this.#throwIfDisposed();
    const record = (batch: Batch) => {
      this.#recordRange(batch, p);
      this.#recordDomain(batch, q);
    };
    const [u, v] = await this.#gpu.run(record, [this.#u, this.#v], this.#region);
    const { inShape, outShape } = this.#primal;
    const [domain, range] = this.#transposed ? [outShape, inShape] : [inShape, outShape];
    checkFinite("a singular vector", u, range);
    checkFinite("a singular vector", v, domain);
    return { range: tensor(u, [...range]), domain: tensor(v, [...domain]) };
  }

  async stretch(q: Float64Array): Promise<number> {
    this.#throwIfDisposed();
    const record = (batch: Batch) => {
      this.#recordDomain(batch, q);
      this.#apply(batch, this.#v, this.#u);
    };
    const [x, y] = await this.#gpu.run(record, [this.#v, this.#u], this.#region);
    return norm(y) / norm(x);
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

  /** Σ p_k u_k into the work space of the range, and Σ q_k v_k into that of the domain. */
  #recordRange(batch: Batch, p: Float64Array): void {
    write(this.#gpu.device, this.#p, p);
    this.#range.recordCombine(batch, this.#us.blocks(p.length), this.#p, this.#u);
  }

  #recordDomain(batch: Batch, q: Float64Array): void {
    write(this.#gpu.device, this.#q, q);
    this.#domain.recordCombine(batch, this.#vs.blocks(q.length), this.#q, this.#v);
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
