// Kernels on long vectors: dot products with a basis, its multiples, norms and elementwise work. A vector is summed in
// segments, each by one workgroup as 64 interleaved sums, so that errors stay near that of pairwise summation; the
// segments' sums are added where they are needed. A vector is divided by its largest entry before it is squared, so that
// no square over- or underflows: a length is a scalar of two numbers, a·√b.
import type { Kernel } from "./kernel.js";

/** Segments of a vector, at most, and the fewest numbers worth a segment of their own. */
export const MOST_SEGMENTS = 512;
const LEAST_SEGMENT = 2048;
/** Vectors that one dispatch adds multiples of, at most. */
export const MOST_COEFFICIENTS = 64;
/** Numbers that a workgroup changes. */
const CHUNK = 1024;

/** Workgroups that reduce a vector of that length, and that change all of it. */
export function segmentsOf(length: number): number {
  return Math.min(MOST_SEGMENTS, Math.ceil(length / LEAST_SEGMENT));
}

export function chunksOf(length: number): number[] {
  return spread(Math.ceil(length / CHUNK));
}

/** `count` workgroups, over two dimensions where one cannot hold them. */
export function spread(count: number): number[] {
  return count <= 65535 ? [count] : [65535, Math.ceil(count / 65535)];
}

const REDUCE = `
var<workgroup> parts: array<f32, 64>;
fn sumOver(lane: u32, part: f32) -> f32 {
  parts[lane] = part;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] += parts[lane + half]; }
  }
  workgroupBarrier();
  let whole = parts[0];
  workgroupBarrier();
  return whole;
}
fn maxOver(lane: u32, part: f32) -> f32 {
  parts[lane] = part;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] = max(parts[lane], parts[lane + half]); }
  }
  workgroupBarrier();
  let whole = parts[0];
  workgroupBarrier();
  return whole;
}
`;

const SEGMENT = `
fn segment(index: u32) -> vec2u {
  let length = (size.length + size.segments - 1u) / size.segments;
  return vec2u(index * length, min((index + 1u) * length, size.length));
}
`;

const EACH = (body: string) => `
  let first = (group.x + group.y * 65535u) * ${CHUNK}u;
  let end = min(first + ${CHUNK}u, size.length);
  for (var at = first + lane; at < end; at += 64u) { ${body} }`;

/** partials[first + i, s] = segment s of ⟨q_i, w⟩, for `count` vectors of a basis block. */
export const DOTS: Kernel = {
  name: "dots",
  buffers: { basis: "read f32", w: "read f32", partials: "read_write f32" },
  sizes: ["length", "segments", "stride", "first"],
  lanes: 64,
  code: `${REDUCE}${SEGMENT}
fn kernel(group: vec3u, lane: u32) {
  let part = segment(group.x);
  var sum = 0.0;
  for (var at = part.x + lane; at < part.y; at += 64u) { sum += basis[group.y * size.stride + at] * w[at]; }
  sum = sumOver(lane, sum);
  if (lane == 0u) { partials[(size.first + group.y) * size.segments + group.x] = sum; }
}`,
};

/** coefficients[i] = the sum of the segments of dot product i. */
export const FOLD: Kernel = {
  name: "fold dots",
  buffers: { partials: "read f32", coefficients: "read_write f32" },
  sizes: ["segments"],
  lanes: 64,
  code: `${REDUCE}
fn kernel(group: vec3u, lane: u32) {
  var sum = 0.0;
  for (var s = lane; s < size.segments; s += 64u) { sum += partials[group.x * size.segments + s]; }
  sum = sumOver(lane, sum);
  if (lane == 0u) { coefficients[group.x] = sum; }
}`,
};

/**
 * w ± Σ_i c_i q_i over `count` ≤ 64 vectors of a basis block, c_i being coefficient first + i. The block is bound as
 * writable since w may lie in the same buffer, after its vectors.
 */
export const ADD_MULTIPLES: Kernel = {
  name: "add multiples",
  buffers: { basis: "read_write f32", coefficients: "read f32", w: "read_write f32" },
  sizes: ["length", "stride", "first", "count", "subtract"],
  lanes: 64,
  code: `
var<workgroup> multiples: array<f32, ${MOST_COEFFICIENTS}>;
fn kernel(group: vec3u, lane: u32) {
  if (lane < size.count) {
    let c = coefficients[size.first + lane];
    multiples[lane] = select(c, -c, size.subtract != 0u);
  }
  workgroupBarrier();
${EACH(`
    var value = w[at];
    for (var i = 0u; i < size.count; i++) { value += multiples[i] * basis[i * size.stride + at]; }
    w[at] = value;`)}
}`,
};

/** q_i − g_i·x for the vectors of a basis block, workgroups of them side by side in z. */
export const SUBTRACT_OUTER: Kernel = {
  name: "subtract an outer product",
  buffers: { x: "read f32", coefficients: "read f32", basis: "read_write f32" },
  sizes: ["length", "stride", "first"],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {
  let g = coefficients[size.first + group.z];
${EACH("basis[group.z * size.stride + at] -= g * x[at];")}
}`,
};

const reduceSegments = (name: string, entry: string, reduce: string): Kernel => ({
  name,
  buffers: { w: "read f32", partials: "read_write f32" },
  sizes: ["length", "segments", "first"],
  lanes: 64,
  code: `${REDUCE}${SEGMENT}
fn kernel(group: vec3u, lane: u32) {
  let part = segment(group.x);
  var result = 0.0;
  for (var at = part.x + lane; at < part.y; at += 64u) { ${entry} }
  result = ${reduce}(lane, result);
  if (lane == 0u) { partials[size.first + group.x] = result; }
}`,
});

/** The largest |w| of every segment. */
export const LARGEST = reduceSegments("largest", "result = max(result, abs(w[at]));", "maxOver");
/** Σ w² of every segment. */
export const SQUARES = reduceSegments("squares", "result += w[at] * w[at];", "sumOver");

/** w /= its largest |entry|, which goes to scalar `slot` as its first number. */
export const DIVIDE_BY_LARGEST: Kernel = {
  name: "divide by largest",
  buffers: { partials: "read f32", w: "read_write f32", scalars: "read_write vec2f" },
  sizes: ["length", "segments", "slot"],
  lanes: 64,
  code: `${REDUCE}
fn kernel(group: vec3u, lane: u32) {
  var part = 0.0;
  for (var s = lane; s < size.segments; s += 64u) { part = max(part, partials[s]); }
  let largest = maxOver(lane, part);
  if (group.x == 0u && group.y == 0u && lane == 0u) { scalars[size.slot].x = largest; }
  if (largest <= 0.0) { return; }
${EACH("w[at] /= largest;")}
}`,
};

/**
 * w /= ‖w‖, or w = 0 where ‖w‖² is at most floor·before: partials holds the segments of `before`, then those of ‖w‖².
 * The second number of scalar `slot` becomes ‖w‖², or 0 with w.
 */
export const NORMALIZE: Kernel = {
  name: "normalize",
  buffers: { partials: "read f32", w: "read_write f32", scalars: "read_write vec2f" },
  sizes: ["length", "segments", "slot", "floorBits"],
  lanes: 64,
  code: `${REDUCE}
fn kernel(group: vec3u, lane: u32) {
  var before = 0.0;
  var squares = 0.0;
  for (var s = lane; s < size.segments; s += 64u) {
    before += partials[s];
    squares += partials[size.segments + s];
  }
  before = sumOver(lane, before);
  squares = sumOver(lane, squares);
  // What is not finite is kept: whoever reads the scalar refuses it.
  let kept = !(squares <= bitcast<f32>(size.floorBits) * before);
  if (group.x == 0u && group.y == 0u && lane == 0u) { scalars[size.slot].y = select(0.0, squares, kept); }
  let norm = select(1.0, sqrt(squares), kept);
${EACH("w[at] = select(0.0, w[at] / norm, kept);")}
}`,
};

/** partials[s] = segment s of ‖x/sigma − y‖², sigma being scalar `factor`; nothing where that is 0. */
export const DIFFERENCE: Kernel = {
  name: "difference",
  buffers: { x: "read f32", y: "read f32", scalars: "read vec2f", partials: "read_write f32" },
  sizes: ["length", "segments", "factor"],
  lanes: 64,
  code: `${REDUCE}${SEGMENT}
fn kernel(group: vec3u, lane: u32) {
  let part = segment(group.x);
  let sigma = scalars[size.factor];
  let root = sqrt(sigma.y);
  var sum = 0.0;
  if (sigma.x > 0.0 && root > 0.0) {
    for (var at = part.x + lane; at < part.y; at += 64u) {
      let difference = x[at] / sigma.x / root - y[at];
      sum += difference * difference;
    }
  }
  sum = sumOver(lane, sum);
  if (lane == 0u) { partials[group.x] = sum; }
}`,
};

/** Scalar `slot` = scalar `factor` times the root of the segments' sum. */
export const SCALE_ROOT: Kernel = {
  name: "scale a root",
  buffers: { partials: "read f32", scalars: "read_write vec2f" },
  sizes: ["segments", "factor", "slot"],
  lanes: 64,
  code: `${REDUCE}
fn kernel(group: vec3u, lane: u32) {
  var sum = 0.0;
  for (var s = lane; s < size.segments; s += 64u) { sum += partials[s]; }
  sum = sumOver(lane, sum);
  if (lane == 0u) { scalars[size.slot] = scalars[size.factor] * vec2f(1.0, sum); }
}`,
};

const elementwise = (name: string, buffers: Kernel["buffers"], sizes: string[], body: string): Kernel => ({
  name,
  buffers,
  sizes: ["length", ...sizes],
  lanes: 64,
  code: `
fn kernel(group: vec3u, lane: u32) {${EACH(body)}
}`,
});

export const ADD = elementwise(
  "add",
  { x: "read f32", to: "read_write f32" },
  ["factorBits"],
  "to[at] += bitcast<f32>(size.factorBits) * x[at];",
);
export const MULTIPLY_ELEMENTS = elementwise(
  "multiply elements",
  { a: "read f32", b: "read f32", to: "read_write f32" },
  [],
  "to[at] = a[at] * b[at];",
);
export const MULTIPLY_BY = elementwise(
  "multiply by elements",
  { a: "read f32", to: "read_write f32" },
  [],
  "to[at] *= a[at];",
);
/** Between two ranges of one buffer, which the queue does not copy within. */
export const COPY = elementwise("copy within", { x: "read_write f32", to: "read_write f32" }, [], "to[at] = x[at];");
