// What a layer may have between projections and output beyond scores, mask and rotary positions; not all code knows all.
import type { ResolvedSpec } from "./spec.js";

const names = ["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"] as const;

export type Modifier = (typeof names)[number];

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
