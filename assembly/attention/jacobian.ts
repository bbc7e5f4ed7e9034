// Products with the Jacobian of attention and with its transpose (MATH 2.1, 2.2), from what `attend` left behind.
import { MR, NR, ROW, WORD } from "../base/simd";
import { barrier } from "../base/team";
import { channelPanels, channelStrips, tokenPanels, tokenStrips } from "../matrix/packing";
import { pullShape, shapeTangents } from "./between";
import { applyOutput, multiplyTokens } from "./channels";
import { gateTangents, pullGate } from "./gate";
import { endHead, firstHead, keyChannel, kvHeadOf, queryChannel, valueChannel } from "./layer";
import { keyStripsOf, packKeys, packQueries, packValues, valueStripsOf } from "./operands";
import { groupEndPanel, panels, Primal } from "./primal";
import { bendsOf, probabilitiesOf } from "./probabilities";
import {
  bendTangents, completeKeyTangents, finishKeyGradients, finishQueryGradients, keyColumns, pairQueryTangents, tangentRows,
} from "./score";
import { softmaxTangent } from "./softmax";
import { addOverKeys, addOverQueries, clearGroup, scoreTiles } from "./tiles";

/** y = J u, both in panels. */
export function jvp(s: Primal, u: usize, y: usize): void {
  project(s, u);
  barrier();
  headTangents(s);
  barrier();
  if (s.layer.gateWidth) gateTangents(s);
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
      bendTangents(s, g, bendsOf(s, h, g), s.scores);
      softmaxTangent(s, g, p, s.scores);
      const o = s.dO + <usize>(p0 * width + h * l.dValue) * ROW;
      const oPanel = <usize>width * ROW;
      clearGroup(s, g, o, l.dValue, oPanel);
      addOverKeys(s, g, l.dValue, s.valueChannels, s.scores, o, oPanel);
      addOverKeys(s, g, l.dValue, s.dValueChannels, p, o, oPanel);
    }
  }
}

/** The tangents of all channels, for u in panels; those that a norm is handed are copied to `kept`, where it is not 0. */
export function project(s: Primal, u: usize, kept: usize = 0): void {
  const l = s.layer;
  multiplyTokens(s, l.channels, l.dIn, l.project, u, s.dqkv);
  shapeTangents(s, s.dqkv, kept);
}

/** The rows of `keyStrips` that belong to the tangents of a group's keys. */
export function keyTangents(s: Primal, kv: i32): void {
  const l = s.layer;
  const keys = keyStripsOf(s, kv);
  const tangents = keys + <usize>(l.dHead * MR) * WORD;
  tokenStrips(s.n, s.dqkv, l.channels, keyChannel(l, kv), l.dHead, tangents, tangentRows(l));
  completeKeyTangents(s, keys);
}

/** The tangent of a group's raw scores up to a constant a query, as one product of doubled inner length: [K dK]·[dQ; Q]. */
export function scoreTangents(s: Primal, h: i32, g: i32): void {
  const l = s.layer;
  const p0 = g * s.groupPanels, rows = tangentRows(l);
  const channelBytes = <usize>l.channels * ROW;
  const at = <usize>(p0 * l.channels + queryChannel(l, h)) * ROW;
  let to = s.queryPanels;
  for (let panel = p0; panel < groupEndPanel(s, g); panel++) {
    const from = at + <usize>(panel - p0) * channelBytes;
    pairQueryTangents(l, s.dqkv + from, s.qkv + from, to);
    to += <usize>rows * ROW;
  }
  scoreTiles(s, g, rows, keyStripsOf(s, kvHeadOf(l, h)), rows, s.queryPanels, <usize>rows * ROW, s.scores);
}

/** x = Jᵀ y, both in panels. */
export function vjp(s: Primal, y: usize, x: usize): void {
  let gO = pullOutput(s, y, s.dO);
  if (s.layer.gateWidth) {
    pullGate(s, gO);
    gO = s.dO;
  }
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
      bendTangents(s, g, bendsOf(s, h, g), s.scores);
      const gQ = s.dqkv + <usize>(p0 * channels + queryChannel(l, h)) * ROW;
      clearGroup(s, g, gQ, d, channelBytes);
      addOverKeys(s, g, d, s.keyChannels, s.scores, gQ, channelBytes);
      finishQueryGradients(s, g, gQ);
      addOverQueries(s, g, keyColumns(l), s.scores, s.queryRows, s.gradientKeys);
      addOverQueries(s, g, l.dValue, p, s.gradientRows, s.gradientValues);
    }
    if (h == l.heads - 1 || kv != kvHeadOf(l, h + 1)) {
      finishKeyGradients(s, keyStripsOf(s, kv), s.gradientKeys, keyRows, false);
      tokenPanels(s.n, s.gradientKeys, keyRows, s.dqkv, channels, keyChannel(l, kv), d);
      tokenPanels(s.n, s.gradientValues, valueRows, s.dqkv, channels, valueChannel(l, kv), l.dValue);
    }
  }
}

/** The gradient of the heads' outputs, [panel][heads·dValue][NR], from that of the layer's output. */
export function pullOutput(s: Primal, y: usize, to: usize): usize {
  const l = s.layer;
  if (!l.outputBack) return y;
  multiplyTokens(s, l.heads * l.dValue, l.dOut, l.outputBack, y, to);
  return to;
}

/** The gradient of the input from that of all channels, which is pulled back to the projections' in place. */
export function pullChannels(s: Primal, channels: usize, x: usize): void {
  const l = s.layer;
  pullShape(s, channels);
  multiplyTokens(s, l.dIn, l.channels, l.projectBack, channels, x);
}
