// The gradient in the input of ⟨v, J u⟩ with u and v frozen: reverse over forward (MATH 2.3).
import { MR, NR, ROW, WORD } from "../base/simd";
import { channelPanels, channelStrips, tokenPanels, tokenStrips } from "../matrix/packing";
import { keyTangents, project, pullChannels, pullOutput, scoreTangents } from "./jacobian";
import { keyChannel, kvHeadOf, queryChannel, valueChannel } from "./layer";
import { keyStripsOf, packKeys, packQueries, valueStripsOf } from "./operands";
import { panels, Primal } from "./primal";
import { probabilitiesOf } from "./probabilities";
import { completeQueryRows, finishKeyGradients, finishQueryGradients, keyColumns } from "./score";
import { softmaxSecond } from "./softmax";
import { addOverKeys, addOverQueries, clearGroup, scoreTiles } from "./tiles";

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
    completeQueryRows(s, w.queryTangents, true);
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
  pullChannels(s, w.channels, x);
}
