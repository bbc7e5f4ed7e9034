// An affine map of tokens: what it is made of, checked, for every device.
import { checkKeys, checkTensor } from "../base/check.js";
import type { RealArray, TensorLike } from "../base/tensor.js";

/** y = x · weight + bias, weight [dIn, dOut], bias [dOut]. */
export interface Linear {
  weight: TensorLike;
  bias?: TensorLike;
}

export interface ResolvedLinear {
  readonly dIn: number;
  readonly dOut: number;
  readonly weight: RealArray;
  readonly bias?: RealArray;
}

/** Checks y = x·weight + bias; `dIn` is what its width must be where that is known already. */
export function resolveLinear(label: string, linear: unknown, dIn = -1): ResolvedLinear {
  checkKeys(label, linear, ["weight", "bias"]);
  const { weight, bias } = linear as Linear;
  const w = checkTensor(`${label}.weight`, weight, [dIn, -1]);
  const b = bias === undefined ? undefined : checkTensor(`${label}.bias`, bias, [w.shape[1]]);
  return { dIn: w.shape[0], dOut: w.shape[1], weight: w.data, bias: b?.data };
}
