// A mask cut into the tiles of the kernels: so many keys × so many queries each, those without an allowed pair left out.
import { mayAttend, type ResolvedMask } from "../../layers/attention/mask.js";
import { ROW } from "./layout.js";

/**
 * Queries whose scores are in work at a time: enough to amortise loads, and no more than GROUP_BYTES of scores, so that
 * they stay in the second-level cache.
 */
const GROUP_QUERIES = 96;
const GROUP_BYTES = 2 ** 20;

export interface Tiling {
  readonly panels: number;
  readonly strips: number;
  readonly groups: number;
  readonly groupPanels: number;
  /** [panels][strips]: 0 ruled out, 1 partly allowed, 2 wholly allowed. */
  readonly tiles: Uint8Array;
  /** Strips of keys [first, end) that a group's probabilities are kept for, and where, in bytes. */
  readonly groupFirst: Uint32Array;
  readonly groupEnd: Uint32Array;
  readonly groupOffset: Uint32Array;
  /** Bytes of one head's probabilities, and of the largest group's scores. */
  readonly headBytes: number;
  readonly scoreBytes: number;
}

/** @param rows keys of a tile @param columns its queries */
export function tileMask(mask: ResolvedMask, rows: number, columns: number): Tiling {
  const { n } = mask;
  const panels = Math.ceil(n / columns);
  const strips = Math.ceil(n / rows);
  const tiles = new Uint8Array(panels * strips);
  for (let panel = 0; panel < panels; panel++) {
    const queries = Math.min(columns, n - panel * columns);
    for (let strip = 0; strip < strips; strip++) {
      tiles[panel * strips + strip] = tileKind(mask, panel * columns, queries, strip * rows, rows, queries === columns);
    }
  }
  const fitting = Math.floor(GROUP_BYTES / (strips * rows * ROW));
  const groupPanels = Math.max(2, Math.min(GROUP_QUERIES / columns, fitting));
  const groups = Math.ceil(panels / groupPanels);
  const groupFirst = new Uint32Array(groups);
  const groupEnd = new Uint32Array(groups);
  const groupOffset = new Uint32Array(groups);
  let headBytes = 0;
  let scoreBytes = 0;
  for (let group = 0; group < groups; group++) {
    const end = Math.min((group + 1) * groupPanels, panels);
    let first = strips;
    let last = 0;
    for (let panel = group * groupPanels; panel < end; panel++) {
      const row = tiles.subarray(panel * strips, (panel + 1) * strips);
      let begin = 0;
      let close = strips;
      while (begin < close && row[begin] === 0) begin++;
      while (close > begin && row[close - 1] === 0) close--;
      if (begin === close) continue;
      first = Math.min(first, begin);
      last = Math.max(last, close);
    }
    groupFirst[group] = Math.min(first, last);
    groupEnd[group] = last;
    groupOffset[group] = headBytes;
    const bytes = (end - group * groupPanels) * (last - groupFirst[group]) * rows * ROW;
    headBytes += bytes;
    scoreBytes = Math.max(scoreBytes, bytes);
  }
  return { panels, strips, groups, groupPanels, tiles, groupFirst, groupEnd, groupOffset, headBytes, scoreBytes };
}

function tileKind(
  mask: ResolvedMask,
  query: number,
  queries: number,
  key: number,
  keys: number,
  full: boolean,
): number {
  const end = Math.min(key + keys, mask.n);
  if (mask.allowed === undefined) {
    let some = false;
    let whole = full && end - key === keys;
    for (let i = query; i < query + queries; i++) {
      if (mask.lo[i] < end && mask.hi[i] > Math.max(key, mask.lo[i])) some = true;
      if (mask.lo[i] > key || mask.hi[i] < end) whole = false;
    }
    return some ? (whole ? 2 : 1) : 0;
  }
  let count = 0;
  for (let i = query; i < query + queries; i++) {
    for (let j = key; j < end; j++) if (mayAttend(mask, i, j)) count++;
  }
  if (count === 0) return 0;
  return full && end - key === keys && count === queries * keys ? 2 : 1;
}
