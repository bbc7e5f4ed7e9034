// Inputs of two distinct tokens at which attention is about as unsmooth as it can be: one odd token that all the others
// would turn to (Castin, Ablin and Peyré 2024; MATH 6).

import { checkInteger, checkKeys, checkNumber, checkOneOf } from "../base/check.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import { type Affinity, headAffinity, scoreGap, scoreGradient } from "../bounds/affinity.js";
import type { Bound } from "../bounds/bound.js";
import { type EigenDirection, eigenDirectionOfProduct, eigenPair } from "../bounds/eigenDirection.js";
import { leadingRightVector, type TokenPair, widestPair } from "../bounds/gammaStar.js";
import { causalInfluence, shareOfAttention, unmaskedInfluence, type ValueMap } from "../bounds/influence.js";
import type { Linear } from "../layers/linear.js";
import { resolveLinear } from "../layers/linear.js";
import { columnsOf, type Matrix, product, rowsOf, scaledMatrix, transposed } from "../linalg/matrix.js";

/** The head and the set that `adversarial.twoPoint` looks for an input in. */
export interface TwoPointQuestion {
  /** Query map of the layer, or its weight alone, [dIn, heads·dHead]. */
  query: Linear | TensorLike;
  /** Key map of the layer, or its weight alone, [dIn, kvHeads·dHead]. */
  key: Linear | TensorLike;
  /** Value and output maps, for a prediction with them; without them V is the identity. */
  value?: Linear | TensorLike;
  output?: Linear | TensorLike;
  /** Default 1/√dHead. */
  scale?: number;
  /** Tokens, at least 2. */
  n: number;
  /** Every token lies in the ball of this radius. */
  radius: number;
  /** Default 1, kvHeads = heads, and the first head. */
  heads?: number;
  kvHeads?: number;
  head?: number;
  /** "none" (the default) or "causal". */
  mask?: "none" | "causal";
  /**
   * "search" (the default): the tokens of the largest gap of scores, γ* of MATH 6.6; "eigenpair": the paper's, along an
   * eigenvector of a real eigenvalue.
   */
  method?: "search" | "eigenpair";
}

/** Input of two distinct tokens from `adversarial.twoPoint`, and what to expect there (MATH 6). */
export interface TwoPoint {
  /** [n, dIn]: the odd token, then n − 1 copies of the other. */
  readonly x: Tensor;
  /** A lower bound of the norm of the Jacobian of that head alone at x, and at large radius close to it. */
  readonly predicted: Bound;
  /** ⟨A b + g0, a − b⟩, by how much the odd token's score exceeds the others'. */
  readonly gap: number;
  /** gap/(2·radius²): γ or γ* where there is no query bias. */
  readonly gamma: number;
  /** The share of attention that the odd token gets from the last one. */
  readonly share: number;
  /** The eigenvalue of A along which the tokens lie, for method "eigenpair". */
  readonly eigenvalue?: number;
}

/**
 * The input whose odd first token moves all others, and how much it moves them: sigma grows like √n up to n ≈ e^gap.
 * A head's weights are the COLUMNS head·dHead … of the maps.
 * @throws TypeError and RangeError for arguments of a wrong kind, shape or value, and, for method "eigenpair", where A
 *   has no real eigenvalue other than zero
 * @example
 * const eye = { data: new Float64Array([1, 0, 0, 1]), shape: [2, 2] };
 * const minus = { data: new Float64Array([-1, 0, 0, -1]), shape: [2, 2] };
 * const { x, predicted } = adversarial.twoPoint({ query: eye, key: minus, scale: 1, n: 64, radius: 3 });
 * predicted.value; // 7.93…
 */
export function twoPoint(question: TwoPointQuestion): TwoPoint {
  checkKeys("question", question, questionNames);
  const n = checkInteger("n", question.n, 2);
  const radius = checkNumber("radius", question.radius, 0);
  const mask = checkOneOf("mask", question.mask ?? "none", ["none", "causal"]);
  const method = checkOneOf("method", question.method ?? "search", ["search", "eigenpair"]);
  const { query, key, scale, bias, value } = checkHead(question);
  const affinity = headAffinity(query, key, scale, bias);
  const direction = method === "eigenpair" ? realDirection(query, key, scale) : undefined;
  const pair = direction ? eigenPair(direction, radius) : widestPair(affinity, radius);
  const gap = scoreGap(scoreGradient(affinity, pair.other), pair.odd, pair.other);
  return {
    x: tokensOf(pair, n),
    predicted: predict(affinity, value, pair, n, mask),
    gap,
    gamma: gap / (2 * radius * radius),
    share: shareOfAttention(n - 1, gap),
    ...(direction ? { eigenvalue: direction.eigenvalue } : {}),
  };
}

const questionNames = [
  "query",
  "key",
  "value",
  "output",
  "scale",
  "n",
  "radius",
  "heads",
  "kvHeads",
  "head",
  "mask",
  "method",
];

function predict(affinity: Affinity, value: ValueMap, pair: TokenPair, n: number, mask: "none" | "causal"): Bound {
  const influence =
    mask === "causal" ? causalInfluence(affinity, value, pair, n) : unmaskedInfluence(affinity, value, pair, n, 1);
  return {
    value: influence.largest(),
    kind: "lower",
    scope: "point",
    source: mask === "causal" ? "MATH 6.5" : "MATH 6.1",
    assumptions: ["this head alone", "no rotary positions", mask === "causal" ? "causal mask" : "no mask"],
  };
}

function tokensOf({ odd, other }: TokenPair, n: number): Tensor {
  const x = new Float64Array(n * odd.length);
  for (let i = 0; i < n; i++) x.set(i === 0 ? odd : other, i * odd.length);
  return tensor(x, [n, odd.length]);
}

/** The eigenpair of A = scale·key·queryᵀ by way of the smaller of scale·queryᵀ·key and A itself. */
function realDirection(query: Matrix, key: Matrix, scale: number): EigenDirection {
  const left = scaledMatrix(key, scale);
  const small = product(transposed(query), left);
  const direction = eigenDirectionOfProduct(left, small);
  if (direction) return direction;
  throw new RangeError(
    '"method": "eigenpair" does not apply: it assumes that A = scale·W_K·W_Qᵀ of this head has a real eigenvalue other ' +
      'than zero; use "search"',
  );
}

function checkHead(question: TwoPointQuestion) {
  const heads = checkInteger("heads", question.heads ?? 1, 1);
  const kvHeads = checkInteger("kvHeads", question.kvHeads ?? heads, 1, heads);
  if (heads % kvHeads !== 0) {
    throw new RangeError(`"kvHeads": expected a divisor of heads = ${heads}, got ${kvHeads}`);
  }
  const head = checkInteger("head", question.head ?? 0, 0, heads - 1);
  const group = Math.floor((head * kvHeads) / heads);
  const query = slice("query", question.query, -1, head, heads);
  const key = slice("key", question.key, query.weight.rows, group, kvHeads);
  const dHead = query.weight.columns;
  if (key.weight.columns !== dHead) {
    throw new RangeError(`"key": expected ${kvHeads * dHead} columns, got ${kvHeads * key.weight.columns}`);
  }
  return {
    query: query.weight,
    key: key.weight,
    bias: query.bias,
    scale: question.scale === undefined ? 1 / Math.sqrt(dHead) : checkNumber("scale", question.scale),
    value: valueMap(question, query.weight.rows, { head, heads, group, kvHeads }),
  };
}

interface HeadPlace {
  head: number;
  heads: number;
  group: number;
  kvHeads: number;
}

/** V = (W_V·W_O)ᵀ of the head. */
function valueMap(question: TwoPointQuestion, dIn: number, { head, heads, group, kvHeads }: HeadPlace): ValueMap {
  if (question.value === undefined) {
    if (question.output === undefined) return {};
    throw new TypeError('"value": expected the value map that "output" goes with, got undefined');
  }
  const { weight } = slice("value", question.value, dIn, group, kvHeads);
  if (question.output === undefined) return withLeading(transposed(weight));
  const output = resolveLinear("output", asLinear(question.output), heads * weight.columns);
  const rows = rowsOf(output.weight, output.dOut, head * weight.columns, (head + 1) * weight.columns);
  return withLeading(transposed(product(weight, rows)));
}

function withLeading(V: Matrix): ValueMap {
  return { V, leading: leadingRightVector(V) };
}

/** The columns of one of `blocks` blocks of a map, and that part of its bias. */
function slice(label: string, map: Linear | TensorLike, dIn: number, block: number, blocks: number) {
  const { weight, bias, dOut } = resolveLinear(label, asLinear(map), dIn);
  if (dOut % blocks !== 0) {
    throw new RangeError(`"${label}": expected columns that ${blocks} heads divide, got ${dOut}`);
  }
  const width = dOut / blocks;
  return {
    weight: columnsOf(weight, dOut, block * width, (block + 1) * width),
    bias: bias?.subarray(block * width, (block + 1) * width),
  };
}

function asLinear(map: Linear | TensorLike): Linear {
  return map !== null && typeof map === "object" && "data" in map ? { weight: map } : map;
}
