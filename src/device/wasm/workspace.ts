// The workspace of src/linalg/workspace.ts in WebAssembly: its products run in the f64 kernels, on packed copies.
import { DeviceError, OutOfMemoryError } from "../../base/errors.js";
import { hostWorkspace, type Part, type Workspace } from "../../linalg/workspace.js";
import { Heap } from "./heap.js";
import { instantiateKernels } from "./kernels.js";
import { ROW, tileRows } from "./layout.js";

const WORD = 8;
const COLUMNS = ROW / WORD;
/** Numbers of a packed operand, and of a row of it, that a product takes at a time: its memory never grows. */
const PACKED = 2 ** 17;
const DEPTH = 2 ** 13;

/** A workspace of its own memory, in plain loops where there is no WebAssembly. */
export async function workspace(): Promise<Workspace> {
  try {
    const heap = new Heap("f64", Number.POSITIVE_INFINITY, 0);
    const { kernels } = await instantiateKernels("f64", heap);
    kernels.setEdgeTile(heap.allocate(tileRows(heap) * ROW, "a tile"));
    const strips = heap.allocate(PACKED * WORD, "packed matrices");
    const panels = heap.allocate(PACKED * WORD, "packed matrices");
    const most = (unit: number, k: number) => Math.floor(PACKED / k / unit) * unit;
    return {
      mostWork: 4e10,
      take(count, what) {
        const at = heap.allocate(count * WORD, what);
        heap.reals(at, count).fill(0);
        return at / WORD;
      },
      view: (at, count) => heap.reals(at * WORD, count) as Float64Array,
      multiply(m: number, n: number, k: number, a: Part, b: Part, c: Part, accumulate: boolean) {
        const depth = Math.min(k, DEPTH);
        for (let l = 0; l < k; l += depth) {
          const d = Math.min(depth, k - l);
          for (let j = 0; j < n; j += most(COLUMNS, d)) {
            const columns = Math.min(most(COLUMNS, d), n - j);
            const right = (b.at + l * b.row + j * b.column) * WORD;
            kernels.packPanels(d, columns, right, b.row * WORD, b.column * WORD, panels, d * ROW);
            for (let i = 0; i < m; i += most(tileRows(heap), d)) {
              const rows = Math.min(most(tileRows(heap), d), m - i);
              const left = (a.at + i * a.row + l * a.column) * WORD;
              kernels.packStrips(rows, d, left, a.row * WORD, a.column * WORD, strips);
              const to = (c.at + i * c.row + j) * WORD;
              const add = accumulate || l > 0 ? 1 : 0;
              kernels.multiply(rows, columns, d, strips, panels, d * ROW, to, c.row * WORD, ROW, add);
            }
          }
        }
      },
    };
  } catch (error) {
    if (error instanceof DeviceError || error instanceof OutOfMemoryError) return hostWorkspace();
    throw error;
  }
}
