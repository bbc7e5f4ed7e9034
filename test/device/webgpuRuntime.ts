// WebGPU in Node: Dawn from test/runtimes, over a software Vulkan driver where there is no GPU.
import { existsSync } from "node:fs";
import type { GPUAdapterLike, GPUDeviceLike, GPULike } from "../../src/device/webgpu/api.js";
import { createRuntime, type RuntimeOptions } from "../../src/runtime.js";

const PACKAGE = new URL("../runtimes/node_modules/webgpu/index.js", import.meta.url);
const SOFTWARE_DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Why there is no WebGPU to test on, or undefined where there is. CI must have it. */
export const missing =
  existsSync(PACKAGE) || process.env.CI ? undefined : "npm --prefix test/runtimes ci has not been run";

let gpu: Promise<GPULike> | undefined;
let device: Promise<GPUDeviceLike> | undefined;

/** The GPU object of the webgpu package. */
export function gpuObject(): Promise<GPULike> {
  gpu ??= (async () => {
    if (existsSync(SOFTWARE_DRIVER)) process.env.VK_ICD_FILENAMES ??= SOFTWARE_DRIVER;
    const { create } = (await import(PACKAGE.href)) as { create(flags: string[]): GPULike };
    return create([]);
  })();
  return gpu;
}

export async function adapter(): Promise<GPUAdapterLike> {
  const found = await (await gpuObject()).requestAdapter();
  if (!found) throw new Error("WebGPU finds no adapter: is a Vulkan driver installed (see .ci/run)?");
  return found;
}

/** A runtime on a device that all tests share, so that its pipelines, slow to make in software, are made once. */
export async function webgpuRuntime(options: RuntimeOptions = {}) {
  device ??= adapter().then((found) => found.requestDevice());
  return createRuntime({ device: "webgpu", gpuDevice: await device, ...options });
}
