// The end of an f32 run in f64 (docs/theory.md, section 10.9): the vector that was found is taken to the same operator in
// doubles, whose one step from it gives sigma and a lower end that is a certificate. Where f32 cannot tell anything, the
// whole run is made in f64.
import { DeviceError, OutOfMemoryError } from "../base/errors.js";
import { type Tensor, tensor } from "../base/tensor.js";
import type { DeviceOperator, OnDevice, OperatorInDoubles } from "../device/operator.js";
import { type Found, type InDoubles, spectralNormOf } from "./found.js";
import type { SpectralNorm } from "./result.js";
import { hopeless } from "./status.js";

/** Where f64 differs by more roundoffs than this from what f32 has found, the allowance for rounding was wrong. */
const tolerated = 4;

/**
 * Weights and scales were rounded when f32 took them, once each: what that may have moved sigma by, as a share of f32's
 * roundoff, in which each product rounds many times.
 */
const representation = 1 / 2;

/** @param solve makes a run of its own on an operator in f64 */
export async function certified(
  onDevice: OnDevice,
  found: Found,
  solve: (operator: DeviceOperator) => Promise<SpectralNorm>,
): Promise<SpectralNorm> {
  const twin = await twinOf(onDevice);
  if (typeof twin === "string") return spectralNormOf(found, undefined, twin);
  try {
    const { estimate, roundoff, dtype } = found;
    const step = await stepFrom(twin.operator, found);
    const off = Math.abs(step.sigma - found.stretch);
    const lost = estimate.underflow !== undefined || (estimate.sigma === 0 && step.sigma > 0);
    if (!lost && roundoff < hopeless && off <= tolerated * roundoff * found.stretch) return spectralNormOf(found, step);
    if (estimate.sigma === 0 && step.sigma === 0) return spectralNormOf(found, step);
    const again = await solve(twin.operator);
    const reason = lost
      ? `Numbers of this operator underflow ${dtype}`
      : `Rounding in ${dtype} may be as large as ${Number(Math.max(roundoff, off / step.sigma).toPrecision(2))} of sigma`;
    const allowance = Math.min(1, representation * roundoff);
    return {
      ...again,
      lower: again.lower * (1 - allowance),
      upper: again.upper * (1 + allowance),
      accuracy: again.accuracy + allowance,
      status: again.status === "zero-operator" ? again.status : "precision-limit",
      message: `${reason}, so the run was made again in f64. ${again.message}`,
      left: inSingle(again.left),
      right: inSingle(again.right),
    };
  } finally {
    twin.dispose();
  }
}

/** The operator in f64, or a sentence that says why there is none. */
async function twinOf({ inDoubles }: OnDevice): Promise<OperatorInDoubles | string> {
  try {
    const twin = await inDoubles?.();
    return twin ?? "Its lower end was computed in f32, since this device has no f64 copy of the layer.";
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof OutOfMemoryError)) throw error;
    return `Its lower end was computed in f32, since there is no f64 copy of the layer: ${error.message}`;
  }
}

/** One step of bidiagonalization in f64, from the vector on the side that the run began at. */
async function stepFrom(operator: DeviceOperator, found: Found): Promise<InDoubles> {
  const { left, right, problem } = found;
  const { device, inShape, outShape, roundoff } = operator;
  const { transposed } = problem;
  const [domain, range] = transposed ? [outShape, inShape] : [inShape, outShape];
  const lease = device.lease();
  try {
    const what = "a vector in f64";
    const [v, u, back] = [lease.vector(domain, what), lease.vector(range, what), lease.vector(domain, what)];
    const scalars = lease.scalars(3, what);
    device.write(v, (transposed ? left : right).data);
    device.normalize(v, scalars, 0);
    await (transposed ? operator.vjp(v, u) : operator.jvp(v, u));
    device.normalize(u, scalars, 1);
    await (transposed ? operator.jvp(u, back) : operator.vjp(u, back));
    device.distance(back, 1, v, scalars, 2);
    const [, sigma, residual] = await device.results(scalars);
    if (sigma === 0) return { sigma, residual, lower: 0, left, right };
    const image = inSingle(tensor(await device.read(u), [...range]));
    const pair = transposed ? { left, right: image } : { left: image, right };
    const allowance = roundoff + representation * found.roundoff;
    return { sigma, residual, lower: sigma * Math.max(0, 1 - allowance), ...pair };
  } finally {
    lease.dispose();
  }
}

function inSingle({ data, shape }: Tensor): Tensor {
  return tensor(Float32Array.from(data), [...shape]);
}
