// A mixture of experts as plain data, but for weights that are read as they are chosen.
import type { FeedForwardSpec } from "../../layers/feedForward.js";
import type { Linear } from "../../layers/linear.js";

export interface MixtureSpec {
  /** [width, experts]. */
  readonly router: Linear;
  /** Experts of a token. */
  readonly chosen: number;
  /** Whether the weights are a softmax over the chosen, or over all experts. */
  readonly overChosen: boolean;
  readonly width: number;
  readonly experts: number;
  /** Read where a token chooses it. */
  expert(index: number): Promise<FeedForwardSpec>;
}

/** A mixture, and the expert that all tokens share. */
export interface Experts {
  readonly mixture: MixtureSpec;
  readonly shared?: { readonly expert: FeedForwardSpec; readonly gate: Linear };
}
