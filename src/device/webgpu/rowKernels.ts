// Row-wise kernels between attention's passes.
import type { Kernel } from "./kernel.js";
import { SIZES } from "./pass.js";

/** a = rowsum(P∘M) = ⟨G_O, O⟩ of every row and head: a workgroup takes 64 rows, eight invocations a row. */
export const MEAN_GRADIENT: Kernel = {
  name: "mean gradient",
  buffers: { gradient: "read f32", output: "read f32", mean: "read_write f32" },
  sizes: SIZES,
  lanes: 64,
  code: `
var<workgroup> parts: array<f32, 512>;

fn kernel(group: vec3u, lane: u32) {
  for (var at = lane; at < 512u; at += 64u) {
    let i = group.x * 64u + at / 8u;
    var part = 0.0;
    if (i < size.n) {
      let start = (i * size.heads + group.y) * size.dValue;
      for (var c = at % 8u; c < size.dValue; c += 8u) { part += gradient[start + c] * output[start + c]; }
    }
    parts[at] = part;
  }
  workgroupBarrier();
  let i = group.x * 64u + lane;
  if (i >= size.n) { return; }
  var sum = 0.0;
  for (var at = 8u * lane; at < 8u * lane + 8u; at++) { sum += parts[at]; }
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
  let first = group.x * 64u;
  let count = (min(first + 64u, size.n) - first) * size.pairs;
  for (var at = lane; at < count; at += 64u) {
    let i = first + at / size.pairs;
    let c = at % size.pairs;
    let angle = angles[i * size.pairs + c];
    let sine = select(angle.y, -angle.y, size.back != 0u);
    let one = i * size.channels + group.y * size.dHead + c;
    let other = one + size.pairs;
    let a = rows[one];
    let b = rows[other];
    rows[one] = a * angle.x - b * sine;
    rows[other] = a * sine + b * angle.x;
  }
}`,
};
