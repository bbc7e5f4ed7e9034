// What a norm is made of, checked, for every device.
import { checkKeys, checkNumber, checkOneOf, checkTensor } from "../base/check.js";
import type { RealArray, TensorLike } from "../base/tensor.js";

/** A layer norm or RMS norm over the features of each token, with its weights [d]. A norm without gain has ones. */
export interface NormSpec {
  kind: "layer" | "rms";
  gain: TensorLike;
  /** Layer norm only. */
  bias?: TensorLike;
  epsilon: number;
}

export interface ResolvedNorm {
  readonly kind: "layer" | "rms";
  readonly gain: RealArray;
  readonly bias?: RealArray;
  readonly epsilon: number;
}

/** @throws TypeError for wrong kinds and unknown keys, RangeError for values that do not fit together */
export function resolveNorm(spec: NormSpec): ResolvedNorm {
  checkKeys("norm", spec, ["kind", "gain", "bias", "epsilon"]);
  const kind = checkOneOf("norm.kind", spec.kind, ["layer", "rms"]);
  const gain = checkTensor("norm.gain", spec.gain, [-1]);
  if (kind === "rms" && spec.bias !== undefined) throw new RangeError('"norm.bias": expected none for kind "rms"');
  const bias = spec.bias === undefined ? undefined : checkTensor("norm.bias", spec.bias, gain.shape);
  const epsilon = checkNumber("norm.epsilon", spec.epsilon, 0, Number.POSITIVE_INFINITY, true);
  return { kind, gain: gain.data, bias: bias?.data, epsilon };
}
