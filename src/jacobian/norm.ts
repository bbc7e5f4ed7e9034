// Norms of a Jacobian as one matrix, which is never formed (docs/theory.md, section 2.5).
import { checkInteger, wrongValue } from "../base/check.js";
import { sizeOf } from "../base/tensor.js";
import type { DeviceOperator, EntrySums, LinearOperator } from "../device/operator.js";
import { spectralNorm } from "../spectral/spectralNorm.js";
import { applied, lines } from "./applied.js";

/** Of order 2: some hundred times what it needs. */
const MOST_STEPS = 1000;

/** Options of `norm`. */
export interface NormOptions {
  /** Of order 2, default 1000. */
  maxSteps?: number;
}

/**
 * The 1-, 2-, ∞- or Frobenius norm of the [outputs, inputs] Jacobian. 1, ∞ and "fro" are sums over all entries,
 * accumulated in doubles: of attention on WebAssembly in O(heads·n²·dIn·dOut) time, of other operators from as many
 * products as there are outputs. 2 is sigma of `spectralNorm` at rtol 1e-8 in f64 and 1e-4 in f32.
 * @throws RangeError for another order; for 2 where `maxSteps` do not settle it
 * @example
 * const size = await norm(linearization, "fro");
 */
export async function norm(
  J: LinearOperator,
  order: 1 | 2 | number | "fro",
  { maxSteps = MOST_STEPS }: NormOptions = {},
): Promise<number> {
  checkInteger("maxSteps", maxSteps, 1);
  if (order !== 1 && order !== 2 && order !== Number.POSITIVE_INFINITY && order !== "fro") {
    throw wrongValue("order", '1, 2, Infinity or "fro"', order);
  }
  return applied(J, async (operator) => {
    if (order === 2) return largestSingularValue(J, operator, maxSteps);
    const { one, infinity, frobenius } = await sumsOf(operator);
    return order === 1 ? one : order === "fro" ? frobenius : infinity;
  });
}

async function largestSingularValue(J: LinearOperator, { device }: DeviceOperator, maxSteps: number): Promise<number> {
  const rtol = device.dtype === "f32" ? 1e-4 : 1e-8;
  const { sigma, status, message } = await spectralNorm(J, { maxSteps, rtol });
  if (status === "step-limit") throw new RangeError(`norm(J, 2): ${message} spectralNorm takes other options`);
  return sigma;
}

/** An operator's sums are made once, unless that fails. */
const sums = new WeakMap<DeviceOperator, Promise<EntrySums>>();

async function sumsOf(operator: DeviceOperator): Promise<EntrySums> {
  let pending = sums.get(operator);
  if (!pending) {
    pending = operator.structure?.entrySums?.() ?? sumsOfRows(operator);
    sums.set(operator, pending);
    pending.catch(() => sums.delete(operator));
  }
  return pending;
}

async function sumsOfRows(operator: DeviceOperator): Promise<EntrySums> {
  const columns = new Float64Array(sizeOf(operator.inShape));
  let infinity = 0;
  let squares = 0;
  for await (const row of lines(operator, "rows", 0, sizeOf(operator.outShape))) {
    let sum = 0;
    for (let c = 0; c < columns.length; c++) {
      const entry = Math.abs(row[c]);
      sum += entry;
      columns[c] += entry;
      squares += entry * entry;
    }
    // A comparison with NaN is false: whatever is not a finite number must come out.
    if (!(sum <= infinity)) infinity = sum;
  }
  return { one: columns.reduce((most, sum) => Math.max(most, sum), 0), infinity, frobenius: Math.sqrt(squares) };
}
