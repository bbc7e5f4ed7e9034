import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { relativeError, scaledError, tolerance } from "./close.js";
import { runs, variantRuntime, variants } from "./variants.js";

describe.each(variants)("attention in $name on random ragged shapes", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(["dot-product", "l2"] as const)(
    "%s agrees with the plain reference, and J and Jᵀ are adjoint",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(attentionCases({ kind }), async ({ spec, x, u, g }) => {
          const reference = referenceAttention(spec, x);
          const limit = 10 * tolerance(variant.dtype, reference.largestLogit);
          const layer = runtime.attention(spec);
          const at = await layer.linearize(x);
          layer.dispose();
          const ju = await at.jvp(u);
          const jg = await at.vjp(g);
          at.dispose();
          expect(relativeError(at.output.data, reference.output.data)).toBeLessThan(limit);
          expect(scaledError(ju.data, reference.jvp(u).data, 1e-3)).toBeLessThan(limit);
          expect(scaledError(jg.data, reference.vjp(g).data, 1e-3)).toBeLessThan(limit);
          const size = norm(ju.data) * norm(g.data) + norm(jg.data) * norm(u.data);
          expect(Math.abs(inner(ju.data, g.data) - inner(u.data, jg.data))).toBeLessThan(limit * (size + 1e-30));
        }),
        { numRuns: runs(150), seed: 7 },
      );
    },
  );
});

function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(a: ArrayLike<number>): number {
  return Math.sqrt(inner(a, a));
}
