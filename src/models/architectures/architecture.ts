// A model as its family and its configuration make it: stacks of blocks, whose parts read their weights when asked.
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { FeedForwardSpec } from "../../layers/feedForward.js";
import type { Linear } from "../../layers/linear.js";
import type { NormSpec } from "../../layers/norm.js";
import type { Embedding } from "../forward/embedding.js";
import type { Experts } from "../forward/mixtureSpec.js";
import type { ModelConfig } from "../model.js";

/** All that is known of a model before its weights are read. */
export interface Architecture {
  readonly config: ModelConfig;
  readonly stacks: readonly Stack[];
}

/** Blocks one after another, with what is in front of them and behind. */
export interface Stack {
  readonly name: "decoder" | "encoder" | "text" | "vision";
  /** Of the hidden states. */
  readonly width: number;
  readonly heads: number;
  readonly embedding: Embedding;
  readonly blocks: readonly Block[];
  /** Behind the last block. */
  readonly finalNorm?: Read<NormSpec>;
  /** From the final norm to the logits. */
  readonly head?: { readonly outputs: number; readonly read: Read<Linear> };
}

/** Reads weights. */
export type Read<T> = () => Promise<T>;

/** One block. */
export interface Block {
  /**
   * "sequential": h ← h + attention(h), then h ← h + feedForward(h). "parallel": h ← h + attention(h) + feedForward(h).
   * "normed": as "sequential", but each branch is added to its normed input. Branches have their norms (see `Branch`).
   */
  readonly order: "sequential" | "parallel" | "normed";
  readonly attention: AttentionBranch;
  /** Between them, attention to the memory: what the encoder gives. */
  readonly cross?: Branch<AttentionSpec>;
  readonly feedForward: Branch<FeedForwardSpec | Experts>;
}

/** What is added to the hidden states, with the norms around it (Xiong et al. 2020). */
export interface Branch<Spec> {
  /** In front of the branch. */
  readonly before?: Read<NormSpec>;
  readonly spec: Read<Spec>;
  /** On the branch, before it is added. */
  readonly after?: Read<NormSpec>;
  /** Behind the sum, in "post-norm" models. */
  readonly behind?: Read<NormSpec>;
}

/** Attention whose positions may depend on the number of tokens: those of one regime share a spec. */
export interface AttentionBranch extends Omit<Branch<AttentionSpec>, "spec"> {
  spec(tokens: number): Promise<AttentionSpec>;
  regime(tokens: number): number;
}

/** Blocks in order: of absurdly many that a config.json announces, the first one without weights is named. */
export function blocks(count: number, block: (layer: number) => Block): Block[] {
  const made: Block[] = [];
  for (let layer = 0; layer < count; layer++) made.push(block(layer));
  return made;
}
