// Gain and bias of a normalisation moved into the attention layer that follows it (MATH 4, "sharper than the ball").

import { checkKeys, checkOneOf, checkTensor } from "../base/check.js";
import { type TensorLike, tensor } from "../base/tensor.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import { type Linear, resolveLinear } from "../layers/linear.js";

/** The layer norm or RMS norm before an attention layer, whose outputs are its inputs. */
export interface Normalization {
  kind: "layer" | "rms";
  /** [dIn] */
  gain: TensorLike;
  /** [dIn], layer norm only. */
  bias?: TensorLike;
}

/**
 * The layer z ↦ attention(gain·z + bias) for normalised z, |z|² ≤ dIn (and Σz = 0 after layer norm, which its weights
 * project to): W ← ΠΓW and b ← b + βᵀW for queries, keys and values.
 * @throws TypeError and RangeError for arguments of a wrong kind, shape or value
 */
export function absorbNormalization(spec: AttentionSpec, normalization: Normalization): AttentionSpec {
  checkKeys("normalization", normalization, ["kind", "gain", "bias"]);
  const kind = checkOneOf("normalization.kind", normalization.kind, ["layer", "rms"]);
  const gain = checkTensor("normalization.gain", normalization.gain, [-1]).data;
  const bias =
    normalization.bias === undefined
      ? undefined
      : checkTensor("normalization.bias", normalization.bias, [gain.length]).data;
  if (kind === "rms" && bias) throw new RangeError('"normalization.bias": expected none for kind "rms", got a tensor');
  const into = (label: string, map: Linear): Linear => {
    const { dOut, weight, bias: own } = resolveLinear(label, map, gain.length);
    const moved = new Float64Array(weight.length);
    const shift = Float64Array.from({ length: dOut }, (_, c) => own?.[c] ?? 0);
    for (let c = 0; c < dOut; c++) {
      let mean = 0;
      for (let e = 0; e < gain.length; e++) {
        moved[e * dOut + c] = gain[e] * weight[e * dOut + c];
        mean += moved[e * dOut + c] / gain.length;
        if (bias) shift[c] += bias[e] * weight[e * dOut + c];
      }
      if (kind === "layer") for (let e = 0; e < gain.length; e++) moved[e * dOut + c] -= mean;
    }
    return { weight: tensor(moved, [gain.length, dOut]), ...(own || bias ? { bias: tensor(shift, [dOut]) } : {}) };
  };
  return {
    ...spec,
    query: into("spec.query", spec.query),
    ...(spec.key ? { key: into("spec.key", spec.key) } : {}),
    value: into("spec.value", spec.value),
  };
}
