// What a self-attention layer is made of.
import type { TensorLike } from "../tensor.js";

/** y = x · weight + bias, weight [dIn, dOut], bias [dOut]. */
export interface Linear {
  weight: TensorLike;
  bias?: TensorLike;
}

export type Mask =
  | "none"
  | "causal"
  /** j in [i − left, i + right]; either may be Infinity. */
  | { window: { left: number; right: number } }
  /** j's chunk in [chunk(i) − left, chunk(i) + right]; left and right default to 0. */
  | { chunk: { size: number; left?: number; right?: number } }
  /** n·n, row-major, 1 = may attend; n is checked when x is given. */
  | { allowed: Uint8Array }
  /** Every one must allow. */
  | { all: Mask[] };

export interface AttentionSpec {
  kind?: "dot-product" | "l2";
  heads: number;
  kvHeads?: number;
  query: Linear;
  key?: Linear;
  value: Linear;
  output?: Linear;
  tiedValue?: boolean;
  scale?: number;
  mask?: Mask;
  rope?: { base: number };
}
