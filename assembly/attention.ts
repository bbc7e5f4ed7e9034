// Self-attention at one input, in the transposed layout: queries are columns.
//
// Scores, probabilities and their derivatives live in panels of NR queries, [key][NR], so that the softmax runs down
// columns without horizontal sums, and one product's result is the next one's operand. A tile is MR keys × NR queries;
// tiles that the mask rules out are neither computed nor stored. The scale is folded into the query weights, but for
// l2 attention (l2.ts), whose queries and keys must be comparable.
import { centre, distanceTiles, markQueries } from "./l2";
import { multiply, stripTile } from "./matrix/gemm";
import { channelPanels, channelStrips, tokenStrips } from "./matrix/packing";
import { MR, NR, ROW, WORD } from "./base/simd";
import { softmaxPanel } from "./softmax";
import { barrier, memberOf, shareEnd, shareStart } from "./base/team";

/** Weights of a layer, packed once. `channels` = heads·dHead + kvHeads·(dHead + dValue): queries, keys, values. */
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
  /** 0: scores are ⟨q, k⟩; L2: they are −scale·|q − k|². */
  kind: i32;
  scale: f64;
}

export const L2: i32 = 1;

/** A mask's tiles: 0 ruled out, 1 partly allowed, 2 wholly allowed. */
export const RULED_OUT: u8 = 0;
export const WHOLE: u8 = 2;

/**
 * A layer at one input of n tokens. Queries are taken in groups of `groupPanels` panels; group g keeps its
 * probabilities for the strips of keys [groupFirst[g], groupEnd[g]), panels one after the other, at groupOffset[g].
 *
 * A team (team.ts) divides products of all tokens by panels, and the rest by groups of heads that share keys. Each of its
 * members has a copy of this structure, one after the other in memory, with a work space of its own for one head.
 */
@unmanaged export class Primal {
  layer: Layer;
  /** Whether there is enough to do for a team, and a copy for each member. */
  shared: i32;
  n: i32;
  panels: i32;
  strips: i32;
  groups: i32;
  groupPanels: i32;
  /** u8 [panels][strips]. */
  tiles: usize;
  /** Real [panels·NR]: query i may attend to keys lo[i] ≤ j < hi[i], and where `allowed` is set, allowed[i·n + j]. */
  lo: usize;
  hi: usize;
  allowed: usize;
  /** cos and sin of the rotated pairs, panels of [pairs][NR] each, or 0. */
  pairs: i32;
  cos: usize;
  sin: usize;
  groupFirst: usize;
  groupEnd: usize;
  groupOffset: usize;
  /** Bytes of one head's probabilities. Streamed, only one group's are kept, and made again whenever they are asked for. */
  headBytes: usize;
  streamed: i32;
  probabilities: usize;
  /** The input and the projected channels, in panels. */
  x: usize;
  qkv: usize;
  /** Heads' outputs before the output map, in panels of heads·dValue rows. */
  o: usize;
  /** [kvHead][strip][tangentRows][MR]: keys by strip in the first dHead rows; the others are the JVP's, for their tangents. */
  keyStrips: usize;
  /** [kvHead][strip][dValue][MR]. */
  valueStrips: usize;
  /** Streamed, both hold one kvHead's alone: 1 + the kvHead whose keys, and whose values, are there (i32 each), or 0. */
  held: usize;
  // Work space of one application.
  /** Of one head: [strip of channels][key][MR], keys padded to whole strips, and [panel of keyColumns][token][NR]. */
  keyChannels: usize;
  valueChannels: usize;
  queryRows: usize;
  dqkv: usize;
  dO: usize;
  dValueChannels: usize;
  queryPanels: usize;
  scores: usize;
  gradientRows: usize;
  gradientKeys: usize;
  gradientValues: usize;
  /** The largest |score| that was attended to. */
  maxScore: f64;
}

/** This member's copy. */
export function copyOf(s: Primal): Primal {
  return changetype<Primal>(memberOf(changetype<usize>(s), offsetof<Primal>()));
}

// @ts-ignore: decorator
@inline
export function strips(count: i32): i32 {
  return (count + MR - 1) / MR;
}

// @ts-ignore: decorator
@inline
export function panels(count: i32): i32 {
  return (count + NR - 1) / NR;
}

// @ts-ignore: decorator
@inline
export function tileAt(s: Primal, panel: i32, strip: i32): u8 {
  return load<u8>(s.tiles + <usize>(panel * s.strips + strip));
}

/** The end of the run of tiles that are not ruled out, from `strip` on. */
export function runEnd(s: Primal, panel: i32, strip: i32, end: i32): i32 {
  while (strip < end && tileAt(s, panel, strip) != RULED_OUT) strip++;
  return strip;
}

// @ts-ignore: decorator
@inline
export function firstStrip(s: Primal, group: i32): i32 {
  return load<i32>(s.groupFirst + (<usize>group << 2));
}

// @ts-ignore: decorator
@inline
export function endStrip(s: Primal, group: i32): i32 {
  return load<i32>(s.groupEnd + (<usize>group << 2));
}

/** Bytes between the panels of a group's probabilities. */
// @ts-ignore: decorator
@inline
export function groupStride(s: Primal, group: i32): usize {
  return <usize>((endStrip(s, group) - firstStrip(s, group)) * MR) * ROW;
}

export function probabilitiesOf(s: Primal, head: i32, group: i32): usize {
  if (s.streamed) makeProbabilities(s, head, group);
  return storedProbabilities(s, head, group);
}

function storedProbabilities(s: Primal, head: i32, group: i32): usize {
  if (s.streamed) return s.probabilities;
  return s.probabilities + <usize>head * s.headBytes + load<u32>(s.groupOffset + (<usize>group << 2));
}

// @ts-ignore: decorator
@inline
export function groupEndPanel(s: Primal, group: i32): i32 {
  return min((group + 1) * s.groupPanels, s.panels);
}

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
// @ts-ignore: decorator
@inline
export function kvHeadOf(l: Layer, head: i32): i32 {
  return (head * l.kvHeads) / l.heads;
}

/** Inner length of the JVP's score product: keys, their tangents, and for l2 a row of ⟨k, dk⟩. */
// @ts-ignore: decorator
@inline
export function tangentRows(l: Layer): i32 {
  return l.kind == L2 ? 2 * l.dHead + 1 : 2 * l.dHead;
}

/** Columns of a product over queries that makes a gradient of keys: for l2 two more, for sums over queries. */
// @ts-ignore: decorator
@inline
export function keyColumns(l: Layer): i32 {
  return l.kind == L2 ? l.dHead + 2 : l.dHead;
}

/** Adds bias[row] to every token of panels of `rows` rows. */
export function addBias(tokenPanels: i32, rows: i32, at: usize, bias: usize): void {
  for (let p = 0; p < tokenPanels; p++) {
    for (let r = 0; r < rows; r++) {
      const b = v128.load_splat<Real>(bias + <usize>r * WORD);
      v128.store(at, v128.add<Real>(v128.load(at), b));
      v128.store(at, v128.add<Real>(v128.load(at, 16), b), 16);
      at += ROW;
    }
  }
}

/** Rotates the pairs (c, c + pairs) of `count` heads from channel `first` on, backwards for the adjoint (MATH 1, 3). */
export function rotate(s: Primal, at: usize, first: i32, count: i32, backwards: bool): void {
  const l = s.layer;
  const span = <usize>s.pairs * ROW;
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const cos = s.cos + <usize>p * span;
    const sin = s.sin + <usize>p * span;
    for (let h = 0; h < count; h++) {
      let a = at + <usize>(p * l.channels + first + h * l.dHead) * ROW;
      for (let offset: usize = 0; offset < span; offset += 16) {
        const c = v128.load(cos + offset);
        let w = v128.load(sin + offset);
        if (backwards) w = v128.neg<Real>(w);
        const x = v128.load(a);
        const y = v128.load(a + span);
        v128.store(a, v128.sub<Real>(v128.mul<Real>(x, c), v128.mul<Real>(y, w)));
        v128.store(a + span, v128.add<Real>(v128.mul<Real>(x, w), v128.mul<Real>(y, c)));
        a += 16;
      }
    }
  }
}

/**
 * The score products of a group over k channels: dst[panel][key][NR] = strips·right, over the tiles that the mask
 * leaves. Strips are `leftRows` ≥ k steps long.
 */
export function scoreTiles(
  s: Primal, group: i32, k: i32, left: usize, leftRows: i32, right: usize, rightPanel: usize, dst: usize,
): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const p0 = group * s.groupPanels, p1 = groupEndPanel(s, group);
  const stride = groupStride(s, group);
  for (let strip = s0; strip < s1; strip++) {
    const a = left + <usize>(strip * leftRows * MR) * WORD;
    const row = <usize>((strip - s0) * MR) * ROW;
    for (let p = p0; p < p1; p++) {
      if (tileAt(s, p, strip) == RULED_OUT) continue;
      const at = <usize>(p - p0);
      stripTile(k, a, right + at * rightPanel, dst + at * stride + row, ROW, false);
    }
  }
}

/** Strips of keys whose values share the second-level cache. */
const KEY_STRIPS: i32 = 64;

/** dst[panel][channel][NR] += channel strips · src[panel][key][NR], summed over the keys that the mask leaves. */
export function addOverKeys(
  s: Primal, group: i32, channels: i32, left: usize, src: usize, dst: usize, dstPanel: usize,
): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const p0 = group * s.groupPanels, p1 = groupEndPanel(s, group);
  const stride = groupStride(s, group);
  const keys = s.strips * MR;
  for (let first = s0; first < s1; first += KEY_STRIPS) {
    const last = min(s1, first + KEY_STRIPS);
    for (let p = p0; p < p1; p++) {
      const from = src + <usize>(p - p0) * stride;
      const to = dst + <usize>(p - p0) * dstPanel;
      let strip = first;
      while (true) {
        while (strip < last && tileAt(s, p, strip) == RULED_OUT) strip++;
        if (strip == last) break;
        const end = runEnd(s, p, strip, last);
        const a = left + <usize>(strip * MR * MR) * WORD;
        addRun(channels, (end - strip) * MR, a, keys, from + <usize>((strip - s0) * MR) * ROW, to);
        strip = end;
      }
    }
  }
}

/** Zeroes `rows` rows of the panels of a group. */
export function clearGroup(s: Primal, group: i32, at: usize, rows: i32, panelBytes: usize): void {
  for (let p = group * s.groupPanels; p < groupEndPanel(s, group); p++) {
    memory.fill(at, 0, <usize>rows * ROW);
    at += panelBytes;
  }
}

/** One panel of C += A·B where A's strips are `keys` steps long and only `count` steps of them are used. */
function addRun(m: i32, count: i32, a: usize, keys: i32, b: usize, c: usize): void {
  const stripBytes = <usize>(keys * MR) * WORD;
  let row = 0;
  for (; row + MR <= m; row += MR) {
    stripTile(count, a, b, c, ROW, true);
    a += stripBytes;
    c += <usize>MR * ROW;
  }
  if (row < m) multiply(m - row, NR, count, a, b, 0, c, ROW, 0, true);
}

/** Scores, mask and softmax of one group; returns the largest |score| that was attended to. */
function makeProbabilities(s: Primal, head: i32, group: i32): f64 {
  const l = s.layer;
  const kv = kvHeadOf(l, head);
  const p = storedProbabilities(s, head, group);
  const p0 = group * s.groupPanels;
  const queries = s.qkv + <usize>(p0 * l.channels + queryChannel(l, head)) * ROW;
  if (l.kind == L2) distanceTiles(s, group, keyStripsOf(s, kv), queries, p);
  else scoreTiles(s, group, l.dHead, keyStripsOf(s, kv), tangentRows(l), queries, <usize>l.channels * ROW, p);
  const stride = groupStride(s, group);
  let largest: f64 = 0;
  for (let panel = p0; panel < groupEndPanel(s, group); panel++) {
    const at = p + <usize>(panel - p0) * stride;
    largest = max(largest, softmaxPanel(s, panel, firstStrip(s, group), endStrip(s, group), at));
  }
  return largest;
}

/** Everything that the derivatives reuse, and the output, in panels, at y (MATH 1). */
export function attend(s: Primal, y: usize): void {
  const l = s.layer;
  const channels = l.channels, width = l.heads * l.dValue;
  multiplyTokens(s, channels, l.dIn, l.project, s.x, s.qkv);
  addBiasToTokens(s, channels, s.qkv, l.bias);
  if (s.cos) rotate(s, s.qkv, 0, l.heads + l.kvHeads, false);
  barrier();
  if (l.kind == L2) centre(s);

  if (!s.streamed) {
    for (let kv = shareStart(l.kvHeads), end = shareEnd(l.kvHeads); kv < end; kv++) {
      makeKeyStrips(s, kv, keyStripsOf(s, kv));
      makeValueStrips(s, kv, valueStripsOf(s, kv));
    }
  }

  let maxScore: f64 = 0;
  for (let h = firstHead(l), end = endHead(l); h < end; h++) {
    const kv = kvHeadOf(l, h);
    if (h == 0 || kv != kvHeadOf(l, h - 1)) packValues(s, kv);
    for (let g = 0; g < s.groups; g++) {
      maxScore = max(maxScore, makeProbabilities(s, h, g));
      const p0 = g * s.groupPanels;
      const p = storedProbabilities(s, h, g);
      const o = s.o + <usize>(p0 * width + h * l.dValue) * ROW;
      clearGroup(s, g, o, l.dValue, <usize>width * ROW);
      addOverKeys(s, g, l.dValue, s.valueChannels, p, o, <usize>width * ROW);
    }
  }
  s.maxScore = maxScore;
  barrier();
  applyOutput(s, s.o, y);
  if (l.outputBias) addBiasToTokens(s, l.dOut, y, l.outputBias);
}

/** This member's share of C = A·B with B, of k rows, and C, of m rows, token matrices in panels. */
export function multiplyTokens(s: Primal, m: i32, k: i32, a: usize, b: usize, c: usize): void {
  const p = shareStart(s.panels);
  const from = <usize>k * ROW, to = <usize>m * ROW;
  multiply(m, (shareEnd(s.panels) - p) * NR, k, a, b + <usize>p * from, from, c + <usize>p * to, ROW, to, false);
}

function addBiasToTokens(s: Primal, rows: i32, at: usize, bias: usize): void {
  const p = shareStart(s.panels);
  addBias(shareEnd(s.panels) - p, rows, at + <usize>(p * rows) * ROW, bias);
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

/** y = o·W_O in panels, or o itself without an output map. */
export function applyOutput(s: Primal, o: usize, y: usize): void {
  const l = s.layer;
  const width = l.heads * l.dValue;
  if (l.output) multiplyTokens(s, l.dOut, width, l.output, o, y);
  else {
    const at = <usize>(shareStart(s.panels) * width) * ROW;
    memory.copy(y + at, o + at, <usize>(shareEnd(s.panels) * width) * ROW - at);
  }
}

export function keyStripsOf(s: Primal, kv: i32): usize {
  if (s.streamed) {
    if (load<i32>(s.held) != kv + 1) makeKeyStrips(s, kv, s.keyStrips);
    store<i32>(s.held, kv + 1);
    return s.keyStrips;
  }
  return s.keyStrips + <usize>(kv * s.strips * MR * tangentRows(s.layer)) * WORD;
}

export function valueStripsOf(s: Primal, kv: i32): usize {
  if (s.streamed) {
    if (load<i32>(s.held, 4) != kv + 1) makeValueStrips(s, kv, s.valueStrips);
    store<i32>(s.held, kv + 1, 4);
    return s.valueStrips;
  }
  return s.valueStrips + <usize>(kv * s.strips * MR * s.layer.dValue) * WORD;
}

function makeKeyStrips(s: Primal, kv: i32, to: usize): void {
  const l = s.layer;
  tokenStrips(s.n, s.qkv, l.channels, keyChannel(l, kv), l.dHead, to, tangentRows(l));
}

function makeValueStrips(s: Primal, kv: i32, to: usize): void {
  const l = s.layer;
  tokenStrips(s.n, s.qkv, l.channels, valueChannel(l, kv), l.dValue, to, l.dValue);
}

/** One head's keys, values and queries as the products over keys and over queries read them, in work space. */
export function packKeys(s: Primal, kv: i32): void {
  const l = s.layer;
  channelStrips(s.n, s.qkv, l.channels, keyChannel(l, kv), l.dHead, s.keyChannels);
}

export function packValues(s: Primal, kv: i32): void {
  const l = s.layer;
  channelStrips(s.n, s.qkv, l.channels, valueChannel(l, kv), l.dValue, s.valueChannels);
}

export function packQueries(s: Primal, head: i32): void {
  const l = s.layer;
  channelPanels(s.n, s.qkv, l.channels, queryChannel(l, head), l.dHead, s.queryRows, keyColumns(l));
  if (l.kind == L2) markQueries(s, s.queryRows, l.dHead);
}
