import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { incompleteBeta, logGamma, studentTQuantile } from "../../src/linalg/studentT.js";

function close(actual: number, expected: number, rtol: number): void {
  expect(Math.abs(actual - expected), `${actual} against ${expected}`).toBeLessThanOrEqual(rtol * Math.abs(expected));
}

describe("studentTQuantile", () => {
  // Columns: p, degrees of freedom, quantile (SciPy 1.17, stats.t.ppf; the same to the digits of printed tables).
  const table: [number, number, number][] = [
    [0.975, 1, 12.706204736174694],
    [0.975, 2, 4.302652729749462],
    [0.975, 3, 3.1824463052837078],
    [0.975, 10, 2.228138851986274],
    [0.975, 28, 2.0484071417952454],
    [0.975, 120, 1.9799304050824402],
    [0.975, 1000, 1.9623390808264083],
    [0.9, 5, 1.4758840488244815],
    [0.995, 28, 2.763262455461444],
    [0.9995, 1, 636.6192487687897],
    [0.9995, 120, 3.373453768562533],
  ];
  it.each(table)("p = %f with %i degrees of freedom is %f", (p, freedom, expected) => {
    close(studentTQuantile(p, freedom), expected, 1e-10);
    close(studentTQuantile(1 - p, freedom), -expected, 1e-10);
  });

  it("is tan(π(p − 1/2)) for one degree of freedom and zero at the median", () => {
    for (const p of [0.51, 0.6, 0.75, 0.99]) close(studentTQuantile(p, 1), Math.tan(Math.PI * (p - 0.5)), 1e-11);
    expect(studentTQuantile(0.5, 7)).toBe(0);
  });

  it("refuses a probability outside (0, 1) and fewer than one degree of freedom", () => {
    for (const p of [0, 1, -0.1, Number.NaN]) expect(() => studentTQuantile(p, 3)).toThrow(RangeError);
    expect(() => studentTQuantile(0.9, 0)).toThrow('"degreesOfFreedom"');
  });
});

describe("incompleteBeta", () => {
  it.each([
    [0.5, 2, 3, 0.6875],
    [0.1, 0.5, 0.5, 0.20483276469913345],
    [0.9, 5, 1.5, 0.7761721343162159],
    [0.01, 0.5, 50, 0.6826956021258024],
    [0.3, 20, 40, 0.29982167525229364],
  ])("I_%f(%f, %f) is %f", (x, a, b, expected) => {
    close(incompleteBeta(x, a, b), expected, 1e-12);
  });

  it("is 0 and 1 at the ends, rises, and mirrors: I_x(a, b) = 1 − I_{1−x}(b, a)", () => {
    const shape = fc.double({ min: 0.3, max: 300, noNaN: true });
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, shape, shape, (x, y, a, b) => {
        const low = incompleteBeta(Math.min(x, y), a, b);
        const high = incompleteBeta(Math.max(x, y), a, b);
        return low >= 0 && high <= 1 + 1e-12 && low <= high + 1e-12;
      }),
    );
    fc.assert(
      // x in 1024ths, so that 1 − x is exact.
      fc.property(fc.integer({ min: 0, max: 1024 }), shape, shape, (x1024, a, b) => {
        const x = x1024 / 1024;
        return Math.abs(incompleteBeta(x, a, b) - (1 - incompleteBeta(1 - x, b, a))) < 1e-11;
      }),
    );
    expect([incompleteBeta(0, 2, 3), incompleteBeta(1, 2, 3)]).toEqual([0, 1]);
  });
});

describe("logGamma", () => {
  it("agrees with factorials and with Γ(1/2) = √π", () => {
    expect(logGamma(1)).toBeCloseTo(0, 14);
    close(logGamma(11), Math.log(3628800), 1e-14);
    close(logGamma(0.5), 0.5 * Math.log(Math.PI), 1e-13);
    close(logGamma(100.5), 361.43554046777757, 1e-14);
  });
});
