// What a self-attention layer is made of.
import { checkInteger, checkKeys, checkNumber, checkOneOf, checkTensor, wrongKind } from "../check.js";
import type { RealArray, TensorLike } from "../tensor.js";
import { checkMask } from "./mask.js";

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
  /**
   * Rotary positions: pair c turns by position·base^(−2c/dHead), or by position·frequencies[c]; pairs are
   * (c, c + number of pairs), and channels past the last pair are left as they are.
   */
  rope?: { base: number } | { frequencies: readonly number[] };
}

/** A spec whose kinds, shapes and values were checked, with its sizes made explicit. */
export interface ResolvedSpec {
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

export interface ResolvedLinear {
  readonly dIn: number;
  readonly dOut: number;
  readonly weight: RealArray;
  readonly bias?: RealArray;
}

/** Checks y = x·weight + bias; `dIn` is what its width must be where that is known already. */
export function resolveLinear(label: string, linear: unknown, dIn = -1): ResolvedLinear {
  checkKeys(label, linear, ["weight", "bias"]);
  const { weight, bias } = linear as Linear;
  const w = checkTensor(`${label}.weight`, weight, [dIn, -1]);
  const b = bias === undefined ? undefined : checkTensor(`${label}.bias`, bias, [w.shape[1]]);
  return { dIn: w.shape[0], dOut: w.shape[1], weight: w.data, bias: b?.data };
}

const KEYS = ["kind", "heads", "kvHeads", "query", "key", "value", "output", "tiedValue", "scale", "mask", "rope"];

/**
 * Checks a whole spec (API.md, "Attention").
 * @throws TypeError for wrong kinds and unknown keys, RangeError for widths that do not fit together.
 */
export function resolveSpec(spec: AttentionSpec): ResolvedSpec {
  checkKeys("spec", spec, KEYS);
  const kind = checkOneOf("spec.kind", spec.kind ?? "dot-product", ["dot-product", "l2"]);
  if (kind === "l2") {
    throw new RangeError('"spec.kind": "l2" is not available in this version; "dot-product" is');
  }
  if (spec.tiedValue) throw new RangeError('"spec.tiedValue": expected kind "l2", got "dot-product"');
  const heads = checkInteger("spec.heads", spec.heads, 1);
  const kvHeads = checkInteger("spec.kvHeads", spec.kvHeads ?? heads, 1, heads);
  if (heads % kvHeads !== 0) {
    throw new RangeError(`"spec.kvHeads": expected a divisor of heads = ${heads}, got ${kvHeads}`);
  }
  const query = resolveLinear("spec.query", spec.query);
  const dHead = perHead("spec.query", query.dOut, heads, "heads");
  if (spec.key === undefined)
    throw new TypeError('"spec.key": expected a linear map; only kind "l2" can do without one');
  const key = resolveLinear("spec.key", spec.key, query.dIn);
  if (perHead("spec.key", key.dOut, kvHeads, "kvHeads") !== dHead) {
    throw new RangeError(
      `"spec.key": expected kvHeads·dHead = ${kvHeads * dHead} columns, as many a head as the query's, got ${key.dOut}`,
    );
  }
  const value = resolveLinear("spec.value", spec.value, query.dIn);
  const dValue = perHead("spec.value", value.dOut, kvHeads, "kvHeads");
  const output = spec.output === undefined ? undefined : resolveLinear("spec.output", spec.output, heads * dValue);
  const mask = spec.mask ?? "none";
  checkMask("spec.mask", mask);
  return {
    dIn: query.dIn,
    dOut: output ? output.dOut : heads * dValue,
    heads,
    kvHeads,
    dHead,
    dValue,
    scale: spec.scale === undefined ? 1 / Math.sqrt(dHead) : checkNumber("spec.scale", spec.scale),
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
