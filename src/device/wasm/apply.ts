// A kernel's map from one token matrix to another, from a tensor to a tensor.
import { type RealArray, type Tensor, tensor } from "../../base/tensor.js";
import { borrow, type Heap } from "./heap.js";
import { panelSize, readPanels, writePanels } from "./layout.js";

/** kernel(x) of shape `to`, for x of shape `from`; both are panels where the kernel sees them. */
export function applyKernel(
  heap: Heap,
  data: RealArray,
  from: readonly number[],
  to: readonly number[],
  kernel: (source: number, target: number) => void,
): Tensor {
  return borrow(heap, (work) => {
    const source = work.reals(panelSize(heap, from[0], from[1]), "a tangent");
    const target = work.reals(panelSize(heap, to[0], to[1]), "a tangent");
    writePanels(heap, source, data, from[0], from[1]);
    kernel(source, target);
    return tensor(readPanels(heap, target, to[0], to[1]), [...to]);
  });
}
