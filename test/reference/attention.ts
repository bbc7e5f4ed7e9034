// Self-attention in plain loops on doubles, straight from MATH 1 and 2: what every device is compared with.

import { type Tensor, type TensorLike, tensor } from "../../src/base/tensor.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Linear } from "../../src/layers/linear.js";

/** Rows of numbers. */
type Matrix = number[][];

export interface ReferenceAttention {
  /** Y, [n, dOut]. */
  output: Tensor;
  /** P, [heads, n, n]. */
  probabilities: Tensor;
  /** The largest |logit| among the allowed pairs, 0 if there are none. */
  largestLogit: number;
  /** J U (MATH 2.1). */
  jvp(u: TensorLike): Tensor;
  /** Jᵀ G (MATH 2.2). */
  vjp(g: TensorLike): Tensor;
}

/** One layer at one input x [n, dIn]. The specification is taken to be valid. */
export function referenceAttention(spec: AttentionSpec, x: TensorLike): ReferenceAttention {
  const input = rows(x);
  const n = input.length;
  const dIn = input[0].length;
  const allowed = allowedPairs(spec.mask ?? "none", n);
  const heads = Array.from({ length: spec.heads }, (_, h) => headMaps(spec, h)).map((maps) => {
    const q = rotate(affine(input, maps.query), maps.frequencies, 1);
    const k = rotate(affine(input, maps.key), maps.frequencies, 1);
    const v = affine(input, maps.value);
    const logits = allowed.map((row, i) =>
      row.map((allow, j) => {
        if (!allow) return Number.NEGATIVE_INFINITY;
        return maps.l2 ? -maps.scale * distance2(q[i], k[j]) : maps.scale * inner(q[i], k[j]);
      }),
    );
    return { ...maps, q, k, v, logits, p: logits.map(softmax) };
  });
  const dOut = heads[0].output[0].length;
  const output = zeros(n, dOut);
  for (const { p, v, output: map } of heads) accumulate(output, times(times(p, v), map));
  const outputBias = spec.output?.bias;
  if (outputBias)
    accumulate(
      output,
      Array.from({ length: n }, () => Array.from(outputBias.data)),
    );

  const jvp = (direction: TensorLike): Tensor => {
    const u = rows(direction);
    const image = zeros(n, dOut);
    for (const { query, key, value, output: map, frequencies, scale, l2, q, k, v, p } of heads) {
      const dq = rotate(times(u, query.weight), frequencies, 1);
      const dk = rotate(times(u, key.weight), frequencies, 1);
      const dv = times(u, value.weight);
      const dp = p.map((row, i) => {
        const e = row.map((_, j) =>
          l2
            ? -2 * scale * inner(minus(q[i], k[j]), minus(dq[i], dk[j]))
            : scale * (inner(dq[i], k[j]) + inner(q[i], dk[j])),
        );
        const mean = inner(row, e);
        return row.map((weight, j) => weight * (e[j] - mean));
      });
      const dO = times(dp, v);
      accumulate(dO, times(p, dv));
      accumulate(image, times(dO, map));
    }
    return flat(image);
  };

  const vjp = (cotangent: TensorLike): Tensor => {
    const g = rows(cotangent);
    const pulled = zeros(n, dIn);
    for (const { query, key, value, output: map, frequencies, scale, l2, q, k, v, p } of heads) {
      const gO = times(g, transpose(map));
      const gS = p.map((row, i) => {
        const m = v.map((vj) => inner(gO[i], vj));
        const mean = inner(row, m);
        return row.map((weight, j) => weight * (m[j] - mean));
      });
      const gQ = q.map((qi, i) => qi.map((_, c) => k.reduce((s, kj, j) => s + gS[i][j] * pull(qi, kj, c), 0)));
      const gK = k.map((kj, j) => kj.map((_, c) => q.reduce((s, qi, i) => s + gS[i][j] * pull(kj, qi, c), 0)));
      function pull(own: number[], other: number[], c: number): number {
        return l2 ? -2 * scale * (own[c] - other[c]) : scale * other[c];
      }
      accumulate(pulled, times(rotate(gQ, frequencies, -1), transpose(query.weight)));
      accumulate(pulled, times(rotate(gK, frequencies, -1), transpose(key.weight)));
      accumulate(pulled, times(times(transpose(p), gO), transpose(value.weight)));
    }
    return flat(pulled);
  };

  return {
    output: flat(output),
    probabilities: tensor(Float64Array.from(heads.flatMap(({ p }) => p.flat())), [spec.heads, n, n]),
    largestLogit: Math.max(0, ...heads.flatMap(({ logits }) => logits.flat().filter(Number.isFinite).map(Math.abs))),
    jvp,
    vjp,
  };
}

interface Affine {
  weight: Matrix;
  bias: number[];
}

/** The maps of one query head: its own columns of W_Q, its group's of W_K and W_V, its rows of W_O. */
function headMaps(spec: AttentionSpec, h: number) {
  const kvHeads = spec.kvHeads ?? spec.heads;
  const group = Math.floor((h * kvHeads) / spec.heads);
  const l2 = spec.kind === "l2";
  const query = columnsOf(spec.query, h, spec.heads);
  const key = spec.key ? columnsOf(spec.key, group, kvHeads) : query;
  const scale = spec.scale ?? 1 / Math.sqrt(query.bias.length);
  let value = columnsOf(spec.value, group, kvHeads);
  if (spec.tiedValue) {
    const products = times(query.weight, times(transpose(query.weight), value.weight));
    value = { weight: products.map((row) => row.map((entry) => scale * entry)), bias: value.bias };
  }
  const dValue = value.bias.length;
  const output = spec.output
    ? rows(spec.output.weight).slice(h * dValue, (h + 1) * dValue)
    : value.bias.map((_, c) => unit(spec.heads * dValue, h * dValue + c));
  return { query, key, value, output, scale, l2, frequencies: frequenciesOf(spec.rope, query.bias.length) };
}

function frequenciesOf(rope: AttentionSpec["rope"], width: number): readonly number[] {
  if (rope === undefined) return [];
  if ("frequencies" in rope) return rope.frequencies;
  return Array.from({ length: width / 2 }, (_, c) => rope.base ** ((-2 * c) / width));
}

function columnsOf(map: Linear, block: number, blocks: number): Affine {
  const weight = rows(map.weight);
  const width = weight[0].length / blocks;
  const bias = map.bias ? Array.from(map.bias.data) : weight[0].map(() => 0);
  return {
    weight: weight.map((row) => row.slice(block * width, (block + 1) * width)),
    bias: bias.slice(block * width, (block + 1) * width),
  };
}

/** Whether row i may attend to column j (API.md, Mask). */
export function allowedPairs(mask: Mask, n: number): boolean[][] {
  const allows = (m: Mask, i: number, j: number): boolean => {
    if (m === "none") return true;
    if (m === "causal") return j <= i;
    if ("window" in m) return i - j <= m.window.left && j - i <= m.window.right;
    if ("chunk" in m) {
      const ahead = Math.floor(j / m.chunk.size) - Math.floor(i / m.chunk.size);
      return ahead >= -(m.chunk.left ?? 0) && ahead <= (m.chunk.right ?? 0);
    }
    if ("allowed" in m) return m.allowed[i * n + j] === 1;
    return m.all.every((part) => allows(part, i, j));
  };
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => allows(mask, i, j)));
}

/** Turns the pair (c, c + d/2) of token p by ±p·base^(−2c/d). */
function rotate(tokens: Matrix, frequencies: readonly number[], sign: 1 | -1): Matrix {
  return tokens.map((token, p) => {
    const half = frequencies.length;
    const turned = [...token];
    for (let c = 0; c < half; c++) {
      const angle = sign * p * frequencies[c];
      turned[c] = token[c] * Math.cos(angle) - token[c + half] * Math.sin(angle);
      turned[c + half] = token[c] * Math.sin(angle) + token[c + half] * Math.cos(angle);
    }
    return turned;
  });
}

/** Of the finite logits; a row that has none is zero. */
function softmax(logits: number[]): number[] {
  const largest = Math.max(...logits);
  if (largest === Number.NEGATIVE_INFINITY) return logits.map(() => 0);
  const weights = logits.map((s) => Math.exp(s - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function affine(x: Matrix, { weight, bias }: Affine): Matrix {
  return times(x, weight).map((row) => row.map((entry, c) => entry + bias[c]));
}

function rows(x: TensorLike): Matrix {
  const [n, d] = "shape" in x ? x.shape : x.dims;
  return Array.from({ length: n }, (_, i) => Array.from(x.data.subarray(i * d, (i + 1) * d)));
}

function flat(x: Matrix): Tensor {
  return tensor(Float64Array.from(x.flat()), [x.length, x[0].length]);
}

function zeros(n: number, d: number): Matrix {
  return Array.from({ length: n }, () => new Array<number>(d).fill(0));
}

function unit(size: number, at: number): number[] {
  return Array.from({ length: size }, (_, i) => (i === at ? 1 : 0));
}

function inner(a: number[], b: number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function minus(a: number[], b: number[]): number[] {
  return a.map((entry, i) => entry - b[i]);
}

function distance2(a: number[], b: number[]): number {
  const difference = minus(a, b);
  return inner(difference, difference);
}

function transpose(a: Matrix): Matrix {
  return a[0].map((_, c) => a.map((row) => row[c]));
}

function times(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => {
    const product = new Array<number>(b[0].length).fill(0);
    row.forEach((entry, l) => {
      for (let c = 0; c < product.length; c++) product[c] += entry * b[l][c];
    });
    return product;
  });
}

function accumulate(sum: Matrix, term: Matrix): void {
  term.forEach((row, i) => {
    row.forEach((entry, c) => {
      sum[i][c] += entry;
    });
  });
}
