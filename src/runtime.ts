// The runtime: one device, and the layers made on it.
import type { AttentionSpec, Linear } from "./attention/spec.js";
import type { Layer, LinearizableLayer } from "./layer.js";
import type { Tensor, TensorLike } from "./tensor.js";

export interface Attention extends LinearizableLayer {
  /** Attention probabilities at x, [heads, n, n]. */
  probabilities(x: TensorLike): Promise<Tensor>;
}

export interface RuntimeInfo {
  readonly device: "webgpu" | "wasm";
  readonly requested: "auto" | "webgpu" | "wasm";
  /** Why the request was not met. */
  readonly reason?: string;
  readonly dtype: "f32" | "f64";
  readonly simd?: "relaxed" | "simd128";
  readonly threads: number;
  readonly adapter?: string;
}

export interface NormSpec {
  kind: "layer" | "rms";
  gain: TensorLike;
  /** Layer norm only. */
  bias?: TensorLike;
  epsilon: number;
}

export type Activation = "gelu" | "gelu-tanh" | "silu";

export interface Runtime {
  readonly info: RuntimeInfo;
  attention(spec: AttentionSpec): Attention;
  /** y = x · weight + bias, its weights packed once on the device. */
  linear(spec: Linear): Layer;
  /** Layer norm or RMS norm over the features of each token (MATH 3). */
  norm(spec: NormSpec): Layer;
  /** GELU (erf or tanh form) or SiLU of every element of x (MATH 3). */
  activate(kind: Activation, x: TensorLike): Promise<Tensor>;
  dispose(): void;
}
