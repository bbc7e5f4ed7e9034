// The largest norm that a token can have after normalisation (MATH 4), which the bounds on the ball take as radius.
import { checkKeys, checkTensor } from "../base/check.js";
import type { TensorLike } from "../base/tensor.js";
import { norm } from "../linalg/vector.js";
import type { Bound } from "./bound.js";

/**
 * The largest norm of gain·z + bias over layer-normalised z (|z|² ≤ d, Σz = 0): exact to 12 digits, from above. It is
 * approached by tokens whose variance outweighs epsilon. Without bias it is √(d·λ), λ the largest root of
 * Σ 1/(λ − gain²) = 0; with one it is the value of a trust-region problem, by its dual (one secular equation).
 * @param gain [d]
 * @param bias [d]
 * @throws TypeError and RangeError for tensors of a wrong kind, shape or value
 * @example
 * const gain = { data: new Float64Array([1, 1, 1, 1]), shape: [4] };
 * bounds.radius.layerNorm({ gain }).value; // 2
 */
export function layerNorm(question: { gain: TensorLike; bias?: TensorLike }): Bound {
  checkKeys("question", question, ["gain", "bias"]);
  const gain = Float64Array.from(checkTensor("gain", question.gain, [-1]).data);
  const bias =
    question.bias === undefined
      ? new Float64Array(gain.length)
      : Float64Array.from(checkTensor("bias", question.bias, [gain.length]).data);
  return radiusBound(layerNormRadius(gain, bias), "the token is an output of layer norm with this gain and bias");
}

/**
 * √d·max |gain|, the largest norm of a token after RMS norm.
 * @param gain [d]
 * @throws TypeError and RangeError for a tensor of a wrong kind, shape or value
 * @example
 * const gain = { data: new Float64Array([2, 1, 1, 1]), shape: [4] };
 * bounds.radius.rmsNorm({ gain }).value; // 4
 */
export function rmsNorm(question: { gain: TensorLike }): Bound {
  checkKeys("question", question, ["gain"]);
  const data = Float64Array.from(checkTensor("gain", question.gain, [-1]).data);
  const largest = data.reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
  return radiusBound(Math.sqrt(data.length) * largest, "the token is an output of RMS norm with this gain");
}

function radiusBound(value: number, assumption: string): Bound {
  return { value, kind: "upper", scope: "ball", source: "MATH 4", assumptions: [assumption] };
}

/**
 * max |Γz + β| over |z|² ≤ d, Σz = 0. For every μ above the largest eigenvalue λ of ΠΓ²Π, Π = I − 11ᵀ/d, the dual
 * μd + |β|² + ⟨ΠΓβ, (μ − ΠΓ²Π)⁻¹ ΠΓβ⟩ is an upper bound of its square; the smallest is equal to it.
 */
function layerNormRadius(gain: Float64Array, bias: Float64Array): number {
  const size = gain.length;
  const largest = gain.reduce((max, entry) => Math.max(max, Math.abs(entry)), 0);
  if (size === 1 || largest === 0) return norm(bias);
  const order = Array.from(gain, (_, c) => c).sort((c, e) => Math.abs(gain[e]) - Math.abs(gain[c]));
  const squares = Float64Array.from(order, (c) => (gain[c] / largest) ** 2);
  const force = Float64Array.from(order, (c) => (gain[c] / largest) * bias[c]);
  const lambda = largestEigenvalue(squares);
  const mean = force.reduce((sum, entry) => sum + entry, 0) / size;
  const pull = norm(force.map((entry) => entry - mean));
  const biasSquare = norm(bias) ** 2;

  // At the distance `above` from λ, with the gain scaled to at most 1 and the bias as it is.
  const dual = (above: number) => {
    const { inner, length } = stationary(squares, force, lambda + above);
    return {
      value: largest ** 2 * (lambda + above) * size + biasSquare + inner,
      slope: largest * Math.sqrt(size) - length,
    };
  };
  let low = 1e-13;
  let high = Math.max(2 * low, pull / (largest * Math.sqrt(size)));
  if (pull === 0 || dual(low).slope >= 0) return Math.sqrt(dual(low).value);
  for (let round = 0; round < 200; round++) {
    const middle = Math.sqrt(low * high);
    if (!(middle > low && middle < high)) break;
    if (dual(middle).slope < 0) low = middle;
    else high = middle;
  }
  return Math.sqrt(dual(high).value);
}

/** λ, between the two largest squares (in descending order): the root of 1 + (λ − s₀)·Σ_{c>0} 1/(λ − s_c). */
function largestEigenvalue(squares: Float64Array): number {
  let low = squares[1];
  let high = squares[0];
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high)) return high;
    if (secular(squares, middle) < 0) low = middle;
    else high = middle;
  }
}

function secular(squares: Float64Array, lambda: number): number {
  let sum = 0;
  for (let c = 1; c < squares.length; c++) sum += 1 / (lambda - squares[c]);
  return 1 + (lambda - squares[0]) * sum;
}

/**
 * z with (μ − Γ²)z = Γβ − ν·1 and Σz = 0, ν eliminated by way of the largest gain, whose denominator may vanish:
 * ⟨Γβ, z⟩ and |z|.
 */
function stationary(squares: Float64Array, force: Float64Array, mu: number): { inner: number; length: number } {
  let sum = 0;
  let weighted = 0;
  for (let c = 1; c < squares.length; c++) {
    const inverse = 1 / (mu - squares[c]);
    sum += inverse;
    weighted += force[c] * inverse;
  }
  const first = mu - squares[0];
  const denominator = 1 + first * sum;
  const nu = (force[0] + first * weighted) / denominator;
  const z = Float64Array.from(squares, (square, c) =>
    c === 0 ? (force[0] * sum - weighted) / denominator : (force[c] - nu) / (mu - square),
  );
  return { inner: z.reduce((total, entry, c) => total + entry * force[c], 0), length: norm(z) };
}
