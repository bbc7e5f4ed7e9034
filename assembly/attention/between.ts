// What comes between the projections and the scores, in place in panels of channels: norms and rotations.
import { ROW } from "../base/simd";
import { shareEnd, shareStart } from "../base/team";
import { rotate } from "./channels";
import { Primal } from "./primal";
import { addNormGradient, normChannels, normTangents, ScoreNorm } from "./scoreNorm";

/** Queries and keys of the projections to those of the scores: this member's share. */
export function shapeChannels(s: Primal): void {
  for (let after = 0; after < 2; after++) {
    if (comes(s.layer.queryNorm, after)) normChannels(s, normAt(s.layer.queryNorm));
    if (comes(s.layer.keyNorm, after)) normChannels(s, normAt(s.layer.keyNorm));
    if (!after) turn(s, s.qkv, false);
  }
}

/** Tangents likewise; those that a norm is handed are copied to `kept`, where it is not 0. */
export function shapeTangents(s: Primal, at: usize, kept: usize = 0): void {
  for (let after = 0; after < 2; after++) {
    shapeTangentsOf(s, s.layer.queryNorm, after, at, kept);
    shapeTangentsOf(s, s.layer.keyNorm, after, at, kept);
    if (!after) turn(s, at, false);
  }
}

function shapeTangentsOf(s: Primal, norm: usize, after: i32, at: usize, kept: usize): void {
  if (!comes(norm, after)) return;
  if (kept) copyChannels(s, normAt(norm), at, kept);
  normTangents(s, normAt(norm), at, false);
}

/** Gradients back from the scores to the projections: this member's share. */
export function pullShape(s: Primal, at: usize): void {
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

function copyChannels(s: Primal, norm: ScoreNorm, from: usize, to: usize): void {
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const offset = <usize>(p * s.layer.channels + norm.first) * ROW;
    memory.copy(to + offset, from + offset, <usize>norm.count * ROW);
  }
}
