import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leadingTriplet } from "../../src/linalg/smallSvd.js";

describe("leadingTriplet(alphas, betas)", () => {
  it("is exact for a 1×1 matrix, at any scale", () => {
    for (const alpha of [1, 3.7, 1e-300, 5e-324, 1e300]) {
      expect(leadingTriplet([alpha], [])).toEqual({
        sigma: alpha,
        left: Float64Array.of(1),
        right: Float64Array.of(1),
      });
    }
  });

  it("does not read what lies beyond the superdiagonal", () => {
    expect(leadingTriplet([2, 1], [0.5, 99])).toEqual(leadingTriplet([2, 1], [0.5]));
  });

  it.each([2, 3, 10, 100, 300])("agrees with 2cos(iπ/(2k + 1)) for a bidiagonal of ones, k = %i", (k) => {
    const { sigma } = leadingTriplet(new Float64Array(k).fill(1), new Float64Array(k - 1).fill(1));
    expect(relative(sigma, 2 * Math.cos(Math.PI / (2 * k + 1)))).toBeLessThan(4e-16);
  });

  it("has the closed form of a 2×2 matrix at every scale", () => {
    for (const scale of [1e-320, 1e-200, 1, 1e150, 1e300]) {
      const { sigma } = leadingTriplet([3 * scale, 2 * scale], [scale]);
      const [sum, product] = [14, 6];
      const accuracy = scale < 1e-310 ? 1e-3 : 1e-15;
      expect(relative(sigma / scale, Math.sqrt((sum + Math.sqrt(sum ** 2 - 4 * product ** 2)) / 2))).toBeLessThan(
        accuracy,
      );
    }
  });

  it("takes zeros anywhere", () => {
    expect(leadingTriplet([0, 0, 0], [0, 0]).sigma).toBe(0);
    expect(leadingTriplet([1, 0, 2], [0, 0])).toMatchObject({ sigma: 2 });
    expect(leadingTriplet([1, 0], [1]).sigma).toBeCloseTo(Math.SQRT2, 15);
    expect(leadingTriplet([0, 1], [1]).sigma).toBeCloseTo(Math.SQRT2, 15);
    for (const [alphas, betas] of [
      [
        [1, 0, 2],
        [0, 0],
      ],
      [[1, 0], [1]],
      [
        [0, 0, 0],
        [0, 0],
      ],
      [
        [1, 1, 1],
        [0, 0],
      ],
    ]) {
      expectSingularTriplet(alphas, betas);
    }
  });

  it("sees clusters and multiplicities", () => {
    expect(leadingTriplet([1, 1, 0.5], [0, 0])).toMatchObject({ sigma: 1 });
    expect(leadingTriplet([1, 1 + 1e-10], [0]).sigma).toBe(1 + 1e-10);
    expectSingularTriplet([1, 1, 1, 1], [1e-9, 1e-9, 1e-9]);
  });

  it("returns a singular triplet, and the largest, of any bidiagonal", () => {
    const entry = fc.oneof(
      { weight: 6, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
      { weight: 2, arbitrary: fc.integer({ min: -40, max: 0 }).map((power) => 10 ** power) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1) },
    );
    const bidiagonal = fc
      .array(fc.tuple(entry, entry), { minLength: 1, maxLength: 60 })
      .map((pairs) => [pairs.map(([alpha]) => alpha), pairs.map(([, beta]) => beta).slice(1)]);
    fc.assert(
      fc.property(bidiagonal, ([alphas, betas]) => expectSingularTriplet(alphas, betas)),
      { numRuns: 500, seed: 3 },
    );
  });
});

/** B·right = sigma·left, Bᵀ·left = sigma·right, unit vectors, and sigma²·I − BᵀB positive semidefinite. */
function expectSingularTriplet(alphas: number[], betas: number[]): void {
  const { sigma, left, right } = leadingTriplet(alphas, betas);
  const last = alphas.length - 1;
  expect(Math.hypot(...left)).toBeCloseTo(1, 14);
  expect(Math.hypot(...right)).toBeCloseTo(1, 14);
  const tolerance = 1e-14 * sigma;
  for (let i = 0; i <= last; i++) {
    const forward = alphas[i] * right[i] + (i < last ? betas[i] * right[i + 1] : 0);
    const backward = alphas[i] * left[i] + (i > 0 ? betas[i - 1] * left[i - 1] : 0);
    expect(Math.abs(forward - sigma * left[i])).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(backward - sigma * right[i])).toBeLessThanOrEqual(tolerance);
  }
  if (sigma === 0) return;
  let pivot = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= last; i++) {
    const beta = i > 0 ? betas[i - 1] / sigma : 0;
    const coupling = i > 0 ? (alphas[i - 1] / sigma) * beta : 0;
    pivot = 1 + 1e-13 - (alphas[i] / sigma) ** 2 - beta ** 2 - coupling ** 2 / pivot;
    expect(pivot).toBeGreaterThan(0);
  }
}

function relative(actual: number, expected: number): number {
  return Math.abs(actual - expected) / expected;
}
