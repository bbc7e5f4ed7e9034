// The device tests on WebGPU, in Node and in the runtimes that have it built in: one file after the other in one process,
// since a software GPU takes every core and makes its pipelines slowly.
import { defineConfig } from "vitest/config";
import { missing } from "./test/device/gpuObject.js";

if (missing) console.log(`WebGPU tests in Node are skipped: ${missing}`);

export default defineConfig({
  test: {
    include: [...(missing ? [] : ["test/device/**/*.test.ts"]), "test/runtimes/webgpu/*.test.ts"],
    exclude: ["test/device/wasm/**"],
    env: { HOWSMOOTH_TEST_DEVICE: "webgpu" },
    fileParallelism: false,
    isolate: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
