// QK-norm: a norm of queries or of keys between their projection and the scores.
import { checkKeys, checkNumber, checkOneOf, checkTensor, wrongKind, wrongValue } from "../../base/check.js";
import type { TensorLike } from "../../base/tensor.js";

/**
 * A norm of queries or keys. Its weights are [dHead] for every head alike, [heads, dHead] for each its own, statistics
 * taken a head in both; or [heads·dHead] for a norm over the whole width.
 */
export interface ScoreNormSpec {
  kind: "layer" | "rms";
  gain: TensorLike;
  /** Layer norm only; of the gain's shape. */
  bias?: TensorLike;
  epsilon: number;
  /** After the rotary positions instead of before them. */
  afterRope?: boolean;
}

export interface ResolvedScoreNorm {
  readonly kind: "layer" | "rms";
  readonly epsilon: number;
  readonly afterRope: boolean;
  /** Channels that share their statistics: dHead, or all. */
  readonly span: number;
  /** Of every channel, [heads·dHead]. */
  readonly gain: Float64Array;
  readonly bias?: Float64Array;
}

/** @throws TypeError for wrong kinds and unknown keys, RangeError for weights of another shape */
export function resolveScoreNorm(label: string, spec: unknown, heads: number, dHead: number): ResolvedScoreNorm {
  checkKeys(label, spec, ["kind", "gain", "bias", "epsilon", "afterRope"]);
  const { kind: name, gain, bias, epsilon: least, afterRope = false } = spec as ScoreNormSpec;
  const kind = checkOneOf(`${label}.kind`, name, ["layer", "rms"]);
  if (kind === "rms" && bias !== undefined) throw new RangeError(`"${label}.bias": expected none for kind "rms"`);
  if (typeof afterRope !== "boolean") throw wrongKind(`${label}.afterRope`, "true or false", afterRope);
  const width = heads * dHead;
  const weights = checkTensor(`${label}.gain`, gain);
  const extents = weights.shape.join(", ");
  const shapes = [`${dHead}`, `${heads}, ${dHead}`, `${width}`];
  if (!shapes.includes(extents)) {
    throw wrongValue(`${label}.gain`, `a tensor [${shapes.join("], [")}]`, `[${extents}]`);
  }
  const expand = (data: ArrayLike<number>) => Float64Array.from({ length: width }, (_, c) => data[c % data.length]);
  const own = bias === undefined ? undefined : checkTensor(`${label}.bias`, bias, weights.shape);
  return {
    kind,
    epsilon: checkNumber(`${label}.epsilon`, least, 0, Number.POSITIVE_INFINITY, true),
    afterRope,
    span: weights.shape.length === 1 && weights.shape[0] === width ? width : dHead,
    gain: expand(weights.data),
    bias: own && expand(own.data),
  };
}

/** A norm of one head alone, of those that take their statistics a head. */
export function normOfHead(norm: ResolvedScoreNorm, head: number, dHead: number): ResolvedScoreNorm {
  const part = (data: Float64Array) => data.slice(head * dHead, (head + 1) * dHead);
  return { ...norm, gain: part(norm.gain), bias: norm.bias && part(norm.bias) };
}
