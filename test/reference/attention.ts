// Self-attention in plain loops on doubles, straight from MATH 1 and 2: what every device is compared with.

import { type Tensor, type TensorLike, tensor } from "../../src/base/tensor.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Linear } from "../../src/layers/linear.js";
import {
  accumulate,
  distance2,
  flat,
  hadamard,
  inner,
  type Matrix,
  minus,
  place,
  rows,
  sigmoid,
  slice,
  tensorOf,
  times,
  transpose,
  unit,
  zeros,
} from "./matrices.js";
import { biasOf, rotateHeads, softmax } from "./scores.js";

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
  const { heads } = spec;
  const kvHeads = spec.kvHeads ?? heads;
  const l2 = spec.kind === "l2";
  const allowed = allowedPairs(spec.mask ?? "none", n);
  const queries = side(spec, spec.query, spec.queryNorm, heads, input);
  const keys = side(spec, spec.key ?? spec.query, spec.keyNorm, kvHeads, input);
  const gate = spec.gate && affine(input, affineOf(spec.gate)).map((row) => row.map(sigmoid));
  const parts = Array.from({ length: heads }, (_, h) => {
    const group = Math.floor((h * kvHeads) / heads);
    const maps = headMaps(spec, h, group, kvHeads);
    const [q, k] = [slice(queries.out, h, heads), slice(keys.out, group, kvHeads)];
    const v = affine(input, maps.value);
    const added = biasOf(spec, h, n);
    const raw = q.map((qi) => k.map((kj) => (l2 ? -maps.scale * distance2(qi, kj) : maps.scale * inner(qi, kj))));
    const cap = spec.softcap;
    const slopes = raw.map((row) => row.map((s) => (cap ? 1 - Math.tanh(s / cap) ** 2 : 1)));
    const logits = allowed.map((row, i) =>
      row.map((allow, j) => {
        if (!allow) return Number.NEGATIVE_INFINITY;
        return (cap ? cap * Math.tanh(raw[i][j] / cap) : raw[i][j]) + added(i, j);
      }),
    );
    const p = logits.map((row) => softmax(row, spec.sinks?.data[h]));
    const o = times(p, v);
    return { ...maps, h, group, q, k, v, o, slopes, logits, p, gate: gate && slice(gate, h, heads) };
  });
  const dOut = parts[0].output[0].length;
  const output = zeros(n, dOut);
  for (const { o, gate: open, output: map } of parts) accumulate(output, times(hadamard(o, open), map));
  const outputBias = spec.output?.bias;
  if (outputBias)
    accumulate(
      output,
      Array.from({ length: n }, () => Array.from(outputBias.data)),
    );

  const jvp = (direction: TensorLike): Tensor => {
    const u = rows(direction);
    const image = zeros(n, dOut);
    const [allQ, allK] = [queries.jvp(u), keys.jvp(u)];
    const allZ = spec.gate && times(u, rows(spec.gate.weight));
    for (const { h, group, value, output: map, scale, q, k, v, o, p, slopes, gate: open } of parts) {
      const [dq, dk, dv] = [slice(allQ, h, heads), slice(allK, group, kvHeads), times(u, value.weight)];
      const dp = p.map((row, i) => {
        const e = row.map((_, j) =>
          l2
            ? -2 * scale * inner(minus(q[i], k[j]), minus(dq[i], dk[j]))
            : slopes[i][j] * scale * (inner(dq[i], k[j]) + inner(q[i], dk[j])),
        );
        const mean = inner(row, e);
        return row.map((weight, j) => weight * (e[j] - mean));
      });
      const dO = times(dp, v);
      accumulate(dO, times(p, dv));
      if (!open || !allZ) {
        accumulate(image, times(dO, map));
        continue;
      }
      const dz = slice(allZ, h, heads);
      const gated = dO.map((row, i) =>
        row.map((entry, c) => open[i][c] * entry + open[i][c] * (1 - open[i][c]) * dz[i][c] * o[i][c]),
      );
      accumulate(image, times(gated, map));
    }
    return flat(image);
  };

  const vjp = (cotangent: TensorLike): Tensor => {
    const g = rows(cotangent);
    const pulled = zeros(n, dIn);
    const allQ = zeros(n, queries.out[0].length);
    const allK = zeros(n, keys.out[0].length);
    const allZ = spec.gate && zeros(n, spec.gate.weight.data.length / dIn);
    for (const { h, group, value, output: map, scale, q, k, v, o, p, slopes, gate: open } of parts) {
      const gY = times(g, transpose(map));
      const gO = hadamard(gY, open);
      if (open && allZ)
        place(
          allZ,
          hadamard(
            hadamard(gY, o),
            open.map((row) => row.map((s) => s * (1 - s))),
          ),
          h,
        );
      const gS = p.map((row, i) => {
        const m = v.map((vj) => inner(gO[i], vj));
        const mean = inner(row, m);
        return row.map((weight, j) => weight * (m[j] - mean) * slopes[i][j]);
      });
      const gQ = q.map((qi, i) => qi.map((_, c) => k.reduce((s, kj, j) => s + gS[i][j] * pull(qi, kj, c), 0)));
      const gK = k.map((kj, j) => kj.map((_, c) => q.reduce((s, qi, i) => s + gS[i][j] * pull(kj, qi, c), 0)));
      function pull(own: number[], other: number[], c: number): number {
        return l2 ? -2 * scale * (own[c] - other[c]) : scale * other[c];
      }
      place(allQ, gQ, h);
      place(allK, gK, group);
      accumulate(pulled, times(times(transpose(p), gO), transpose(value.weight)));
    }
    accumulate(pulled, queries.vjp(allQ));
    accumulate(pulled, keys.vjp(allK));
    if (spec.gate && allZ) accumulate(pulled, times(allZ, transpose(rows(spec.gate.weight))));
    return flat(pulled);
  };

  return {
    output: flat(output),
    probabilities: tensor(Float64Array.from(parts.flatMap(({ p }) => p.flat())), [heads, n, n]),
    largestLogit: Math.max(0, ...parts.flatMap(({ logits }) => logits.flat().filter(Number.isFinite).map(Math.abs))),
    jvp,
    vjp,
  };
}

interface Affine {
  weight: Matrix;
  bias: number[];
}

/** All queries, or all keys, of a layer as a map of its tokens, with its derivatives. */
interface Side {
  out: Matrix;
  jvp(u: Matrix): Matrix;
  vjp(g: Matrix): Matrix;
}

function side(spec: AttentionSpec, linear: Linear, norm: AttentionSpec["queryNorm"], heads: number, x: Matrix): Side {
  const map = affineOf(linear);
  const turn = (sign: 1 | -1) => (tokens: Matrix) => rotateHeads(tokens, spec.rope, heads, sign);
  const projected = affine(x, map);
  const normOf = (tokens: Matrix) => (norm ? normAt(norm, heads, tokens) : undefined);
  const before = norm?.afterRope ? undefined : normOf(projected);
  const turned = turn(1)(before?.out ?? projected);
  const after = norm?.afterRope ? normOf(turned) : undefined;
  return {
    out: after?.out ?? turned,
    jvp(u) {
      const du = times(u, map.weight);
      const dTurned = turn(1)(before?.jvp(du) ?? du);
      return after?.jvp(dTurned) ?? dTurned;
    },
    vjp(g) {
      const gTurned = turn(-1)(after?.vjp(g) ?? g);
      return times(before?.vjp(gTurned) ?? gTurned, transpose(map.weight));
    },
  };
}

/** A norm of parts of each token (MATH 3). */
function normAt(norm: NonNullable<AttentionSpec["queryNorm"]>, heads: number, tokens: Matrix): Side {
  const width = tokens[0].length;
  const { shape } = tensorOf(norm.gain);
  const span = shape.length === 1 && shape[0] === width ? width : width / heads;
  const at = (data: ArrayLike<number>, c: number) => data[c % data.length];
  const mean = (row: number[]) => (norm.kind === "layer" ? row.reduce((sum, entry) => sum + entry, 0) / row.length : 0);
  const eachPart = (rowsOf: Matrix, part: (row: number[], i: number, first: number) => number[]) =>
    rowsOf.map((row, i) =>
      Array.from({ length: width / span }, (_, b) => part(row.slice(b * span, (b + 1) * span), i, b * span)).flat(),
    );
  const deviations: number[][] = tokens.map(() => []);
  const z = eachPart(tokens, (row, i, first) => {
    const centre = mean(row);
    const s = Math.sqrt(row.reduce((sum, entry) => sum + (entry - centre) ** 2, 0) / span + norm.epsilon);
    deviations[i][first / span] = s;
    return row.map((entry) => (entry - centre) / s);
  });
  const core = (rowsOf: Matrix) =>
    eachPart(rowsOf, (row, i, first) => {
      const own = z[i].slice(first, first + span);
      const [m, along] = [mean(row), inner(own, row) / span];
      return row.map((entry, c) => (entry - m - own[c] * along) / deviations[i][first / span]);
    });
  const scaled = (rowsOf: Matrix) => rowsOf.map((row) => row.map((entry, c) => entry * at(norm.gain.data, c)));
  return {
    out: scaled(z).map((row) => row.map((entry, c) => entry + (norm.bias ? at(norm.bias.data, c) : 0))),
    jvp: (u) => scaled(core(u)),
    vjp: (g) => core(scaled(g)),
  };
}

/** The value and output maps of one query head: its group's columns of W_V, its rows of W_O. */
function headMaps(spec: AttentionSpec, h: number, group: number, kvHeads: number) {
  const query = columnsOf(spec.query, h, spec.heads);
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
  return { value, output, scale };
}

function affineOf(map: Linear): Affine {
  return columnsOf(map, 0, 1);
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

function affine(x: Matrix, { weight, bias }: Affine): Matrix {
  return times(x, weight).map((row) => row.map((entry, c) => entry + bias[c]));
}
