// The device tests on WebGPU: one file after the other in one process, since a software GPU takes every core and makes
// its pipelines slowly.
import { defineConfig } from "vitest/config";
import { missing } from "./test/device/webgpuRuntime.js";

if (missing) console.log(`WebGPU tests are skipped: ${missing}`);

export default defineConfig({
  test: {
    include: missing ? [] : ["test/device/**/*.test.ts"],
    // Kept and streamed scores are choices of the WebAssembly device.
    exclude: ["test/device/streaming.test.ts"],
    passWithNoTests: missing !== undefined,
    env: { HOWSMOOTH_TEST_DEVICE: "webgpu" },
    fileParallelism: false,
    isolate: false,
    testTimeout: 180_000,
  },
});
