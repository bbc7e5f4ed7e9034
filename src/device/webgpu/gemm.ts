// Matrix products, register-blocked: 64 invocations make a tile of C, 8 × 8 or, where that would leave a GPU idle,
// 4 × 4 of it each, from slabs of both operands in workgroup memory. Sums run in the order of the steps.
import type { Batch } from "./batch.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type View } from "./memory.js";

/** Numbers of an operand in workgroup memory. */
const SLAB = 1024;
const LARGE = 64;
const SMALL = 32;
/** Fewer workgroups than this do not fill a GPU, and smaller tiles are worth their more frequent reads. */
const FEW_GROUPS = 256;

/** Lines of WGSL, one for each of `count` indices. */
export function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

/** How a matrix lies in memory: [width, depth], or [depth, width] with a row for every step of the sums. */
type Order = "by width" | "by step";

/** WGSL that reads a slab [steps, tile], zero beyond the matrix; neighbouring invocations read neighbouring numbers. */
function readSlab(matrix: "a" | "b", order: Order, width: string, slab: string, tile: number): string {
  const vectors = tile / 4;
  const steps = SLAB / tile;
  const [step, four] =
    order === "by width" ? [`at % ${steps}u`, `at / ${steps}u`] : [`at / ${vectors}u`, `at % ${vectors}u`];
  const entry = (e: number) => {
    const at = order === "by width" ? `(j + ${e}u) * size.depth + k` : `k * ${width} + j + ${e}u`;
    return `select(0.0, ${matrix}[${at}], inside && j + ${e}u < ${width})`;
  };
  return `
    for (var at = lane; at < ${SLAB / 4}u; at += 64u) {
      let k = first + ${step};
      let j = ${matrix === "a" ? "row" : "column"} + 4u * (${four});
      let inside = k < size.depth;
      ${slab}[(${step}) * ${vectors}u + ${four}] = vec4f(${[0, 1, 2, 3].map(entry).join(", ")});
    }`;
}

/** An invocation's blocks of 4 × 4 are 32 apart, so that neighbours read and write neighbouring numbers. */
function gemm(name: string, left: Order, right: Order, tile: number): Kernel {
  const fours = tile / 32;
  const vectors = tile / 4;
  const steps = SLAB / tile;
  const parts = Array.from({ length: fours }, (_, index) => index);
  const sums = parts.flatMap((i) =>
    [0, 1, 2, 3].flatMap((r) => parts.map((j) => ({ i, r, j, sum: `sum${i}${r}${j}` }))),
  );
  return {
    name: `${name}, ${tile}`,
    buffers: { a: "read f32", b: "read f32", bias: "read f32", c: "read_write f32" },
    sizes: ["rows", "columns", "depth", "biased", "scaled", "factorBits"],
    lanes: 64,
    code: `
var<workgroup> left: array<vec4f, ${SLAB / 4}>;
var<workgroup> right: array<vec4f, ${SLAB / 4}>;

fn store(i: u32, j: u32, sum: f32) {
  if (i < size.rows && j < size.columns) {
    let entry = sum + select(0.0, bias[j], size.biased != 0u);
    c[i * size.columns + j] = select(entry, bitcast<f32>(size.factorBits) * entry, j < size.scaled);
  }
}
fn kernel(group: vec3u, lane: u32) {
  let row = group.y * ${tile}u;
  let column = group.x * ${tile}u;
  let ty = lane / 8u;
  let tx = lane % 8u;
${sums.map(({ sum }) => `  var ${sum} = vec4f(0.0);`).join("\n")}
  for (var first = 0u; first < size.depth; first += ${steps}u) {
${readSlab("a", left, "size.rows", "left", tile)}
${readSlab("b", right, "size.columns", "right", tile)}
    workgroupBarrier();
    for (var k = 0u; k < ${steps}u; k++) {
${parts.map((p) => `      let a${p} = left[k * ${vectors}u + ty + ${8 * p}u];`).join("\n")}
${parts.map((p) => `      let b${p} = right[k * ${vectors}u + tx + ${8 * p}u];`).join("\n")}
${sums.map(({ i, r, j, sum }) => `      ${sum} += a${i}[${r}] * b${j};`).join("\n")}
    }
    workgroupBarrier();
  }
  for (var e = 0u; e < 4u; e++) {
${sums.map(({ i, r, j, sum }) => `    store(row + 4u * ty + ${32 * i + r}u, column + 4u * tx + ${32 * j}u + e, ${sum}[e]);`).join("\n")}
  }
}`,
  };
}

/** One product, as the kernels for large and for small matrices. */
export interface Gemm {
  readonly large: Kernel;
  readonly small: Kernel;
}

function bothTiles(name: string, left: Order, right: Order): Gemm {
  return { large: gemm(name, left, right, LARGE), small: gemm(name, left, right, SMALL) };
}

/** C = A·B. */
export const MULTIPLY = bothTiles("multiply", "by width", "by step");
/** C = A·Bᵀ. */
export const MULTIPLY_TRANSPOSED = bothTiles("multiply by a transpose", "by width", "by width");

/** The kernel to prepare for a C of this shape. */
export function gemmFor({ large, small }: Gemm, rows: number, columns: number): Kernel {
  return Math.ceil(rows / LARGE) * Math.ceil(columns / LARGE) < FEW_GROUPS ? small : large;
}

/**
 * Records c [rows, columns] = a [rows, depth]·b + bias [columns]; b is [depth, columns], or [columns, depth] for
 * MULTIPLY_TRANSPOSED. The first columns, as many as `scaled` says, are multiplied by a factor at the end.
 */
export function multiply(
  batch: Batch,
  gemm: Gemm,
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
  { a, b, c, bias }: { a: View; b: View; c: View; bias?: View },
  scaled?: { columns: number; factor: number },
): void {
  const kernel = gemmFor(gemm, rows, columns);
  const tile = kernel === gemm.large ? LARGE : SMALL;
  const groups = [Math.ceil(columns / tile), Math.ceil(rows / tile)];
  const ending = { biased: bias ? 1 : 0, scaled: scaled?.columns ?? 0, factorBits: bitsOf(scaled?.factor ?? 1) };
  batch.dispatch(kernel, groups, { a, b, c, bias: bias ?? a }, { rows, columns, depth, ...ending });
}
