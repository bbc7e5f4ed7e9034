// Sums over the entries of the Jacobian's blocks, which are made a register tile at a time and never stored (MATH 2.4, 2.5):
// block (i, j) is Σ_h P_ij,h M_h + Σ_h a_ij,h b_ij,hᵀ, [dIn × dOut], and on the diagonal a matrix T_i more.
import { laneSum, madd, MR, NR, ROW, splat, WORD } from "../base/simd";

/** One token i against `keys` tokens. Rows are padded to MR, columns to NR, with zeros. */
@unmanaged export class BlockRow {
  heads: i32;
  keys: i32;
  /** Strips of dIn rows and panels of dOut columns. */
  strips: i32;
  panels: i32;
  /** [head][panel][row][NR]: M_h. */
  maps: usize;
  /** [key][head]: P. */
  weights: usize;
  /** [key][strip][head][MR]: a. */
  left: usize;
  /** [key][panel][head][NR]: b. */
  right: usize;
  /** [panel][row][NR]: T, part of the block of key `diagonal`; −1 for none. */
  extra: usize;
  diagonal: i32;
  /** f64 [dOut]: sums of |entries| over keys and rows, added to. */
  outSums: usize;
  /** f64 [key][dIn]: sums of |entries| over columns, added to. */
  inSums: usize;
  /** The sum of squares, added to. */
  squares: f64;
}

export function sumBlocks(s: BlockRow): void {
  const rows = s.strips * MR;
  const panelBytes = <usize>rows * ROW;
  const headBytes = <usize>s.panels * panelBytes;
  const leftBytes = <usize>(s.heads * MR) * WORD, rightBytes = <usize>s.heads * ROW;
  for (let panel = 0; panel < s.panels; panel++) {
    for (let strip = 0; strip < s.strips; strip++) {
      const tile = <usize>panel * panelBytes + <usize>(strip * MR) * ROW;
      for (let key = 0; key < s.keys; key++) {
        const left = s.left + <usize>(key * s.strips + strip) * leftBytes;
        const right = s.right + <usize>(key * s.panels + panel) * rightBytes;
        const weights = s.weights + <usize>(key * s.heads) * WORD;
        const extra = key == s.diagonal ? s.extra + tile : 0;
        const inSums = s.inSums + (<usize>(key * rows + strip * MR) << 3);
        sumTile(s, s.maps + tile, headBytes, weights, left, right, extra, inSums, s.outSums + (<usize>(panel * NR) << 3));
      }
    }
  }
}

function sumTile(
  s: BlockRow, maps: usize, headBytes: usize, weights: usize, left: usize, right: usize, extra: usize,
  inSums: usize, outSums: usize,
): void {
  let c00 = splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  if (extra) {
    c00 = v128.load(extra); c01 = v128.load(extra, 16);
    c10 = v128.load(extra, 32); c11 = v128.load(extra, 48);
    c20 = v128.load(extra, 64); c21 = v128.load(extra, 80);
    c30 = v128.load(extra, 96); c31 = v128.load(extra, 112);
    if (MR > 4) {
      c40 = v128.load(extra, 128); c41 = v128.load(extra, 144);
      c50 = v128.load(extra, 160); c51 = v128.load(extra, 176);
    }
  }
  for (let h = 0; h < s.heads; h++) {
    const p = v128.load_splat<Real>(weights);
    const b0 = v128.load(right), b1 = v128.load(right, 16);
    let a = v128.load_splat<Real>(left);
    c00 = madd(p, v128.load(maps), madd(a, b0, c00)); c01 = madd(p, v128.load(maps, 16), madd(a, b1, c01));
    a = v128.load_splat<Real>(left, 1 * WORD);
    c10 = madd(p, v128.load(maps, 32), madd(a, b0, c10)); c11 = madd(p, v128.load(maps, 48), madd(a, b1, c11));
    a = v128.load_splat<Real>(left, 2 * WORD);
    c20 = madd(p, v128.load(maps, 64), madd(a, b0, c20)); c21 = madd(p, v128.load(maps, 80), madd(a, b1, c21));
    a = v128.load_splat<Real>(left, 3 * WORD);
    c30 = madd(p, v128.load(maps, 96), madd(a, b0, c30)); c31 = madd(p, v128.load(maps, 112), madd(a, b1, c31));
    if (MR > 4) {
      a = v128.load_splat<Real>(left, 4 * WORD);
      c40 = madd(p, v128.load(maps, 128), madd(a, b0, c40)); c41 = madd(p, v128.load(maps, 144), madd(a, b1, c41));
      a = v128.load_splat<Real>(left, 5 * WORD);
      c50 = madd(p, v128.load(maps, 160), madd(a, b0, c50)); c51 = madd(p, v128.load(maps, 176), madd(a, b1, c51));
    }
    weights += WORD;
    left += <usize>MR * WORD;
    right += ROW;
    maps += headBytes;
  }
  sumRow(s, c00, c01, inSums);
  sumRow(s, c10, c11, inSums + 8);
  sumRow(s, c20, c21, inSums + 16);
  sumRow(s, c30, c31, inSums + 24);
  if (MR > 4) {
    sumRow(s, c40, c41, inSums + 32);
    sumRow(s, c50, c51, inSums + 40);
  }
  sumColumns(c00, c10, c20, c30, c40, c50, outSums);
  sumColumns(c01, c11, c21, c31, c41, c51, outSums + (NR << 2));
}

// @ts-ignore: decorator
@inline
function sumRow(s: BlockRow, x0: v128, x1: v128, inSums: usize): void {
  s.squares += squaredSum(x0) + squaredSum(x1);
  const sum = laneSum(v128.abs<Real>(x0)) + laneSum(v128.abs<Real>(x1));
  store<f64>(inSums, load<f64>(inSums) + sum);
}

// @ts-ignore: decorator
@inline
function sumColumns(a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, outSums: usize): void {
  addWide(v128.add<Real>(v128.add<Real>(v128.abs<Real>(a), v128.abs<Real>(b)), v128.abs<Real>(c)), outSums);
  addWide(v128.add<Real>(v128.add<Real>(v128.abs<Real>(d), v128.abs<Real>(e)), v128.abs<Real>(f)), outSums);
}

/** Adds the lanes to as many f64 at `to`. */
// @ts-ignore: decorator
@inline
function addWide(x: v128, to: usize): void {
  if (sizeof<Real>() == 4) {
    v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(x)));
    v128.store(to, f64x2.add(v128.load(to, 16), f64x2.promote_low_f32x4(high(x))), 16);
  } else v128.store(to, f64x2.add(v128.load(to), x));
}

// @ts-ignore: decorator
@inline
function squaredSum(x: v128): f64 {
  if (sizeof<Real>() == 8) return laneSum(f64x2.mul(x, x));
  const a = f64x2.promote_low_f32x4(x), b = f64x2.promote_low_f32x4(high(x));
  const sum = f64x2.add(f64x2.mul(a, a), f64x2.mul(b, b));
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

// @ts-ignore: decorator
@inline
function high(x: v128): v128 {
  return i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
