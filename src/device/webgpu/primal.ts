// What attention's derivatives at one input reuse, and the work that they record (MATH 1, 2.1, 2.2).

import { resolveMask } from "../../layers/attention/mask.js";
import type { Batch } from "./batch.js";
import { Gate } from "./gate.js";
import { MULTIPLY, MULTIPLY_TRANSPOSED, multiply } from "./gemm.js";
import type { Kernel } from "./kernel.js";
import { packMask, TILE } from "./mask.js";
import { bitsOf, type Region, type View } from "./memory.js";
import { modifiersOf, packModifiers } from "./modifiers.js";
import { COLUMNS } from "./pass.js";
import { attentionPasses, type Passes } from "./passes.js";
import { addViews, type NormTangents, Projections } from "./projections.js";
import { ADD_OFFSETS, CENTRE, COLUMN_SUMS, SHIFTS, SUMMARY } from "./rowKernels.js";
import type { LayerSizes, LayerWeights } from "./weights.js";

/** Work space of a gradient. */
export interface GradientSpace {
  readonly outputTangent: View;
  readonly terms: View;
  readonly back: View;
  /** Where norms, or a gate, need gradients of first order too. */
  readonly first?: View;
  readonly normTangents: NormTangents;
  /** Gradient of the heads' outputs that a gate gives them in their own right. */
  readonly own?: View;
}

export class Primal {
  readonly sizes: LayerSizes;
  /** For every head and query, see softmax.ts. */
  readonly statistics: View;
  /** The largest |score| in parts, see SUMMARY. */
  readonly summary: View;
  readonly #passes: Passes;
  readonly weights: LayerWeights;
  readonly #projections: Projections;
  readonly #gate?: Gate;
  readonly #scalars: Record<string, number>;
  /** And behind it what modifies scores, see modifiers.ts. */
  readonly #mask: View;
  readonly #qkv: View;
  readonly #output: View;
  /** Work space: tangents or gradients of queries, keys and values, and of the heads' outputs. */
  readonly #channels: View;
  readonly #heads: View;
  /** Anchors and means of every row, see anchors.ts. */
  readonly #terms: View;
  /** Means over tokens: of the input, what they give of queries, keys and values, and what of it stays in them. */
  readonly #means: View;
  readonly #offsets: View;
  readonly #shifts: View;
  readonly #sums: View;

  constructor(
    region: Region,
    sizes: LayerSizes,
    weights: LayerWeights,
    readonly n: number,
  ) {
    const { dIn, heads, kvHeads, dHead, dValue } = sizes;
    const kept = "what the derivatives reuse";
    const work = "the work space of a linearization";
    this.sizes = sizes;
    this.weights = weights;
    this.#passes = attentionPasses(sizes.kind, modifiersOf(sizes));
    this.#projections = new Projections(region, this.#passes.scores, sizes, weights, n);
    const { channels, scaling } = this.#projections;
    const mask = packMask(resolveMask(sizes.mask, n));
    const { behind, sizes: ofModifiers } = packModifiers(sizes, n, mask.words.length);
    const words = new Uint32Array(mask.words.length + behind.length);
    words.set(mask.words);
    words.set(behind, mask.words.length);
    this.#mask = region.upload(words, "the mask");
    const [signBits, factorBits] = [bitsOf(scaling.sign), bitsOf(scaling.factor)];
    const ofMask = { tiles: mask.tiles, byEntry: mask.byEntry ? 1 : 0 };
    const ofLayer = { n, heads, kvHeads, dHead, dValue, channels, signBits, factorBits, slot: 0 };
    this.#scalars = { ...ofMask, ...ofModifiers, ...ofLayer };
    this.#qkv = region.words(n * channels, kept);
    this.statistics = region.words(4 * heads * n, kept);
    this.#output = region.words(n * heads * dValue, kept);
    if (sizes.gateWidth > 0) this.#gate = new Gate(region, sizes, n, channels);
    this.#channels = region.words(n * channels, work);
    this.#heads = region.words(n * heads * dValue, work);
    this.#terms = region.words(2 * heads * n, work);
    const widest = Math.max(dIn, kvHeads * dHead);
    this.#means = region.words(widest, work);
    this.#sums = region.words(Math.ceil(n / 64) * widest, work);
    this.#offsets = region.words(channels, work);
    this.#shifts = region.words(channels, work);
    this.summary = region.words(64, work);
  }

  /**
   * to [n, dOut] = the layer at the input [n, dIn], with work space for another such input. What all tokens have in
   * common is taken from the input before it is projected, so that offsets and biases that J does not see never enter
   * its numbers; the output gets them back at the end.
   */
  recordForward(batch: Batch, input: View, centred: View, to: View): void {
    const { heads, kvHeads, dIn, dHead, gateWidth } = this.sizes;
    const { output, project, bias, outputBias } = this.weights;
    const { keysMayShift, valuesMayShift } = this.#passes.scores;
    const { channels, keysAreLinear } = this.#projections;
    batch.copy(input, centred);
    this.#centre(batch, centred, { stride: dIn, first: 0, width: dIn });
    const one = { rows: 1, columns: channels, depth: dIn };
    multiply(batch, MULTIPLY_TRANSPOSED, one, { a: this.#means, b: project, c: this.#offsets });
    const shifts = {
      ...this.#scalars,
      keepKeys: keysAreLinear && keysMayShift ? 0 : 1,
      keepValues: valuesMayShift ? 0 : 1,
      fromQueries: keysMayShift === "with queries" ? 1 : 0,
      gateAt: channels - gateWidth,
    };
    batch.dispatch(SHIFTS, [Math.ceil(channels / 64)], { offsets: this.#offsets, bias, shifts: this.#shifts }, shifts);
    this.#projections.forward(batch, centred, this.#qkv, this.#shifts);
    // What norms and rotations make of offsets differs from token to token: what is left of them goes afterwards.
    if (!keysAreLinear && keysMayShift) {
      this.#centre(batch, this.#qkv, { stride: channels, first: heads * dHead, width: kvHeads * dHead });
    }
    this.#pass(batch, this.#passes.statistics, 1, heads, { statistics: this.statistics });
    this.#pass(batch, this.#passes.attend, this.sizes.dValue, heads, { output: this.#output });
    const gated = output ? this.#heads : to;
    const whole = this.#gate?.whole ?? gated;
    if (valuesMayShift) {
      const views = { output: this.#output, offsets: this.#offsets, bias, statistics: this.statistics, whole };
      batch.dispatch(ADD_OFFSETS, this.#rowGroups, views, this.#scalars);
    } else batch.copy(this.#output, whole);
    this.#gate?.forward(batch, this.#qkv, gated);
    if (output) this.#mapOutput(batch, gated, to, outputBias);
    const views = { statistics: this.statistics, summary: this.summary };
    batch.dispatch(SUMMARY, [64], views, { count: this.n * heads });
  }

  /** to = J from. */
  recordJvp(batch: Batch, from: View, to: View): void {
    const outputTangent = this.weights.output ? this.#heads : to;
    this.#projections.tangent(batch, from, this.#channels);
    const views = { tangent: this.#channels, output: this.#output, outputTangent, terms: this.#terms };
    this.#anchor(batch, this.#passes.anchorTangent, 0, views);
    this.#pass(batch, this.#passes.attendTangent, this.sizes.dValue, this.sizes.heads, views);
    this.#gate?.tangent(batch, this.#qkv, this.#channels, outputTangent);
    if (this.weights.output) this.#mapOutput(batch, outputTangent, to);
  }

  /** to = Jᵀ from. */
  recordVjp(batch: Batch, from: View, to: View): void {
    const gradient = this.#outputGradient(batch, from);
    this.#gate?.back(batch, this.#qkv, gradient, this.#channels);
    this.#firstOrder(batch, gradient, this.#channels);
    this.#projections.back(batch, this.#channels, to);
  }

  /** to = ∇_x ⟨v, J(x) u⟩ at fixed u and v (MATH 2.3), by work space from `gradientSpace`. */
  recordGradient(batch: Batch, space: GradientSpace, u: View, v: View, to: View): void {
    const { heads, kvHeads, dHead, dValue } = this.sizes;
    const { outputTangent, terms, back, first, own } = space;
    const [tangent, output, qkv] = [this.#channels, this.#output, this.#qkv];
    this.#projections.tangent(batch, u, tangent, space.normTangents);
    this.#anchor(batch, this.#passes.anchorTangent, 0, { tangent, terms });
    this.#pass(batch, this.#passes.attendTangent, dValue, heads, { tangent, output, outputTangent, terms });
    const gradient = this.#outputGradient(batch, v);
    if (own) this.#gate?.second(batch, { qkv, tangent, outputTangent, gradient, back, own });
    this.#anchor(batch, this.#passes.anchorGradient, 1, { gradient, output, terms });
    this.#anchor(batch, this.#passes.anchorCurvature, 2, { tangent, gradient, terms });
    this.#pass(batch, this.#passes.curvatureMean, 1, heads, { tangent, gradient, terms });
    const views = { tangent, gradient, terms, back };
    this.#pass(batch, this.#passes.querySecond, dHead, heads, views);
    this.#pass(batch, this.#passes.keySecond, dHead, kvHeads, views);
    this.#pass(batch, this.#passes.valueSecond, dValue, kvHeads, views);
    if (first && own) {
      this.#firstOrder(batch, own, first);
      addViews(batch, first, back);
    }
    if (first && this.#projections.hasNorms) {
      this.#firstOrder(batch, gradient, first);
      this.#projections.backSecond(batch, back, first, space.normTangents, to);
    } else this.#projections.back(batch, back, to);
  }

  gradientSpace(region: Region): GradientSpace {
    const { heads, dValue } = this.sizes;
    const { channels, hasNorms } = this.#projections;
    const work = "the work space of a gradient";
    const room = (count: number) => region.words(this.n * count, work);
    return {
      outputTangent: room(heads * dValue),
      terms: room(6 * heads),
      back: room(channels),
      first: hasNorms || this.#gate ? room(channels) : undefined,
      own: this.#gate ? room(heads * dValue) : undefined,
      normTangents: this.#projections.normTangents(region, work),
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

  /** Gradients of queries, keys and values, from those of the heads' outputs. */
  #firstOrder(batch: Batch, gradient: View, back: View): void {
    const { heads, kvHeads, dHead, dValue } = this.sizes;
    const views = { gradient, terms: this.#terms, back };
    this.#anchor(batch, this.#passes.anchorGradient, 0, { ...views, output: this.#output });
    this.#pass(batch, this.#passes.queryGradient, dHead, heads, views);
    this.#pass(batch, this.#passes.keyGradient, dHead, kvHeads, views);
    this.#pass(batch, this.#passes.valueGradient, dValue, kvHeads, views);
  }

  /** A workgroup for every 64 rows of every head. */
  get #rowGroups(): number[] {
    return [Math.ceil(this.n / 64), this.sizes.heads];
  }

  #anchor(batch: Batch, kernel: Kernel, slot: number, views: Record<string, View>): void {
    const shared = { qkv: this.#qkv, statistics: this.statistics };
    batch.dispatch(kernel, this.#rowGroups, { ...shared, ...views }, { ...this.#scalars, slot });
  }

  /** Takes the means over tokens from columns of rows [n, stride], in place. */
  #centre(batch: Batch, rows: View, columns: { stride: number; first: number; width: number }): void {
    const sizes = { n: this.n, ...columns };
    const groups = [Math.ceil(columns.width / 64), Math.ceil(this.n / 64)];
    batch.dispatch(COLUMN_SUMS, groups, { rows, sums: this.#sums }, sizes);
    batch.dispatch(CENTRE, groups, { rows, sums: this.#sums, means: this.#means }, sizes);
  }

  #pass(batch: Batch, kernel: Kernel, columns: number, heads: number, views: Record<string, View>): void {
    const groups = [Math.ceil(this.n / TILE), Math.ceil(columns / COLUMNS), heads];
    const shared = { mask: this.#mask, qkv: this.#qkv, statistics: this.statistics };
    batch.dispatch(kernel, groups, { ...shared, ...views }, this.#scalars);
  }

  /** The gradient of the heads' outputs; a gate changes it, so that it is no caller's then. */
  #outputGradient(batch: Batch, from: View): View {
    const { heads, dValue, dOut } = this.sizes;
    const { output } = this.weights;
    if (!output && !this.#gate) return from;
    if (output) {
      const sizes = { rows: this.n, columns: heads * dValue, depth: dOut };
      multiply(batch, MULTIPLY_TRANSPOSED, sizes, { a: from, b: output, c: this.#heads });
    } else batch.copy(from, this.#heads);
    return this.#heads;
  }

  #mapOutput(batch: Batch, from: View, to: View, bias?: View): void {
    const { heads, dValue, dOut } = this.sizes;
    const sizes = { rows: this.n, columns: dOut, depth: heads * dValue };
    multiply(batch, MULTIPLY, sizes, { a: from, b: this.weights.output!, c: to, bias });
  }
}
