// A model that lives in memory and a measurement that is a formula, for tests of what stands above them.
import type { Measure } from "../../src/analysis/measureRow.js";
import type { Tensor } from "../../src/base/tensor.js";
import type { Attention, RuntimeInfo } from "../../src/measure/createRuntime.js";
import type { Model, Trace } from "../../src/models/model.js";

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
  heads = 1,
  log = [] as string[],
  weights = false,
} = {}): Model {
  const unused = () => Promise.reject(new Error("not part of the fake"));
  const encode = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) % vocabulary);
  const identity = { weight: { data: new Float32Array([1, 0, 0, 0, 1, 0, 0, 0, 1]), shape: [3, 3] } };
  const spec = async () => ({ heads, query: identity, key: identity, value: identity });
  const attention = (layer: number, head: number | null = null): Attention => {
    return {
      dIn: 3,
      dOut: 3,
      layer,
      share: head === null ? 1 : (head + 1) / (heads + 1),
      forward: unused,
      linearize: unused,
      probabilities: unused,
      heads: head === null ? heads : 1,
      head(index: number) {
        log.push(`head ${layer} ${index}`);
        return attention(layer, index);
      },
      dispose() {
        if (head !== null) log.push(`gone ${layer} ${head}`);
      },
      [Symbol.dispose]() {
        this.dispose();
      },
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
      heads,
      kvHeads: heads,
      headSize: 3,
      vocabulary,
      context,
      bosToken,
    },
    layers,
    origin: { source: "fake", hashes: async () => ({ "config.json": "ab".repeat(32) }) },
    tokenizer: {
      encode,
      decode: (tokens) => String.fromCharCode(...tokens),
      withSpecialTokens: (tokens) => [...tokens],
    },
    encode,
    async trace(tokens, options) {
      const inputs = new Map(options.layers.map((layer) => [layer, input(tokens as number[], layer)]));
      return Object.assign(inputs, { hidden: new Map(), afterAttention: new Map() }) as Trace;
    },
    async *walk(windows, options) {
      for (const layer of options.layers) {
        log.push(`weights ${layer}`);
        const inputs = windows.map((tokens) => input(tokens as number[], layer));
        yield {
          layer,
          attention: attention(layer),
          spec: weights ? spec : unused,
          specFor: () => (weights ? spec : unused),
          inputs,
          hidden: [],
          afterAttention: unused,
          parts: ["attention"],
          part: () => attention(layer),
          inputsOf: async () => inputs,
          partSpec: unused,
        };
      }
    },
    stacks: ["decoder"],
    attention: (layer) => attention(layer),
    partsOf: () => ["attention"],
    part: ((layer: number) => attention(layer)) as unknown as Model["part"],
    blocks: () => attention(0),
    head: () => attention(0),
    dispose() {},
    [Symbol.dispose]() {},
  };
}

/** sigma = (layer + 1)·√n, a head's share of it (head + 1)/(heads + 1), bracketed to one per cent. */
export const fakeMeasure: Measure = async (layer, x) => {
  const { layer: number, share } = layer as unknown as { layer: number; share: number };
  const sigma = (number + 1) * Math.sqrt(x.shape[0]) * share;
  return {
    sigma,
    lower: sigma * 0.999,
    upper: sigma * 1.01,
    failureProbability: 1e-6,
    accuracy: 0.01,
    certified: true,
    relative: 0.5,
    status: "converged",
    steps: 9,
    applications: 18,
  };
};
