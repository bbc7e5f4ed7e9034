// What distinguishes one family of decoders from another: names, shapes and formulas. A block is
// h ← h + attention(norm(h)), then h ← h + feedForward(h), the second norm inside feedForward.
import type { AttentionSpec } from "../attention/spec.js";
import type { Layer } from "../layer.js";
import type { NormSpec, Runtime } from "../runtime.js";
import type { ModelConfig } from "./model.js";

export interface Architecture {
  readonly config: ModelConfig;
  /** The input of block 0, the windows one below the other: [Σ lengths, width] in double precision. */
  embed(windows: readonly (readonly number[])[]): Promise<Float64Array>;
  /** The norm in front of the attention of a block. */
  attentionNorm(layer: number): Promise<NormSpec>;
  attention(layer: number): Promise<AttentionSpec>;
  /** The rest of a block, [n, width] → [n, width], made on the runtime; the caller disposes of it. */
  feedForward(layer: number, runtime: Runtime): Promise<Layer>;
}
