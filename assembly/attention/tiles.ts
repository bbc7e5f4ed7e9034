// Products over the tiles of a group of queries that the mask leaves: scores, sums over keys, sums over queries.
import { MR, NR, ROW, WORD } from "../base/simd";
import { multiply, panelTile, stripTile } from "../matrix/gemm";
import { endStrip, firstStrip, groupEndPanel, groupStride, panels, Primal, RULED_OUT, runEnd, tileAt } from "./primal";

/**
 * The score products of a group over k channels: dst[panel][key][NR] = strips·right, over the tiles that the mask
 * leaves. Strips are `leftRows` ≥ k steps long.
 */
export function scoreTiles(
  s: Primal, group: i32, k: i32, left: usize, leftRows: i32, right: usize, rightPanel: usize, dst: usize,
): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const p0 = group * s.groupPanels, p1 = groupEndPanel(s, group);
  const stride = groupStride(s, group);
  for (let strip = s0; strip < s1; strip++) {
    const a = left + <usize>(strip * leftRows * MR) * WORD;
    const row = <usize>((strip - s0) * MR) * ROW;
    for (let p = p0; p < p1; p++) {
      if (tileAt(s, p, strip) == RULED_OUT) continue;
      const at = <usize>(p - p0);
      stripTile(k, a, right + at * rightPanel, dst + at * stride + row, ROW, false);
    }
  }
}

/** Strips of keys whose values share the second-level cache. */
const KEY_STRIPS: i32 = 64;

/** dst[panel][channel][NR] += channel strips · src[panel][key][NR], summed over the keys that the mask leaves. */
export function addOverKeys(
  s: Primal, group: i32, channels: i32, left: usize, src: usize, dst: usize, dstPanel: usize,
): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const p0 = group * s.groupPanels, p1 = groupEndPanel(s, group);
  const stride = groupStride(s, group);
  const keys = s.strips * MR;
  for (let first = s0; first < s1; first += KEY_STRIPS) {
    const last = min(s1, first + KEY_STRIPS);
    for (let p = p0; p < p1; p++) {
      const from = src + <usize>(p - p0) * stride;
      const to = dst + <usize>(p - p0) * dstPanel;
      let strip = first;
      while (true) {
        while (strip < last && tileAt(s, p, strip) == RULED_OUT) strip++;
        if (strip == last) break;
        const end = runEnd(s, p, strip, last);
        const a = left + <usize>(strip * MR * MR) * WORD;
        addRun(channels, (end - strip) * MR, a, keys, from + <usize>((strip - s0) * MR) * ROW, to);
        strip = end;
      }
    }
  }
}

/** One panel of C += A·B where A's strips are `keys` steps long and only `count` steps of them are used. */
function addRun(m: i32, count: i32, a: usize, keys: i32, b: usize, c: usize): void {
  const stripBytes = <usize>(keys * MR) * WORD;
  let row = 0;
  for (; row + MR <= m; row += MR) {
    stripTile(count, a, b, c, ROW, true);
    a += stripBytes;
    c += <usize>MR * ROW;
  }
  if (row < m) multiply(m - row, NR, count, a, b, 0, c, ROW, 0, true);
}

/** Zeroes `rows` rows of the panels of a group. */
export function clearGroup(s: Primal, group: i32, at: usize, rows: i32, panelBytes: usize): void {
  for (let p = group * s.groupPanels; p < groupEndPanel(s, group); p++) {
    memory.fill(at, 0, <usize>rows * ROW);
    at += panelBytes;
  }
}

/** dst[key][channel] += Σ over the group's queries of src[panel][key][query]·right[channel panel][query][NR]. */
export function addOverQueries(s: Primal, group: i32, channels: i32, src: usize, right: usize, dst: usize): void {
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const p0 = group * s.groupPanels, p1 = groupEndPanel(s, group);
  const stride = groupStride(s, group);
  const columns = panels(channels);
  const rightPanel = <usize>(s.panels * NR) * ROW;
  const row = <usize>columns * ROW;
  for (let strip = s0; strip < s1; strip++) {
    let p = p0;
    while (true) {
      while (p < p1 && tileAt(s, p, strip) == RULED_OUT) p++;
      if (p == p1) break;
      let end = p + 1;
      while (end < p1 && tileAt(s, end, strip) != RULED_OUT) end++;
      const a = src + <usize>(p - p0) * stride + <usize>((strip - s0) * MR) * ROW;
      const b = right + <usize>(p * NR) * ROW;
      const c = dst + <usize>(strip * MR) * row;
      for (let column = 0; column < columns; column++) {
        panelTile(end - p, a, stride, b + <usize>column * rightPanel, c + <usize>column * ROW, row);
      }
      p = end;
    }
  }
}
