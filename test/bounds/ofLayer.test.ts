import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { absorbNormalization } from "../../src/bounds/absorbNormalization.js";
import { bounds } from "../../src/bounds/index.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Linear } from "../../src/layers/linear.js";
import { matrixNorm } from "../../src/linalg/matrixNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { largestToken, namedMask, paperHeads, scaledTensor, sigmaAt } from "./layers.js";
import { asTensor, diagonalTensor, gaussianMatrix, matrixOf } from "./matrices.js";

const dotProducts = loadFixtures().filter(({ spec }) => spec.kind === "dot-product");

describe("bounds.ofLayer(spec, { n, radius })", () => {
  it.each(dotProducts.map((fixture) => [fixture.name, fixture] as const))("%s", async (_, fixture) => {
    const { n, x, expected } = fixture;
    const spec = { ...fixture.spec, mask: namedMask(fixture) };
    const radius = largestToken(x);
    const summed = await bounds.ofLayer(spec, { n, radius, heads: "sum" });
    const { castin_ball, castin_ball_n1, ball_sharp_any_mask, ball_sharp, ball_sharp_causal } = expected.bounds;
    const pairs = [
      [summed.castin, castin_ball],
      [summed.castinVariance, castin_ball_n1],
      [summed.anyMask, ball_sharp_any_mask],
      [summed.unmasked, ball_sharp],
      [summed.causal, ball_sharp_causal],
    ] as const;
    for (const [ours, theirs] of pairs) if (theirs) expect((ours?.value ?? 0) / theirs).toBeCloseTo(1, 10);
    const { best, ...all } = await bounds.ofLayer(spec, { n, radius });
    for (const [name, bound] of Object.entries(all)) {
      expect(expected.sigma[0], name).toBeLessThanOrEqual(bound.value * (1 + 1e-12));
      expect(best.value).toBeLessThanOrEqual(bound.value);
      expect(bound.kind).toBe("upper");
    }
  });

  it("puts heads together both ways and takes the smaller", async () => {
    const { spec, n } = dotProducts.find(({ name }) => name === "causal") ?? dotProducts[0];
    const sum = await bounds.ofLayer(spec, { n, radius: 1, heads: "sum" });
    const stacked = await bounds.ofLayer(spec, { n, radius: 1, heads: "stacked" });
    const heads = paperHeads(spec).map(({ A, M, value }) => {
      const ball = (normV: number) =>
        bounds.ball({ n, radius: 1, normA: matrixNorm(A), normV, mask: spec.mask }).anyMask.value;
      return [ball(matrixNorm(M)), ball(matrixNorm(value))];
    });
    const normO = matrixNorm(matrixOf((spec.output as Linear).weight));
    expect(sum.anyMask?.value).toBeCloseTo(heads[0][0] + heads[1][0], 10);
    expect(stacked.anyMask?.value).toBeCloseTo(normO * Math.hypot(heads[0][1], heads[1][1]), 10);
    const { anyMask } = await bounds.ofLayer(spec, { n, radius: 1 });
    expect(anyMask?.value).toBe(Math.min(sum.anyMask?.value ?? 0, stacked.anyMask?.value ?? 0));
    expect(anyMask?.source).toMatch(/heads (summed|stacked) by MATH 5.8/);
  });

  it("is above sigma for any mask, bias, grouping and rotary positions", async ({ annotate }) => {
    let tightest = 0;
    await fc.assert(
      fc.asyncProperty(
        attentionCases({ maxTokens: 7, maxWidth: 8 }),
        fc.constantFrom(0.1, 0.5, 1.5, 5),
        async ({ spec, n, x }, factor) => {
          const input = scaledTensor(x, factor);
          const sigma = await sigmaAt(spec, input);
          const radius = largestToken(input);
          const { best, ...all } = await bounds.ofLayer(spec, { n, radius });
          for (const [name, bound] of Object.entries(all)) {
            expect(sigma, name).toBeLessThanOrEqual(bound.value * (1 + 1e-9));
          }
          tightest = Math.max(tightest, sigma / best.value);
        },
      ),
      { numRuns: 500, seed: 8 },
    );
    await annotate(`tightest ratio ${tightest}`);
    expect(tightest).toBeGreaterThan(0.5);
  });

  it("with rotary positions leaves the bounds out that were not derived for them", async () => {
    const { spec, n } = dotProducts.find(({ spec: { rope } }) => rope) ?? dotProducts[0];
    const all = await bounds.ofLayer({ ...spec, mask: "none" }, { n, radius: 1 });
    expect(Object.keys(all)).toEqual(["anyMask", "unmasked", "best"]);
    expect(all.best.source).toContain("5.7");
  });

  it("counts a key bias with rotary positions, and without them not", async () => {
    const eye = { weight: diagonalTensor(2, 1) };
    const bias = tensor(new Float64Array([3, 0]), [2]);
    const spec: AttentionSpec = { heads: 1, query: eye, key: eye, value: eye };
    const best = async (change: Partial<AttentionSpec>) =>
      (await bounds.ofLayer({ ...spec, ...change }, { n: 4, radius: 1 })).best.value;
    expect(await best({ key: { ...eye, bias } })).toBe(await best({}));
    const rope = { base: 10 };
    expect(await best({ key: { ...eye, bias }, rope })).toBeGreaterThan(1 + (await best({ rope })));
    expect(await best({ query: { ...eye, bias } })).toBeGreaterThan(1 + (await best({})));
  });

  it("with a normalisation is above sigma in the normalised token, and below the bound on its ball", async ({
    annotate,
  }) => {
    let sharper = 0;
    let tightest = 0;
    await fc.assert(
      fc.asyncProperty(
        attentionCases({ maxTokens: 6, maxWidth: 7 }).filter(({ dIn }) => dIn > 1),
        fc.constantFrom("layer" as const, "rms" as const),
        async ({ spec, n, dIn, x }, kind) => {
          const gain = vector(gaussianMatrix(1, dIn, n).data);
          const bias = kind === "layer" ? vector(gaussianMatrix(1, dIn, n + 1).data) : undefined;
          const absorbed = absorbNormalization(spec, { kind, gain, bias });
          const z = normalised(x, kind);
          const y = affine(z, gain, bias);
          const outputs = [referenceAttention(absorbed, z), referenceAttention(spec, y)].map(
            ({ output }) => output.data,
          );
          outputs[0].forEach((entry, at) => {
            expect(entry).toBeCloseTo(outputs[1][at], 9);
          });
          const { best, ...all } = await bounds.ofLayer(spec, { n, normalization: { kind, gain, bias } });
          const sigma = await sigmaAt(absorbed, z);
          for (const [name, { value }] of Object.entries(all))
            expect(sigma, name).toBeLessThanOrEqual(value * (1 + 1e-9));
          tightest = Math.max(tightest, sigma / best.value);
          const { value: radius } =
            kind === "layer" ? bounds.radius.layerNorm({ gain, bias }) : bounds.radius.rmsNorm({ gain });
          expect(largestToken(y)).toBeLessThanOrEqual(radius * (1 + 1e-12));
          const stretch = Math.max(...gain.data.map(Math.abs));
          if (best.value < stretch * (await bounds.ofLayer(spec, { n, radius })).best.value) sharper++;
        },
      ),
      { numRuns: 100, seed: 9 },
    );
    expect(sharper).toBeGreaterThan(90);
    await annotate(`tightest ratio ${tightest}`);
    expect(tightest).toBeGreaterThan(0.3);
  });

  it("is only probable where weights are wide, and says so", async () => {
    const wide = { weight: asTensor(gaussianMatrix(260, 260, 1, 0.05)) };
    const spec: AttentionSpec = { heads: 4, query: wide, key: wide, value: wide, output: wide };
    const { best } = await bounds.ofLayer(spec, { n: 8, radius: 1, heads: "stacked", failureProbability: 1e-3 });
    expect(best.kind).toBe("probable");
    expect(best.assumptions.join()).toContain("probability at least 1 − 0.001");
    const summed = await bounds.ofLayer(spec, { n: 8, radius: 1, heads: "sum" });
    const exact = paperHeads(spec).reduce((total, { A, M }) => {
      return total + bounds.ball({ n: 8, radius: 1, normA: matrixNorm(A), normV: matrixNorm(M) }).best.value;
    }, 0);
    expect(summed.best.value / exact).toBeCloseTo(1, 9);
  });

  it.each([
    [{ n: 0, radius: 1 }, RangeError, /"n"/],
    [{ n: 3 }, TypeError, /"radius"/],
    [{ n: 3, radius: -1 }, RangeError, /"radius"/],
    [{ n: 3, radius: 1, heads: "max" }, RangeError, /"heads"/],
    [{ n: 3, radius: 1, norm: 3 }, RangeError, /"norm": expected 2 or Infinity, got 3/],
    [{ n: 3, radius: 1, failureProbability: 0 }, RangeError, /"failureProbability"/],
    [{ n: 3, radius: 1, normalization: {} }, RangeError, /"normalization"/],
    [{ n: 3, normalization: { kind: "batch" } }, RangeError, /"normalization.kind"/],
    [{ n: 3, normalization: { kind: "rms", gain: vector([1]) } }, RangeError, /"spec.query.weight"/],
    [
      { n: 3, normalization: { kind: "rms", gain: vector([1]), bias: vector([1]) } },
      RangeError,
      /"normalization.bias"/,
    ],
    [{ n: 3, radius: 1, tokens: 3 }, TypeError, /unknown key "tokens"/],
  ])("refuses %j", async (question, kind, message) => {
    const { spec } = dotProducts[0];
    await expect(bounds.ofLayer({ ...spec, mask: "none" }, question as never)).rejects.toThrow(kind);
    await expect(bounds.ofLayer({ ...spec, mask: "none" }, question as never)).rejects.toThrow(message);
  });

  it("refuses a spec that is no spec", async () => {
    await expect(bounds.ofLayer(null as never, { n: 3, radius: 1 })).rejects.toThrow(TypeError);
    await expect(bounds.ofLayer({} as never, { n: 3, radius: 1 })).rejects.toThrow(TypeError);
  });
});

function vector(entries: ArrayLike<number>) {
  return tensor(Float64Array.from(entries), [entries.length]);
}

function normalised({ data, shape }: Tensor, kind: "layer" | "rms"): Tensor {
  const [n, d] = shape;
  const z = Float64Array.from(data);
  for (let i = 0; i < n; i++) {
    const token = z.subarray(i * d, (i + 1) * d);
    const mean = kind === "layer" ? token.reduce((sum, entry) => sum + entry, 0) / d : 0;
    const length = Math.hypot(...token.map((entry) => entry - mean));
    for (let c = 0; c < d; c++) token[c] = ((token[c] - mean) * Math.sqrt(d)) / length;
  }
  return tensor(z, shape);
}

function affine({ data, shape }: Tensor, gain: Tensor, bias: Tensor | undefined): Tensor {
  const d = shape[1];
  return tensor(
    Float64Array.from(data, (entry, at) => entry * gain.data[at % d] + (bias?.data[at % d] ?? 0)),
    shape,
  );
}
