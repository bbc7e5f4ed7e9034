// The runtime: one device, and the layers made on it.
import type { Disposable } from "../base/disposable.js";
import type { Tensor, TensorLike } from "../base/tensor.js";
import type { Activation } from "../layers/activation.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import type { Linear } from "../layers/linear.js";
import type { NormSpec } from "../layers/norm.js";
import type { Attention } from "./attentionLayer.js";
import type { Device } from "./device.js";
import type { Layer } from "./linearization.js";

/** What a runtime runs on, and why it is not what was asked for. */
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

/** One device and what is made on it; disposing of it gives back the memory of all its layers. */
export interface Runtime extends Disposable {
  readonly info: RuntimeInfo;
  /** What its layers run on, where they can be composed. */
  readonly device?: Device;
  /** Bytes of device memory that this runtime holds now. */
  readonly memoryUsed: number;
  attention(spec: AttentionSpec): Attention;
  /** y = x · weight + bias, its weights packed once on the device. */
  linear(spec: Linear): Layer;
  /** Layer norm or RMS norm over the features of each token (MATH 3). */
  norm(spec: NormSpec): Layer;
  /** The activation of every element of x. */
  activate(kind: Activation, x: TensorLike): Promise<Tensor>;
}
