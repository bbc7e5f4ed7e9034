// Layers of a block and their compositions in plain loops on doubles (docs/theory.md, sections 1 to 3): output, J u, Jᵀ v.
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { FeedForwardSpec } from "../../src/layers/feedForward.js";
import type { Linear } from "../../src/layers/linear.js";
import type { NormSpec } from "../../src/layers/norm.js";
import { referenceAttention } from "./attention.js";

export interface ReferenceLinearization {
  output: Tensor;
  jvp(u: Tensor): Tensor;
  vjp(v: Tensor): Tensor;
}

export type ReferenceLayer = (x: Tensor) => ReferenceLinearization;

export const reference = {
  attention:
    (spec: AttentionSpec): ReferenceLayer =>
    (x) =>
      referenceAttention(spec, x),

  linear({ weight, bias }: Linear): ReferenceLayer {
    const [dIn, dOut] = "shape" in weight ? weight.shape : weight.dims;
    const times = ({ data, shape: [n] }: Tensor, transposed: boolean) => {
      const [from, to] = transposed ? [dOut, dIn] : [dIn, dOut];
      const y = new Float64Array(n * to);
      for (let i = 0; i < n; i++) {
        for (let r = 0; r < to; r++) {
          let sum = 0;
          for (let c = 0; c < from; c++) {
            sum += data[i * from + c] * weight.data[transposed ? r * dOut + c : c * dOut + r];
          }
          y[i * to + r] = sum;
        }
      }
      return tensor(y, [n, to]);
    };
    return (x) => {
      const output = times(x, false);
      if (bias) for (let at = 0; at < output.data.length; at++) output.data[at] += bias.data[at % dOut];
      return { output, jvp: (u) => times(u, false), vjp: (v) => times(v, true) };
    };
  },

  norm({ kind, gain, bias, epsilon }: NormSpec): ReferenceLayer {
    return (x) => {
      const [n, d] = x.shape;
      const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / d;
      const token = ({ data }: Tensor, i: number) => Float64Array.from(data.subarray(i * d, (i + 1) * d));
      const deviations: number[] = [];
      const z: Float64Array[] = [];
      for (let i = 0; i < n; i++) {
        const row = token(x, i);
        const centre = kind === "layer" ? mean(row) : 0;
        const centred = row.map((value) => value - centre);
        deviations.push(Math.sqrt(mean(centred.map((value) => value * value)) + epsilon));
        z.push(centred.map((value) => value / deviations[i]));
      }
      const rows = (rowOf: (i: number) => Float64Array) => {
        const data = new Float64Array(n * d);
        for (let i = 0; i < n; i++) data.set(rowOf(i), i * d);
        return tensor(data, [n, d]);
      };
      const projected = (u: Float64Array, i: number) => {
        const centre = kind === "layer" ? mean(u) : 0;
        const along = mean(u.map((value, c) => value * z[i][c]));
        return u.map((value, c) => (value - centre - z[i][c] * along) / deviations[i]);
      };
      const scaled = (u: Float64Array) => u.map((value, c) => value * (gain?.data[c] ?? 1));
      return {
        output: rows((i) => scaled(z[i]).map((value, c) => value + (bias?.data[c] ?? 0))),
        jvp: (u) => rows((i) => scaled(projected(token(u, i), i))),
        vjp: (v) => rows((i) => projected(scaled(token(v, i)), i)),
      };
    };
  },

  activation(kind: keyof typeof activations): ReferenceLayer {
    const { value, slope } = activations[kind];
    return (x) => {
      const slopes = Float64Array.from(x.data, slope);
      const times = (u: Tensor) =>
        tensor(
          Float64Array.from(u.data, (entry, at) => entry * slopes[at]),
          u.shape,
        );
      return { output: tensor(Float64Array.from(x.data, value), x.shape), jvp: times, vjp: times };
    };
  },

  feedForward({ up, gate, down, activation }: FeedForwardSpec): ReferenceLayer {
    const bent = (map: Linear) =>
      reference.chain([reference.linear(map), reference.activation(activation as keyof typeof activations)]);
    const raised = gate ? reference.product(bent(gate), reference.linear(up)) : bent(up);
    return reference.chain([raised, reference.linear(down)]);
  },

  chain:
    (layers: readonly ReferenceLayer[]): ReferenceLayer =>
    (x) => {
      const parts: ReferenceLinearization[] = [];
      for (const layer of layers) parts.push(layer(parts.at(-1)?.output ?? x));
      return {
        output: parts[parts.length - 1].output,
        jvp: (u) => parts.reduce((tangent, part) => part.jvp(tangent), u),
        vjp: (v) => parts.reduceRight((cotangent, part) => part.vjp(cotangent), v),
      };
    },

  residual:
    (layer: ReferenceLayer): ReferenceLayer =>
    (x) => {
      const { output, jvp, vjp } = layer(x);
      return { output: plus(x, output), jvp: (u) => plus(u, jvp(u)), vjp: (v) => plus(v, vjp(v)) };
    },

  sum:
    (layers: readonly ReferenceLayer[]): ReferenceLayer =>
    (x) => {
      const parts = layers.map((layer) => layer(x));
      const added = (of: (part: ReferenceLinearization) => Tensor) => parts.map(of).reduce(plus);
      return {
        output: added(({ output }) => output),
        jvp: (u) => added((part) => part.jvp(u)),
        vjp: (v) => added((part) => part.vjp(v)),
      };
    },

  product:
    (a: ReferenceLayer, b: ReferenceLayer): ReferenceLayer =>
    (x) => {
      const [left, right] = [a(x), b(x)];
      return {
        output: times(left.output, right.output),
        jvp: (u) => plus(times(left.jvp(u), right.output), times(left.output, right.jvp(u))),
        vjp: (v) => plus(left.vjp(times(v, right.output)), right.vjp(times(v, left.output))),
      };
    },
};

function plus(a: Tensor, b: Tensor): Tensor {
  return tensor(
    Float64Array.from(a.data, (value, at) => value + b.data[at]),
    a.shape,
  );
}

function times(a: Tensor, b: Tensor): Tensor {
  return tensor(
    Float64Array.from(a.data, (value, at) => value * b.data[at]),
    a.shape,
  );
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const cubic = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

const activations = {
  gelu: {
    value: (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    slope: (x: number) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  },
  "gelu-tanh": {
    value: (x: number) => 0.5 * x * (1 + Math.tanh(cubic(x))),
    slope(x: number) {
      const t = Math.tanh(cubic(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    },
  },
  silu: {
    value: (x: number) => x * sigmoid(x),
    slope: (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
  tanh: { value: Math.tanh, slope: (x: number) => 1 - Math.tanh(x) ** 2 },
};

/** By its Maclaurin series, or 1 beyond the last double below it (DLMF 7.6.2). */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
