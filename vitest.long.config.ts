// The long suite: what is too slow for every `npm test`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/long/**/*.test.ts"],
    testTimeout: 900_000,
    fileParallelism: false,
    execArgv: ["--experimental-wasm-relaxed-simd"],
  },
});
