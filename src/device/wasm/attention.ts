// Attention on the WebAssembly device: weights packed once, shared by the linearizations made from it.

import { checkInteger, checkTensor, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { Attention } from "../../measure/createRuntime.js";
import type { HasKrylovSpace } from "../../spectral/krylov.js";
import type { Linearization, Linearizer, StepsTogether } from "../linearization.js";
import { Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { type SharedWeights, WasmLinearization } from "./linearization.js";
import { Lockstep } from "./lockstep.js";
import { type ReducedLayer, reduceLayer } from "./reducedLayer.js";
import { headSpec, type LayerSizes, type PackedLayer, packLayer, unpackLayer } from "./weights.js";

export class WasmAttention extends Held implements Attention, StepsTogether {
  readonly dIn: number;
  readonly dOut: number;
  readonly heads: number;
  readonly #kernels: Kernels;
  readonly #region: Region;
  readonly #sizes: LayerSizes;
  readonly #layer: PackedLayer;
  readonly #weights: SharedWeights;
  #reduced?: ReducedLayer | "none";
  /** The attention itself and its linearizations read the weights; the last one to go frees them. */
  #users = 1;
  #disposed = false;

  constructor(kernels: Kernels, region: Region, spec: ResolvedSpec) {
    super();
    this.#kernels = kernels;
    this.#region = region;
    this.#sizes = withoutWeights(spec);
    this.dIn = spec.dIn;
    this.dOut = spec.dOut;
    this.heads = spec.heads;
    try {
      this.#layer = packLayer(kernels, region, spec);
    } catch (error) {
      region.free();
      throw error;
    }
    const alone: LayerSizes = { ...this.#sizes, mask: "none", frequencies: undefined };
    this.#weights = {
      layer: this.#layer,
      unpack: (sizes) => unpackLayer(this.#region.heap, this.#layer, sizes),
      release: () => this.#release(),
      reduced: () => this.#reduce(),
      valueMap: () => this.#at(tensor(new Float64Array(this.dIn), [1, this.dIn]), alone),
    };
  }

  async forward(x: TensorLike): Promise<Tensor> {
    const linearization = this.#linearize(x);
    linearization.dispose();
    return linearization.output;
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    const linearization = this.#linearize(x);
    try {
      return linearization.probabilities();
    } finally {
      linearization.dispose();
    }
  }

  async linearize(x: TensorLike): Promise<Linearization & HasKrylovSpace> {
    return this.#linearize(x);
  }

  async together(): Promise<Linearizer> {
    throwIfDisposed("attention", this.#disposed);
    // All threads share the step of one input, and would not share that of several.
    if (this.#region.heap.shared) return this;
    const lockstep = new Lockstep(this.#kernels, this.#region.heap, this.#sizes);
    return { linearize: async (x) => this.#linearize(x, lockstep) };
  }

  head(index: number): Attention {
    throwIfDisposed("attention", this.#disposed);
    checkInteger("head", index, 0, this.heads - 1);
    const spec = headSpec(this.#region.heap, this.#layer, this.#sizes, index);
    return new WasmAttention(this.#kernels, new Region(this.#region.heap), spec);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
  }

  #linearize(x: TensorLike, lockstep?: Lockstep): WasmLinearization {
    throwIfDisposed("attention", this.#disposed);
    return this.#at(checkTensor("x", x, [-1, this.dIn]), this.#sizes, lockstep);
  }

  #at(input: Tensor, sizes: LayerSizes, lockstep?: Lockstep): WasmLinearization {
    const region = new Region(this.#region.heap);
    this.#users++;
    try {
      return new WasmLinearization(this.#kernels, region, sizes, this.#weights, input, lockstep);
    } catch (error) {
      region.free();
      this.#release();
      throw error;
    }
  }

  /** Made when it is first asked for, and kept with the weights. */
  #reduce(): ReducedLayer | undefined {
    if (this.#reduced === undefined) {
      const region = new Region(this.#region.heap);
      try {
        this.#reduced = reduceLayer(this.#kernels, region, this.#layer, this.#sizes) ?? "none";
        this.#region.adopt(region);
      } catch (error) {
        region.free();
        throw error;
      }
    }
    return this.#reduced === "none" ? undefined : this.#reduced;
  }

  #release(): void {
    if (--this.#users === 0) this.#region.free();
  }
}

function withoutWeights({ query, key, value, output, scale, ...sizes }: ResolvedSpec): LayerSizes {
  return sizes;
}
