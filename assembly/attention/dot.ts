// Scores that are inner products ⟨q, k⟩; the scale is in the queries (between.ts).
import { ROW } from "../base/simd";
import { Layer } from "./layer";
import { Primal } from "./primal";
import { scoreTiles } from "./tiles";

/** The scores of a group, dst[panel][key][NR], from strips of keys `keyRows` long. */
export function innerTiles(s: Primal, group: i32, keys: usize, keyRows: i32, queries: usize, dst: usize): void {
  const l = s.layer;
  scoreTiles(s, group, l.dHead, keys, keyRows, queries, <usize>l.channels * ROW, dst);
}

/** One panel that meets [K; dK]: [dQ; Q]. */
export function pairQueries(l: Layer, dq: usize, q: usize, to: usize): void {
  const bytes = <usize>l.dHead * ROW;
  memory.copy(to, dq, bytes);
  memory.copy(to + bytes, q, bytes);
}
