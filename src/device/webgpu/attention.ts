// Attention on WebGPU: weights uploaded once, which the operators made from it read.
import { type Tensor, tensor } from "../../base/tensor.js";
import type { DeviceAttention, DeviceLayer, Linearized } from "../deviceLayer.js";
import { DeviceLinearization } from "../linearization.js";
import { linearizeAttention, type SharedWeights, type WebGpuAttentionOperator } from "./attentionOperator.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import { whereQuick } from "./inDoubles.js";
import type { Region } from "./memory.js";
import { downloadWeights, headOf, type LayerSizes, type LayerWeights } from "./weights.js";

export class WebGpuAttention implements DeviceAttention<GpuVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly heads: number;
  readonly #region: Region;
  readonly #sizes: LayerSizes;
  readonly #shared: SharedWeights;

  /** @param weights makes them in a region that it is given */
  constructor(
    readonly device: WebGpuDevice,
    sizes: LayerSizes,
    weights: (region: Region) => LayerWeights,
  ) {
    this.#region = device.gpu.region();
    this.#sizes = sizes;
    this.dIn = sizes.dIn;
    this.dOut = sizes.dOut;
    this.heads = sizes.heads;
    try {
      const made = weights(this.#region);
      const download = (own: LayerSizes) => downloadWeights(device.gpu, made, own);
      this.#shared = {
        weights: made,
        download,
        valueMap: () => this.#valueMap(),
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

  async inDoubles(): Promise<DeviceLayer> {
    const spec = await this.#shared.download(this.#sizes);
    return whereQuick((await this.device.doubles.maker()).attention(spec), this.#sizes);
  }

  async probabilities(x: GpuVector): Promise<Tensor> {
    return this.#within(x, ({ operator }) => (operator as WebGpuAttentionOperator).probabilities());
  }

  head(index: number): WebGpuAttention {
    const { sizes, weights } = headOf(this.device.batch, this.#shared.weights, this.#sizes, index);
    return new WebGpuAttention(this.device, sizes, weights);
  }

  dispose(): void {
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
      const { frequencies, angles, queryNorm, keyNorm, softcap, bias, sinks, ...rest } = this.#sizes;
      const sizes: LayerSizes = { ...rest, mask: "none" };
      const { operator } = await linearizeAttention(this.device, sizes, this.#shared, x, lease);
      return new DeviceLinearization(operator, lease, tensor(new Float32Array(this.dOut), [1, this.dOut]));
    } catch (error) {
      lease.dispose();
      throw error;
    }
  }
}
