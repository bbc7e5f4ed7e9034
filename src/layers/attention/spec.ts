// What a self-attention layer is made of.
import { checkInteger, checkKeys, checkNumber, checkOneOf, wrongKind } from "../../base/check.js";
import { type Linear, type ResolvedLinear, resolveLinear } from "../linear.js";
import { checkMask, type Mask } from "./mask.js";
import { checkTiedValue, tiedKey, tiedValueMap } from "./tied.js";

/** A self-attention layer as plain data: its maps, heads, mask and positions (MATH 1). */
export interface AttentionSpec {
  /** Scores scale·⟨q, k⟩ (default), or −scale·|q − k|² (Kim et al. 2021). */
  kind?: "dot-product" | "l2";
  heads: number;
  /** Grouped-query attention: how many heads of keys and values; a divisor of `heads`, default `heads`. */
  kvHeads?: number;
  query: Linear;
  /** Left out (l2 only): the query's map, tied. */
  key?: Linear;
  value: Linear;
  /** Left out: the heads' outputs are concatenated. */
  output?: Linear;
  /** l2 with a tied key and no query bias: the value map of head h is scale·W_Q,h W_Q,hᵀ W_V,h (Kim et al.'s L2-MHA). */
  tiedValue?: boolean;
  /** Default 1/√dHead. */
  scale?: number;
  mask?: Mask;
  /**
   * Rotary positions: pair c turns by position·base^(−2c/dHead), or by position·frequencies[c]; pairs are
   * (c, c + number of pairs), and channels past the last pair are left as they are.
   */
  rope?: { base: number } | { frequencies: readonly number[] };
}

/** A spec whose kinds, shapes and values were checked, with its sizes made explicit. */
export interface ResolvedSpec {
  readonly kind: "dot-product" | "l2";
  readonly dIn: number;
  readonly dOut: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dHead: number;
  readonly dValue: number;
  readonly scale: number;
  readonly mask: Mask;
  /** Angle of each rotated pair a position, [pairs]. */
  readonly frequencies?: Float64Array;
  readonly query: ResolvedLinear;
  readonly key: ResolvedLinear;
  readonly value: ResolvedLinear;
  readonly output?: ResolvedLinear;
}

const KEYS = ["kind", "heads", "kvHeads", "query", "key", "value", "output", "tiedValue", "scale", "mask", "rope"];

/**
 * Checks a whole spec (API.md, "Attention").
 * @throws TypeError for wrong kinds and unknown keys, RangeError for widths that do not fit together.
 */
export function resolveSpec(spec: AttentionSpec): ResolvedSpec {
  checkKeys("spec", spec, KEYS);
  const kind = checkOneOf("spec.kind", spec.kind ?? "dot-product", ["dot-product", "l2"]);
  const heads = checkInteger("spec.heads", spec.heads, 1);
  const kvHeads = checkInteger("spec.kvHeads", spec.kvHeads ?? heads, 1, heads);
  if (heads % kvHeads !== 0) {
    throw new RangeError(`"spec.kvHeads": expected a divisor of heads = ${heads}, got ${kvHeads}`);
  }
  const query = resolveLinear("spec.query", spec.query);
  const dHead = perHead("spec.query", query.dOut, heads, "heads");
  const key =
    spec.key === undefined ? tiedKey(kind, query, heads, kvHeads) : resolveLinear("spec.key", spec.key, query.dIn);
  if (perHead("spec.key", key.dOut, kvHeads, "kvHeads") !== dHead) {
    throw new RangeError(
      `"spec.key": expected kvHeads·dHead = ${kvHeads * dHead} columns, as many a head as the query's, got ${key.dOut}`,
    );
  }
  const scale = spec.scale === undefined ? 1 / Math.sqrt(dHead) : checkNumber("spec.scale", spec.scale);
  const ownValue = resolveLinear("spec.value", spec.value, query.dIn);
  const dValue = perHead("spec.value", ownValue.dOut, kvHeads, "kvHeads");
  const value = checkTiedValue(spec) ? tiedValueMap(query, ownValue, heads, scale) : ownValue;
  const output = spec.output === undefined ? undefined : resolveLinear("spec.output", spec.output, heads * dValue);
  const mask = spec.mask ?? "none";
  checkMask("spec.mask", mask);
  if (kind === "l2" && spec.rope !== undefined) {
    throw new RangeError('"spec.rope": expected none for kind "l2"; only kind "dot-product" has rotary positions');
  }
  return {
    kind,
    dIn: query.dIn,
    dOut: output ? output.dOut : heads * dValue,
    heads,
    kvHeads,
    dHead,
    dValue,
    scale,
    mask,
    frequencies: spec.rope === undefined ? undefined : resolveRope(spec.rope, dHead),
    query,
    key,
    value,
    output,
  };
}

function resolveRope(rope: NonNullable<AttentionSpec["rope"]>, dHead: number): Float64Array {
  checkKeys("spec.rope", rope, ["base", "frequencies"]);
  if ("frequencies" in rope) {
    const { frequencies } = rope;
    if (!Array.isArray(frequencies)) throw wrongKind("spec.rope.frequencies", "an array of numbers", frequencies);
    if (frequencies.length === 0 || 2 * frequencies.length > dHead) {
      throw new RangeError(
        `"spec.rope.frequencies": expected 1 to ${Math.floor(dHead / 2)} pairs for dHead = ${dHead}, got ${frequencies.length}`,
      );
    }
    return Float64Array.from(frequencies, (value, c) => checkNumber(`spec.rope.frequencies[${c}]`, value));
  }
  const base = checkNumber("spec.rope.base", rope.base, 0);
  if (dHead % 2 !== 0) throw new RangeError(`"spec.rope": expected an even dHead, got ${dHead}`);
  return Float64Array.from({ length: dHead / 2 }, (_, c) => base ** ((-2 * c) / dHead));
}

function perHead(label: string, columns: number, heads: number, name: string): number {
  if (columns % heads !== 0) {
    throw new RangeError(`"${label}": expected columns that ${name} = ${heads} divides, got ${columns}`);
  }
  return columns / heads;
}
