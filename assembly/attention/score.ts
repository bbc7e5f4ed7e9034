// What happens between queries, keys and probabilities, forward and in every derivative: inner products or distances, a
// soft cap, a bias, a sink. This is the one place that asks for them; a question is put once for a group of queries or a
// head, never for an entry.
import { WORD } from "../base/simd";
import { Layer, L2 } from "./layer";
import {
  distanceTiles, finishKeyGradients as finishKeys, finishQueryGradients as finishQueries, keyProducts,
  markQueries, queryTangents,
} from "./distance";
import { innerTiles, pairQueries } from "./dot";
import { addScoreBias, capScores, pullSlopes, scaleBySlope } from "./modifiers";
import { Primal } from "./primal";

/** Inner length of the product that makes tangents of scores: keys, their tangents, and for distances a row of ⟨k, dk⟩. */
// @ts-ignore: decorator
@inline
export function tangentRows(l: Layer): i32 {
  return l.kind == L2 ? 2 * l.dHead + 1 : 2 * l.dHead;
}

/** Columns of a product over queries that makes a gradient of keys: for distances two more, for sums over queries. */
// @ts-ignore: decorator
@inline
export function keyColumns(l: Layer): i32 {
  return l.kind == L2 ? l.dHead + 2 : l.dHead;
}

/**
 * Whether one row vector may be subtracted from all values: what probabilities and their derivatives are multiplied
 * with sums to a constant over keys.
 */
// @ts-ignore: decorator
@inline
export function valuesMayShift(l: Layer): bool {
  return !l.sinks;
}

/**
 * Whether one row vector may be subtracted from all keys: it adds a constant to a row of scores, which the softmax drops
 * where neither a sink nor a cap can tell.
 */
// @ts-ignore: decorator
@inline
export function keysMayShift(l: Layer): bool {
  return !l.sinks && l.cap == 0;
}

/** What queries are multiplied with before they meet keys. */
export function queryFactor(l: Layer): f64 {
  return l.kind == L2 ? 1 : l.scale;
}

/** Whether queries must be moved as keys are: scores are functions of their difference. */
// @ts-ignore: decorator
@inline
export function queriesFollowKeys(l: Layer): bool {
  return l.kind == L2;
}

/**
 * What the rounding of scores and of their derivatives follows, in units of a score: `row` is the largest |score| among the
 * largest of each row, the others are the largest lengths of queries and keys. Inner products of long vectors may cancel,
 * to what random signs leave of them; a distance only matters where its score is near a row's largest.
 */
export function sharpness(l: Layer, row: f64, query: f64, key: f64): f64 {
  const spread = 1 / Math.sqrt(<f64>l.dHead);
  const reach = l.kind == L2 ? 2 * Math.sqrt(Math.abs(l.scale) * (row + NEAR)) * Math.sqrt(Math.abs(l.scale)) * max(query, key) : query * key;
  return max(row, spread * reach);
}

/** Scores that far below a row's largest have probabilities that matter. */
const NEAR: f64 = 50;

/** The scores of a group, dst[panel][key][NR], from strips of keys and the panels of a head's queries, and their bends. */
export function makeScores(
  s: Primal, head: i32, group: i32, keys: usize, queries: usize, dst: usize, bends: usize,
): void {
  const l = s.layer;
  if (l.kind == L2) distanceTiles(s, group, keys, tangentRows(l), queries, dst);
  else innerTiles(s, group, keys, tangentRows(l), queries, dst);
  if (l.cap > 0) capScores(s, group, dst, bends);
  if (s.biasKind) addScoreBias(s, head, group, dst);
}

/** The logit that joins a head's softmaxes with value 0, or −∞ for none. */
// @ts-ignore: decorator
@inline
export function sinkOf(l: Layer, head: i32): Real {
  return l.sinks ? load<Real>(l.sinks + <usize>head * WORD) : (-Infinity as Real);
}

/** Tangents of raw scores to those of what the softmax is handed, in place, or gradients back: the same factors. */
export function bendTangents(s: Primal, group: i32, bends: usize, e: usize): void {
  if (s.layer.cap > 0) scaleBySlope(s, group, bends, e);
}

/** Whether the second derivative of scores needs the tangents of raw scores. */
// @ts-ignore: decorator
@inline
export function scoresBend(l: Layer): bool {
  return l.cap > 0;
}

/** Gradients of ⟨v, J u⟩ with respect to scores and to their tangents, `outer`, back to raw ones, in place. */
export function pullBends(s: Primal, group: i32, bends: usize, tangents: usize, outer: usize, scores: usize): void {
  if (s.layer.cap > 0) pullSlopes(s, group, bends, tangents, outer, scores);
}

/** What a product with tangents of scores reads beside keys and their tangents, in strips of `tangentRows`. */
export function completeKeyTangents(s: Primal, keys: usize): void {
  if (s.layer.kind == L2) keyProducts(s, keys, tangentRows(s.layer));
}

/** One panel that meets strips of `tangentRows`, from one of a head's query tangents and one of its queries. */
export function pairQueryTangents(l: Layer, dq: usize, q: usize, to: usize): void {
  if (l.kind == L2) queryTangents(l, dq, q, to);
  else pairQueries(l, dq, q, to);
}

/** What rows of queries, or with `tangents` of their tangents, have in the columns past the dHead of their own. */
export function completeQueryRows(s: Primal, rows: usize, tangents: bool): void {
  if (s.layer.kind == L2) markQueries(s, rows, s.layer.dHead + (tangents ? 1 : 0));
}

/** The gradient of a group's queries from Σ over keys of score gradients times keys, in place. */
export function finishQueryGradients(s: Primal, group: i32, gQ: usize): void {
  if (s.layer.kind == L2) finishQueries(s, group, gQ);
}

/** The gradient of keys from Σ over queries of score gradients times query rows, in place; rows are `rowBytes` long. */
export function finishKeyGradients(s: Primal, keys: usize, gK: usize, rowBytes: usize, tangents: bool): void {
  if (s.layer.kind == L2) finishKeys(s, keys, tangentRows(s.layer), gK, rowBytes, tangents);
}
