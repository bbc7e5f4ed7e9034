// An operator on a device: it records its Jacobian J, or Jᵀ, between two vectors. Attention, linear maps, norms,
// activations and gates are operators; so are chains, residuals and sums of operators.
import type { Disposable } from "../base/disposable.js";
import type { Device, Vector } from "./device.js";

/** The Jacobian J: R^inShape → R^outShape of a layer at one input, on the vectors of a device. */
export interface DeviceOperator<V extends Vector = Vector> extends Disposable {
  readonly device: Device<V>;
  readonly inShape: number[];
  readonly outShape: number[];
  /** Relative rounding error of one application, from the dtype and the scores (MATH 10.4, in centred quantities). */
  readonly roundoff: number;
  /** y ← J u. A promise where the step is shared with other operators, or where a user's code answers. */
  jvp(u: V, y: V): void | Promise<void>;
  /** x ← Jᵀ y. */
  vjp(y: V, x: V): void | Promise<void>;
  /** to ← ∇_x ⟨v, J(x) u⟩ with u and v held fixed (MATH 2.3, and its chain rule for compositions). */
  gradient?(u: V, v: V, to: V): void | Promise<void>;
}
