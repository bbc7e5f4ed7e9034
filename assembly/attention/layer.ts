// The weights of a self-attention layer, packed once, and where its heads have their channels.
import { shareEnd, shareStart } from "../base/team";

/**
 * Weights of a layer, packed once. `channels` = heads·dHead + kvHeads·(dHead + dValue) + gateWidth: queries, keys, values,
 * and an output gate.
 */
@unmanaged export class Layer {
  dIn: i32;
  dOut: i32;
  heads: i32;
  kvHeads: i32;
  dHead: i32;
  dValue: i32;
  channels: i32;
  /** Strips of Wᵀ [channels × dIn] and of W [dIn × channels], with the bias of the channels. */
  project: usize;
  bias: usize;
  projectBack: usize;
  /** Strips of W_Oᵀ [dOut × heads·dValue] and of W_O, with its bias; all 0 without an output map. */
  output: usize;
  outputBias: usize;
  outputBack: usize;
  /** 0: scores are scale·⟨q, k⟩; L2: they are −scale·|q − k|². */
  kind: i32;
  scale: f64;
  /** Scores are capped at ± this; 0 for no cap. */
  cap: f64;
  /** Real [heads]: a logit that joins each softmax with value 0, or 0 for none. */
  sinks: usize;
  /** The norms of queries and of keys (ScoreNorm), or 0. */
  queryNorm: usize;
  keyNorm: usize;
  /** heads·dValue, or 0 without an output gate. */
  gateWidth: i32;
}

/** A layer's `kind` where its scores are distances. */
export const L2: i32 = 1;

/** First channel of a head's queries, a group's keys and a group's values. */
// @ts-ignore: decorator
@inline
export function queryChannel(l: Layer, head: i32): i32 {
  return head * l.dHead;
}
// @ts-ignore: decorator
@inline
export function keyChannel(l: Layer, kv: i32): i32 {
  return (l.heads + kv) * l.dHead;
}
// @ts-ignore: decorator
@inline
export function valueChannel(l: Layer, kv: i32): i32 {
  return (l.heads + l.kvHeads) * l.dHead + kv * l.dValue;
}
/** First channel of the output gate. */
// @ts-ignore: decorator
@inline
export function gateChannel(l: Layer): i32 {
  return valueChannel(l, l.kvHeads);
}
// @ts-ignore: decorator
@inline
export function kvHeadOf(l: Layer, head: i32): i32 {
  return (head * l.kvHeads) / l.heads;
}

/** This member's heads: those of its share of the groups that have keys and values in common. */
export function firstHead(l: Layer): i32 {
  return firstHeadOf(l, shareStart(l.kvHeads));
}

export function endHead(l: Layer): i32 {
  return firstHeadOf(l, shareEnd(l.kvHeads));
}

/** The least h with kvHeadOf(l, h) ≥ kv. */
function firstHeadOf(l: Layer, kv: i32): i32 {
  return (kv * l.heads + l.kvHeads - 1) / l.kvHeads;
}
