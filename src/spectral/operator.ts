// A linear map known only by its action and that of its adjoint.
import type { Tensor } from "../base/tensor.js";

/** J: R^inShape → R^outShape. A user's own operator is handed, and must return, Float64Array tensors. */
export interface LinearOperator {
  readonly inShape: number[];
  readonly outShape: number[];
  /** J u, of outShape. */
  jvp(u: Tensor): Promise<Tensor>;
  /** Jᵀ v, of inShape. */
  vjp(v: Tensor): Promise<Tensor>;
}
