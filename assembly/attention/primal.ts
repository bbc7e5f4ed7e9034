// A self-attention layer at one input, in the transposed layout: queries are columns.
//
// Scores, probabilities and their derivatives live in panels of NR queries, [key][NR], so that the softmax runs down
// columns without horizontal sums, and one product's result is the next one's operand. A tile is MR keys × NR queries;
// tiles that the mask rules out are neither computed nor stored.
import { MR, NR, ROW } from "../base/simd";
import { memberOf } from "../base/team";
import { Layer } from "./layer";

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
  /** Real [panels·NR]: a token's weight in the tokens' mean, 0 where no query may attend to it. */
  seen: usize;
  groupFirst: usize;
  groupEnd: usize;
  groupOffset: usize;
  /** Bytes of one head's probabilities. Streamed, only one group's are kept, and made again whenever they are asked for. */
  headBytes: usize;
  streamed: i32;
  probabilities: usize;
  /** Where scores are capped, what the slopes of the cap are made of, laid out as the probabilities (modifiers.ts). */
  bends: usize;
  /** What is added to scores: 0 nothing, 1 by distance, 2 by pair; a head's `biasHead` bytes after the last one's. */
  biasKind: i32;
  bias: usize;
  biasHead: usize;
  /** Where queries or keys are normed: what they are before the gain, [panel][(heads + kvHeads)·dHead][NR], and 1/deviation. */
  normed: usize;
  deviations: usize;
  /** The input and the projected channels, in panels. */
  x: usize;
  qkv: usize;
  /** The mean token, [dIn][NR] with equal lanes, and the input less it, in panels that later work may overwrite. */
  mean: usize;
  centred: usize;
  /** Real [channels]: the projection of the mean token; and [2][channels], what is added to channels (centre.ts). */
  offsets: usize;
  moves: usize;
  /** Real [panels·NR]: 1 for a query that attends to some key, else 0. */
  attends: usize;
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
  /** The largest |score| that was attended to: not finite where scores overflow. */
  maxScore: f64;
  /** The largest |score| of those that are the largest of their row. */
  maxRowScore: f64;
  /** What the rounding of the Jacobian follows, as a score: of centred keys, where they matter. */
  sharpness: f64;
}

/** This member's copy. */
export function copyOf(s: Primal): Primal {
  return changetype<Primal>(memberOf(changetype<usize>(s), offsetof<Primal>()));
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

// @ts-ignore: decorator
@inline
export function groupEndPanel(s: Primal, group: i32): i32 {
  return min((group + 1) * s.groupPanels, s.panels);
}
