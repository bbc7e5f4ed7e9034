// The core: runtimes, attention layers and the measurement of their smoothness.
export * from "./adversarial/index.js";
export { DeviceError, ModelError, OutOfMemoryError } from "./base/errors.js";
export { type RealArray, type Tensor, type TensorLike, tensor } from "./base/tensor.js";
export { version } from "./base/version.js";
export * from "./bounds/index.js";
export type { CrossAttention } from "./device/crossAttentionLayer.js";
export type { Layer, LinearizableLayer, Linearization, Linearizer } from "./device/linearization.js";
export type { LinearOperator } from "./device/operator.js";
export * from "./invertible/index.js";
export { type BlockNormOptions, type BlockNorms, blockNorms } from "./jacobian/blockNormsOf.js";
export { type Estimated, type Frobenius, type FrobeniusOptions, frobenius, stableRank } from "./jacobian/frobenius.js";
export { gradient } from "./jacobian/gradient.js";
export { type NormOptions, norm } from "./jacobian/norm.js";
export { toDense } from "./jacobian/toDense.js";
export type { LocalBounds } from "./jacobian/upperBound.js";
export { upperBound } from "./jacobian/upperBoundOf.js";
export type { Activation } from "./layers/activation.js";
export type { Mask } from "./layers/attention/mask.js";
export type { AttentionSpec } from "./layers/attention/spec.js";
export type { Linear } from "./layers/linear.js";
export type { NormSpec } from "./layers/norm.js";
export type { Attention, Runtime, RuntimeInfo, RuntimeOptions } from "./measure/createRuntime.js";
export { createRuntime } from "./measure/createRuntime.js";
export { localLipschitz } from "./measure/localLipschitz.js";
export { type BatchOptions, type BatchProgress, localLipschitzBatch } from "./measure/localLipschitzBatch.js";
export type {
  Reorthogonalization,
  SpectralNorm,
  SpectralNormOptions,
  SpectralNormProgress,
  SpectralNormStatus,
} from "./spectral/result.js";
export {
  type SingularTriplet,
  type SingularTriplets,
  type SingularTripletsOptions,
  singularTriplets,
} from "./spectral/singularTriplets.js";
export { spectralNorm } from "./spectral/spectralNorm.js";
export { type SpectralRadius, type SpectralRadiusOptions, spectralRadius } from "./spectral/spectralRadius.js";
