// Mixtures of experts as families describe them.
import type { Of } from "./family.js";

/** How a family's router chooses experts, and what they are. */
export interface ExpertsRule {
  readonly router: string;
  /** Experts of a token: default of num_experts_per_tok. */
  readonly chosen: number;
  /** Weights: softmax over all, softmax over the chosen, sigmoid, or a sigmoid that scales the expert's input. */
  readonly score: "softmax" | "top" | "sigmoid" | "input";
  /** Whether the weights of the chosen are divided by their sum. */
  readonly normed?: Of<boolean>;
  /** Prefix of the tensors of one expert, with {} for its number, and the names of gate, up and down. */
  readonly each?: { readonly prefix: string; readonly names: readonly [string, string, string] };
}
