// Queries, keys and values of tokens, side by side in rows [n, channels], and what is done to queries and keys before
// they meet: a norm, rotary positions, another norm, and the scale; forwards, along tangents, and back.
import { anglesAt } from "../../layers/attention/rope.js";
import type { Batch } from "./batch.js";
import { MULTIPLY, MULTIPLY_TRANSPOSED, multiply } from "./gemm.js";
import type { Region, View } from "./memory.js";
import { ROTATE } from "./rowKernels.js";
import type { Scores } from "./score.js";
import { SideNorm } from "./sideNorm.js";
import { ADD, chunksOf } from "./vectors.js";
import { channelsOf, type LayerSizes, type LayerWeights } from "./weights.js";

/** Tangents of queries and keys as norms meet them, before and after the rotation. */
export interface NormTangents {
  readonly before?: View;
  readonly after?: View;
}

export class Projections {
  readonly channels: number;
  /** How queries, or both sides, are scaled as they are stored: see Scores. */
  readonly scaling: ReturnType<Scores["scaling"]>;
  readonly hasNorms: boolean;
  readonly #sizes: LayerSizes;
  readonly #project: View;
  readonly #n: number;
  readonly #angles?: View;
  readonly #pairs: number = 0;
  readonly #norms: SideNorm[];

  constructor(region: Region, scores: Scores, sizes: LayerSizes, { scale, project }: LayerWeights, n: number) {
    const { heads, dHead, queryNorm, keyNorm } = sizes;
    this.channels = channelsOf(sizes);
    this.#sizes = sizes;
    this.#project = project;
    this.#n = n;
    const angles = anglesAt(
      sizes,
      Array.from({ length: n }, (_, position) => position),
    );
    if (angles) {
      this.#angles = region.upload(turnsOf(angles.data), "the rotations");
      this.#pairs = angles.pairs;
    }
    // A norm would take the scale out again: it is in the norm's gain then.
    this.scaling = queryNorm ? { columns: 0, factor: 1, sign: 1 } : scores.scaling({ ...sizes, scale });
    const at = (first: number) => ({ n, stride: this.channels, first });
    this.#norms = [
      ...(queryNorm ? [new SideNorm(region, queryNorm, scale, at(0))] : []),
      ...(keyNorm ? [new SideNorm(region, keyNorm, 1, at(heads * dHead))] : []),
    ];
    this.hasNorms = this.#norms.length > 0;
  }

  /** Whether keys are what the projection makes of tokens, so that what tokens have in common passes through. */
  get keysAreLinear(): boolean {
    return !this.#angles && !this.#sizes.keyNorm;
  }

  /** to = the rows that tokens [n, dIn] give. */
  forward(batch: Batch, from: View, to: View, bias: View): void {
    this.#multiply(batch, from, to, bias);
    for (const norm of this.#when(false)) norm.recordForward(batch, to);
    this.#rotate(batch, to, false);
    for (const norm of this.#when(true)) norm.recordForward(batch, to);
  }

  /** to = the rows that tangents [n, dIn] give. */
  tangent(batch: Batch, from: View, to: View, kept: NormTangents = {}): void {
    this.#multiply(batch, from, to);
    if (kept.before) batch.copy(to, kept.before);
    for (const norm of this.#when(false)) norm.recordApply(batch, to, false);
    this.#rotate(batch, to, false);
    if (kept.after) batch.copy(to, kept.after);
    for (const norm of this.#when(true)) norm.recordApply(batch, to, false);
  }

  /** to [n, dIn] = gradients of tokens, from those of the rows, which are changed. */
  back(batch: Batch, rows: View, to: View): void {
    for (const norm of this.#when(true)) norm.recordApply(batch, rows, true);
    this.#rotate(batch, rows, true);
    for (const norm of this.#when(false)) norm.recordApply(batch, rows, true);
    this.#multiplyBack(batch, rows, to);
  }

  /**
   * The same for second derivatives: the norms bend tangents, whose gradients are `first`, which is changed too.
   */
  backSecond(batch: Batch, rows: View, first: View, tangents: NormTangents, to: View): void {
    for (const norm of this.#when(true)) {
      norm.recordApply(batch, rows, true);
      norm.recordGradient(batch, tangents.after!, first, rows);
    }
    this.#rotate(batch, rows, true);
    this.#rotate(batch, first, true);
    for (const norm of this.#when(false)) {
      norm.recordApply(batch, rows, true);
      norm.recordGradient(batch, tangents.before!, first, rows);
    }
    this.#multiplyBack(batch, rows, to);
  }

  normTangents(region: Region, what: string): NormTangents {
    const room = (after: boolean) =>
      this.#when(after).length > 0 ? region.words(this.#n * this.channels, what) : undefined;
    return { before: room(false), after: room(true) };
  }

  #when(after: boolean): SideNorm[] {
    return this.#norms.filter(({ afterRope }) => afterRope === after);
  }

  #multiply(batch: Batch, from: View, to: View, bias?: View): void {
    const sizes = { rows: this.#n, columns: this.channels, depth: this.#sizes.dIn };
    multiply(batch, MULTIPLY_TRANSPOSED, sizes, { a: from, b: this.#project, c: to, bias }, this.scaling);
  }

  #multiplyBack(batch: Batch, rows: View, to: View): void {
    const sizes = { rows: this.#n, columns: this.#sizes.dIn, depth: this.channels };
    multiply(batch, MULTIPLY, sizes, { a: rows, b: this.#project, c: to });
  }

  #rotate(batch: Batch, rows: View, back: boolean): void {
    const { heads, kvHeads, dHead } = this.#sizes;
    if (!this.#angles) return;
    const { channels } = this;
    const sizes = { n: this.#n, heads, dHead, channels, pairs: this.#pairs, back: back ? 1 : 0 };
    batch.dispatch(ROTATE, [Math.ceil(this.#n / 64), heads + kvHeads], { angles: this.#angles, rows }, sizes);
  }
}

/** to += from, of as many numbers. */
export function addViews(batch: Batch, x: View, to: View): void {
  const length = to.size / 4;
  batch.dispatch(ADD, chunksOf(length), { x, to }, { length, factorBits: ONE });
}

/** The bits of 1. */
const ONE = 0x3f800000;

/** (cos, sin) of angles. */
function turnsOf(angles: Float64Array): Float32Array {
  const turns = new Float32Array(2 * angles.length);
  for (let i = 0; i < angles.length; i++) {
    turns[2 * i] = Math.cos(angles[i]);
    turns[2 * i + 1] = Math.sin(angles[i]);
  }
  return turns;
}
