// Invertible residual attention: x ↦ x + c·F(x)/L with L at least the Lipschitz constant of F and c < 1 (Behrmann et al.
// 2019 for residual maps; Kim, Papamakarios and Mnih 2021 for L2 attention; MATH 9.5).

import { checkKeys, checkNumber, checkTensor, wrongKind, wrongValue } from "../base/check.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import { type Bound, refused } from "../bounds/bound.js";
import { ofLayer } from "../bounds/ofLayer.js";
import type { Layer } from "../device/linearization.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import { type FixedPoint, type FixedPointOptions, solveFixedPoint } from "./fixedPoint.js";

/** Options of `invertible.residual`. */
export interface ResidualOptions {
  /** The Lipschitz constant of x ↦ c·F(x)/L, in (0, 1): how fast the inverse converges. */
  c: number;
  /** In which F is Lipschitz, and inverses are judged; default 2. */
  norm?: 2 | typeof Infinity;
  /** The spec that `layer` was made of, for L from `bounds.ofLayer`: L2 attention with keys and values tied. */
  spec?: AttentionSpec;
  /** L itself, for any layer: the caller vouches for it. */
  lipschitz?: number;
}

/** The map g(x) = x + c·F(x)/L of `invertible.residual`, which can be run backwards. */
export interface Residual {
  /** L for inputs of n tokens, where it comes from and what it assumes. */
  lipschitz(n: number): Promise<Bound>;
  /** g(x) = x + c·F(x)/L, [n, d]. */
  forward(x: TensorLike): Promise<Tensor>;
  /** The x with g(x) = y, [n, d], by x ← y − c·F(x)/L from x = y; not reaching it is a status, not an error. */
  inverse(y: TensorLike, options?: FixedPointOptions): Promise<FixedPoint>;
}

/**
 * The residual map g(x) = x + c·F(x)/L of a layer F, which is invertible because c·F/L is a contraction. The layer is
 * used, and not disposed of. In f32 the map and its inverse carry the rounding of F, of about 1e-6.
 * @throws TypeError and RangeError for arguments of a wrong kind or value; for a spec of which no Lipschitz constant on
 *   the whole space is known: dot-product attention has none (MATH 9.6)
 * @example
 * const one = { weight: { data: new Float64Array([1]), shape: [1, 1] } };
 * const tied = { kind: "l2", heads: 1, query: one, value: one, tiedValue: true };
 * const g = invertible.residual(runtime.attention(tied), { c: 0.9, norm: 2, spec: tied });
 * const tokens = { data: new Float64Array([1, -1]), shape: [2, 1] };
 * const { x, status, aPosteriori } = await g.inverse(await g.forward(tokens)); // x is tokens again
 */
export function residual(layer: Layer, options: ResidualOptions): Residual {
  const { c, norm, boundOf } = check(layer, options);
  const width = layer.dIn;
  const known = new Map<number, Promise<Bound>>();
  const lipschitz = (n: number) => {
    let pending = known.get(n);
    if (!pending) {
      pending = boundOf(n);
      known.set(n, pending);
      pending.catch(() => known.delete(n));
    }
    return pending;
  };
  /** x ↦ base + sign·c·F(x)/L, in doubles. */
  const shifted = async (base: Float64Array, sign: 1 | -1, x: Tensor) => {
    const { value } = await lipschitz(x.shape[0]);
    const { data } = await layer.forward(x);
    const factor = (sign * c) / value;
    return { sum: base.map((entry, at) => entry + factor * data[at]), dtype: data };
  };
  return {
    lipschitz,
    async forward(x) {
      const input = checkTensor("x", x, [-1, width]);
      const { sum, dtype } = await shifted(Float64Array.from(input.data), 1, input);
      return tensor(dtype instanceof Float32Array ? Float32Array.from(sum) : sum, [...input.shape]);
    },
    async inverse(y, inverseOptions = {}) {
      const output = checkTensor("y", y, [-1, width]);
      const target = Float64Array.from(output.data);
      return solveFixedPoint(
        target,
        output.shape,
        async (x) => {
          const { sum, dtype } = await shifted(target, -1, tensor(x, output.shape));
          return { next: sum, roundoff: dtype instanceof Float32Array ? 2 ** -23 : 2 ** -52 };
        },
        { c, norm },
        inverseOptions,
      );
    },
  };
}

function check(layer: Layer, options: ResidualOptions) {
  if (layer === null || typeof layer !== "object" || typeof layer.forward !== "function") {
    throw wrongKind("layer", "a layer with forward(x)", layer);
  }
  if (layer.dIn !== layer.dOut) {
    throw new RangeError(
      `"layer": expected dOut = dIn, so that x + F(x) has a meaning, got dIn = ${layer.dIn}, dOut = ${layer.dOut}`,
    );
  }
  checkKeys("options", options, ["c", "norm", "spec", "lipschitz"]);
  const c = checkNumber("c", options.c, 0, 1);
  const { norm = 2, spec, lipschitz } = options;
  if (typeof norm !== "number") throw wrongKind("norm", "2 or Infinity", norm);
  if (norm !== 2 && norm !== Number.POSITIVE_INFINITY) throw wrongValue("norm", "2 or Infinity", norm);
  if (spec !== undefined && lipschitz !== undefined) {
    throw new TypeError('"lipschitz": expected none beside "spec", which L is computed from, got both');
  }
  if (lipschitz !== undefined) {
    const given = givenBound(checkNumber("lipschitz", lipschitz, 0), norm);
    return { c, norm, boundOf: async () => given };
  }
  if (spec === undefined) {
    throw new TypeError(
      '"spec": expected the spec that the layer was made of, to compute L from, or "lipschitz", got neither',
    );
  }
  if (spec?.kind !== "l2") {
    throw refused(
      "invertible.residual",
      "L2 attention",
      "dot-product attention has no Lipschitz constant on the whole space (MATH 9.6): with a `lipschitz` of your own " +
        "it can be tried, and the inverse says whether it converges",
    );
  }
  return { c, norm, boundOf: (n: number) => boundFrom(spec, n, norm) };
}

async function boundFrom(spec: AttentionSpec, n: number, norm: 2 | typeof Infinity): Promise<Bound> {
  const { best } = await ofLayer(spec, { n, norm });
  if (best.value > 0) return best;
  throw new RangeError('"spec": expected weights that are not all zero: F/L has no meaning for a constant F');
}

function givenBound(value: number, norm: number): Bound {
  const assumptions = [`the caller's word, in norm ${norm === 2 ? "2" : "∞"}`];
  return { value, kind: "upper", scope: "ball", source: "given as `lipschitz`", assumptions };
}
