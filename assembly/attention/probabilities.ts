// The probabilities of a head: kept, or made again whenever they are asked for.
import { ROW } from "../base/simd";
import { kvHeadOf, queryChannel } from "./layer";
import { endStrip, firstStrip, groupEndPanel, groupStride, Primal } from "./primal";
import { keyStripsOf } from "./operands";
import { makeScores, sinkOf } from "./score";
import { softmaxPanel } from "./softmax";

export function probabilitiesOf(s: Primal, head: i32, group: i32): usize {
  if (s.streamed) makeProbabilities(s, head, group);
  return storedProbabilities(s, head, group);
}

export function storedProbabilities(s: Primal, head: i32, group: i32): usize {
  if (s.streamed) return s.probabilities;
  return s.probabilities + <usize>head * s.headBytes + load<u32>(s.groupOffset + (<usize>group << 2));
}

/** Scores, mask and softmax of one group. */
export function makeProbabilities(s: Primal, head: i32, group: i32): void {
  const l = s.layer;
  const kv = kvHeadOf(l, head);
  const p = storedProbabilities(s, head, group);
  const p0 = group * s.groupPanels;
  const queries = s.qkv + <usize>(p0 * l.channels + queryChannel(l, head)) * ROW;
  makeScores(s, head, group, keyStripsOf(s, kv), queries, p, bendsOf(s, head, group));
  const stride = groupStride(s, group);
  for (let panel = p0; panel < groupEndPanel(s, group); panel++) {
    const at = p + <usize>(panel - p0) * stride;
    softmaxPanel(s, panel, sinkOf(l, head), firstStrip(s, group), endStrip(s, group), at);
  }
}

/** The bends of a group's scores, where `probabilitiesOf` has last made them; 0 where scores are not capped. */
export function bendsOf(s: Primal, head: i32, group: i32): usize {
  return s.bends ? s.bends + (storedProbabilities(s, head, group) - s.probabilities) : 0;
}
