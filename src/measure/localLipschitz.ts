// The one-call measurement: linearize, then the spectral norm.

import type { TensorLike } from "../base/tensor.js";
import type { Linearizer } from "../device/linearization.js";
import type { SpectralNorm, SpectralNormOptions } from "../spectral/result.js";
import { spectralNorm } from "../spectral/spectralNorm.js";

/**
 * The local Lipschitz constant of a layer at x [n, dIn]: the largest singular value of its Jacobian there, with a
 * bracket (MATH 10). Options and result are those of `spectralNorm`.
 * @throws as `layer.linearize` and `spectralNorm` do; reaching `maxSteps` is a status, not an error.
 * @example
 * const { sigma, lower, upper } = await localLipschitz(layer, x, { rtol: 1e-4 });
 */
export async function localLipschitz(
  layer: Linearizer,
  x: TensorLike,
  options: SpectralNormOptions = {},
): Promise<SpectralNorm> {
  const linearization = await layer.linearize(x);
  try {
    return await spectralNorm(linearization, options);
  } finally {
    linearization.dispose();
  }
}
