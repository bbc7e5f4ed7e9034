import { MR, NR, ROW, WORD } from "../../base/simd";
import { applyLinear, Linear, linearJvp, linearVjp } from "../../layers/linear";
import { setEdgeTile } from "../../matrix/gemm";
import { packStrips } from "../../matrix/packing";

const DIN: i32 = 7;
const DOUT: i32 = MR + 2;
const PANELS: i32 = 3;

function whole(count: i32): i32 {
  return (count + MR - 1) / MR * MR;
}

/** Weights w[c][o] = c + o/16, bias o. */
function linear(): Linear {
  setEdgeTile(heap.alloc(<usize>MR * ROW));
  const rows = heap.alloc(<usize>(DIN * DOUT) * WORD);
  for (let c = 0; c < DIN; c++) {
    for (let o = 0; o < DOUT; o++) store<Real>(rows + <usize>(c * DOUT + o) * WORD, <Real>(<f64>c + <f64>o / 16));
  }
  const s = changetype<Linear>(heap.alloc(offsetof<Linear>()));
  s.dIn = DIN;
  s.dOut = DOUT;
  s.weight = heap.alloc(<usize>(whole(DOUT) * DIN) * WORD);
  s.back = heap.alloc(<usize>(whole(DIN) * DOUT) * WORD);
  packStrips(DOUT, DIN, rows, WORD, <usize>DOUT * WORD, s.weight);
  packStrips(DIN, DOUT, rows, <usize>DOUT * WORD, WORD, s.back);
  s.bias = heap.alloc(<usize>DOUT * WORD);
  for (let o = 0; o < DOUT; o++) store<Real>(s.bias + <usize>o * WORD, <Real>o);
  return s;
}

/** Every number of feature c is c + 1. */
function vector(d: i32): usize {
  const to = heap.alloc(<usize>(PANELS * d) * ROW);
  for (let p = 0; p < PANELS; p++) {
    for (let c = 0; c < d; c++) {
      for (let lane = 0; lane < NR; lane++) store<Real>(to + <usize>(p * d + c) * ROW + <usize>lane * WORD, <Real>(c + 1));
    }
  }
  return to;
}

describe("a linear map", () => {
  it("sums over features, and adds its bias to values alone", () => {
    const s = linear(), x = vector(DIN), y = heap.alloc(<usize>(PANELS * DOUT) * ROW);
    for (let biased = 0; biased < 2; biased++) {
      if (biased) applyLinear(s, PANELS, x, y);
      else linearJvp(s, PANELS, x, y);
      for (let row = 0; row < PANELS * DOUT; row++) {
        const o = row % DOUT;
        let want: f64 = biased ? o : 0;
        for (let c = 0; c < DIN; c++) want += <f64>(c + 1) * (<f64>c + <f64>o / 16);
        for (let lane = 0; lane < NR; lane++) {
          expect(<f64>load<Real>(y + <usize>row * ROW + <usize>lane * WORD)).toBe(want);
        }
      }
    }
  });
  it("goes back through its weights' transpose", () => {
    const s = linear(), x = heap.alloc(<usize>(PANELS * DIN) * ROW);
    linearVjp(s, PANELS, vector(DOUT), x);
    for (let row = 0; row < PANELS * DIN; row++) {
      const c = row % DIN;
      let want: f64 = 0;
      for (let o = 0; o < DOUT; o++) want += <f64>(o + 1) * (<f64>c + <f64>o / 16);
      expect(<f64>load<Real>(x + <usize>row * ROW)).toBe(want);
    }
  });
});
