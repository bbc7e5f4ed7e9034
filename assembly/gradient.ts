// The gradient in the input of ⟨v, J u⟩ with u and v frozen: reverse over forward (MATH 2.3).
import {
  addOverKeys, clearGroup, endStrip, firstStrip, groupEndPanel, groupStride, keyChannel,
  keyColumns, kvHeadOf, L2, panels, Primal, probabilitiesOf, packKeys, packQueries, queryChannel, RULED_OUT,
  scoreTiles, tileAt, valueChannel, valueStripsOf,
} from "./attention";
import { addOverQueries, keyTangents, project, pullChannels, pullOutput, scoreTangents } from "./jacobian";
import { finishKeyGradients, finishQueryGradients, markQueries } from "./l2";
import { channelPanels, channelStrips, tokenPanels, tokenStrips } from "./matrix/packing";
import { MR, NR, ROW, splat, WORD } from "./base/simd";

/** Work space beside that of a primal, for one gradient. */
@unmanaged export class GradientSpace {
  primal: Primal;
  /** Gradients of queries, keys and values, in panels. */
  channels: usize;
  /** As a primal's keyChannels, valueStrips and queryRows, for the tangents of one head. */
  keyTangents: usize;
  valueTangents: usize;
  queryTangents: usize;
  /** As a primal's scores. */
  outer: usize;
  inner: usize;
}

/** x = ∇⟨v, J u⟩; u, v and x in panels. */
export function gradient(w: GradientSpace, u: usize, v: usize, x: usize): void {
  const s = w.primal;
  const l = s.layer;
  const channels = l.channels, width = l.heads * l.dValue, d = l.dHead;
  const channelBytes = <usize>channels * ROW, oPanel = <usize>width * ROW;
  const columns = keyColumns(l);
  const keyRows = <usize>(panels(columns) * NR) * WORD, valueRows = <usize>(panels(l.dValue) * NR) * WORD;
  const rows = <usize>(s.strips * MR);
  project(s, u);
  const gO = pullOutput(s, v);
  for (let h = 0; h < l.heads; h++) {
    const kv = kvHeadOf(l, h);
    if (h == 0 || kv != kvHeadOf(l, h - 1)) {
      keyTangents(s, kv);
      packKeys(s, kv);
      channelStrips(s.n, s.dqkv, channels, keyChannel(l, kv), d, w.keyTangents);
      tokenStrips(s.n, s.dqkv, channels, valueChannel(l, kv), l.dValue, w.valueTangents, l.dValue);
      memory.fill(s.gradientKeys, 0, rows * keyRows);
      memory.fill(s.gradientValues, 0, rows * valueRows);
    }
    packQueries(s, h);
    channelPanels(s.n, gO, width, h * l.dValue, l.dValue, s.gradientRows, l.dValue);
    channelPanels(s.n, s.dqkv, channels, queryChannel(l, h), d, w.queryTangents, columns);
    if (l.kind == L2) markQueries(s, w.queryTangents, d + 1);
    for (let g = 0; g < s.groups; g++) {
      const p0 = g * s.groupPanels;
      const right = gO + <usize>(p0 * width + h * l.dValue) * ROW;
      scoreTangents(s, h, g);
      scoreTiles(s, g, l.dValue, valueStripsOf(s, kv), l.dValue, right, oPanel, w.outer);
      scoreTiles(s, g, l.dValue, w.valueTangents, l.dValue, right, oPanel, w.inner);
      softmaxSecond(s, g, probabilitiesOf(s, h, g), s.scores, w.outer, w.inner);
      const gQ = w.channels + <usize>(p0 * channels + queryChannel(l, h)) * ROW;
      clearGroup(s, g, gQ, d, channelBytes);
      addOverKeys(s, g, d, s.keyChannels, w.inner, gQ, channelBytes);
      addOverKeys(s, g, d, w.keyTangents, w.outer, gQ, channelBytes);
      if (l.kind == L2) finishQueryGradients(s, g, gQ);
      addOverQueries(s, g, columns, w.inner, s.queryRows, s.gradientKeys);
      addOverQueries(s, g, columns, w.outer, w.queryTangents, s.gradientKeys);
      addOverQueries(s, g, l.dValue, s.scores, s.gradientRows, s.gradientValues);
    }
    if (h == l.heads - 1 || kv != kvHeadOf(l, h + 1)) {
      if (l.kind == L2) finishKeyGradients(s, kv, s.gradientKeys, keyRows, true);
      tokenPanels(s.n, s.gradientKeys, keyRows, w.channels, channels, keyChannel(l, kv), d);
      tokenPanels(s.n, s.gradientValues, valueRows, w.channels, channels, valueChannel(l, kv), l.dValue);
    }
  }
  pullChannels(s, w.channels, x);
}

/**
 * Down each column, with r = Σ P∘E, a = Σ P∘M and B = (E − r)∘(M − a) + N:
 * E ← P∘(E − r), M ← P∘(M − a), N ← P∘(B − Σ P∘B).
 */
function softmaxSecond(s: Primal, group: i32, p: usize, e: usize, m: usize, n: usize): void {
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
  for (let strip = s0; strip < s1; strip++) {
    if (tileAt(s, panel, strip) == RULED_OUT) continue;
    const row = <usize>((strip - s0) * MR) * ROW;
    for (let at = row; at < row + <usize>MR * ROW; at += ROW) {
      const weight = v128.load(p + at);
      const inner = v128.sub<Real>(v128.load(e + at), r), outer = v128.sub<Real>(v128.load(m + at), a);
      const both = v128.add<Real>(v128.mul<Real>(inner, outer), v128.load(n + at));
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
