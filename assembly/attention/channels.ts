// Between tokens and the channels of queries, keys and values: products with the weights, biases, rotations, the output map.
import { NR, ROW, WORD } from "../base/simd";
import { shareEnd, shareStart } from "../base/team";
import { multiply } from "../matrix/gemm";
import { Primal } from "./primal";

/** This member's share of C = A·B with B, of k rows, and C, of m rows, token matrices in panels. */
export function multiplyTokens(s: Primal, m: i32, k: i32, a: usize, b: usize, c: usize): void {
  const p = shareStart(s.panels);
  const from = <usize>k * ROW, to = <usize>m * ROW;
  multiply(m, (shareEnd(s.panels) - p) * NR, k, a, b + <usize>p * from, from, c + <usize>p * to, ROW, to, false);
}

/** Adds bias[row] to every token of panels of `rows` rows. */
export function addBias(tokenPanels: i32, rows: i32, at: usize, bias: usize): void {
  for (let p = 0; p < tokenPanels; p++) {
    for (let r = 0; r < rows; r++) {
      const b = v128.load_splat<Real>(bias + <usize>r * WORD);
      v128.store(at, v128.add<Real>(v128.load(at), b));
      v128.store(at, v128.add<Real>(v128.load(at, 16), b), 16);
      at += ROW;
    }
  }
}

export function addBiasToTokens(s: Primal, rows: i32, at: usize, bias: usize): void {
  const p = shareStart(s.panels);
  addBias(shareEnd(s.panels) - p, rows, at + <usize>(p * rows) * ROW, bias);
}

/** Rotates the pairs (c, c + pairs) of `count` heads from channel `first` on, backwards for the adjoint (MATH 1, 3). */
export function rotate(s: Primal, at: usize, first: i32, count: i32, backwards: bool): void {
  const l = s.layer;
  const span = <usize>s.pairs * ROW;
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const cos = s.cos + <usize>p * span;
    const sin = s.sin + <usize>p * span;
    for (let h = 0; h < count; h++) {
      let a = at + <usize>(p * l.channels + first + h * l.dHead) * ROW;
      for (let offset: usize = 0; offset < span; offset += 16) {
        const c = v128.load(cos + offset);
        let w = v128.load(sin + offset);
        if (backwards) w = v128.neg<Real>(w);
        const x = v128.load(a);
        const y = v128.load(a + span);
        v128.store(a, v128.sub<Real>(v128.mul<Real>(x, c), v128.mul<Real>(y, w)));
        v128.store(a + span, v128.add<Real>(v128.mul<Real>(x, w), v128.mul<Real>(y, c)));
        a += 16;
      }
    }
  }
}

/** y = o·W_O in panels, or o itself without an output map. */
export function applyOutput(s: Primal, o: usize, y: usize): void {
  const l = s.layer;
  const width = l.heads * l.dValue;
  if (l.output) multiplyTokens(s, l.dOut, width, l.output, o, y);
  else {
    const at = <usize>(shareStart(s.panels) * width) * ROW;
    memory.copy(y + at, o + at, <usize>(shareEnd(s.panels) * width) * ROW - at);
  }
}
