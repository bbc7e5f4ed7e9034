// Attention as a map of probability measures on the ball, with the distance W₂: bounds for every n at once.

import { checkKeys } from "../base/check.js";
import type { Mask } from "../layers/attention/mask.js";
import { type Bound, refused, scaled, type WithBest, withSmallest } from "./bound.js";
import { type HeadNorms, type Reach, reachOf, rowFactor } from "./reach.js";

/** Arguments of `bounds.meanField`: norms of a head, and the radius. */
export interface MeanFieldQuestion extends Omit<HeadNorms, "rope"> {
  /** Every token lies in the ball of this radius. */
  radius: number;
  /** Only "none", the default. */
  mask?: Mask;
}

/** Bounds of the Lipschitz constant in the limit of many tokens, by name. */
export interface MeanFieldBounds {
  /** ‖V‖(1 + 3a)e^(2a). */
  castin?: Bound;
  /** ‖V‖(a + √(1 + a²)eᵃ). */
  sharp: Bound;
}

/**
 * Upper bounds of the Lipschitz constant in W₂ of the mean-field map of one unmasked head, a = ‖A‖R²: Castin, Ablin and
 * Peyré 2024 (without query bias only), and MATH 5.4.
 * @throws RangeError with any mask: at A = 0 the unmasked constant would be ‖V‖, while causal attention then averages
 *   over prefixes, whose norm is 1.144·‖V‖ for two tokens already and tends to 2‖V‖ (MATH 5.5)
 * @example
 * bounds.meanField({ radius: 1, normA: 1, normV: 1 }).best.value; // 1 + √2·e
 */
export function meanField(question: MeanFieldQuestion): WithBest<MeanFieldBounds> {
  checkKeys("question", question, ["radius", "normA", "normV", "normG0", "mask"]);
  const { radius, mask = "none", ...norms } = question;
  const reach = reachOf(norms, radius);
  if (mask !== "none") {
    throw refused(
      "the mean-field bound",
      'mask "none"',
      'for mask "causal", bounds.ball has causalHardy and causalSchur, which hold for every n',
    );
  }
  return withSmallest(meanFieldOf(reach, norms.normV));
}

export function meanFieldOf(reach: Reach, normV: number): MeanFieldBounds {
  const assumptions = ["no mask", "every token in the ball", "no rotary positions"];
  const bound = (value: number, source: string, more: string[] = []): Bound => ({
    value: scaled(normV, value),
    kind: "upper",
    scope: "measures",
    source,
    assumptions: [...assumptions, ...more],
  });
  const sharp = bound(
    reach.covariance + rowFactor(reach) * Math.exp(reach.gradient),
    "MATH 5.4, n to infinity, with the query bias of 5.6",
  );
  if (reach.gradient !== reach.covariance) return { sharp };
  const a = reach.covariance;
  return {
    castin: bound((1 + 3 * a) * Math.exp(2 * a), "Castin, Ablin and Peyré 2024, mean-field theorem (MATH 5.4)", [
      "no query bias",
    ]),
    sharp,
  };
}
