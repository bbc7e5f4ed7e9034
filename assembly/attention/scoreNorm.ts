// QK-norm: layer norm or RMS norm of queries and keys, a head at a time or over the whole width, with its derivatives
// (docs/theory.md, sections 3 and 14): z = (x − mean)·r with the inverse deviation r, y = gain∘z + bias. Tokens are lanes;
// sums are of doubles.
import { PAIR, read, readBoth, write } from "../base/doubles";
import { ROW, WORD } from "../base/simd";
import { shareEnd, shareStart } from "../base/team";
import { Primal } from "./primal";

@unmanaged export class ScoreNorm {
  /** First channel, and channels in all. */
  first: i32;
  count: i32;
  /** Channels that share their statistics. */
  span: i32;
  /** 1 for the layer norm, 0 for the RMS norm, whose means are 0. */
  centred: i32;
  /** Whether it comes after the rotation. */
  after: i32;
  /** Real [count]: weights, and 0 for no bias. */
  gain: usize;
  bias: usize;
  epsilon: f64;
}

/** z of channel c, less what is the same in all panels; the inverse deviation of a part is kept a row of a panel each. */
// @ts-ignore: decorator
@inline
function zRows(s: Primal): usize {
  return <usize>((s.layer.heads + s.layer.kvHeads) * s.layer.dHead) * ROW;
}

// @ts-ignore: decorator
@inline
function deviationAt(s: Primal, panel: i32, first: i32): usize {
  const l = s.layer;
  return s.deviations + <usize>(panel * (l.heads + l.kvHeads) + first / l.dHead) * ROW;
}

/** In place in panels of channels: this member's share. */
export function normChannels(s: Primal, norm: ScoreNorm): void {
  const bytes = <usize>norm.span * ROW;
  for (let p = shareStart(s.panels), last = shareEnd(s.panels); p < last; p++) {
    for (let part = 0; part < norm.count; part += norm.span) {
      const first = norm.first + part;
      const x = s.qkv + <usize>(p * s.layer.channels + first) * ROW;
      const z = s.normed + <usize>p * zRows(s) + <usize>first * ROW;
      const gain = norm.gain + <usize>part * WORD, bias = norm.bias ? norm.bias + <usize>part * WORD : 0;
      for (let column: usize = 0; column < ROW; column += PAIR) {
        let mean = f64x2.splat(0), squares = mean, rest = mean;
        if (norm.centred) {
          for (let at = column; at < bytes; at += ROW) mean = f64x2.add(mean, read(x + at));
          mean = meanOf(norm, mean);
        }
        // What rounding took from the mean is the mean of what is left, and is taken away too.
        for (let at = column; at < bytes; at += ROW) {
          const centred = f64x2.sub(read(x + at), mean);
          rest = f64x2.add(rest, centred);
          squares = f64x2.add(squares, f64x2.mul(centred, centred));
        }
        rest = norm.centred ? meanOf(norm, rest) : f64x2.splat(0);
        const variance = f64x2.sub(meanOf(norm, squares), f64x2.mul(rest, rest));
        const r = f64x2.div(f64x2.splat(1), f64x2.sqrt(f64x2.add(variance, f64x2.splat(norm.epsilon))));
        write(deviationAt(s, p, first) + column, r);
        let w = gain, b = bias;
        for (let at = column; at < bytes; at += ROW) {
          const value = f64x2.mul(f64x2.sub(f64x2.sub(read(x + at), mean), rest), r);
          write(z + at, value);
          write(x + at, f64x2.add(f64x2.mul(value, readBoth(w)), b ? readBoth(b) : f64x2.splat(0)));
          w += WORD;
          if (b) b += WORD;
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function meanOf(norm: ScoreNorm, sum: v128): v128 {
  return f64x2.div(sum, f64x2.splat(<f64>norm.span));
}

/** Tangents at `at`, in panels of channels, in place; with `back` gradients, whose gain comes first: this member's share. */
export function normTangents(s: Primal, norm: ScoreNorm, at: usize, back: bool): void {
  const bytes = <usize>norm.span * ROW;
  for (let p = shareStart(s.panels), last = shareEnd(s.panels); p < last; p++) {
    for (let part = 0; part < norm.count; part += norm.span) {
      const first = norm.first + part;
      const u = at + <usize>(p * s.layer.channels + first) * ROW;
      const z = s.normed + <usize>p * zRows(s) + <usize>first * ROW;
      const gain = norm.gain + <usize>part * WORD;
      for (let column: usize = 0; column < ROW; column += PAIR) {
        let mean = f64x2.splat(0), along = mean;
        let w = gain;
        for (let row = column; row < bytes; row += ROW) {
          let value = read(u + row);
          if (back) value = f64x2.mul(value, readBoth(w));
          mean = f64x2.add(mean, value);
          along = f64x2.add(along, f64x2.mul(value, read(z + row)));
          w += WORD;
        }
        mean = norm.centred ? meanOf(norm, mean) : f64x2.splat(0);
        along = meanOf(norm, along);
        const r = read(deviationAt(s, p, first) + column);
        w = gain;
        for (let row = column; row < bytes; row += ROW) {
          let value = read(u + row);
          if (back) value = f64x2.mul(value, readBoth(w));
          value = f64x2.mul(f64x2.sub(f64x2.sub(value, mean), f64x2.mul(read(z + row), along)), r);
          if (!back) value = f64x2.mul(value, readBoth(w));
          write(u + row, value);
          w += WORD;
        }
      }
    }
  }
}

/**
 * Adds to x the gradient of ⟨v, N′ u⟩ in the norm's input, u and v held fixed: with h = gain∘v, the parts Pu and Ph less
 * their means, a = mean(z∘u), b = mean(z∘h): −z·r²·(⟨Ph, Pu⟩ − d·a·b)/d − r²·(b·(Pu − a·z) + a·(Ph − b·z)).
 */
export function addNormGradient(s: Primal, norm: ScoreNorm, u: usize, v: usize, x: usize): void {
  const bytes = <usize>norm.span * ROW;
  const zero = f64x2.splat(0);
  for (let p = 0; p < s.panels; p++) {
    for (let part = 0; part < norm.count; part += norm.span) {
      const first = norm.first + part;
      const offset = <usize>(p * s.layer.channels + first) * ROW;
      const z = s.normed + <usize>p * zRows(s) + <usize>first * ROW;
      const gain = norm.gain + <usize>part * WORD;
      for (let column: usize = 0; column < ROW; column += PAIR) {
        let meanU = zero, meanH = zero, a = zero, b = zero, both = zero;
        let w = gain;
        for (let row = column; row < bytes; row += ROW) {
          const tangent = read(u + offset + row), cotangent = f64x2.mul(read(v + offset + row), readBoth(w));
          const direction = read(z + row);
          meanU = f64x2.add(meanU, tangent);
          meanH = f64x2.add(meanH, cotangent);
          a = f64x2.add(a, f64x2.mul(direction, tangent));
          b = f64x2.add(b, f64x2.mul(direction, cotangent));
          w += WORD;
        }
        meanU = norm.centred ? meanOf(norm, meanU) : zero;
        meanH = norm.centred ? meanOf(norm, meanH) : zero;
        a = meanOf(norm, a);
        b = meanOf(norm, b);
        w = gain;
        for (let row = column; row < bytes; row += ROW) {
          const tangent = f64x2.sub(read(u + offset + row), meanU);
          const cotangent = f64x2.sub(f64x2.mul(read(v + offset + row), readBoth(w)), meanH);
          both = f64x2.add(both, f64x2.mul(tangent, cotangent));
          w += WORD;
        }
        const r = read(deviationAt(s, p, first) + column);
        const square = f64x2.mul(r, r);
        // −⟨Ph, Pu⟩/d + a·b from the first part, and 2·a·b from the second.
        const along = f64x2.sub(f64x2.mul(f64x2.splat(3), f64x2.mul(a, b)), meanOf(norm, both));
        w = gain;
        for (let row = column; row < bytes; row += ROW) {
          const tangent = f64x2.sub(read(u + offset + row), meanU);
          const cotangent = f64x2.sub(f64x2.mul(read(v + offset + row), readBoth(w)), meanH);
          let value = f64x2.mul(along, read(z + row));
          value = f64x2.sub(value, f64x2.add(f64x2.mul(b, tangent), f64x2.mul(a, cotangent)));
          write(x + offset + row, f64x2.add(read(x + offset + row), f64x2.mul(square, value)));
          w += WORD;
        }
      }
    }
  }
}
