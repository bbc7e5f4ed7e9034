// The literature's bounds from the sharpness of rows of P (docs/theory.md, section 8.3c).
import fc from "fast-check";
import { expect, it } from "vitest";
import { sharpness } from "../../src/jacobian/softmaxBounds.js";
import { normAbove } from "../../src/linalg/gram.js";

it("g1 of a row is at least the norm of softmax's derivative there, and that norm itself for two keys", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 9 }), (draws) => {
      const total = draws.reduce((sum, value) => sum + value, 0);
      fc.pre(total > 1e-3);
      const n = draws.length;
      const p = draws.map((value) => value / total);
      const derivative = Float64Array.from({ length: n * n }, (_, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        return (i === j ? p[i] : 0) - p[i] * p[j];
      });
      const rows = new Float64Array(n * n);
      rows.set(p);
      const [first] = sharpness(rows, n);
      const norm = normAbove(derivative, n, n);
      expect(first).toBeGreaterThanOrEqual(norm * (1 - 1e-12) - 1e-15);
      if (n === 2) expect(first).toBeCloseTo(norm, 12);
      expect(first).toBeLessThanOrEqual(0.5 + 1e-12);
    }),
    { numRuns: 300, seed: 1 },
  );
});
