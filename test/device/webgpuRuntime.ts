// WebGPU in Node: Dawn from test/runtimes, over a software Vulkan driver where there is no GPU.
import { existsSync } from "node:fs";
import { createRuntime, type RuntimeOptions } from "../../src/runtime.js";

const PACKAGE = new URL("../runtimes/node_modules/webgpu/index.js", import.meta.url);
const SOFTWARE_DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Why there is no WebGPU to test on, or undefined where there is. CI must have it. */
export const missing =
  existsSync(PACKAGE) || process.env.CI ? undefined : "npm --prefix test/runtimes ci has not been run";

/** A GPU object, as of the webgpu package's `create([])`. */
export async function gpuObject(): Promise<object> {
  if (existsSync(SOFTWARE_DRIVER)) process.env.VK_ICD_FILENAMES ??= SOFTWARE_DRIVER;
  const { create } = (await import(PACKAGE.href)) as { create(flags: string[]): object };
  return create([]);
}

let shared: Promise<object> | undefined;

/** A runtime on the GPU object that all tests of a file share. */
export async function webgpuRuntime(options: RuntimeOptions = {}) {
  shared ??= gpuObject();
  return createRuntime({ device: "webgpu", gpu: await shared, allowSoftware: true, ...options });
}
