// Matrix products. Where rows may be read 16 bytes at a time, 128 invocations make a tile of C of 32 × 64, 4 × 4 of it
// each, while the next slabs of both operands are on their way into registers; otherwise 64 make one of 32 × 32, number
// by number. Sums run in the order of the steps.
import type { Batch } from "./batch.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type View } from "./memory.js";

/** Lines of WGSL, one for each of `count` indices. */
export function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

/** How a matrix lies in memory: [width, depth], or [depth, width] with a row for every step of the sums. */
type Order = "by width" | "by step";

const SIZES = ["rows", "columns", "depth", "biased", "scaled", "factorBits"];

const STORE = `
fn store(i: u32, j: u32, sum: f32) {
  if (i < size.rows && j < size.columns) {
    let entry = sum + select(0.0, bias[j], size.biased != 0u);
    c[i * size.columns + j] = select(entry, bitcast<f32>(size.factorBits) * entry, j < size.scaled);
  }
}`;

/** Steps of a slab, in fours. */
const FOURS = 4;
const STEPS = 4 * FOURS;

/**
 * A is [rows, depth]; in workgroup memory its slab has a row of fours a row of C. B's has a row a column of C for
 * "by width", padded so that neighbours lie in different banks, and a row a step for "by step".
 */
function wide(name: string, right: Order): Kernel {
  const byWidth = right === "by width";
  const stride = byWidth ? FOURS + 1 : 16;
  const readA = (first: string) =>
    `next_a = select(vec4f(0.0), a[aRow * depth4 + ${first} + aFour], aInside && ${first} + aFour < depth4);`;
  const readB = (first: string) =>
    lines(2, (q) => {
      if (byWidth) {
        const column = `(column + bRow${q})`;
        return `    next_b${q} = select(vec4f(0.0), b[${column} * depth4 + ${first} + bFour${q}], ${column} < size.columns && ${first} + bFour${q} < depth4);`;
      }
      const [step, four] = [`(4u * (${first}) + bRow${q})`, `(column / 4u + bFour${q})`];
      return `    next_b${q} = select(vec4f(0.0), b[${step} * columns4 + ${four}], ${step} < size.depth && ${four} < columns4);`;
    });
  const perRow = byWidth ? FOURS : 16;
  const columnOf = (e: string) => (byWidth ? `column + tx + 16u * ${e}` : `column + 4u * tx + ${e}`);
  const products = byWidth
    ? `
${lines(4, (j) => `      let b${j} = right[(tx + ${16 * j}u) * ${stride}u + four];`)}
${lines(4, (k) => `      { let other = vec4f(b0[${k}], b1[${k}], b2[${k}], b3[${k}]);\n${lines(4, (r) => `        sum${r} += a${r}[${k}] * other;`)} }`)}`
    : lines(
        4,
        (k) =>
          `      { let other = right[(4u * four + ${k}u) * ${stride}u + tx];\n${lines(4, (r) => `        sum${r} += a${r}[${k}] * other;`)} }`,
      );
  return {
    name: `${name}, by fours`,
    buffers: { a: "read vec4f", b: "read vec4f", bias: "read f32", c: "read_write f32" },
    sizes: SIZES,
    lanes: 128,
    code: `
var<workgroup> left: array<vec4f, ${32 * FOURS}>;
var<workgroup> right: array<vec4f, ${byWidth ? 64 * stride : STEPS * stride}>;
${STORE}
fn kernel(group: vec3u, lane: u32) {
  let row = group.y * 32u;
  let column = group.x * 64u;
  let ty = lane / 16u;
  let tx = lane % 16u;
  let depth4 = size.depth / 4u;
  let columns4 = size.columns / 4u;
  let aRow = row + lane / ${FOURS}u;
  let aFour = lane % ${FOURS}u;
  let aInside = aRow < size.rows;
${lines(2, (q) => `  let bRow${q} = (lane + ${128 * q}u) / ${perRow}u;\n  let bFour${q} = (lane + ${128 * q}u) % ${perRow}u;`)}
${lines(4, (r) => `  var sum${r} = vec4f(0.0);`)}
  var next_a = vec4f(0.0);
  var next_b0 = vec4f(0.0);
  var next_b1 = vec4f(0.0);
    ${readA("0u")}
${readB("0u")}
  for (var first = 0u; first < depth4; first += ${FOURS}u) {
    left[lane] = next_a;
${lines(2, (q) => `    right[bRow${q} * ${stride}u + bFour${q}] = next_b${q};`)}
    workgroupBarrier();
    let after = first + ${FOURS}u;
    ${readA("after")}
${readB("after")}
    for (var four = 0u; four < ${FOURS}u; four++) {
${lines(4, (r) => `      let a${r} = left[(4u * ty + ${r}u) * ${FOURS}u + four];`)}
${products}
    }
    workgroupBarrier();
  }
  for (var e = 0u; e < 4u; e++) {
${lines(4, (r) => `    store(row + 4u * ty + ${r}u, ${columnOf("e")}, sum${r}[e]);`)}
  }
}`,
  };
}

/** Numbers of an operand in workgroup memory, where they are read one by one. */
const SLAB = 1024;

/** WGSL that reads a slab [steps, 32], zero beyond the matrix; neighbouring invocations read neighbouring numbers. */
function readSlab(matrix: "a" | "b", order: Order, width: string, slab: string): string {
  const [step, four] = order === "by width" ? ["at % 32u", "at / 32u"] : ["at / 8u", "at % 8u"];
  const entry = (e: number) => {
    const at = order === "by width" ? `(j + ${e}u) * size.depth + k` : `k * ${width} + j + ${e}u`;
    return `select(0.0, ${matrix}[${at}], inside && j + ${e}u < ${width})`;
  };
  return `
    for (var at = lane; at < ${SLAB / 4}u; at += 64u) {
      let k = first + ${step};
      let j = ${matrix === "a" ? "row" : "column"} + 4u * (${four});
      let inside = k < size.depth;
      ${slab}[(${step}) * 8u + ${four}] = vec4f(${[0, 1, 2, 3].map(entry).join(", ")});
    }`;
}

function plain(name: string, right: Order): Kernel {
  return {
    name: `${name}, one by one`,
    buffers: { a: "read f32", b: "read f32", bias: "read f32", c: "read_write f32" },
    sizes: SIZES,
    lanes: 64,
    code: `
var<workgroup> left: array<vec4f, ${SLAB / 4}>;
var<workgroup> right: array<vec4f, ${SLAB / 4}>;
${STORE}
fn kernel(group: vec3u, lane: u32) {
  let row = group.y * 32u;
  let column = group.x * 32u;
  let ty = lane / 8u;
  let tx = lane % 8u;
${lines(4, (r) => `  var sum${r} = vec4f(0.0);`)}
  for (var first = 0u; first < size.depth; first += 32u) {
${readSlab("a", "by width", "size.rows", "left")}
${readSlab("b", right, "size.columns", "right")}
    workgroupBarrier();
    for (var k = 0u; k < 32u; k++) {
      let a0 = left[k * 8u + ty];
      let b0 = right[k * 8u + tx];
${lines(4, (r) => `      sum${r} += a0[${r}] * b0;`)}
    }
    workgroupBarrier();
  }
  for (var e = 0u; e < 4u; e++) {
${lines(4, (r) => `    store(row + 4u * ty + ${r}u, column + 4u * tx + e, sum${r}[e]);`)}
  }
}`,
  };
}

/** One product, as its two kernels. */
export interface Gemm {
  readonly wide: Kernel;
  readonly plain: Kernel;
  readonly right: Order;
}

function gemm(name: string, right: Order): Gemm {
  return { wide: wide(name, right), plain: plain(name, right), right };
}

/** C = A·B. */
export const MULTIPLY = gemm("multiply", "by step");
/** C = A·Bᵀ. */
export const MULTIPLY_TRANSPOSED = gemm("multiply by a transpose", "by width");

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Whether rows of both operands begin at multiples of 16 bytes. */
export function readsByFours({ right }: Gemm, { columns, depth }: Shape): boolean {
  return depth % 4 === 0 && (right === "by width" || columns % 4 === 0);
}

/**
 * Records c [rows, columns] = a [rows, depth]·b + bias [columns]; b is [depth, columns], or [columns, depth] for
 * MULTIPLY_TRANSPOSED. The first columns, as many as `scaled` says, are multiplied by a factor at the end.
 */
export function multiply(
  batch: Batch,
  product: Gemm,
  shape: Shape,
  { a, b, c, bias }: { a: View; b: View; c: View; bias?: View },
  scaled?: { columns: number; factor: number },
): void {
  const { rows, columns, depth } = shape;
  const byFours = readsByFours(product, shape);
  const groups = [Math.ceil(columns / (byFours ? 64 : 32)), Math.ceil(rows / 32)];
  const ending = { biased: bias ? 1 : 0, scaled: scaled?.columns ?? 0, factorBits: bitsOf(scaled?.factor ?? 1) };
  const kernel = byFours ? product.wide : product.plain;
  batch.dispatch(kernel, groups, { a, b, c, bias: bias ?? a }, { rows, columns, depth, ...ending });
}
