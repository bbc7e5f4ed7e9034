// Until WebGPU's linearizations are operators on a device, which takes this file away, they answer for themselves.
import type { Tensor, TensorLike } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import type { LocalBounds } from "./upperBound.js";

export interface Legacy {
  toDense(): Promise<Tensor>;
  norm(order: number | "fro"): Promise<number>;
  blockNorms(options?: object): Promise<Tensor>;
  upperBound(): Promise<LocalBounds>;
  gradient(u: TensorLike, v: TensorLike): Promise<Tensor>;
}

export function legacy(J: LinearOperator): Legacy | undefined {
  return J && !J.onDevice && "layerIdentity" in J ? (J as unknown as Legacy) : undefined;
}
