// The Frobenius norm of an operator from random probes, with its standard error (docs/theory.md, section 15.3).
import { checkInteger, checkKeys, throwIfAborted } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { Random } from "../base/random.js";
import { sizeOf } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import { applied } from "./applied.js";

/** Options of `frobenius`. */
export interface FrobeniusOptions {
  /** Products with J, at least 2; default 16. */
  probes?: number;
  seed?: number;
  signal?: AbortSignalLike;
}

/** An estimate, and how far it is likely to be off: one standard deviation of it. */
export interface Estimated {
  value: number;
  standardError: number;
}

/** What `frobenius` returns. */
export interface Frobenius extends Estimated {
  probes: number;
  /** ‖J‖_F/√(numbers of the input): what J makes of a random direction, root mean square. */
  typicalGain: number;
}

/**
 * ‖J‖_F from E|Jz|² = ‖J‖²_F for z of independent signs (Hutchinson 1989): a product a probe, where `norm(J, "fro")` is
 * exact and takes all entries.
 * @example
 * const { value, standardError } = await frobenius(linearization, { probes: 32 });
 */
export async function frobenius(J: LinearOperator, options: FrobeniusOptions = {}): Promise<Frobenius> {
  checkKeys("options", options, ["probes", "seed", "signal"]);
  const probes = checkInteger("probes", options.probes ?? 16, 2);
  const seed = checkInteger("seed", options.seed ?? 0, 0);
  return applied(J, async (operator) => {
    const { device, inShape, outShape } = operator;
    const size = sizeOf(inShape);
    const random = new Random(seed);
    const signs = new Float64Array(size);
    const lease = device.lease();
    try {
      const z = lease.vector(inShape, "a probe");
      const image = lease.vector(outShape, "a probe's image");
      const lengths = lease.scalars(probes, "the lengths of images");
      for (let probe = 0; probe < probes; probe++) {
        throwIfAborted(options.signal);
        for (let at = 0; at < size; at++) signs[at] = random.uniform() < 0.5 ? -1 : 1;
        device.write(z, signs);
        const pending = operator.jvp(z, image);
        if (pending) await pending;
        device.normalize(image, lengths, probe);
      }
      const squares = (await device.results(lengths)).map((length) => length * length);
      const mean = squares.reduce((sum, square) => sum + square, 0) / probes;
      const spread = squares.reduce((sum, square) => sum + (square - mean) ** 2, 0) / (probes - 1);
      const value = Math.sqrt(mean);
      // Of the root of a mean: half the mean's own, relative.
      const standardError = value === 0 ? 0 : Math.sqrt(spread / probes) / (2 * value);
      return { value, standardError, probes, typicalGain: value / Math.sqrt(size) };
    } finally {
      lease.dispose();
    }
  });
}

/**
 * ‖J‖²_F/σ²: how many singular values of that size would make up the Frobenius norm, at least 1 but for its error.
 * @example
 * const rank = stableRank(await frobenius(linearization), (await spectralNorm(linearization)).sigma);
 */
export function stableRank({ value, standardError }: Estimated, sigma: number): Estimated {
  if (sigma === 0) return { value: 0, standardError: 0 };
  const share = value / sigma;
  return { value: share * share, standardError: (2 * share * standardError) / sigma };
}
