// Attention's passes (MATH 1, 2.1, 2.2) and the row-wise kernels between them.
import type { Kernel } from "./kernel.js";
import { MASK_FUNCTIONS } from "./mask.js";
import { kernelOf, loaders, type Pass, type Product, SCORE, SIZES, scores } from "./pass.js";

/** m, 1/l and the largest |score| of every row, from running values over the tiles of keys. */
export const STATISTICS: Kernel = {
  name: "statistics",
  buffers: { mask: "read u32", qkv: "read f32", statistics: "read_write vec4f" },
  sizes: SIZES,
  lanes: 64,
  code: `
${MASK_FUNCTIONS}
${loaders(["query", "key"])}
var<workgroup> tileScores: array<vec4f, 256>;

fn kernel(group: vec3u, lane: u32) {
  let head = group.z;
  let row = group.x * 32u;
  let span = keySpan(group.x);
  let ty = lane / 8u;
  let tx = lane % 8u;
  let i = row + lane;
  // Below every score that f32 can hold without its exponential's argument overflowing.
  var largest = -1e38;
  var sum = 0.0;
  var magnitude = 0.0;
  for (var tile = span.x; tile < span.y; tile++) {
    if (!tileHasPairs(group.x, tile)) { continue; }
    let column = tile * 32u;
${scores([SCORE], "query")}
    tileScores[(4u * ty) * 8u + tx] = score00;
    tileScores[(4u * ty + 1u) * 8u + tx] = score01;
    tileScores[(4u * ty + 2u) * 8u + tx] = score02;
    tileScores[(4u * ty + 3u) * 8u + tx] = score03;
    workgroupBarrier();
    if (lane < 32u) {
      var most = largest;
      for (var e = 0u; e < 32u; e++) {
        if (!mayAttend(i, column + e)) { continue; }
        let score = tileScores[lane * 8u + e / 4u][e % 4u];
        most = max(most, score);
        magnitude = max(magnitude, abs(score));
      }
      sum *= exp(largest - most);
      for (var e = 0u; e < 32u; e++) {
        if (mayAttend(i, column + e)) { sum += exp(tileScores[lane * 8u + e / 4u][e % 4u] - most); }
      }
      largest = most;
    }
    workgroupBarrier();
  }
  if (lane < 32u && i < size.n) {
    statistics[head * size.n + i] = vec4f(largest, select(0.0, 1.0 / sum, sum > 0.0), magnitude, 0.0);
  }
}`,
};

/** O = P V. */
export const ATTEND = kernelOf({
  name: "attend",
  buffers: { output: "read_write f32" },
  rows: "query",
  over: "each",
  products: [SCORE],
  weights: ["p"],
  operands: ["value"],
  columns: "size.dValue",
  store: "output[(row * size.heads + z) * size.dValue + c] = sum;",
});

/** E = dQ Kᵀ + Q dKᵀ. */
const TANGENT: readonly Product[] = [
  { of: ["queryTangent", "key"], into: 1 },
  { of: ["query", "keyTangent"], into: 1 },
];

/** dO = (P∘E) V + P dV − r∘O, with r, the row sums of P∘E, into `mean`. */
export const ATTEND_TANGENT = kernelOf({
  name: "tangent of attend",
  buffers: { tangent: "read f32", output: "read f32", outputTangent: "read_write f32", mean: "read_write f32" },
  rows: "query",
  over: "each",
  products: [SCORE, ...TANGENT],
  weights: ["p * s1", "p"],
  operands: ["value", "valueTangent"],
  columns: "size.dValue",
  store: `
  let at = (row * size.heads + z) * size.dValue + c;
  outputTangent[at] = sum - weightSum * output[at];
  if (c == 0u) { mean[z * size.n + row] = weightSum; }`,
});

/** M = G_O Vᵀ, of which G_S = P∘(M − a); `mean` is a. */
const GRADIENT: Product = { of: ["cotangent", "value"], into: 1 };
const SCORE_GRADIENT = "p * (s1 - mean[head * size.n + i])";

/** G_Q = G_S K. */
export const QUERY_GRADIENT = kernelOf({
  name: "gradient of queries",
  buffers: { gradient: "read f32", mean: "read f32", back: "read_write f32" },
  rows: "query",
  over: "each",
  products: [SCORE, GRADIENT],
  weights: [SCORE_GRADIENT],
  operands: ["key"],
  columns: "size.dHead",
  store: "back[row * size.channels + z * size.dHead + c] = sum;",
});

/** G_K = G_Sᵀ Q, over the heads of a group. */
export const KEY_GRADIENT = kernelOf({
  name: "gradient of keys",
  buffers: { gradient: "read f32", mean: "read f32", back: "read_write f32" },
  rows: "key",
  over: "each",
  products: [SCORE, GRADIENT],
  weights: [SCORE_GRADIENT],
  operands: ["query"],
  columns: "size.dHead",
  store: "back[row * size.channels + (size.heads + z) * size.dHead + c] = sum;",
});

/** G_V = Pᵀ G_O, over the heads of a group. */
export const VALUE_GRADIENT = kernelOf({
  name: "gradient of values",
  buffers: { gradient: "read f32", back: "read_write f32" },
  rows: "key",
  over: "each",
  products: [SCORE],
  weights: ["p"],
  operands: ["cotangent"],
  columns: "size.dValue",
  store: "back[row * size.channels + (size.heads + size.kvHeads) * size.dHead + z * size.dValue + c] = sum;",
});

/** r, a or b of a row, in WGSL. */
function term(index: number): string {
  return `terms[(${index}u * size.heads + head) * size.n + i]`;
}

/** B, in WGSL. */
const CURVATURE = `((s1 - ${term(0)}) * (s2 - ${term(1)}) + s3)`;

/**
 * MATH 2.3, for x ↦ ⟨G, J(x) U⟩: G_E = P∘(M − a) and G_S = P∘(B − b), with B = (E − r)∘(M − a) + N and N = G_O dVᵀ.
 * terms holds r, a and b of every row, all three as sums of the same P, so that a saturated row cancels to the last bit.
 */
const SECOND_ORDER = {
  buffers: { tangent: "read f32", gradient: "read f32", terms: "read f32", back: "read_write f32" },
  products: [
    SCORE,
    ...TANGENT,
    { of: ["cotangent", "value"], into: 2 },
    { of: ["cotangent", "valueTangent"], into: 3 },
  ],
  weights: [`p * (${CURVATURE} - ${term(2)})`, `p * (s2 - ${term(1)})`],
} satisfies Partial<Pass>;

/** a, the row sums of P∘M. */
export const GRADIENT_MEAN = kernelOf({
  name: "mean of gradients",
  buffers: { gradient: "read f32", terms: "read_write f32" },
  rows: "query",
  over: "each",
  products: [SCORE, GRADIENT],
  weights: ["p * s1"],
  operands: [],
  columns: "1u",
  store: "terms[(size.heads + z) * size.n + row] = weightSum;",
});

/** b, the row sums of P∘B. */
export const CURVATURE_MEAN = kernelOf({
  ...SECOND_ORDER,
  name: "mean of curvatures",
  buffers: { tangent: "read f32", gradient: "read f32", terms: "read_write f32" },
  rows: "query",
  over: "each",
  weights: [`p * ${CURVATURE}`],
  operands: [],
  columns: "1u",
  store: "terms[(2u * size.heads + z) * size.n + row] = weightSum;",
});

/** G_S K + G_E dK. */
export const QUERY_SECOND = kernelOf({
  ...SECOND_ORDER,
  name: "second order of queries",
  rows: "query",
  over: "each",
  operands: ["key", "keyTangent"],
  columns: "size.dHead",
  store: "back[row * size.channels + z * size.dHead + c] = sum;",
});

/** G_Sᵀ Q + G_Eᵀ dQ. */
export const KEY_SECOND = kernelOf({
  ...SECOND_ORDER,
  name: "second order of keys",
  rows: "key",
  over: "each",
  operands: ["query", "queryTangent"],
  columns: "size.dHead",
  store: "back[row * size.channels + (size.heads + z) * size.dHead + c] = sum;",
});

/** dPᵀ G_O, with dP = P∘(E − r). */
export const VALUE_SECOND = kernelOf({
  ...SECOND_ORDER,
  name: "second order of values",
  products: [SCORE, ...TANGENT],
  weights: [`p * (s1 - ${term(0)})`],
  rows: "key",
  over: "each",
  operands: ["cotangent"],
  columns: "size.dValue",
  store: "back[row * size.channels + (size.heads + size.kvHeads) * size.dHead + z * size.dValue + c] = sum;",
});

/** Σ_h P_h applied to a vector [n], and its transpose. */
export const SUM_PATTERNS = kernelOf({
  name: "sum of patterns",
  buffers: { vector: "read f32", result: "read_write f32" },
  rows: "query",
  over: "all",
  products: [SCORE],
  weights: ["p"],
  operands: ["entry"],
  columns: "1u",
  store: "result[row] = sum;",
});
export const SUM_TRANSPOSED_PATTERNS = kernelOf({
  name: "sum of transposed patterns",
  buffers: { vector: "read f32", result: "read_write f32" },
  rows: "key",
  over: "all",
  products: [SCORE],
  weights: ["p"],
  operands: ["entry"],
  columns: "1u",
  store: "result[row] = sum;",
});

/** a = rowsum(P∘M) = ⟨G_O, O⟩ of every row and head. */
export const MEAN_GRADIENT: Kernel = {
  name: "mean gradient",
  buffers: { gradient: "read f32", output: "read f32", mean: "read_write f32" },
  sizes: SIZES,
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let i = group.x * 64u + lane;
  if (i >= size.n) { return; }
  let start = (i * size.heads + group.y) * size.dValue;
  var sum = 0.0;
  for (var c = start; c < start + size.dValue; c++) { sum += gradient[c] * output[c]; }
  mean[group.y * size.n + i] = sum;
}`,
};

/** Turns the pairs (c, c + pairs) of queries and keys by their angles [n, pairs] of (cos, sin), or back by them. */
export const ROTATE: Kernel = {
  name: "rotate",
  buffers: { angles: "read vec2f", rows: "read_write f32" },
  sizes: ["n", "heads", "dHead", "channels", "pairs", "back"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let i = group.x * 64u + lane;
  if (i >= size.n) { return; }
  let start = i * size.channels + group.y * size.dHead;
  for (var c = 0u; c < size.pairs; c++) {
    let angle = angles[i * size.pairs + c];
    let sine = select(angle.y, -angle.y, size.back != 0u);
    let a = rows[start + c];
    let b = rows[start + c + size.pairs];
    rows[start + c] = a * angle.x - b * sine;
    rows[start + c + size.pairs] = a * sine + b * angle.x;
  }
}`,
};

/** Rows [first, first + count) of one head's probabilities, n wide. */
export const PROBABILITIES: Kernel = {
  name: "probabilities",
  buffers: { mask: "read u32", qkv: "read f32", statistics: "read vec4f", rows: "read_write f32" },
  sizes: [...SIZES, "head", "first"],
  lanes: 64,
  code: `
${MASK_FUNCTIONS}
${loaders(["query", "key"])}
fn kernel(group: vec3u, lane: u32) {
  let j = group.x * 64u + lane;
  let i = size.first + group.y;
  if (j >= size.n) { return; }
  var p = 0.0;
  if (mayAttend(i, j)) {
    var score = 0.0;
    for (var c = 0u; c < size.dHead; c++) { score += query(i, c, size.head) * key(j, c, size.head); }
    let row = statistics[size.head * size.n + i];
    p = exp(score - row.x) * row.y;
  }
  rows[group.y * size.n + j] = p;
}`,
};
