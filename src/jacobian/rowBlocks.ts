// Products with the blocks of one output token's rows of a dense Jacobian.
import type { BlockProducts } from "../device/operator.js";

/** Rows [dOut, tokens·dIn]; blocks of nothing but zeros are left out. */
export function rowBlocks(
  rows: Float64Array,
  {
    token,
    tokens,
    dIn,
    dOut,
    roundoff,
  }: { token: number; tokens: number; dIn: number; dOut: number; roundoff: number },
): BlockProducts {
  const columns = tokens * dIn;
  const seen = new Array<boolean>(tokens).fill(false);
  for (let at = 0; at < rows.length; at++) if (rows[at] !== 0) seen[Math.floor((at % columns) / dIn)] = true;
  const keys = [...seen.keys()].filter((j) => seen[j]);
  const slots = Math.max(1, keys.length);
  const assigned = new Array<number>(slots).fill(0);
  const each = (use: (slot: number, r: number, c: number, entry: number) => void) => {
    for (const [slot, j] of assigned.entries()) {
      for (let r = 0; r < dOut; r++) {
        for (let c = 0; c < dIn; c++) use(slot, r, c, rows[r * columns + j * dIn + c]);
      }
    }
  };
  return {
    slots,
    dIn,
    dOut,
    roundoff,
    blocks: keys.map((j) => [token, j] as const),
    assign(slot, [, j]) {
      assigned[slot] = j;
      let squares = 0;
      for (let r = 0; r < dOut; r++) for (let c = 0; c < dIn; c++) squares += rows[r * columns + j * dIn + c] ** 2;
      return Math.sqrt(squares);
    },
    apply(x) {
      const y = new Float64Array(slots * dOut);
      each((slot, r, c, entry) => {
        y[slot * dOut + r] += entry * x[slot * dIn + c];
      });
      return y;
    },
    applyTransposed(y) {
      const x = new Float64Array(slots * dIn);
      each((slot, r, c, entry) => {
        x[slot * dIn + c] += entry * y[slot * dOut + r];
      });
      return x;
    },
  };
}
