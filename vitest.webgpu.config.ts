// The device tests on WebGPU, in Node and in the runtimes that have it built in: one file after the other in one process,
// since a software GPU takes every core and makes its pipelines slowly.
import { readdirSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { missing } from "./test/device/gpuObject.js";
import { isRun } from "./test/device/webgpu/files.js";

const all = process.env["HOWSMOOTH_WEBGPU"] === "all";
const files = readdirSync("test/device", { recursive: true, encoding: "utf8" }).filter((file) => isRun(file, all));
if (!all) console.log("WebGPU: the usual suite; npm run test:webgpu:all has every device test");
if (missing) console.log(`WebGPU tests in Node are skipped: ${missing}`);

export default defineConfig({
  test: {
    include: [...(missing ? [] : files.map((file) => `test/device/${file}`)), "test/runtimes/webgpu/*.test.ts"],
    env: { HOWSMOOTH_TEST_DEVICE: "webgpu" },
    fileParallelism: false,
    isolate: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
