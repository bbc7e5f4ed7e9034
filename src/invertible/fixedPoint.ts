// Banach's fixed-point iteration with its error bounds, watching whether the map contracts as it is said to (MATH 9.5).
import { checkInteger, checkKeys, checkNumber, throwIfAborted } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { type Tensor, tensor } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import { norm as euclidean } from "../linalg/vector.js";

/** Options of `Residual.inverse`. */
export interface FixedPointOptions {
  /** The a-posteriori error asked for, relative to the larger of y and the first step; default 1e-10, in f32 1e-5. */
  tolerance?: number;
  /** Default: as many as the a-priori bound asks for to reach the tolerance, and one more to see it. */
  maxSteps?: number;
  signal?: AbortSignalLike;
  onProgress?: (event: FixedPointProgress) => void;
}

/** What `onProgress` of `Residual.inverse` is told after each step. */
export interface FixedPointProgress {
  readonly type: "step";
  readonly step: number;
  readonly maxSteps: number;
  /** |x_k − x_{k−1}|. */
  readonly change: number;
  /** x_k, not to be changed. */
  readonly x: Float64Array;
}

/**
 * "converged": the a-posteriori bound is within the tolerance; where L was refuted on the way and there is no such
 * bound, the last step is, and `message` says so. "precision-limit": rounding keeps it from that. "step-limit": there
 * was no step left. "diverged": the map is no contraction, and its steps grew, or no longer shrank at the last.
 */
export type FixedPointStatus = "converged" | "precision-limit" | "step-limit" | "diverged";

/** Where the fixed-point iteration of `Residual.inverse` ended, with the errors it can vouch for. */
export interface FixedPoint {
  /** The last iterate. */
  readonly x: Tensor;
  readonly status: FixedPointStatus;
  readonly message: string;
  readonly steps: number;
  /** |x_k − x_{k−1}| of each step k, in the norm asked for. */
  readonly changes: Float64Array;
  /** The largest |x_{k+1} − x_k|/|x_k − x_{k−1}| seen above rounding: above c, L is no Lipschitz constant of F. */
  readonly contraction: number;
  /** c^k/(1 − c)·|x_1 − x_0| ≥ |x_k − x|; Infinity once `contraction` has refuted L. */
  readonly aPriori: number;
  /** c/(1 − c)·|x_k − x_{k−1}| ≥ |x_k − x|, rounding apart; Infinity once `contraction` has refuted L. */
  readonly aPosteriori: number;
}

export interface Contraction {
  c: number;
  norm: 2 | typeof Infinity;
}

/** Steps this many times as long as the first are not on their way to anything. */
const runaway = 1e6;
/** Steps that grow one after the other before the iteration is given up. */
const growing = 20;

/**
 * @param advance from x_k to x_{k+1}, with the relative rounding error of its arithmetic
 */
export async function solveFixedPoint(
  start: Float64Array,
  shape: readonly number[],
  advance: (x: Float64Array) => Promise<{ next: Float64Array; roundoff: number }>,
  { c, norm }: Contraction,
  options: FixedPointOptions,
): Promise<FixedPoint> {
  checkKeys("options", options, ["tolerance", "maxSteps", "signal", "onProgress"]);
  const { signal, onProgress } = options;
  if (options.tolerance !== undefined) checkNumber("tolerance", options.tolerance, 0);
  if (options.maxSteps !== undefined) checkInteger("maxSteps", options.maxSteps, 1);
  throwIfAborted(signal);
  const size = lengthOf(start, norm);
  let wanted = 0;
  const changes: number[] = [];
  let x = start;
  let contraction = 0;
  let maxSteps = options.maxSteps ?? 1;
  let grown = 0;
  for (;;) {
    const { next, roundoff } = await advance(x);
    const change = lengthOf(
      next.map((entry, at) => entry - x[at]),
      norm,
    );
    const previous = changes.at(-1);
    x = next;
    changes.push(change);

    const tolerance = options.tolerance ?? (roundoff > 1e-10 ? 1e-5 : 1e-10);
    // What the rounding of x, of F and of their sum can make of a step.
    const noise = 16 * roundoff * Math.max(size, lengthOf(x, norm));
    if (changes.length === 1) {
      wanted = tolerance * Math.max(size, change);
      maxSteps = options.maxSteps ?? stepsFor(wanted, change, c);
    }
    if (previous !== undefined && previous > noise) contraction = Math.max(contraction, (change - noise) / previous);
    grown = previous !== undefined && change > previous ? grown + 1 : 0;
    onProgress?.({ type: "step", step: changes.length, maxSteps, change, x });
    await turn();
    throwIfAborted(signal);

    const holds = contraction <= c;
    const error = holds ? (c / (1 - c)) * change : Number.POSITIVE_INFINITY;
    const ended = ending();
    if (ended) {
      const [status, message] = ended;
      return {
        x: tensor(x, [...shape]),
        status,
        message,
        steps: changes.length,
        changes: Float64Array.from(changes),
        contraction,
        aPriori: holds ? (c ** changes.length / (1 - c)) * changes[0] : Number.POSITIVE_INFINITY,
        aPosteriori: error,
      };
    }

    function ending(): [FixedPointStatus, string] | undefined {
      const seen = `x moved by ${change.toPrecision(3)} in step ${changes.length}`;
      if (holds && error <= wanted)
        return ["converged", `${seen}; it is within ${error.toPrecision(3)} of the inverse`];
      if (holds && change <= noise) {
        return ["precision-limit", `${seen}, which is rounding; ask for a larger tolerance, or use dtype f64`];
      }
      if (!Number.isFinite(change) || change > runaway * changes[0] || grown >= growing) {
        return ["diverged", `${seen}, ${refuted(contraction, c)}`];
      }
      if (!holds && change <= Math.max(wanted, noise)) {
        return ["converged", `${seen} and g(x) = y to that, but ${refuted(contraction, c)}: other inverses may exist`];
      }
      if (changes.length < maxSteps) return undefined;
      if (holds)
        return ["step-limit", `${seen}, the last; it is within ${error.toPrecision(3)} of the inverse; raise maxSteps`];
      const settles = change < (1 / 2) * changes[changes.length >> 1];
      return [settles ? "step-limit" : "diverged", `${seen}, the last; ${refuted(contraction, c)}`];
    }
  }
}

/** The k at which c^k/(1 − c)·first is below the error wanted, and one more. */
function stepsFor(wanted: number, first: number, c: number): number {
  if (first === 0) return 1;
  return Math.max(1, Math.ceil(Math.log((wanted * (1 - c)) / first) / Math.log(c))) + 1;
}

function refuted(contraction: number, c: number): string {
  return `a step was ${contraction.toPrecision(3)} times the one before, more than c = ${c}: L is no Lipschitz constant of the layer`;
}

function lengthOf(x: Float64Array, norm: number): number {
  return norm === 2 ? euclidean(x) : x.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0);
}
