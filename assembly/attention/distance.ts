// What L2 attention does otherwise (Kim et al. 2021; MATH 1, 2): scores −scale·|q − k|², and their derivatives
// E = 2·scale·(dQ Kᵀ + Q dKᵀ − 1·⟨k, dk⟩ᵀ), up to a constant a query. Queries and keys are not scaled; the derivatives are.
import { madd, MR, NR, ROW, splat, WORD } from "../base/simd";
import { Layer } from "./layer";
import { endStrip, firstStrip, groupEndPanel, groupStride, Primal, RULED_OUT, tileAt } from "./primal";

/** The scores of a group, dst[panel][key][NR], from differences: the squares' expansion would cancel (MATH 2.6). */
export function distanceTiles(s: Primal, group: i32, keys: usize, keyRows: i32, queries: usize, dst: usize): void {
  const l = s.layer;
  const s0 = firstStrip(s, group), s1 = endStrip(s, group);
  const stride = groupStride(s, group);
  const factor = splat(<Real>-l.scale);
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    for (let strip = s0; strip < s1; strip++) {
      if (tileAt(s, panel, strip) == RULED_OUT) continue;
      for (let r = 0; r < MR; r++) {
        let k = keys + <usize>(strip * keyRows * MR + r) * WORD;
        let q = queries;
        let sum0 = splat(0), sum1 = sum0;
        for (let c = 0; c < l.dHead; c++) {
          const x = v128.load_splat<Real>(k);
          const d0 = v128.sub<Real>(v128.load(q), x), d1 = v128.sub<Real>(v128.load(q, 16), x);
          sum0 = madd(d0, d0, sum0);
          sum1 = madd(d1, d1, sum1);
          k += <usize>MR * WORD;
          q += ROW;
        }
        const to = dst + <usize>((strip - s0) * MR + r) * ROW;
        v128.store(to, v128.mul<Real>(factor, sum0));
        v128.store(to, v128.mul<Real>(factor, sum1), 16);
      }
    }
    queries += <usize>l.channels * ROW;
    dst += stride;
  }
}

/** The last row of each strip of keys: ⟨k, dk⟩. */
export function keyProducts(s: Primal, keys: usize, rows: i32): void {
  const d = s.layer.dHead;
  for (let strip = 0; strip < s.strips; strip++) {
    for (let r = 0; r < MR; r++) {
      let at = keys + <usize>(strip * rows * MR + r) * WORD;
      const to = at + <usize>(2 * d * MR) * WORD;
      let sum: f64 = 0;
      for (let c = 0; c < d; c++) {
        sum += <f64>load<Real>(at) * <f64>load<Real>(at + <usize>(d * MR) * WORD);
        at += <usize>MR * WORD;
      }
      store<Real>(to, <Real>sum);
    }
  }
}

/** One panel that meets [K; dK; ⟨k, dk⟩]: 2·scale·[dQ; Q; −1]. */
export function queryTangents(l: Layer, dq: usize, q: usize, to: usize): void {
  const slope = splat(<Real>(2 * l.scale));
  const bytes = <usize>l.dHead * ROW;
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(to + at, v128.mul<Real>(slope, v128.load(dq + at)));
    v128.store(to + bytes + at, v128.mul<Real>(slope, v128.load(q + at)));
  }
  const last = v128.neg<Real>(slope);
  v128.store(to + 2 * bytes, last);
  v128.store(to + 2 * bytes, last, 16);
}

/** Sets a channel of query rows to one, so that a product over queries also gives the sums over queries. */
export function markQueries(s: Primal, rows: usize, channel: i32): void {
  let at = rows + <usize>((channel / NR) * s.panels * NR * NR + (channel % NR)) * WORD;
  for (let i = 0; i < s.panels * NR; i++) {
    store<Real>(at, 1);
    at += ROW;
  }
}

/** gQ ← 2·scale·gQ for the panels of a group. */
export function finishQueryGradients(s: Primal, group: i32, gQ: usize): void {
  const l = s.layer;
  const slope = splat(<Real>(2 * l.scale));
  for (let panel = group * s.groupPanels; panel < groupEndPanel(s, group); panel++) {
    for (let at = gQ; at < gQ + <usize>l.dHead * ROW; at += 16) v128.store(at, v128.mul<Real>(slope, v128.load(at)));
    gQ += <usize>l.channels * ROW;
  }
}

/**
 * gK ← 2·scale·(gK − diag(t) K), rows of keys of `rowBytes`, with the totals t over queries in their column dHead; with
 * `tangents` less diag(t′) dK too, t′ in the column after it.
 */
export function finishKeyGradients(
  s: Primal, keys: usize, rows: i32, gK: usize, rowBytes: usize, tangents: bool,
): void {
  const l = s.layer;
  const d = l.dHead;
  const slope = 2 * l.scale;
  for (let j = 0; j < s.n; j++) {
    let key = keys + <usize>((j / MR) * rows * MR + (j % MR)) * WORD;
    const row = gK + <usize>j * rowBytes;
    const total = <f64>load<Real>(row + <usize>d * WORD);
    const tangentTotal = <f64>load<Real>(row + <usize>(d + 1) * WORD);
    for (let c = 0; c < d; c++) {
      const at = row + <usize>c * WORD;
      let value = <f64>load<Real>(at) - total * <f64>load<Real>(key);
      if (tangents) value -= tangentTotal * <f64>load<Real>(key + <usize>(d * MR) * WORD);
      store<Real>(at, <Real>(slope * value));
      key += <usize>MR * WORD;
    }
  }
}
