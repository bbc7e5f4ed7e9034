import { erfc, exp, sigmoid } from "../../base/math";
import { geluErf, geluTanh, layerNorm, rmsNorm, silu } from "../../layers/forward";
import { splat, WORD } from "../../base/simd";

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

describe("erfc", () => {
  it("agrees with tabulated values on both sides of 0 and of the change of method", () => {
    expect(erfc(0)).toBe(1);
    expect(relative(erfc(0.5), 0.47950012218695346)).toBeLessThan(1e-13);
    expect(relative(erfc(1.5), 0.033894853524689274)).toBeLessThan(1e-13);
    expect(relative(erfc(2.5), 0.0004069520174449589)).toBeLessThan(1e-13);
    expect(relative(erfc(5.0), 1.5374597944280347e-12)).toBeLessThan(1e-13);
    expect(relative(erfc(-1.0), 1.8427007929497148)).toBeLessThan(1e-13);
    expect(relative(erfc(-3.0), 1.9999779095030015)).toBeLessThan(1e-13);
    expect(erfc(30)).toBe(0);
  });
});

describe("activations", () => {
  it("vanish at 0, keep the far right, and have the published value at 1", () => {
    const limit: f64 = SINGLE ? 3e-7 : 5e-13;
    const at = heap.alloc(64);
    for (let kind = 0; kind < 3; kind++) {
      memory.fill(at, 0, 64);
      store<Real>(at + WORD, 1);
      store<Real>(at + 2 * WORD, 30);
      if (kind == 0) geluErf(8, at);
      else if (kind == 1) geluTanh(8, at);
      else silu(8, at);
      const one: f64 = kind == 0 ? 0.8413447460685429 : kind == 1 ? 0.8411919906082768 : 0.7310585786300049;
      expect(load<Real>(at)).toBe(0);
      expect(relative(<f64>load<Real>(at + WORD), one)).toBeLessThan(limit);
      expect(relative(<f64>load<Real>(at + 2 * WORD), 30)).toBeLessThan(limit);
    }
  });
  it("sigmoid is 1/2 at 0", () => {
    expect(first(sigmoid(splat(0)))).toBe(0.5);
  });
});

describe("norms", () => {
  it("layerNorm gives mean bias and unit variance; rmsNorm unit mean square", () => {
    const d = 5;
    const x = heap.alloc(128), y = heap.alloc(128), gain = heap.alloc(64), bias = heap.alloc(64);
    for (let c = 0; c < d; c++) {
      store<Real>(x + <usize>c * WORD, <Real>(c * c));
      store<Real>(gain + <usize>c * WORD, 1);
      store<Real>(bias + <usize>c * WORD, 3);
    }
    let mean: f64 = 0, squares: f64 = 0;
    layerNorm(1, d, x, gain, bias, 0, y);
    for (let c = 0; c < d; c++) mean += <f64>load<Real>(y + <usize>c * WORD) / 5;
    for (let c = 0; c < d; c++) squares += (<f64>load<Real>(y + <usize>c * WORD) - mean) ** 2 / 5;
    expect(abs(mean - 3)).toBeLessThan(1e-6);
    expect(abs(squares - 1)).toBeLessThan(1e-6);
    squares = 0;
    rmsNorm(1, d, x, gain, 0, y);
    for (let c = 0; c < d; c++) squares += (<f64>load<Real>(y + <usize>c * WORD)) ** 2 / 5;
    expect(abs(squares - 1)).toBeLessThan(1e-6);
  });
});
