// Attention's passes: forward and first order (MATH 1, 2.1, 2.2), and second order (2.3), for either kind of scores.

import { anchorKernels } from "./anchors.js";
import type { Kernel } from "./kernel.js";
import { type Modifiers, shareCode } from "./modifiers.js";
import { kernelOf, type Matrix, type Pass, type Product } from "./pass.js";
import { type Kind, type Scores, scoresOf } from "./score.js";
import { probabilities, statistics } from "./softmax.js";

export type Passes = ReturnType<typeof passesOf>;
const made = new Map<string, Passes>();

/** The kernels for a kind of scores and what modifies them. */
export function attentionPasses(kind: Kind, modifiers: Modifiers): Passes {
  const scores = scoresOf(kind, modifiers);
  const passes = made.get(scores.name) ?? passesOf(scores);
  made.set(scores.name, passes);
  return passes;
}

const BACK = {
  queries: "back[row * size.channels + z * size.dHead + c]",
  keys: "back[row * size.channels + (size.heads + z) * size.dHead + c]",
  values: "back[row * size.channels + (size.heads + size.kvHeads) * size.dHead + z * size.dValue + c]",
};

function passesOf(scores: Scores) {
  return {
    scores,
    statistics: statistics(scores),
    ...forward(scores),
    ...anchorKernels(scores),
    ...firstOrder(scores),
    ...secondOrder(scores),
  };
}

function make({ name, modified }: Scores, pass: Omit<Pass, "over" | "modified"> & { over?: Pass["over"] }): Kernel {
  return kernelOf({ over: "each", modified, ...pass, name: `${pass.name}, ${name}` });
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
    probabilities: probabilities(scores),
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
  const { score, tangent, gradient, modifiers } = scores;
  const slope = scores.modified.slope ? "slope * " : "";
  /** G_S = P∘(M − a), with M = G_O Vᵀ. */
  const ofScores = {
    buffers: { gradient: "read f32", terms: "read vec2f", back: "read_write f32" },
    products: [score, { of: ["cotangent", "value"], into: 1 }],
    weights: [`${slope}p * ${centred("s1", 0)}`],
    columns: "size.dHead",
  } satisfies Partial<Pass>;
  // Beside a sink rows of P sum to less than 1, and what is common to a row does not drop out of its mean.
  const common = modifiers.sinks ? " - terms[2u * (z * size.n + row)] * shareOfSink(row, z)" : "";
  return {
    /** dO = (P∘E) V + P dV − r∘O, with r, the row sums of P∘E; both E and r are without E at the row's anchor. */
    attendTangent: make(scores, {
      name: "tangent of attend",
      buffers: { tangent: "read f32", output: "read f32", outputTangent: "read_write f32", terms: "read_write f32" },
      rows: "query",
      products: [score, ...tangent],
      weights: ["p * (s1 - terms[2u * (head * size.n + i)])", "p"],
      operands: ["value", "valueTangent"],
      columns: "size.dValue",
      store: `
  let at = (row * size.heads + z) * size.dValue + c;
  let mean = weightSums.x${common};
  outputTangent[at] = sum - mean * output[at];
  if (c == 0u) { terms[2u * (z * size.n + row) + 1u] = mean; }`,
      functions: shareCode(modifiers),
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

/** WGSL of a score less its value at the row's anchor, less the row's mean of such differences: see anchors.ts. */
function centred(score: string, slot: number): string {
  const term = `terms[(${slot}u * size.heads + head) * size.n + i]`;
  return `((${score} - ${term}.x) - ${term}.y)`;
}

/**
 * Of x ↦ ⟨G, J(x) U⟩: G_E = P∘(M − a) and G_S = P∘(B − b), with B = (E − r)∘(M − a) + N, M = G_O Vᵀ and N = G_O dVᵀ.
 * `terms` holds for each of E, M and B its value at the row's anchor, N's for B, and its mean without that value, so that
 * a saturated row cancels to the last bit.
 */
function secondOrder(scores: Scores) {
  const { score, tangent, gradient, modifiers } = scores;
  const slope = scores.modified.slope ? "slope * " : "";
  const turned = scores.modified.slope ? ` + turnOf(s0) * s1 * p * ${centred("s2", 1)}` : "";
  const curvature = `(${centred("s1", 0)} * ${centred("s2", 1)} + (s3 - terms[(2u * size.heads + head) * size.n + i].x))`;
  const products: Product[] = [
    score,
    ...tangent,
    { of: ["cotangent", "value"], into: 2 },
    { of: ["cotangent", "valueTangent"], into: 3 },
  ];
  const ofScores = {
    buffers: { tangent: "read f32", gradient: "read f32", terms: "read vec2f", back: "read_write f32" },
    products,
    weights: [
      `${slope}p * (${curvature} - terms[(2u * size.heads + head) * size.n + i].y)${turned}`,
      `${slope}p * ${centred("s2", 1)}`,
    ],
    columns: "size.dHead",
  } satisfies Partial<Pass>;
  const at = (slot: number) => `(${slot}u * size.heads + z) * size.n + row`;
  const sums = { rows: "query", operands: [] as Matrix[], columns: "1u" } as const;
  return {
    /** b, the row sums of P∘B. */
    curvatureMean: make(scores, {
      ...sums,
      name: "mean of curvatures",
      buffers: { tangent: "read f32", gradient: "read f32", terms: "read_write vec2f" },
      products,
      weights: [`p * ${curvature}`],
      store: `terms[${at(2)}].y = weightSums.x${
        modifiers.sinks
          ? ` - (terms[${at(2)}].x - (terms[${at(0)}].x + terms[${at(0)}].y) * (terms[${at(1)}].x + terms[${at(1)}].y)) * shareOfSink(row, z)`
          : ""
      };`,
      functions: shareCode(modifiers),
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
      weights: [`p * ${centred("s1", 0)}`],
      operands: ["cotangent"],
      columns: "size.dValue",
      store: `${BACK.values} = sum;`,
    }),
  };
}
