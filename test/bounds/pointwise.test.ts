import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { matrixNorm } from "../../src/linalg/matrixNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { attentionCases } from "../reference/arbitraries.js";
import { oneHead, scaledTensor, sigmaAt } from "./layers.js";
import { asTensor, diagonalTensor, gaussianMatrix, matrixFrom, tensorFrom } from "./matrices.js";

const withPointwise = loadFixtures().filter(({ expected }) => "aposteriori_repaired" in expected.bounds);

describe("bounds.pointwise(spec, x) has the oracle's values", () => {
  it.each(withPointwise.map((fixture) => [fixture.name, fixture] as const))("%s", async (_, { spec, x, expected }) => {
    const { value, kind, scope } = await bounds.pointwise(spec, x);
    expect(value / expected.bounds.aposteriori_repaired).toBeCloseTo(1, 10);
    expect([kind, scope]).toEqual(["upper", "point"]);
    expect(expected.sigma[0]).toBeLessThanOrEqual(value * (1 + 1e-12));
  });
});

describe("bounds.pointwise(spec, x)", () => {
  it("is above sigma for any mask, bias and grouping", async ({ annotate }) => {
    let tightest = 0;
    const cases = attentionCases({ maxTokens: 7, maxWidth: 8 }).filter(({ spec }) => spec.rope === undefined);
    await fc.assert(
      fc.asyncProperty(cases, fc.constantFrom(0.1, 1, 4), async ({ spec, x }, factor) => {
        const input = scaledTensor(x, factor);
        const sigma = await sigmaAt(spec, input);
        const { value } = await bounds.pointwise(spec, input);
        expect(sigma).toBeLessThanOrEqual(value * (1 + 1e-9));
        tightest = Math.max(tightest, sigma / value);
      }),
      { numRuns: 200, seed: 7 },
    );
    await annotate(`tightest ratio ${tightest}`);
    expect(tightest).toBeGreaterThan(0.5);
  });

  it.each([
    [1, 1.62],
    [2, 4.24],
    [4, 16.06],
    [8, 64.02],
  ])("is above the counterexample to the released code's formula, tokens ±%d·e₁: sigma %d", async (c, expected) => {
    const A = matrixFrom([
      [0, 1],
      [0, 0],
    ]);
    const V = matrixFrom([
      [1, 0],
      [0, 1],
    ]);
    const x = tensorFrom([1, 1, 1, -1, -1, -1].map((sign) => [sign * c, 0]));
    const sigma = await sigmaAt(oneHead(A, V), x);
    expect(sigma / expected).toBeCloseTo(1, 2);
    // A x_i = 0 for all tokens, so the formula Σ‖V‖√(R_h²r²(n + 1) + n) is √n whatever c.
    if (c > 1) expect(sigma).toBeGreaterThan(Math.sqrt(6));
    expect(sigma).toBeLessThanOrEqual((await bounds.pointwise(oneHead(A, V), x)).value);
  });

  it("refuses what MATH 8.2 does not cover, and says so", async () => {
    const eye = { weight: diagonalTensor(2, 1) };
    const x = tensorFrom([[1, 0]]);
    const dot = { heads: 1, query: eye, key: eye, value: eye };
    await expect(bounds.pointwise({ ...dot, rope: { base: 100 } }, x)).rejects.toThrow(
      /it assumes no rotary positions/,
    );
    await expect(bounds.pointwise({ ...dot, kind: "l2" }, x)).rejects.toThrow(/it assumes dot-product attention/);
    await expect(bounds.pointwise(dot, tensorFrom([[1]]))).rejects.toThrow(
      /"x": expected shape \[\*, 2\], got \[1, 1\]/,
    );
    await expect(bounds.pointwise(dot, x, { failureProbability: 2 })).rejects.toThrow(RangeError);
  });

  it("takes the spectral norms of wide weights from the solver, and says with what probability", async () => {
    const d = 300;
    const wide = gaussianMatrix(d, d, 1, 0.1);
    const spec = wideSpec(asTensor(wide));
    const { value, kind, assumptions } = await bounds.pointwise(spec, oneToken(d), { failureProbability: 1e-4 });
    expect(kind).toBe("probable");
    expect(assumptions.join()).toContain("probability at least 1 − 0.0001");
    expect(value / matrixNorm(wide)).toBeGreaterThanOrEqual(1);
    expect(value / matrixNorm(wide)).toBeLessThan(1.02);
  });

  it("is sure of wide weights whose largest row and column sums say as much", async () => {
    const d = 300;
    const { value, kind } = await bounds.pointwise(wideSpec(diagonalTensor(d, 2)), oneToken(d));
    expect(kind).toBe("upper");
    expect(value).toBeCloseTo(2, 10);
  });
});

function wideSpec(weight: Tensor): AttentionSpec {
  return { heads: 1, query: { weight }, key: { weight }, value: { weight }, scale: 0.1 };
}

function oneToken(d: number): Tensor {
  return tensor(new Float64Array(d).fill(0.1), [1, d]);
}
