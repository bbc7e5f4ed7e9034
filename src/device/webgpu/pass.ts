// One pass over attention's scores as a shader. Scores are made anew from queries and keys in tiles of 32 × 32, turned
// into weights in workgroup memory and multiplied with rows of another matrix, so that no n × n buffer exists. A
// workgroup of 64 makes 32 rows and 64 columns of the result; sums run in a fixed order.
import { lines } from "./gemm.js";
import type { Kernel } from "./kernel.js";
import { MASK_FUNCTIONS } from "./mask.js";

/** Result columns of a workgroup. */
export const COLUMNS = 64;

/** Sizes of every pass; `channels` is the width of a row of queries, keys and values side by side. */
export const SIZES = [
  "n",
  "tiles",
  "byEntry",
  "heads",
  "kvHeads",
  "dHead",
  "dValue",
  "channels",
  "signBits",
  "factorBits",
  "capBits",
  "biasAt",
  "biasStride",
  "sinksAt",
];

/** Scores further than this below their row's largest have probability 0: e^-50 is 2e-22 of the largest. */
const LEAST_DIFFERENCE = "-50.0";

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

/**
 * A tile of scores, or a part of one: factor times the sum over channels of q·k for matrices (q, k) of the queries' and
 * the keys' side, of (q − k)² as "distance", or of (q − k)(dq − dk) as "differences" with the pair `and`.
 */
export interface Product {
  readonly of: readonly [query: Matrix, key: Matrix];
  readonly and?: readonly [query: Matrix, key: Matrix];
  /** Default "inner". */
  readonly as?: "inner" | "distance" | "differences";
  readonly into: 0 | 1 | 2 | 3;
  /** WGSL of ±1 or ±2, by which a product is exact; the same for all parts of a tile. Default 1. */
  readonly factor?: string;
  /** Whether the tile is a tangent of the scores, which follows them through what modifies them. */
  readonly isTangent?: boolean;
}

/** What happens to a score between its product and the softmax, in WGSL: see modifiers.ts. */
export interface Modified {
  /** Functions that the expressions below call; they read `mask`, but for those of `slope`. */
  readonly functions: string;
  readonly slopeFunctions: string;
  /** The score of (i, j) in `head` from its product, an expression. */
  score(product: string): string;
  /** The derivative of that in the product, an expression; undefined where it is 1. */
  readonly slope?: (product: string) => string;
}

export interface Pass {
  readonly name: string;
  readonly modified: Modified;
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
  /** WGSL that stores `sum` for (row, c) of head or group z; `weightSums` holds the row's sum of each of the weights. */
  readonly store: string;
  /** Of `store`, beside those of every pass. */
  readonly functions?: string;
}

export function kernelOf({
  name,
  modified,
  buffers,
  rows,
  over,
  products,
  weights,
  operands,
  columns,
  store,
  functions = "",
}: Pass): Kernel {
  const matrices = [...products.flatMap(({ of, and = [] }) => [...of, ...and]), ...operands];
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
${modified.functions}
${functions}
${weights.map((_, w) => `var<workgroup> weight${w}: array<vec4f, 256>;`).join("\n")}
var<workgroup> rowSums: array<vec2f, 32>;

fn store(row: u32, c: u32, sum: f32, weightSums: vec2f, z: u32) {
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
  var rowSum = vec2f(0.0);
  for (var head = heads.x; head < heads.y; head++) {
    for (var tile = span.x; tile < span.y; tile++) {
      if (!tileHasPairs(${rows === "query" ? "group.x, tile" : "tile, group.x"})) { continue; }
      let column = tile * 32u;
${scores(products, rows)}
${weigh(products, weights, rows, modified)}
      workgroupBarrier();
      if (lane < 32u) {
        for (var e = 0u; e < 32u; e++) {
${weights.map((_, w) => `          rowSum[${w}] += weight${w}[e * 8u + lane / 4u][lane % 4u];`).join("\n")}
        }
      }
${operands.map(addWeighted).join("\n")}
    }
  }
  if (lane < 32u) { rowSums[lane] = rowSum; }
  workgroupBarrier();
  for (var e = 0u; e < 4u; e++) {
${lines(8, (at) => `    store(row + 4u * ty + ${at >> 1}u, firstColumn + 4u * tx + ${32 * (at & 1)}u + e, sum${at}[e], rowSums[4u * ty + ${at >> 1}u], group.z);`)}
  }
}`,
  };
}

/** e to the difference of a score from its row's largest: exactly 0 where that is far below rounding. */
export const EXPONENTIAL = `
fn exponential(difference: f32) -> f32 {
  return select(0.0, exp(difference), difference > ${LEAST_DIFFERENCE});
}`;

const PROBABILITY = `
${EXPONENTIAL}
// statistics: see softmax.ts.
fn probability(i: u32, j: u32, head: u32, score: f32) -> f32 {
  if (!mayAttend(i, j)) { return 0.0; }
  let row = statistics[head * size.n + i];
  return exponential(score - row.x) * row.y;
}`;

/** Functions that read matrices, giving 0 beyond the last token or channel, and the memory that tiles are read into. */
export function loaders(matrices: readonly Matrix[]): string {
  const functions = [...new Set(matrices)].map(
    (matrix) => `
fn ${matrix}(row: u32, c: u32, head: u32) -> f32 {
  return select(0.0, ${MATRICES[matrix].at}, row < size.n && c < ${MATRICES[matrix].width});
}`,
  );
  return `
fn direction() -> f32 { return bitcast<f32>(size.signBits); }
fn factor() -> f32 { return bitcast<f32>(size.factorBits); }
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

function fourOf(entry: (e: number) => string): string {
  return [0, 1, 2, 3].map(entry).join(", ");
}

/** WGSL of what a tile of scores is to be multiplied with, after its parts are added up. */
export function factorOf(products: readonly Product[], tile: number): string {
  return products.find(({ into }) => into === tile)?.factor ?? "1.0";
}

/** What a channel adds to a score, as two factors of its parts. */
const FACTORS = {
  inner: (part: (index: number) => string) => [part(0), part(1)],
  distance: (part: (index: number) => string) => [`${part(0)} - ${part(1)}`, `${part(0)} - ${part(1)}`],
  differences: (part: (index: number) => string) => [`${part(0)} - ${part(1)}`, `${part(2)} - ${part(3)}`],
};

/**
 * WGSL that sets `name` to tile `into` of the products for one pair of tokens (i, j). It adds up as the tiles do, channel
 * after channel by fma, so that both give the same number to the last bit.
 */
export function pairOf(name: string, products: readonly Product[], tile = products[0].into): string {
  const parts = products
    .filter(({ into }) => into === tile)
    .map(({ of, and = [], as = "inner" }) => {
      const matrices = [...of, ...and];
      const [one, other] = FACTORS[as]((part) => `${matrices[part]}(${part % 2 ? "j" : "i"}, c, head)`);
      return `
  for (var c = 0u; c < ${MATRICES[of[0]].width}; c++) { ${name} = fma(${one}, ${other}, ${name}); }`;
    });
  return `
  var ${name} = 0.0;${parts.join("")}
  ${name} *= ${factorOf(products, tile)};`;
}

/** Reads slabs of both sides' matrices, as many channels at a time as fit, and adds up what they give. */
function addProduct({ of, and, as = "inner", into }: Product, rows: "query" | "key"): string {
  const pairs = and ? [of, and] : [of];
  const depth = 16 / pairs.length;
  const parts = rows === "query" ? pairs.flat() : pairs.flatMap(([query, key]) => [key, query]);
  const size = depth * 8;
  const [one, other] = FACTORS[as]((part) => (part % 2 ? `part${part}` : `part${part}[r]`));
  return `
      for (var first = 0u; first < ${MATRICES[of[0]].width}; first += ${depth}u) {
        for (var at = lane; at < ${size}u; at += 64u) {
          let c = first + at % ${depth}u;
          let offset = at / ${depth}u * 4u;
          let to = at % ${depth}u * 8u + at / ${depth}u;
${parts.map((matrix, part) => `          slab[${part * size}u + to] = vec4f(${fourOf((e) => `${matrix}(${part % 2 ? "column" : "row"} + offset + ${e}u, c, head)`)});`).join("\n")}
        }
        workgroupBarrier();
        for (var c = 0u; c < ${depth}u; c++) {
${parts.map((_, part) => `          let part${part} = slab[${part * size}u + c * 8u + ${part % 2 ? "tx" : "ty"}];`).join("\n")}
${lines(4, (r) => `          score${into}${r} = fma(vec4f(${one}), ${other}, score${into}${r});`.replaceAll("[r]", `[${r}]`))}
        }
        workgroupBarrier();
      }`;
}

/** Writes the weights to workgroup memory, turned, so that a column's weights of four rows lie together. */
function weigh(
  products: readonly Product[],
  weights: readonly string[],
  rows: "query" | "key",
  { score, slope }: Modified,
): string {
  const tiles = [...new Set(products.map(({ into }) => into))];
  const tangent = products.find(({ isTangent }) => isTangent)?.into;
  const [i, j] =
    rows === "query" ? ["row + 4u * ty + r", "column + 4u * tx + e"] : ["column + 4u * tx + e", "row + 4u * ty + r"];
  return `
      for (var e = 0u; e < 4u; e++) {
${tiles.map((s) => `        let turned${s} = vec4f(score${s}0[e], score${s}1[e], score${s}2[e], score${s}3[e]);`).join("\n")}
${weights.map((_, w) => `        var w${w} = vec4f(0.0);`).join("\n")}
        for (var r = 0u; r < 4u; r++) {
          let i = ${i};
          let j = ${j};
${tiles.map((s) => `          let ${tangent === s && slope ? "raw" : "s"}${s} = ${factorOf(products, s)} * turned${s}[r];`).join("\n")}
${slope ? `          let slope = ${slope("s0")};` : ""}
${slope && tangent !== undefined ? `          let s${tangent} = slope * raw${tangent};` : ""}
          let p = probability(i, j, head, ${score("s0")});
${weights.map((weight, w) => `          w${w}[r] = ${weight};`).join("\n")}
        }
${weights.map((_, w) => `        weight${w}[(4u * tx + e) * 8u + ty] = w${w};`).join("\n")}
      }`;
}

/** Adds the weights times a matrix to the sums of rows 4·ty… and columns 4·tx… and 32 + 4·tx…, 16 of its rows at a time. */
function addWeighted(matrix: Matrix, w: number): string {
  return `
      for (var half = 0u; half < 32u; half += 16u) {
        for (var part = 0u; part < 4u; part++) {
          let at = lane + 64u * part;
          let c = firstColumn + at % 16u * 4u;
          let j = column + half + at / 16u;
          slab[at] = vec4f(${fourOf((e) => `${matrix}(j, c + ${e}u, head)`)});
        }
        workgroupBarrier();
        for (var e = 0u; e < 16u; e++) {
          let a = weight${w}[(half + e) * 8u + ty];
          let b0 = slab[e * 16u + tx];
          let b1 = slab[e * 16u + tx + 8u];
${lines(8, (at) => `          sum${at} += a[${at >> 1}] * b${at & 1};`)}
        }
        workgroupBarrier();
      }`;
}
