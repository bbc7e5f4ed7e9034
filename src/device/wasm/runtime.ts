// The WebAssembly device: one memory, one instance of the kernels, and the layers made on them.

import { Held } from "../../base/disposable.js";
import { DeviceError } from "../../base/errors.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import { type Activation, resolveActivation } from "../../layers/activation.js";
import { type AttentionSpec, resolveSpec } from "../../layers/attention/spec.js";
import { type Linear, resolveLinear } from "../../layers/linear.js";
import type { NormSpec } from "../../layers/norm.js";
import { resolveNorm } from "../../layers/norm.js";
import { type Attention, AttentionLayer } from "../attentionLayer.js";
import type { Layer } from "../linearization.js";
import type { Runtime, RuntimeInfo } from "../runtime.js";
import { WasmAttention } from "./attention.js";
import { WasmDevice } from "./device.js";
import { Heap, Region } from "./heap.js";
import { instantiateKernels, type KernelSource, type Kernels } from "./kernels.js";
import { activate, WasmLinear, WasmNorm } from "./layers.js";
import { ROW, tileRows } from "./layout.js";

export interface WasmRuntimeOptions {
  readonly requested: RuntimeInfo["requested"];
  readonly reason?: string;
  readonly dtype: "f32" | "f64";
  /** 1 by default. */
  readonly threads?: number | "auto";
  readonly kernels?: KernelSource;
  readonly memoryLimit?: number;
  /** Bytes of attention probabilities that a linearization keeps; past it they are made again. Default 256 MiB. */
  readonly scoreBudget?: number;
  /** Multiply-adds of an application from which on threads share it. */
  readonly worthSharing?: number;
}

export class WasmRuntime extends Held implements Runtime {
  readonly device: WasmDevice;

  private constructor(
    readonly info: RuntimeInfo,
    readonly heap: Heap,
    readonly kernels: Kernels,
    readonly endThreads = () => {},
  ) {
    super();
    this.device = new WasmDevice(kernels, heap);
  }

  get memoryUsed(): number {
    return this.heap.used;
  }

  /** @throws DeviceError where explicit threads cannot be had; "auto" falls back to one, and `info.reason` says why. */
  static async create(options: WasmRuntimeOptions): Promise<WasmRuntime> {
    const { threads = 1, reason } = options;
    if (threads === 1) return WasmRuntime.#withOneThread(options);
    try {
      return await WasmRuntime.#withTeam(options, threads);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      if (threads === "auto") {
        const alone = `one thread: ${error.message}`;
        return WasmRuntime.#withOneThread({ ...options, reason: reason === undefined ? alone : `${reason}; ${alone}` });
      }
      const message = `"threads": ${threads} cannot be had: ${error.message}; use 1 or "auto"`;
      throw new DeviceError(message, { cause: error });
    }
  }

  static async #withOneThread(options: WasmRuntimeOptions): Promise<WasmRuntime> {
    const heap = heapFor(options, false);
    const { requested, reason, dtype } = options;
    const { kernels, simd } = await instantiateKernels(dtype, heap, options.kernels);
    kernels.setEdgeTile(heap.allocate(tileRows(heap) * ROW, "a tile"));
    return new WasmRuntime({ device: "wasm", requested, reason, dtype, simd, threads: 1 }, heap, kernels);
  }

  static async #withTeam(options: WasmRuntimeOptions, threads: number | "auto"): Promise<WasmRuntime> {
    const { startTeam, teamSize } = await import("./threads.js");
    const { requested, reason, dtype } = options;
    const members = teamSize(threads);
    const heap = heapFor(options, true);
    const { kernels, simd, end } = await startTeam(members, dtype, heap, options);
    return new WasmRuntime({ device: "wasm", requested, reason, dtype, simd, threads: members }, heap, kernels, end);
  }

  attention(spec: AttentionSpec): Attention {
    const resolved = resolveSpec(spec);
    return new AttentionLayer(new WasmAttention(this.device, resolved));
  }

  linear(spec: Linear): Layer {
    return new WasmLinear(this.kernels, new Region(this.heap), resolveLinear("linear", spec));
  }

  norm(spec: NormSpec): Layer {
    const norm = resolveNorm(spec);
    return new WasmNorm(this.kernels, new Region(this.heap), norm);
  }

  async activate(kind: Activation, x: TensorLike): Promise<Tensor> {
    return activate(this.kernels, this.heap, resolveActivation("activation", kind), x);
  }

  dispose(): void {
    this.endThreads();
    this.heap.close();
  }
}

function heapFor({ dtype, memoryLimit, scoreBudget }: WasmRuntimeOptions, shared: boolean): Heap {
  return new Heap(dtype, memoryLimit ?? Number.POSITIVE_INFINITY, scoreBudget ?? 2 ** 28, shared);
}
