// Every runtime, bundler and package check, on the tarball of `npm pack`; needs `npm install --prefix test/runtimes`.
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The README's table is held against what the others have proven. */
class ReadmeLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const last = (file: TestSpecification) => Number(file.moduleId.endsWith("/readme.test.ts"));
    return (await super.sort(files)).sort((a, b) => last(a) - last(b));
  }
}

export default defineConfig({
  test: {
    include: ["test/runtimes/*.test.ts"],
    globalSetup: "test/runtimes/packed.ts",
    fileParallelism: false,
    sequence: { sequencer: ReadmeLast },
    testTimeout: 260_000,
    hookTimeout: 120_000,
  },
});
