// Runtimes on WebGPU, whichever GPU object there is.
import type { GPUAdapterLike, GPUDeviceLike } from "../../src/device/webgpu/api.js";
import { createRuntime, type RuntimeOptions } from "../../src/measure/createRuntime.js";
import { gpuObject } from "./gpuObject.js";

let device: Promise<GPUDeviceLike> | undefined;

export async function adapter(): Promise<GPUAdapterLike> {
  const found = await (await gpuObject()).requestAdapter();
  if (!found) throw new Error("WebGPU finds no adapter: is a Vulkan driver installed (see .ci/run)?");
  return found;
}

/**
 * A device of the smallest limits that WebGPU gives, its defaults. All tests share it, so that its pipelines, slow to
 * make in software, are made once.
 */
export function sharedDevice(): Promise<GPUDeviceLike> {
  device ??= adapter().then((found) => found.requestDevice());
  return device;
}

/** A runtime on the shared device. */
export async function webgpuRuntime(options: RuntimeOptions = {}) {
  return createRuntime({ device: "webgpu", gpuDevice: await sharedDevice(), ...options });
}
