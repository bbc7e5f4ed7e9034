// QK-norm on WebGPU: a norm of the queries' or the keys' columns in rows [n, channels], in place, with its derivatives
// (docs/theory.md, sections 3 and 14). A workgroup takes the channels that share their statistics, of one token.
import type { ResolvedScoreNorm } from "../../layers/attention/scoreNorm.js";
import type { Batch } from "./batch.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type Region, type View } from "./memory.js";
import { EACH, meanInto, normKernel } from "./normCode.js";
import { spread } from "./vectors.js";

const SIZES = ["stride", "first", "parts"];
const AT = `
  let base = token / size.parts * size.stride + size.first + token % size.parts * size.width;
  let own = token % size.parts * size.width;`;

const FORWARD = normKernel(
  "norm of a side",
  { rows: "read_write f32", gain: "read f32", bias: "read f32", z: "read_write f32", inverse: "read_write f32" },
  SIZES,
  `${AT}
  var offset = 0.0;
  if (size.centred != 0u) {${meanInto("average", "rows[base + c]")}
    offset = average;
  }${meanInto("variance", "(rows[base + c] - offset) * (rows[base + c] - offset)")}
  let deviation = sqrt(variance + bitcast<f32>(size.epsilonBits));
  if (lane == 0u) { inverse[token] = 1.0 / deviation; }${EACH(`
    let value = (rows[base + c] - offset) / deviation;
    z[first + c] = value;
    rows[base + c] = gain[own + c] * value + select(0.0, bias[own + c], size.biased != 0u);`)}`,
);

/** rows ← J rows, or with `transposed` Jᵀ rows: the gain comes after, or before. */
const APPLY = normKernel(
  "norm of a side, its Jacobian",
  { rows: "read_write f32", gain: "read f32", z: "read f32", inverse: "read f32" },
  SIZES,
  `${AT}
  let back = size.transposed != 0u;
  var offset = 0.0;
  if (size.centred != 0u) {${meanInto("average", "rows[base + c] * select(1.0, gain[own + c], back)")}
    offset = average;
  }${meanInto("along", "z[first + c] * rows[base + c] * select(1.0, gain[own + c], back)")}${EACH(`
    let value = (rows[base + c] * select(1.0, gain[own + c], back) - offset) - z[first + c] * along;
    rows[base + c] = value * inverse[token] * select(gain[own + c], 1.0, back);`)}`,
);

/** to += the gradient of ⟨v, J u⟩ in what was normalized: see norm.ts. */
const GRADIENT = normKernel(
  "norm of a side, its second order",
  { u: "read f32", v: "read f32", gain: "read f32", z: "read f32", inverse: "read f32", to: "read_write f32" },
  SIZES,
  `${AT}
  var offsetU = 0.0;
  var offsetV = 0.0;
  if (size.centred != 0u) {${meanInto("averageU", "u[base + c]")}${meanInto("averageV", "gain[own + c] * v[base + c]")}
    offsetU = averageU;
    offsetV = averageV;
  }${meanInto("al", "z[first + c] * (u[base + c] - offsetU)")}${meanInto(
    "be",
    "z[first + c] * (gain[own + c] * v[base + c] - offsetV)",
  )}${meanInto("product", "(u[base + c] - offsetU) * (gain[own + c] * v[base + c] - offsetV)")}
  let r = inverse[token];
  let phi = (product - al * be) * r;${EACH(`
    let p = u[base + c] - offsetU;
    let q = gain[own + c] * v[base + c] - offsetV;
    let value = z[first + c];
    to[base + c] += -phi * value * r - (be * (p - value * al) + al * (q - value * be)) * r * r;`)}`,
);

/** The norm of one side at one input. */
export class SideNorm {
  readonly afterRope: boolean;
  readonly #views: { gain: View; bias: View; z: View; inverse: View };
  readonly #sizes: Record<string, number>;

  /** @param factor what is normalized is multiplied by it: the scale, for queries */
  constructor(
    region: Region,
    { kind, gain, bias, span, epsilon, afterRope }: ResolvedScoreNorm,
    factor: number,
    { n, stride, first }: { n: number; stride: number; first: number },
  ) {
    const scaled = (data: Float64Array) =>
      region.upload(
        Float64Array.from(data, (value) => factor * value),
        "a norm",
      );
    const width = gain.length;
    const parts = width / span;
    this.afterRope = afterRope;
    const weights = scaled(gain);
    this.#views = {
      gain: weights,
      bias: bias ? scaled(bias) : weights,
      z: region.words(n * width, "what a norm keeps"),
      inverse: region.words(n * parts, "what a norm keeps"),
    };
    this.#sizes = {
      ...{ n: n * parts, width: span, stride, first, parts, transposed: 0 },
      ...{ centred: kind === "layer" ? 1 : 0, biased: bias ? 1 : 0, epsilonBits: bitsOf(epsilon) },
    };
  }

  recordForward(batch: Batch, rows: View): void {
    this.#run(batch, FORWARD, { ...this.#views, rows });
  }

  recordApply(batch: Batch, rows: View, transposed: boolean): void {
    this.#run(batch, APPLY, { ...this.#views, rows }, transposed);
  }

  recordGradient(batch: Batch, u: View, v: View, to: View): void {
    this.#run(batch, GRADIENT, { ...this.#views, u, v, to });
  }

  #run(batch: Batch, kernel: Kernel, views: Record<string, View>, transposed = false): void {
    batch.dispatch(kernel, spread(this.#sizes.n), views, { ...this.#sizes, transposed: transposed ? 1 : 0 });
  }
}
