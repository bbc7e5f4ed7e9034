// The WebGPU runtime: f32 alone, one GPU, and the layers made on it.
import { DeviceRuntime, type RuntimeInfo } from "../runtime.js";
import { Doubles } from "../wasm/doubles.js";
import { WasmRuntime } from "../wasm/runtime.js";
import { WebGpuActivation } from "./activation.js";
import { WebGpuAttention } from "./attention.js";
import type { ChosenGpu } from "./choose.js";
import { type GpuVector, WebGpuDevice } from "./device.js";
import { Gpu } from "./gpu.js";
import { WebGpuLinear } from "./linear.js";
import { WebGpuNorm } from "./norm.js";
import { uploadWeights, withoutWeights } from "./weights.js";

export interface WebGpuRuntimeOptions {
  readonly requested: RuntimeInfo["requested"];
  readonly memoryLimit?: number;
}

export class WebGpuRuntime extends DeviceRuntime<GpuVector> {
  readonly info: RuntimeInfo;
  readonly gpu: Gpu;
  /** Held, so that it lives as long as the device. */
  readonly source: object | undefined;
  readonly #doubles: Doubles;

  constructor({ device: raw, owned, adapter, source }: ChosenGpu, { requested, memoryLimit }: WebGpuRuntimeOptions) {
    const gpu = new Gpu(raw, owned, memoryLimit ?? Number.POSITIVE_INFINITY);
    const doubles = new Doubles(() => WasmRuntime.create({ requested: "wasm", dtype: "f64" }));
    const device = new WebGpuDevice(gpu, doubles);
    super({
      device,
      attention(spec) {
        return new WebGpuAttention(device, withoutWeights(spec), (region) => uploadWeights(region, spec));
      },
      linear: (spec) => new WebGpuLinear(device, spec),
      norm: (spec) => new WebGpuNorm(device, spec),
      activation: (spec) => new WebGpuActivation(device, spec),
    });
    this.info = { device: "webgpu", requested, dtype: "f32", threads: 1, adapter };
    this.gpu = gpu;
    this.source = source;
    this.#doubles = doubles;
  }

  /** Without what is kept for the next call, whatever it is. */
  get memoryUsed(): number {
    return this.gpu.memory.used - this.gpu.kept;
  }

  dispose(): void {
    this.#doubles.dispose();
    this.gpu.dispose();
  }
}
