// Several leading singular values of an operator with their vectors, one after the other: each is the spectral norm of the
// operator with the triplets before it taken out, so that values that coincide are found as often as they are there.
import { checkInteger, checkKeys, checkNumber } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { deriveSeed } from "../base/random.js";
import { type RealArray, sizeOf, type Tensor, tensor } from "../base/tensor.js";
import { type HostVector, hostDevice } from "../device/host.js";
import type { DeviceOperator, LinearOperator } from "../device/operator.js";
import { addScaled, dot, norm } from "../linalg/vector.js";
import { checkOperator } from "./problem.js";
import type { SpectralNormStatus } from "./result.js";
import { spectralNorm } from "./spectralNorm.js";

/** Options of `singularTriplets`. */
export interface SingularTripletsOptions {
  /** Relative accuracy of each value, with 95 % confidence; default 1e-8 in f64, 1e-4 in f32. */
  rtol?: number;
  /** Of each triplet's run; default 300. */
  maxSteps?: number;
  /** As of `spectralNorm`, for one run at a time. */
  basisBudget?: number;
  /** Default 0. */
  seed?: number;
  signal?: AbortSignalLike;
}

/** A singular value of J with its vectors, and how far it can be from the true one. */
export interface SingularTriplet {
  sigma: number;
  /** |sigma/true − 1| is at most this with 95 % confidence, the triplets before it taken for exact. */
  accuracy: number;
  /** The larger of ‖J right − sigma·left‖ and ‖Jᵀ left − sigma·right‖: some singular value of J lies that near. */
  residual: number;
  /** Unit vector of outShape; those of different triplets are orthogonal, to rounding. */
  left: Tensor;
  /** Unit vector of inShape; those of different triplets are orthogonal, to rounding. */
  right: Tensor;
  status: SpectralNormStatus;
}

/** What `singularTriplets` has found. */
export interface SingularTriplets {
  /** The largest first; fewer than asked for where the rest of J is zero. */
  triplets: SingularTriplet[];
  /** Of all runs; one step is one J and one Jᵀ application. */
  steps: number;
  seed: number;
}

/**
 * The k largest singular values of J with their vectors, counted with multiplicity.
 * @throws RangeError for k beyond the smaller side of J
 * @example
 * const { triplets } = await singularTriplets(linearization, 4);
 */
export async function singularTriplets(
  J: LinearOperator,
  k: number,
  options: SingularTripletsOptions = {},
): Promise<SingularTriplets> {
  checkOperator(J);
  checkKeys("options", options, ["rtol", "maxSteps", "basisBudget", "seed", "signal"]);
  checkInteger("k", k, 1, Math.min(sizeOf(J.inShape), sizeOf(J.outShape)));
  const { onDevice } = J;
  const single = onDevice?.operator.device.dtype === "f32";
  const { rtol = single ? 1e-4 : 1e-8, maxSteps = 300, seed = 0, basisBudget, signal } = options;
  checkNumber("rtol", rtol, 0, 1, true);
  checkInteger("seed", seed, 0);
  const release = onDevice?.hold();
  try {
    const held = { inShape: J.inShape, outShape: J.outShape, jvp: J.jvp.bind(J), vjp: J.vjp.bind(J) };
    const size = Math.max(sizeOf(J.inShape), sizeOf(J.outShape));
    const roundoff = Math.max(onDevice?.operator.roundoff ?? 0, 2 ** -48 * Math.sqrt(size));
    const triplets: SingularTriplet[] = [];
    let steps = 0;
    let largest = 0;
    for (let i = 0; i < k; i++) {
      const rest = i === 0 ? { ...held, onDevice } : without(triplets, held, roundoff);
      const asked = {
        rtol,
        maxSteps,
        basisBudget,
        signal,
        seed: deriveSeed(seed, "triplet", i),
        start: "random",
      } as const;
      const found = await spectralNorm(rest, { ...asked, bracket: anyBracket });
      steps += found.steps;
      const { sigma, status } = found;
      // What rounding leaves of the triplets taken out is no singular value.
      if (sigma <= 4 * roundoff * largest || sigma === 0) break;
      const accuracy = found.accuracy + (i === 0 ? 0 : roundoff * (largest / sigma));
      largest = Math.max(largest, sigma);
      const dtype = single ? Float32Array : Float64Array;
      const [left, right] = [found.left, found.right].map(({ data, shape }) => tensor(dtype.from(data), shape));
      const residual = await residualOf(held, sigma, left, right);
      triplets.push({ sigma, accuracy, residual, left, right, status });
    }
    triplets.sort((a, b) => b.sigma - a.sigma);
    return { triplets, steps, seed };
  } finally {
    release?.();
  }
}

/** More than any bracket: no upper end is asked for. */
const anyBracket = 1e9;

/** (I − U Uᵀ) J (I − V Vᵀ) on the host. */
function without(triplets: readonly SingularTriplet[], J: LinearOperator, roundoff: number): LinearOperator {
  const [lefts, rights] = [triplets.map(({ left }) => left.data), triplets.map(({ right }) => right.data)];
  const through = (act: LinearOperator["jvp"], from: RealArray[], to: RealArray[]) => async (x: Tensor) => {
    const { data, shape } = await act(tensor(projected(x.data, from), x.shape));
    return tensor(projected(data, to), shape);
  };
  const [jvp, vjp] = [through(J.jvp, rights, lefts), through(J.vjp, lefts, rights)];
  const onHost = (act: LinearOperator["jvp"]) => async (from: HostVector, to: HostVector) =>
    to.data.set((await act(tensor(from.data, [...from.shape]))).data);
  const operator: DeviceOperator<HostVector> = {
    ...{ device: hostDevice, inShape: J.inShape, outShape: J.outShape, roundoff },
    ...{ jvp: onHost(jvp), vjp: onHost(vjp) },
  };
  return { ...J, jvp, vjp, onDevice: { operator, hold: () => () => undefined } };
}

/** x less its projection on orthonormal vectors, twice. */
function projected(x: RealArray, vectors: readonly RealArray[]): Float64Array {
  const left = Float64Array.from(x);
  for (let pass = 0; pass < 2; pass++) for (const v of vectors) addScaled(left, -dot(v, left), v);
  return left;
}

async function residualOf(J: LinearOperator, sigma: number, left: Tensor, right: Tensor): Promise<number> {
  const apart = (image: Tensor, unit: Tensor) => norm(image.data.map((entry, i) => entry - sigma * unit.data[i]));
  return Math.max(apart(await J.jvp(right), left), apart(await J.vjp(left), right));
}
