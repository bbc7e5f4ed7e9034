import { curve, slope, valueOf } from "../../layers/functions";
import { Activation, activate } from "../../layers/activation";
import { NR, ROW, WORD } from "../../base/simd";

const KINDS: i32 = 13;
const SIGMOID: i32 = 10;
const LAPLACE: i32 = 12;

/** xIELU's, and of no effect on the others. */
function numbers(): usize {
  const at = heap.alloc(32);
  store<f64>(at, 0.8);
  store<f64>(at, 0.75, 8);
  store<f64>(at, 0.5, 16);
  store<f64>(at, -1e-6, 24);
  return at;
}

function at(x: f64): v128 {
  return f64x2.splat(x);
}

function first(x: v128): f64 {
  return f64x2.extract_lane(x, 0);
}

describe("the table of activations", () => {
  it("has the derivatives of its values, away from kinks", () => {
    const given = numbers(), h: f64 = 1e-5;
    for (let kind = 0; kind < KINDS; kind++) {
      for (let x = -5.05; x < 8; x += 0.5) {
        const above = first(valueOf(kind, given, at(x + h))), slopeAbove = first(slope);
        const below = first(valueOf(kind, given, at(x - h))), slopeBelow = first(slope);
        valueOf(kind, given, at(x));
        expect(abs(first(slope) - (above - below) / (2 * h))).toBeLessThan(1e-8);
        expect(abs(first(curve) - (slopeAbove - slopeBelow) / (2 * h))).toBeLessThan(1e-8);
      }
    }
  });
  it("has nothing at 0, but for the sigmoid and the Laplace activation", () => {
    const given = numbers();
    for (let kind = 0; kind < KINDS; kind++) {
      const want = kind == SIGMOID ? 0.5 : kind == LAPLACE ? 0.006095 : 0;
      expect(abs(first(valueOf(kind, given, at(0))) - want)).toBeLessThan(1e-6);
    }
  });
});

describe("activate", () => {
  it("fills the vectors that are asked for, and leaves unused lanes zero", () => {
    const n = NR + 1, d = 3;
    const size = <usize>(2 * d) * ROW;
    const x = heap.alloc(size), y = heap.alloc(size), s = changetype<Activation>(heap.alloc(offsetof<Activation>()));
    memory.fill(x, 0, size);
    memory.fill(changetype<usize>(s), 0, offsetof<Activation>());
    s.kind = SIGMOID;
    s.n = n;
    s.d = d;
    s.slope = heap.alloc(size);
    activate(s, x, y);
    for (let row = 0; row < 2 * d; row++) {
      for (let lane = 0; lane < NR; lane++) {
        const offset = <usize>row * ROW + <usize>lane * WORD;
        expect(load<Real>(y + offset)).toBe(row < d || lane == 0 ? 0.5 : 0);
        expect(load<Real>(s.slope + offset)).toBe(0.25);
      }
    }
  });
});
