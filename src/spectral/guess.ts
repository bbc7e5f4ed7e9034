// A first guess at the leading right singular vector of attention's Jacobian (MATH 13.6): J is close to
// (mean pattern) ⊗ (Σ_h W_V,h W_O,h), whose leading right singular vector is p mᵀ, with p the mean pattern's and m the
// value map's on the input side. With a fresh random part added, the bracket of 10.2b holds whatever the guess is worth.
import { type RealArray, type Tensor, tensor } from "../base/tensor.js";
import type { DeviceOperator, LinearOperator, Pattern } from "../device/operator.js";

/** Directions m, one a layer: they depend on the weights alone. */
const valueDirections = new WeakMap<object, Promise<Float64Array>>();

/**
 * The guess p mᵀ, [n, dIn], or "random" where the operator has no pattern, or a single token. `leadingRight` finds the
 * leading right singular vector of the value map, from a seed of its own: the guess must not depend on the random part
 * that is added to it.
 */
export async function patternGuess(
  op: LinearOperator,
  leadingRight: (op: LinearOperator) => Promise<Float64Array>,
): Promise<Tensor | "random"> {
  const operator = op.onDevice?.operator;
  const pattern = operator?.structure?.pattern;
  if (!pattern || op.inShape[0] === 1) return "random";
  const { layer } = pattern;
  let pending = valueDirections.get(layer);
  if (!pending) {
    pending = valueDirection(pattern, leadingRight);
    valueDirections.set(layer, pending);
    pending.catch(() => valueDirections.delete(layer));
  }
  const m = await pending;
  const p = await pattern.direction();
  // In single precision: a guess need not be exact, and at long inputs it is large.
  const guess = new Float32Array(p.length * m.length);
  for (let i = 0; i < p.length; i++) for (let c = 0; c < m.length; c++) guess[i * m.length + c] = p[i] * m[c];
  const pulled = pattern.pull ? await brought(operator, pattern.pull, tensor(guess, [p.length, m.length])) : guess;
  return pulled.some((value) => value !== 0) ? tensor(pulled, op.inShape) : "random";
}

/** The guess where the operator's input is, by products on the device. */
async function brought(
  { device, inShape }: DeviceOperator,
  pull: NonNullable<Pattern["pull"]>,
  { data, shape }: Tensor,
): Promise<RealArray> {
  const lease = device.lease();
  try {
    const from = lease.vector(shape, "a guess");
    const to = lease.vector(inShape, "a guess");
    device.write(from, data);
    await pull(from, to);
    return await device.read(to);
  } finally {
    lease.dispose();
  }
}

async function valueDirection(
  pattern: Pattern,
  leadingRight: (op: LinearOperator) => Promise<Float64Array>,
): Promise<Float64Array> {
  const map = await pattern.valueMap();
  try {
    return await leadingRight(map);
  } finally {
    map.dispose();
  }
}
