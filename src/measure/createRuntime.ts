// The runtime: one device, and the layers made on it.

import { checkInteger, checkKeys, checkOneOf } from "../base/check.js";
import { DeviceError } from "../base/errors.js";
import type { Runtime } from "../device/runtime.js";
import type { KernelSource } from "../device/wasm/kernels.js";
import { WasmRuntime } from "../device/wasm/runtime.js";

export type { Attention } from "../device/attentionLayer.js";
export type { Runtime, RuntimeInfo } from "../device/runtime.js";

/** Options of `createRuntime`. */
export interface RuntimeOptions {
  /** Default "auto": WebGPU where it can be had and dtype is f32, else WASM with `info.reason`. */
  device?: "auto" | "webgpu" | "wasm";
  /** Default "f32". */
  dtype?: "f32" | "f64";
  /**
   * Threads of the WASM device, default 1; WebGPU has its own. "auto": one a core, four at most, or one where the
   * JavaScript runtime has no shared memory or no Workers, with `info.reason`. They share forward, jvp, vjp and the
   * solvers' steps, heads by groups of common keys; the results are those of one thread, to the last bit.
   */
  threads?: number | "auto";
  /** Overrides the embedded WASM: a compiled module, its bytes, or where to fetch it. */
  kernels?: KernelSource;
  /** A GPU object; default navigator.gpu. In Node and Bun pass `create([])` of the webgpu package. */
  gpu?: object;
  /** A GPUDevice to use as it is; it is never destroyed by us. */
  gpuDevice?: object;
  /** Accept a software adapter, which is slower than WebAssembly; default false. */
  allowSoftware?: boolean;
  /** Bytes of device memory that this runtime may hold; default what the device can give. */
  memoryLimit?: number;
  /**
   * Bytes of attention probabilities that a linearization on WASM keeps, default 256 MiB; past it they are made again,
   * a group of queries at a time, in every application, so that memory grows as n and not as n².
   */
  scoreBudget?: number;
}

const OPTIONS = [
  "device",
  "dtype",
  "threads",
  "kernels",
  "gpu",
  "gpuDevice",
  "allowSoftware",
  "memoryLimit",
  "scoreBudget",
];

/** More would be a mistake: each has a stack and a work space. */
const MOST_THREADS = 64;

/**
 * A runtime on the best device that can be had.
 * @throws DeviceError where an explicit device or explicit threads cannot be had; only "auto" falls back, and says why
 * in `info.reason`.
 * @example
 * const runtime = await createRuntime({ dtype: "f64" });
 * runtime.info.device; // "wasm"
 */
export async function createRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  checkKeys("options", options, OPTIONS);
  const requested = checkOneOf("device", options.device ?? "auto", ["auto", "webgpu", "wasm"]);
  const dtype = checkOneOf("dtype", options.dtype ?? "f32", ["f32", "f64"]);
  const { threads = 1, memoryLimit, scoreBudget, gpu, gpuDevice, allowSoftware } = options;
  if (threads !== "auto") checkInteger("threads", threads, 1, MOST_THREADS);
  if (memoryLimit !== undefined) checkInteger("memoryLimit", memoryLimit, 0);
  if (scoreBudget !== undefined) checkInteger("scoreBudget", scoreBudget, 0);
  const onWasm = (reason?: string) =>
    WasmRuntime.create({ requested, reason, dtype, threads, kernels: options.kernels, memoryLimit, scoreBudget });
  if (requested === "wasm") return onWasm();
  try {
    if (dtype === "f64") throw new DeviceError("WebGPU has no f64");
    const { chooseGpu } = await import("../device/webgpu/choose.js");
    const chosen = await chooseGpu({ gpu, gpuDevice, allowSoftware });
    const { WebGpuRuntime } = await import("../device/webgpu/runtime.js");
    return new WebGpuRuntime(chosen, { requested, memoryLimit });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    if (requested === "auto") return onWasm(error.message);
    throw new DeviceError(`"device": "webgpu" cannot be had: ${error.message}; use device "wasm" or "auto"`, {
      cause: error,
    });
  }
}
