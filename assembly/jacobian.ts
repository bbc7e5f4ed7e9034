// Products with the Jacobian of attention and with its transpose (MATH 2.1, 2.2), from what `attend` left behind.
import {
  addOverKeys, applyOutput, clearGroup, endHead, endStrip, firstHead, firstStrip, groupEndPanel, groupStride,
  keyChannel, keyColumns, keyStripsOf, kvHeadOf, L2, multiplyTokens, panels, Primal, probabilitiesOf, queryChannel,
  packKeys, packQueries, packValues, rotate, RULED_OUT, scoreTiles, tangentRows, tileAt, valueChannel,
  valueStripsOf,
} from "./attention";
import { panelTile } from "./matrix/gemm";
import { finishKeyGradients, finishQueryGradients, keyProducts, queryTangents } from "./l2";
import { channelPanels, channelStrips, tokenPanels, tokenStrips } from "./matrix/packing";
import { MR, NR, ROW, splat, WORD } from "./base/simd";
import { barrier } from "./base/team";

/** y = J u, both in panels. */
export function jvp(s: Primal, u: usize, y: usize): void {
  project(s, u);
  barrier();
  headTangents(s);
  barrier();
  applyOutput(s, s.dO, y);
}

/** The tangents of the heads' outputs, dO, from those of queries, keys and values. */
export function headTangents(s: Primal): void {
  const l = s.layer;
  const channels = l.channels, width = l.heads * l.dValue;
  let tangentsOf = -1;
  for (let h = firstHead(l), end = endHead(l); h < end; h++) {
    const kv = kvHeadOf(l, h);
    if (kv != tangentsOf) {
      keyTangents(s, kv);
      packValues(s, kv);
      channelStrips(s.n, s.dqkv, channels, valueChannel(l, kv), l.dValue, s.dValueChannels);
      tangentsOf = kv;
    }
    for (let g = 0; g < s.groups; g++) {
      const p0 = g * s.groupPanels;
      const p = probabilitiesOf(s, h, g);
      scoreTangents(s, h, g);
      softmaxTangent(s, g, p, s.scores);
      const o = s.dO + <usize>(p0 * width + h * l.dValue) * ROW;
      const oPanel = <usize>width * ROW;
      clearGroup(s, g, o, l.dValue, oPanel);
      addOverKeys(s, g, l.dValue, s.valueChannels, s.scores, o, oPanel);
      addOverKeys(s, g, l.dValue, s.dValueChannels, p, o, oPanel);
    }
  }
}

/** The tangents of queries, keys and values, for u in panels. */
export function project(s: Primal, u: usize): void {
  const l = s.layer;
  multiplyTokens(s, l.channels, l.dIn, l.project, u, s.dqkv);
  if (s.cos) rotate(s, s.dqkv, 0, l.heads + l.kvHeads, false);
}

/** The rows of `keyStrips` that belong to the tangents of a group's keys. */
export function keyTangents(s: Primal, kv: i32): void {
  const l = s.layer;
  const keys = keyStripsOf(s, kv);
  const tangents = keys + <usize>(l.dHead * MR) * WORD;
  tokenStrips(s.n, s.dqkv, l.channels, keyChannel(l, kv), l.dHead, tangents, tangentRows(l));
  if (l.kind == L2) keyProducts(s, keys);
}

/** E, the tangent of a group's scores up to a constant a query, as one product of doubled inner length: [K dK]·[dQ; Q]. */
export function scoreTangents(s: Primal, h: i32, g: i32): void {
  const l = s.layer;
  const p0 = g * s.groupPanels, d = l.dHead, rows = tangentRows(l);
  const channelBytes = <usize>l.channels * ROW;
  const at = <usize>(p0 * l.channels + queryChannel(l, h)) * ROW;
  let to = s.queryPanels;
  for (let panel = p0; panel < groupEndPanel(s, g); panel++) {
    const from = at + <usize>(panel - p0) * channelBytes;
    if (l.kind == L2) queryTangents(l, s.dqkv + from, s.qkv + from, to);
    else {
      memory.copy(to, s.dqkv + from, <usize>d * ROW);
      memory.copy(to + <usize>d * ROW, s.qkv + from, <usize>d * ROW);
    }
    to += <usize>rows * ROW;
  }
  scoreTiles(s, g, rows, keyStripsOf(s, kvHeadOf(l, h)), rows, s.queryPanels, <usize>rows * ROW, s.scores);
}

/** E ← P∘(E − Σ P∘E) down each column: the derivative of the softmax, which is its own adjoint. */
function softmaxTangent(s: Primal, group: i32, p: usize, e: usize): void {
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

/** x = Jᵀ y, both in panels. */
export function vjp(s: Primal, y: usize, x: usize): void {
  const gO = pullOutput(s, y);
  barrier();
  headGradients(s, gO);
  barrier();
  pullChannels(s, s.dqkv, x);
}

/** The gradients of queries, keys and values, dqkv, from those of the heads' outputs. */
export function headGradients(s: Primal, gO: usize): void {
  const l = s.layer;
  const channels = l.channels, width = l.heads * l.dValue, d = l.dHead;
  const channelBytes = <usize>channels * ROW, oPanel = <usize>width * ROW;
  const keyRows = <usize>(panels(keyColumns(l)) * NR) * WORD, valueRows = <usize>(panels(l.dValue) * NR) * WORD;
  const rows = <usize>(s.strips * MR);
  for (let h = firstHead(l), end = endHead(l); h < end; h++) {
    const kv = kvHeadOf(l, h);
    if (h == 0 || kv != kvHeadOf(l, h - 1)) {
      packKeys(s, kv);
      memory.fill(s.gradientKeys, 0, rows * keyRows);
      memory.fill(s.gradientValues, 0, rows * valueRows);
    }
    packQueries(s, h);
    channelPanels(s.n, gO, width, h * l.dValue, l.dValue, s.gradientRows, l.dValue);
    for (let g = 0; g < s.groups; g++) {
      const p0 = g * s.groupPanels;
      const p = probabilitiesOf(s, h, g);
      const right = gO + <usize>(p0 * width + h * l.dValue) * ROW;
      scoreTiles(s, g, l.dValue, valueStripsOf(s, kv), l.dValue, right, oPanel, s.scores);
      softmaxTangent(s, g, p, s.scores);
      const gQ = s.dqkv + <usize>(p0 * channels + queryChannel(l, h)) * ROW;
      clearGroup(s, g, gQ, d, channelBytes);
      addOverKeys(s, g, d, s.keyChannels, s.scores, gQ, channelBytes);
      if (l.kind == L2) finishQueryGradients(s, g, gQ);
      addOverQueries(s, g, keyColumns(l), s.scores, s.queryRows, s.gradientKeys);
      addOverQueries(s, g, l.dValue, p, s.gradientRows, s.gradientValues);
    }
    if (h == l.heads - 1 || kv != kvHeadOf(l, h + 1)) {
      if (l.kind == L2) finishKeyGradients(s, kv, s.gradientKeys, keyRows, false);
      tokenPanels(s.n, s.gradientKeys, keyRows, s.dqkv, channels, keyChannel(l, kv), d);
      tokenPanels(s.n, s.gradientValues, valueRows, s.dqkv, channels, valueChannel(l, kv), l.dValue);
    }
  }
}

/** The gradient of the heads' outputs, [panel][heads·dValue][NR], from that of the layer's output. */
export function pullOutput(s: Primal, y: usize): usize {
  const l = s.layer;
  if (!l.outputBack) return y;
  multiplyTokens(s, l.heads * l.dValue, l.dOut, l.outputBack, y, s.dO);
  return s.dO;
}

/** The gradient of the input from that of queries, keys and values, which is rotated back in place. */
export function pullChannels(s: Primal, channels: usize, x: usize): void {
  const l = s.layer;
  if (s.cos) rotate(s, channels, 0, l.heads + l.kvHeads, true);
  multiplyTokens(s, l.dIn, l.channels, l.projectBack, channels, x);
}

/** dst[key][channel] += Σ over the group's queries of src[panel][key][query]·right[channel panel][query][NR]. */
export function addOverQueries(s: Primal, group: i32, channels: i32, src: usize, right: usize, dst: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const p0 = group * s.groupPanels, p1 = groupEndPanel(s, group);
  const stride = groupStride(s, group);
  const columns = panels(channels);
  const rightPanel = <usize>(s.panels * NR) * ROW;
  const row = <usize>columns * ROW;
  for (let strip = s0; strip < s1; strip++) {
    let p = p0;
    while (true) {
      while (p < p1 && tileAt(s, p, strip) == RULED_OUT) p++;
      if (p == p1) break;
      let end = p + 1;
      while (end < p1 && tileAt(s, end, strip) != RULED_OUT) end++;
      const a = src + <usize>(p - p0) * stride + <usize>((strip - s0) * MR) * ROW;
      const b = right + <usize>(p * NR) * ROW;
      const c = dst + <usize>(strip * MR) * row;
      for (let column = 0; column < columns; column++) {
        panelTile(end - p, a, stride, b + <usize>column * rightPanel, c + <usize>column * ROW, row);
      }
      p = end;
    }
  }
}

/**
 * The dense Jacobian, row-major [n·dOut, n·dIn], column by column: one JVP of each unit vector. u and y are work
 * space of the input's and the output's size, in panels.
 */
export function dense(s: Primal, u: usize, y: usize, out: usize): void {
  const l = s.layer;
  const columns = s.n * l.dIn;
  memory.fill(u, 0, <usize>(s.panels * l.dIn) * ROW);
  for (let i = 0; i < s.n; i++) {
    for (let c = 0; c < l.dIn; c++) {
      const unit = u + <usize>((i / NR) * l.dIn + c) * ROW + <usize>(i & (NR - 1)) * WORD;
      store<Real>(unit, 1);
      jvp(s, u, y);
      store<Real>(unit, 0);
      let to = out + <usize>(i * l.dIn + c) * WORD;
      for (let j = 0; j < s.n; j++) {
        let from = y + <usize>(j / NR * l.dOut) * ROW + <usize>(j & (NR - 1)) * WORD;
        for (let e = 0; e < l.dOut; e++) {
          store<Real>(to, load<Real>(from));
          from += ROW;
          to += <usize>columns * WORD;
        }
      }
    }
  }
}
