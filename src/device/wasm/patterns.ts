// Attention patterns: read out head by head, and the direction that all heads together favour.
import { type Tensor, tensor } from "../../base/tensor.js";
import { borrow, type Heap } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { ROW, tileColumns, tileRows } from "./layout.js";
import type { Tiling } from "./tiles.js";

/** Four power iterations on the pattern averaged over heads, from equal weights, [n]; see src/spectral/guess.ts. */
export function patternDirection(
  kernels: Kernels,
  heap: Heap,
  primal: number,
  n: number,
  { panels, strips }: Tiling,
): Float64Array {
  const room = Math.max(panels * tileColumns(heap), strips * tileRows(heap));
  return borrow(heap, (work) => {
    const queries = work.reals(room, "a vector");
    const keys = work.reals(room, "a vector");
    heap.reals(queries, room).fill(0).fill(1, 0, n);
    heap.reals(keys, room).fill(0);
    for (let iteration = 0; iteration < 4; iteration++) {
      if (iteration > 0) kernels.sumPatterns(primal, keys, queries);
      kernels.sumTransposedPatterns(primal, queries, keys);
      kernels.normalize(Math.ceil(n / 4) * 4, keys, 0);
    }
    return Float64Array.from(heap.reals(keys, n));
  });
}

/** [heads, n, n], from the panels of each group. */
export function readProbabilities(
  kernels: Kernels,
  heap: Heap,
  primal: number,
  heads: number,
  n: number,
  { panels, groups, groupPanels, groupFirst, groupEnd }: Tiling,
): Tensor {
  const columns = tileColumns(heap);
  const rows = tileRows(heap);
  const data = heap.word === 4 ? new Float32Array(heads * n * n) : new Float64Array(heads * n * n);
  for (let h = 0; h < heads; h++) {
    for (let group = 0; group < groups; group++) {
      const keys = (groupEnd[group] - groupFirst[group]) * rows;
      const first = groupFirst[group] * rows;
      const at = kernels.probabilitiesOf(primal, h, group) >>> 0;
      const start = group * groupPanels;
      for (let panel = start; panel < Math.min(start + groupPanels, panels); panel++) {
        const view = heap.reals(at + (panel - start) * keys * ROW, keys * columns);
        for (let lane = 0; lane < Math.min(columns, n - panel * columns); lane++) {
          const row = (h * n + panel * columns + lane) * n + first;
          for (let j = 0; j < Math.min(keys, n - first); j++) data[row + j] = view[j * columns + lane];
        }
      }
    }
  }
  return tensor(data, [heads, n, n]);
}
