// A mask as one buffer of words: which keys each query may attend to, and which tiles hold any such pair.
import type { ResolvedMask } from "../../layers/attention/mask.js";

/** Queries and keys of a tile of scores; the bits of a word of `allowed` are the keys of one tile. */
export const TILE = 32;

export interface PackedMask {
  readonly words: Uint32Array;
  readonly tiles: number;
  readonly byEntry: boolean;
}

/**
 * The words, for n tokens in T tiles: lo [n], hi [n], for every tile of queries its first and end tile of keys [2T], for
 * every tile of keys its first and end tile of queries [2T], and where the mask is given entry by entry one bit a pair
 * of tiles [T, ⌈T/32⌉] (queries, keys) and one a pair of tokens [n, T].
 */
export function packMask(mask: ResolvedMask): PackedMask {
  const { n, lo, hi, allowed } = mask;
  const tiles = Math.ceil(n / TILE);
  const rowWords = Math.ceil(tiles / 32);
  const byEntry = allowed !== undefined;
  const words = new Uint32Array(2 * n + 4 * tiles + (byEntry ? tiles * rowWords + n * tiles : 0));
  words.set(lo);
  words.set(hi, n);
  const keySpans = words.subarray(2 * n, 2 * n + 2 * tiles);
  const querySpans = words.subarray(2 * n + 2 * tiles, 2 * n + 4 * tiles);
  for (let tile = 0; tile < tiles; tile++) querySpans[2 * tile] = tiles;
  for (let query = 0; query < tiles; query++) {
    let first = tiles;
    let end = 0;
    for (let i = query * TILE; i < Math.min(n, (query + 1) * TILE); i++) {
      if (lo[i] >= hi[i]) continue;
      first = Math.min(first, Math.floor(lo[i] / TILE));
      end = Math.max(end, Math.ceil(hi[i] / TILE));
    }
    if (first >= end) continue;
    keySpans[2 * query] = first;
    keySpans[2 * query + 1] = end;
    for (let key = first; key < end; key++) {
      querySpans[2 * key] = Math.min(querySpans[2 * key], query);
      querySpans[2 * key + 1] = query + 1;
    }
  }
  if (allowed) {
    const tileBits = words.subarray(2 * n + 4 * tiles);
    const entries = words.subarray(2 * n + 4 * tiles + tiles * rowWords);
    for (let i = 0; i < n; i++) {
      const row = Math.floor(i / TILE) * rowWords;
      for (let j = lo[i]; j < hi[i]; j++) {
        if (!allowed[i * n + j]) continue;
        const key = j >> 5;
        entries[i * tiles + key] |= 1 << (j & 31);
        tileBits[row + (key >> 5)] |= 1 << (key & 31);
      }
    }
  }
  return { words, tiles, byEntry };
}

/** WGSL over the packed words; the kernel has a buffer `mask`, and sizes n, tiles and byEntry. */
export const MASK_FUNCTIONS = `
fn mayAttend(i: u32, j: u32) -> bool {
  if (i >= size.n || j < mask[i] || j >= mask[size.n + i]) { return false; }
  if (size.byEntry == 0u) { return true; }
  let entries = 2u * size.n + 4u * size.tiles + size.tiles * ((size.tiles + 31u) / 32u);
  return (mask[entries + i * size.tiles + j / 32u] & (1u << (j % 32u))) != 0u;
}
fn tileHasPairs(query: u32, key: u32) -> bool {
  if (size.byEntry == 0u) { return true; }
  let row = 2u * size.n + 4u * size.tiles + query * ((size.tiles + 31u) / 32u);
  return (mask[row + key / 32u] & (1u << (key % 32u))) != 0u;
}
// Tiles of keys that a tile of queries has pairs in, from .x to .y; the other way round for a tile of keys.
fn keySpan(tile: u32) -> vec2u { return vec2u(mask[2u * size.n + 2u * tile], mask[2u * size.n + 2u * tile + 1u]); }
fn querySpan(tile: u32) -> vec2u {
  let at = 2u * size.n + 2u * size.tiles + 2u * tile;
  return vec2u(mask[at], mask[at + 1u]);
}
`;
