import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inversePhi, lambertW0 } from "../../src/linalg/lambertW.js";

describe("lambertW0(x)", () => {
  it.each([
    // Halley's method in decimal arithmetic of 60 digits, at exactly these doubles
    [1, 0.5671432904097838],
    [-0.2, -0.25917110181907377],
    [-0.25, -0.3574029561813889],
    [-0.2500001, -0.35740317865552645],
    [-0.3, -0.4894022271802149],
    [-0.36, -0.8060843159708176],
    [-0.3678794411714, -0.9999995202104045],
    [0.1, 0.09127652716086226],
    [2.9, 1.0326156691660666],
    [10, 1.7455280027406994],
    [1e10, 20.028685413304952],
    [1e300, 684.2472086297608],
  ])("lambertW0(%d) is %d", (x, w) => {
    expect(Math.abs(lambertW0(x) - w)).toBeLessThanOrEqual(4e-16 * Math.abs(w));
  });

  it("is −1 at the double nearest to −1/e, and right at the next but one", () => {
    expect(lambertW0(-Math.exp(-1))).toBe(-1);
    expect(1 + lambertW0(-Math.exp(-1) + 2 ** -54)).toBeCloseTo(1.5304254128e-8, 15);
  });

  it("satisfies w·eʷ = x to rounding", () => {
    fc.assert(
      fc.property(fc.double({ min: -0.25, max: 1e308, noNaN: true }), (x) => {
        const w = lambertW0(x);
        // d log x = (1 + 1/w) dw: rounding of w and of the exponential's argument
        const error = x > 1 ? w + Math.log(w) - Math.log(x) : w * Math.exp(w) - x;
        const allowance = x > 1 ? 4e-16 * (1 + w) : 1e-15 * Math.abs(x) + 5e-324;
        expect(Math.abs(error)).toBeLessThanOrEqual(allowance);
      }),
      { numRuns: 500 },
    );
  });

  it("satisfies 1 + (v − 1)eᵛ = ex + 1 for v = 1 + w near the branch point", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-4, max: 0.5, noNaN: true }), (v) => {
        const x = (v - 1) * Math.exp(v - 1);
        // x is rounded, and w depends on its square root there
        expect(Math.abs(lambertW0(x) - (v - 1))).toBeLessThanOrEqual(4e-16 / v + 4e-16);
      }),
    );
  });

  it("increases", () => {
    fc.assert(
      fc.property(fc.double({ min: -0.367, max: 1e6, noNaN: true }), (x) => {
        expect(lambertW0(x + 1e-6 * Math.max(1, Math.abs(x)))).toBeGreaterThan(lambertW0(x));
      }),
    );
  });

  it("keeps tiny numbers and the sign of zero", () => {
    expect(lambertW0(5e-324)).toBe(5e-324);
    expect(lambertW0(-1e-200)).toBe(-1e-200);
    expect(lambertW0(-0)).toBe(-0);
  });

  it.each([Number.NaN, -0.37, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])("refuses %d", (x) => {
    expect(() => lambertW0(x)).toThrow(RangeError);
    expect(() => lambertW0(x)).toThrow(/"x": expected a finite number of at least −1\/e/);
  });

  it("refuses what is no number", () => {
    expect(() => lambertW0("1" as unknown as number)).toThrow(TypeError);
  });
});

describe("inversePhi(y)", () => {
  it("inverts t·e^(t+1)", () => {
    expect(inversePhi(0)).toBe(0);
    expect(inversePhi(1)).toBeCloseTo(0.2784645427610738, 15);
    for (const y of [0.3, 4, 100, 1e9]) {
      const t = inversePhi(y);
      expect((t * Math.exp(t + 1)) / y).toBeCloseTo(1, 13);
    }
  });
});
