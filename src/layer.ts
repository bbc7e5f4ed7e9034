// Layers: maps from tokens [n, dIn] to tokens [n, dOut], held on a device.
import type { LinearOperator } from "./spectral/operator.js";
import type { Tensor, TensorLike } from "./tensor.js";

export interface Layer {
  readonly dIn: number;
  readonly dOut: number;
  /** x [n, dIn] → [n, dOut]. */
  forward(x: TensorLike): Promise<Tensor>;
  dispose(): void;
}

/** The Jacobian of a layer at one input, as an operator R^[n, dIn] → R^[n, dOut]. */
export interface Linearization extends LinearOperator {
  /** f(x), [n, dOut]. */
  readonly output: Tensor;
  jvp(u: TensorLike): Promise<Tensor>;
  vjp(v: TensorLike): Promise<Tensor>;
  /** The dense Jacobian, [n·dOut, n·dIn]. */
  toDense(): Promise<Tensor>;
  /**
   * ∇_x ⟨v, J(x) u⟩ with u (inShape) and v (outShape) held fixed, of inShape (MATH 2.3): of sigma it is
   * gradient(right, left), with the singular vectors of `spectralNorm`, wherever sigma is a simple singular value.
   */
  gradient(u: TensorLike, v: TensorLike): Promise<Tensor>;
  dispose(): void;
}

export interface LinearizableLayer extends Layer {
  /** The Jacobian of the layer at x [n, dIn]; the primal is computed once, here. */
  linearize(x: TensorLike): Promise<Linearization>;
}
