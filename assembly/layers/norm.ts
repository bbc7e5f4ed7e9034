// Layer norm and RMS norm of tokens in panels, with their derivatives (docs/theory.md, section 3): with the inverse deviation
// r and z = (x − mean)·r, y = gain∘z + bias. Tokens are lanes, so that no sum runs across a register; sums are of doubles.
import { PAIR, read, readBoth, write } from "../base/doubles";
import { NR, ROW, WORD } from "../base/simd";
import { panelEnd, panelStart } from "./panels";

@unmanaged export class Norm {
  n: i32;
  d: i32;
  /** 1 for the layer norm, 0 for the RMS norm, whose means below are 0. */
  centred: i32;
  /** d numbers each, or 0 for ones and zeros. */
  gain: usize;
  bias: usize;
  /** Where z, in panels, and r, a row of each panel, are kept for the derivatives, or 0. */
  z: usize;
  deviation: usize;
  epsilon: f64;
}

/** Two tokens' column of a panel: numbers lie ROW apart. */
// @ts-ignore: decorator
@inline
function columnEnd(s: Norm): usize {
  return <usize>s.d * ROW;
}

// @ts-ignore: decorator
@inline
function gainAt(s: Norm, at: usize): v128 {
  return s.gain ? readBoth(s.gain + at / ROW * WORD) : f64x2.splat(1);
}

// @ts-ignore: decorator
@inline
function meanOf(s: Norm, sum: v128): v128 {
  return f64x2.div(sum, f64x2.splat(<f64>s.d));
}

/** Two tokens' inverse deviation; that of tokens past the last is 0. */
function kept(s: Norm, token: i32, x: v128): v128 {
  if (token + 1 < s.n) return x;
  return token < s.n ? f64x2.replace_lane(x, 1, 0) : f64x2.splat(0);
}

/** y = gain∘z + bias; in place is allowed. */
export function applyNorm(s: Norm, x: usize, y: usize): void {
  const end = columnEnd(s);
  for (let p = panelStart(s.n), last = panelEnd(s.n); p < last; p++) {
    for (let column: usize = 0; column < ROW; column += PAIR) {
      const from = <usize>p * end + column;
      normalizeColumn(s, p * NR + <i32>(column / WORD), x + from, y + from, from, <usize>p * ROW + column);
    }
  }
}

function normalizeColumn(s: Norm, token: i32, x: usize, y: usize, from: usize, deviationAt: usize): void {
  const end = columnEnd(s);
  let mean = f64x2.splat(0);
  if (s.centred) {
    for (let at: usize = 0; at < end; at += ROW) mean = f64x2.add(mean, read(x + at));
    mean = meanOf(s, mean);
  }
  // What rounding took from the mean is the mean of what is left, and is taken away too.
  let squares = f64x2.splat(0), rest = squares;
  for (let at: usize = 0; at < end; at += ROW) {
    const centred = f64x2.sub(read(x + at), mean);
    rest = f64x2.add(rest, centred);
    squares = f64x2.add(squares, f64x2.mul(centred, centred));
  }
  rest = s.centred ? meanOf(s, rest) : f64x2.splat(0);
  const variance = f64x2.sub(meanOf(s, squares), f64x2.mul(rest, rest));
  const deviation = f64x2.sqrt(f64x2.add(variance, f64x2.splat(s.epsilon)));
  const r = kept(s, token, f64x2.div(f64x2.splat(1), deviation));
  const alive = kept(s, token, f64x2.splat(1));
  if (s.deviation) write(s.deviation + deviationAt, r);
  for (let at: usize = 0; at < end; at += ROW) {
    const z = f64x2.mul(f64x2.sub(f64x2.sub(read(x + at), mean), rest), r);
    if (s.z) write(s.z + from + at, z);
    const scaled = f64x2.mul(z, gainAt(s, at));
    const shift = s.bias ? f64x2.mul(alive, readBoth(s.bias + at / ROW * WORD)) : f64x2.splat(0);
    write(y + at, f64x2.add(scaled, shift));
  }
}

/** y = gain∘(u − mean(u) − z·mean(z∘u))·r; in place is allowed. */
export function normJvp(s: Norm, u: usize, y: usize): void {
  project(s, u, y, false);
}

/** x = (h − mean(h) − z·mean(z∘h))·r with h = gain∘v; in place is allowed. */
export function normVjp(s: Norm, v: usize, x: usize): void {
  project(s, v, x, true);
}

/** Both products, which differ in whether the gain comes first or last. */
function project(s: Norm, from: usize, to: usize, gainFirst: bool): void {
  const end = columnEnd(s);
  for (let p = panelStart(s.n), last = panelEnd(s.n); p < last; p++) {
    for (let column: usize = 0; column < ROW; column += PAIR) {
      const offset = <usize>p * end + column;
      const u = from + offset, y = to + offset, z = s.z + offset;
      let sum = f64x2.splat(0), along = f64x2.splat(0);
      for (let at: usize = 0; at < end; at += ROW) {
        let value = read(u + at);
        if (gainFirst) value = f64x2.mul(value, gainAt(s, at));
        sum = f64x2.add(sum, value);
        along = f64x2.add(along, f64x2.mul(value, read(z + at)));
      }
      const mean = s.centred ? meanOf(s, sum) : f64x2.splat(0);
      along = meanOf(s, along);
      const r = read(s.deviation + <usize>p * ROW + column);
      for (let at: usize = 0; at < end; at += ROW) {
        let value = read(u + at);
        if (gainFirst) value = f64x2.mul(value, gainAt(s, at));
        value = f64x2.mul(f64x2.sub(f64x2.sub(value, mean), f64x2.mul(read(z + at), along)), r);
        if (!gainFirst) value = f64x2.mul(value, gainAt(s, at));
        write(y + at, value);
      }
    }
  }
}

/**
 * x = ∇⟨v, J u⟩ with u and v held fixed: with h = gain∘v, the parts Pu and Ph less their means, a = mean(z∘u),
 * b = mean(z∘h), x = −z·r²·(⟨Ph, Pu⟩ − d·a·b)/d − r²·(b·(Pu − a·z) + a·(Ph − b·z)).
 */
export function normGradient(s: Norm, u: usize, v: usize, x: usize): void {
  const end = columnEnd(s);
  const zero = f64x2.splat(0);
  for (let p = panelStart(s.n), last = panelEnd(s.n); p < last; p++) {
    for (let column: usize = 0; column < ROW; column += PAIR) {
      const offset = <usize>p * end + column;
      const z = s.z + offset;
      let meanU = zero, meanH = zero, a = zero, b = zero;
      for (let at: usize = 0; at < end; at += ROW) {
        const direction = read(z + at);
        const tangent = read(u + offset + at), cotangent = f64x2.mul(read(v + offset + at), gainAt(s, at));
        meanU = f64x2.add(meanU, tangent);
        meanH = f64x2.add(meanH, cotangent);
        a = f64x2.add(a, f64x2.mul(direction, tangent));
        b = f64x2.add(b, f64x2.mul(direction, cotangent));
      }
      meanU = s.centred ? meanOf(s, meanU) : zero;
      meanH = s.centred ? meanOf(s, meanH) : zero;
      a = meanOf(s, a);
      b = meanOf(s, b);
      let both = zero;
      for (let at: usize = 0; at < end; at += ROW) {
        const tangent = f64x2.sub(read(u + offset + at), meanU);
        const cotangent = f64x2.sub(f64x2.mul(read(v + offset + at), gainAt(s, at)), meanH);
        both = f64x2.add(both, f64x2.mul(tangent, cotangent));
      }
      const r = read(s.deviation + <usize>p * ROW + column);
      const square = f64x2.mul(r, r);
      // −⟨Ph, Pu⟩/d + a·b from the first part, and 2·a·b from the second.
      const along = f64x2.sub(f64x2.mul(f64x2.splat(3), f64x2.mul(a, b)), meanOf(s, both));
      for (let at: usize = 0; at < end; at += ROW) {
        const tangent = f64x2.sub(read(u + offset + at), meanU);
        const cotangent = f64x2.sub(f64x2.mul(read(v + offset + at), gainAt(s, at)), meanH);
        let value = f64x2.mul(along, read(z + at));
        value = f64x2.sub(value, f64x2.add(f64x2.mul(b, tangent), f64x2.mul(a, cotangent)));
        write(x + offset + at, f64x2.mul(square, value));
      }
    }
  }
}
