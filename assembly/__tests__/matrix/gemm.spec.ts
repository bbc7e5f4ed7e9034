import { multiply, setEdgeTile } from "../../matrix/gemm";
import { packPanels, packStrips } from "../../matrix/packing";
import { MR, NR, ROW, WORD } from "../../base/simd";

function reals(count: i32): usize {
  return heap.alloc(<usize>count * WORD + 64);
}

/** A small exact number, so that every product below is exact in either type. */
function entry(i: i32, j: i32): Real {
  return <Real>((i * 7 + j * 5) % 11 - 5);
}

function fill(rows: i32, columns: i32): usize {
  const at = reals(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) store<Real>(at + <usize>(i * columns + j) * WORD, entry(i, j));
  }
  return at;
}

/** The largest error of C = A·B (twice that when accumulated) with A or B given transposed. */
function productError(m: i32, n: i32, k: i32, transposeA: bool, transposeB: bool, accumulate: bool): f64 {
  setEdgeTile(reals(MR * NR));
  const a = transposeA ? fill(k, m) : fill(m, k);
  const b = transposeB ? fill(n, k) : fill(k, n);
  const strips = reals((m + MR) * k), panels = reals((n + NR) * k), c = reals(m * n);
  const word = WORD;
  if (transposeA) packStrips(m, k, a, word, <usize>m * word, strips);
  else packStrips(m, k, a, <usize>k * word, word, strips);
  if (transposeB) packPanels(k, n, b, word, <usize>k * word, panels, <usize>k * ROW);
  else packPanels(k, n, b, <usize>n * word, word, panels, <usize>k * ROW);
  multiply(m, n, k, strips, panels, <usize>k * ROW, c, <usize>n * word, ROW, false);
  if (accumulate) multiply(m, n, k, strips, panels, <usize>k * ROW, c, <usize>n * word, ROW, true);
  let error: f64 = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum: f64 = 0;
      for (let l = 0; l < k; l++) {
        const left = transposeA ? entry(l, i) : entry(i, l);
        const right = transposeB ? entry(j, l) : entry(l, j);
        sum += <f64>left * <f64>right;
      }
      if (accumulate) sum *= 2;
      error = max(error, abs(sum - <f64>load<Real>(c + <usize>(i * n + j) * word)));
    }
  }
  return error;
}

describe("multiply", () => {
  it("is exact on whole tiles", () => {
    expect(productError(12, 16, 9, false, false, false)).toBe(0);
  });
  it("is exact on every ragged edge", () => {
    for (let m = 1; m < 15; m++) {
      for (let n = 1; n < 18; n++) expect(productError(m, n, 1 + ((m * n) % 5), false, false, false)).toBe(0);
    }
  });
  it("takes A transposed, B transposed, or both", () => {
    expect(productError(13, 11, 7, true, false, false)).toBe(0);
    expect(productError(13, 11, 7, false, true, false)).toBe(0);
    expect(productError(13, 11, 7, true, true, false)).toBe(0);
  });
  it("accumulates, over more steps than one block of k as well", () => {
    expect(productError(7, 9, 5, false, false, true)).toBe(0);
    expect(productError(7, 9, 1100, false, false, true)).toBe(0);
  });
});
