// What may come between inner products or distances and the softmax: a soft cap c·tanh(s/c), and a bias that does not
// depend on the input. Entry by entry, over the tiles of a group that the mask leaves (docs/theory.md, section 14).
import { exp } from "../base/math";
import { madd, MR, NR, ROW, splat, WORD } from "../base/simd";
import { endStrip, firstStrip, groupEndPanel, groupStride, Primal, RULED_OUT, tileAt } from "./primal";

/** What `addScoreBias` adds: nothing; by i − j; or a number for each pair. */
export const BY_DISTANCE: i32 = 1;
export const BY_PAIR: i32 = 2;

/**
 * s ← c·tanh(s/c). Kept for the derivatives is ±exp(−2|s|/c) with the sign of s, from which both tanh and its slope
 * 1 − tanh² have all their digits.
 */
export function capScores(s: Primal, group: i32, scores: usize, bends: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const stride = groupStride(s, group);
  const cap = splat(<Real>s.layer.cap), over = splat(<Real>(1 / s.layer.cap));
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    for (let strip = s0; strip < s1; strip++) {
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      const first = <usize>((strip - s0) * MR) * ROW;
      for (let at = first; at < first + <usize>MR * ROW; at += 16) {
        const z = v128.mul<Real>(over, v128.load(scores + at));
        const size = v128.abs<Real>(z);
        const r = exp(v128.mul<Real>(splat(-2), size));
        v128.store(bends + at, withSign(r, z));
        v128.store(scores + at, v128.mul<Real>(cap, withSign(tanh(size, r), z)));
      }
    }
    scores += stride;
    bends += stride;
  }
}

/** e ← c·tanh′·e, with tanh′ = 4r/(1 + r)²: tangents of scores to tangents of capped ones, and gradients back. */
export function scaleBySlope(s: Primal, group: i32, bends: usize, e: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const stride = groupStride(s, group);
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    for (let strip = s0; strip < s1; strip++) {
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      const first = <usize>((strip - s0) * MR) * ROW;
      for (let at = first; at < first + <usize>MR * ROW; at += 16) {
        v128.store(e + at, v128.mul<Real>(slope(v128.abs<Real>(v128.load(bends + at))), v128.load(e + at)));
      }
    }
    bends += stride;
    e += stride;
  }
}

/**
 * From gradients with respect to capped scores and to their tangents, those with respect to the scores and to their tangents,
 * `tangents` being the latter's values: scores ← φ′·scores + φ″·tangents·outer, outer ← φ′·outer, φ″ = −2·tanh·φ′/c.
 */
export function pullSlopes(s: Primal, group: i32, bends: usize, tangents: usize, outer: usize, scores: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const stride = groupStride(s, group);
  const one = splat(1), factor = splat(<Real>(-2 / s.layer.cap));
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    for (let strip = s0; strip < s1; strip++) {
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      const first = <usize>((strip - s0) * MR) * ROW;
      for (let at = first; at < first + <usize>MR * ROW; at += 16) {
        const bend = v128.load(bends + at);
        const r = v128.abs<Real>(bend);
        const first = slope(r);
        const t = withSign(v128.div<Real>(v128.sub<Real>(one, r), v128.add<Real>(one, r)), bend);
        const pulled = v128.mul<Real>(first, v128.load(outer + at));
        const curved = v128.mul<Real>(v128.mul<Real>(factor, t), v128.mul<Real>(pulled, v128.load(tangents + at)));
        v128.store(scores + at, madd(first, v128.load(scores + at), curved));
        v128.store(outer + at, pulled);
      }
    }
    bends += stride;
    tangents += stride;
    outer += stride;
    scores += stride;
  }
}

// @ts-ignore: decorator
@inline
function slope(r: v128): v128 {
  const sum = v128.add<Real>(splat(1), r);
  return v128.div<Real>(v128.mul<Real>(splat(4), r), v128.mul<Real>(sum, sum));
}

/** The size of x with the sign of y, for x ≥ 0. */
// @ts-ignore: decorator
@inline
function withSign(x: v128, y: v128): v128 {
  return v128.or(x, v128.and(y, splat(-0.0)));
}

/** tanh of x ≥ 0, r = exp(−2x); near 0 by the approximations of the Cephes library, as 1 − r has few digits there. */
// @ts-ignore: decorator
@inline
function tanh(x: v128, r: v128): v128 {
  const one = splat(1);
  const far = v128.div<Real>(v128.sub<Real>(one, r), v128.add<Real>(one, r));
  const z = v128.mul<Real>(x, x);
  let p: v128;
  if (sizeof<Real>() == 4) {
    p = madd(splat(-5.70498872745e-3), z, splat(2.06390887954e-2));
    p = madd(p, z, splat(-5.37397155531e-2));
    p = madd(p, z, splat(1.33314422036e-1));
    p = madd(p, z, splat(-3.33332819422e-1));
  } else {
    p = madd(splat(-9.64399179425052238628e-1 as Real), z, splat(-9.92877231001918586564e1 as Real));
    p = madd(p, z, splat(-1.61468768441708447952e3 as Real));
    let q = v128.add<Real>(z, splat(1.12811678491632931402e2 as Real));
    q = madd(q, z, splat(2.23548839060100448583e3 as Real));
    q = madd(q, z, splat(4.84406305325125486048e3 as Real));
    p = v128.div<Real>(p, q);
  }
  const near = madd(v128.mul<Real>(x, z), p, x);
  return v128.bitselect(near, far, v128.lt<Real>(x, splat(0.625)));
}

/** Adds the bias of a head to the scores of a group. */
export function addScoreBias(s: Primal, head: i32, group: i32, scores: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const stride = groupStride(s, group);
  // By distance, the entry of n − 1 + i − j: consecutive queries are neighbours. By pair, panels of queries.
  const own = s.bias + <usize>head * s.biasHead;
  const paired = s.biasKind == BY_PAIR;
  const panelBytes = <usize>(s.strips * MR) * ROW;
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    for (let strip = s0; strip < s1; strip++) {
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      let to = scores + <usize>((strip - s0) * MR) * ROW;
      for (let j = strip * MR; j < strip * MR + MR; j++) {
        const from = paired
          ? own + <usize>panel * panelBytes + <usize>j * ROW
          : own + <usize>(BIAS_PADDING + s.n - 1 + panel * NR - j) * WORD;
        v128.store(to, v128.add<Real>(v128.load(to), v128.load(from)));
        v128.store(to, v128.add<Real>(v128.load(to, 16), v128.load(from, 16)), 16);
        to += ROW;
      }
    }
    scores += stride;
  }
}

/** Numbers in front of and behind a head's bias by distance: keys are padded to strips, queries to panels. */
const BIAS_PADDING: i32 = 8;
