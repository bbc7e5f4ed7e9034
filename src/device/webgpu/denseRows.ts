// Rows of the dense Jacobian, as Jᵀ of unit vectors, and what is made of them on the host: the norms that are sums over
// entries, and the norms of blocks (MATH 2.5). O(n·dOut) applications, and never more than one token's rows at a time.
import { checkKeys, checkNumber, throwIfAborted } from "../../base/check.js";
import { type BlockNormOptions, blockNorms } from "../../jacobian/blockNorms.js";
import type { BlockProducts } from "../operator.js";
import type { Batch } from "./batch.js";
import type { Gpu } from "./gpu.js";
import { range } from "./memory.js";
import type { Primal } from "./primal.js";

/** Rows of one submit. */
const MOST_ROWS = 64;
/** Numbers read back at a time. */
const MOST_NUMBERS = 2 ** 24;

/** Rows first, first + 1, … of [n·dOut, n·dIn], some at a time; VJP_KERNELS must be prepared. */
export async function* denseRows(
  gpu: Gpu,
  primal: Primal,
  first: number,
  end: number,
): AsyncGenerator<{ row: number; count: number; data: Float32Array }> {
  const { domain: result, range: unit, n, sizes } = primal;
  const columns = n * sizes.dIn;
  const atOnce = Math.min(end - first, MOST_ROWS, Math.max(1, Math.floor(MOST_NUMBERS / columns)));
  const work = gpu.region();
  try {
    const one = work.upload(Float32Array.of(1), "a unit");
    const block = work.words(atOnce * columns, "rows of the dense Jacobian");
    for (let row = first; row < end; row += atOnce) {
      const count = Math.min(atOnce, end - row);
      const record = (batch: Batch) => {
        for (let r = 0; r < count; r++) {
          batch.clear(unit);
          batch.copy(one, range(unit, row + r, 1));
          primal.recordVjp(batch, unit, result);
          batch.copy(result, range(block, r * columns, columns));
        }
      };
      const [data] = await gpu.run(record, [range(block, 0, count * columns)], work);
      yield { row, count, data };
    }
  } finally {
    work.free();
  }
}

/** The largest sums of |entries| of a column and of a row, and the Frobenius norm, summed in doubles. */
export async function entryNorms(gpu: Gpu, primal: Primal) {
  const { n, sizes } = primal;
  const columns = n * sizes.dIn;
  const columnSums = new Float64Array(columns);
  let infinity = 0;
  let squares = 0;
  for await (const { count, data } of denseRows(gpu, primal, 0, n * sizes.dOut)) {
    for (let r = 0; r < count; r++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) {
        const entry = Math.abs(data[r * columns + c]);
        sum += entry;
        columnSums[c] += entry;
        squares += entry * entry;
      }
      // A comparison with NaN is false: whatever is not a finite number must come out.
      if (!(sum <= infinity)) infinity = sum;
    }
  }
  return { one: columnSums.reduce((most, sum) => Math.max(most, sum), 0), infinity, frobenius: Math.sqrt(squares) };
}

/** [n, n] spectral norms of the blocks, one output token after the other; see src/jacobian/blockNorms.ts. */
export async function denseBlockNorms(
  gpu: Gpu,
  primal: Primal,
  roundoff: number,
  options: BlockNormOptions,
): Promise<Float32Array> {
  checkKeys("options", options, ["rtol", "signal", "onProgress"]);
  const { rtol = 1e-2, signal, onProgress } = options;
  checkNumber("rtol", rtol, 0, 1);
  const { n, sizes } = primal;
  const { dIn, dOut } = sizes;
  const norms = new Float32Array(n * n);
  for (let token = 0; token < n; token++) {
    throwIfAborted(signal);
    const rows = new Float32Array(dOut * n * dIn);
    for await (const { row, data } of denseRows(gpu, primal, token * dOut, (token + 1) * dOut)) {
      rows.set(data, (row - token * dOut) * n * dIn);
    }
    const { norms: found } = await blockNorms(tokenProducts(rows, token, n, dIn, dOut, roundoff), n, { rtol, signal });
    for (let j = 0; j < n; j++) norms[token * n + j] = found[token * n + j];
    onProgress?.({ type: "blocks", done: (token + 1) * n, total: n * n });
  }
  return norms;
}

/** Products with the blocks of one token's rows [dOut, n·dIn] that are not zero. */
function tokenProducts(
  rows: Float32Array,
  token: number,
  n: number,
  dIn: number,
  dOut: number,
  roundoff: number,
): BlockProducts {
  const columns = n * dIn;
  const keys = Array.from({ length: n }, (_, j) => j).filter((j) => {
    for (let r = 0; r < dOut; r++) for (let c = 0; c < dIn; c++) if (rows[r * columns + j * dIn + c] !== 0) return true;
    return false;
  });
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
    assign: (slot, [, j]) => {
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
