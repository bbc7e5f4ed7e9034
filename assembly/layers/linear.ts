// A linear map of tokens in panels: its weights are the left operand, packed once each way, and tokens the right one.
import { MR, NR, ROW, splat, WORD } from "../base/simd";
import { membersAtWork, shareEnd, shareStart } from "../base/team";
import { multiply } from "../matrix/gemm";

@unmanaged export class Linear {
  dIn: i32;
  dOut: i32;
  /** Strips of Wᵀ [dOut × dIn] and of W [dIn × dOut]. */
  weight: usize;
  back: usize;
  /** dOut numbers, or 0. */
  bias: usize;
}

/** y = x·W + bias for tokens in `panels` panels. */
export function applyLinear(s: Linear, panels: i32, x: usize, y: usize): void {
  linearJvp(s, panels, x, y);
  if (s.bias) addBias(s, panels, y);
}

/** y = u·W. */
export function linearJvp(s: Linear, panels: i32, u: usize, y: usize): void {
  map(s.dOut, s.dIn, panels, s.weight, u, y);
}

/** x = v·Wᵀ. */
export function linearVjp(s: Linear, panels: i32, v: usize, x: usize): void {
  map(s.dIn, s.dOut, panels, s.back, v, x);
}

/** This member's share of C [m × tokens] = A·B: of the panels, or, where there are few, of the strips of every panel. */
function map(m: i32, k: i32, panels: i32, a: usize, b: usize, c: usize): void {
  const from = <usize>k * ROW, to = <usize>m * ROW;
  if (byPanels(panels)) {
    const p = shareStart(panels);
    multiply(m, (shareEnd(panels) - p) * NR, k, a, b + <usize>p * from, from, c + <usize>p * to, ROW, to, false);
  } else {
    const first = firstRow(m), end = endRow(m);
    const strips = a + <usize>(first * k) * WORD;
    multiply(end - first, panels * NR, k, strips, b, from, c + <usize>first * ROW, ROW, to, false);
  }
}

function addBias(s: Linear, panels: i32, y: usize): void {
  const whole = byPanels(panels);
  const p0 = whole ? shareStart(panels) : 0, p1 = whole ? shareEnd(panels) : panels;
  const first = whole ? 0 : firstRow(s.dOut), end = whole ? s.dOut : endRow(s.dOut);
  for (let p = p0; p < p1; p++) {
    let at = y + <usize>(p * s.dOut + first) * ROW;
    for (let r = first; r < end; r++) {
      const b = splat(load<Real>(s.bias + <usize>r * WORD));
      v128.store(at, v128.add<Real>(v128.load(at), b));
      v128.store(at, v128.add<Real>(v128.load(at, 16), b), 16);
      at += ROW;
    }
  }
}

// @ts-ignore: decorator
@inline
function byPanels(panels: i32): bool {
  return panels >= 2 * membersAtWork();
}

function firstRow(m: i32): i32 {
  return shareStart((m + MR - 1) / MR) * MR;
}

function endRow(m: i32): i32 {
  return min(m, shareEnd((m + MR - 1) / MR) * MR);
}
