import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leadingPair } from "../../src/linalg/tridiagonal.js";
import { thickRestart } from "../../src/spectral/thickRestart.js";

const entry = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 1e-9, 1e-200) },
);
const projections = fc
  .array(fc.tuple(entry, entry), { minLength: 2, maxLength: 24 })
  .chain((pairs) => fc.tuple(fc.constant(pairs), fc.integer({ min: 1, max: pairs.length - 1 })))
  .map(([pairs, kept]) => ({
    kept,
    diagonal: pairs.map(([a]) => a),
    offDiagonal: pairs.map(([, b]) => b),
  }));

describe("thickRestart(projection, kept)", () => {
  it("turns the basis so that it meets the recurrence again, and keeps the largest Ritz values", () => {
    fc.assert(
      fc.property(projections, ({ diagonal, offDiagonal, kept }) => {
        const size = diagonal.length;
        const { projection, discarded, reflections } = thickRestart({ diagonal, offDiagonal }, kept);
        const columns = identity(size);
        // Row i of `columns` is the i-th entry of every basis vector.
        for (const g of reflections) {
          expect(Math.hypot(...g)).toBeCloseTo(Math.SQRT2, 13);
          for (const row of columns) {
            const inner = row.reduce((sum, x, c) => sum + x * g[c], 0);
            for (let c = 0; c < size; c++) row[c] -= inner * g[c];
          }
        }
        const basis = Array.from({ length: kept }, (_, c) => columns.map((row) => row[c]));
        const scale = 1e-13;
        for (let c = 0; c < kept; c++) {
          // T r_c = b_{c−1} r_{c−1} + a_c r_c + b_c r_{c+1}, and the last one is coupled to the outside.
          const image = times(diagonal, offDiagonal, basis[c]);
          for (let i = 0; i < size; i++) {
            let want = projection.diagonal[c] * basis[c][i];
            if (c > 0) want += projection.offDiagonal[c - 1] * basis[c - 1][i];
            if (c < kept - 1) want += projection.offDiagonal[c] * basis[c + 1][i];
            expect(Math.abs(image[i] - want)).toBeLessThan(scale);
          }
          const outside = offDiagonal[size - 1] * basis[c][size - 1];
          expect(Math.abs(outside - (c === kept - 1 ? projection.offDiagonal[c] : 0))).toBeLessThan(scale);
        }
        const before = leadingPair(diagonal, offDiagonal);
        const after = leadingPair(projection.diagonal, projection.offDiagonal);
        expect(Math.abs(after.value - before.value)).toBeLessThan(scale);
        // No Ritz value is lost: the traces agree.
        const trace = [...projection.diagonal, ...discarded].reduce((sum, value) => sum + value, 0);
        expect(discarded.length).toBe(size - kept);
        expect(Math.max(...discarded)).toBeLessThanOrEqual(before.value + scale);
        expect(trace - diagonal.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 12);
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});

function identity(size: number): Float64Array[] {
  return Array.from({ length: size }, (_, i) => Float64Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)));
}

function times(diagonal: number[], offDiagonal: number[], x: number[]): number[] {
  return x.map((value, i) => {
    const above = i > 0 ? offDiagonal[i - 1] * x[i - 1] : 0;
    const below = i < x.length - 1 ? offDiagonal[i] * x[i + 1] : 0;
    return diagonal[i] * value + above + below;
  });
}
