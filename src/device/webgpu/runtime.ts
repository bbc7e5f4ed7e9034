// The WebGPU device: f32 alone, one GPU, and the layers made on it.

import { checkOneOf } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { DeviceError } from "../../base/errors.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { Activation } from "../../layers/activation.js";
import { refuseModifiers } from "../../layers/attention/modifiers.js";
import { type AttentionSpec, resolveSpec } from "../../layers/attention/spec.js";
import { type Linear, resolveLinear } from "../../layers/linear.js";
import type { NormSpec } from "../../layers/norm.js";
import { resolveNorm } from "../../layers/norm.js";
import type { Attention, Runtime, RuntimeInfo } from "../../measure/createRuntime.js";
import type { LinearizableLayer } from "../linearization.js";
import { WebGpuAttention } from "./attention.js";
import type { ChosenGpu } from "./choose.js";
import { Gpu } from "./gpu.js";
import { Cpu } from "./inDoubles.js";
import { activate, WebGpuLinear, WebGpuNorm } from "./layers.js";
import type { Region } from "./memory.js";
import { uploadWeights, withoutWeights } from "./weights.js";

export interface WebGpuRuntimeOptions {
  readonly requested: RuntimeInfo["requested"];
  readonly memoryLimit?: number;
}

export class WebGpuRuntime extends Held implements Runtime {
  readonly info: RuntimeInfo;
  readonly gpu: Gpu;
  /** Held, so that it lives as long as the device. */
  readonly source: object | undefined;
  readonly #cpu = new Cpu();

  constructor({ device, owned, adapter, source }: ChosenGpu, { requested, memoryLimit }: WebGpuRuntimeOptions) {
    super();
    this.info = { device: "webgpu", requested, dtype: "f32", threads: 1, adapter };
    this.gpu = new Gpu(device, owned, memoryLimit ?? Number.POSITIVE_INFINITY);
    this.source = source;
  }

  get memoryUsed(): number {
    return this.gpu.memory.used;
  }

  attention(spec: AttentionSpec): Attention {
    const resolved = resolveSpec(spec);
    refuseModifiers("attention on WebGPU", resolved);
    return this.#make((region) => {
      const weights = uploadWeights(region, resolved);
      return new WebGpuAttention(this.gpu, this.#cpu, region, withoutWeights(resolved), weights, region.ready());
    });
  }

  linear(spec: Linear): LinearizableLayer {
    const linear = resolveLinear("linear", spec);
    return this.#make((region) => new WebGpuLinear(this.gpu, region, linear)) as unknown as LinearizableLayer;
  }

  norm(spec: NormSpec): LinearizableLayer {
    const { kind, gain, bias, epsilon } = resolveNorm(spec);
    return this.#make(
      (region) => new WebGpuNorm(this.gpu, region, kind, gain, bias, epsilon),
    ) as unknown as LinearizableLayer;
  }

  activation = onWasmAlone;
  feedForward = onWasmAlone;
  chain = onWasmAlone;
  residual = onWasmAlone;
  sum = onWasmAlone;

  async activate(kind: Activation, x: TensorLike): Promise<Tensor> {
    const known = checkOneOf("activation", kind as string, ["gelu", "gelu-tanh", "silu"]);
    return activate(this.gpu, known, x);
  }

  dispose(): void {
    this.#cpu.dispose();
    this.gpu.dispose();
  }

  #make<T>(layer: (region: Region) => T): T {
    const region = this.gpu.region();
    try {
      return layer(region);
    } catch (error) {
      region.free();
      throw error;
    }
  }
}

function onWasmAlone(): never {
  throw new DeviceError("this layer is not made on WebGPU; use device wasm");
}
