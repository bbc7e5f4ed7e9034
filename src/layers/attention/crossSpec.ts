// Cross-attention: the same maps as self-attention's, with queries of one sequence and keys and values of another.
import { type Tensor, tensor } from "../../base/tensor.js";
import { type Linear, resolveLinear } from "../linear.js";
import { type AttentionSpec, type ResolvedSpec, resolveSpec } from "./spec.js";

/** A layer over both sequences' tokens, of whichever width is larger: the maps of the narrower have rows of zeros. */
export interface ResolvedCross {
  readonly spec: ResolvedSpec;
  /** Features of a token that asks, and of one that is asked. */
  readonly queryWidth: number;
  readonly memoryWidth: number;
}

/**
 * Checks a spec for cross-attention, whose key and value may be of another width than the query (and the gate); masks are
 * over [n, m].
 * @throws TypeError and RangeError as `resolveSpec`, and RangeError for a bias of the scores
 */
export function resolveCrossSpec(spec: AttentionSpec): ResolvedCross {
  if (spec?.bias !== undefined) throw new RangeError('"spec.bias": expected none for cross-attention');
  const queryWidth = resolveLinear("spec.query", spec?.query).dIn;
  const { key } = spec;
  const memoryWidth = key === undefined ? queryWidth : resolveLinear("spec.key", key).dIn;
  resolveLinear("spec.value", spec.value, memoryWidth);
  if (spec.gate !== undefined) resolveLinear("spec.gate", spec.gate, queryWidth);
  const width = Math.max(queryWidth, memoryWidth);
  const widened = {
    ...spec,
    query: widen(spec.query, width),
    value: widen(spec.value, width),
    ...(key === undefined ? {} : { key: widen(key, width) }),
    ...(spec.gate === undefined ? {} : { gate: widen(spec.gate, width) }),
  };
  return { spec: resolveSpec(widened), queryWidth, memoryWidth };
}

/** The same map of tokens with zeros behind their features. */
function widen(map: Linear, width: number): Linear {
  const { weight, dIn, dOut } = resolveLinear("map", map);
  if (dIn === width) return map;
  const data = new Float64Array(width * dOut);
  data.set(weight);
  const wide: Tensor = tensor(data, [width, dOut]);
  return { ...map, weight: wide };
}
