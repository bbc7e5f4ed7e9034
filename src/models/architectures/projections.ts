// Query, key and value of an attention layer, from one map or three, whose outputs are turned to the order that the
// kernels want.
import type { Linear } from "../../layers/linear.js";
import type { WeightSource } from "../forward/weights.js";
import type { Read } from "./architecture.js";
import type { Fusion } from "./family.js";
import { linear, rowsBetween } from "./modules.js";

export interface ProjectionRule {
  /** With {} for the words of query, key and value where there are three. */
  readonly name: string;
  readonly words: readonly [string, string, string];
  readonly fusion?: Fusion;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly bias?: boolean;
  readonly transposed?: boolean;
  readonly rotation?: Rotation;
  /** Norms of queries and keys stand behind the maps, and take up the rotation's gain. */
  readonly normed?: boolean;
}

/** Which channels of a head turn, and what that does to the order of the channels. */
export interface Rotation {
  readonly width: number;
  readonly neighbours: boolean;
  readonly last: boolean;
  /** On the scores of the channels that turn. */
  readonly gain: number;
}

/** The three maps, [width, heads·headSize] and twice [width, kvHeads·headSize]. */
export function projections(weights: WeightSource, rule: ProjectionRule): Read<Linear[]> {
  const { name, words, fusion, width, heads, kvHeads, headSize, bias, transposed, rotation, normed } = rule;
  const order = rotation && channelOrder(headSize, rotation);
  const gains = rotation && rotation.gain !== 1 && !normed ? channelGains(headSize, rotation) : undefined;
  const parts = (fusion ? fused(fusion, heads, kvHeads, headSize) : apart(heads, kvHeads, headSize)).map((rows, at) => {
    if (at === 2) return { rows };
    return { rows: order ? byHead(rows, order) : rows, factors: at === 0 && gains ? repeat(gains, heads) : undefined };
  });
  if (fusion) {
    const dOut = (heads + 2 * kvHeads) * headSize;
    return linear(weights, { name, dIn: width, dOut, bias, transposed }, parts);
  }
  const maps = parts.map((part, at) => {
    const dOut = (at === 0 ? heads : kvHeads) * headSize;
    return linear(weights, { name: name.replace("{}", words[at]), dIn: width, dOut, bias, transposed }, [part]);
  });
  return async () => {
    const made: Linear[] = [];
    for (const map of maps) made.push((await map())[0]);
    return made;
  };
}

/** Where the channels of a turned head were: first the pairs' first members, then their second, then the rest. */
export function channelOrder(headSize: number, { width, neighbours, last }: Rotation): Int32Array | undefined {
  if (!neighbours && !last) return undefined;
  const from = last ? headSize - width : 0;
  const pairs = width / 2;
  const turned = Array.from({ length: width }, (_, c) => {
    if (!neighbours) return from + c;
    return from + (c < pairs ? 2 * c : 2 * (c - pairs) + 1);
  });
  const rest = [...rowsBetween(0, headSize)].filter((c) => c < from || c >= from + width);
  return Int32Array.from([...turned, ...rest]);
}

/** The gain of each channel of a turned head. */
export function channelGains(headSize: number, { width, gain }: Rotation): Float64Array {
  return Float64Array.from({ length: headSize }, (_, c) => (c < width ? gain : 1));
}

function repeat(values: Float64Array, times: number): Float64Array {
  return Float64Array.from({ length: values.length * times }, (_, at) => values[at % values.length]);
}

/** Head by head in a new order of channels. */
function byHead(rows: Int32Array, order: Int32Array): Int32Array {
  const size = order.length;
  return rows.map((_, at) => rows[at - (at % size) + order[at % size]]);
}

function apart(heads: number, kvHeads: number, headSize: number): Int32Array[] {
  return [heads, kvHeads, kvHeads].map((count) => rowsBetween(0, count * headSize));
}

/** The rows of query, key and value in one tensor. */
function fused(fusion: Fusion, heads: number, kvHeads: number, headSize: number): Int32Array[] {
  const perGroup = heads / kvHeads;
  const ranges = (count: number, size: number, start: (index: number) => number) =>
    Int32Array.from({ length: count * size }, (_, at) => start(Math.floor(at / size)) + (at % size));
  if (fusion === "joined") {
    const [q, kv] = [heads * headSize, kvHeads * headSize];
    return [rowsBetween(0, q), rowsBetween(q, q + kv), rowsBetween(q + kv, q + 2 * kv)];
  }
  if (fusion === "heads") return [0, 1, 2].map((part) => ranges(heads, headSize, (h) => (3 * h + part) * headSize));
  if (fusion === "groups") {
    const group = (perGroup + 2) * headSize;
    const q = ranges(kvHeads, perGroup * headSize, (g) => g * group);
    return [q, ...[0, 1].map((part) => ranges(kvHeads, headSize, (g) => g * group + (perGroup + part) * headSize))];
  }
  const shard = (heads * headSize) / 4;
  return [0, 2, 1].map((part) => ranges(4, shard, (s) => (3 * s + part) * shard));
}
