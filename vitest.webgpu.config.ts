// The device tests on WebGPU: one file at a time, since a software GPU takes every core.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/device/**/*.test.ts"],
    env: { HOWSMOOTH_TEST_DEVICE: "webgpu" },
    fileParallelism: false,
    testTimeout: 120_000,
  },
});
