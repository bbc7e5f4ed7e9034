// Bounds from above on matrices of a chosen spectrum: never below the truth, and above it by rounding only.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { factorAbove, largestEigenvalueAbove } from "../../src/linalg/cholesky.js";
import { collatzWielandt } from "../../src/linalg/collatzWielandt.js";
import { product } from "../../src/linalg/dense.js";
import { gramAbove, normAbove, transposed } from "../../src/linalg/gram.js";

/** An orthogonal matrix: a product of n reflections. */
function orthogonal(n: number, random: Random): Float64Array {
  let q: Float64Array = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
  for (let k = 0; k < n; k++) {
    const v = random.fillGaussian(new Float64Array(n), 1);
    const squared = v.reduce((sum, entry) => sum + entry * entry, 0);
    const reflection = Float64Array.from({ length: n * n }, (_, at) => {
      const [r, c] = [Math.floor(at / n), at % n];
      return (r === c ? 1 : 0) - (2 * v[r] * v[c]) / squared;
    });
    q = product(q, reflection, n, n, n);
  }
  return q;
}

/** Q D Qᵀ, made symmetric to the last bit. */
function withSpectrum(values: readonly number[], seed: number): Float64Array {
  const n = values.length;
  const q = orthogonal(n, new Random(seed));
  const scaled = q.map((entry, at) => entry * values[at % n]);
  const a = product(scaled, transposed(q, n, n), n, n, n);
  return a.map((entry, at) => (entry + a[(at % n) * n + Math.floor(at / n)]) / 2);
}

const spectra = fc.array(fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1)), {
  minLength: 1,
  maxLength: 12,
});
const scales = fc.constantFrom(1, 1e-120, 1e-60, 1e40, 1e120);

it("largestEigenvalueAbove is at least the largest eigenvalue, and no more than rounding above it", () => {
  fc.assert(
    fc.property(spectra, scales, fc.nat(), (values, scale, seed) => {
      const n = values.length;
      const largest = Math.max(...values);
      fc.pre(largest > 1e-3);
      const a = withSpectrum(values, seed).map((entry) => entry * scale);
      const bound = largestEigenvalueAbove(a, n) / scale;
      // The matrix itself is only made to rounding.
      expect(bound).toBeGreaterThan(largest * (1 - 1e-14 * n));
      expect(bound).toBeLessThan(largest * (1 + 1e-12 * n));
    }),
    { numRuns: 300, seed: 1 },
  );
});

it("factorAbove gives L with L Lᵀ − A positive semidefinite, also for singular A", () => {
  fc.assert(
    fc.property(spectra, fc.nat(), (values, seed) => {
      const n = values.length;
      const a = withSpectrum(values, seed);
      const l = factorAbove(a, n);
      const difference = product(l, transposed(l, n, n), n, n, n).map((entry, at) => a[at] - entry);
      expect(largestEigenvalueAbove(difference, n)).toBeLessThan(1e-13 * n);
      expect(Math.max(...difference.map(Math.abs))).toBeLessThan(1e-12 * n * Math.max(1e-3, ...values));
    }),
    { numRuns: 100, seed: 2 },
  );
});

it("normAbove is the norm from above, of matrices of either shape and any size of entries", () => {
  fc.assert(
    fc.property(spectra, fc.nat(8), scales, fc.nat(), (values, more, scale, seed) => {
      const n = values.length;
      const largest = Math.max(...values);
      fc.pre(largest > 1e-3);
      // Rows of zeros change no singular value.
      const a = new Float64Array((n + more) * n);
      a.set(withSpectrum(values, seed).map((entry) => entry * scale));
      for (const bound of [normAbove(a, n + more, n), normAbove(transposed(a, n + more, n), n, n + more)]) {
        expect(bound / scale).toBeGreaterThan(largest * (1 - 1e-14 * n));
        expect(bound / scale).toBeLessThan(largest * (1 + 1e-12 * n));
      }
    }),
    { numRuns: 100, seed: 3 },
  );
});

describe("collatzWielandt", () => {
  it("is at least the norm, and equal to it to 1e-8 for connected patterns", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), fc.boolean(), (n, seed, causal) => {
        const random = new Random(seed);
        const b = Float64Array.from({ length: n * n }, (_, at) =>
          causal && at % n > Math.floor(at / n) ? 0 : 0.1 + random.uniform(),
        );
        const norm = normAbove(b, n, n);
        expect(collatzWielandt(b, n)).toBeGreaterThan(norm * (1 - 1e-12));
        expect(collatzWielandt(b, n)).toBeLessThan(norm * (1 + 1e-8));
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  it("holds for any pattern of zeros", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), (n, seed) => {
        const random = new Random(seed);
        const b = Float64Array.from({ length: n * n }, () => (random.uniform() < 0.6 ? 0 : random.uniform() ** 8));
        expect(collatzWielandt(b, n)).toBeGreaterThanOrEqual(normAbove(b, n, n) * (1 - 1e-10));
      }),
      { numRuns: 200, seed: 5 },
    );
    expect(collatzWielandt(new Float64Array(9), 3)).toBe(0);
  });
});

it("what is exactly known is never undercut, not by one bit", () => {
  // The matrix of size 8 whose entries are c has the norm 8c, the row of four c has 2c: both are doubles.
  const random = new Random(6);
  for (let trial = 0; trial < 2000; trial++) {
    const c = random.uniform();
    expect(collatzWielandt(new Float64Array(64).fill(c), 8)).toBeGreaterThanOrEqual(8 * c);
    expect(normAbove(new Float64Array(4).fill(c), 1, 4)).toBeGreaterThanOrEqual(2 * c);
    expect(normAbove(new Float64Array(4).fill(c), 4, 1)).toBeGreaterThanOrEqual(2 * c);
    expect(largestEigenvalueAbove(new Float64Array(64).fill(c), 8)).toBeGreaterThanOrEqual(8 * c);
  }
});

it("gramAbove is above the exact sum of products, digit by digit", () => {
  const random = new Random(7);
  for (let trial = 0; trial < 200; trial++) {
    // Of 26 bits: five squares add up to a number of at most 55.
    const m = 2 ** 25 + Math.floor(random.uniform() * 2 ** 25);
    const [g] = gramAbove(new Float64Array(5).fill(m / 2 ** 26), 1, 5);
    expect(BigInt(g * 2 ** 60) >= (5n * BigInt(m) ** 2n) << 8n).toBe(true);
  }
});

it("what is not finite bounds nothing, instead of going on for ever", () => {
  expect(largestEigenvalueAbove(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toBe(Number.POSITIVE_INFINITY);
  expect(largestEigenvalueAbove(Float64Array.of(Number.POSITIVE_INFINITY), 1)).toBe(Number.POSITIVE_INFINITY);
  expect(largestEigenvalueAbove(Float64Array.of(1e-320, 0, 0, 1e-320), 2)).toBeGreaterThanOrEqual(1e-320);
  expect(gramAbove(Float64Array.of(3, 4), 1, 2)[0]).toBeGreaterThanOrEqual(25);
});
