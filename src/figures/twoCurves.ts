// The two quantities that figures of growth with n show side by side.

import type { AbortSignalLike } from "../base/platform.js";
import type { Tensor } from "../base/tensor.js";
import type { LinearizableLayer } from "../device/linearization.js";
import { norm } from "../linalg/vector.js";
import { spectralNorm } from "../spectral/spectralNorm.js";

export const sigmaName = "σ = ‖J‖₂";
export const otherName = "√‖Jᵀf(X)‖";

export const whatTheCodeComputes =
  "In all copies of the released code of that paper that we read, the line is `v = torch.func.jvp(attention, (Y,), " +
  "(u,))[0]`; torch.func.jvp returns (output, tangent), so that [0] is f(Y), not J u, and the loop returns √‖Jᵀf(Y)‖, " +
  "whatever u was. With [1] it is the intended method. We make no claim about the published figures themselves, only " +
  "about this code.";

export interface TwoCurves {
  sigma: number;
  lower: number;
  upper: number;
  /** √‖Jᵀf(X)‖, which is no measure of J. */
  other: number;
}

export async function twoCurves(
  layer: LinearizableLayer,
  x: Tensor,
  options: { rtol?: number; signal?: AbortSignalLike },
): Promise<TwoCurves> {
  const at = await layer.linearize(x);
  try {
    const { sigma, lower, upper } = await spectralNorm(at, options);
    return { sigma, lower, upper, other: Math.sqrt(norm((await at.vjp(at.output)).data)) };
  } finally {
    at.dispose();
  }
}
