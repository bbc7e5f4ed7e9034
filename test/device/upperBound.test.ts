// Certified local bounds against the oracle's (MATH 8.2, 8.3), and against sigma on random layers.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { norm } from "../../src/jacobian/norm.js";
import { toDense } from "../../src/jacobian/toDense.js";
import { upperBound } from "../../src/jacobian/upperBoundOf.js";
import { onHost } from "../../src/layers/attention/modifiers.js";
import { resolveSpec } from "../../src/layers/attention/spec.js";
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
    const ours = ["U_schur"];
    const plain = spec.kind !== "l2" && spec.rope === undefined;
    if (plain) names.push("aposteriori_repaired");
    if (plain) ours.push("yudin", "nair");
    expect(Object.keys(bounds).sort()).toEqual([...names, ...ours].sort());
    for (const name of ours) {
      expect(bounds[name], name).toBeGreaterThanOrEqual((expected.sigma[0] ?? 0) * (1 - precision));
    }
    for (const name of names) {
      const bound = bounds[name];
      const want = expected.bounds[name];
      expect(bound, name).toBeGreaterThanOrEqual(want * (1 - (variant.dtype === "f64" ? 0 : precision)) - 1e-12);
      expect(bound, name).toBeLessThanOrEqual(want * (1 + Math.max(precision, 1e-8)) + 1e-12);
    }
    expect(value).toBeGreaterThanOrEqual((expected.sigma[0] ?? 0) * (variant.dtype === "f64" ? 1 : 1 - precision));
    at.dispose();
    layer.dispose();
  });

  it("allows for its own rounding: of a layer that is 3 times the identity, all bounds are above 3", async () => {
    const eye = { data: Float64Array.of(1, 0, 0, 1), shape: [2, 2] };
    const value = { weight: { data: Float64Array.of(3, 0, 0, 3), shape: [2, 2] } };
    const layer = runtime.attention({ heads: 1, query: { weight: eye }, key: { weight: eye }, value });
    const at = await layer.linearize({ data: Float64Array.of(0.3, 0.7), shape: [1, 2] });
    const { bounds } = await upperBound(at);
    for (const [name, bound] of Object.entries(bounds)) {
      if (!/^T[23]/.test(name)) expect(bound, name).toBeGreaterThanOrEqual(3 * (1 + 9e-11));
    }
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
            if (!/^T/.test(name)) expect(bound, name).toBeGreaterThanOrEqual(sigma * (1 - slack));
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

  it("covers norms, caps, biases and sinks as the device holds them, and names what it does not", async () => {
    const modifiers = ["queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"] as const;
    await fc.assert(
      fc.asyncProperty(attentionCases({ modifiers, maxTokens: 8, maxWidth: 8 }), async ({ spec, x }) => {
        const layer = runtime.attention(spec);
        const at = await layer.linearize(x);
        if (onHost(resolveSpec(spec))) {
          const { sigma } = await spectralNorm(at);
          const { bounds } = await upperBound(at);
          for (const [name, bound] of Object.entries(bounds)) {
            if (!/^T/.test(name)) expect(bound, name).toBeGreaterThanOrEqual(sigma * (1 - 1e-4));
          }
        } else await expect(upperBound(at)).rejects.toThrow(/"spec.(gate|queryNorm|keyNorm)": expected/);
        const dense = await toDense(at);
        const squares = Array.from(dense.data).reduce((sum, entry) => sum + entry * entry, 0);
        expect(Math.abs((await norm(at, "fro")) - Math.sqrt(squares))).toBeLessThan(1e-3 * (1 + Math.sqrt(squares)));
        at.dispose();
        layer.dispose();
      }),
      { numRuns: runs(25), seed: 13 },
    );
  });
});
