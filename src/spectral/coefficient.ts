// What a Krylov space hands back is checked once, where it enters the solvers.
import type { KrylovSpace } from "./krylov.js";

/** The smallest numbers of full precision. */
const smallest = { f32: 2 ** -126, f64: 2 ** -1022 };

/** The norm below which most entries of an image have lost digits to underflow. */
export function underflowLimit({ dtype, rangeSize }: KrylovSpace): number {
  return smallest[dtype] * Math.sqrt(rangeSize);
}

/** The norm that a step found; refused when not finite, as by overflow inside a device. */
export function checkCoefficient(name: string, value: number, step: number, { dtype }: KrylovSpace): number {
  if (Number.isFinite(value)) return value;
  throw new RangeError(
    `"op": expected finite numbers, got ${name} = ${value} in step ${step}; ` +
      (dtype === "f32"
        ? "values beyond 1e38 overflow f32: scale the layer down, or use an f64 runtime"
        : "the operator's values overflow or are not numbers"),
  );
}
