// The gradient in the input of ⟨v, J u⟩ with u and v frozen: reverse over forward (MATH 2.3).
import { MR, NR, ROW, WORD } from "../base/simd";
import { channelPanels, channelStrips, tokenPanels, tokenStrips } from "../matrix/packing";
import { pullShapeSecond } from "./between";
import { multiplyTokens } from "./channels";
import { pullGateSecond } from "./gate";
import {
  headGradients, headTangents, keyTangents, project, pullChannels, pullOutput, scoreTangents,
} from "./jacobian";
import { gateChannel, keyChannel, kvHeadOf, queryChannel, valueChannel } from "./layer";
import { keyStripsOf, packKeys, packQueries, valueStripsOf } from "./operands";
import { groupEndPanel, groupStride, panels, Primal } from "./primal";
import { bendsOf, probabilitiesOf } from "./probabilities";
import {
  bendTangents, completeQueryRows, finishKeyGradients, finishQueryGradients, keyColumns, pullBends, scoresBend,
} from "./score";
import { softmaxSecond } from "./softmax";
import { addOverKeys, addOverQueries, clearGroup, scoreTiles } from "./tiles";

/** Work space beside that of a primal, for one gradient. */
@unmanaged export class GradientSpace {
  primal: Primal;
  /** Gradients of all channels, in panels. */
  channels: usize;
  /** As a primal's keyChannels, valueStrips and queryRows, for the tangents of one head. */
  keyTangents: usize;
  valueTangents: usize;
  queryTangents: usize;
  /** As a primal's scores; `raw` where scores bend, else 0. */
  outer: usize;
  inner: usize;
  raw: usize;
  /** As `channels`, of a layer with norms, else 0: the tangents that they are handed, and what Jᵀv has behind them. */
  normTangents: usize;
  cotangents: usize;
  /** In panels of heads·dValue rows, of a layer with an output gate, else 0: gradients of the heads' outputs' tangents, and of them. */
  ofTangents: usize;
  ofOutputs: usize;
}

/** x = ∇⟨v, J u⟩; u, v and x in panels. */
export function gradient(w: GradientSpace, u: usize, v: usize, x: usize): void {
  const s = w.primal;
  const l = s.layer;
  const bytes = <usize>(s.panels * l.channels) * ROW;
  const normed = l.queryNorm != 0 || l.keyNorm != 0;
  let gO: usize;
  if (l.gateWidth) {
    project(s, u);
    headTangents(s);
    gO = pullOutput(s, v, w.ofTangents);
    if (gO != w.ofTangents) memory.copy(w.ofTangents, gO, <usize>(s.panels * l.gateWidth) * ROW);
    gO = w.ofTangents;
    pullGateSecond(s, gO, w.channels, w.ofOutputs);
  } else gO = pullOutput(s, v, s.dO);
  if (normed) {
    headGradients(s, gO);
    memory.copy(w.cotangents, s.dqkv, bytes);
  }
  project(s, u, w.normTangents);
  headSeconds(w, gO);
  if (l.gateWidth) {
    headGradients(s, w.ofOutputs);
    addHeadChannels(s, w.channels);
  }
  if (normed) {
    pullShapeSecond(s, w.channels, w.normTangents, w.cotangents);
    multiplyTokens(s, l.dIn, l.channels, l.projectBack, w.channels, x);
  } else pullChannels(s, w.channels, x);
}

/** to += the gradients of queries, keys and values that `headGradients` has left in dqkv. */
function addHeadChannels(s: Primal, to: usize): void {
  const l = s.layer;
  const rows = <usize>gateChannel(l) * ROW, panel = <usize>l.channels * ROW;
  for (let p: usize = 0; p < <usize>s.panels * panel; p += panel) {
    for (let at = p; at < p + rows; at += 16) v128.store(to + at, v128.add<Real>(v128.load(to + at), v128.load(s.dqkv + at)));
  }
}

/** The gradients of queries, keys and values of ⟨gO, dO⟩, to w.channels, from the tangents in dqkv. */
function headSeconds(w: GradientSpace, gO: usize): void {
  const s = w.primal;
  const l = s.layer;
  const channels = l.channels, width = l.heads * l.dValue, d = l.dHead;
  const channelBytes = <usize>channels * ROW, oPanel = <usize>width * ROW;
  const columns = keyColumns(l);
  const keyRows = <usize>(panels(columns) * NR) * WORD, valueRows = <usize>(panels(l.dValue) * NR) * WORD;
  const rows = <usize>(s.strips * MR);
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
    completeQueryRows(s, w.queryTangents, true);
    for (let g = 0; g < s.groups; g++) {
      const p0 = g * s.groupPanels;
      const right = gO + <usize>(p0 * width + h * l.dValue) * ROW;
      const p = probabilitiesOf(s, h, g), bends = bendsOf(s, h, g);
      scoreTangents(s, h, g);
      if (scoresBend(l)) memory.copy(w.raw, s.scores, <usize>(groupEndPanel(s, g) - p0) * groupStride(s, g));
      bendTangents(s, g, bends, s.scores);
      scoreTiles(s, g, l.dValue, valueStripsOf(s, kv), l.dValue, right, oPanel, w.outer);
      scoreTiles(s, g, l.dValue, w.valueTangents, l.dValue, right, oPanel, w.inner);
      softmaxSecond(s, g, p, s.scores, w.outer, w.inner);
      pullBends(s, g, bends, w.raw, w.outer, w.inner);
      const gQ = w.channels + <usize>(p0 * channels + queryChannel(l, h)) * ROW;
      clearGroup(s, g, gQ, d, channelBytes);
      addOverKeys(s, g, d, s.keyChannels, w.inner, gQ, channelBytes);
      addOverKeys(s, g, d, w.keyTangents, w.outer, gQ, channelBytes);
      finishQueryGradients(s, g, gQ);
      addOverQueries(s, g, columns, w.inner, s.queryRows, s.gradientKeys);
      addOverQueries(s, g, columns, w.outer, w.queryTangents, s.gradientKeys);
      addOverQueries(s, g, l.dValue, s.scores, s.gradientRows, s.gradientValues);
    }
    if (h == l.heads - 1 || kv != kvHeadOf(l, h + 1)) {
      finishKeyGradients(s, keyStripsOf(s, kv), s.gradientKeys, keyRows, true);
      tokenPanels(s.n, s.gradientKeys, keyRows, w.channels, channels, keyChannel(l, kv), d);
      tokenPanels(s.n, s.gradientValues, valueRows, w.channels, channels, valueChannel(l, kv), l.dValue);
    }
  }
}
