// Operators whose action takes fewer dimensions than their shapes have.
import type { Tensor } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";

/**
 * The operator C of J = L·C·Rᵀ, the columns of L and R being orthonormal: its singular values are J's (but for zeros),
 * and its singular vectors are J's in the coordinates of L and R. What holds of ‖C‖ holds of ‖J‖, MATH 10.2 too, with
 * C's smaller dimension.
 */
export interface Core extends LinearOperator {
  /** Rᵀ u: of inShape, for u of J's inShape. */
  restrict(u: Tensor): Tensor;
  /** J's singular vectors from C's: L·left and R·right. */
  lift(pair: SingularVectors): SingularVectors;
  dispose(): void;
}

export interface SingularVectors {
  left: Tensor;
  right: Tensor;
}

/** An operator that knows such a core of itself, or that there is none worth the name. */
export interface HasCore {
  core(): Core | undefined;
}

export function hasCore<T extends object>(op: T): op is T & HasCore {
  return typeof (op as Partial<HasCore>).core === "function";
}
