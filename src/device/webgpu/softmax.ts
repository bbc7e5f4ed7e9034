// The rows of the softmax: their statistics, which all passes share, and the probabilities themselves for who asks.
import type { Kernel } from "./kernel.js";
import { MASK_FUNCTIONS } from "./mask.js";
import { EXPONENTIAL, factorOf, loaders, pairOf, SIZES, scores } from "./pass.js";
import type { Scores } from "./score.js";

/**
 * Of every row, from running values over the tiles of keys: its largest score, 1 over its sum of exponentials, the key
 * of the largest score (the row's anchor: see rowKernels.ts), and its largest |score|, or −1 where one overflowed.
 */
export const statistics = ({ name, score, modifiers, modified }: Scores): Kernel => ({
  name: `statistics, ${name}`,
  buffers: { mask: "read u32", qkv: "read f32", statistics: "read_write vec4f" },
  sizes: SIZES,
  lanes: 64,
  code: `
${MASK_FUNCTIONS}
${EXPONENTIAL}
${loaders(["query", "key"])}
${modified.functions}
var<workgroup> tileScores: array<vec4f, 256>;

fn kernel(group: vec3u, lane: u32) {
  let head = group.z;
  let row = group.x * 32u;
  let span = keySpan(group.x);
  let ty = lane / 8u;
  let tx = lane % 8u;
  let i = row + lane;
  // Below every score that f32 can hold without its exponential's argument overflowing.
  var top = -1e38;
  var largest = ${modifiers.sinks ? "bitcast<f32>(mask[size.sinksAt + head])" : "top"};
  var sum = ${modifiers.sinks ? "1.0" : "0.0"};
  var anchor = 0u;
  var magnitude = 0.0;
  var bits = 0u;
  for (var tile = span.x; tile < span.y; tile++) {
    if (!tileHasPairs(group.x, tile)) { continue; }
    let column = tile * 32u;
${scores([score], "query")}
    tileScores[(4u * ty) * 8u + tx] = ${factorOf([score], 0)} * score00;
    tileScores[(4u * ty + 1u) * 8u + tx] = ${factorOf([score], 0)} * score01;
    tileScores[(4u * ty + 2u) * 8u + tx] = ${factorOf([score], 0)} * score02;
    tileScores[(4u * ty + 3u) * 8u + tx] = ${factorOf([score], 0)} * score03;
    workgroupBarrier();
    if (lane < 32u) {
      var most = largest;
      for (var e = 0u; e < 32u; e++) {
        let j = column + e;
        if (!mayAttend(i, j)) { continue; }
        let product = tileScores[lane * 8u + e / 4u][e % 4u];
        let score = ${modified.score("product")};
        tileScores[lane * 8u + e / 4u][e % 4u] = score;
        if (score > top) {
          top = score;
          anchor = j;
        }
        most = max(most, score);
        magnitude = max(magnitude, abs(score));
        bits = max(bits, bitcast<u32>(score) & 0x7fffffffu);
      }
      sum *= exponential(largest - most);
      for (var e = 0u; e < 32u; e++) {
        if (mayAttend(i, column + e)) { sum += exponential(tileScores[lane * 8u + e / 4u][e % 4u] - most); }
      }
      largest = most;
    }
    workgroupBarrier();
  }
  if (lane < 32u && i < size.n) {
    // By its bits, since WGSL need not keep NaN and infinity.
    let most = select(magnitude, -1.0, bits >= 0x7f800000u);
    statistics[head * size.n + i] = vec4f(largest, select(0.0, 1.0 / sum, sum > 0.0), f32(anchor), most);
  }
}`,
});

/** Rows [first, first + count) of every head's probabilities, [heads, count, n]. */
export const probabilities = ({ name, score, modified }: Scores): Kernel => ({
  name: `probabilities, ${name}`,
  buffers: { mask: "read u32", qkv: "read f32", statistics: "read vec4f", rows: "read_write f32" },
  sizes: [...SIZES, "first", "count"],
  lanes: 64,
  code: `
${MASK_FUNCTIONS}
${EXPONENTIAL}
${loaders(["query", "key"])}
${modified.functions}
fn kernel(group: vec3u, lane: u32) {
  let j = group.x * 64u + lane;
  let i = size.first + group.y;
  let head = group.z;
  if (j >= size.n) { return; }
  var p = 0.0;
  if (mayAttend(i, j)) {
${pairOf("product", [score])}
    let row = statistics[head * size.n + i];
    p = exponential((${modified.score("product")}) - row.x) * row.y;
  }
  rows[(head * size.count + group.y) * size.n + j] = p;
}`,
});
