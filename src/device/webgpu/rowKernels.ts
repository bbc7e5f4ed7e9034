// Row-wise kernels between attention's passes.
import type { Kernel } from "./kernel.js";
import { SIZES } from "./pass.js";

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
