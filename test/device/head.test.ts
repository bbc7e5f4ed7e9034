import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionCases } from "../reference/arbitraries.js";
import { relativeError, tolerance } from "./close.js";
import { runs, variantRuntime, variants } from "./variants.js";

describe.each(variants)("Attention.head in $name", (variant) => {
  it.each(["dot-product", "l2"] as const)(
    "of %s gives layers that add up to the whole, without the output's bias",
    async (kind) => {
      const runtime = await variantRuntime(variant);
      await fc.assert(
        fc.asyncProperty(attentionCases({ kind }), async ({ spec, x, u, dOut }) => {
          fc.pre(spec.output !== undefined);
          const layer = runtime.attention({ ...spec, output: { weight: spec.output!.weight } });
          const whole = await layer.linearize(x);
          const wholeTangent = await whole.jvp(u);
          const output = new Float64Array(x.shape[0] * dOut);
          const tangent = new Float64Array(x.shape[0] * dOut);
          for (let h = 0; h < layer.heads; h++) {
            const head = layer.head(h);
            const at = await head.linearize(x);
            const ju = await at.jvp(u);
            for (let i = 0; i < output.length; i++) {
              output[i] += at.output.data[i];
              tangent[i] += ju.data[i];
            }
            at.dispose();
            head.dispose();
          }
          const limit = 30 * tolerance(variant.dtype, 0);
          expect(relativeError(output, whole.output.data)).toBeLessThan(limit);
          expect(relativeError(tangent, wholeTangent.data)).toBeLessThan(limit * 10);
          whole.dispose();
          layer.dispose();
        }),
        { numRuns: runs(40), seed: 11 },
      );
      runtime.dispose();
    },
  );

  it("refuses a head that is not there", async () => {
    const runtime = await variantRuntime(variant);
    const [{ spec }] = fc.sample(attentionCases(), { numRuns: 1, seed: 3 });
    const layer = runtime.attention(spec);
    expect(() => layer.head(spec.heads)).toThrow(/"head": expected an integer from 0 to/);
    runtime.dispose();
  });
});
