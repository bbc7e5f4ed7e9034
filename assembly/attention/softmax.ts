// The masked softmax down the columns of a panel of scores, [key][NR queries], and its derivatives (MATH 1, 2).
import { exp } from "../base/math";
import { LANES, largestLane, MR, NR, ROW, splat } from "../base/simd";
import { endStrip, firstStrip, groupEndPanel, groupStride, Primal, RULED_OUT, tileAt, WHOLE } from "./primal";

/** A score so far below its row's largest is a probability of exactly 0: its share is far below rounding, its products subnormal. */
const NEGLIGIBLE_SCORE: Real = sizeof<Real>() == 4 ? -50 : -500;

/** Masks and normalises the scores of one panel in place, and keeps account of the largest ones and of empty rows. */
export function softmaxPanel(s: Primal, panel: i32, sink: Real, s0: i32, s1: i32, at: usize): void {
  const least = splat(-Infinity as Real);
  const zero = splat(0);
  let max0 = least, max1 = least, big0 = zero, big1 = zero;
  for (let strip = s0; strip < s1; strip++) {
    const kind = tileAt(s, panel, strip);
    if (kind == RULED_OUT) continue;
    let row = at + <usize>((strip - s0) * MR) * ROW;
    const whole = kind == WHOLE;
    if (!whole) big0 = larger(big0, maskTile(s, panel, strip, row));
    for (const end = row + <usize>MR * ROW; row < end; row += ROW) {
      const x0 = v128.load(row), x1 = v128.load(row, 16);
      if (whole) {
        big0 = larger(big0, v128.abs<Real>(x0));
        big1 = larger(big1, v128.abs<Real>(x1));
      }
      max0 = v128.pmax<Real>(max0, x0);
      max1 = v128.pmax<Real>(max1, x1);
    }
  }
  // A column without an allowed key keeps the maximum −∞; 0 in its place makes all its entries exact zeros below.
  max0 = v128.bitselect(zero, max0, v128.eq<Real>(max0, least));
  max1 = v128.bitselect(zero, max1, v128.eq<Real>(max1, least));
  const row = v128.pmax<Real>(v128.abs<Real>(max0), v128.abs<Real>(max1));
  s.maxRowScore = max(s.maxRowScore, largestLane(row));
  const joins = splat(sink);
  max0 = v128.pmax<Real>(max0, joins);
  max1 = v128.pmax<Real>(max1, joins);
  const negligible = splat(NEGLIGIBLE_SCORE);
  let sum0 = zero, sum1 = zero;
  for (let strip = s0; strip < s1; strip++) {
    if (tileAt(s, panel, strip) == RULED_OUT) continue;
    let part0 = zero, part1 = zero;
    let row = at + <usize>((strip - s0) * MR) * ROW;
    for (const end = row + <usize>MR * ROW; row < end; row += ROW) {
      const x0 = v128.sub<Real>(v128.load(row), max0), x1 = v128.sub<Real>(v128.load(row, 16), max1);
      const e0 = v128.andnot(exp(x0), v128.lt<Real>(x0, negligible));
      const e1 = v128.andnot(exp(x1), v128.lt<Real>(x1, negligible));
      v128.store(row, e0);
      v128.store(row, e1, 16);
      part0 = v128.add<Real>(part0, e0);
      part1 = v128.add<Real>(part1, e1);
    }
    sum0 = v128.add<Real>(sum0, part0);
    sum1 = v128.add<Real>(sum1, part1);
  }
  const one = splat(1);
  v128.store(s.attends + <usize>panel * ROW, v128.and(one, v128.gt<Real>(sum0, zero)));
  v128.store(s.attends + <usize>panel * ROW, v128.and(one, v128.gt<Real>(sum1, zero)), 16);
  if (sink > (-Infinity as Real)) {
    sum0 = v128.add<Real>(sum0, exp(v128.sub<Real>(joins, max0)));
    sum1 = v128.add<Real>(sum1, exp(v128.sub<Real>(joins, max1)));
  }
  sum0 = v128.div<Real>(one, v128.bitselect(one, sum0, v128.eq<Real>(sum0, zero)));
  sum1 = v128.div<Real>(one, v128.bitselect(one, sum1, v128.eq<Real>(sum1, zero)));
  for (let strip = s0; strip < s1; strip++) {
    let row = at + <usize>((strip - s0) * MR) * ROW;
    if (tileAt(s, panel, strip) == RULED_OUT) {
      memory.fill(row, 0, <usize>MR * ROW);
      continue;
    }
    for (const end = row + <usize>MR * ROW; row < end; row += ROW) {
      v128.store(row, v128.mul<Real>(v128.load(row), sum0));
      v128.store(row, v128.mul<Real>(v128.load(row, 16), sum1), 16);
    }
  }
  s.maxScore = max(s.maxScore, largestLane(larger(big0, big1)));
}

/** Puts −∞ where a query may not attend to a key; returns the largest |scores| of those that may. */
function maskTile(s: Primal, panel: i32, strip: i32, row: usize): v128 {
  const lo0 = v128.load(s.lo + <usize>panel * ROW), lo1 = v128.load(s.lo + <usize>panel * ROW, 16);
  const hi0 = v128.load(s.hi + <usize>panel * ROW), hi1 = v128.load(s.hi + <usize>panel * ROW, 16);
  const least = splat(-Infinity as Real);
  let big = splat(0);
  for (let j = strip * MR; j < strip * MR + MR; j++) {
    const key = splat(<Real>j);
    let m0 = v128.and(v128.ge<Real>(key, lo0), v128.lt<Real>(key, hi0));
    let m1 = v128.and(v128.ge<Real>(key, lo1), v128.lt<Real>(key, hi1));
    if (s.allowed && j < s.n) {
      m0 = v128.and(m0, allowedLanes(s, panel * NR, j));
      m1 = v128.and(m1, allowedLanes(s, panel * NR + LANES, j));
    }
    const x0 = v128.load(row), x1 = v128.load(row, 16);
    big = larger(big, v128.and(m0, v128.abs<Real>(x0)));
    big = larger(big, v128.and(m1, v128.abs<Real>(x1)));
    v128.store(row, v128.bitselect(x0, least, m0));
    v128.store(row, v128.bitselect(x1, least, m1), 16);
    row += ROW;
  }
  return big;
}

/** The larger of sizes ≥ 0, lane by lane, NaN above all: their bits are in order as integers. */
// @ts-ignore: decorator
@inline
function larger(a: v128, b: v128): v128 {
  return sizeof<Real>() == 4 ? i32x4.max_s(a, b) : v128.max<Real>(a, b);
}

/** The lanes of queries from `query` on that may attend to key j, by the mask's own bytes. */
function allowedLanes(s: Primal, query: i32, j: i32): v128 {
  let lanes = splat(0);
  const at = s.allowed + <usize>j;
  const n = s.n;
  if (sizeof<Real>() == 4) {
    if (query < n && load<u8>(at + <usize>query * n)) lanes = i32x4.replace_lane(lanes, 0, -1);
    if (query + 1 < n && load<u8>(at + <usize>(query + 1) * n)) lanes = i32x4.replace_lane(lanes, 1, -1);
    if (query + 2 < n && load<u8>(at + <usize>(query + 2) * n)) lanes = i32x4.replace_lane(lanes, 2, -1);
    if (query + 3 < n && load<u8>(at + <usize>(query + 3) * n)) lanes = i32x4.replace_lane(lanes, 3, -1);
  } else {
    if (query < n && load<u8>(at + <usize>query * n)) lanes = i64x2.replace_lane(lanes, 0, -1);
    if (query + 1 < n && load<u8>(at + <usize>(query + 1) * n)) lanes = i64x2.replace_lane(lanes, 1, -1);
  }
  return lanes;
}

/** E ← P∘(E − Σ P∘E) down each column: the derivative of the softmax, which is its own adjoint. */
export function softmaxTangent(s: Primal, group: i32, p: usize, e: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const stride = groupStride(s, group);
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    let sum0 = splat(0), sum1 = sum0;
    for (let strip = s0; strip < s1; strip++) {
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      let part0 = splat(0), part1 = part0;
      const row = <usize>((strip - s0) * MR) * ROW;
      for (let at = row; at < row + <usize>MR * ROW; at += ROW) {
        part0 = v128.add<Real>(part0, v128.mul<Real>(v128.load(p + at), v128.load(e + at)));
        part1 = v128.add<Real>(part1, v128.mul<Real>(v128.load(p + at, 16), v128.load(e + at, 16)));
      }
      sum0 = v128.add<Real>(sum0, part0);
      sum1 = v128.add<Real>(sum1, part1);
    }
    for (let strip = s0; strip < s1; strip++) {
      const row = <usize>((strip - s0) * MR) * ROW;
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      for (let at = row; at < row + <usize>MR * ROW; at += ROW) {
        v128.store(e + at, v128.mul<Real>(v128.load(p + at), v128.sub<Real>(v128.load(e + at), sum0)));
        v128.store(e + at, v128.mul<Real>(v128.load(p + at, 16), v128.sub<Real>(v128.load(e + at, 16), sum1)), 16);
      }
    }
    p += stride;
    e += stride;
  }
}

/**
 * Down each column, with r = Σ P∘E, a = Σ P∘M and B = (E − r)∘(M − a) + N − r·a, where r·a drops out of columns that sum
 * to 1, those without a sink: E ← P∘(E − r), M ← P∘(M − a), N ← P∘(B − Σ P∘B).
 */
export function softmaxSecond(s: Primal, group: i32, p: usize, e: usize, m: usize, n: usize): void {
  const stride = groupStride(s, group);
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    softmaxSecondHalf(s, group, panel, p, e, m, n);
    softmaxSecondHalf(s, group, panel, p + 16, e + 16, m + 16, n + 16);
    p += stride;
    e += stride;
    m += stride;
    n += stride;
  }
}

/** One register's columns of a panel. */
function softmaxSecondHalf(s: Primal, group: i32, panel: i32, p: usize, e: usize, m: usize, n: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  let r = splat(0), a = r, b = r;
  for (let strip = s0; strip < s1; strip++) {
    if (tileAt(s, panel, strip) == RULED_OUT) continue;
    const row = <usize>((strip - s0) * MR) * ROW;
    for (let at = row; at < row + <usize>MR * ROW; at += ROW) {
      const weight = v128.load(p + at);
      r = v128.add<Real>(r, v128.mul<Real>(weight, v128.load(e + at)));
      a = v128.add<Real>(a, v128.mul<Real>(weight, v128.load(m + at)));
    }
  }
  const constant = s.layer.sinks ? v128.mul<Real>(r, a) : splat(0);
  for (let strip = s0; strip < s1; strip++) {
    if (tileAt(s, panel, strip) == RULED_OUT) continue;
    const row = <usize>((strip - s0) * MR) * ROW;
    for (let at = row; at < row + <usize>MR * ROW; at += ROW) {
      const weight = v128.load(p + at);
      const inner = v128.sub<Real>(v128.load(e + at), r), outer = v128.sub<Real>(v128.load(m + at), a);
      const both = v128.add<Real>(v128.mul<Real>(inner, outer), v128.sub<Real>(v128.load(n + at), constant));
      b = v128.add<Real>(b, v128.mul<Real>(weight, both));
      v128.store(e + at, v128.mul<Real>(weight, inner));
      v128.store(m + at, v128.mul<Real>(weight, outer));
      v128.store(n + at, both);
    }
  }
  for (let strip = s0; strip < s1; strip++) {
    if (tileAt(s, panel, strip) == RULED_OUT) continue;
    const row = <usize>((strip - s0) * MR) * ROW;
    for (let at = row; at < row + <usize>MR * ROW; at += ROW) {
      v128.store(n + at, v128.mul<Real>(v128.load(p + at), v128.sub<Real>(v128.load(n + at), b)));
    }
  }
}
