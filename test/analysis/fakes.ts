// A model that lives in memory and a measurement that is a formula, for tests of what stands above them.
import type { Measure } from "../../src/analysis/sweep.js";
import type { Model, Trace } from "../../src/models/model.js";
import type { Attention, RuntimeInfo } from "../../src/runtime.js";
import type { Tensor } from "../../src/tensor.js";

export const runtimeInfo: RuntimeInfo = {
  device: "wasm",
  requested: "auto",
  reason: "no WebGPU here",
  dtype: "f32",
  simd: "simd128",
  threads: 1,
};

/** Layer l's input at token t is the vector (t + 1, l, 0): its norm tells tokens and layers apart. */
export function fakeModel({
  layers = 4,
  vocabulary = 1000,
  context = 64,
  bosToken = 7,
  log = [] as string[],
} = {}): Model {
  const unused = () => Promise.reject(new Error("not part of the fake"));
  const attention = (layer: number): Attention => {
    return {
      dIn: 3,
      dOut: 3,
      layer,
      forward: unused,
      linearize: unused,
      probabilities: unused,
      heads: 1,
      head: () => {
        throw new Error("unused");
      },
      dispose() {},
    } as Attention;
  };
  const input = (tokens: readonly number[], layer: number): Tensor => ({
    data: Float32Array.from(tokens.flatMap((token) => [token + 1, layer, 0])),
    shape: [tokens.length, 3],
  });
  return {
    config: {
      architecture: "gpt2",
      layers,
      width: 3,
      heads: 1,
      kvHeads: 1,
      headSize: 3,
      vocabulary,
      context,
      bosToken,
    },
    layers,
    origin: { source: "fake", files: { "config.json": "ab".repeat(32) } },
    encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) % vocabulary),
    async trace(tokens, options) {
      const inputs = new Map(options.layers.map((layer) => [layer, input(tokens as number[], layer)]));
      return Object.assign(inputs, { hidden: new Map() }) as Trace;
    },
    async *walk(windows, options) {
      for (const layer of options.layers) {
        log.push(`weights ${layer}`);
        const inputs = windows.map((tokens) => input(tokens, layer));
        yield { layer, attention: attention(layer), spec: unused, inputs, hidden: [] };
      }
    },
    attention,
    dispose() {},
  };
}

/** sigma = (layer + 1)·√n, bracketed to one per cent; the seed and the call are visible in the result. */
export const fakeMeasure: Measure = async (layer, x, options) => {
  const sigma = ((layer as unknown as { layer: number }).layer + 1) * Math.sqrt(x.shape[0]);
  return {
    sigma,
    lower: sigma * 0.999,
    upper: sigma * 1.01,
    failureProbability: 1e-6,
    certified: false,
    status: "converged",
    message: "",
    steps: 9,
    applications: 18,
    residual: 0,
    history: new Float64Array([sigma]),
    seed: options.seed ?? 0,
    left: { data: new Float32Array(x.data.length), shape: x.shape },
    right: { data: new Float32Array(x.data.length), shape: x.shape },
  };
};
