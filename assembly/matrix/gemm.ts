// Packed matrix products on register tiles of MR × NR.
//
// Two layouts carry everything:
//   strips  the left operand: [strip of MR rows][k][MR], rows past the end zero
//   panels  the right operand and the result: [panel of NR columns][k][NR], columns past the end zero
// A token matrix in panels (columns are tokens) is at once the result of one product and the right operand of the
// next, so that nothing is packed between the products of an attention layer.
import { madd, MR, NR, Packed, PanelRow, ROW, WORD } from "../base/simd";

/** Most steps of k for which one strip and one panel share the first-level cache. */
const KC: i32 = 512;
/** Strips that share the second-level cache. */
const STRIPS: i32 = 32;

/** A tile's worth of memory for ragged edges, given by the host: instances on threads do not share it. */
let edge: usize = 0;

export function setEdgeTile(at: usize): void {
  edge = at;
}

/**
 * One register tile: C[MR × NR] (+)= Σ over `blocks` ≥ 1 of k ≥ 1 steps of A·B. Rows of A lie `offsetof<Row>()` apart, steps
 * `aStep` apart, and `aSkip` is added after each block; B is a panel, read straight through; rows of C lie `cRow` apart.
 */
// @ts-ignore: decorator
@inline
function tile<Row>(
  blocks: i32, k: i32, a: usize, aStep: usize, aSkip: usize, b: usize, c: usize, cRow: usize, accumulate: bool,
): void {
  let c00 = v128.splat<Real>(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  if (accumulate) {
    let p = c;
    c00 = v128.load(p); c01 = v128.load(p, 16); p += cRow;
    c10 = v128.load(p); c11 = v128.load(p, 16); p += cRow;
    c20 = v128.load(p); c21 = v128.load(p, 16); p += cRow;
    c30 = v128.load(p); c31 = v128.load(p, 16);
    if (MR > 4) {
      p += cRow;
      c40 = v128.load(p); c41 = v128.load(p, 16); p += cRow;
      c50 = v128.load(p); c51 = v128.load(p, 16);
    }
  }
  while (true) {
    let step = k;
    do {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      let x = v128.load_splat<Real>(a);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load_splat<Real>(a, 1 * offsetof<Row>());
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      x = v128.load_splat<Real>(a, 2 * offsetof<Row>());
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load_splat<Real>(a, 3 * offsetof<Row>());
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (MR > 4) {
        x = v128.load_splat<Real>(a, 4 * offsetof<Row>());
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load_splat<Real>(a, 5 * offsetof<Row>());
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      }
      a += aStep;
      b += ROW;
    } while (--step);
    if (offsetof<Row>() == WORD || --blocks == 0) break; // strips are one block, known at compile time
    a += aSkip;
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += cRow;
  v128.store(c, c10); v128.store(c, c11, 16); c += cRow;
  v128.store(c, c20); v128.store(c, c21, 16); c += cRow;
  v128.store(c, c30); v128.store(c, c31, 16);
  if (MR > 4) {
    c += cRow;
    v128.store(c, c40); v128.store(c, c41, 16); c += cRow;
    v128.store(c, c50); v128.store(c, c51, 16);
  }
}

/** One strip times one panel, over k steps. */
export function stripTile(k: i32, a: usize, b: usize, c: usize, cRow: usize, accumulate: bool): void {
  tile<Packed>(1, k, a, <usize>MR * WORD, 0, b, c, cRow, accumulate);
}

/**
 * MR rows of `panels` transposed panels that lie `stride` bytes apart (row r of step i is element i of row r of the
 * panel), times NR·panels rows of a panel: the products that sum over queries.
 */
export function panelTile(panels: i32, a: usize, stride: usize, b: usize, c: usize, cRow: usize): void {
  tile<PanelRow>(panels, NR, a, WORD, stride - ROW, b, c, cRow, true);
}

/** As `stripTile`, but only `rows` × `columns` of the tile are C's own. */
function edgeTile(
  k: i32, a: usize, b: usize, c: usize, cRow: usize, accumulate: bool, rows: i32, columns: i32,
): void {
  stripTile(k, a, b, edge, ROW, false);
  for (let r = 0; r < rows; r++) {
    const from = edge + <usize>r * ROW;
    const to = c + <usize>r * cRow;
    if (columns == NR) {
      let lo = v128.load(from), hi = v128.load(from, 16);
      if (accumulate) {
        lo = v128.add<Real>(lo, v128.load(to));
        hi = v128.add<Real>(hi, v128.load(to, 16));
      }
      v128.store(to, lo);
      v128.store(to, hi, 16);
    } else {
      for (let j = 0; j < columns; j++) {
        const at = <usize>j * WORD;
        const old: Real = accumulate ? load<Real>(to + at) : 0;
        store<Real>(to + at, old + load<Real>(from + at));
      }
    }
  }
}

/**
 * C (+)= A·B with A [m × k] in strips and B [k × n] in panels `bPanel` bytes apart. Rows of C lie `cRow` bytes apart,
 * its groups of NR columns `cPanel` bytes: (ROW, rows·ROW) for panels, (row length, ROW) for row-major.
 */
export function multiply(
  m: i32, n: i32, k: i32, a: usize, b: usize, bPanel: usize, c: usize, cRow: usize, cPanel: usize, accumulate: bool,
): void {
  const stripBytes = <usize>(MR * k) * WORD;
  const strips = (m + MR - 1) / MR;
  const panels = (n + NR - 1) / NR;
  const blocks = max(1, (k + KC - 1) / KC);
  const depth = (k + blocks - 1) / blocks; // equal blocks: a short last one would load and store C for little
  for (let k0 = 0; k0 < k; k0 += depth) {
    const steps = min(depth, k - k0);
    const add = accumulate || k0 > 0;
    for (let s0 = 0; s0 < strips; s0 += STRIPS) {
      const s1 = min(s0 + STRIPS, strips);
      for (let p = 0; p < panels; p++) {
        const columns = min(NR, n - p * NR);
        const bAt = b + <usize>p * bPanel + <usize>k0 * ROW;
        let aAt = a + <usize>s0 * stripBytes + <usize>(k0 * MR) * WORD;
        let cAt = c + <usize>p * cPanel + <usize>(s0 * MR) * cRow;
        for (let s = s0; s < s1; s++) {
          const rows = min(MR, m - s * MR);
          if (rows == MR && columns == NR) stripTile(steps, aAt, bAt, cAt, cRow, add);
          else edgeTile(steps, aAt, bAt, cAt, cRow, add, rows, columns);
          aAt += stripBytes;
          cAt += <usize>MR * cRow;
        }
      }
    }
  }
}
