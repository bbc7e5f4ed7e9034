// What distinguishes one family of transformers from another: names, shapes and formulas.
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { NormSpec } from "../../layers/norm.js";
import type { Embedding } from "../forward/embedding.js";
import type { FeedForwardSpec } from "../forward/feedForward.js";
import type { ModelConfig } from "../model.js";

export interface Architecture {
  readonly config: ModelConfig;
  readonly embedding: Embedding;
  /**
   * Where the norms of a block stand (Xiong et al. 2020). "pre": h ← h + attention(norm(h)), then
   * h ← h + feedForward(norm(h)). "post": h ← norm(h + attention(h)), then h ← norm(h + feedForward(h)).
   */
  readonly normPlacement: "pre" | "post";
  readonly blocks: readonly Block[];
}

/** The parts of one block; each reads its weights when it is asked for them. */
export interface Block {
  attentionNorm(): Promise<NormSpec>;
  attention(): Promise<AttentionSpec>;
  feedForwardNorm(): Promise<NormSpec>;
  feedForward(): Promise<FeedForwardSpec>;
}

/** Blocks in order: of absurdly many that a config.json announces, the first one without weights is named. */
export function blocks(count: number, block: (layer: number) => Block): Block[] {
  const made: Block[] = [];
  for (let layer = 0; layer < count; layer++) made.push(block(layer));
  return made;
}
