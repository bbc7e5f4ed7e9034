// How far one odd token moves all the others: the columns of the Jacobian at X = (a, …, a, b, …, b) that belong to the
// copies of a, moved together (MATH 6.1, 6.3, 6.5).

import { apply, applyTransposed, type Matrix } from "../linalg/matrix.js";
import { addScaled, divided, dot, norm } from "../linalg/vector.js";
import { type Affinity, scoreGap, scoreGradient } from "./affinity.js";
import type { TokenPair } from "./gammaStar.js";

/** f_i = V·Σ_j P_ij x_j; without V the identity. */
export interface ValueMap {
  /** [dOut, d] */
  readonly V?: Matrix;
  /** A right singular vector of its norm, approximately. */
  readonly leading?: Float64Array;
}

/** ‖J δ‖/‖δ‖ for a δ that moves the odd tokens: lower bounds of the norm of J at this input. */
export interface Influence {
  /** Copies of the odd token, which come first. */
  readonly copies: number;
  /** For the best of a few δ, at next to no cost. */
  readonly estimate: number;
  /** The largest over δ, by power iteration. */
  largest(): number;
}

/**
 * Σ over the tokens that listen of p², p²q and p²q²: each moves by p·V(I + q·r·tᵀ)δ, where r = a − b, t the score
 * gradient at b, p the share of attention (√ρ P, where k copies move n − k others, ρ = (n − k)/k) and q = 1 − P.
 */
type Moments = readonly [pp: number, ppq: number, ppqq: number];

/** In unmasked attention over n ≥ 2 tokens; the number of copies is the one of the largest estimate, if not given. */
export function unmaskedInfluence(
  affinity: Affinity,
  value: ValueMap,
  pair: TokenPair,
  n: number,
  copies?: number,
): Influence {
  const form = quadraticForm(affinity, value, pair);
  const moments = (k: number): Moments => {
    const ratio = (n - k) / k;
    const share = shareOfAttention(ratio, form.gap);
    const weight = ratio * share * share;
    return [weight, weight * (1 - share), weight * (1 - share) ** 2];
  };
  let best = { copies: 0, estimate: -1 };
  for (const k of copies === undefined ? numbersOfCopies(n) : [copies]) {
    const estimate = form.estimate(moments(k));
    if (estimate > best.estimate) best = { copies: k, estimate };
  }
  return { ...best, largest: () => form.largest(moments(best.copies)) };
}

/** Of token 1 in causal attention, which sees itself alone and is seen by all. */
export function causalInfluence(affinity: Affinity, value: ValueMap, pair: TokenPair, n: number): Influence {
  const form = quadraticForm(affinity, value, pair);
  const moments: [number, number, number] = [1, 0, 0];
  for (let others = 1; others < n; others++) {
    const share = shareOfAttention(others, form.gap);
    for (let power = 0; power < 3; power++) moments[power] += share ** 2 * (1 - share) ** power;
  }
  return { copies: 1, estimate: form.estimate(moments), largest: () => form.largest(moments) };
}

/** Of the odd tokens together, 1/(1 + ratio·e^(−gap)), where `ratio` is the number of others to each of them. */
export function shareOfAttention(ratio: number, gap: number): number {
  return 1 / (1 + ratio * Math.exp(-gap));
}

/** All of them, or a geometric grid where there are many. */
function numbersOfCopies(n: number): number[] {
  const most = 256;
  if (n - 1 <= most) return Array.from({ length: n - 1 }, (_, i) => i + 1);
  const grid = Array.from({ length: most }, (_, i) => Math.round((n - 1) ** (i / (most - 1))));
  return [...new Set(grid)];
}

/** δ ↦ ‖J δ‖² = s₀|Vδ|² + 2s₁⟨t, δ⟩⟨Vδ, Vr⟩ + s₂⟨t, δ⟩²|Vr|², for moments (s₀, s₁, s₂). */
function quadraticForm(affinity: Affinity, { V, leading }: ValueMap, { odd, other }: TokenPair) {
  const t = scoreGradient(affinity, other);
  const r = odd.map((entry, i) => entry - other[i]);
  const image = (x: Float64Array) => (V ? apply(V, x) : x);
  const pullBack = (x: Float64Array) => (V ? applyTransposed(V, x) : x);
  const Vr = image(r);
  const GVr = pullBack(Vr);
  const rr = dot(Vr, Vr);
  const length = norm(t);
  const directions = [...(length > 0 ? [divided(t, length)] : []), ...(norm(r) > 0 ? [divided(r, norm(r))] : [])];
  if (leading) directions.push(leading);
  // Without V any direction is leading; one across t and r is stretched by the identity alone.
  if (directions.length === 0) directions.push(Float64Array.from(t, (_, i) => (i === 0 ? 1 : 0)));

  const parts = directions.map((x) => {
    const Vx = image(x);
    const tx = dot(t, x);
    return [dot(Vx, Vx), 2 * tx * dot(Vx, Vr), tx * tx * rr] as const;
  });

  const act = ([s0, s1, s2]: Moments, x: Float64Array): Float64Array => {
    const tx = dot(t, x);
    const y = pullBack(image(x)).map((entry) => s0 * entry);
    addScaled(y, s1 * dot(GVr, x) + s2 * tx * rr, t);
    addScaled(y, s1 * tx, GVr);
    return y;
  };

  return {
    gap: scoreGap(t, odd, other),
    estimate: (moments: Moments) => Math.sqrt(Math.max(...parts.map((part) => dot(part, moments)))),
    largest: (moments: Moments) =>
      Math.sqrt(Math.max(...directions.map((x) => largestRayleighQuotient((y) => act(moments, y), x)))),
  };
}

function largestRayleighQuotient(map: (x: Float64Array) => Float64Array, start: Float64Array): number {
  let x = start;
  let quotient = 0;
  for (let round = 0; round < 300; round++) {
    const y = map(x);
    const next = dot(x, y);
    const length = norm(y);
    if (length === 0) return next;
    x = divided(y, length);
    if (next - quotient <= 1e-15 * next) return Math.max(next, quotient);
    quotient = next;
  }
  return quotient;
}
