// The largest modulus of an eigenvalue, by Arnoldi's method (docs/theory.md, section 15.6).
import { checkInteger, checkKeys, checkNumber, throwIfAborted, wrongValue } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { Random } from "../base/random.js";
import { sizeOf, tensor } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import { type Complex, eigenvalues } from "../linalg/realEigen.js";
import { addScaled, divided, dot, norm } from "../linalg/vector.js";
import { checkOperator } from "./problem.js";

/** Options of `spectralRadius`. */
export interface SpectralRadiusOptions {
  /** Relative change of the radius below which it has settled; default 1e-6 in f64, 1e-4 in f32. */
  rtol?: number;
  /** Applications of J, each of which keeps a vector; default 200. */
  maxSteps?: number;
  /** Default 0. */
  seed?: number;
  signal?: AbortSignalLike;
}

/** The largest modulus of an eigenvalue of J, as far as `spectralRadius` has found it. */
export interface SpectralRadius {
  /** ρ(J), the largest modulus of an eigenvalue. */
  value: number;
  /** An eigenvalue of that modulus, as the basis sees it. */
  eigenvalue: Complex;
  status: "converged" | "exact" | "step-limit";
  message: string;
  /** Applications of J. */
  steps: number;
  seed: number;
}

/** Steps in a row over which the radius must not move. */
const STILL = 5;

/**
 * ρ(J) of a square operator: near a fixed point x = f(x), iterating f settles if ρ of its Jacobian there is below 1, for
 * which ‖J‖₂ < 1 is sufficient and not necessary. An estimate: eigenvalues of a matrix that is far from normal answer to
 * rounding, and no bracket is known; `spectralNorm` is an upper bound.
 * @throws RangeError where inShape and outShape differ
 * @example
 * const { value } = await spectralRadius(linearization);
 */
export async function spectralRadius(J: LinearOperator, options: SpectralRadiusOptions = {}): Promise<SpectralRadius> {
  checkOperator(J);
  checkKeys("options", options, ["rtol", "maxSteps", "seed", "signal"]);
  const { inShape, outShape } = J;
  if (inShape.join() !== outShape.join()) {
    throw wrongValue("J", `an operator of equal shapes, to have eigenvalues, such as [${inShape}]`, `[${outShape}]`);
  }
  const size = sizeOf(inShape);
  const single = J.onDevice?.operator.device.dtype === "f32";
  const rtol = checkNumber("rtol", options.rtol ?? (single ? 1e-4 : 1e-6), 0, 1, true);
  const most = Math.min(size, checkInteger("maxSteps", options.maxSteps ?? 200, 1));
  const seed = checkInteger("seed", options.seed ?? 0, 0);
  const start = new Random(seed).fillGaussian(new Float64Array(size));
  const basis = [divided(start, norm(start))];
  const columns: number[][] = [];
  let before = Number.NaN;
  let still = 0;
  for (let steps = 1; ; steps++) {
    throwIfAborted(options.signal);
    const w = Float64Array.from((await J.jvp(tensor(basis[steps - 1].slice(), [...inShape]))).data);
    const length = norm(w);
    const column = basis.map(() => 0);
    for (let pass = 0; pass < 2; pass++) {
      for (const [i, v] of basis.entries()) {
        const h = dot(v, w);
        column[i] += h;
        addScaled(w, -h, v);
      }
    }
    const next = norm(w);
    const closed = next <= length * (single ? 1e-6 : 1e-14) * Math.sqrt(steps) || steps === size;
    columns.push([...column, next]);
    const eigenvalue = largestOf(columns);
    const value = Math.hypot(eigenvalue.real, eigenvalue.imaginary);
    still = Math.abs(value - before) <= rtol * value ? still + 1 : 0;
    before = value;
    const found = { value, eigenvalue, steps, seed };
    if (closed) {
      const message = `After ${steps} steps the Krylov space is closed, so that its eigenvalues are J's.`;
      return { ...found, status: "exact", message };
    }
    if (still >= STILL) {
      const message = `The radius moved by less than ${rtol} of it over the last ${STILL} of ${steps} steps.`;
      return { ...found, status: "converged", message };
    }
    if (steps >= most) {
      const message = `The ${steps} steps allowed leave the radius moving by more than rtol = ${rtol}; raise maxSteps or rtol.`;
      return { ...found, status: "step-limit", message };
    }
    basis.push(divided(w, next));
  }
}

/** Of the Hessenberg matrix with these columns, each as long as its entries that are not zero. */
function largestOf(columns: readonly number[][]): Complex {
  const size = columns.length;
  const data = new Float64Array(size * size);
  for (const [c, column] of columns.entries()) {
    for (let r = 0; r < Math.min(size, column.length); r++) data[r * size + c] = column[r];
  }
  let largest: Complex = { real: 0, imaginary: 0 };
  for (const each of eigenvalues({ rows: size, columns: size, data })) {
    if (Math.hypot(each.real, each.imaginary) > Math.hypot(largest.real, largest.imaginary)) largest = each;
  }
  return largest;
}
