// A feed-forward layer: what it is made of, checked, for every device.
import { checkKeys } from "../base/check.js";
import { type Activation, type ResolvedActivation, resolveActivation } from "./activation.js";
import { type Linear, type ResolvedLinear, resolveLinear } from "./linear.js";

/** down(act(gate x) ∘ up x), or down(act(up x)) without a gate. */
export interface FeedForwardSpec {
  up: Linear;
  gate?: Linear;
  down: Linear;
  activation: Activation;
}

export interface ResolvedFeedForward {
  readonly up: ResolvedLinear;
  readonly gate?: ResolvedLinear;
  readonly down: ResolvedLinear;
  readonly activation: ResolvedActivation;
}

/** @throws TypeError for wrong kinds and unknown keys, RangeError for widths that do not fit together */
export function resolveFeedForward(spec: FeedForwardSpec): ResolvedFeedForward {
  checkKeys("feedForward", spec, ["up", "gate", "down", "activation"]);
  const up = resolveLinear("feedForward.up", spec.up);
  const gate = spec.gate === undefined ? undefined : resolveLinear("feedForward.gate", spec.gate, up.dIn);
  if (gate && gate.dOut !== up.dOut) {
    throw new RangeError(`"feedForward.gate": expected ${up.dOut} columns, as up has, got ${gate.dOut}`);
  }
  const down = resolveLinear("feedForward.down", spec.down, up.dOut);
  return { up, gate, down, activation: resolveActivation("feedForward.activation", spec.activation) };
}
