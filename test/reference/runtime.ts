// A runtime in plain loops on doubles (MATH 1 and 3): what models are tested on before any device is.

import type { Disposable } from "../../src/base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../../src/base/tensor.js";
import type { Layer, LinearizableLayer } from "../../src/device/linearization.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { FeedForwardSpec } from "../../src/layers/feedForward.js";
import type { Linear } from "../../src/layers/linear.js";
import type { NormSpec } from "../../src/layers/norm.js";
import type { Attention, Runtime } from "../../src/measure/createRuntime.js";
import { referenceAttention } from "./attention.js";

export interface ReferenceRuntime extends Runtime {
  /** Layers made and not yet disposed of. */
  readonly alive: number;
}

export function referenceRuntime(): ReferenceRuntime {
  const alive = new Set<Layer>();
  const track = <T extends Layer>(layer: Omit<T, keyof Disposable>): T => {
    const dispose = () => void alive.delete(tracked);
    const tracked = { ...layer, dispose, [Symbol.dispose]: dispose } as T;
    alive.add(tracked);
    return tracked;
  };
  return {
    info: { device: "wasm", requested: "wasm", dtype: "f64", threads: 1 },
    memoryUsed: 0,
    get alive() {
      return alive.size;
    },
    crossAttention: () => {
      throw new Error("not part of the reference");
    },
    attention: (spec) => track<Attention>(attention(spec)),
    linear: (spec) => track<LinearizableLayer>({ ...linear(spec), linearize: absent }),
    norm: (spec) => track<LinearizableLayer>({ ...norm(spec), linearize: absent }),
    activation: absent,
    feedForward: (spec) => track<LinearizableLayer>(feedForward(spec)),
    chain: (layers) => track<LinearizableLayer>(forwardOnly(layers, (x) => inTurn(layers, x))),
    residual: (layer) => track<LinearizableLayer>(forwardOnly([layer], async (x) => added(await layer.forward(x), x))),
    sum: (layers) =>
      track<LinearizableLayer>(
        forwardOnly(layers, async (x) => {
          const [first, ...others] = layers;
          let y = await first.forward(x);
          for (const layer of others) y = added(y, await layer.forward(x));
          return y;
        }),
      ),
    activate: async (kind, x) => tensor(Float64Array.from(x.data, activations[kind as string]), shapeOf(x)),
    dispose: () => alive.clear(),
    [Symbol.dispose]: () => alive.clear(),
  };
}

function forwardOnly(
  layers: readonly Layer[],
  forward: (x: TensorLike) => Promise<Tensor>,
): Omit<LinearizableLayer, keyof Disposable> {
  return { dIn: layers[0].dIn, dOut: layers[layers.length - 1].dOut, forward, linearize: absent };
}

async function inTurn(layers: readonly Layer[], x: TensorLike): Promise<Tensor> {
  let y = x;
  for (const layer of layers) y = await layer.forward(y);
  return y as Tensor;
}

function added(a: TensorLike, b: TensorLike): Tensor {
  return tensor(
    Float64Array.from(a.data, (entry, at) => entry + b.data[at]),
    shapeOf(a),
  );
}

function feedForward({ gate, up, down, activation }: FeedForwardSpec): Omit<LinearizableLayer, keyof Disposable> {
  const act = activations[activation as string];
  const [raise, lower] = [linear(up), linear(down)];
  const bend = gate && linear(gate);
  return {
    dIn: raise.dIn,
    dOut: lower.dOut,
    linearize: absent,
    async forward(x) {
      const raised = await raise.forward(x);
      const bent = bend ? await bend.forward(x) : raised;
      return lower.forward(
        tensor(
          Float64Array.from(bent.data, (entry, at) => act(entry) * (bend ? raised.data[at] : 1)),
          raised.shape,
        ),
      );
    },
  };
}

function absent(): never {
  throw new Error("not part of the reference");
}

function attention(spec: AttentionSpec): Omit<Attention, keyof Disposable> {
  const [dIn] = shapeOf(spec.query.weight);
  const [, dOut] = shapeOf((spec.output ?? spec.value).weight);
  return {
    dIn,
    dOut,
    heads: spec.heads,
    head: absent,
    forward: async (x) => referenceAttention(spec, x).output,
    probabilities: async (x) => referenceAttention(spec, x).probabilities,
    async linearize(x) {
      const { output, jvp, vjp } = referenceAttention(spec, x);
      const inShape = shapeOf(x);
      return {
        output,
        inShape,
        outShape: output.shape,
        jvp: async (u) => jvp(u),
        vjp: async (v) => vjp(v),
        dispose: () => {},
        [Symbol.dispose]: () => {},
      };
    },
  };
}

function linear({ weight, bias }: Linear): Omit<Layer, keyof Disposable> {
  const [dIn, dOut] = shapeOf(weight);
  return {
    dIn,
    dOut,
    async forward(x) {
      const [n] = shapeOf(x);
      const y = new Float64Array(n * dOut);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < dOut; j++) {
          let sum = bias ? bias.data[j] : 0;
          for (let c = 0; c < dIn; c++) sum += x.data[i * dIn + c] * weight.data[c * dOut + j];
          y[i * dOut + j] = sum;
        }
      }
      return tensor(y, [n, dOut]);
    },
  };
}

function norm({ kind, gain, bias, epsilon }: NormSpec): Omit<Layer, keyof Disposable> {
  const d = gain!.data.length;
  return {
    dIn: d,
    dOut: d,
    async forward(x): Promise<Tensor> {
      const y = new Float64Array(x.data.length);
      for (let from = 0; from < y.length; from += d) {
        const token = Array.from(x.data.subarray(from, from + d));
        const mean = kind === "layer" ? token.reduce((sum, entry) => sum + entry, 0) / d : 0;
        const variance = token.reduce((sum, entry) => sum + (entry - mean) ** 2, 0) / d;
        for (let c = 0; c < d; c++) {
          y[from + c] = ((token[c] - mean) / Math.sqrt(variance + epsilon)) * gain!.data[c] + (bias?.data[c] ?? 0);
        }
      }
      return tensor(y, shapeOf(x));
    },
  };
}

const activations: Record<string, (x: number) => number> = {
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  "gelu-tanh": (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
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

function shapeOf(x: TensorLike): number[] {
  return [...("shape" in x ? x.shape : x.dims)];
}
