// The WebAssembly device: one memory, one instance of the kernels, and the layers made on them.

import { DeviceError } from "../../base/errors.js";
import type { LayerMaker } from "../deviceLayer.js";
import { DeviceRuntime, type RuntimeInfo } from "../runtime.js";
import { WasmAttention } from "./attention.js";
import { WasmCrossAttention } from "./crossAttention.js";
import { WasmDevice, type WasmVector } from "./device.js";
import { Doubles } from "./doubles.js";
import { Heap } from "./heap.js";
import { instantiateKernels, type KernelSource, type Kernels } from "./kernels.js";
import { WasmActivation, WasmLinear, WasmNorm } from "./layers.js";
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

export class WasmRuntime extends DeviceRuntime<WasmVector> {
  private constructor(
    readonly info: RuntimeInfo,
    readonly heap: Heap,
    readonly kernels: Kernels,
    readonly doubles: Doubles | undefined,
    readonly endThreads = () => {},
  ) {
    super(makerOn(new WasmDevice(kernels, heap, doubles)));
  }

  /** With what was made on the f64 companion. */
  get memoryUsed(): number {
    return this.heap.used + (this.doubles?.memoryUsed ?? 0);
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
    const doubles = doublesBeside(heap, options);
    return new WasmRuntime({ device: "wasm", requested, reason, dtype, simd, threads: 1 }, heap, kernels, doubles);
  }

  static async #withTeam(options: WasmRuntimeOptions, threads: number | "auto"): Promise<WasmRuntime> {
    const { startTeam, teamSize } = await import("./threads.js");
    const { requested, reason, dtype } = options;
    const members = teamSize(threads);
    const heap = heapFor(options, true);
    const { kernels, simd, end } = await startTeam(members, dtype, heap, options);
    const doubles = doublesBeside(heap, options);
    const info: RuntimeInfo = { device: "wasm", requested, reason, dtype, simd, threads: members };
    return new WasmRuntime(info, heap, kernels, doubles, end);
  }

  dispose(): void {
    this.doubles?.dispose();
    this.endThreads();
    this.heap.close();
  }
}

function makerOn(device: WasmDevice): LayerMaker<WasmVector> {
  return {
    device,
    attention: (spec) => new WasmAttention(device, spec),
    crossAttention: (spec) => new WasmCrossAttention(device, spec),
    linear: (spec) => new WasmLinear(device, spec),
    norm: (spec) => new WasmNorm(device, spec),
    activation: (spec) => new WasmActivation(device, spec),
  };
}

/** For f32: both share the limit of the memory. */
function doublesBeside(heap: Heap, { dtype, memoryLimit, scoreBudget, requested }: WasmRuntimeOptions) {
  if (dtype === "f64") return undefined;
  const doubles = new Doubles(async () => {
    const runtime = await WasmRuntime.create({ requested, dtype: "f64", memoryLimit, scoreBudget });
    runtime.heap.beside = () => heap.used;
    return runtime;
  });
  heap.beside = () => doubles.memoryUsed;
  return doubles;
}

function heapFor({ dtype, memoryLimit, scoreBudget }: WasmRuntimeOptions, shared: boolean): Heap {
  return new Heap(dtype, memoryLimit ?? Number.POSITIVE_INFINITY, scoreBudget ?? 2 ** 28, shared);
}
