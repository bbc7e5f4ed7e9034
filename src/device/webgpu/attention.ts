// Attention on WebGPU: weights uploaded once, which the operators made from it read.
import { type Tensor, tensor } from "../../base/tensor.js";
import type { DeviceAttention, Linearized } from "../deviceLayer.js";
import { DeviceLinearization } from "../linearization.js";
import { linearizeAttention, type SharedWeights, type WebGpuAttentionOperator } from "./attentionOperator.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import { type Cpu, fitsCpu, LayerInDoubles } from "./inDoubles.js";
import type { Region } from "./memory.js";
import { downloadWeights, headSizes, headWeights, type LayerSizes, type LayerWeights } from "./weights.js";

export class WebGpuAttention implements DeviceAttention<GpuVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly heads: number;
  readonly #cpu: Cpu;
  readonly #region: Region;
  readonly #sizes: LayerSizes;
  readonly #shared: SharedWeights;
  readonly #inDoubles: LayerInDoubles;

  /** @param weights makes them in a region that it is given */
  constructor(
    readonly device: WebGpuDevice,
    cpu: Cpu,
    sizes: LayerSizes,
    weights: (region: Region) => LayerWeights,
  ) {
    this.#cpu = cpu;
    this.#region = device.gpu.region();
    this.#sizes = sizes;
    this.dIn = sizes.dIn;
    this.dOut = sizes.dOut;
    this.heads = sizes.heads;
    try {
      const made = weights(this.#region);
      const download = (own: LayerSizes) => downloadWeights(device.gpu, made, own);
      this.#inDoubles = new LayerInDoubles(cpu, () => download(sizes));
      this.#shared = {
        weights: made,
        download,
        valueMap: () => this.#valueMap(),
        stretch: async (own, x, v, transposed) =>
          own === sizes && fitsCpu(sizes, x.shape[0]) ? this.#inDoubles.stretch(x, v, transposed) : undefined,
      };
    } catch (error) {
      this.#region.free();
      throw error;
    }
  }

  async forward(x: GpuVector, lease: GpuLease): Promise<GpuVector> {
    const output = lease.vector([x.shape[0], this.dOut], "the output");
    await this.#within(x, async (at) => this.device.copy(at.output, output));
    return output;
  }

  async linearize(x: GpuVector, lease: GpuLease): Promise<Linearized<GpuVector>> {
    return linearizeAttention(this.device, this.#sizes, this.#shared, x, lease);
  }

  async probabilities(x: GpuVector): Promise<Tensor> {
    return this.#within(x, ({ operator }) => (operator as WebGpuAttentionOperator).probabilities());
  }

  head(index: number): WebGpuAttention {
    const sizes = headSizes(this.#sizes, this.#shared.weights.output !== undefined);
    return new WebGpuAttention(this.device, this.#cpu, sizes, (region) =>
      headWeights(this.device.batch, region, this.#shared.weights, this.#sizes, index),
    );
  }

  dispose(): void {
    this.#inDoubles.dispose();
    this.#region.free();
  }

  async #within<T>(x: GpuVector, use: (at: Linearized<GpuVector>) => Promise<T>): Promise<T> {
    const work = this.device.lease();
    try {
      return await use(await this.linearize(x, work));
    } finally {
      work.dispose();
    }
  }

  /** The layer at a single token, where attention is the identity: its value and output maps as one operator. */
  async #valueMap(): Promise<DeviceLinearization<GpuVector>> {
    const lease = this.device.lease();
    try {
      const x = lease.vector([1, this.dIn], "the input");
      const sizes: LayerSizes = { ...this.#sizes, mask: "none", frequencies: undefined };
      const { operator } = await linearizeAttention(this.device, sizes, this.#shared, x, lease);
      return new DeviceLinearization(operator, lease, tensor(new Float32Array(this.dOut), [1, this.dOut]));
    } catch (error) {
      lease.dispose();
      throw error;
    }
  }
}
