// Norms of a Jacobian that are sums over its entries, from its blocks, which are never stored (MATH 2.4, 2.5).

import { turn } from "../../base/turn.js";
import { type HostPrimal, queryCovariance, seenTokens } from "../../layers/attention/hostPrimal.js";
import { product } from "../../linalg/dense.js";
import type { EntrySums } from "../operator.js";
import { type Heap, Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { BLOCK_ROW, ROW, readField, tileRows, writeStruct } from "./layout.js";

/** Tokens whose factors share the second-level cache. */
const KEYS = 16;

/** Entries in the device's type, sums in doubles: O(heads·n²·dIn·dOut) time, O(heads·dIn·dOut) memory. */
export async function entrySums(kernels: Kernels, heap: Heap, primal: HostPrimal): Promise<EntrySums> {
  const region = new Region(heap);
  try {
    return await sumRows(new BlockRows(kernels, region, primal), primal);
  } finally {
    region.free();
  }
}

async function sumRows(rows: BlockRows, primal: HostPrimal): Promise<EntrySums> {
  const { n } = primal;
  const { dIn } = primal.spec;
  const columnSums = new Float64Array(n * dIn);
  let infinity = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const keys = seenTokens(primal, i);
    if (keys.length === 0) continue;
    rows.begin(i);
    for (let first = 0; first < keys.length; first += KEYS) {
      squares += rows.add(i, keys.slice(first, first + KEYS), columnSums);
      await turn();
    }
    infinity = rows.outSums().reduce((most, sum) => Math.max(most, sum), infinity);
  }
  return { one: columnSums.reduce((most, sum) => Math.max(most, sum), 0), infinity, frobenius: Math.sqrt(squares) };
}

/** The kernels' work space for a token's blocks, and the weights that all of them share. */
class BlockRows {
  readonly #kernels: Kernels;
  readonly #region: Region;
  readonly #primal: HostPrimal;
  readonly #height: number;
  readonly #columns: number;
  readonly #strips: number;
  readonly #panels: number;
  readonly #at: number;
  readonly #fields: Record<"maps" | "weights" | "left" | "right" | "extra" | "outSums" | "inSums", number>;
  /** [panel][heads·dValue][NR] of W_O, and strips of every head's W_Q. */
  readonly #outputPanels: number;
  readonly #queryStrips: number;
  /** Row-major and packed [dIn, heads·dValue]: W_Q,h C_i,h side by side. */
  readonly #influence: number;
  readonly #influenceStrips: number;
  readonly #covariance: number;
  /** v_j W_O,h − o_i W_O,h is what W_O makes of v_j − o_i: both sides once, [n, dOut] a head. */
  readonly #values: Float64Array[];
  readonly #outputs: Float64Array[];
  /** W_K,h ĝ of every head for the last (i, j), [dIn]. */
  readonly #slopes: Float64Array[];

  constructor(kernels: Kernels, region: Region, primal: HostPrimal) {
    const { heap } = region;
    const { n, spec, heads } = primal;
    const { dIn, dOut, dHead, dValue } = spec;
    this.#kernels = kernels;
    this.#region = region;
    this.#primal = primal;
    this.#columns = ROW / heap.word;
    this.#height = tileRows(heap);
    this.#strips = Math.ceil(dIn / this.#height);
    this.#panels = Math.ceil(dOut / this.#columns);
    const rows = this.#strips * this.#height;
    const width = heads.length * dValue;
    const what = "the blocks of a Jacobian";
    const reals = (count: number) => region.reals(count, what);
    const mapSize = this.#panels * this.#columns * rows;
    this.#at = region.bytes(BLOCK_ROW.bytes, what);
    this.#fields = {
      maps: reals(heads.length * mapSize),
      weights: reals(KEYS * heads.length),
      left: reals(KEYS * rows * heads.length),
      right: reals(KEYS * this.#panels * this.#columns * heads.length),
      extra: reals(mapSize),
      outSums: region.bytes(this.#panels * this.#columns * 8, what),
      inSums: region.bytes(KEYS * rows * 8, what),
    };
    this.#outputPanels = reals(this.#panels * this.#columns * width);
    this.#queryStrips = reals(heads.length * rows * dHead);
    this.#influence = reals(dIn * width);
    this.#influenceStrips = reals(rows * width);
    this.#covariance = reals(Math.ceil(dValue / this.#columns) * this.#columns * dHead);
    this.#slopes = heads.map(() => new Float64Array(dIn));
    this.#values = heads.map(({ v, output }) => product(v, output, n, dValue, dOut));
    this.#outputs = heads.map(({ o, output }) => product(o, output, n, dValue, dOut));

    const { word } = heap;
    const sourceSize = Math.max(dIn * Math.max(dHead, dValue), width * dOut);
    const source = reals(sourceSize);
    const strips = reals(rows * dValue);
    const view = heap.reals(source, sourceSize);
    for (const [h, head] of heads.entries()) view.set(head.output, h * dValue * dOut);
    kernels.packPanels(width, dOut, source, dOut * word, word, this.#outputPanels, width * ROW);
    heap.reals(this.#fields.maps, heads.length * mapSize).fill(0);
    heap.reals(this.#fields.extra, mapSize).fill(0);
    for (const [h, head] of heads.entries()) {
      view.set(head.value);
      kernels.packStrips(dIn, dValue, source, dValue * word, word, strips);
      this.#timesOutput(strips, dValue, h * dValue, this.#fields.maps + h * mapSize * word);
      view.set(head.query);
      kernels.packStrips(dIn, dHead, source, dHead * word, word, this.#queryStrips + h * rows * dHead * word);
    }
  }

  /** Starts the blocks of output token i: clears its sums and makes T_i = Σ_h W_Q,h C_i,h W_O,h. */
  begin(i: number): void {
    const { heap } = this.#region;
    const { word } = heap;
    const { dIn, dHead, dValue } = this.#primal.spec;
    const { heads } = this.#primal;
    const width = heads.length * dValue;
    new Float64Array(heap.memory.buffer, this.#fields.outSums, this.#panels * this.#columns).fill(0);
    const panel = dHead * ROW;
    if (this.#primal.plain) for (const h of heads.keys()) keySlopeMap(this.#primal, h, i, 0, this.#slopes[h]);
    for (const [h, head] of heads.entries()) {
      const covariance = queryCovariance(this.#primal, head, i);
      const view = heap.reals(this.#covariance, Math.ceil(dValue / this.#columns) * this.#columns * dHead).fill(0);
      for (let r = 0; r < dHead; r++) {
        for (let c = 0; c < dValue; c++) {
          const at = Math.floor(c / this.#columns) * dHead * this.#columns + r * this.#columns + (c % this.#columns);
          view[at] = covariance[r * dValue + c];
        }
      }
      const strips = this.#queryStrips + h * this.#strips * this.#height * dHead * word;
      const to = this.#influence + h * dValue * word;
      this.#kernels.multiply(dIn, dValue, dHead, strips, this.#covariance, panel, to, width * word, ROW, 0);
    }
    this.#kernels.packStrips(dIn, width, this.#influence, width * word, word, this.#influenceStrips);
    this.#timesOutput(this.#influenceStrips, width, 0, this.#fields.extra);
  }

  /** Adds the blocks (i, keys) to the sums of token i and to the columns' sums; returns their sum of squares. */
  add(i: number, keys: readonly number[], columnSums: Float64Array): number {
    const { heap } = this.#region;
    const { spec, heads } = this.#primal;
    const { dIn } = spec;
    const rows = this.#strips * this.#height;
    for (const [at, j] of keys.entries()) this.#writeKey(at, i, j);
    const inSums = () => new Float64Array(heap.memory.buffer, this.#fields.inSums, KEYS * rows);
    inSums().fill(0);
    writeStruct(heap, this.#at, BLOCK_ROW, {
      ...this.#fields,
      heads: heads.length,
      keys: keys.length,
      strips: this.#strips,
      panels: this.#panels,
      diagonal: keys.indexOf(i),
    });
    this.#kernels.sumBlocks(this.#at);
    const sums = inSums();
    for (const [at, j] of keys.entries()) {
      for (let e = 0; e < dIn; e++) columnSums[j * dIn + e] += sums[at * rows + e];
    }
    return readField(heap, this.#at, BLOCK_ROW, ":squares");
  }

  /** Sums of |entries| of the rows of the current token's output features. */
  outSums(): Float64Array {
    const { dOut } = this.#primal.spec;
    return new Float64Array(this.#region.heap.memory.buffer, this.#fields.outSums, dOut);
  }

  /** P, P·W_K ĝ and W_O,hᵀ(v_j − o_i) of every head, in the kernels' order. */
  #writeKey(at: number, i: number, j: number): void {
    const { heap } = this.#region;
    const { n, spec, heads } = this.#primal;
    const { dIn, dOut } = spec;
    const count = heads.length;
    const columns = this.#columns;
    const height = this.#height;
    const leftSize = this.#strips * count * height;
    const rightSize = this.#panels * count * columns;
    const weights = heap.reals(this.#fields.weights + at * count * heap.word, count);
    const left = heap.reals(this.#fields.left + at * leftSize * heap.word, leftSize).fill(0);
    const right = heap.reals(this.#fields.right + at * rightSize * heap.word, rightSize).fill(0);
    for (const [h, head] of heads.entries()) {
      const weight = head.p[i * n + j];
      weights[h] = weight;
      if (weight === 0) continue;
      const slope = this.#slopes[h];
      if (!this.#primal.plain) keySlopeMap(this.#primal, h, i, j, slope);
      for (let e = 0; e < dIn; e++)
        left[(Math.floor(e / height) * count + h) * height + (e % height)] = weight * slope[e];
      const value = this.#values[h];
      const output = this.#outputs[h];
      for (let c = 0; c < dOut; c++) {
        const to = (Math.floor(c / columns) * count + h) * columns + (c % columns);
        right[to] = value[j * dOut + c] - output[i * dOut + c];
      }
    }
  }

  /** Strips [dIn, k] times rows [first, first + k) of W_O, as [panel][row][NR]. */
  #timesOutput(strips: number, k: number, first: number, to: number): void {
    const { dIn, dValue } = this.#primal.spec;
    const panel = this.#primal.heads.length * dValue * ROW;
    const rows = this.#strips * this.#height;
    const from = this.#outputPanels + first * ROW;
    this.#kernels.multiply(dIn, this.#panels * this.#columns, k, strips, from, panel, to, ROW, rows * ROW, 0);
  }
}

/** W_K,h ĝ_ij, [dIn]. */
function keySlopeMap(primal: HostPrimal, h: number, i: number, j: number, to: Float64Array): void {
  const { dIn, dHead } = primal.spec;
  const head = primal.heads[h];
  const slope = new Float64Array(dHead);
  primal.keySlope(head, i, j, slope);
  for (let e = 0; e < dIn; e++) {
    let sum = 0;
    for (let c = 0; c < dHead; c++) sum += head.key[e * dHead + c] * slope[c];
    to[e] = sum;
  }
}
