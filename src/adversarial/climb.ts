// One climb: projected gradient ascent with a backtracking stride, from one starting point.

import { type Tensor, tensor } from "../base/tensor.js";
import type { LinearizableLayer, Linearization } from "../device/linearization.js";
import { gradient } from "../jacobian/gradient.js";
import { norm } from "../linalg/vector.js";
import type { Steepest } from "./steepest.js";
import type { TokenSet } from "./tokenSet.js";

/** Where a climb stands: plain data, from which it goes on exactly as if it had not been interrupted. */
export interface ClimbState {
  /** [n·dIn], the best input so far. */
  x: number[];
  /** The right vector that the solver was given as a guess at x; null at the start. */
  guess: number[] | null;
  /** Length of the next step, relative to the tokens. */
  stride: number;
  /** The best lower bound after each linearization; never falls. */
  history: number[];
  /** No step of any length that counts leads up any more. */
  stationary: boolean;
}

export interface Climber {
  layer: LinearizableLayer;
  set: TokenSet;
  shape: number[];
  steepest(at: Linearization, guess: Tensor | undefined): Promise<Steepest>;
}

const firstStride = 0.1;
const longestStride = 10;
const shortestStride = 1e-9;
/** The share of the increase that the gradient promises which a step must bring (Armijo). */
const enough = 1e-4;

export function startOf(x: Float64Array): ClimbState {
  return { x: Array.from(x), guess: null, stride: firstStride, history: [], stationary: false };
}

/**
 * Linearizes once a step until the history has `steps` entries or nothing leads up: a candidate
 * project(x + stride·g/|g|) becomes x if its lower bound has risen enough; the stride then doubles, else it is quartered.
 */
export async function climb(
  { layer, set, shape, steepest }: Climber,
  state: ClimbState,
  steps: number,
  afterStep: () => Promise<void>,
): Promise<void> {
  if (state.stationary || state.history.length >= steps) return;
  const evaluate = async (x: Float64Array, guess: Tensor | undefined) => {
    const at = await layer.linearize(tensor(x, shape));
    try {
      return { at, peak: await steepest(at, guess) };
    } catch (error) {
      at.dispose();
      throw error;
    }
  };
  let x: Float64Array = Float64Array.from(state.x);
  let here = await evaluate(x, state.guess ? tensor(Float64Array.from(state.guess), shape) : undefined);
  try {
    if (state.history.length === 0) {
      state.history.push(here.peak.lower);
      await afterStep();
    }
    let gradient = await gradientOf(here);
    while (!state.stationary && state.history.length < steps) {
      const candidate = step(x, gradient, state.stride * set.scale * Math.sqrt(shape[0]), set, shape);
      const there = candidate && (await evaluate(candidate, here.peak.right));
      if (there && rises(here.peak, there.peak, gradient, x, candidate)) {
        here.at.dispose();
        state.x = Array.from(candidate);
        state.guess = Array.from(here.peak.right.data);
        state.stride = Math.min(longestStride, 2 * state.stride);
        [x, here] = [candidate, there];
        gradient = await gradientOf(here);
      } else {
        there?.at.dispose();
        state.stride /= 4;
      }
      state.stationary = candidate === undefined || state.stride < shortestStride;
      state.history.push(here.peak.lower);
      await afterStep();
    }
  } finally {
    here.at.dispose();
  }
}

async function gradientOf({ at, peak }: { at: Linearization; peak: Steepest }): Promise<Float64Array> {
  return Float64Array.from((await gradient(at, peak.right, peak.left)).data);
}

/** undefined where the gradient vanishes, or points out of the set. */
function step(
  x: Float64Array,
  gradient: Float64Array,
  length: number,
  set: TokenSet,
  [n, dIn]: readonly number[],
): Float64Array | undefined {
  const slope = norm(gradient);
  if (slope === 0) return undefined;
  const candidate = x.map((entry, at) => entry + (length / slope) * gradient[at]);
  for (let i = 0; i < n; i++) set.project(candidate.subarray(i * dIn, (i + 1) * dIn));
  return candidate.some((entry, at) => entry !== x[at]) ? candidate : undefined;
}

function rises(here: Steepest, there: Steepest, gradient: Float64Array, x: Float64Array, next: Float64Array): boolean {
  let promised = 0;
  for (let at = 0; at < x.length; at++) promised += gradient[at] * (next[at] - x[at]);
  return there.lower > here.lower && there.lower - here.lower >= enough * promised;
}
