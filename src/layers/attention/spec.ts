// What a self-attention layer is made of.
import { checkInteger, checkKeys, checkNumber, checkOneOf, checkTensor } from "../../base/check.js";
import type { TensorLike } from "../../base/tensor.js";
import { type Linear, type ResolvedLinear, resolveLinear } from "../linear.js";
import { type ResolvedBias, resolveBias, type ScoreBias } from "./bias.js";
import { checkMask, type Mask } from "./mask.js";
import { type Angles, type Rope, resolveRope, sideBySide } from "./rope.js";
import { type ResolvedScoreNorm, resolveScoreNorm, type ScoreNormSpec } from "./scoreNorm.js";
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
  /** Rotary positions, 0 … n − 1, after the bias and the norm; dot-product only. */
  rope?: Rope;
  /** QK-norm, before the rotation and the scale; dot-product only. */
  queryNorm?: ScoreNormSpec;
  keyNorm?: ScoreNormSpec;
  /** Scores s become cap·tanh(s/cap), before bias and mask; dot-product only. */
  softcap?: number;
  /** Added to the scores. */
  bias?: ScoreBias;
  /** [heads]: a logit that joins the softmax with value 0; dot-product only. */
  sinks?: TensorLike;
  /** Output gate [dIn, heads·dValue]: sigmoid(x·weight + bias) times the heads' outputs, before the output map. */
  gate?: Linear;
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
  /** Or the angles of each token. */
  readonly angles?: Angles;
  readonly query: ResolvedLinear;
  readonly key: ResolvedLinear;
  readonly value: ResolvedLinear;
  readonly output?: ResolvedLinear;
  readonly queryNorm?: ResolvedScoreNorm;
  readonly keyNorm?: ResolvedScoreNorm;
  readonly softcap?: number;
  readonly bias?: ResolvedBias;
  /** [heads] */
  readonly sinks?: Float64Array;
  readonly gate?: ResolvedLinear;
}

const KEYS = [
  ...["kind", "heads", "kvHeads", "query", "key", "value", "output", "tiedValue", "scale", "mask", "rope"],
  ...["queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"],
];

/** What only scores that are inner products can have: distances would need terms that their derivatives drop. */
const OF_PRODUCTS = ["rope", "queryNorm", "keyNorm", "softcap", "sinks"] as const;

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
  if (kind === "l2") {
    const other = OF_PRODUCTS.find((name) => spec[name] !== undefined);
    if (other) throw new RangeError(`"spec.${other}": expected none for kind "l2"; only kind "dot-product" takes it`);
  }
  const norm = (name: "queryNorm" | "keyNorm", count: number) =>
    spec[name] === undefined ? undefined : resolveScoreNorm(`spec.${name}`, spec[name], count, dHead);
  const gate = spec.gate === undefined ? undefined : resolveLinear("spec.gate", spec.gate, query.dIn);
  if (gate && gate.dOut !== heads * dValue) {
    throw new RangeError(`"spec.gate": expected heads·dValue = ${heads * dValue} columns, got ${gate.dOut}`);
  }
  return turnedPairs(spec.rope, {
    kind,
    dIn: query.dIn,
    dOut: output ? output.dOut : heads * dValue,
    heads,
    kvHeads,
    dHead,
    dValue,
    scale,
    mask,
    query,
    key,
    value,
    output,
    queryNorm: norm("queryNorm", heads),
    keyNorm: norm("keyNorm", kvHeads),
    softcap: spec.softcap === undefined ? undefined : checkNumber("spec.softcap", spec.softcap, 0),
    bias: spec.bias === undefined ? undefined : resolveBias("spec.bias", spec.bias, heads),
    sinks:
      spec.sinks === undefined ? undefined : Float64Array.from(checkTensor("spec.sinks", spec.sinks, [heads]).data),
    gate,
  });
}

/** With its rotary positions: pairs of neighbours are brought side by side here, so that nothing else knows of them. */
function turnedPairs(rope: Rope | undefined, spec: ResolvedSpec): ResolvedSpec {
  if (rope === undefined) return spec;
  const { heads, kvHeads, dHead, queryNorm, keyNorm } = spec;
  const { turns, pairs, interleaved } = resolveRope(rope, dHead);
  if (!interleaved) return { ...spec, ...turns };
  const map = (linear: ResolvedLinear, count: number) => ({
    ...linear,
    weight: sideBySide(linear.weight, count, dHead, pairs),
    bias: linear.bias && sideBySide(linear.bias, count, dHead, pairs),
  });
  const norm = (own: ResolvedScoreNorm | undefined, count: number) =>
    own && {
      ...own,
      gain: sideBySide(own.gain, count, dHead, pairs) as Float64Array,
      bias: own.bias && (sideBySide(own.bias, count, dHead, pairs) as Float64Array),
    };
  return {
    ...spec,
    ...turns,
    query: map(spec.query, heads),
    key: map(spec.key, kvHeads),
    queryNorm: norm(queryNorm, heads),
    keyNorm: norm(keyNorm, kvHeads),
  };
}

function perHead(label: string, columns: number, heads: number, name: string): number {
  if (columns % heads !== 0) {
    throw new RangeError(`"${label}": expected columns that ${name} = ${heads} divides, got ${columns}`);
  }
  return columns / heads;
}
