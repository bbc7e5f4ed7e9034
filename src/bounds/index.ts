// The theorems on the Lipschitz constant of self-attention, one function each; docs/theory.md has the proofs.
import { ball } from "./ball.js";
import { infinity } from "./infinityBall.js";
import { l2 } from "./l2.js";
import { l2Tightness } from "./l2Tightness.js";
import { largeRadius } from "./largeRadius.js";
import { gammaStar, lower } from "./lower.js";
import { meanField } from "./meanField.js";
import { ofLayer } from "./ofLayer.js";
import { pointwise } from "./pointwise.js";
import { layerNorm, rmsNorm } from "./radius.js";

export { lambertW0 } from "../linalg/lambertW.js";
export type { Normalization } from "./absorbNormalization.js";
export type { BallBounds, BallQuestion } from "./ball.js";
export type { Bound, WithBest } from "./bound.js";
export type { InfinityQuestion } from "./infinityBall.js";
export type { L2Bounds, L2Question } from "./l2.js";
export type { L2Tightness } from "./l2Tightness.js";
export type { LargeRadius, LargeRadiusHead, LargeRadiusQuestion } from "./largeRadius.js";
export type { LowerBound, LowerBounds, LowerQuestion } from "./lower.js";
export type { MeanFieldBounds, MeanFieldQuestion } from "./meanField.js";
export type { LayerBounds, LayerQuestion } from "./ofLayer.js";
export type { PointwiseOptions } from "./pointwise.js";
export type { HeadNorms, RopeNorms } from "./reach.js";

/** The theorems on the Lipschitz constant of self-attention, one function each; docs/theory.md has the proofs. */
export const bounds = {
  ball,
  meanField,
  lower,
  infinity,
  gammaStar,
  l2,
  l2Tightness,
  largeRadius,
  pointwise,
  ofLayer,
  radius: { layerNorm, rmsNorm },
};
