// The solver's promise over the settings of MATH 13.3: the true error within rtol in 95 % of runs or more.
import { describe, expect, it } from "vitest";
import { accuracyRuns } from "../../bench/accuracy.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";

describe("sigma at rtol 1e-4 over the settings of MATH 13.3", () => {
  it("is within rtol in at least 95 % of runs, inside its bracket in all, in few steps", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const runs = await accuracyRuns(runtime, spectralNorm, [
      [768, 12, 64],
      [256, 4, 128],
      [64, 1, 64],
      [64, 1, 256],
    ]);
    runtime.dispose();
    const within = runs.filter(({ error }) => error <= 1e-4).length;
    expect(within / runs.length).toBeGreaterThanOrEqual(0.95);
    expect(runs.every(({ bracketed }) => bracketed)).toBe(true);
    const steps = runs.map((run) => run.steps).sort((a, b) => a - b);
    expect(steps[steps.length >> 1]).toBeLessThanOrEqual(18);
  });
});
