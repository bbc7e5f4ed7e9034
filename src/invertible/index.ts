// Residual attention that can be run backwards (docs/theory.md, 9.5).
import { residual } from "./residual.js";

export type { FixedPoint, FixedPointOptions, FixedPointProgress, FixedPointStatus } from "./fixedPoint.js";
export type { Residual, ResidualOptions } from "./residual.js";

/** Residual attention that can be run backwards (docs/theory.md, 9.5). */
export const invertible = { residual };
