import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitPowerLaw } from "../../src/analysis/fit.js";

describe("fitPowerLaw", () => {
  it("recovers an exact power law, with a degenerate interval and r² = 1", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -2, max: 2, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        (exponent, constant) => {
          const fit = fitPowerLaw([2, 4, 8, 64].map((n) => ({ n, sigma: constant * n ** exponent })))!;
          expect(fit.exponent).toBeCloseTo(exponent, 10);
          expect(fit.constant / constant).toBeCloseTo(1, 10);
          expect(fit.interval[1] - fit.interval[0]).toBeLessThan(1e-10);
          if (Math.abs(exponent) > 1e-4) expect(fit.r2).toBeCloseTo(1, 10);
        },
      ),
    );
  });

  it("agrees with SciPy's linregress and t.ppf on scattered points", () => {
    const sigma = [0.5, 0.62, 0.95, 1.2, 1.9, 2.4];
    const fit = fitPowerLaw(sigma.map((value, i) => ({ n: 2 ** (i + 1), sigma: value })))!;
    expect(fit.exponent).toBeCloseTo(0.4714052831508217, 12);
    expect(fit.constant).toBeCloseTo(0.34503536286762737, 12);
    expect(fit.interval[0]).toBeCloseTo(0.4091988455794101, 11);
    expect(fit.interval[1]).toBeCloseTo(0.5336117207222333, 11);
    expect(fit.r2).toBeCloseTo(0.9910451764643926, 12);
    expect([fit.points, fit.omitted]).toEqual([6, 0]);
  });

  it("explains a sigma that does not depend on n: exponent 0, r² 1", () => {
    const fit = fitPowerLaw([3, 5, 9, 31].map((n) => ({ n, sigma: 0.1 })))!;
    expect(fit.exponent).toBeCloseTo(0, 12);
    expect(fit.r2).toBe(1);
  });

  it("leaves out zero sigmas and counts them", () => {
    const points = [1, 4, 16, 64].map((n) => ({ n, sigma: Math.sqrt(n) }));
    const fit = fitPowerLaw([{ n: 2, sigma: 0 }, ...points])!;
    expect(fit.exponent).toBeCloseTo(0.5, 12);
    expect([fit.points, fit.omitted]).toEqual([4, 1]);
  });

  it("is null with fewer than 3 usable points or with one n only", () => {
    expect(fitPowerLaw([])).toBeNull();
    expect(
      fitPowerLaw([
        { n: 2, sigma: 1 },
        { n: 4, sigma: 2 },
        { n: 8, sigma: 0 },
      ]),
    ).toBeNull();
    expect(fitPowerLaw([1, 2, 3].map((sigma) => ({ n: 8, sigma })))).toBeNull();
  });

  it("refuses points that are not numbers of a power law, by index", () => {
    const good = { n: 2, sigma: 1 };
    expect(() => fitPowerLaw([good, { n: 0, sigma: 1 }])).toThrow('"points[1].n"');
    expect(() => fitPowerLaw([good, good, { n: 2, sigma: -1 }])).toThrow('"points[2].sigma"');
    expect(() => fitPowerLaw([{ n: 2, sigma: Number.NaN }])).toThrow(RangeError);
    expect(() => fitPowerLaw([{ n: 2, sigma: "1" as never }])).toThrow(TypeError);
  });
});
