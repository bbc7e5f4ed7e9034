// The dense Jacobian, for those that are small enough.
import { checkFinite } from "../base/check.js";
import { sizeOf, type Tensor, tensor } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import { applied, lines } from "./applied.js";

/**
 * The Jacobian as a matrix [outputs, inputs], row-major in the order of the tensors' data: from as many products with
 * unit vectors as its smaller side has entries.
 * @throws RangeError where an entry is not finite
 * @example
 * const { shape } = await toDense(linearization); // [n·dOut, n·dIn]
 */
export async function toDense(J: LinearOperator): Promise<Tensor> {
  return applied(J, async (operator) => {
    const [rows, columns] = [sizeOf(operator.outShape), sizeOf(operator.inShape)];
    const data = new (operator.device.dtype === "f32" ? Float32Array : Float64Array)(rows * columns);
    const kind = rows <= columns ? "rows" : "columns";
    let line = 0;
    for await (const entries of lines(operator, kind, 0, Math.min(rows, columns))) {
      if (kind === "rows") data.set(entries, line * columns);
      else for (let row = 0; row < rows; row++) data[row * columns + line] = entries[row];
      line++;
    }
    checkFinite("the dense Jacobian", data, [rows, columns]);
    return tensor(data, [rows, columns]);
  });
}
