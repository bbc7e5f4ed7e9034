// Between row-major matrices, strips and panels (gemm.ts), and between the layouts of tokens and of channels: by blocks
// of whole registers, and number by number at ragged edges.
import { LANES, MR, NR, ROW, WORD } from "../base/simd";

/** Rows of a source that are packed into strips together: as many as a set of the first-level cache has lines. */
const BAND: i32 = 8;

/** LANES × LANES numbers: row r at src + r·srcRow becomes column r of rows dstRow apart. */
// @ts-ignore: decorator
@inline
function transpose(src: usize, srcRow: usize, dst: usize, dstRow: usize): void {
  const a = v128.load(src), b = v128.load(src + srcRow);
  if (sizeof<Real>() == 4) {
    const c = v128.load(src + 2 * srcRow), d = v128.load(src + 3 * srcRow);
    const lowAB = v128.shuffle<i32>(a, b, 0, 4, 1, 5), highAB = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    const lowCD = v128.shuffle<i32>(c, d, 0, 4, 1, 5), highCD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    v128.store(dst, v128.shuffle<i64>(lowAB, lowCD, 0, 2));
    v128.store(dst + dstRow, v128.shuffle<i64>(lowAB, lowCD, 1, 3));
    v128.store(dst + 2 * dstRow, v128.shuffle<i64>(highAB, highCD, 0, 2));
    v128.store(dst + 3 * dstRow, v128.shuffle<i64>(highAB, highCD, 1, 3));
  } else {
    v128.store(dst, v128.shuffle<i64>(a, b, 0, 2));
    v128.store(dst + dstRow, v128.shuffle<i64>(a, b, 1, 3));
  }
}

/** MR rows of LANES steps, as LANES steps of a strip. */
// @ts-ignore: decorator
@inline
function transposeStrip(src: usize, row: usize, dst: usize): void {
  const step = <usize>MR * WORD;
  transpose(src, row, dst, step);
  if (sizeof<Real>() == 4) {
    if (MR == 4) return;
    const e = v128.load(src + 4 * row), f = v128.load(src + 5 * row);
    const low = v128.shuffle<i32>(e, f, 0, 4, 1, 5), high = v128.shuffle<i32>(e, f, 2, 6, 3, 7);
    v128.store_lane<u64>(dst + 16, low, 0);
    v128.store_lane<u64>(dst + step + 16, low, 1);
    v128.store_lane<u64>(dst + 2 * step + 16, high, 0);
    v128.store_lane<u64>(dst + 3 * step + 16, high, 1);
  } else {
    transpose(src + 2 * row, row, dst + 16, step);
    if (MR > 4) transpose(src + 4 * row, row, dst + 32, step);
  }
}

/** One step of a strip from MR numbers side by side. */
// @ts-ignore: decorator
@inline
function copyStep(src: usize, dst: usize): void {
  v128.store(dst, v128.load(src));
  if (sizeof<Real>() == 4) {
    if (MR > 4) store<u64>(dst, load<u64>(src, 16), 16);
  } else {
    v128.store(dst, v128.load(src, 16), 16);
    if (MR > 4) v128.store(dst, v128.load(src, 32), 32);
  }
}

// @ts-ignore: decorator
@inline
function copyRow(src: usize, dst: usize): void {
  v128.store(dst, v128.load(src));
  v128.store(dst, v128.load(src, 16), 16);
}

/** Number by number: `count` numbers `column` apart, then zeros up to `width`. */
function copyRagged(count: i32, width: i32, src: usize, column: usize, dst: usize): void {
  for (let j = 0; j < count; j++) store<Real>(dst + <usize>j * WORD, load<Real>(src + <usize>j * column));
  for (let j = count; j < width; j++) store<Real>(dst + <usize>j * WORD, 0);
}

/** Packs A [m × k], its element (r, i) at src + r·row + i·step, into strips. */
export function packStrips(m: i32, k: i32, src: usize, row: usize, step: usize, dst: usize): void {
  packStripsApart(m, k, src, row, step, dst, <usize>(MR * k) * WORD);
}

/** As `packStrips`, into strips that lie `strip` bytes apart. */
function packStripsApart(
  m: i32, k: i32, src: usize, row: usize, step: usize, dst: usize, strip: usize,
): void {
  const wide = <usize>MR * WORD;
  const band = step == WORD ? k : BAND;
  for (let i0 = 0; i0 < k; i0 += band) {
    const i1 = min(i0 + band, k);
    let to = dst + <usize>i0 * wide;
    for (let r0 = 0; r0 < m; r0 += MR) {
      const rows = min(MR, m - r0);
      const from = src + <usize>r0 * row;
      let i = i0;
      if (rows == MR && step == WORD) {
        for (; i + LANES <= i1; i += LANES) {
          transposeStrip(from + <usize>i * WORD, row, to + <usize>(i - i0) * wide);
        }
      } else if (rows == MR && row == WORD) {
        for (; i < i1; i++) copyStep(from + <usize>i * step, to + <usize>(i - i0) * wide);
      }
      for (; i < i1; i++) copyRagged(rows, MR, from + <usize>i * step, row, to + <usize>(i - i0) * wide);
      to += strip;
    }
  }
}

/** Packs B [k × n], its element (i, j) at src + i·step + j·column, into panels `panel` bytes apart. */
export function packPanels(
  k: i32, n: i32, src: usize, step: usize, column: usize, dst: usize, panel: usize,
): void {
  for (let j0 = 0; j0 < n; j0 += NR) {
    const columns = min(NR, n - j0);
    const from = src + <usize>j0 * column;
    let i = 0;
    if (columns == NR && step == WORD) {
      for (; i + LANES <= k; i += LANES) {
        const block = from + <usize>i * WORD, to = dst + <usize>i * ROW;
        transpose(block, column, to, ROW);
        transpose(block + <usize>LANES * column, column, to + 16, ROW);
      }
    } else if (columns == NR && column == WORD) {
      for (; i < k; i++) copyRow(from + <usize>i * step, dst + <usize>i * ROW);
    }
    for (; i < k; i++) copyRagged(columns, NR, from + <usize>i * step, column, dst + <usize>i * ROW);
    dst += panel;
  }
}

/** The inverse of `packPanels`. */
export function unpackPanels(
  k: i32, n: i32, src: usize, panel: usize, dst: usize, step: usize, column: usize,
): void {
  for (let j0 = 0; j0 < n; j0 += NR) {
    const columns = min(NR, n - j0);
    const to = dst + <usize>j0 * column;
    let i = 0;
    if (columns == NR && step == WORD) {
      for (; i + LANES <= k; i += LANES) {
        const block = src + <usize>i * ROW, at = to + <usize>i * WORD;
        transpose(block, ROW, at, column);
        transpose(block + 16, ROW, at + <usize>LANES * column, column);
      }
    } else if (columns == NR && column == WORD) {
      for (; i < k; i++) copyRow(src + <usize>i * ROW, to + <usize>i * step);
    }
    for (; i < k; i++) {
      const row = src + <usize>i * ROW, at = to + <usize>i * step;
      for (let j = 0; j < columns; j++) store<Real>(at + <usize>j * column, load<Real>(row + <usize>j * WORD));
    }
    src += panel;
  }
}

/** Copies rows [first, first + count) of panels of `rows` rows into strips over tokens: [strip][count (of stride)][MR]. */
export function tokenStrips(
  n: i32, src: usize, rows: i32, first: i32, count: i32, dst: usize, stride: i32,
): void {
  const total = (n + MR - 1) / MR * MR;
  // MR and NR are even: a pair of tokens never lies across two strips or two panels.
  for (let j = 0; j < total; j += 2) {
    let from = src + <usize>((j / NR) * rows + first) * ROW + <usize>(j % NR) * WORD;
    let to = dst + <usize>((j / MR) * stride * MR + j % MR) * WORD;
    for (let c = 0; c < count; c++) {
      if (j + 1 < n) {
        if (sizeof<Real>() == 4) store<u64>(to, load<u64>(from));
        else v128.store(to, v128.load(from));
      } else {
        store<Real>(to, j < n ? load<Real>(from) : 0);
        store<Real>(to, 0, WORD);
      }
      from += ROW;
      to += <usize>MR * WORD;
    }
  }
}

/** Copies rows [first, first + count) of panels of `rows` rows into strips over channels: [strip][token][MR]. */
export function channelStrips(n: i32, src: usize, rows: i32, first: i32, count: i32, dst: usize): void {
  const wide = <usize>MR * WORD;
  const total = (n + MR - 1) / MR * MR;
  const strip = <usize>total * wide;
  for (let j = 0; j < n; j += NR) {
    const from = src + <usize>((j / NR) * rows + first) * ROW;
    packStripsApart(count, min(NR, n - j), from, ROW, WORD, dst + <usize>j * wide, strip);
  }
  const end = dst + <usize>((count + MR - 1) / MR) * strip;
  for (let to = dst + <usize>n * wide; to < end; to += strip) memory.fill(to, 0, <usize>(total - n) * wide);
}

/**
 * Copies rows [first, first + count) of panels of `rows` rows into panels over channels: [panel][token][NR], zeros up
 * to `width` ≥ count and to the end of a panel.
 */
export function channelPanels(
  n: i32, src: usize, rows: i32, first: i32, count: i32, dst: usize, width: i32,
): void {
  const total = (n + NR - 1) / NR * NR;
  const panel = <usize>total * ROW;
  for (let j = 0; j < n; j += NR) {
    const from = src + <usize>((j / NR) * rows + first) * ROW;
    packPanels(min(NR, n - j), count, from, WORD, ROW, dst + <usize>j * ROW, panel);
  }
  const filled = dst + <usize>((count + NR - 1) / NR) * panel;
  for (let to = dst + <usize>n * ROW; to < filled; to += panel) memory.fill(to, 0, <usize>(total - n) * ROW);
  memory.fill(filled, 0, <usize>((width + NR - 1) / NR - (count + NR - 1) / NR) * panel);
}

/** Copies rows of tokens, `rowBytes` long, into rows [first, first + count) of panels of `rows` rows. */
export function tokenPanels(
  n: i32, src: usize, rowBytes: usize, dst: usize, rows: i32, first: i32, count: i32,
): void {
  packPanels(count, n, src, WORD, rowBytes, dst + <usize>first * ROW, <usize>rows * ROW);
}
