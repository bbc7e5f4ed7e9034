// The WebAssembly device: one memory, one instance of the kernels, and the layers made on them.

import { type AttentionSpec, type Linear, resolveLinear, resolveSpec } from "../../attention/spec.js";
import { checkOneOf } from "../../check.js";
import { Held } from "../../disposable.js";
import type { Layer } from "../../layer.js";
import type { Activation, Attention, NormSpec, Runtime, RuntimeInfo } from "../../runtime.js";
import type { Tensor, TensorLike } from "../../tensor.js";
import { resolveNorm } from "../norm.js";
import { WasmAttention } from "./attention.js";
import { Heap, Region } from "./heap.js";
import { instantiateKernels, type KernelSource, type Kernels } from "./kernels.js";
import { activate, WasmLinear, WasmNorm } from "./layers.js";
import { MR, ROW } from "./layout.js";

export interface WasmRuntimeOptions {
  readonly requested: RuntimeInfo["requested"];
  readonly reason?: string;
  readonly dtype: "f32" | "f64";
  readonly kernels?: KernelSource;
  readonly memoryLimit?: number;
  /** Bytes of attention probabilities that a linearization keeps; past it they are made again. Default 256 MiB. */
  readonly scoreBudget?: number;
}

export class WasmRuntime extends Held implements Runtime {
  private constructor(
    readonly info: RuntimeInfo,
    readonly heap: Heap,
    readonly kernels: Kernels,
  ) {
    super();
  }

  static async create(options: WasmRuntimeOptions): Promise<WasmRuntime> {
    const { requested, reason, dtype, memoryLimit = Number.POSITIVE_INFINITY, scoreBudget = 2 ** 28 } = options;
    const heap = new Heap(dtype, memoryLimit, scoreBudget);
    const { kernels, simd } = await instantiateKernels(dtype, heap.memory, options.kernels);
    kernels.setEdgeTile(heap.allocate(MR * ROW, "a tile"));
    return new WasmRuntime({ device: "wasm", requested, reason, dtype, simd, threads: 1 }, heap, kernels);
  }

  attention(spec: AttentionSpec): Attention {
    return new WasmAttention(this.kernels, new Region(this.heap), resolveSpec(spec));
  }

  linear(spec: Linear): Layer {
    return new WasmLinear(this.kernels, new Region(this.heap), resolveLinear("linear", spec));
  }

  norm(spec: NormSpec): Layer {
    const { kind, gain, bias, epsilon } = resolveNorm(spec);
    return new WasmNorm(this.kernels, new Region(this.heap), kind, gain, bias, epsilon);
  }

  async activate(kind: Activation, x: TensorLike): Promise<Tensor> {
    checkOneOf("activation", kind, ["gelu", "gelu-tanh", "silu"]);
    return activate(this.kernels, this.heap, kind, x);
  }

  dispose(): void {
    this.heap.close();
  }
}
