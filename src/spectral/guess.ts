// A first guess at the leading right singular vector of attention's Jacobian (MATH 13.6): J is close to
// (mean pattern) ⊗ (Σ_h W_V,h W_O,h), whose leading right singular vector is p mᵀ, with p the mean pattern's and m the
// value map's on the input side. With a fresh random part added, the bracket of 10.2b holds whatever the guess is worth.
import { type Tensor, tensor } from "../base/tensor.js";
import type { LinearOperator, Pattern } from "../device/operator.js";

/** A linearization that says so itself, not by its device operator. */
export interface HasPattern {
  patternDirection(): Promise<Float64Array>;
  valueMap(): Promise<LinearOperator & { dispose(): void }>;
  readonly layerIdentity: object;
}

function patternOf(op: LinearOperator): Pattern | undefined {
  if (op.onDevice) return op.onDevice.operator.structure?.pattern;
  if (typeof (op as Partial<HasPattern>).patternDirection !== "function") return undefined;
  const has = op as LinearOperator & HasPattern;
  return { layer: has.layerIdentity, direction: () => has.patternDirection(), valueMap: () => has.valueMap() };
}

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
  const pattern = op.inShape[0] === 1 ? undefined : patternOf(op);
  if (!pattern) return "random";
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
  return guess.some((value) => value !== 0) ? tensor(guess, op.inShape) : "random";
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
