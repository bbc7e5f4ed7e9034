// What attention's derivatives at one input reuse, and the work that they record (MATH 1, 2.1, 2.2).

import type { Tensor } from "../../base/tensor.js";
import { resolveMask } from "../../layers/attention/mask.js";
import type { Batch } from "./batch.js";
import { gemmFor, MULTIPLY, MULTIPLY_TRANSPOSED, multiply } from "./gemm.js";
import type { Kernel } from "./kernel.js";
import { packMask, TILE } from "./mask.js";
import { bitsOf, type Region, type View } from "./memory.js";
import { COLUMNS } from "./pass.js";
import { attentionPasses, type Passes } from "./passes.js";
import { MEAN_GRADIENT, ROTATE } from "./rowKernels.js";
import { channelsOf, type LayerSizes, type LayerWeights } from "./weights.js";

export type Work = "forward" | "jvp" | "vjp" | "gradient" | "patterns" | "probabilities";

/** What each kind of work on n tokens needs to be prepared. */
export function kernelsFor(work: Work, sizes: LayerSizes, n: number): Kernel[] {
  const passes = attentionPasses(sizes.kind);
  const { querySecond, keySecond, valueSecond, gradientMean, curvatureMean } = passes;
  const rotate = sizes.frequencies ? [ROTATE] : [];
  const project = [gemmFor(MULTIPLY_TRANSPOSED, n, channelsOf(sizes)), ...rotate];
  const mapOutput = gemmFor(MULTIPLY, n, sizes.dOut);
  const outputGradient = gemmFor(MULTIPLY_TRANSPOSED, n, sizes.heads * sizes.dValue);
  const projectBack = [gemmFor(MULTIPLY, n, sizes.dIn), ...rotate];
  const forward = [...project, mapOutput];
  const backward = [outputGradient, ...projectBack];
  const kernels: Record<Work, Kernel[]> = {
    forward: [...forward, passes.statistics, passes.attend],
    jvp: [...forward, passes.attendTangent],
    vjp: [...backward, MEAN_GRADIENT, passes.queryGradient, passes.keyGradient, passes.valueGradient],
    gradient: [
      ...[...project, ...backward, passes.attendTangent],
      ...[gradientMean, curvatureMean, querySecond, keySecond, valueSecond],
    ],
    patterns: [passes.sumPatterns, passes.sumTransposedPatterns],
    probabilities: [passes.probabilities],
  };
  return kernels[work];
}

/** Work space of a gradient. */
export interface GradientSpace {
  readonly outputTangent: View;
  readonly terms: View;
  readonly back: View;
}

export class Primal {
  readonly n: number;
  readonly inShape: readonly number[];
  readonly outShape: readonly number[];
  readonly sizes: LayerSizes;
  /** A row (largest score, 1/sum, largest |score|, whether one was not finite) for every head and query. */
  readonly statistics: View;
  /** [n, dIn] */
  readonly input: View;
  /** Work space: a vector of the domain and of the range. */
  readonly domain: View;
  readonly range: View;
  readonly #passes: Passes;
  readonly weights: LayerWeights;
  readonly #scalars: Record<string, number>;
  readonly #mask: View;
  readonly #angles?: View;
  readonly #qkv: View;
  readonly #output: View;
  /** Work space: tangents or gradients of queries, keys and values, and of the heads' outputs. */
  readonly #channels: View;
  readonly #heads: View;
  readonly #mean: View;

  constructor(region: Region, sizes: LayerSizes, weights: LayerWeights, input: Tensor) {
    const { dIn, dOut, heads, kvHeads, dHead, dValue, frequencies } = sizes;
    const n = input.shape[0];
    const channels = channelsOf(sizes);
    const mask = packMask(resolveMask(sizes.mask, n));
    const kept = "what the derivatives reuse";
    const work = "the work space of a linearization";
    this.n = n;
    this.inShape = [n, dIn];
    this.outShape = [n, dOut];
    this.sizes = sizes;
    this.#passes = attentionPasses(sizes.kind);
    this.weights = weights;
    const ofMask = { tiles: mask.tiles, byEntry: mask.byEntry ? 1 : 0 };
    const scaleBits = bitsOf(weights.scale);
    this.#scalars = { n, ...ofMask, heads, kvHeads, dHead, dValue, channels, scaleBits };
    this.#mask = region.upload(mask.words, "the mask");
    if (frequencies) this.#angles = region.upload(rotations(n, frequencies), "the rotations");
    this.input = region.upload(input.data, kept);
    this.#qkv = region.words(n * channels, kept);
    this.statistics = region.words(4 * heads * n, kept);
    this.#output = region.words(n * heads * dValue, kept);
    this.#channels = region.words(n * channels, work);
    this.#heads = region.words(n * heads * dValue, work);
    this.#mean = region.words(heads * n, work);
    this.domain = region.words(n * dIn, work);
    this.range = region.words(n * dOut, work);
  }

  /** The layer at the input, into `range`. */
  recordForward(batch: Batch): void {
    const { heads } = this.sizes;
    this.#project(batch, this.input, this.#qkv, this.weights.bias);
    this.#pass(batch, this.#passes.statistics, 1, heads, { statistics: this.statistics });
    this.#pass(batch, this.#passes.attend, this.sizes.dValue, heads, { output: this.#output });
    if (this.weights.output) this.#mapOutput(batch, this.#output, this.range, this.weights.outputBias);
    else batch.copy(this.#output, this.range);
  }

  /** to = J from. */
  recordJvp(batch: Batch, from: View, to: View): void {
    const outputTangent = this.weights.output ? this.#heads : to;
    this.#project(batch, from, this.#channels);
    const views = { tangent: this.#channels, output: this.#output, outputTangent, mean: this.#mean };
    this.#pass(batch, this.#passes.attendTangent, this.sizes.dValue, this.sizes.heads, views);
    if (this.weights.output) this.#mapOutput(batch, outputTangent, to);
  }

  /** to = Jᵀ from. */
  recordVjp(batch: Batch, from: View, to: View): void {
    const { heads, kvHeads, dHead, dValue } = this.sizes;
    const gradient = this.#recordOutputGradient(batch, from);
    const views = { gradient, mean: this.#mean, back: this.#channels };
    batch.dispatch(MEAN_GRADIENT, [Math.ceil(this.n / 64), heads], { ...views, output: this.#output }, this.#scalars);
    this.#pass(batch, this.#passes.queryGradient, dHead, heads, views);
    this.#pass(batch, this.#passes.keyGradient, dHead, kvHeads, views);
    this.#pass(batch, this.#passes.valueGradient, dValue, kvHeads, views);
    this.#projectBack(batch, this.#channels, to);
  }

  /** to = ∇_x ⟨v, J(x) u⟩ at fixed u and v (MATH 2.3), by work space from `gradientSpace`. */
  recordGradient(batch: Batch, space: GradientSpace, u: View, v: View, to: View): void {
    const { heads, kvHeads, dHead, dValue } = this.sizes;
    const { outputTangent, terms, back } = space;
    const tangent = this.#channels;
    this.#project(batch, u, tangent);
    const output = this.#output;
    this.#pass(batch, this.#passes.attendTangent, dValue, heads, { tangent, output, outputTangent, mean: terms });
    const gradient = this.#recordOutputGradient(batch, v);
    this.#pass(batch, this.#passes.gradientMean, 1, heads, { gradient, terms });
    this.#pass(batch, this.#passes.curvatureMean, 1, heads, { tangent, gradient, terms });
    const views = { tangent, gradient, terms, back };
    this.#pass(batch, this.#passes.querySecond, dHead, heads, views);
    this.#pass(batch, this.#passes.keySecond, dHead, kvHeads, views);
    this.#pass(batch, this.#passes.valueSecond, dValue, kvHeads, views);
    this.#projectBack(batch, back, to);
  }

  gradientSpace(region: Region): GradientSpace {
    const { heads, dValue } = this.sizes;
    const work = "the work space of a gradient";
    return {
      outputTangent: region.words(this.n * heads * dValue, work),
      terms: region.words(3 * heads * this.n, work),
      back: region.words(this.n * channelsOf(this.sizes), work),
    };
  }

  /** to = Σ_h P_h from, or Σ_h P_hᵀ from, of vectors [n]. */
  recordPatterns(batch: Batch, transposed: boolean, from: View, to: View): void {
    const kernel = transposed ? this.#passes.sumTransposedPatterns : this.#passes.sumPatterns;
    this.#pass(batch, kernel, 1, 1, { vector: from, result: to });
  }

  /** to [heads, count, n] = rows [first, first + count) of the probabilities. */
  recordProbabilities(batch: Batch, first: number, count: number, to: View): void {
    const views = { mask: this.#mask, qkv: this.#qkv, statistics: this.statistics, rows: to };
    const sizes = { ...this.#scalars, first, count };
    batch.dispatch(this.#passes.probabilities, [Math.ceil(this.n / 64), count, this.sizes.heads], views, sizes);
  }

  #pass(batch: Batch, kernel: Kernel, columns: number, heads: number, views: Record<string, View>): void {
    const groups = [Math.ceil(this.n / TILE), Math.ceil(columns / COLUMNS), heads];
    const shared = { mask: this.#mask, qkv: this.#qkv, statistics: this.statistics };
    batch.dispatch(kernel, groups, { ...shared, ...views }, this.#scalars);
  }

  /** Queries, keys and values of rows [n, dIn], the former two rotated. */
  #project(batch: Batch, from: View, to: View, bias?: View): void {
    const sizes = { rows: this.n, columns: channelsOf(this.sizes), depth: this.sizes.dIn };
    multiply(batch, MULTIPLY_TRANSPOSED, sizes, { a: from, b: this.weights.project, c: to, bias });
    this.#rotate(batch, to, false);
  }

  /** Gradients of the input, from those of queries, keys and values, which are rotated back in place. */
  #projectBack(batch: Batch, from: View, to: View): void {
    this.#rotate(batch, from, true);
    const sizes = { rows: this.n, columns: this.sizes.dIn, depth: channelsOf(this.sizes) };
    multiply(batch, MULTIPLY, sizes, { a: from, b: this.weights.project, c: to });
  }

  /** The gradient of the heads' outputs. */
  #recordOutputGradient(batch: Batch, from: View): View {
    const { heads, dValue, dOut } = this.sizes;
    if (!this.weights.output) return from;
    const sizes = { rows: this.n, columns: heads * dValue, depth: dOut };
    multiply(batch, MULTIPLY_TRANSPOSED, sizes, { a: from, b: this.weights.output, c: this.#heads });
    return this.#heads;
  }

  #rotate(batch: Batch, rows: View, back: boolean): void {
    const { heads, kvHeads, frequencies } = this.sizes;
    if (!this.#angles || !frequencies) return;
    const sizes = { ...this.#scalars, pairs: frequencies.length, back: back ? 1 : 0 };
    const groups = [Math.ceil(this.n / 64), heads + kvHeads];
    batch.dispatch(ROTATE, groups, { angles: this.#angles, rows }, sizes);
  }

  #mapOutput(batch: Batch, from: View, to: View, bias?: View): void {
    const { heads, dValue, dOut } = this.sizes;
    const sizes = { rows: this.n, columns: dOut, depth: heads * dValue };
    multiply(batch, MULTIPLY, sizes, { a: from, b: this.weights.output!, c: to, bias });
  }
}

/** (cos, sin) of position·frequency, [n, pairs]; angles in f64. */
function rotations(n: number, frequencies: Float64Array): Float32Array {
  const pairs = frequencies.length;
  const angles = new Float32Array(2 * n * pairs);
  for (let position = 0, at = 0; position < n; position++) {
    for (let c = 0; c < pairs; c++) {
      angles[at++] = Math.cos(position * frequencies[c]);
      angles[at++] = Math.sin(position * frequencies[c]);
    }
  }
  return angles;
}
