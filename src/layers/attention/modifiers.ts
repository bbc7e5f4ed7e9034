// What a layer may have between projections and output beyond scores, mask and rotary positions; not all code knows all.
import type { ResolvedSpec } from "./spec.js";

const names = ["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"] as const;

export type Modifier = (typeof names)[number];

/** Whether the host's blocks and bounds cover a layer: all but output gates, and norms of queries or keys across heads. */
export function onHost(spec: Pick<ResolvedSpec, "gate" | "queryNorm" | "keyNorm" | "dHead">): boolean {
  return firstNotOnHost(spec) === undefined;
}

/** @throws RangeError that names what the host's blocks and bounds do not cover */
export function refuseOnHost(spec: Pick<ResolvedSpec, "gate" | "queryNorm" | "keyNorm" | "dHead">): void {
  const first = firstNotOnHost(spec);
  if (first === undefined) return;
  const what = first === "gate" ? "none" : "statistics of each head alone";
  throw new RangeError(
    `"spec.${first}": expected ${what}, since attention's blocks and certified bounds do not cover it; ` +
      "spectralNorm gives an upper end that holds with a stated probability for any layer",
  );
}

function firstNotOnHost({ gate, dHead, ...norms }: Pick<ResolvedSpec, "gate" | "queryNorm" | "keyNorm" | "dHead">) {
  if (gate) return "gate";
  return (["queryNorm", "keyNorm"] as const).find((name) => (norms[name]?.span ?? dHead) > dHead);
}

/** Those that a layer has. */
export function modifiersOf(spec: Partial<Pick<ResolvedSpec, Modifier>>): Modifier[] {
  return names.filter((name) => spec[name] !== undefined);
}

/**
 * Refuses a layer for what is not known to `what`.
 * @throws RangeError that names the first such modifier
 */
export function refuseModifiers(
  what: string,
  spec: Partial<Pick<ResolvedSpec, Modifier>>,
  unknown: readonly Modifier[] = names,
): void {
  const first = modifiersOf(spec).find((name) => unknown.includes(name));
  if (first) throw new RangeError(`"spec.${first}": expected none, since ${what} does not cover it`);
}
