// A first guess at the leading right singular vector of attention's Jacobian (MATH 13.6): J is close to
// (mean pattern) ⊗ (Σ_h W_V,h W_O,h), whose leading right singular vector is p mᵀ, with p the mean pattern's and m the
// value map's on the input side. With a fresh random part added, the bracket of 10.2b holds whatever the guess is worth.
import { type Tensor, tensor } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";

/** A linearization of attention that can say what its guess is made of. */
export interface HasPattern {
  /** Close to the leading right singular vector of the attention pattern averaged over heads, [n]. */
  patternDirection(): Promise<Float64Array>;
  /** The layer at a single token: Σ_h W_V,h W_O,h as an operator [1, dIn] → [1, dOut], to be disposed of. */
  valueMap(): Promise<LinearOperator & { dispose(): void }>;
  /** The same object for every linearization of a layer. */
  readonly layerIdentity: object;
}

function hasPattern(op: LinearOperator): op is LinearOperator & HasPattern {
  return typeof (op as Partial<HasPattern>).patternDirection === "function";
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
  if (!hasPattern(op) || op.inShape[0] === 1) return "random";
  const { layerIdentity } = op;
  let pending = valueDirections.get(layerIdentity);
  if (!pending) {
    pending = valueDirection(op, leadingRight);
    valueDirections.set(layerIdentity, pending);
    pending.catch(() => valueDirections.delete(layerIdentity));
  }
  const m = await pending;
  const p = await op.patternDirection();
  // In single precision: a guess need not be exact, and at long inputs it is large.
  const guess = new Float32Array(p.length * m.length);
  for (let i = 0; i < p.length; i++) for (let c = 0; c < m.length; c++) guess[i * m.length + c] = p[i] * m[c];
  return guess.some((value) => value !== 0) ? tensor(guess, op.inShape) : "random";
}

async function valueDirection(
  op: HasPattern,
  leadingRight: (op: LinearOperator) => Promise<Float64Array>,
): Promise<Float64Array> {
  const map = await op.valueMap();
  try {
    return await leadingRight(map);
  } finally {
    map.dispose();
  }
}
