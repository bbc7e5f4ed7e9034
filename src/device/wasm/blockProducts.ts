// Products with many blocks of a Jacobian at once: the weights' products in the kernels, a rank of one a head between
// them (MATH 2.4): J_ij x = W_Oᵀ [P (W_Vᵀx + (v_j − o_i)⟨ĝ, W_Kᵀx⟩)]_h, and on the diagonal C_iᵀ W_Qᵀ x more.

import { type HostPrimal, queryCovariance, seenTokens } from "../../layers/attention/hostPrimal.js";
import { norm } from "../../linalg/vector.js";
import type { BlockProducts } from "../operator.js";
import type { Heap, Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { panelSize, ROW, readPanels, writePanels } from "./layout.js";
import type { PackedLayer } from "./weights.js";

const SLOTS = 96;

/** What a block is made of, a row a head, over a power of two that keeps the kernels' products in the range of f32. */
interface Factors {
  readonly scale: number;
  /** P, [heads]. */
  readonly weights: Float64Array;
  /** ĝ [heads, dHead] and v_j − o_i [heads, dValue]. */
  readonly slopes: Float64Array;
  readonly values: Float64Array;
  /** C_i of each head, on the diagonal. */
  readonly covariances?: Float64Array[];
}

export class WasmBlockProducts implements BlockProducts {
  readonly slots: number;
  readonly dIn: number;
  readonly dOut: number;
  /** Of the kernels' sums alone: probabilities, slopes and values are the host's, in doubles. */
  readonly roundoff: number;
  readonly blocks: [number, number][] = [];
  readonly #kernels: Kernels;
  readonly #heap: Heap;
  readonly #layer: PackedLayer;
  readonly #primal: HostPrimal;
  readonly #channels: number;
  readonly #width: number;
  /** Vectors of the slots in panels: inputs, channels, heads' outputs, outputs. */
  readonly #x: number;
  readonly #z: number;
  readonly #o: number;
  readonly #y: number;
  readonly #factors: Factors[] = [];
  /** Norms of W_V,h W_O,h, W_K,h, W_Q,h and W_O,h from above: how large the parts of a block can be. */
  readonly #sizes: readonly { map: number; key: number; query: number; output: number }[];

  constructor(kernels: Kernels, region: Region, layer: PackedLayer, primal: HostPrimal) {
    const { n, heads } = primal;
    const { dIn, dOut, dHead, dValue, kvHeads } = primal.spec;
    this.#kernels = kernels;
    this.#heap = region.heap;
    this.#layer = layer;
    this.#primal = primal;
    this.dIn = dIn;
    this.dOut = dOut;
    this.#channels = heads.length * dHead + kvHeads * (dHead + dValue);
    this.#width = heads.length * dValue;
    this.roundoff =
      8 * Math.sqrt(Math.max(dIn, this.#channels, this.#width)) * (region.heap.word === 4 ? 2 ** -24 : 2 ** -53);
    for (let i = 0; i < n; i++) for (const j of seenTokens(primal, i)) this.blocks.push([i, j]);
    this.slots = Math.max(1, Math.min(SLOTS, this.blocks.length));
    this.#sizes = heads.map(({ query, key, value, output }) => ({
      map: norm(value) * norm(output),
      key: norm(key),
      query: norm(query),
      output: norm(output),
    }));
    const vectors = (width: number) => region.reals(panelSize(region.heap, this.slots, width), "the blocks' vectors");
    this.#x = vectors(dIn);
    this.#z = vectors(this.#channels);
    this.#o = vectors(this.#width);
    this.#y = vectors(dOut);
  }

  assign(slot: number, [i, j]: readonly [number, number]): number {
    const { n, heads, spec } = this.#primal;
    const { dHead, dValue } = spec;
    const weights = Float64Array.from(heads, ({ p }) => p[i * n + j]);
    const slopes = new Float64Array(heads.length * dHead);
    const values = new Float64Array(heads.length * dValue);
    for (const [h, head] of heads.entries()) {
      this.#primal.keySlope(head, i, j, slopes.subarray(h * dHead, (h + 1) * dHead));
      for (let c = 0; c < dValue; c++) values[h * dValue + c] = head.v[j * dValue + c] - head.o[i * dValue + c];
    }
    const covariances = i === j ? heads.map((head) => queryCovariance(this.#primal, head, i)) : undefined;
    let size = 0;
    let factors = 0;
    for (const [h, { map, key, query, output }] of this.#sizes.entries()) {
      const slope = norm(slopes.subarray(h * dHead, (h + 1) * dHead));
      const value = norm(values.subarray(h * dValue, (h + 1) * dValue));
      const covariance = covariances ? norm(covariances[h]) : 0;
      size += weights[h] * (map + key * slope * value * output) + query * covariance * output;
      factors = Math.max(factors, weights[h] * (1 + slope * value), covariance);
    }
    const scale = factors > 0 && factors < Number.MAX_VALUE ? 2 ** Math.floor(Math.log2(factors)) : 1;
    for (const covariance of covariances ?? []) for (let at = 0; at < covariance.length; at++) covariance[at] /= scale;
    for (const h of heads.keys()) weights[h] /= scale;
    this.#factors[slot] = { scale, weights, slopes, values, covariances };
    return size;
  }

  apply(x: Float64Array): Float64Array {
    const { slots, dIn, dOut } = this;
    const { project, output } = this.#layer;
    writePanels(this.#heap, this.#x, x, slots, dIn);
    this.#multiply(this.#channels, dIn, project, this.#x, this.#z);
    const z = readPanels(this.#heap, this.#z, slots, this.#channels);
    const o = new Float64Array(slots * this.#width);
    this.#eachHead((factors, slot, h, channels) => {
      const { slopes, values, covariances } = factors;
      const { dHead, dValue } = this.#primal.spec;
      const weight = factors.weights[h];
      const from = slot * this.#channels;
      const to = slot * this.#width + h * dValue;
      let inner = 0;
      for (let c = 0; c < dHead; c++) inner += slopes[h * dHead + c] * z[from + channels.key + c];
      for (let c = 0; c < dValue; c++)
        o[to + c] = weight * (z[from + channels.value + c] + inner * values[h * dValue + c]);
      if (!covariances) return;
      for (let r = 0; r < dHead; r++) {
        const query = z[from + channels.query + r];
        for (let c = 0; c < dValue; c++) o[to + c] += covariances[h][r * dValue + c] * query;
      }
    });
    if (!output) return this.#scaled(o, dOut);
    writePanels(this.#heap, this.#o, o, slots, this.#width);
    this.#multiply(dOut, this.#width, output, this.#o, this.#y);
    return this.#scaled(readPanels(this.#heap, this.#y, slots, dOut), dOut);
  }

  applyTransposed(y: Float64Array): Float64Array {
    const { slots, dIn, dOut } = this;
    const { projectBack, outputBack } = this.#layer;
    let o: ArrayLike<number> = y;
    if (outputBack) {
      writePanels(this.#heap, this.#y, y, slots, dOut);
      this.#multiply(this.#width, dOut, outputBack, this.#y, this.#o);
      o = readPanels(this.#heap, this.#o, slots, this.#width);
    }
    const z = new Float64Array(slots * this.#channels);
    this.#eachHead((factors, slot, h, channels) => {
      const { slopes, values, covariances } = factors;
      const { dHead, dValue } = this.#primal.spec;
      const weight = factors.weights[h];
      const to = slot * this.#channels;
      const from = slot * this.#width + h * dValue;
      let inner = 0;
      for (let c = 0; c < dValue; c++) {
        inner += values[h * dValue + c] * o[from + c];
        z[to + channels.value + c] += weight * o[from + c];
      }
      for (let c = 0; c < dHead; c++) z[to + channels.key + c] += weight * inner * slopes[h * dHead + c];
      if (!covariances) return;
      for (let r = 0; r < dHead; r++) {
        let query = 0;
        for (let c = 0; c < dValue; c++) query += covariances[h][r * dValue + c] * o[from + c];
        z[to + channels.query + r] = query;
      }
    });
    writePanels(this.#heap, this.#z, z, slots, this.#channels);
    this.#multiply(dIn, this.#channels, projectBack, this.#z, this.#x);
    return this.#scaled(readPanels(this.#heap, this.#x, slots, dIn), dIn);
  }

  #scaled(vectors: ArrayLike<number>, width: number): Float64Array {
    return Float64Array.from(vectors, (entry, at) => entry * (this.#factors[Math.floor(at / width)]?.scale ?? 1));
  }

  /** Calls `use` for every slot in use and head, with the first channels of the head's query, key and value. */
  #eachHead(
    use: (factors: Factors, slot: number, h: number, channels: { query: number; key: number; value: number }) => void,
  ): void {
    const { heads, kvHeads, dHead, dValue } = this.#primal.spec;
    for (let h = 0; h < heads; h++) {
      const group = Math.floor((h * kvHeads) / heads);
      const channels = {
        query: h * dHead,
        key: (heads + group) * dHead,
        value: (heads + kvHeads) * dHead + group * dValue,
      };
      for (const [slot, factors] of this.#factors.entries()) use(factors, slot, h, channels);
    }
  }

  /** One packed map [rows × k] times the slots' vectors. */
  #multiply(rows: number, k: number, strips: number, from: number, to: number): void {
    const columns = ROW / this.#heap.word;
    const tokens = Math.ceil(this.slots / columns) * columns;
    this.#kernels.multiply(rows, tokens, k, strips, from, k * ROW, to, ROW, rows * ROW, 0);
  }
}
