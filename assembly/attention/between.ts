// What comes between the projections and the scores, in place in panels of channels: norms, rotations, and the scale of
// inner products, which queries carry. The weights are held as they were given, so that a copy in f64 is of the same layer.
import { ROW, splat } from "../base/simd";
import { shareEnd, shareStart } from "../base/team";
import { rotate } from "./channels";
import { Primal } from "./primal";
import { queryFactor } from "./score";
import { addNormGradient, normChannels, normTangents, ScoreNorm } from "./scoreNorm";

/** Queries and keys of the projections to those of the scores: this member's share. */
export function shapeChannels(s: Primal): void {
  for (let after = 0; after < 2; after++) {
    if (comes(s.layer.queryNorm, after)) normChannels(s, normAt(s.layer.queryNorm));
    if (comes(s.layer.keyNorm, after)) normChannels(s, normAt(s.layer.keyNorm));
    if (!after) turn(s, s.qkv, false);
  }
  scaleQueries(s, s.qkv);
}

/** Tangents likewise; those that a norm is handed are copied to `kept`, where it is not 0. */
export function shapeTangents(s: Primal, at: usize, kept: usize = 0): void {
  for (let after = 0; after < 2; after++) {
    shapeTangentsOf(s, s.layer.queryNorm, after, at, kept);
    shapeTangentsOf(s, s.layer.keyNorm, after, at, kept);
    if (!after) turn(s, at, false);
  }
  scaleQueries(s, at);
}

function shapeTangentsOf(s: Primal, norm: usize, after: i32, at: usize, kept: usize): void {
  if (!comes(norm, after)) return;
  if (kept) copyChannels(s, normAt(norm), at, kept);
  normTangents(s, normAt(norm), at, false);
}

/** Gradients back from the scores to the projections: this member's share. */
export function pullShape(s: Primal, at: usize): void {
  scaleQueries(s, at);
  for (let after = 1; after >= 0; after--) {
    if (!after) turn(s, at, true);
    if (comes(s.layer.queryNorm, after)) normTangents(s, normAt(s.layer.queryNorm), at, true);
    if (comes(s.layer.keyNorm, after)) normTangents(s, normAt(s.layer.keyNorm), at, true);
  }
}

/**
 * As `pullShape`, for gradients of ⟨v, J u⟩: norms add their own second derivative, from the tangents that they were
 * handed and the gradients, `cotangents`, that Jᵀv has behind them.
 */
export function pullShapeSecond(s: Primal, at: usize, tangents: usize, cotangents: usize): void {
  scaleQueries(s, at);
  scaleQueries(s, cotangents);
  for (let after = 1; after >= 0; after--) {
    if (!after) {
      turn(s, at, true);
      turn(s, cotangents, true);
    }
    pullSecondOf(s, s.layer.queryNorm, after, at, tangents, cotangents);
    pullSecondOf(s, s.layer.keyNorm, after, at, tangents, cotangents);
  }
}

function pullSecondOf(s: Primal, norm: usize, after: i32, at: usize, tangents: usize, cotangents: usize): void {
  if (!comes(norm, after)) return;
  normTangents(s, normAt(norm), at, true);
  addNormGradient(s, normAt(norm), tangents, cotangents, at);
}

// @ts-ignore: decorator
@inline
function comes(norm: usize, after: i32): bool {
  return norm != 0 && normAt(norm).after == after;
}

// @ts-ignore: decorator
@inline
function normAt(norm: usize): ScoreNorm {
  return changetype<ScoreNorm>(norm);
}

// @ts-ignore: decorator
@inline
function turn(s: Primal, at: usize, backwards: bool): void {
  if (s.cos) rotate(s, at, 0, s.layer.heads + s.layer.kvHeads, backwards);
}

/** Multiplies queries, their tangents or their gradients by the scale of inner products. */
function scaleQueries(s: Primal, at: usize): void {
  const l = s.layer;
  const factor = queryFactor(l);
  if (factor == 1) return;
  const times = splat(<Real>factor);
  const panel = <usize>l.channels * ROW, queries = <usize>(l.heads * l.dHead) * ROW;
  for (let p = <usize>shareStart(s.panels) * panel, end = <usize>shareEnd(s.panels) * panel; p < end; p += panel) {
    for (let row = at + p; row < at + p + queries; row += 16) v128.store(row, v128.mul<Real>(times, v128.load(row)));
  }
}

function copyChannels(s: Primal, norm: ScoreNorm, from: usize, to: usize): void {
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const offset = <usize>(p * s.layer.channels + norm.first) * ROW;
    memory.copy(to + offset, from + offset, <usize>norm.count * ROW);
  }
}
