// Kernels on rows of queries, keys and values, beside attention's passes.
import type { Kernel } from "./kernel.js";

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

/** Sums of 64 rows each of a matrix's columns [first, first + width): sums [⌈n/64⌉, width]. */
export const COLUMN_SUMS: Kernel = {
  name: "column sums",
  buffers: { rows: "read f32", sums: "read_write f32" },
  sizes: ["n", "stride", "first", "width"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let c = group.x * 64u + lane;
  if (c >= size.width) { return; }
  var sum = 0.0;
  for (var i = group.y * 64u; i < min(group.y * 64u + 64u, size.n); i++) {
    sum += rows[i * size.stride + size.first + c];
  }
  sums[group.y * size.width + c] = sum;
}`,
};

/** Takes the columns' means, of such sums, from 64 rows of every column; they go to `means` as well. */
export const CENTRE: Kernel = {
  name: "centre columns",
  buffers: { sums: "read f32", rows: "read_write f32", means: "read_write f32" },
  sizes: ["n", "stride", "first", "width"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let c = group.x * 64u + lane;
  if (c >= size.width) { return; }
  var sum = 0.0;
  for (var part = 0u; part < (size.n + 63u) / 64u; part++) { sum += sums[part * size.width + c]; }
  let mean = sum / f32(size.n);
  if (group.y == 0u) { means[c] = mean; }
  for (var i = group.y * 64u; i < min(group.y * 64u + 64u, size.n); i++) {
    rows[i * size.stride + size.first + c] -= mean;
  }
}`,
};

/**
 * What projections of centred rows are shifted by: offsets, those of the input's means, and biases. With `fromQueries` the
 * keys' are taken from the queries', each from its like, so that equal biases of any size leave nothing. A gate has all.
 */
export const SHIFTS: Kernel = {
  name: "shifts of projections",
  buffers: { offsets: "read f32", bias: "read f32", shifts: "read_write f32" },
  sizes: ["heads", "kvHeads", "dHead", "channels", "keepKeys", "keepValues", "fromQueries", "gateAt"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let c = group.x * 64u + lane;
  if (c >= size.channels) { return; }
  let keys = size.heads * size.dHead;
  let values = keys + size.kvHeads * size.dHead;
  var shift = offsets[c] + bias[c];
  if (c >= size.gateAt) { shifts[c] = shift; return; }
  if (c >= values) { shift = select(0.0, shift, size.keepValues != 0u); }
  else if (c >= keys) { shift = select(0.0, shift, size.keepKeys != 0u); }
  else if (size.fromQueries != 0u) {
    let head = c / size.dHead * size.kvHeads / size.heads;
    let key = keys + head * size.dHead + c % size.dHead;
    shift = (offsets[c] - offsets[key]) + (bias[c] - bias[key]);
  }
  shifts[c] = shift;
}`,
};

/** The heads' outputs with what their values were shifted by, in rows that have a key: whole = output + offsets + biases. */
export const ADD_OFFSETS: Kernel = {
  name: "add offsets of values",
  buffers: {
    output: "read f32",
    offsets: "read f32",
    bias: "read f32",
    statistics: "read vec4f",
    whole: "read_write f32",
  },
  sizes: ["n", "heads", "kvHeads", "dHead", "dValue"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let first = (size.heads + size.kvHeads) * size.dHead + group.y * size.kvHeads / size.heads * size.dValue;
  let rows = vec2u(group.x * 64u, min(group.x * 64u + 64u, size.n));
  for (var at = lane; at < (rows.y - rows.x) * size.dValue; at += 64u) {
    let i = rows.x + at / size.dValue;
    let c = at % size.dValue;
    let has = statistics[group.y * size.n + i].y > 0.0;
    let entry = (i * size.heads + group.y) * size.dValue + c;
    whole[entry] = output[entry] + select(0.0, offsets[first + c] + bias[first + c], has);
  }
}`,
};

/** The largest |score| of all rows, in 64 parts, and −1 for a part in which a score or a sum was not finite. */
export const SUMMARY: Kernel = {
  name: "summary of rows",
  buffers: { statistics: "read vec4f", summary: "read_write f32" },
  sizes: ["count"],
  lanes: 64,
  code: `
var<workgroup> parts: array<f32, 64>;
fn kernel(group: vec3u, lane: u32) {
  var most = 0.0;
  for (var at = group.x * 64u + lane; at < size.count; at += 4096u) {
    let row = statistics[at];
    let finite = row.w >= 0.0 && (bitcast<u32>(row.y) & 0x7f800000u) != 0x7f800000u;
    most = select(-1.0, max(most, row.w), finite && most >= 0.0);
  }
  parts[lane] = most;
  workgroupBarrier();
  if (lane > 0u) { return; }
  for (var at = 1u; at < 64u; at++) { most = select(-1.0, max(most, parts[at]), min(most, parts[at]) >= 0.0); }
  summary[group.x] = most;
}`,
};
