// The Jacobian of attention at one input: the primal once, then products with J and Jᵀ that reuse it.

import { checkFinite, checkTensor, throwIfDisposed, wrongValue } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type RealArray, type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { BlockNormOptions } from "../../jacobian/blockNorms.js";
import type { LocalBounds } from "../../jacobian/upperBound.js";
import { resolveMask } from "../../layers/attention/mask.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { Core, HasCore } from "../../spectral/core.js";
import type { HasPattern } from "../../spectral/guess.js";
import type { HasKrylovSpace, KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { spectralNorm } from "../../spectral/spectralNorm.js";
import type { Linearization } from "../linearization.js";
import { applyKernel } from "./apply.js";
import { WasmCore } from "./core.js";
import type { EntrySums } from "./entrySums.js";
import { borrow, Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { WasmKrylovSpace } from "./krylov.js";
import { PRIMAL, panelSize, ROW, readPanels, writePanels, writeStruct } from "./layout.js";
import type { Lockstep } from "./lockstep.js";
import { patternDirection, readProbabilities } from "./patterns.js";
import type { ReducedLayer } from "./reducedLayer.js";
import {
  gradientSpace,
  largestScore,
  multiplyAdds,
  primalSpace,
  roundoffAt,
  writeRotations,
  writeSeen,
} from "./space.js";
import { type Tiling, tileMask } from "./tiles.js";
import type { LayerSizes, PackedLayer } from "./weights.js";

/** Of `norm(2)`: some hundred times what it needs. */
const NORM_STEPS = 1000;

/** A layer's weights as its linearizations see them: one use each, until released. */
export interface SharedWeights {
  readonly layer: PackedLayer;
  /** With the mask and the rotations of the linearization that asks. */
  unpack(sizes: LayerSizes): ResolvedSpec;
  release(): void;
  valueMap(): Linearization;
  /** The layer in fewer coordinates, where that pays. */
  reduced(): ReducedLayer | undefined;
}

export class WasmLinearization extends Held implements Linearization, HasCore, HasKrylovSpace, HasPattern {
  readonly inShape: number[];
  readonly outShape: number[];
  readonly output: Tensor;
  readonly #kernels: Kernels;
  readonly #region: Region;
  readonly #spec: LayerSizes;
  readonly #tiling: Tiling;
  readonly #primal: number;
  readonly #roundoff: number;
  readonly #input: number;
  #entrySums?: Promise<EntrySums>;
  readonly #weights: SharedWeights;
  readonly #lockstep?: Lockstep;
  #users = 1;
  #disposed = false;

  /** @param lockstep whose steps the solvers of this linearization take part in, until it is disposed of */
  constructor(
    kernels: Kernels,
    region: Region,
    spec: LayerSizes,
    weights: SharedWeights,
    input: Tensor,
    lockstep?: Lockstep,
  ) {
    super();
    const { heap } = region;
    const n = input.shape[0];
    this.#kernels = kernels;
    this.#region = region;
    this.#spec = spec;
    this.#weights = weights;
    this.inShape = [n, spec.dIn];
    this.outShape = [n, spec.dOut];
    const mask = resolveMask(spec.mask, n);
    const tiling = tileMask(mask, ROW / heap.word);
    this.#tiling = tiling;
    const members = kernels.membersFor(multiplyAdds(spec, n));
    const { at, copies } = primalSpace(region, spec, n, tiling, mask.allowed !== undefined, members);
    const [fields] = copies;
    this.#primal = at;
    this.#input = fields.x;

    heap
      .reals(fields.lo, tiling.panels * (ROW / heap.word))
      .fill(0)
      .set(mask.lo);
    heap
      .reals(fields.hi, tiling.panels * (ROW / heap.word))
      .fill(0)
      .set(mask.hi);
    writeSeen(region, fields.seen, tiling.panels * (ROW / heap.word), mask);
    const bytes = new Uint8Array(heap.memory.buffer);
    bytes.set(tiling.tiles, fields.tiles);
    if (mask.allowed) bytes.set(mask.allowed, fields.allowed);
    for (const name of ["groupFirst", "groupEnd", "groupOffset"] as const) {
      new Uint32Array(heap.memory.buffer, fields[name], tiling.groups).set(tiling[name]);
    }
    if (spec.frequencies) writeRotations(region, fields.cos, fields.sin, n, spec.frequencies);
    writePanels(heap, fields.x, input.data, n, spec.dIn);
    const copyAt = (member: number) => at + member * PRIMAL.bytes;
    for (const [member, copy] of copies.entries()) {
      writeStruct(heap, copyAt(member), PRIMAL, { ...copy, layer: weights.layer.at });
    }

    this.output = borrow(heap, (work) => {
      const y = work.reals(panelSize(heap, n, spec.dOut), "the output");
      kernels.attend(at, y);
      return tensor(readPanels(heap, y, n, spec.dOut), this.outShape);
    });
    if (!Number.isFinite(largestScore(heap, at, members))) {
      throw new RangeError(
        `"x": the attention scores overflow ${heap.word === 4 ? "f32; use dtype f64, or scale x or the weights down" : "f64; scale x or the weights down"}`,
      );
    }
    checkFinite("the layer's output (an overflow: scale x or the weights down)", this.output.data, this.outShape);
    this.#roundoff = roundoffAt(heap, at, members);
    this.#lockstep = lockstep;
    lockstep?.join();
  }

  async jvp(u: TensorLike): Promise<Tensor> {
    return this.#apply("u", u, this.inShape, this.outShape, this.#kernels.jvp);
  }

  async vjp(v: TensorLike): Promise<Tensor> {
    return this.#apply("v", v, this.outShape, this.inShape, this.#kernels.vjp);
  }

  async toDense(): Promise<Tensor> {
    throwIfDisposed("linearization", this.#disposed);
    const { heap } = this.#region;
    const [n, dIn] = this.inShape;
    const { dOut } = this.#spec;
    return borrow(heap, (work) => {
      const rows = n * dOut;
      const columns = n * dIn;
      const out = work.reals(rows * columns, "the dense Jacobian");
      const u = work.reals(panelSize(heap, n, dIn), "a tangent");
      const y = work.reals(panelSize(heap, n, dOut), "a tangent");
      this.#kernels.dense(this.#primal, u, y, out);
      return tensor(heap.reals(out, rows * columns).slice(), [rows, columns]);
    });
  }

  async gradient(u: TensorLike, v: TensorLike): Promise<Tensor> {
    throwIfDisposed("linearization", this.#disposed);
    const { heap } = this.#region;
    const [n, dIn] = this.inShape;
    const { dOut } = this.#spec;
    const right = checkTensor("u", u, this.inShape);
    const left = checkTensor("v", v, this.outShape);
    return borrow(heap, (work) => {
      const source = work.reals(panelSize(heap, n, dIn), "a tangent");
      const cotangent = work.reals(panelSize(heap, n, dOut), "a tangent");
      const target = work.reals(panelSize(heap, n, dIn), "a gradient");
      const space = gradientSpace(work, this.#spec, this.#primal, this.#tiling);
      writePanels(heap, source, right.data, n, dIn);
      writePanels(heap, cotangent, left.data, n, dOut);
      this.#kernels.gradient(space, source, cotangent, target);
      return tensor(readPanels(heap, target, n, dIn), [...this.inShape]);
    });
  }

  async norm(order: number | "fro"): Promise<number> {
    throwIfDisposed("linearization", this.#disposed);
    if (order === 2) {
      const { sigma, status, message } = await spectralNorm(this, { maxSteps: NORM_STEPS });
      if (status === "step-limit") throw new RangeError(`norm(2): ${message}; spectralNorm takes other options`);
      return sigma;
    }
    if (order !== 1 && order !== Number.POSITIVE_INFINITY && order !== "fro") {
      throw wrongValue("order", '1, 2, Infinity or "fro"', order);
    }
    this.#entrySums ??= this.#held(async () => {
      const { entrySums, hostPrimal } = await import("./norms.js");
      return entrySums(this.#kernels, this.#region.heap, hostPrimal(...this.#specAndInput()));
    });
    this.#entrySums.catch(() => {
      this.#entrySums = undefined;
    });
    const { one, infinity, frobenius } = await this.#entrySums;
    return order === 1 ? one : order === "fro" ? frobenius : infinity;
  }

  async blockNorms(options?: BlockNormOptions): Promise<Tensor> {
    throwIfDisposed("linearization", this.#disposed);
    const { heap } = this.#region;
    const n = this.inShape[0];
    const region = new Region(heap);
    return this.#held(async () => {
      try {
        const { blockNorms, hostPrimal, WasmBlockProducts } = await import("./norms.js");
        const primal = hostPrimal(...this.#specAndInput());
        const layer = this.#weights.layer;
        const products = new WasmBlockProducts(this.#kernels, region, layer, primal);
        const { norms } = await blockNorms(products, n, options);
        return tensor(heap.word === 4 ? Float32Array.from(norms) : norms, [n, n]);
      } finally {
        region.free();
      }
    });
  }

  async upperBound(): Promise<LocalBounds> {
    throwIfDisposed("linearization", this.#disposed);
    return this.#held(async () => {
      const { hostPrimal, upperBound } = await import("./norms.js");
      return upperBound(hostPrimal(...this.#specAndInput()), this.#weights);
    });
  }

  async krylov(options: KrylovOptions): Promise<KrylovSpace> {
    throwIfDisposed("linearization", this.#disposed);
    this.#users++;
    const region = new Region(this.#region.heap);
    try {
      const release = () => this.#free();
      const lockstep = this.#lockstep;
      return new WasmKrylovSpace(this.#kernels, region, this.#primal, this, options, this.#roundoff, release, lockstep);
    } catch (error) {
      region.free();
      this.#free();
      throw error;
    }
  }

  core(): Core | undefined {
    throwIfDisposed("linearization", this.#disposed);
    const layer = this.#weights.reduced();
    if (!layer) return undefined;
    const region = new Region(this.#region.heap);
    this.#users++;
    try {
      const n = this.inShape[0];
      const release = () => this.#free();
      const lockstep = this.#lockstep;
      return new WasmCore(this.#kernels, region, layer, this.#primal, n, this.#roundoff, release, lockstep);
    } catch (error) {
      region.free();
      this.#free();
      throw error;
    }
  }

  async patternDirection(): Promise<Float64Array> {
    throwIfDisposed("linearization", this.#disposed);
    return patternDirection(this.#kernels, this.#region.heap, this.#primal, this.inShape[0], this.#tiling);
  }

  /** The layer at a single token, where attention is the identity: its value and output maps as one operator. */
  async valueMap(): Promise<Linearization> {
    throwIfDisposed("linearization", this.#disposed);
    return this.#weights.valueMap();
  }

  /** The same object for every linearization of a layer. */
  get layerIdentity(): object {
    return this.#weights;
  }

  /** [heads, n, n]. */
  probabilities(): Tensor {
    const { heads } = this.#spec;
    return readProbabilities(this.#kernels, this.#region.heap, this.#primal, heads, this.inShape[0], this.#tiling);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#lockstep?.leave();
    this.#free();
  }

  #apply(
    label: string,
    vector: TensorLike,
    from: number[],
    to: number[],
    kernel: (primal: number, from: number, to: number) => void,
  ): Tensor {
    throwIfDisposed("linearization", this.#disposed);
    const { heap } = this.#region;
    const { data } = checkTensor(label, vector, from);
    return applyKernel(heap, data, from, to, (source, target) => kernel(this.#primal, source, target));
  }

  /** Keeps this linearization's memory until `use` is done, whoever disposes of it meanwhile. */
  async #held<T>(use: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await use();
    } finally {
      this.#free();
    }
  }

  /** The layer and this input, as the device holds them. */
  #specAndInput(): [ResolvedSpec, RealArray] {
    const [n, dIn] = this.inShape;
    return [this.#weights.unpack(this.#spec), readPanels(this.#region.heap, this.#input, n, dIn)];
  }

  #free(): void {
    if (--this.#users > 0) return;
    this.#region.free();
    this.#weights.release();
  }
}
