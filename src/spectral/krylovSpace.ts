// The Krylov space of an operator on a device: the vectors of a Golub–Kahan–Lanczos factorization, and the steps that
// lengthen and shorten it. Written once, on the commands that every device has (src/device/device.ts); the loop, the
// stopping rule and the bracket are above it.
import { checkFinite } from "../base/check.js";
import { sizeOf, type Tensor, tensor } from "../base/tensor.js";
import type { Basis, Device, Lease, Scalars, Vector } from "../device/device.js";
import type { DeviceOperator } from "../device/operator.js";
import { norm } from "../linalg/vector.js";
import type { KrylovOptions, KrylovSpace } from "./krylov.js";

/** Scalars on the device, by their index. */
const ALPHA = 0;
const BETA = 1;
const RESIDUAL = 2;

export class DeviceKrylovSpace<V extends Vector> implements KrylovSpace {
  readonly domainSize: number;
  readonly rangeSize: number;
  readonly vectorBytes: { readonly domain: number; readonly range: number };
  readonly dtype: "f32" | "f64";
  readonly roundoff: number;
  readonly mayUnderflow: boolean;
  readonly #op: DeviceOperator<V>;
  readonly #device: Device<V>;
  readonly #transposed: boolean;
  readonly #lease: Lease<V>;
  readonly #vs: Basis<V>;
  readonly #us: Basis<V>;
  readonly #scalars: Scalars;
  #iterated = false;
  /** Whether the last vector of the domain came of the last of the range, with BETA its coupling to it. */
  #coupled = false;

  /** The operator must live as long as the space. */
  constructor(op: DeviceOperator<V>, { transposed, maxSteps }: KrylovOptions) {
    const { device } = op;
    const [domain, range] = transposed ? [op.outShape, op.inShape] : [op.inShape, op.outShape];
    this.#op = op;
    this.#device = device;
    this.#transposed = transposed;
    this.domainSize = sizeOf(domain);
    this.rangeSize = sizeOf(range);
    this.vectorBytes = { domain: device.bytesOf(domain), range: device.bytesOf(range) };
    this.dtype = device.dtype;
    this.roundoff = op.roundoff;
    this.mayUnderflow = op.structure?.mayUnderflow ?? false;
    this.#lease = device.lease();
    try {
      this.#vs = this.#lease.basis(domain, maxSteps + 1, "the Krylov basis");
      this.#us = this.#lease.basis(range, maxSteps + 1, "the Krylov basis");
      this.#scalars = this.#lease.scalars(3, "a Krylov space");
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  async begin(start: Float64Array): Promise<void> {
    const v = this.#vs.at(0);
    this.#device.write(v, start, 1 / norm(start));
    this.#device.normalize(v, this.#scalars, BETA);
    this.#iterated = false;
    this.#coupled = false;
  }

  async bidiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    const [v, u, next] = [this.#vs.at(k), this.#us.at(k), this.#vs.at(k + 1)];
    await this.#apply(v, u);
    this.#device.orthonormalize(this.#us, k, this.#coupled ? BETA : undefined, u, this.#scalars, ALPHA);
    this.#coupled = true;
    await this.#applyTransposed(u, next);
    this.#device.orthonormalize(this.#vs, k + 1, ALPHA, next, this.#scalars, BETA);
    return this.#coefficients();
  }

  async tridiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    if (this.#us.size > 1) this.#us.clear();
    const [v, u, next] = [this.#vs.at(k), this.#us.at(0), this.#vs.at(k + 1)];
    await this.#apply(v, u);
    this.#device.normalize(u, this.#scalars, ALPHA);
    await this.#applyTransposed(u, next);
    this.#device.orthonormalize(this.#vs, k + 1, ALPHA, next, this.#scalars, BETA);
    return this.#coefficients();
  }

  async restart(reflections: readonly Float64Array[], size: number, kept: number, count: number): Promise<void> {
    for (const g of reflections) this.#device.reflect(this.#vs, g);
    for (let i = 0; i < count; i++) this.#vs.swap(kept + i, size + i);
  }

  async extend(k: number, fresh: Float64Array, dropped: boolean): Promise<number> {
    const v = this.#vs.at(k);
    if (dropped && this.#us.size >= k) this.#device.clear(this.#us.at(k - 1));
    this.#coupled = false;
    this.#device.write(v, fresh, 1 / norm(fresh));
    this.#device.orthonormalize(this.#vs, k, undefined, v, this.#scalars, BETA);
    return (await this.#coefficients()).beta;
  }

  async iterate(): Promise<{ sigma: number; residual: number }> {
    if (this.#iterated) this.#vs.swap(0, 1);
    this.#iterated = true;
    const [v, u, next] = [this.#vs.at(0), this.#us.at(0), this.#vs.at(1)];
    await this.#apply(v, u);
    this.#device.normalize(u, this.#scalars, ALPHA);
    await this.#applyTransposed(u, next);
    // ‖Aᵀu − alpha·v‖² = ‖Aᵀu‖² − 2·alpha·⟨Aᵀu, v⟩ + alpha² cancels; the difference is summed term by term.
    this.#device.distance(next, ALPHA, v, this.#scalars, RESIDUAL);
    this.#device.normalize(next, this.#scalars, BETA);
    const scalars = await this.#device.results(this.#scalars);
    return { sigma: scalars[ALPHA], residual: scalars[RESIDUAL] };
  }

  async ritzPair(q: Float64Array): Promise<{ domain: Tensor; range: Tensor; stretch: number }> {
    this.#us.clear();
    const lease = this.#device.lease();
    try {
      const x = lease.vector(this.#vs.shape, "a singular vector");
      const y = lease.vector(this.#us.shape, "a singular vector");
      this.#device.combine(this.#vs, q, x);
      this.#device.normalize(x, this.#scalars, BETA);
      await this.#apply(x, y);
      this.#device.normalize(y, this.#scalars, ALPHA);
      const { alpha: stretch } = await this.#coefficients();
      return { domain: await this.#readOut(x), range: await this.#readOut(y), stretch };
    } finally {
      lease.dispose();
    }
  }

  dispose(): void {
    this.#lease.dispose();
  }

  #apply(from: V, to: V): void | Promise<void> {
    return this.#transposed ? this.#op.vjp(from, to) : this.#op.jvp(from, to);
  }

  #applyTransposed(from: V, to: V): void | Promise<void> {
    return this.#transposed ? this.#op.jvp(from, to) : this.#op.vjp(from, to);
  }

  async #coefficients(): Promise<{ alpha: number; beta: number }> {
    const scalars = await this.#device.results(this.#scalars);
    return { alpha: scalars[ALPHA], beta: scalars[BETA] };
  }

  async #readOut(vector: V): Promise<Tensor> {
    const data = await this.#device.read(vector);
    checkFinite("a singular vector", data, vector.shape);
    return tensor(data, [...vector.shape]);
  }
}
