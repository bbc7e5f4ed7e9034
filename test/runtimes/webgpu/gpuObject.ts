// Stands in for test/device/gpuObject.ts in runtimes that have WebGPU of their own.
import type { GPULike } from "../../../src/device/webgpu/api.js";

export async function gpuObject(): Promise<GPULike> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPULike } };
  const gpu = navigator?.gpu;
  if (!gpu) throw new Error("this runtime has no navigator.gpu");
  return gpu;
}
