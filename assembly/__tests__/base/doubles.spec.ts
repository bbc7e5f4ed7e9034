import { erfcx, exp, expm1, gaussian, PAIR, read, readBoth, write } from "../../base/doubles";
import { WORD } from "../../base/simd";

function first(x: v128): f64 {
  return f64x2.extract_lane(x, 0);
}

function relative(got: f64, want: f64): f64 {
  return abs(got - want) / abs(want);
}

describe("exp and expm1", () => {
  it("are accurate to a few units in the last place, expm1 near 0 too", () => {
    let worst: f64 = 0;
    for (let x = -700.0; x < 700; x += 0.37) worst = max(worst, relative(first(exp(f64x2.splat(x))), Math.exp(x)));
    for (let x = -1e-12; x > -40; x *= 1.7) worst = max(worst, relative(first(expm1(f64x2.splat(x))), Math.expm1(x)));
    expect(worst).toBeLessThan(5e-16);
  });
});

describe("erfcx", () => {
  it("agrees with exp(x²)·erfc(x) from 50 digits", () => {
    const at: f64[] = [0, 0.5, 1.5, 2.5, 5, 27, 1000];
    const want: f64[] = [
      1, 0.6156903441929259, 0.3215854164543175, 0.2108063640611436, 0.11070463773306863, 0.02088160799042094,
      0.0005641893014533876,
    ];
    for (let i = 0; i < at.length; i++) expect(relative(first(erfcx(f64x2.splat(at[i]))), want[i])).toBeLessThan(6e-16);
  });
});

describe("gaussian", () => {
  it("keeps its digits in the tail", () => {
    expect(first(gaussian(f64x2.splat(0)))).toBe(1);
    expect(relative(first(gaussian(f64x2.splat(30.3))), 4.358023368908038e-200)).toBeLessThan(2e-15);
    expect(relative(first(gaussian(f64x2.splat(-37.2))), 3.183919519767164e-301)).toBeLessThan(2e-15);
  });
});

describe("read and write", () => {
  it("take a pair of numbers, or one twice", () => {
    const at = heap.alloc(64);
    memory.fill(at, 0, 64);
    write(at + PAIR, f64x2(1.5, -2));
    expect(<f64>load<Real>(at + PAIR)).toBe(1.5);
    expect(<f64>load<Real>(at + PAIR + WORD)).toBe(-2);
    expect(<f64>load<Real>(at + 2 * PAIR)).toBe(0);
    expect(f64x2.extract_lane(read(at + PAIR), 1)).toBe(-2);
    expect(f64x2.extract_lane(readBoth(at + PAIR), 1)).toBe(1.5);
  });
});
