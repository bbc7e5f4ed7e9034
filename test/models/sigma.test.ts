// Sigma of whole checkpoints against the NumPy oracle: loader, trace, kernels and solver in one.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { loadModel } from "../../src/models/index.js";

interface Recorded {
  tokens: number[];
  layers: Record<string, { sigma: number }>;
}

const oracle: Record<string, Recorded> = JSON.parse(
  readFileSync(new URL("../oracle/checkpoints.json", import.meta.url), "utf8"),
);
const data = new URL("../../../shared/data/", import.meta.url).pathname;
const missing = existsSync(data) ? "" : ` (skipped: the folder of test data ${data} is missing)`;

describe.skipIf(missing).each(["stories260k", "gpt-nano-sort"])(`sigma of %s${missing}`, (name) => {
  it.each([
    ["f32", 2e-4],
    ["f64", 1e-8],
  ] as const)("agrees with the oracle in %s to %d", async (dtype, tolerance) => {
    const runtime = await createRuntime({ device: "wasm", dtype });
    const model = await loadModel(data + name, { runtime });
    const { tokens, layers } = oracle[name];
    for (const [layer, { sigma }] of Object.entries(layers)) {
      const trace = await model.trace(tokens, { layers: [Number(layer)] });
      const attention = model.attention(Number(layer));
      const found = await localLipschitz(attention, trace.get(Number(layer))!);
      attention.dispose();
      expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(tolerance);
      expect(found.lower).toBeLessThanOrEqual(sigma);
      expect(found.upper).toBeGreaterThanOrEqual(sigma);
    }
    runtime.dispose();
  });
});
