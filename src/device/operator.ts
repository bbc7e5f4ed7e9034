// An operator on a device: it records its Jacobian J, or Jᵀ, between two vectors. Attention, linear maps, norms and
// activations are operators; so are chains, residuals, sums and products of operators.

import type { Tensor } from "../base/tensor.js";
import type { ResolvedSpec } from "../layers/attention/spec.js";
import type { Device, Lease, Vector } from "./device.js";

/** J: R^inShape → R^outShape, known by its action. A user's own operator is handed, and must return, Float64Array tensors. */
export interface LinearOperator {
  readonly inShape: number[];
  readonly outShape: number[];
  /** J u, of outShape. */
  jvp(u: Tensor): Promise<Tensor>;
  /** Jᵀ v, of inShape. */
  vjp(v: Tensor): Promise<Tensor>;
  /** The same operator on the vectors of a device, where that is where it lives. */
  readonly onDevice?: OnDevice;
}

/** An operator that lives on a device, for whoever works on it there. */
export interface OnDevice {
  readonly operator: DeviceOperator;
  /** Keeps the operator's memory, whoever disposes of it meanwhile, until the function returned is called, once. */
  hold(): () => void;
  /**
   * Of f32 devices: the same operator at the same input in f64 on WebAssembly, from the weights and the input as the device
   * holds them.
   * @throws DeviceError or OutOfMemoryError where it cannot be had, with the reason
   */
  inDoubles?(): Promise<OperatorInDoubles>;
}

/** To be disposed of; needs what it was made from to be held. */
export interface OperatorInDoubles {
  readonly operator: DeviceOperator;
  dispose(): void;
}

/**
 * The Jacobian J: R^inShape → R^outShape of a layer at one input, on the vectors of a device. It lives in the lease that
 * it was made in, and may read the vector of its input, never that of its output.
 */
export interface DeviceOperator<V extends Vector = Vector> {
  readonly device: Device<V>;
  readonly inShape: number[];
  readonly outShape: number[];
  /** Relative rounding error of one application, from the dtype and the scores (MATH 10.4, in centred quantities). */
  readonly roundoff: number;
  /** y ← J u. A promise where the step is shared with other operators, or where a user's code answers. */
  jvp(u: V, y: V): void | Promise<void>;
  /** x ← Jᵀ y. */
  vjp(y: V, x: V): void | Promise<void>;
  /** to ← ∇_x ⟨v, J(x) u⟩ with u and v held fixed (MATH 2.3, and its chain rule for compositions); to is neither. */
  gradient?(u: V, v: V, to: V): void | Promise<void>;
  /** What is known of J beyond its products. */
  readonly structure?: Structure<V>;
}

/** to ← ∇_x ⟨v, J(x) u⟩. */
export function secondDerivative<V extends Vector>(
  operator: DeviceOperator<V>,
  u: V,
  v: V,
  to: V,
): void | Promise<void> {
  if (!operator.gradient) throw new TypeError('"J": expected a linearization, which has second derivatives');
  return operator.gradient(u, v, to);
}

/** What is known of an operator beyond its products; each part is missing where there is nothing to know. */
export interface Structure<V extends Vector = Vector> {
  /** Whether weights that are not zero are so small that products with them may underflow: a product of zero says nothing. */
  readonly mayUnderflow?: boolean;
  /** What the leading right singular vector is likely to be made of. */
  readonly pattern?: Pattern<V>;
  /** An operator of fewer dimensions with the same singular values, in a lease that the caller disposes of. */
  core?(lease: Lease<V>): Core<V> | undefined | Promise<Core<V> | undefined>;
  /** The attention layer and its input [n, dIn], as the device holds them. `layer` is one object a layer. */
  readonly attention?: { readonly layer: object; read(): Promise<{ spec: ResolvedSpec; x: ArrayLike<number> }> };
  /** Norms that are sums over the entries of J, faster than from its rows. */
  entrySums?(): Promise<EntrySums>;
  /** Products with blocks of J, faster than from its rows; the memory is the lease's. */
  blockProducts?(lease: Lease<V>): Promise<BlockProducts>;
}

/** The guess p mᵀ of MATH 13.6 for the leading right singular vector of attention. */
export interface Pattern<V extends Vector = Vector> {
  /** The same object for every linearization of a layer. */
  readonly layer: object;
  /** p: close to the leading right singular vector of the attention pattern averaged over heads, [n]. */
  direction(): Promise<Float64Array>;
  /** The layer at a single token, Σ_h W_V,h W_O,h, as an operator [1, dIn] → [1, dOut], to be disposed of. */
  valueMap(): Promise<LinearOperator & { dispose(): void }>;
  /** Takes the guess, of the attention's input, to where the operator's input is: missing where they are the same. */
  pull?(guess: V, to: V): void | Promise<void>;
}

/**
 * The operator C of J = L·C·Rᵀ, the columns of L and R being orthonormal: its singular values are J's (but for zeros),
 * and its singular vectors are J's in the coordinates of L and R. What holds of ‖C‖ holds of ‖J‖, MATH 10.2 too, with
 * C's smaller dimension.
 */
export interface Core<V extends Vector = Vector> {
  readonly operator: DeviceOperator<V>;
  /** Rᵀ u: of the core's inShape, for u of J's inShape. */
  restrict(u: Tensor): Tensor;
  /** J's singular vectors from C's: L·left and R·right. */
  lift(pair: SingularVectors): SingularVectors;
}

export interface SingularVectors {
  left: Tensor;
  right: Tensor;
}

export interface EntrySums {
  /** The largest sum of |entries| of a column, and of a row. */
  readonly one: number;
  readonly infinity: number;
  readonly frobenius: number;
}

/** Products with as many blocks ∂y_i/∂x_j at a time as there are slots; [slots, dIn] and [slots, dOut], row-major. */
export interface BlockProducts {
  readonly slots: number;
  readonly dIn: number;
  readonly dOut: number;
  readonly roundoff: number;
  /** Blocks that are not zero, (output token, input token). */
  readonly blocks: readonly (readonly [number, number])[];
  /** Puts a block into a slot; returns the size of what adds up to the block, which `roundoff` is relative to. */
  assign(slot: number, block: readonly [number, number]): number;
  /** J_ij x of each slot's block, and J_ijᵀ y. */
  apply(x: Float64Array): Float64Array;
  applyTransposed(y: Float64Array): Float64Array;
}
