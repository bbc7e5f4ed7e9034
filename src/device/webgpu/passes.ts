// Attention's passes: forward and first order (MATH 1, 2.1, 2.2), and second order (2.3), for either kind of scores.
import type { Kernel } from "./kernel.js";
import { kernelOf, type Matrix, type Pass, type Product } from "./pass.js";
import { probabilities, statistics } from "./softmax.js";

export type Kind = "dot-product" | "l2";

/** What the two kinds of scores differ in. */
interface Scores {
  readonly kind: Kind;
  /** S, up to a constant a row. */
  readonly score: Product;
  /** E, its derivative along dQ, dK, up to a constant a row. */
  readonly tangent: readonly Product[];
  /**
   * WGSL of the gradient of rows `own` at (row, c), from the sum of the weights times the other side's rows, and with
   * `tangent` also times those of their tangents.
   */
  readonly gradient: (own: "query" | "key", tangent: boolean) => string;
}

const INNER: Scores = {
  kind: "dot-product",
  score: { of: ["query", "key"], into: 0, factor: "scale()" },
  tangent: [
    { of: ["queryTangent", "key"], into: 1, factor: "scale()" },
    { of: ["query", "keyTangent"], into: 1, factor: "scale()" },
  ],
  gradient: () => "scale() * sum",
};

/** Of differences, since the squares' expansion cancels for tokens far from the origin (MATH 2.6). */
const DISTANCE: Scores = {
  kind: "l2",
  score: { of: ["query", "key"], as: "distance", into: 0, factor: "-scale()" },
  tangent: [
    { of: ["query", "key"], and: ["queryTangent", "keyTangent"], as: "differences", into: 1, factor: "-2.0 * scale()" },
  ],
  gradient: (own, tangent) => {
    const head = own === "query" ? "z" : "z * (size.heads / size.kvHeads)";
    const second = tangent ? ` - weightSums.y * ${own}Tangent(row, c, ${head})` : "";
    return `2.0 * scale() * (sum - weightSums.x * ${own}(row, c, ${head})${second})`;
  },
};

export type Passes = ReturnType<typeof passesOf>;
const made = new Map<Kind, Passes>();

/** The kernels for a kind of scores. */
export function attentionPasses(kind: Kind): Passes {
  const passes = made.get(kind) ?? passesOf(kind === "l2" ? DISTANCE : INNER);
  made.set(kind, passes);
  return passes;
}

const BACK = {
  queries: "back[row * size.channels + z * size.dHead + c]",
  keys: "back[row * size.channels + (size.heads + z) * size.dHead + c]",
  values: "back[row * size.channels + (size.heads + size.kvHeads) * size.dHead + z * size.dValue + c]",
};

function passesOf(scores: Scores) {
  return { statistics: statistics(scores.score), ...forward(scores), ...firstOrder(scores), ...secondOrder(scores) };
}

function make({ kind }: Scores, pass: Omit<Pass, "over"> & { over?: Pass["over"] }): Kernel {
  return kernelOf({ over: "each", ...pass, name: `${pass.name}, ${kind}` });
}

function forward(scores: Scores) {
  const products = [scores.score];
  const patterns = {
    buffers: { vector: "read f32", result: "read_write f32" },
    over: "all",
    products,
    weights: ["p"],
    operands: ["entry"],
    columns: "1u",
    store: "result[row] = sum;",
  } satisfies Partial<Pass>;
  return {
    probabilities: probabilities(scores.score),
    /** O = P V. */
    attend: make(scores, {
      name: "attend",
      buffers: { output: "read_write f32" },
      rows: "query",
      products,
      weights: ["p"],
      operands: ["value"],
      columns: "size.dValue",
      store: "output[(row * size.heads + z) * size.dValue + c] = sum;",
    }),
    /** Σ_h P_h applied to a vector [n], and its transpose. */
    sumPatterns: make(scores, { ...patterns, name: "sum of patterns", rows: "query" }),
    sumTransposedPatterns: make(scores, { ...patterns, name: "sum of transposed patterns", rows: "key" }),
  };
}

function firstOrder(scores: Scores) {
  const { score, tangent, gradient } = scores;
  /** G_S = P∘(M − a), with M = G_O Vᵀ; `mean` is a. */
  const ofScores = {
    buffers: { gradient: "read f32", mean: "read f32", back: "read_write f32" },
    products: [score, { of: ["cotangent", "value"], into: 1 }],
    weights: ["p * (s1 - mean[head * size.n + i])"],
    columns: "size.dHead",
  } satisfies Partial<Pass>;
  return {
    /** dO = (P∘E) V + P dV − r∘O, with r, the row sums of P∘E, into `mean`. */
    attendTangent: make(scores, {
      name: "tangent of attend",
      buffers: { tangent: "read f32", output: "read f32", outputTangent: "read_write f32", mean: "read_write f32" },
      rows: "query",
      products: [score, ...tangent],
      weights: ["p * s1", "p"],
      operands: ["value", "valueTangent"],
      columns: "size.dValue",
      store: `
  let at = (row * size.heads + z) * size.dValue + c;
  outputTangent[at] = sum - weightSums.x * output[at];
  if (c == 0u) { mean[z * size.n + row] = weightSums.x; }`,
    }),
    /** G_Q = G_S K, and for l2 the like of it. */
    queryGradient: make(scores, {
      ...ofScores,
      name: "gradient of queries",
      rows: "query",
      operands: ["key"],
      store: `${BACK.queries} = ${gradient("query", false)};`,
    }),
    /** G_K = G_Sᵀ Q, over the heads of a group. */
    keyGradient: make(scores, {
      ...ofScores,
      name: "gradient of keys",
      rows: "key",
      operands: ["query"],
      store: `${BACK.keys} = ${gradient("key", false)};`,
    }),
    /** G_V = Pᵀ G_O, over the heads of a group. */
    valueGradient: make(scores, {
      name: "gradient of values",
      buffers: { gradient: "read f32", back: "read_write f32" },
      rows: "key",
      products: [score],
      weights: ["p"],
      operands: ["cotangent"],
      columns: "size.dValue",
      store: `${BACK.values} = sum;`,
    }),
  };
}

/** r, a or b of a row, in WGSL. */
function term(index: number): string {
  return `terms[(${index}u * size.heads + head) * size.n + i]`;
}

/**
 * Of x ↦ ⟨G, J(x) U⟩: G_E = P∘(M − a) and G_S = P∘(B − b), with B = (E − r)∘(M − a) + N, M = G_O Vᵀ and N = G_O dVᵀ.
 * `terms` holds r, a and b of every row, all three as sums of the same P, so that a saturated row cancels to the last
 * bit.
 */
function secondOrder(scores: Scores) {
  const { score, tangent, gradient } = scores;
  const curvature = `((s1 - ${term(0)}) * (s2 - ${term(1)}) + s3)`;
  const products: Product[] = [
    score,
    ...tangent,
    { of: ["cotangent", "value"], into: 2 },
    { of: ["cotangent", "valueTangent"], into: 3 },
  ];
  const ofScores = {
    buffers: { tangent: "read f32", gradient: "read f32", terms: "read f32", back: "read_write f32" },
    products,
    weights: [`p * (${curvature} - ${term(2)})`, `p * (s2 - ${term(1)})`],
    columns: "size.dHead",
  } satisfies Partial<Pass>;
  const sums = { rows: "query", operands: [] as Matrix[], columns: "1u" } as const;
  return {
    /** a, the row sums of P∘M. */
    gradientMean: make(scores, {
      ...sums,
      name: "mean of gradients",
      buffers: { gradient: "read f32", terms: "read_write f32" },
      products: [score, { of: ["cotangent", "value"], into: 1 }],
      weights: ["p * s1"],
      store: "terms[(size.heads + z) * size.n + row] = weightSums.x;",
    }),
    /** b, the row sums of P∘B. */
    curvatureMean: make(scores, {
      ...sums,
      name: "mean of curvatures",
      buffers: { tangent: "read f32", gradient: "read f32", terms: "read_write f32" },
      products,
      weights: [`p * ${curvature}`],
      store: "terms[(2u * size.heads + z) * size.n + row] = weightSums.x;",
    }),
    /** G_S K + G_E dK. */
    querySecond: make(scores, {
      ...ofScores,
      name: "second order of queries",
      rows: "query",
      operands: ["key", "keyTangent"],
      store: `${BACK.queries} = ${gradient("query", true)};`,
    }),
    /** G_Sᵀ Q + G_Eᵀ dQ. */
    keySecond: make(scores, {
      ...ofScores,
      name: "second order of keys",
      rows: "key",
      operands: ["query", "queryTangent"],
      store: `${BACK.keys} = ${gradient("key", true)};`,
    }),
    /** dPᵀ G_O, with dP = P∘(E − r). */
    valueSecond: make(scores, {
      name: "second order of values",
      buffers: ofScores.buffers,
      rows: "key",
      products: [score, ...tangent],
      weights: [`p * (s1 - ${term(0)})`],
      operands: ["cotangent"],
      columns: "size.dValue",
      store: `${BACK.values} = sum;`,
    }),
  };
}
