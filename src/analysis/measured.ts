// What a row keeps of a measurement, and the measurement itself.
import type { Tensor } from "../base/tensor.js";
import type { LinearizableLayer } from "../device/linearization.js";
import type { SpectralNorm, SpectralNormOptions } from "../spectral/result.js";
import { spectralNorm } from "../spectral/spectralNorm.js";

/** What a row keeps of a spectral norm. */
export interface Measured
  extends Pick<SpectralNorm, "sigma" | "lower" | "upper" | "failureProbability" | "status" | "steps" | "applications">,
    Partial<Pick<SpectralNorm, "accuracy" | "certified">> {
  /**
   * sigma·rms(x)/rms(y), over all entries of the input x and the output y: how large a relative change of the output a
   * relative change of the input makes at worst. Null where the output is 0.
   */
  relative?: number | null;
}

/** The fields of `Measured` alone, null where a measurement has none. */
export function keepMeasured(found: Measured) {
  const { sigma, accuracy = null, lower, upper, relative = null, certified = null } = found;
  const { failureProbability, status, steps, applications } = found;
  return { sigma, accuracy, lower, upper, relative, failureProbability, certified, status, steps, applications };
}

/**
 * The local Lipschitz constant of a layer at x [n, dIn], absolute and relative.
 * @example
 * const { sigma, relative } = await measureLayer(layer, x, {});
 */
export async function measureLayer(
  layer: LinearizableLayer,
  x: Tensor,
  options: SpectralNormOptions,
): Promise<Measured> {
  const linearization = await layer.linearize(x);
  try {
    const { output } = linearization;
    const norm = await spectralNorm(linearization, options);
    const relative = (norm.sigma * rootMeanSquare(x)) / rootMeanSquare(output);
    return { ...norm, relative: Number.isFinite(relative) ? relative : null };
  } finally {
    linearization.dispose();
  }
}

function rootMeanSquare({ data }: Tensor): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += data[at] * data[at];
  return Math.sqrt(sum / data.length);
}
