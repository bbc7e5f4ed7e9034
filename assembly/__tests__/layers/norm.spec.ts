import { NR, ROW, WORD } from "../../base/simd";
import { applyNorm, Norm, normGradient, normJvp, normVjp } from "../../layers/norm";

const SINGLE: bool = sizeof<Real>() == 4;
const N: i32 = NR + 1;
const D: i32 = 5;
const SIZE: usize = <usize>(2 * D) * ROW;

function at(token: i32, feature: i32): usize {
  return <usize>((token / NR) * D + feature) * ROW + <usize>(token % NR) * WORD;
}

function vector(seed: i32): usize {
  const to = heap.alloc(SIZE);
  memory.fill(to, 0, SIZE);
  let state = seed;
  for (let i = 0; i < N; i++) {
    for (let c = 0; c < D; c++) {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      store<Real>(to + at(i, c), <Real>(<f64>(state >> 8) / 4194304.0 - 1.0));
    }
  }
  return to;
}

function norm(centred: i32): Norm {
  const s = changetype<Norm>(heap.alloc(offsetof<Norm>()));
  s.n = N;
  s.d = D;
  s.centred = centred;
  s.gain = heap.alloc(<usize>D * WORD);
  for (let c = 0; c < D; c++) store<Real>(s.gain + <usize>c * WORD, <Real>(1.0 + 0.25 * <f64>c));
  s.bias = 0;
  s.z = heap.alloc(SIZE);
  s.deviation = heap.alloc(2 * ROW);
  s.epsilon = 0.01;
  return s;
}

function inner(a: usize, b: usize): f64 {
  let sum: f64 = 0;
  for (let offset: usize = 0; offset < SIZE; offset += WORD) sum += <f64>load<Real>(a + offset) * <f64>load<Real>(b + offset);
  return sum;
}

describe("norms", () => {
  it("give unit mean square, and the layer norm mean 0", () => {
    for (let centred = 0; centred < 2; centred++) {
      const s = norm(centred), y = heap.alloc(SIZE);
      s.gain = 0;
      s.epsilon = 0;
      applyNorm(s, vector(1), y);
      for (let i = 0; i < N; i++) {
        let mean: f64 = 0, squares: f64 = 0;
        for (let c = 0; c < D; c++) {
          mean += <f64>load<Real>(y + at(i, c)) / D;
          squares += (<f64>load<Real>(y + at(i, c))) ** 2 / D;
        }
        if (centred) expect(abs(mean)).toBeLessThan(SINGLE ? 1e-7 : 1e-15);
        expect(abs(squares - 1)).toBeLessThan(SINGLE ? 1e-6 : 1e-14);
      }
    }
  });
  it("have a transposed product that is adjoint to the product, and zeros in unused lanes", () => {
    for (let centred = 0; centred < 2; centred++) {
      const s = norm(centred), y = heap.alloc(SIZE), x = heap.alloc(SIZE), u = vector(2), v = vector(3);
      applyNorm(s, vector(1), y);
      normJvp(s, u, y);
      normVjp(s, v, x);
      expect(abs(inner(v, y) - inner(x, u))).toBeLessThan(SINGLE ? 1e-5 : 1e-13);
      for (let token = N; token < 2 * NR; token++) {
        for (let c = 0; c < D; c++) expect(load<Real>(y + at(token, c))).toBe(0);
      }
    }
  });
  it("have a second order that is symmetric: ∇⟨v, J u⟩ along w is ∇⟨v, J w⟩ along u", () => {
    for (let centred = 0; centred < 2; centred++) {
      const s = norm(centred), y = heap.alloc(SIZE), one = heap.alloc(SIZE), other = heap.alloc(SIZE);
      const u = vector(2), v = vector(3), w = vector(4);
      applyNorm(s, vector(1), y);
      normGradient(s, u, v, one);
      normGradient(s, w, v, other);
      expect(abs(inner(one, w) - inner(other, u))).toBeLessThan(SINGLE ? 1e-4 : 1e-12);
      expect(abs(inner(one, w))).toBeGreaterThan(0.1);
    }
  });
});
