import { exp, sigmoid } from "../../base/math";
import { splat } from "../../base/simd";

const SINGLE: bool = sizeof<Real>() == 4;

function first(x: v128): f64 {
  return <f64>v128.extract_lane<Real>(x, 0);
}

function relative(got: f64, want: f64): f64 {
  return abs(got - want) / abs(want);
}

describe("exp", () => {
  it("is accurate to a few units in the last place over its range", () => {
    let worst: f64 = 0;
    const limit: f64 = SINGLE ? 87.0 : 700.0;
    for (let x = -limit; x < limit; x += 0.37) {
      const rounded = <f64>(<Real>x);
      worst = max(worst, relative(first(exp(splat(<Real>x))), Math.exp(rounded)));
    }
    expect(worst).toBeLessThan(SINGLE ? 2e-7 : 5e-16);
  });
  it("is 1 at 0, finite at the clamped ends, and NaN at NaN", () => {
    expect(first(exp(splat(0)))).toBe(1);
    expect(first(exp(splat(-Infinity as Real)))).toBeLessThan(1e-37);
    expect(isFinite(first(exp(splat(Infinity as Real))))).toBe(true);
    expect(isNaN(first(exp(splat(NaN as Real))))).toBe(true);
  });
});

describe("sigmoid", () => {
  it("is 1/2 at 0", () => {
    expect(first(sigmoid(splat(0)))).toBe(0.5);
  });
});
