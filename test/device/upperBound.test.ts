// Certified local bounds against the oracle's (MATH 8.2, 8.3), and against sigma on random layers.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { upperBound } from "../../src/jacobian/upperBoundOf.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { tolerance } from "./close.js";
import { runs, variantRuntime, variants } from "./variants.js";

describe.each(variants)("upperBound in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(loadFixtures())("agrees with the oracle on $name", async ({ spec, x, expected }) => {
    // Weights and input are rounded to the device's type; from there on all is in doubles.
    const precision = 20 * tolerance(variant.dtype, referenceAttention(spec, x).largestLogit);
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    const { value, bounds, leftOut } = await upperBound(at);
    expect(leftOut).toEqual([]);
    const names = ["T1", "T2", "T3", "T2_fast", "U_split", "U_rowcs", "U_joint", "U_concat", "U_block", "U_fast"];
    const plain = spec.kind !== "l2" && spec.rope === undefined;
    expect(Object.keys(bounds).sort()).toEqual([...names, ...(plain ? ["aposteriori_repaired"] : [])].sort());
    for (const [name, bound] of Object.entries(bounds)) {
      const want = expected.bounds[name];
      expect(bound, name).toBeGreaterThanOrEqual(want * (1 - (variant.dtype === "f64" ? 0 : precision)) - 1e-12);
      expect(bound, name).toBeLessThanOrEqual(want * (1 + Math.max(precision, 1e-8)) + 1e-12);
    }
    expect(value).toBeGreaterThanOrEqual((expected.sigma[0] ?? 0) * (variant.dtype === "f64" ? 1 : 1 - precision));
    at.dispose();
    layer.dispose();
  });

  it.each(["dot-product", "l2"] as const)("is at least sigma for random %s layers", async (kind) => {
    let tightest = Number.POSITIVE_INFINITY;
    await fc.assert(
      fc.asyncProperty(
        attentionCases({ kind, maxTokens: 10, maxWidth: 10 }),
        fc.constantFrom(0.1, 1, 5),
        async ({ spec, x }, stretch) => {
          const layer = runtime.attention(spec);
          const at = await layer.linearize({ ...x, data: x.data.map((entry) => stretch * entry) });
          const { bounds, value } = await upperBound(at);
          const { sigma } = await spectralNorm(at);
          const slack = variant.dtype === "f64" ? 1e-9 : 1e-4;
          for (const [name, bound] of Object.entries(bounds)) {
            if (/^U_|^aposteriori/.test(name)) expect(bound, name).toBeGreaterThanOrEqual(sigma * (1 - slack));
          }
          if (sigma > 1e-6) tightest = Math.min(tightest, value / sigma);
          at.dispose();
          layer.dispose();
        },
      ),
      { numRuns: runs(variant.dtype === "f64" ? 150 : 40, 25), seed: 12 },
    );
    // Layers of one token, among others, are bounded by their own norm: looser than that would be a bug.
    expect(tightest).toBeLessThan(1.001);
  });
});
