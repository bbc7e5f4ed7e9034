// A part of `npm run truth`: what is said of random layers in twelve regimes, against Jacobians in 80-bit arithmetic.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { drawLayer } from "../../scripts/truth/layers.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";

const file = new URL("../oracle/truth.json", import.meta.url);
const { seed, sigmas } = JSON.parse(readFileSync(file, "utf8")) as { seed: number; sigmas: number[] };
const slack = 1e-13;

describe.each(["f64", "f32"] as const)("over layers of every option in twelve regimes, in %s", (dtype) => {
  it("no end of a bracket is on the wrong side, and every statement of accuracy is true", async () => {
    const runtime = await createRuntime({ device: "wasm", dtype });
    for (const [index, truth] of sigmas.entries()) {
      const { spec, x, regime } = drawLayer(seed, index);
      const layer = runtime.attention(spec);
      const { sigma, lower, upper, accuracy, status, certified } = await localLipschitz(layer, x, { seed: index });
      layer.dispose();
      const where = `layer ${index}, ${regime}, ${status}: truth ${truth}, sigma ${sigma} in [${lower}, ${upper}]`;
      expect(lower, where).toBeLessThanOrEqual(truth * (1 + slack));
      expect(upper, where).toBeGreaterThanOrEqual(truth * (1 - slack));
      expect(Math.abs(sigma - truth), where).toBeLessThanOrEqual((accuracy + slack) * truth);
      expect(certified, where).toBe(true);
    }
    runtime.dispose();
  });
});
