import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/long/**", "test/runtimes/**", "test/device/webgpu/**"],
    testTimeout: 60_000,
    // Node 20 has relaxed SIMD behind a flag: the tests run both builds.
    execArgv: ["--experimental-wasm-relaxed-simd"],
  },
});
