// WebGPU in Node: Dawn from test/runtimes, over a software Vulkan driver where there is no GPU. In the runtimes that
// have a GPU object of their own, test/runtimes/webgpu/gpuObject.ts stands in for this file.
import { existsSync } from "node:fs";
import type { GPULike } from "../../src/device/webgpu/api.js";

const PACKAGE = new URL("../runtimes/node_modules/webgpu/index.js", import.meta.url);
const SOFTWARE_DRIVER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Why there is no WebGPU to test on, or undefined where there is. CI must have it. */
export const missing =
  existsSync(PACKAGE) || process.env.CI ? undefined : "npm --prefix test/runtimes ci has not been run";

let gpu: Promise<GPULike> | undefined;

/** The GPU object of the webgpu package. */
export function gpuObject(): Promise<GPULike> {
  gpu ??= (async () => {
    if (existsSync(SOFTWARE_DRIVER)) process.env.VK_ICD_FILENAMES ??= SOFTWARE_DRIVER;
    const { create } = (await import(PACKAGE.href)) as { create(flags: string[]): GPULike };
    return create([]);
  })();
  return gpu;
}
