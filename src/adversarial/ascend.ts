// The largest sigma that can be found over a set of inputs, by projected gradient ascent (MATH 2.3, 6.7).

import { checkInteger, checkKeys, checkNumber, checkTensor, throwIfAborted, wrongKind } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { deriveSeed, Random } from "../base/random.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import type { Bound } from "../bounds/bound.js";
import type { LinearizableLayer } from "../device/linearization.js";
import { type Climber, type ClimbState, climb, startOf } from "./climb.js";
import { steepestIn2, steepestInInfinity } from "./steepest.js";
import { type TokenSetQuestion, tokenSet } from "./tokenSet.js";

/** Options of `adversarial.ascend`. */
export interface AscendOptions extends TokenSetQuestion {
  /** Linearizations per climb, at least 1. */
  steps: number;
  /** Further climbs from random inputs of the set; default 0. */
  restarts?: number;
  /** Default 0. */
  seed?: number;
  /** Which norm of the Jacobian; default 2. Infinity forms the dense Jacobian at each step. */
  norm?: 2 | typeof Infinity;
  /** Of each sigma, as in `spectralNorm`. */
  rtol?: number;
  /** An upper bound over the same set, to report the gap to. */
  upper?: number | Bound;
  /** The `state` of an earlier call on the same layer with the same settings: goes on to `steps` and `restarts`. */
  resume?: AscentState;
  signal?: AbortSignalLike;
  onProgress?: (event: AscendProgress) => void;
}

/** What `onProgress` of `adversarial.ascend` is told after each step. */
export interface AscendProgress {
  readonly type: "step";
  /** 0 is the climb from x0. */
  readonly climb: number;
  readonly step: number;
  readonly steps: number;
  /** The best lower bound of this climb so far. */
  readonly lower: number;
  /** A copy of the state, to resume from after an abort. */
  state(): AscentState;
}

/** Plain JSON. */
export interface AscentState {
  readonly shape: number[];
  readonly seed: number;
  readonly norm: "2" | "Infinity";
  /** The set, in words. */
  readonly set: string;
  readonly climbs: ClimbState[];
}

/** The least smooth input that `adversarial.ascend` has found, with the lower bound that it shows. */
export interface Ascent {
  /** [n, dIn] in doubles, an input of the set at which the norm of the Jacobian is at least `lower.value`. */
  readonly x: Tensor;
  readonly lower: Bound;
  /** upper/lower, where `upper` was given: at least 1 if that is a bound over this set. */
  readonly gap?: number;
  /** The best lower bound after each linearization, climb by climb; none ever falls. */
  readonly histories: readonly Float64Array[];
  /** Whether each climb has ended because nothing leads up any more, rather than for want of steps. */
  readonly stationary: readonly boolean[];
  readonly state: AscentState;
}

const optionNames = [
  "radius",
  "set",
  "normalization",
  "steps",
  "restarts",
  "seed",
  "norm",
  "rtol",
  "upper",
  "resume",
  "signal",
  "onProgress",
];

/**
 * Searches the set for the input at which the layer is least smooth: x ← project(x + stride·∇sigma/|∇sigma|), where
 * ∇sigma is the gradient of ⟨left, J(x) right⟩ at the singular vectors (MATH 2.3), with a backtracking stride and each
 * spectral norm started from the last right vector. What it finds is a lower bound of the Lipschitz constant over the
 * set, in the arithmetic of the layer's runtime; not necessarily the largest value there is.
 * @param x0 [n, dIn], where the first climb starts; projected onto the set if it lies outside
 * @throws TypeError and RangeError for arguments of a wrong kind or value, and for a `resume` of other settings
 * @example
 * const { x, lower, gap } = await adversarial.ascend(layer, x0, { radius: 2, steps: 100, upper: best });
 */
export async function ascend(layer: LinearizableLayer, x0: TensorLike, options: AscendOptions): Promise<Ascent> {
  const question = check(layer, x0, options);
  const { climber, state, steps, upper } = question;
  for (const [index, climbState] of state.climbs.entries()) {
    await climb(climber, climbState, steps, async () => {
      const { history } = climbState;
      options.onProgress?.({
        type: "step",
        climb: index,
        step: history.length,
        steps,
        lower: history[history.length - 1],
        state: () => structuredCopy(state),
      });
      await turn();
      throwIfAborted(options.signal);
    });
  }
  return resultOf(state, upper, question.source);
}

function check(layer: LinearizableLayer, x0: TensorLike, options: AscendOptions) {
  if (layer === null || typeof layer !== "object" || typeof layer.linearize !== "function") {
    throw wrongKind("layer", "a layer with linearize(x)", layer);
  }
  checkKeys("options", options, optionNames);
  const { shape, data } = checkTensor("x0", x0, [-1, layer.dIn]);
  const set = tokenSet(options, layer.dIn);
  const steps = checkInteger("steps", options.steps, 1);
  const restarts = checkInteger("restarts", options.restarts ?? 0, 0);
  const seed = checkInteger("seed", options.seed ?? 0, 0);
  const { norm = 2, rtol, signal } = options;
  if (norm !== 2 && norm !== Number.POSITIVE_INFINITY) {
    throw typeof norm === "number"
      ? new RangeError(`"norm": expected 2 or Infinity, got ${norm}`)
      : wrongKind("norm", "2 or Infinity", norm);
  }
  if (rtol !== undefined) checkNumber("rtol", rtol, 0, 1);
  const upper = options.upper === undefined ? undefined : checkUpper(options.upper);
  throwIfAborted(signal);

  const header = { shape, seed, norm: norm === 2 ? "2" : "Infinity", set: set.name } as const;
  const resumed = options.resume === undefined ? [] : checkResume(options.resume, header);
  const climbs = Array.from({ length: Math.max(1 + restarts, resumed.length) }, (_, index): ClimbState => {
    if (resumed[index]) return resumed[index];
    const x = Float64Array.from(data);
    const random = new Random(deriveSeed(seed, "climb", index));
    for (let i = 0; i < shape[0]; i++) {
      const token = x.subarray(i * layer.dIn, (i + 1) * layer.dIn);
      if (index === 0) set.project(token);
      else set.draw(token, random);
    }
    return startOf(x);
  });
  const climber: Climber = {
    layer,
    set,
    shape,
    steepest: (at, guess) => (norm === 2 ? steepestIn2(at, { rtol, seed, guess, signal }) : steepestInInfinity(at)),
  };
  return { climber, steps, upper, state: { ...header, climbs }, source: `norm ${norm === 2 ? "2" : "∞"}` };
}

function checkUpper(upper: number | Bound): number {
  return checkNumber("upper", typeof upper === "object" ? upper?.value : upper, 0);
}

function checkResume(resume: AscentState, expected: Omit<AscentState, "climbs">): ClimbState[] {
  checkKeys("resume", resume, ["shape", "seed", "norm", "set", "climbs"]);
  for (const name of ["shape", "seed", "norm", "set"] as const) {
    const [was, is] = [JSON.stringify(resume[name]), JSON.stringify(expected[name])];
    if (was !== is) throw new RangeError(`"resume.${name}": expected ${is}, as in the options, got ${was}`);
  }
  if (!Array.isArray(resume.climbs)) throw wrongKind("resume.climbs", "an array", resume.climbs);
  return structuredCopy(resume).climbs.map((state, index) => {
    const label = `resume.climbs[${index}]`;
    checkKeys(label, state, ["x", "guess", "stride", "history", "stationary"]);
    checkTensor(`${label}.x`, tensor(Float64Array.from(state.x), expected.shape));
    if (state.guess) checkTensor(`${label}.guess`, tensor(Float64Array.from(state.guess), expected.shape));
    checkNumber(`${label}.stride`, state.stride, 0);
    return state;
  });
}

/** Numbers of JSON are doubles, and come back as they were. */
function structuredCopy(state: AscentState): AscentState {
  return JSON.parse(JSON.stringify(state));
}

function resultOf(state: AscentState, upper: number | undefined, source: string): Ascent {
  const last = ({ history }: ClimbState) => history[history.length - 1];
  const best = state.climbs.reduce((best, other) => (last(other) > last(best) ? other : best));
  const value = last(best);
  return {
    x: tensor(Float64Array.from(best.x), [...state.shape]),
    lower: {
      value,
      kind: "lower",
      scope: "ball",
      source: "the Jacobian at x (MATH 6.7)",
      assumptions: [state.set, source],
    },
    ...(upper === undefined ? {} : { gap: upper / value }),
    histories: state.climbs.map(({ history }) => Float64Array.from(history)),
    stationary: state.climbs.map(({ stationary }) => stationary),
    state,
  };
}
