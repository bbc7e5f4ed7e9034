// Work on long vectors: dot products with a basis, its multiples, and norms. A vector is summed in segments, each by one
// workgroup as 64 interleaved sums, so that errors stay near that of pairwise summation; the segments' sums are added
// where they are needed. A vector is divided by its largest entry first, so that no square over- or underflows.
import type { Batch } from "./batch.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type Region, type View } from "./memory.js";

/** Segments of a vector, at most, and the fewest numbers worth a segment of their own. */
const MOST_SEGMENTS = 64;
const LEAST_SEGMENT = 2048;
/** Vectors that one dispatch adds multiples of, at most. */
export const MOST_COEFFICIENTS = 64;
/** Numbers that a workgroup changes. */
const CHUNK = 1024;

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

/** partials[first + i, s] = segment s of ⟨q_i, w⟩, for `count` vectors of a basis block. */
const DOTS: Kernel = {
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

/** w ± Σ_i c_i q_i over `count` ≤ 64 vectors of a basis block, c_i the sum of the segments of coefficient first + i. */
const ADD_MULTIPLES: Kernel = {
  name: "add multiples",
  buffers: { basis: "read f32", partials: "read f32", w: "read_write f32" },
  sizes: ["length", "segments", "stride", "first", "count", "subtract"],
  lanes: 64,
  code: `
var<workgroup> coefficients: array<f32, 64>;
fn kernel(group: vec3u, lane: u32) {
  var sum = 0.0;
  if (lane < size.count) {
    for (var s = 0u; s < size.segments; s++) { sum += partials[(size.first + lane) * size.segments + s]; }
  }
  coefficients[lane] = select(sum, -sum, size.subtract != 0u);
  workgroupBarrier();
  let end = min((group.x + 1u) * ${CHUNK}u, size.length);
  for (var at = group.x * ${CHUNK}u + lane; at < end; at += 64u) {
    var value = w[at];
    for (var i = 0u; i < size.count; i++) { value += coefficients[i] * basis[i * size.stride + at]; }
    w[at] = value;
  }
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
const LARGEST = reduceSegments("largest", "result = max(result, abs(w[at]));", "maxOver");
/** Σ w² of every segment. */
const SQUARES = reduceSegments("squares", "result += w[at] * w[at];", "sumOver");

/** w /= its largest |entry|, which goes to scalars[slot]. */
const DIVIDE_BY_LARGEST: Kernel = {
  name: "divide by largest",
  buffers: { partials: "read f32", w: "read_write f32", scalars: "read_write f32" },
  sizes: ["length", "segments", "slot"],
  lanes: 64,
  code: `${REDUCE}
fn kernel(group: vec3u, lane: u32) {
  var part = 0.0;
  if (lane < size.segments) { part = partials[lane]; }
  let largest = maxOver(lane, part);
  if (group.x == 0u && lane == 0u) { scalars[size.slot] = largest; }
  if (largest <= 0.0) { return; }
  let end = min((group.x + 1u) * ${CHUNK}u, size.length);
  for (var at = group.x * ${CHUNK}u + lane; at < end; at += 64u) { w[at] /= largest; }
}`,
};

/**
 * w /= ‖w‖, or w = 0 where ‖w‖² is at most floor·before. partials holds the segments of `before`, then those of ‖w‖²;
 * both sums go to scalars[slot + 1] and [slot + 2].
 */
const NORMALIZE: Kernel = {
  name: "normalize",
  buffers: { partials: "read f32", w: "read_write f32", scalars: "read_write f32" },
  sizes: ["length", "segments", "slot", "floorBits"],
  lanes: 64,
  code: `${REDUCE}
fn kernel(group: vec3u, lane: u32) {
  var before = 0.0;
  var squares = 0.0;
  if (lane < size.segments) {
    before = partials[lane];
    squares = partials[size.segments + lane];
  }
  before = sumOver(lane, before);
  squares = sumOver(lane, squares);
  if (group.x == 0u && lane == 0u) {
    scalars[size.slot + 1u] = before;
    scalars[size.slot + 2u] = squares;
  }
  let kept = squares > bitcast<f32>(size.floorBits) * before;
  let norm = select(1.0, sqrt(squares), kept);
  let end = min((group.x + 1u) * ${CHUNK}u, size.length);
  for (var at = group.x * ${CHUNK}u + lane; at < end; at += 64u) {
    w[at] = select(0.0, w[at] / norm, kept);
  }
}`,
};

/** partials[s] = segment s of ‖w/sigma − v‖², with sigma = scalars[0]·√scalars[2]. */
const DIFFERENCE: Kernel = {
  name: "difference",
  buffers: { w: "read f32", v: "read f32", scalars: "read f32", partials: "read_write f32" },
  sizes: ["length", "segments"],
  lanes: 64,
  code: `${REDUCE}${SEGMENT}
fn kernel(group: vec3u, lane: u32) {
  let part = segment(group.x);
  let largest = scalars[0];
  let norm = sqrt(scalars[2]);
  var sum = 0.0;
  if (largest > 0.0 && norm > 0.0) {
    for (var at = part.x + lane; at < part.y; at += 64u) {
      let difference = w[at] / largest / norm - v[at];
      sum += difference * difference;
    }
  }
  sum = sumOver(lane, sum);
  if (lane == 0u) { partials[group.x] = sum; }
}`,
};

export const VECTOR_KERNELS: readonly Kernel[] = [
  DOTS,
  ADD_MULTIPLES,
  LARGEST,
  SQUARES,
  DIVIDE_BY_LARGEST,
  NORMALIZE,
  DIFFERENCE,
];

/** Some vectors of a basis, side by side in one buffer. */
export interface Block {
  readonly view: View;
  /** Number of its first vector in the basis, and of those to use. */
  readonly first: number;
  readonly count: number;
  /** Words from one vector to the next. */
  readonly stride: number;
}

/** Sums over vectors of one length, and what is recorded with them. */
export class VectorWork {
  readonly #length: number;
  readonly #segments: number;
  readonly #groups: number[];
  /** Segments of the dot products with a basis, and of norms. */
  readonly #dots: View;
  readonly #norms: View;
  /** Of a vector from a multiple of another, in segments. */
  readonly differences: View;

  /** `scalars` has three numbers a slot: see NORMALIZE. */
  constructor(
    region: Region,
    length: number,
    mostCoefficients: number,
    readonly scalars: View,
  ) {
    this.#length = length;
    this.#segments = Math.min(MOST_SEGMENTS, Math.ceil(length / LEAST_SEGMENT));
    this.#groups = [Math.ceil(length / CHUNK)];
    this.#dots = region.words(mostCoefficients * this.#segments, "a Krylov space");
    this.#norms = region.words(2 * this.#segments, "a Krylov space");
    this.differences = region.words(this.#segments, "a Krylov space");
  }

  /** w −= Q Qᵀ w, as two block products, twice. */
  recordOrthogonalize(batch: Batch, blocks: readonly Block[], w: View): void {
    for (let pass = 0; pass < 2; pass++) {
      for (const { view: basis, first, count, stride } of blocks) {
        const sizes = { length: this.#length, segments: this.#segments, stride, first };
        batch.dispatch(DOTS, [this.#segments, count], { basis, w, partials: this.#dots }, sizes);
      }
      this.#recordAdd(batch, blocks, this.#dots, this.#segments, w, true);
    }
  }

  /** w = Σ c_i q_i. */
  recordCombine(batch: Batch, blocks: readonly Block[], coefficients: View, w: View): void {
    batch.clear(w);
    this.#recordAdd(batch, blocks, coefficients, 1, w, false);
  }

  /** w −= c·x, c the coefficient of that number. */
  recordSubtract(batch: Batch, x: View, coefficients: View, index: number, w: View): void {
    this.#recordAdd(batch, [{ view: x, first: index, count: 1, stride: this.#length }], coefficients, 1, w, true);
  }

  /**
   * Makes w a unit vector after `between` has taken parts of it away, or zero if that left at most `floor` of it. Its
   * norm is read from the scalars by `normOf`.
   */
  recordNormalize(batch: Batch, w: View, slot: number, floor: number, between: () => void = () => undefined): void {
    const sizes = { length: this.#length, segments: this.#segments, slot: 3 * slot };
    const norms = this.#norms;
    batch.dispatch(LARGEST, [this.#segments], { w, partials: norms }, { ...sizes, first: 0 });
    batch.dispatch(DIVIDE_BY_LARGEST, this.#groups, { partials: norms, w, scalars: this.scalars }, sizes);
    batch.dispatch(SQUARES, [this.#segments], { w, partials: norms }, { ...sizes, first: 0 });
    between();
    batch.dispatch(SQUARES, [this.#segments], { w, partials: norms }, { ...sizes, first: this.#segments });
    const floorBits = bitsOf(floor ** 2);
    batch.dispatch(NORMALIZE, this.#groups, { partials: norms, w, scalars: this.scalars }, { ...sizes, floorBits });
  }

  /** ‖w/sigma − v‖² in segments, into `differences`; sigma is the norm of slot 0. */
  recordDifference(batch: Batch, w: View, v: View): void {
    const sizes = { length: this.#length, segments: this.#segments };
    const views = { w, v, scalars: this.scalars, partials: this.differences };
    batch.dispatch(DIFFERENCE, [this.#segments], views, sizes);
  }

  #recordAdd(
    batch: Batch,
    blocks: readonly Block[],
    partials: View,
    segments: number,
    w: View,
    subtract: boolean,
  ): void {
    for (const { view: basis, first, count, stride } of blocks) {
      const sizes = { length: this.#length, segments, stride, first, count, subtract: subtract ? 1 : 0 };
      batch.dispatch(ADD_MULTIPLES, this.#groups, { basis, partials, w }, sizes);
    }
  }
}

/** The norm that `recordNormalize` found, from the scalars of its slot: 0 where the vector was made zero. */
export function normOf([largest, before, squares]: Float32Array, floor: number): number {
  // What is not finite is returned as it is, for the caller to refuse.
  if (!Number.isFinite(largest)) return largest;
  return squares <= Math.fround(floor ** 2) * before ? 0 : largest * Math.sqrt(squares);
}
