// What a norm is made of, checked, for every device.
import { checkKeys, checkNumber, checkOneOf, checkTensor } from "../base/check.js";
import type { RealArray, TensorLike } from "../base/tensor.js";

/**
 * A layer norm or RMS norm over the features of each token, with its weights [d]. Without gain it has ones, and without
 * weights it takes tokens of any width: its dIn and dOut are −1.
 */
export interface NormSpec {
  kind: "layer" | "rms";
  gain?: TensorLike;
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

/** A norm without weights. */
export type PlainNorm = Pick<ResolvedNorm, "kind" | "epsilon">;

/** @throws TypeError for wrong kinds and unknown keys, RangeError for values that do not fit together */
export function resolveNorm(spec: NormSpec): ResolvedNorm | PlainNorm {
  checkKeys("norm", spec, ["kind", "gain", "bias", "epsilon"]);
  const kind = checkOneOf("norm.kind", spec.kind, ["layer", "rms"]);
  const gain = spec.gain === undefined ? undefined : checkTensor("norm.gain", spec.gain, [-1]);
  if (kind === "rms" && spec.bias !== undefined) throw new RangeError('"norm.bias": expected none for kind "rms"');
  const bias = spec.bias === undefined ? undefined : checkTensor("norm.bias", spec.bias, gain?.shape ?? [-1]);
  const epsilon = checkNumber("norm.epsilon", spec.epsilon, 0, Number.POSITIVE_INFINITY, true);
  const width = bias?.data.length;
  const weights = gain?.data ?? (width === undefined ? undefined : new Float64Array(width).fill(1));
  return weights ? { kind, gain: weights, bias: bias?.data, epsilon } : { kind, epsilon };
}
