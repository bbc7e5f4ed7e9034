// The paper's control at full size (MATH 11.1): sigma of a randomly initialised GPT-2 grows like the Cesàro norm.
import { describe, expect, it } from "vitest";
import { fitPowerLaw } from "../../src/analysis/fit.js";
import { defaultText } from "../../src/analysis/samples/essay.js";
import { sweep } from "../../src/analysis/sweep.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { randomModel } from "../../src/models/index.js";

describe("a randomly initialised GPT-2 small", () => {
  it("has the exponent of MATH 11.1 in layer 0, and sigma between its ends", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const model = await randomModel("gpt2", { seed: 1, runtime });
    const report = await sweep(model, {
      text: defaultText,
      layers: [0],
      lengths: [2, 4, 8, 16, 32, 64, 100],
      samples: 3,
    });
    const points = report.rows.flatMap(({ n, sigma }) => (sigma === null ? [] : [{ n, sigma }]));
    const fit = fitPowerLaw(points)!;
    expect(fit.exponent).toBeGreaterThan(0.07);
    expect(fit.exponent).toBeLessThan(0.1);
    for (const { n, sigma } of points) {
      if (n === 2) expect(Math.abs(sigma / 0.188 - 1)).toBeLessThan(0.05);
      if (n === 100) expect(Math.abs(sigma / 0.265 - 1)).toBeLessThan(0.05);
    }
    runtime.dispose();
  });
});
