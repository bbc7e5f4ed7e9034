// Functions of two doubles over whole arrays, for a host that has many points and its own idea of the values
// (test/assembly/doubles.test.ts).
import { erfcx, exp, expm1, gaussian } from "../base/doubles";
import { curve, slope, valueOf } from "../layers/functions";

export const FLOAT64_ARRAY: u32 = idof<Float64Array>();

export function mapExp(x: Float64Array): Float64Array {
  return map(x, 0);
}
export function mapExpm1(x: Float64Array): Float64Array {
  return map(x, 1);
}
export function mapErfcx(x: Float64Array): Float64Array {
  return map(x, 2);
}
export function mapGaussian(x: Float64Array): Float64Array {
  return map(x, 3);
}

function map(x: Float64Array, what: i32): Float64Array {
  const y = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const at = f64x2.splat(x[i]);
    const value = what == 0 ? exp(at) : what == 1 ? expm1(at) : what == 2 ? erfcx(at) : gaussian(at);
    y[i] = f64x2.extract_lane(value, 0);
  }
  return y;
}

/** f, f′ and f″ of an activation without numbers, one after the other. */
export function activation(kind: i32, x: Float64Array): Float64Array {
  const n = x.length, y = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) {
    y[i] = f64x2.extract_lane(valueOf(kind, 0, f64x2.splat(x[i])), 0);
    y[n + i] = f64x2.extract_lane(slope, 0);
    y[2 * n + i] = f64x2.extract_lane(curve, 0);
  }
  return y;
}
