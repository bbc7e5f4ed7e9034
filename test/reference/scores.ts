// What acts on scores, and on queries and keys before them, in plain loops: rotary positions, biases, the softmax.
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { type Matrix, rows, tensorOf } from "./matrices.js";

/** What is added to the score of (i, j) in head h. */
export function biasOf({ bias, heads }: AttentionSpec, h: number, n: number): (i: number, j: number) => number {
  if (bias === undefined) return () => 0;
  if ("matrix" in bias) {
    const { data, shape } = tensorOf(bias.matrix);
    return (i, j) => data[((shape[0] === 1 ? 0 : h) * n + i) * n + j];
  }
  if ("alibi" in bias) {
    const slope = bias.alibi === true ? alibiSlope(heads, h) : bias.alibi[h];
    return (i, j) => -slope * Math.abs(i - j);
  }
  const { data, shape } = tensorOf(bias.table);
  return (i, j) => data[bucket(j - i, shape[0], bias.maxDistance, bias.bidirectional) * heads + h];
}

function alibiSlope(heads: number, h: number): number {
  let power = 1;
  while (2 * power <= heads) power *= 2;
  return h < power ? 2 ** ((-8 * (h + 1)) / power) : 2 ** ((-8 * (2 * (h - power) + 1)) / (2 * power));
}

/** T5's, as transformers writes it. */
function bucket(relative: number, buckets: number, maxDistance: number, bidirectional: boolean): number {
  let first = 0;
  let count = buckets;
  let far = relative;
  if (bidirectional) {
    count = Math.floor(count / 2);
    if (far > 0) first = count;
    far = Math.abs(far);
  } else far = Math.max(-far, 0);
  const exact = Math.floor(count / 2);
  if (far < exact) return first + far;
  const large = exact + Math.floor((Math.log(far / exact) / Math.log(maxDistance / exact)) * (count - exact) + 1e-6);
  return first + Math.min(large, count - 1);
}

/** Turns the pairs of every head of token p by their frequencies times ±p. */
export function rotateHeads(tokens: Matrix, rope: AttentionSpec["rope"], heads: number, sign: 1 | -1): Matrix {
  if (rope === undefined) return tokens;
  const width = tokens[0].length / heads;
  const given = "angles" in rope ? rows(rope.angles) : undefined;
  const pairs =
    given?.[0].length ??
    ("frequencies" in rope ? rope.frequencies.length : "pairs" in rope ? (rope.pairs ?? width / 2) : width / 2);
  return tokens.map((token, p) => {
    const turned = [...token];
    for (let first = 0; first < token.length; first += width) {
      for (let c = 0; c < pairs; c++) {
        const angle = sign * (given ? given[p][c] : p * frequencyOf(rope, c, pairs));
        const [a, b] = rope.interleaved ? [first + 2 * c, first + 2 * c + 1] : [first + c, first + c + pairs];
        turned[a] = token[a] * Math.cos(angle) - token[b] * Math.sin(angle);
        turned[b] = token[a] * Math.sin(angle) + token[b] * Math.cos(angle);
      }
    }
    return turned;
  });
}

function frequencyOf(rope: NonNullable<AttentionSpec["rope"]>, c: number, pairs: number): number {
  if ("base" in rope) return rope.base ** ((-2 * c) / (2 * pairs));
  return "frequencies" in rope ? rope.frequencies[c] : Number.NaN;
}

/** Of the finite logits, and of a sink that takes its share and has no value; a row that has none is zero. */
export function softmax(logits: number[], sink = Number.NEGATIVE_INFINITY): number[] {
  if (Math.max(...logits) === Number.NEGATIVE_INFINITY) return logits.map(() => 0);
  const largest = Math.max(...logits, sink);
  const weights = logits.map((s) => Math.exp(s - largest));
  const total = weights.reduce((sum, weight) => sum + weight, Math.exp(sink - largest));
  return weights.map((weight) => weight / total);
}
