// A layer on a device: it takes tokens to tokens, and is linearized, on vectors that stay there. Chains, residuals,
// sums and products of such layers are such layers.
import type { Tensor } from "../base/tensor.js";
import type { ResolvedActivation } from "../layers/activation.js";
import type { ResolvedCross } from "../layers/attention/crossSpec.js";
import type { ResolvedSpec } from "../layers/attention/spec.js";
import type { ResolvedLinear } from "../layers/linear.js";
import type { ResolvedNorm } from "../layers/norm.js";
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceOperator } from "./operator.js";

/** A map from tokens [n, dIn] to tokens [n, dOut] on the vectors of a device. Its weights are freed when it is disposed of. */
export interface DeviceLayer<V extends Vector = Vector> {
  readonly device: Device<V>;
  readonly dIn: number;
  readonly dOut: number;
  /** f(x) in a vector of the lease, which the caller may write to. */
  forward(x: V, lease: Lease<V>): Promise<V>;
  /** The Jacobian at x, in the lease, which must keep x too; and f(x), which the caller may write to. */
  linearize(x: V, lease: Lease<V>): Promise<Linearized<V>>;
  /**
   * The same layer, whose operators take their steps together, so that they share the products with its weights: each
   * step waits until all operators that are alive ask for one. So each must be in use, or its lease be disposed of.
   */
  together?(): DeviceLayer<V>;
  /**
   * Of f32 devices: a copy in f64 on WebAssembly, from the weights as this device holds them, for the caller to dispose of.
   * @throws DeviceError or OutOfMemoryError where it cannot be had, with the reason
   */
  inDoubles?(): Promise<DeviceLayer>;
  dispose(): void;
}

/** Attention, with what only it can say. */
export interface DeviceAttention<V extends Vector = Vector> extends DeviceLayer<V> {
  readonly heads: number;
  /** Attention probabilities at x, [heads, n, n]. */
  probabilities(x: V): Promise<Tensor>;
  /** One head alone, with a copy of its weights: 0 ≤ index < heads. */
  head(index: number): DeviceAttention<V>;
}

/** Which of the two inputs of cross-attention its Jacobian is with respect to. */
export type WithRespectTo = "queries" | "memory" | "both";

/** Attention of tokens [n, queryWidth] to other tokens [m, memoryWidth], on the vectors of a device. */
export interface DeviceCrossAttention<V extends Vector = Vector> {
  readonly device: Device<V>;
  readonly heads: number;
  readonly queryWidth: number;
  readonly memoryWidth: number;
  readonly dOut: number;
  /** [n, dOut], in a vector of the lease. */
  forward(x: V, memory: V, lease: Lease<V>): Promise<V>;
  /** The Jacobian, in the lease; of both, on vectors [n + m, the larger width]. */
  linearize(x: V, memory: V, wrt: WithRespectTo, lease: Lease<V>): Promise<Linearized<V>>;
  /** [heads, n, m]. */
  probabilities(x: V, memory: V): Promise<Tensor>;
  /** Of f32 devices: a copy in f64 on WebAssembly, as that of a layer. */
  inDoubles?(): Promise<DeviceCrossAttention>;
  dispose(): void;
}

export interface Linearized<V extends Vector = Vector> {
  readonly operator: DeviceOperator<V>;
  readonly output: V;
}

/** What a device makes, from specs that were checked; a constructor that fails half-way gives its memory back. */
export interface LayerMaker<V extends Vector = Vector> {
  readonly device: Device<V>;
  attention(spec: ResolvedSpec): DeviceAttention<V>;
  /** Missing where the device has none yet. */
  crossAttention?(spec: ResolvedCross): DeviceCrossAttention<V>;
  linear(spec: ResolvedLinear): DeviceLayer<V>;
  norm(spec: ResolvedNorm): DeviceLayer<V>;
  activation(spec: ResolvedActivation): DeviceLayer<V>;
}

/** What several use, and the last of them to let go disposes of. */
export class Shared<T extends { dispose(): void }> {
  #users = 1;
  readonly #ends: (() => void)[] = [];

  constructor(readonly value: T) {}

  /** One user more. */
  hold(): this {
    this.#users++;
    return this;
  }

  /** One user less. */
  release(): void {
    if (--this.#users > 0) return;
    for (const end of this.#ends) end();
    this.value.dispose();
  }

  /** Calls `end` when the last has let go. */
  atEnd(end: () => void): void {
    this.#ends.push(end);
  }
}
