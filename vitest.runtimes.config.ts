// Every runtime, bundler and package check, on the tarball of `npm pack`; needs `npm install --prefix test/runtimes`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/runtimes/*.test.ts"],
    globalSetup: "test/runtimes/packed.ts",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
