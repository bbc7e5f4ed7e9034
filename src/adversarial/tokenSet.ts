// Sets of tokens over which sigma is ascended, each with its exact Euclidean projection (MATH 2.3, 4).

import { checkKeys, checkNumber, checkOneOf, checkTensor } from "../base/check.js";
import type { Random } from "../base/random.js";
import type { Normalization } from "../bounds/absorbNormalization.js";
import { norm } from "../linalg/vector.js";

export interface TokenSet {
  /** In words, for the assumptions of a bound. */
  readonly name: string;
  /** The norm that a typical token has, which makes steps relative. */
  readonly scale: number;
  /** The token of the set that is nearest to `token`, in place. */
  project(token: Float64Array): void;
  /** A random token of the set, in place. */
  draw(token: Float64Array, random: Random): void;
}

/** The set that the tokens of an adversarial input stay in. */
export interface TokenSetQuestion {
  /** Of the ball or sphere. */
  radius?: number;
  /**
   * "ball": |x_i| ≤ radius (the default); "sphere": |x_i| = radius, the outputs of RMS norm with constant gain;
   * "ellipsoid": gain·z + bias with |z|² ≤ d, and Σz = 0 for kind "layer": the outputs of `normalization`.
   */
  set?: "ball" | "sphere" | "ellipsoid";
  /** Of the ellipsoid, whose default it makes; in place of `radius`. */
  normalization?: Normalization;
}

/** @throws TypeError and RangeError for arguments of a wrong kind or value, for tokens of dIn features */
export function tokenSet({ radius, set, normalization }: TokenSetQuestion, dIn: number): TokenSet {
  const chosen = checkOneOf("set", set ?? (normalization ? "ellipsoid" : "ball"), ["ball", "sphere", "ellipsoid"]);
  if ((chosen === "ellipsoid") !== (normalization !== undefined)) {
    throw new RangeError(
      `"set": expected "ellipsoid" together with "normalization", or a "radius" without it, got "${chosen}"`,
    );
  }
  if (!normalization) {
    const checked = checkNumber("radius", radius, 0);
    return chosen === "ball" ? ball(checked) : sphere(checked);
  }
  if (radius !== undefined) throw new RangeError('"radius": expected none with "normalization", which sets its own');
  return ellipsoid(normalization, dIn);
}

function ball(radius: number): TokenSet {
  return {
    name: `every token in the ball of radius ${radius}`,
    scale: radius,
    project(token) {
      const length = norm(token);
      if (length > radius) rescale(token, radius / length);
    },
    draw(token, random) {
      drawDirection(token, random);
      rescale(token, radius * random.uniform());
    },
  };
}

function sphere(radius: number): TokenSet {
  return {
    name: `every token on the sphere of radius ${radius}`,
    scale: radius,
    project(token) {
      const length = norm(token);
      // Every point of the sphere is as near to its centre as any other.
      if (length === 0) token[0] = radius;
      else rescale(token, radius / length);
    },
    draw(token, random) {
      drawDirection(token, random);
      rescale(token, radius);
    },
  };
}

function ellipsoid(normalization: Normalization, dIn: number): TokenSet {
  checkKeys("normalization", normalization, ["kind", "gain", "bias"]);
  const centred = checkOneOf("normalization.kind", normalization.kind, ["layer", "rms"]) === "layer";
  const gain = Float64Array.from(checkTensor("normalization.gain", normalization.gain, [dIn]).data);
  if (!centred && normalization.bias !== undefined) {
    throw new RangeError('"normalization.bias": expected none for kind "rms", got a tensor');
  }
  const bias =
    normalization.bias === undefined
      ? new Float64Array(dIn)
      : Float64Array.from(checkTensor("normalization.bias", normalization.bias, [dIn]).data);
  const place = (token: Float64Array, z: Float64Array) => {
    for (let c = 0; c < dIn; c++) token[c] = gain[c] * z[c] + bias[c];
  };
  return {
    name: `every token an output of ${centred ? "layer" : "RMS"} norm with this gain${centred ? " and bias" : ""}`,
    scale: norm(gain) || 1,
    project: (token) => place(token, nearest(token, gain, bias, centred)),
    draw(token, random) {
      drawDirection(token, random);
      if (centred) removeMean(token);
      const length = norm(token);
      if (length > 0) rescale(token, Math.sqrt(dIn) / length);
      place(token, token.slice());
    },
  };
}

/**
 * The z of |z|² ≤ d (and Σz = 0) that minimises |gain·z + bias − token|². By Lagrange,
 * z_c = (gain_c·w_c − ν)/(gain_c² + λ) with w = token − bias, ν such that Σz = 0, and the smallest λ ≥ 0 at which
 * |z|² ≤ d, found by bisection because |z| falls as λ grows.
 */
function nearest(token: Float64Array, gain: Float64Array, bias: Float64Array, centred: boolean): Float64Array {
  const longest = Math.sqrt(token.length);
  const pull = gain.map((entry, c) => entry * (token[c] - bias[c]));
  const at = (lambda: number) => {
    let nu = 0;
    if (centred) {
      let sum = 0;
      let weighted = 0;
      for (let c = 0; c < pull.length; c++) {
        const inverse = 1 / (gain[c] * gain[c] + lambda);
        sum += inverse;
        weighted += pull[c] * inverse;
      }
      nu = weighted / sum;
    }
    return pull.map((entry, c) => (entry - nu) / (gain[c] * gain[c] + lambda));
  };
  // A gain of zero leaves its z free as λ vanishes, so λ stays just above zero.
  const largest = gain.reduce((most, entry) => Math.max(most, entry * entry), 0);
  let low = Math.max(largest, Number.MIN_VALUE) * 1e-14;
  let z = at(low);
  if (norm(z) <= longest) return z;
  let high = Math.max(2 * low, norm(pull) / longest);
  z = at(high);
  for (let round = 0; round < 200; round++) {
    const middle = Math.sqrt(low) * Math.sqrt(high);
    if (!(middle > low && middle < high)) break;
    const candidate = at(middle);
    if (norm(candidate) > longest) low = middle;
    else {
      high = middle;
      z = candidate;
    }
  }
  return z;
}

function drawDirection(token: Float64Array, random: Random): void {
  random.fillGaussian(token);
  rescale(token, 1 / norm(token));
}

function removeMean(token: Float64Array): void {
  const mean = token.reduce((sum, entry) => sum + entry, 0) / token.length;
  for (let c = 0; c < token.length; c++) token[c] -= mean;
}

function rescale(token: Float64Array, factor: number): void {
  for (let c = 0; c < token.length; c++) token[c] *= factor;
}
