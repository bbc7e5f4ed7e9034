// The ∞-norm of dot-product attention over a ball (docs/theory.md, section 8.3d).
import fc from "fast-check";
import { expect, it } from "vitest";
import { tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import { layerHead } from "../../src/bounds/layerHeads.js";
import { hostPrimal } from "../../src/layers/attention/hostPrimal.js";
import { resolveSpec } from "../../src/layers/attention/spec.js";
import { apply, transposed } from "../../src/linalg/matrix.js";
import { dense } from "../jacobian/dense.js";
import { attentionCases } from "../reference/arbitraries.js";
import { largestToken, oneHead, paperHeads } from "./layers.js";
import { asTensor, gaussianMatrix } from "./matrices.js";

/** The largest sum of |entries| of a row, in columns `width`. */
function rowSums(matrix: Float64Array, width: number): number {
  let largest = 0;
  for (let from = 0; from < matrix.length; from += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += Math.abs(matrix[from + c]);
    largest = Math.max(largest, sum);
  }
  return largest;
}

it("is at least ‖J‖_∞ at any input in the ball, for any mask, bias, grouping and rotary positions", async () => {
  let tightest = 0;
  await fc.assert(
    fc.asyncProperty(
      attentionCases({ maxTokens: 6, maxWidth: 8 }),
      fc.constantFrom(0.1, 1, 4),
      async (drawn, stretch) => {
        const { spec, n, dIn } = drawn;
        const x = drawn.x.data.map((entry) => stretch * entry);
        const radius = largestToken(tensor(Float64Array.from(x), [n, dIn]));
        const { best, infinity } = await bounds.ofLayer(spec, { n, radius, norm: Number.POSITIVE_INFINITY });
        const found = rowSums(dense(hostPrimal(resolveSpec(spec), x)), n * dIn);
        expect(best).toEqual(infinity);
        expect(best.kind).toBe("upper");
        expect(best.value).toBeGreaterThanOrEqual(found * (1 - 1e-12));
        if (best.value > 0) tightest = Math.max(tightest, found / best.value);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
  expect(tightest).toBeGreaterThan(0.9);
});

it("from matrices is that of the layer they describe, and adds heads up within an output entry", async () => {
  const [A, V] = [gaussianMatrix(4, 4, 2), gaussianMatrix(3, 4, 3)];
  const one = bounds.infinity({ radius: 2, heads: [{ A: asTensor(A), V: asTensor(V) }] });
  const layer = await bounds.ofLayer(oneHead(A, V), { n: 5, radius: 2, norm: Number.POSITIVE_INFINITY });
  expect(one.value).toBeCloseTo(layer.best.value, 9);
  const both = { A: asTensor(A), V: asTensor(V) };
  expect(bounds.infinity({ radius: 2, heads: [both, both] }).value).toBeCloseTo(2 * one.value, 9);
});

it("takes a query bias in, and no value bias", async () => {
  await fc.assert(
    fc.asyncProperty(attentionCases({ maxWidth: 6 }), async ({ spec, n }) => {
      fc.pre(spec.rope === undefined && spec.query.bias !== undefined && spec.output !== undefined);
      const norm = Number.POSITIVE_INFINITY;
      const { best } = await bounds.ofLayer(spec, { n, radius: 1, norm });
      const unbiased = { ...spec, value: { weight: spec.value.weight } };
      expect((await bounds.ofLayer(unbiased, { n, radius: 1, norm })).best.value).toBe(best.value);
      const scale = spec.scale ?? 1 / Math.sqrt(resolveSpec(spec).dHead);
      const heads = paperHeads(spec).map(({ A, M }, h) => {
        const { key, queryBias } = layerHead(resolveSpec(spec), h);
        const g0 = apply(key, queryBias ?? []).map((entry) => scale * entry);
        return { A: asTensor(A), V: asTensor(transposed(M)), g0: tensor(g0, [g0.length]) };
      });
      expect(bounds.infinity({ radius: 1, heads }).value).toBeCloseTo(best.value, 8);
    }),
    { numRuns: 20, seed: 3 },
  );
});

it("refuses what is no number or of another shape, and l2 without its own theorem's assumptions", async () => {
  const eye = tensor(Float64Array.of(1, 0, 0, 1), [2, 2]);
  expect(() => bounds.infinity({ radius: -1, heads: [{ A: eye, V: eye }] })).toThrow(/"radius"/);
  expect(() => bounds.infinity({ radius: 1, heads: [] })).toThrow(/"heads": expected an array of \{ A, V \}/);
  const wide = tensor(new Float64Array(6), [2, 3]);
  expect(() => bounds.infinity({ radius: 1, heads: [{ A: eye, V: wide }] })).toThrow(RangeError);
  const spec = { heads: 1, query: { weight: eye }, key: { weight: eye }, value: { weight: eye } };
  const norm = 1 as 2;
  await expect(bounds.ofLayer(spec, { n: 2, radius: 1, norm })).rejects.toThrow(
    /"norm": expected 2 or Infinity, got 1/,
  );
});
