import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bounds } from "../../src/bounds/index.js";
import { masks } from "../reference/arbitraries.js";
import { oneHead, scaledTensor, sigmaAt, sumOfHeads } from "./layers.js";
import { asTensor, diagonalTensor, gaussianMatrix, tensorFrom } from "./matrices.js";

describe("bounds.largeRadius(question)", () => {
  it("encloses sigma at R·x at every R, any mask, and closes on the limit", async () => {
    let closed = 0;
    const drawn = fc.integer({ min: 1, max: 7 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        d: fc.integer({ min: 1, max: 4 }),
        mask: masks(n),
        scale: fc.constantFrom(0.5, 2, 10, 50),
        seed: fc.nat(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(drawn, async ({ n, d, mask, scale, seed }) => {
        const A = gaussianMatrix(d, d, seed);
        const V = gaussianMatrix(d, d, seed + 1);
        const x = asTensor(gaussianMatrix(n, d, seed + 2));
        const { limit, lower, upper } = bounds.largeRadius({ A: asTensor(A), V: asTensor(V), x, scale, mask });
        const sigma = await sigmaAt(oneHead(A, V, mask), scaledTensor(x, scale));
        expect(lower.value).toBeLessThanOrEqual(sigma * (1 + 1e-9));
        expect(sigma).toBeLessThanOrEqual(upper.value * (1 + 1e-9));
        expect(lower.value).toBeLessThanOrEqual(limit);
        expect(limit).toBeLessThanOrEqual(upper.value);
        if (n > 2 && upper.value < lower.value * 1.001) closed++;
      }),
      { numRuns: 150, seed: 6 },
    );
    expect(closed).toBeGreaterThan(20);
  });

  it("encloses sigma of several heads, and closes on ‖Σ S_h ⊗ V_h‖", async () => {
    let closed = 0;
    const drawn = fc.record({
      n: fc.integer({ min: 1, max: 6 }),
      d: fc.integer({ min: 1, max: 4 }),
      scale: fc.constantFrom(2, 10, 60),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(drawn, async ({ n, d, scale, seed }) => {
        const heads = [0, 1, 2].map((h) => ({
          A: gaussianMatrix(d, d, seed + 2 * h),
          V: gaussianMatrix(d, d, seed + 2 * h + 1),
        }));
        const x = asTensor(gaussianMatrix(n, d, seed + 9));
        const asked = heads.map(({ A, V }) => ({ A: asTensor(A), V: asTensor(V) }));
        const { limit, lower, upper } = bounds.largeRadius({ heads: asked, x, scale });
        const sigma = await sigmaAt(sumOfHeads(heads), scaledTensor(x, scale));
        expect(lower.value).toBeLessThanOrEqual(sigma * (1 + 1e-9));
        expect(sigma).toBeLessThanOrEqual(upper.value * (1 + 1e-9));
        expect(limit).toBeLessThanOrEqual(upper.value);
        if (n > 2 && upper.value < lower.value * 1.001) closed++;
      }),
      { numRuns: 80, seed: 8 },
    );
    expect(closed).toBeGreaterThan(8);
  });

  it("of one head in a list is that of A and V", () => {
    const head = { A: asTensor(gaussianMatrix(3, 3, 1)), V: asTensor(gaussianMatrix(2, 3, 2)) };
    const x = asTensor(gaussianMatrix(5, 3, 3));
    expect(bounds.largeRadius({ heads: [head], x, scale: 4 })).toEqual(bounds.largeRadius({ ...head, x, scale: 4 }));
    expect(() => bounds.largeRadius({ ...head, heads: [head], x, scale: 4 })).toThrow(/either heads, or A and V/);
  });

  it("is ‖V‖√n where all choose the same key", () => {
    const x = tensorFrom([[1], [2], [3], [4]]);
    const { limit, gap } = bounds.largeRadius({ A: diagonalTensor(1, 1), V: diagonalTensor(1, 2), x, scale: 100 });
    expect(limit).toBeCloseTo(4, 12);
    expect(gap).toBe(1);
  });

  it("needs no gap of queries that see one key or none", () => {
    const x = tensorFrom([[1], [1]]);
    const question = { A: diagonalTensor(1, 1), V: diagonalTensor(1, 1), x, scale: 2 };
    const allowed = Uint8Array.from([1, 0, 0, 0]);
    const { lower, upper } = bounds.largeRadius({ ...question, mask: { allowed } });
    expect(lower.value).toBeCloseTo(1, 12);
    expect(upper.value).toBeCloseTo(1, 12);
  });

  it.each([
    ["A = 0", diagonalTensor(1, 0), tensorFrom([[1], [2]]), /query 0 has two/],
    ["equal tokens", diagonalTensor(1, 1), tensorFrom([[3], [3]]), /it assumes that every query has one largest score/],
  ])("refuses %s, where no key is the single choice", (_, A, x, message) => {
    const call = () => bounds.largeRadius({ A, V: diagonalTensor(1, 1), x, scale: 1 });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(message);
  });

  it.each([
    [{ x: tensorFrom([[1, 2]]) }, RangeError, /"A"/],
    [{ scale: 0 }, RangeError, /"scale"/],
    [{ mask: "some" }, TypeError, /"mask"/],
    [{ V: null }, TypeError, /"V"/],
  ])("refuses %j", (change, kind, message) => {
    const question = { A: diagonalTensor(1, 1), V: diagonalTensor(1, 1), x: tensorFrom([[1], [2]]), scale: 1 };
    const call = () => bounds.largeRadius({ ...question, ...change } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});
