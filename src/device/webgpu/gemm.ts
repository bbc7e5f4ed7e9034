// Matrix products, register-blocked: a workgroup makes a 64 × 64 tile of C, each of its 64 invocations 8 × 8 of it,
// from slabs of 16 steps in workgroup memory.
import type { Batch } from "./batch.js";
import type { Kernel } from "./kernel.js";
import type { View } from "./memory.js";

const TILE = 64;
const SLAB = 16;

/** Lines of WGSL, one for each of `count` indices. */
export function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

function gemm(name: string, right: string): Kernel {
  return {
    name,
    buffers: { a: "read f32", b: "read f32", bias: "read f32", c: "read_write f32" },
    sizes: ["rows", "columns", "depth", "biased", "accumulate"],
    lanes: 64,
    code: `
var<workgroup> left: array<vec4f, ${(SLAB * TILE) / 4}>;
var<workgroup> right: array<vec4f, ${(SLAB * TILE) / 4}>;

fn leftEntry(i: u32, k: u32) -> f32 {
  if (i < size.rows && k < size.depth) { return a[i * size.depth + k]; }
  return 0.0;
}
fn rightEntry(k: u32, j: u32) -> f32 {
  if (k < size.depth && j < size.columns) { return b[${right}]; }
  return 0.0;
}
fn kernel(group: vec3u, lane: u32) {
  let row = group.y * ${TILE}u;
  let column = group.x * ${TILE}u;
  let ty = lane / 8u;
  let tx = lane % 8u;
${lines(16, (at) => `  var sum${at} = vec4f(0.0);`)}
  for (var first = 0u; first < size.depth; first += ${SLAB}u) {
    for (var part = 0u; part < 4u; part++) {
      let at = lane + 64u * part;
      let k = at % ${SLAB}u;
      let i = row + at / ${SLAB}u * 4u;
      let step = first + at / 16u;
      let j = column + at % 16u * 4u;
      var fromLeft = vec4f(0.0);
      var fromRight = vec4f(0.0);
      for (var e = 0u; e < 4u; e++) {
        fromLeft[e] = leftEntry(i + e, first + k);
        fromRight[e] = rightEntry(step, j + e);
      }
      left[k * 16u + at / ${SLAB}u] = fromLeft;
      right[at] = fromRight;
    }
    workgroupBarrier();
    for (var k = 0u; k < ${SLAB}u; k++) {
      let a0 = left[k * 16u + 2u * ty];
      let a1 = left[k * 16u + 2u * ty + 1u];
      let b0 = right[k * 16u + 2u * tx];
      let b1 = right[k * 16u + 2u * tx + 1u];
${lines(16, (at) => `      sum${at} += a${at >> 3}[${(at >> 1) & 3}] * b${at & 1};`)}
    }
    workgroupBarrier();
  }
  var sums = array<vec4f, 16>(${Array.from({ length: 16 }, (_, at) => `sum${at}`).join(", ")});
  for (var at = 0u; at < 64u; at++) {
    let i = row + 8u * ty + at / 8u;
    let j = column + 8u * tx + at % 8u;
    if (i >= size.rows || j >= size.columns) { continue; }
    var value = sums[at / 4u][at % 4u];
    if (size.biased != 0u) { value += bias[j]; }
    if (size.accumulate != 0u) { value += c[i * size.columns + j]; }
    c[i * size.columns + j] = value;
  }
}`,
  };
}

/** C = A·B. */
export const MULTIPLY = gemm("multiply", "k * size.columns + j");
/** C = A·Bᵀ. */
export const MULTIPLY_TRANSPOSED = gemm("multiply by a transpose", "j * size.depth + k");

/**
 * Records c [rows, columns] = a [rows, depth]·b + bias, or c += a·b with `accumulate`; b is [depth, columns], or
 * [columns, depth] for MULTIPLY_TRANSPOSED.
 */
export function multiply(
  batch: Batch,
  kernel: Kernel,
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
  { a, b, c, bias }: { a: View; b: View; c: View; bias?: View },
  accumulate = false,
): void {
  const groups = [Math.ceil(columns / TILE), Math.ceil(rows / TILE)];
  const sizes = { rows, columns, depth, biased: bias ? 1 : 0, accumulate: accumulate ? 1 : 0 };
  batch.dispatch(kernel, groups, { a, b, c, bias: bias ?? a }, sizes);
}
