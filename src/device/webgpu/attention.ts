// Attention on WebGPU: weights held once, shared by the linearizations made from it.

import { checkInteger, checkTensor, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { Attention } from "../../measure/createRuntime.js";
import type { Gpu } from "./gpu.js";
import { type Cpu, fitsCpu, LayerInDoubles } from "./inDoubles.js";
import { WebGpuLinearization } from "./linearization.js";
import { type Region, rounded } from "./memory.js";
import { downloadWeights, headSizes, headWeights, type LayerSizes, type LayerWeights } from "./weights.js";

export class WebGpuAttention extends Held implements Attention {
  readonly dIn: number;
  readonly dOut: number;
  readonly heads: number;
  readonly #gpu: Gpu;
  readonly #cpu: Cpu;
  readonly #region: Region;
  readonly #sizes: LayerSizes;
  readonly #weights: LayerWeights;
  readonly #ready: Promise<unknown>;
  readonly #inDoubles: LayerInDoubles;
  /** The attention itself and its linearizations read the weights; the last one to go frees them. */
  #users = 1;
  #disposed = false;

  /** `ready` is when the weights are there. */
  constructor(gpu: Gpu, cpu: Cpu, region: Region, sizes: LayerSizes, weights: LayerWeights, ready: Promise<unknown>) {
    super();
    this.#gpu = gpu;
    this.#cpu = cpu;
    this.#region = region;
    this.#sizes = sizes;
    this.#weights = weights;
    this.#ready = ready;
    this.#inDoubles = new LayerInDoubles(cpu, () => downloadWeights(gpu, weights, sizes));
    // Whoever linearizes sees the failure; nobody else should.
    ready.catch(() => undefined);
    this.dIn = sizes.dIn;
    this.dOut = sizes.dOut;
    this.heads = sizes.heads;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    const linearization = await this.linearize(x);
    linearization.dispose();
    return linearization.output;
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    const linearization = await this.linearize(x);
    try {
      return await linearization.probabilities();
    } finally {
      linearization.dispose();
    }
  }

  async linearize(x: TensorLike): Promise<WebGpuLinearization> {
    throwIfDisposed("attention", this.#disposed);
    const input = checkTensor("x", x, [-1, this.dIn]);
    return this.#at(tensor(rounded(input), input.shape), this.#sizes);
  }

  head(index: number): Attention {
    throwIfDisposed("attention", this.#disposed);
    checkInteger("head", index, 0, this.heads - 1);
    const region = this.#gpu.region();
    try {
      const { weights, copy } = headWeights(region, this.#weights, this.#sizes, index);
      const copied = Promise.all([this.#gpu.run(copy, []), region.ready(), this.#ready]);
      const sizes = headSizes(this.#sizes, this.#weights.output !== undefined);
      return new WebGpuAttention(this.#gpu, this.#cpu, region, sizes, weights, copied);
    } catch (error) {
      region.free();
      throw error;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
  }

  async #at(input: Tensor, sizes: LayerSizes): Promise<WebGpuLinearization> {
    this.#users++;
    try {
      await this.#ready;
      return await WebGpuLinearization.create(this.#gpu, sizes, this.#weights, input, {
        identity: this.#weights,
        release: () => this.#release(),
        inDoubles: sizes === this.#sizes && fitsCpu(sizes, input.shape[0]) ? this.#inDoubles : undefined,
        valueMap: () => {
          const alone: LayerSizes = { ...sizes, mask: "none", frequencies: undefined };
          return this.#at(tensor(new Float32Array(this.dIn), [1, this.dIn]), alone);
        },
      });
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  #release(): void {
    if (--this.#users > 0) return;
    this.#inDoubles.dispose();
    this.#region.free();
  }
}
