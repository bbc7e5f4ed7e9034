// One pass over attention's scores as a shader. Scores are made anew from queries and keys in tiles of 32 × 32, turned
// into weights in workgroup memory and multiplied with rows of another matrix, so that no n × n buffer exists. A
// workgroup of 64 makes 32 rows and 64 columns of the result; sums run in a fixed order.
import { lines } from "./gemm.js";
import type { Kernel } from "./kernel.js";
import { MASK_FUNCTIONS } from "./mask.js";

/** Result columns of a workgroup. */
export const COLUMNS = 64;

/** Sizes of every pass; `channels` is the width of a row of queries, keys and values side by side. */
export const SIZES = ["n", "tiles", "byEntry", "heads", "kvHeads", "dHead", "dValue", "channels"];

/** Where entry (row, channel c) of a head's matrix is, and how many channels it has. */
const MATRICES = {
  query: { at: "qkv[row * size.channels + head * size.dHead + c]", width: "size.dHead" },
  key: { at: "qkv[row * size.channels + keysFrom(head) + c]", width: "size.dHead" },
  value: { at: "qkv[row * size.channels + valuesFrom(head) + c]", width: "size.dValue" },
  queryTangent: { at: "tangent[row * size.channels + head * size.dHead + c]", width: "size.dHead" },
  keyTangent: { at: "tangent[row * size.channels + keysFrom(head) + c]", width: "size.dHead" },
  valueTangent: { at: "tangent[row * size.channels + valuesFrom(head) + c]", width: "size.dValue" },
  cotangent: { at: "gradient[(row * size.heads + head) * size.dValue + c]", width: "size.dValue" },
  entry: { at: "vector[row]", width: "1u" },
};

export type Matrix = keyof typeof MATRICES;

/** Σ_c of a matrix of the queries' side times one of the keys' side, added to one of the tiles of scores. */
export interface Product {
  readonly of: readonly [query: Matrix, key: Matrix];
  readonly into: 0 | 1 | 2 | 3;
}

export const SCORE: Product = { of: ["query", "key"], into: 0 };

export interface Pass {
  readonly name: string;
  /** Beside mask, qkv and statistics. */
  readonly buffers: Kernel["buffers"];
  /** What the rows of the result are. */
  readonly rows: "query" | "key";
  /** Each head (of queries) or group (of keys) by itself, or the sum over all heads. */
  readonly over: "each" | "all";
  readonly products: readonly Product[];
  /** What a pair of tokens (i, j) weighs, in WGSL: of its probability p and its scores s0, s1, …. */
  readonly weights: readonly string[];
  /** The matrix that each of the weights multiplies. */
  readonly operands: readonly Matrix[];
  /** Columns of the result, in WGSL. */
  readonly columns: string;
  /** WGSL that stores `sum` for (row, c) of head or group z; `weightSum` is the row's sum of the first weights. */
  readonly store: string;
}

export function kernelOf({ name, buffers, rows, over, products, weights, operands, columns, store }: Pass): Kernel {
  const matrices = [...products.flatMap(({ of }) => of), ...operands];
  const grouped = "(size.heads / size.kvHeads)";
  const ofGroup = `vec2u(group.z * ${grouped}, (group.z + 1u) * ${grouped})`;
  const own = rows === "query" ? "vec2u(group.z, group.z + 1u)" : ofGroup;
  const others = rows === "query" ? "key" : "query";
  return {
    name,
    buffers: { mask: "read u32", qkv: "read f32", statistics: "read vec4f", ...buffers },
    sizes: SIZES,
    lanes: 64,
    code: `
${MASK_FUNCTIONS}
${PROBABILITY}
${loaders(matrices)}
${weights.map((_, w) => `var<workgroup> weight${w}: array<vec4f, 256>;`).join("\n")}
var<workgroup> weightSums: array<f32, 32>;

fn store(row: u32, c: u32, sum: f32, weightSum: f32, z: u32) {
  if (row >= size.n || c >= ${columns}) { return; }
  ${store}
}

fn kernel(group: vec3u, lane: u32) {
  let row = group.x * 32u;
  let firstColumn = group.y * ${COLUMNS}u;
  let heads = ${over === "all" ? "vec2u(0u, size.heads)" : own};
  let span = ${others}Span(group.x);
  let ty = lane / 8u;
  let tx = lane % 8u;
${lines(8, (at) => `  var sum${at} = vec4f(0.0);`)}
  var weightSum = 0.0;
  for (var head = heads.x; head < heads.y; head++) {
    for (var tile = span.x; tile < span.y; tile++) {
      if (!tileHasPairs(${rows === "query" ? "group.x, tile" : "tile, group.x"})) { continue; }
      let column = tile * 32u;
${scores(products, rows)}
${weigh(products, weights, rows)}
      workgroupBarrier();
      if (lane < 32u) {
        for (var e = 0u; e < 32u; e++) { weightSum += weight0[e * 8u + lane / 4u][lane % 4u]; }
      }
${operands.map(addWeighted).join("\n")}
    }
  }
  if (lane < 32u) { weightSums[lane] = weightSum; }
  workgroupBarrier();
  var sums = array<vec4f, 8>(sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7);
  for (var at = 0u; at < 32u; at++) {
    let r = 4u * ty + at / 8u;
    store(row + r, firstColumn + 8u * tx + at % 8u, sums[at / 4u][at % 4u], weightSums[r], group.z);
  }
}`,
  };
}

const PROBABILITY = `
// statistics: a row's largest score, 1 over its sum of exponentials, and its largest |score|.
fn probability(i: u32, j: u32, head: u32, score: f32) -> f32 {
  if (!mayAttend(i, j)) { return 0.0; }
  let row = statistics[head * size.n + i];
  return exp(score - row.x) * row.y;
}`;

/** Functions that read matrices, giving 0 beyond the last token or channel, and the memory that tiles are read into. */
export function loaders(matrices: readonly Matrix[]): string {
  const functions = [...new Set(matrices)].map(
    (matrix) => `
fn ${matrix}(row: u32, c: u32, head: u32) -> f32 {
  if (row < size.n && c < ${MATRICES[matrix].width}) { return ${MATRICES[matrix].at}; }
  return 0.0;
}`,
  );
  return `
fn keysFrom(head: u32) -> u32 { return (size.heads + head * size.kvHeads / size.heads) * size.dHead; }
fn valuesFrom(head: u32) -> u32 {
  return (size.heads + size.kvHeads) * size.dHead + head * size.kvHeads / size.heads * size.dValue;
}
var<workgroup> slab: array<vec4f, 256>;
${functions.join("\n")}`;
}

/** Scores of rows row + 4·ty… (a variable a row) and columns column + 4·tx… (its components), for one head and tile. */
export function scores(products: readonly Product[], rows: "query" | "key"): string {
  const tiles = [...new Set(products.map(({ into }) => into))];
  return `
${tiles.map((s) => lines(4, (r) => `      var score${s}${r} = vec4f(0.0);`)).join("\n")}
${products.map((product) => addProduct(product, rows)).join("\n")}`;
}

function addProduct({ of, into }: Product, rows: "query" | "key"): string {
  const [left, right] = rows === "query" ? of : [of[1], of[0]];
  return `
      for (var first = 0u; first < ${MATRICES[left].width}; first += 16u) {
        for (var part = 0u; part < 2u; part++) {
          let at = lane + 64u * part;
          let c = first + at % 16u;
          let offset = at / 16u * 4u;
          var fromRows = vec4f(0.0);
          var fromColumns = vec4f(0.0);
          for (var e = 0u; e < 4u; e++) {
            fromRows[e] = ${left}(row + offset + e, c, head);
            fromColumns[e] = ${right}(column + offset + e, c, head);
          }
          slab[at % 16u * 8u + at / 16u] = fromRows;
          slab[128u + at % 16u * 8u + at / 16u] = fromColumns;
        }
        workgroupBarrier();
        for (var c = 0u; c < 16u; c++) {
          let a = slab[c * 8u + ty];
          let b = slab[128u + c * 8u + tx];
${lines(4, (r) => `          score${into}${r} += a[${r}] * b;`)}
        }
        workgroupBarrier();
      }`;
}

/** Writes the weights to workgroup memory, turned, so that a column's weights of four rows lie together. */
function weigh(products: readonly Product[], weights: readonly string[], rows: "query" | "key"): string {
  const tiles = [...new Set(products.map(({ into }) => into))];
  const [i, j] =
    rows === "query" ? ["row + 4u * ty + r", "column + 4u * tx + e"] : ["column + 4u * tx + e", "row + 4u * ty + r"];
  return `
      for (var e = 0u; e < 4u; e++) {
${tiles.map((s) => `        let turned${s} = vec4f(score${s}0[e], score${s}1[e], score${s}2[e], score${s}3[e]);`).join("\n")}
${weights.map((_, w) => `        var w${w} = vec4f(0.0);`).join("\n")}
        for (var r = 0u; r < 4u; r++) {
          let i = ${i};
          let j = ${j};
${tiles.map((s) => `          let s${s} = turned${s}[r];`).join("\n")}
          let p = probability(i, j, head, s0);
${weights.map((weight, w) => `          w${w}[r] = ${weight};`).join("\n")}
        }
${weights.map((_, w) => `        weight${w}[(4u * tx + e) * 8u + ty] = w${w};`).join("\n")}
      }`;
}

/** Adds the weights times a matrix to the sums of rows 4·ty… and columns 8·tx…, 16 rows of the matrix at a time. */
function addWeighted(matrix: Matrix, w: number): string {
  return `
      for (var half = 0u; half < 32u; half += 16u) {
        for (var part = 0u; part < 4u; part++) {
          let at = lane + 64u * part;
          let c = firstColumn + at % 16u * 4u;
          var entries = vec4f(0.0);
          for (var e = 0u; e < 4u; e++) { entries[e] = ${matrix}(column + half + at / 16u, c + e, head); }
          slab[at] = entries;
        }
        workgroupBarrier();
        for (var e = 0u; e < 16u; e++) {
          let a = weight${w}[(half + e) * 8u + ty];
          let b0 = slab[e * 16u + 2u * tx];
          let b1 = slab[e * 16u + 2u * tx + 1u];
${lines(8, (at) => `          sum${at} += a[${at >> 1}] * b${at & 1};`)}
        }
        workgroupBarrier();
      }`;
}
