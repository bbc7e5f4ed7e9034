import { combine, dot, norm, normalize } from "../vectors";
import { WORD } from "../base/simd";

function vector(n: i32, seed: i32): usize {
  const at = heap.alloc(<usize>n * WORD + 64);
  for (let i = 0; i < n; i++) store<Real>(at + <usize>i * WORD, <Real>((i * seed) % 13 - 6));
  return at;
}

describe("dot", () => {
  it("is exact on small integers", () => {
    const n = 64;
    const x = vector(n, 5), y = vector(n, 7);
    let want: f64 = 0;
    for (let i = 0; i < n; i++) want += <f64>((i * 5) % 13 - 6) * <f64>((i * 7) % 13 - 6);
    expect(dot(n, x, y)).toBe(want);
  });
  it("accumulates in f64: 2²⁴ and 1 are not lost in each other", () => {
    const x = heap.alloc(64), y = heap.alloc(64);
    memory.fill(x, 0, 64);
    memory.fill(y, 0, 64);
    store<Real>(x, 16777216);
    store<Real>(x + 2 * WORD, 1);
    store<Real>(y, 1);
    store<Real>(y + 2 * WORD, 1);
    expect(dot(4, x, y)).toBe(16777217);
  });
});

describe("normalize", () => {
  it("returns the norm and leaves a unit vector; below the floor it leaves zero", () => {
    const n = 32;
    const x = vector(n, 3);
    const norm = normalize(n, x, 0);
    expect(norm).toBeGreaterThan(1);
    expect(abs(dot(n, x, x) - 1)).toBeLessThan(1e-6);
    expect(normalize(n, x, 2)).toBe(0);
    expect(dot(n, x, x)).toBe(0);
  });
});

describe("norm", () => {
  it("has its digits where its square is no number of the type, and normalize too", () => {
    const n = 32, tiny: f64 = sizeof<Real>() == 4 ? 1e-41 : 1e-300, huge: f64 = sizeof<Real>() == 4 ? 1e30 : 1e300;
    const want = norm(n, vector(n, 3));
    for (let i = 0; i < 2; i++) {
      const x = vector(n, 3), factor = i ? huge : tiny;
      for (let at = x; at < x + <usize>n * WORD; at += WORD) store<Real>(at, <Real>(factor * <f64>load<Real>(at)));
      const length = norm(n, x);
      expect(abs(length / (factor * want) - 1)).toBeLessThan(sizeof<Real>() == 4 ? 2e-4 : 1e-14);
      expect(normalize(n, x, 0)).toBe(length);
      expect(abs(norm(n, x) - 1)).toBeLessThan(sizeof<Real>() == 4 ? 1e-6 : 1e-14);
    }
  });
});

describe("combine", () => {
  it("sums vectors times coefficients, over more numbers than one chunk", () => {
    const n = 4096 + 8;
    const table = heap.alloc(16), coefficients = heap.alloc(32), to = heap.alloc(<usize>n * WORD + 64);
    const x = vector(n, 5), y = vector(n, 7);
    store<u32>(table, <u32>x);
    store<u32>(table + 4, <u32>y);
    store<f64>(coefficients, 2);
    store<f64>(coefficients + 8, -3);
    combine(n, table, 2, coefficients, to);
    let error: f64 = 0;
    for (let i = 0; i < n; i++) {
      const want = 2.0 * <f64>((i * 5) % 13 - 6) - 3.0 * <f64>((i * 7) % 13 - 6);
      error = max(error, abs(want - <f64>load<Real>(to + <usize>i * WORD)));
    }
    expect(error).toBe(0);
  });
});
